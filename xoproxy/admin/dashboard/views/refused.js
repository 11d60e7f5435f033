// Who is refused, and why: the last decisions that refused an origin, together where origin, route and reason are the same.

import { ask } from "../api.js";
import { h, replace } from "../dom.js";
import { clock, number, one } from "../format.js";
import { Pager, badge, notice, nothing } from "../parts.js";
import { refusals } from "./overview.js";

const PAGE = 50;
const LIMIT = 1000; // as many as the endpoint keeps
const PAUSE_MS = 2000; // between two looks, however much is refused
const OUTCOMES = ["refused", "preflight-refused"];

export function show(body, { live, isCurrent }) {
  const found = h("p", { class: "dim", role: "status", "aria-label": "Found" });
  const problems = h("div", {});
  const pager = new Pager(PAGE, "groups", (groups) =>
    groups.length
      ? asTable(groups)
      : nothing(
          "No origin was refused lately. What was refused before is in the log, and in the counts since the start under ",
          h("a", { href: "#/overview" }, "Overview"),
          ".",
        ),
  );
  replace(body, found, problems, pager.node);
  let seen = null; // refusals when it was looked last
  let at = -Infinity;
  let timer = null;

  async function load() {
    timer = null;
    at = performance.now();
    try {
      const answers = await Promise.all(OUTCOMES.map((outcome) => ask("/-/decisions", { outcome, limit: LIMIT })));
      if (!isCurrent()) {
        return;
      }
      const groups = grouped(answers.flatMap((answer) => answer.decisions));
      replace(problems);
      replace(
        found,
        groups.length
          ? `${one(
              groups.reduce((sum, group) => sum + group.count, 0),
              "refusal",
            )} among the last decisions, by origin, route and reason.`
          : "",
      );
      const fetch = (offset, limit) => ({ items: groups.slice(offset, offset + limit), total: groups.length });
      if (pager.fetch === undefined) {
        await pager.open(fetch);
      } else if (!pager.node.contains(document.activeElement) || document.activeElement.closest("nav")) {
        pager.fetch = fetch;
        await pager.refresh();
      } else {
        pager.fetch = fetch; // shown when the focus is elsewhere: a table must not be taken away under the keyboard
      }
    } catch (error) {
      if (isCurrent()) {
        replace(problems, notice("bad", error.message));
      }
    }
  }
  function update({ totals }) {
    if (!totals || refusals(totals) === seen) {
      return;
    }
    seen = refusals(totals);
    timer ??= setTimeout(load, Math.max(0, at + PAUSE_MS - performance.now()));
  }
  update(live.parts);
  return { update, stop: () => clearTimeout(timer) };
}

/** Return groups of decisions, the one with the newest decision first. */
export function grouped(decisions) {
  const groups = new Map();
  for (const decision of decisions) {
    const key = JSON.stringify([decision.origin, decision.route, decision.cors, decision.reason]);
    const group = groups.get(key);
    if (!group) {
      groups.set(key, { newest: decision, count: 1 });
    } else {
      group.count += 1;
      group.newest = decision.time > group.newest.time ? decision : group.newest;
    }
  }
  return [...groups.values()].sort((one, other) => (one.newest.time < other.newest.time ? 1 : -1));
}

const REASONS = {
  origin: "the route grants others only",
  method: "the method is not among those allowed",
  headers: "a field is not among those allowed",
};

function asTable(groups) {
  const head = ["Origin", "Route", "Why", ["Times", "number"], "Newest", "Request", ""].map((title) =>
    h("th", { scope: "col", class: Array.isArray(title) ? title[1] : null }, Array.isArray(title) ? title[0] : title),
  );
  const rows = groups.map(({ newest, count }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("code", {}, newest.origin ?? "none")),
      h("td", {}, newest.route || "none"),
      h(
        "td",
        {},
        badge("warn", newest.cors === "preflight-refused" ? "preflight" : "request"),
        " ",
        REASONS[newest.reason] ?? newest.reason,
      ),
      h("td", { class: "number" }, number(count)),
      h("td", {}, clock(newest.time)),
      h("td", {}, h("code", { class: "target" }, `${newest.method} ${newest.target}`)),
      h(
        "td",
        {},
        h(
          "a",
          { class: "button small", href: explaining(newest), "aria-label": `Explain why ${newest.origin} is refused` },
          "Explain",
        ),
      ),
    ),
  );
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Refused origins" },
    h(
      "table",
      {},
      h("caption", { class: "unseen" }, "Refused origins, newest first"),
      h("thead", {}, h("tr", {}, head)),
      h("tbody", {}, rows),
    ),
  );
}

/** Return the address of the form, filled in with what was refused. */
export function explaining(decision) {
  const target = decision.target.startsWith("/") ? decision.target : "/";
  const asked = { method: decision.method === "OPTIONS" ? "GET" : decision.method, url: target, origin: decision.origin ?? "" };
  if (decision.host) {
    asked.host = decision.host;
  }
  return `#/explain?${new URLSearchParams(asked)}`;
}
