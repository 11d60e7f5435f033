// What browsers report, as a decision: what is observed and safe to enforce, and what stands in the way of the rest.

import { ask } from "../api.js";
import { h, link, replace } from "../dom.js";
import { ago, clock, number, one } from "../format.js";
import { Pager, badge, changes, facts, later, notice, nothing, section, table, where } from "../parts.js";

const PERIODS = [
  ["1h", "hour"],
  ["24h", "24 hours"],
  ["7d", "7 days"],
  ["30d", "30 days"],
];
const TYPES = [
  "coep",
  "coop",
  "document-isolation-policy-violation",
  "csp-violation",
  "permissions-policy-violation",
  "integrity-violation",
  "deprecation",
  "intervention",
];
const PAGE = 50;
const MANY = 30; // observed values that are shown at once
const FEW = 5; // pages of an observation that are shown at once
const AGAIN_MS = 30000; // a decision over a hundred thousand groups is seconds of work
// What to look at first comes first.
export const VERDICTS = {
  blocked: ["bad", "Not yet"],
  "no traffic": ["dim", "No traffic"],
  "cannot be told": ["dim", "Cannot be told"],
  safe: ["ok", "Safe to enforce"],
};
const ORDER = Object.keys(VERDICTS);
const WHOSE = { "own route": "info", "own other origin": "info", "third party": "warn", "not told": "dim" };

export function show(body, context) {
  const { live, say, isCurrent } = context;
  const period = h(
    "select",
    { id: "period" },
    PERIODS.map(([value, words]) => h("option", { value, selected: value === "24h" }, words)),
  );
  const again = h("button", { type: "button" }, "Look again");
  const looked = h("p", { class: "dim", role: "status", "aria-label": "Looked at" });
  const store = h("div", {});
  const decision = h("div", { class: "decision" });
  const type = h(
    "select",
    { id: "type" },
    h("option", { value: "" }, "all types"),
    TYPES.map((each) => h("option", { value: each }, each)),
  );
  const pager = new Pager(PAGE, "groups", (groups) =>
    groups.length ? asTable(groups) : nothing("Nothing was reported in this period."),
  );
  const groups = section(
    "Everything that was reported",
    h("div", { class: "bar" }, h("label", { for: "type" }, "Type "), type),
    pager.node,
  );
  replace(
    body,
    h("div", { class: "bar" }, h("label", { for: "period" }, "The last "), period, again, looked),
    store,
    decision,
    groups,
  );
  let stored = null;
  let timer = null;
  let at = -Infinity;

  async function decide() {
    clearTimeout(timer);
    timer = null;
    at = performance.now();
    again.disabled = true;
    if (!decision.hasChildNodes()) {
      replace(decision, nothing("Looking at everything that was reported…"));
    }
    try {
      const answer = await ask("/-/reports", { since: period.value, limit: 0 });
      if (isCurrent()) {
        replace(
          looked,
          `looked at ${clock(Date.now() / 1000)}: ${one(answer.reports, "report")} in ${one(answer.total, "group")}`,
        );
        replace(store, answer.store?.error ? notice("bad", `The store fails: ${answer.store.error}.`) : null);
        replace(decision, decided(answer.outlook, say));
        groups.hidden = false;
      }
    } catch (error) {
      if (isCurrent()) {
        replace(decision, notice("bad", error.message));
      }
    }
    again.disabled = false;
  }
  async function list() {
    try {
      await pager.open(async (offset, limit) => {
        const answer = await ask("/-/reports", { since: period.value, type: type.value, limit, offset, outlook: false });
        return { items: answer.groups, total: answer.total };
      });
    } catch {
      replace(store); // what is wrong is told where the decision would be
    }
  }
  async function all() {
    if (live.parts.store === null) {
      groups.hidden = true;
      replace(
        decision,
        nothing(
          "No reports are collected: give ",
          h("code", {}, "reporting.endpoints"),
          " a path, name it by ",
          h("code", {}, "report_to"),
          ", and put what you want to know under ",
          h("code", {}, "observe"),
          ".",
        ),
      );
      return;
    }
    await Promise.all([decide(), list()]);
  }
  period.addEventListener("change", all);
  again.addEventListener("click", all);
  type.addEventListener("change", list);
  function update({ store: now }, changed) {
    if (changed.store === undefined) {
      return;
    }
    const was = stored;
    stored = now === null ? -1 : now.stored;
    if (was === null) {
      all();
    } else if (stored !== was) {
      // Not under the hands of somebody who reads the decision: only what is quickly redrawn comes by itself.
      timer ??= setTimeout(
        () => (decision.contains(document.activeElement) ? (timer = null) : all()),
        Math.max(0, at + AGAIN_MS - performance.now()),
      );
    }
  }
  if (live.parts.store !== undefined) {
    update(live.parts, live.parts);
  }
  return { update, stop: () => clearTimeout(timer) };
}

function decided(outlook, say) {
  if (!outlook.observed.length) {
    return [
      nothing(
        "No route observes anything. Put a value under ",
        h("code", {}, "observe"),
        " to have browsers report what it would block, and nothing blocked.",
      ),
      others(outlook),
    ];
  }
  const blockers = outlook.observed.flatMap((each) =>
    each.pages.flatMap((page) => page.blockers.filter((blocker) => !blocker.mended)),
  );
  const things = new Set(blockers.map((blocker) => `${blocker.type} ${blocker.what}`)).size;
  const safe = outlook.observed.filter((each) => each.verdict === "safe").length;
  const sorted = [...outlook.observed].sort((some, other) => ORDER.indexOf(some.verdict) - ORDER.indexOf(other.verdict));
  const words = outlook.safe
    ? "Everything that is observed is safe to enforce."
    : things
      ? `Not yet: ${one(things, "thing")} would be blocked.`
      : "Nothing would be blocked, but not everything had traffic.";
  return [
    h(
      "p",
      { class: `answer ${outlook.safe ? "ok" : things ? "bad" : "dim"}` },
      words,
      h("span", { class: "dim" }, ` ${number(safe)} of ${one(outlook.observed.length, "observed value")} safe`),
    ),
    sorted.slice(0, MANY).map((each) => observation(each, say)),
    sorted.length > MANY
      ? later(
          one(sorted.length - MANY, "more observed value"),
          () => sorted.slice(MANY).map((each) => observation(each, say)),
          "panel",
        )
      : null,
    others(outlook),
  ];
}

function observation(each, say) {
  const [kind, word] = VERDICTS[each.verdict] ?? ["dim", each.verdict];
  const told = new Set(); // what is blocked on several pages has the same ways out everywhere
  const draw = (pages) => pages.map((page) => asPage(page, told, say));
  const [pages, others] = [each.pages.slice(0, FEW), each.pages.slice(FEW)];
  return h(
    "article",
    { class: `panel observation ${kind}`, "aria-label": `${each.key}: ${each.value} on ${each.route}` },
    h(
      "h2",
      {},
      badge(kind, word),
      " ",
      h("code", {}, `${each.key}: ${each.value}`),
      h("span", { class: "dim" }, ` on ${each.route} `),
      where(each.place),
    ),
    h("p", {}, each.why),
    facts([
      ["Match", each.match || "every request"],
      ["Policy", each.policy],
      ["Pages loaded", number(each.page_loads)],
      ["On trial since", each.observed_since === null ? "" : clock(each.observed_since)],
      ["Reports", number(each.reports)],
    ]),
    draw(pages),
    others.length || each.more_pages
      ? later(one(others.length + each.more_pages, "more page"), () => [
          draw(others),
          each.more_pages ? nothing(`${one(each.more_pages, "page")} with fewer reports are not listed.`) : null,
        ])
      : null,
    each.verdict === "safe" && each.enforcing.length ? later("How to enforce it", () => changes(each.enforcing, say)) : null,
  );
}

function asPage(page, told, say) {
  return h(
    "section",
    { class: "page" },
    h("h3", {}, link(page.url), h("span", { class: "dim" }, ` ${one(page.reports, "report")}, newest ${ago(page.last_seen)}`)),
    h(
      "ol",
      { class: "blockers" },
      page.blockers.map((blocker) => h("li", { class: blocker.mended ? "mended" : null }, asBlocker(blocker, told, say))),
    ),
    page.more_blockers ? nothing(`${one(page.more_blockers, "thing")} with fewer reports are not listed.`) : null,
  );
}

function asBlocker(blocker, told, say) {
  const thing = `${blocker.type} ${blocker.kind} ${blocker.what} ${blocker.destination}`;
  const isTold = told.has(thing);
  told.add(thing);
  const [first, ...rest] = blocker.fixes
    .filter((fix) => !fix.alternative)
    .concat(blocker.fixes.filter((fix) => fix.alternative));
  return [
    h("p", {}, h("strong", {}, blocker.words)),
    h(
      "p",
      { class: "tags" },
      badge(WHOSE[blocker.whose] ?? "dim", blocker.route ? `${blocker.whose}, ${blocker.route}` : blocker.whose),
      blocker.destination ? badge("dim", blocker.destination) : null,
      blocker.what ? link(blocker.what) : null,
      h(
        "span",
        { class: "dim" },
        ` ${one(blocker.reports, "report")}, ${ago(blocker.first_seen)} to ${ago(blocker.last_seen)}${agents(blocker.agents)}`,
      ),
    ),
    blocker.mended ? nothing("By the policy as it is now it would not be blocked.") : null,
    first && !isTold ? asFix(first, say) : null,
    first && isTold
      ? later(`As above: ${one(blocker.fixes.length, "way")} out`, () => [first, ...rest].map((fix) => asFix(fix, say)))
      : null,
    rest.length && !isTold ? later(one(rest.length, "other way"), () => rest.map((fix) => asFix(fix, say))) : null,
  ];
}

function agents(counts) {
  const names = Object.keys(counts);
  return names.length ? `, ${names.slice(0, 3).join(", ")}${names.length > 3 ? " ..." : ""}` : "";
}

function asFix(fix, say) {
  return h(
    "div",
    { class: "fix" },
    h("p", {}, badge(fix.changes.length ? "ok" : "dim", fix.changes.length ? "the policy file" : "elsewhere"), " ", fix.words),
    fix.careful.map((each) => h("p", { class: "careful" }, each)),
    changes(fix.changes, say),
  );
}

function others(outlook) {
  if (!outlook.others.length) {
    return null;
  }
  const rows = () =>
    outlook.others.map((each) => [
      each.type,
      each.kind,
      link(each.document),
      link(each.blocked),
      each.route ?? "",
      number(each.reports),
      h("span", { class: "moment" }, ago(each.last_seen)),
    ]);
  const more = outlook.more_others ? nothing(`${number(outlook.more_others)} more are not listed here.`) : null;
  const columns = ["Type", "What", "Page", "Blocked", "Route", ["Reports", "number"], "Newest"];
  const draw = () => [table("Reports of what no route observes", columns, rows(), { hidden: true }), more];
  return later(`Reported besides (${number(outlook.others.length + outlook.more_others)})`, draw, "panel");
}

function asTable(groups) {
  const rows = groups.map((group) => [
    h("span", {}, group.type, group.disposition ? h("span", { class: "dim" }, ` ${group.disposition}`) : null),
    group.kind,
    link(group.document),
    link(group.blocked),
    group.destination,
    number(group.count),
    h("span", { class: "moment" }, ago(group.last_seen)),
    Object.keys(group.agents).join(", "),
  ]);
  return table(
    "Groups of reports, most reports first",
    ["Type", "What", "Page", "Blocked", "As", ["Reports", "number"], "Newest", "Browsers"],
    rows,
    { hidden: true },
  );
}
