// What each route comes to: its match, its policy key by key with the place of each, and what goes out because of it.

import { ask } from "../api.js";
import { h, replace } from "../dom.js";
import { flow, number, one } from "../format.js";
import { Pager, badge, later, notice, nothing, where } from "../parts.js";

const PAGE = 40;

export function show(body, { live, isCurrent, query }) {
  const filter = h("input", {
    type: "search",
    id: "filter",
    autocomplete: "off",
    spellcheck: "false",
    value: query.get("filter") ?? "",
  });
  const found = h("p", { class: "dim", role: "status", "aria-label": "Found" });
  const pager = new Pager(PAGE, "routes", (routes) =>
    routes.length
      ? routes.map((route) => entry(route))
      : nothing("No route has all of these words in its match, policy or upstream."),
  );
  const problems = h("div", {});
  const last = h("div", {});
  replace(
    body,
    h("div", { class: "bar" }, h("label", { for: "filter" }, "Filter "), filter, found),
    problems,
    pager.node,
    last,
  );
  let routes = []; // with the text that each is found by
  let generation = null;

  function choose() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = words.length
      ? routes.filter(({ text }) => words.every((word) => text.includes(word))).map(({ route }) => route)
      : routes.map(({ route }) => route);
    replace(found, words.length ? `${number(chosen.length)} of ${one(routes.length, "route")}` : one(routes.length, "route"));
    pager.open((offset, limit) => ({ items: chosen.slice(offset, offset + limit), total: chosen.length }));
  }
  async function load() {
    try {
      const answer = await ask("/-/routes");
      if (isCurrent()) {
        routes = answer.routes.map((route) => ({ route, text: textOf(route) }));
        replace(problems);
        replace(last, h("h2", {}, "Without a route"), entry(answer.unmatched, "answers of the proxy's own"));
        choose();
      }
    } catch (error) {
      if (isCurrent()) {
        replace(problems, notice("bad", error.message));
      }
    }
  }
  filter.addEventListener("input", choose);
  function update({ state }) {
    if (state && state.generation !== generation) {
      generation = state.generation;
      load();
    }
  }
  replace(problems, nothing("Compiling the routes in force…"));
  update(live.parts);
  return { update };
}

function textOf(route) {
  const names = new Set(route.policy.keys.map(({ key }) => key));
  const said = route.policy.keys.filter(({ key }) => !names.has(`${key}[0]`)); // a list is told by its members
  const keys = said.map(({ key, value }) => `${key}: ${flow(value)}`);
  const match = route.match.map(({ key, value }) => `${key}: ${flow(value)}`);
  return [route.name, ...match, route.policy.name, ...keys, route.upstream?.name ?? "", flow(route.upstream?.urls)]
    .join("\n")
    .toLowerCase();
}

function entry(route, everything = route.place ? "every other request" : "every request") {
  const match = route.match.length
    ? route.match.map(({ key, value }) =>
        h("span", { class: "condition" }, h("span", { class: "dim" }, `${key} `), h("code", {}, flow(value))),
      )
    : h("span", { class: "dim" }, everything);
  const summary = [
    h("span", { class: "name" }, route.place || route.upstream ? route.name : "no route"),
    h("span", { class: "match" }, match),
    h("span", { class: "policy" }, route.policy.name),
    h("span", { class: "dim" }, route.upstream ? `→ ${route.upstream.name}` : ""),
    where(route.place),
  ];
  return later(summary, () => more(route), "panel route");
}

function more(route) {
  const names = new Set(route.policy.keys.map(({ key }) => key));
  const said = route.policy.keys.filter(({ key }) => !names.has(`${key}[0]`)); // a list is told by its members
  const keys = said.map(({ key, value, place }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("code", {}, key)),
      h("td", {}, h("code", {}, flow(value))),
      h("td", {}, where(place)),
    ),
  );
  const lines = (some) =>
    h(
      "ul",
      { class: "lines" },
      some.map((line) => h("li", {}, line)),
    );
  return h(
    "div",
    { class: "columns" },
    h(
      "div",
      {},
      h("h2", {}, "Policy ", h("span", { class: "dim" }, route.policy.name), " ", where(route.policy.place)),
      keys.length
        ? h(
            "div",
            { class: "scroll", tabindex: "0", role: "region", "aria-label": `Policy of ${route.name}` },
            h("table", {}, h("caption", { class: "unseen" }, `Policy of ${route.name}`), h("tbody", {}, keys)),
          )
        : nothing("It says nothing: what the application sends passes."),
      route.upstream
        ? h(
            "p",
            {},
            h("span", { class: "dim" }, "goes to "),
            h("code", {}, flow(route.upstream.urls)),
            " ",
            where(route.upstream.place),
          )
        : null,
    ),
    h(
      "div",
      {},
      h("h2", {}, "Responses carry"),
      route.sends.length
        ? lines(
            route.sends.map(({ line, when }) => [h("code", {}, line), when ? h("span", { class: "dim" }, ` ${when}`) : null]),
          )
        : nothing("Nothing of the policy's."),
      route.cors ? granted(route.cors) : null,
      route.removes.length
        ? h("p", {}, h("span", { class: "dim" }, "removed: "), h("code", {}, route.removes.join(", ")))
        : null,
      route.leaves.length
        ? h("p", {}, h("span", { class: "dim" }, "left as the application sends it: "), h("code", {}, route.leaves.join(", ")))
        : null,
    ),
  );
}

function granted(cors) {
  const lines = [...cors.lines, ...cors.preflight_lines.filter((line) => !cors.lines.includes(line))];
  return [
    h("h2", {}, "CORS"),
    h(
      "p",
      {},
      h("span", { class: "dim" }, "granted: "),
      cors.origins.length ? cors.origins.map((origin) => [h("code", {}, origin), " "]) : "nobody",
      badge("dim", `others: ${cors.refuse === "reject" ? "403" : "no CORS fields"}`),
    ),
    lines.length
      ? h(
          "ul",
          { class: "lines" },
          lines.map((line) => h("li", {}, h("code", {}, line))),
        )
      : null,
    cors.preflight_lines.length ? null : h("p", { class: "dim" }, "The application answers preflights."),
  ];
}
