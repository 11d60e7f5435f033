// What goes through, over the last hour: as plots, and as a table for who cannot see them.

import { ask } from "../api.js";
import { h, replace } from "../dom.js";
import { clock, rate } from "../format.js";
import { History } from "../history.js";
import { notice, nothing, redraw, table } from "../parts.js";

const PLOTS = [
  {
    title: "Requests and errors per second",
    unit: "/s",
    height: 190,
    lines: [
      { name: "requests", of: "requests", kind: 1, fill: true },
      { name: "errors", of: "errors", kind: 3 },
    ],
  },
  {
    title: "Refused by CORS per second",
    unit: "/s",
    height: 130,
    lines: [{ name: "refused", of: "refused", kind: 2, fill: true }],
  },
  {
    title: "Milliseconds until a request is answered whole",
    unit: "ms",
    height: 190,
    lines: [
      { name: "half within", of: "p50_ms", kind: 1 },
      { name: "95 % within", of: "p95_ms", kind: 4 },
      { name: "99 % within", of: "p99_ms", kind: 3 },
    ],
  },
  {
    title: "Connections of clients",
    unit: "open",
    height: 110,
    lines: [{ name: "connections", of: "connections", kind: 4, fill: true }],
  },
];
const SHOWN = 30; // rows: five minutes

export function show(body, { live, isCurrent }) {
  const plots = h("div", { class: "plots" });
  const rows = h("div", {});
  replace(
    body,
    h("p", { class: "dim" }, "Samples of ten seconds; live."),
    plots,
    h("details", { class: "panel" }, h("summary", {}, "The last five minutes as a table"), rows),
  );
  const history = new History(plots, PLOTS);
  const tell = () => redraw(rows, history.samples.length ? asTable(history.samples) : nothing("No sample yet."));

  ask("/-/history").then(
    (answer) => {
      if (isCurrent()) {
        history.open(answer.samples);
        tell();
      }
    },
    (error) => isCurrent() && replace(plots, notice("bad", error.message)),
  );
  return {
    update: (_, { sample }) => {
      if (sample) {
        history.add(sample);
        tell();
      }
    },
    stop: () => history.close(),
  };
}

function asTable(samples) {
  const columns = [
    "Until",
    ["Requests/s", "number"],
    ["Refused/s", "number"],
    ["Errors/s", "number"],
    ["Half within", "number"],
    ["95 % within", "number"],
    ["99 % within", "number"],
    ["Connections", "number"],
  ];
  const ms = (value) => (value === null ? "–" : `${rate(value)} ms`);
  const rows = samples
    .slice(-SHOWN)
    .reverse()
    .map((each) => [
      clock(each.time),
      rate(each.requests),
      rate(each.refused),
      rate(each.errors),
      ms(each.p50_ms),
      ms(each.p95_ms),
      ms(each.p99_ms),
      String(each.connections),
    ]);
  return table("Traffic, newest first", columns, rows);
}
