// What became of each change of the configuration: what is wrong with it, or what is decided otherwise because of it.

import { ask, send } from "../api.js";
import { h, replace } from "../dom.js";
import { clock, one, place } from "../format.js";
import { badge, notice, nothing } from "../parts.js";

const KINDS = { applied: "ok", rejected: "bad", unchanged: "dim" };
const ASKED = {
  watch: "the file changed",
  signal: "SIGHUP",
  admin: "asked for here, or by the admin endpoint",
  date: "something of the policy ended on this day",
};
const FEW = 12; // changes that are shown at once

export function show(body, { live, say, isCurrent }) {
  const list = h("ol", { class: "reloads", "aria-label": "Reloads, newest first" });
  const outcome = h("div", { role: "status", "aria-label": "Outcome of the reload" });
  const button = h("button", { type: "button", on: { click: reload } }, "Reload now");
  replace(
    body,
    h("div", { class: "bar" }, h("p", { class: "dim" }, "The last 50, newest first. A rejected one changes nothing."), button),
    outcome,
    list,
  );

  async function load() {
    try {
      const { reloads } = await ask("/-/reloads");
      if (isCurrent()) {
        const items = reloads.reverse().map((report) => h("li", { class: `panel ${KINDS[report.outcome]}` }, entry(report)));
        replace(
          list,
          items.length
            ? items
            : h(
                "li",
                {},
                nothing("Nothing was reloaded since the start. Save the policy file, and what became of it stands here."),
              ),
        );
      }
    } catch (error) {
      if (isCurrent()) {
        replace(list, h("li", {}, notice("bad", error.message)));
      }
    }
  }
  async function reload() {
    button.disabled = true;
    try {
      const report = await send("/-/reload", undefined, [422]);
      say(`Reload: ${report.outcome}.`);
    } catch (error) {
      replace(outcome, notice("bad", error.message));
    }
    button.disabled = false;
    await load();
  }
  load();
  return {
    update: (_, changed) => {
      if (changed.reload) {
        load();
      }
    },
  };
}

function entry(report) {
  return [
    h("h2", {}, badge(KINDS[report.outcome], report.outcome), ` ${clock(report.time)}`),
    h(
      "p",
      { class: "dim" },
      `generation ${report.generation} ${report.outcome === "rejected" ? "stays in force" : "in force"}; ${ASKED[report.trigger] ?? report.trigger}`,
    ),
    report.problems.length ? h("ul", { class: "problems", "aria-label": "Problems" }, report.problems.map(problem)) : null,
    report.notes.map((note) => notice("warn", note)),
    report.changes.length ? changed(report.changes) : null,
  ];
}

function problem(each) {
  const kind = each.severity === "error" ? "bad" : "warn";
  return h(
    "li",
    {},
    badge(kind, each.id),
    " ",
    h("code", { class: "place" }, place(each)),
    " ",
    each.path ? h("code", {}, each.path) : null,
    each.path ? ": " : null,
    each.message,
  );
}

function changed([summary, ...lines]) {
  const items = (some) =>
    h(
      "ul",
      { class: "changes" },
      some.map((line) => h("li", { class: line.startsWith("wider") ? "wider" : null }, line)),
    );
  return h(
    "div",
    {},
    h("h3", {}, "Difference in decisions"),
    h("p", {}, summary),
    lines.length ? items(lines.slice(0, FEW)) : null,
    lines.length > FEW
      ? h("details", {}, h("summary", {}, `${one(lines.length - FEW, "more", "more")}`), items(lines.slice(FEW)))
      : null,
  );
}
