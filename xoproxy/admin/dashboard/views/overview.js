// How the proxy does, on one page: what needs a look, how much goes through it, by which policy.

import { ask } from "../api.js";
import { h, replace } from "../dom.js";
import { clock, number, one, rate } from "../format.js";
import { History } from "../history.js";
import { badge, facts, notice, nothing, panel, section } from "../parts.js";
import { rowsOf, stateOf } from "./upstreams.js";

const sum = (counts, names) => names.reduce((total, name) => total + (counts[name] ?? 0), 0);
export const refusals = (totals) => sum(totals.cors, ["refused", "preflight-refused"]);
const all = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

export function show(body, { live, isCurrent }) {
  const notices = h("div", { class: "notices", role: "status", "aria-label": "What needs a look" });
  const tiles = h("div", { class: "tiles" });
  const plot = h("div", {});
  const policy = h("div", {});
  const upstreams = h("div", {});
  const store = h("div", {});
  const columns = h(
    "div",
    { class: "columns" },
    panel("Policy in force", policy),
    panel("Upstreams", upstreams),
    panel("Reports", store),
  );
  replace(body, notices, tiles, section("Requests, last hour", plot), columns);
  const history = new History(plot, [
    {
      title: "Requests per second",
      unit: "/s",
      height: 150,
      lines: [{ name: "requests", of: "requests", kind: 1, fill: true }],
    },
  ]);
  let before = null; // totals of a while ago, for how much there is now

  function update(parts, changed) {
    const now = performance.now();
    if (changed.totals) {
      const exchanges = all(parts.totals.status);
      const seconds = before === null ? 0 : (now - before.at) / 1000;
      const perSecond = seconds ? Math.max(0, exchanges - before.exchanges) / seconds : 0;
      before = { at: now, exchanges };
      replace(tiles, ...figures(parts, exchanges, perSecond));
    }
    if (changed.state || changed.reload !== undefined || changed.workers || changed.store !== undefined) {
      replace(notices, ...toLookAt(parts));
    }
    if (changed.state || changed.reload !== undefined) {
      replace(policy, ofPolicy(parts));
    }
    if (changed.workers) {
      replace(upstreams, ofUpstreams(parts.workers));
    }
    if (changed.store !== undefined) {
      replace(store, ofStore(parts.store));
    }
    if (changed.sample) {
      history.add(changed.sample);
    }
  }

  ask("/-/history").then(
    (answer) => isCurrent() && history.open(answer.samples),
    (error) => isCurrent() && replace(plot, notice("bad", error.message)),
  );
  if (live.parts.state) {
    update(live.parts, live.parts);
  }
  return { update, stop: () => history.close() };
}

function figures(parts, exchanges, perSecond) {
  const { cors, error } = parts.totals;
  const refused = refusals(parts.totals);
  const failed = all(error);
  const connections = (parts.workers ?? []).reduce((total, worker) => total + worker.connections, 0);
  const granted = sum(cors, ["granted", "preflight-granted", "preflight-forwarded"]);
  return [
    figure("Requests", number(exchanges), perSecond ? `${rate(perSecond)} a second now` : "none just now"),
    figure("CORS granted", number(granted), "since the start"),
    figure(
      "CORS refused",
      number(refused),
      refused ? h("a", { href: "#/refused" }, "see which") : "since the start",
      refused ? "warn" : null,
    ),
    figure("Errors", number(failed), "since the start", failed ? "warn" : null),
    figure("Connections", number(connections), "of clients, now"),
  ];
}

function figure(name, value, more, kind = null) {
  return h(
    "div",
    { class: `tile ${kind ?? ""}` },
    h("h2", {}, name),
    h("p", { class: "figure" }, value),
    h("p", { class: "dim" }, more),
  );
}

function* toLookAt({ state, reload, workers, store }) {
  if (state.draining) {
    yield notice("warn", "The process is stopping: it finishes what it has, and takes no new connections.");
  } else if (!state.ready) {
    yield notice("bad", "Not ready: not every worker serves by the generation in force.");
  }
  if (reload?.outcome === "rejected") {
    const what = reload.problems.length ? one(reload.problems.length, "problem") : "see why";
    yield notice(
      "bad",
      `The last reload was rejected at ${clock(reload.time)}; generation ${reload.generation} stays in force. `,
      h("a", { href: "#/reloads" }, what),
    );
  }
  if (state.orphaned) {
    yield notice(
      "bad",
      `${state.source} was replaced where it is mounted, so that changes of it never arrive: mount its directory, and restart.`,
    );
  }
  const away = rowsOf(workers ?? []).filter((row) => stateOf(row)[0] !== "ok");
  if (away.length) {
    yield notice(
      "warn",
      `${one(away.length, "address", "addresses")} of upstreams not used just now. `,
      h("a", { href: "#/upstreams" }, "see which"),
    );
  }
  if (store?.error) {
    yield notice("bad", `The store of reports fails: ${store.error}. ${one(store.waiting, "group")} wait in memory.`);
  }
}

function ofPolicy({ state, reload }) {
  return facts([
    ["Source", h("code", {}, state.source)],
    ["Generation", String(state.generation), " ", h("a", { href: "#/routes" }, "its routes")],
    ["Digest", h("code", { title: state.digest }, state.digest.slice(0, 12))],
    ["Last reload", reload ? `${reload.outcome}, ${clock(reload.time)}` : "none since the start"],
  ]);
}

function ofUpstreams(workers) {
  const rows = rowsOf(workers);
  if (!rows.length) {
    return nothing("No upstream has an address yet: names are looked up when the first request comes.");
  }
  return h(
    "ul",
    { class: "plain" },
    rows
      .slice(0, 8)
      .map((row) =>
        h("li", {}, badge(...stateOf(row)), " ", h("strong", {}, row.upstream), " ", h("span", { class: "dim" }, row.address)),
      ),
    rows.length > 8 ? h("li", {}, h("a", { href: "#/upstreams" }, `and ${rows.length - 8} more`)) : null,
  );
}

function ofStore(store) {
  if (!store) {
    return nothing("No reports are collected: no endpoint under ", h("code", {}, "reporting"), " is a path of this proxy.");
  }
  return facts([
    ["Store", h("code", {}, store.name)],
    ["State", store.error ? badge("bad", store.error) : badge("ok", "Writes")],
    ["Kept since the start", number(store.stored)],
    ["Dropped", number(store.dropped)],
    ["", h("a", { href: "#/reports" }, "What they mean")],
  ]);
}
