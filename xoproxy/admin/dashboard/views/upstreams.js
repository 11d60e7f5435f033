// Where requests go: each address of each upstream, and whether it is used.

import { h, replace } from "../dom.js";
import { clock, number } from "../format.js";
import { badge, nothing, redraw, section, table } from "../parts.js";

/** Return the addresses with what all workers say of them together. */
export function rowsOf(workers) {
  const rows = new Map();
  for (const worker of workers) {
    for (const address of worker.addresses) {
      const key = `${address.upstream} ${address.address}`;
      const row = rows.get(key) ?? {
        upstream: address.upstream,
        address: address.address,
        outstanding: 0,
        connections: 0,
        idle: 0,
        ejected: 0,
        unhealthy: 0,
        workers: 0,
      };
      row.outstanding += address.outstanding;
      row.connections += address.connections;
      row.idle += address.idle;
      row.ejected += address.ejected ? 1 : 0;
      row.unhealthy += address.healthy ? 0 : 1;
      row.workers += 1;
      rows.set(key, row);
    }
  }
  return [...rows.values()];
}

/** Return how an address does, as a kind and words. */
export function stateOf(row) {
  const some = (count) => (row.workers > 1 && count < row.workers ? ` (in ${count} of ${row.workers} workers)` : "");
  if (row.unhealthy) {
    return ["bad", `Health check fails${some(row.unhealthy)}`];
  }
  return row.ejected ? ["warn", `Avoided after failures${some(row.ejected)}`] : ["ok", "Used"];
}

export function show(body, { live }) {
  const addresses = h("div", {});
  const workers = h("div", {});
  replace(body, section("Addresses", addresses), section("Processes that serve", workers));
  function update(parts, changed) {
    if (!changed.workers) {
      return;
    }
    const rows = rowsOf(parts.workers);
    const counted = ["Upstream", "Address", "State", ["Under way", "number"], ["Connections", "number"], ["Unused", "number"]];
    redraw(
      addresses,
      rows.length
        ? table(
            "Addresses of upstreams",
            counted,
            rows.map((row) => [
              row.upstream,
              h("code", {}, row.address),
              badge(...stateOf(row)),
              number(row.outstanding),
              number(row.connections),
              number(row.idle),
            ]),
            { hidden: true },
          )
        : nothing("No upstream has an address yet: names are looked up when the first request comes."),
    );
    const columns = ["Worker", "Process", "State", ["Generation", "number"], ["Connections", "number"], "Since"];
    redraw(
      workers,
      table(
        "Processes that serve",
        columns,
        parts.workers.map((worker) => [
          String(worker.slot),
          String(worker.pid),
          badge(worker.state === "serving" ? "ok" : "warn", worker.state),
          String(worker.generation),
          number(worker.connections),
          clock(worker.started),
        ]),
        { hidden: true },
      ),
    );
  }
  if (live.parts.workers) {
    update(live.parts, live.parts);
  }
  return { update };
}
