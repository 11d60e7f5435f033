// The frame of the page: which view the address names, what is said about the process at the top, and the live connection.

import { h, replace } from "./dom.js";
import { Live } from "./live.js";
import { one } from "./format.js";
import { badge } from "./parts.js";

const VIEWS = [
  { name: "overview", title: "Overview" },
  { name: "traffic", title: "Traffic" },
  { name: "routes", title: "Routes" },
  { name: "refused", title: "Refused" },
  { name: "reloads", title: "Reloads" },
  { name: "upstreams", title: "Upstreams" },
  { name: "reports", title: "Reports" },
  { name: "explain", title: "Explain" },
];

const main = document.getElementById("main");
const live = new Live("/-/events");
let shown = null; // the view that is shown: { name, update, stop }
let toldReload = null; // its time: a connection that was lost begins with everything again
let turns = 0; // a view that comes later than the next one was asked for is not shown

/** Say something to who listens to the page. */
function say(text) {
  replace(document.getElementById("said"), text);
}

function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const view = VIEWS.find((each) => each.name === path) ?? VIEWS[0];
  return { view, query: new URLSearchParams(query ?? "") };
}

function showLinks(current) {
  const items = VIEWS.map((view) =>
    h("li", {}, h("a", { href: `#/${view.name}`, "aria-current": view === current ? "page" : null }, view.title)),
  );
  replace(document.getElementById("views"), ...items);
  document.querySelector("#views [aria-current]").scrollIntoView({ block: "nearest", inline: "nearest" });
}

async function open() {
  if (location.hash === "#main") {
    return; // the link that skips the navigation
  }
  const turn = ++turns;
  const { view, query } = address();
  const isFirst = shown === null;
  shown?.stop?.();
  showLinks(view);
  document.title = `${view.title} - xoproxy`;
  const heading = h("h1", { tabindex: "-1" }, view.title);
  const body = h("div", { class: "view" });
  replace(main, heading, body);
  if (!isFirst) {
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  const { show } = await import(`./views/${view.name}.js`);
  if (turn !== turns) {
    return;
  }
  shown = { name: view.name };
  Object.assign(shown, show(body, { live, say, query, isCurrent: () => turn === turns }));
}

function showState({ state, reload }) {
  if (!state) {
    return;
  }
  const [kind, word] = state.draining ? ["warn", "Stopping"] : state.ready ? ["ok", "Ready"] : ["bad", "Not ready"];
  const parts = [badge(kind, word), ` generation ${state.generation}`];
  if (reload?.outcome === "rejected") {
    parts.push(" ", h("a", { href: "#/reloads" }, badge("bad", "Last reload rejected")));
  }
  const line = document.getElementById("state");
  const text = parts.map((part) => part.textContent ?? part).join("");
  if (line.textContent !== text) {
    replace(line, ...parts); // only then, or what is said aloud would be said every second
  }
}

const LINK = {
  connecting: ["dim", "Connecting"],
  open: ["ok", "Live"],
  lost: ["bad", "Connection lost, trying again"],
};

live.subscribe((parts, changed) => {
  showState(parts);
  if (changed.reload && live.isStarted && changed.reload.time !== toldReload) {
    const { outcome, generation, problems } = changed.reload;
    say(
      outcome === "rejected"
        ? `A reload was rejected with ${one(problems.length, "problem")}.`
        : `A reload ended: ${outcome}, generation ${generation}.`,
    );
  }
  toldReload = parts.reload?.time;
  shown?.update?.(parts, changed);
});
live.onLink((link) => {
  const [kind, word] = LINK[link];
  const place = document.getElementById("link");
  place.className = `link ${kind}`;
  replace(place, word);
});
window.addEventListener("hashchange", open);
open();
live.start();
