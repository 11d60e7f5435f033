// What views are put together of.

import { h, replace } from "./dom.js";
import { number, place } from "./format.js";

/** Return a word in a colour that says how it is: ok, warn, bad, info or dim. */
export function badge(kind, word) {
  return h("span", { class: `badge ${kind}` }, word);
}

/** Return a section with a heading. */
export function section(title, ...children) {
  return h("section", {}, h("h2", {}, title), ...children);
}

/** Return a section that stands by itself. */
export function panel(title, ...children) {
  return h("section", { class: "panel" }, h("h2", {}, title), ...children);
}

/** Return a sentence in the place of what is not there. */
export function nothing(...words) {
  return h("p", { class: "nothing" }, ...words);
}

/** Return a box with something to look at. */
export function notice(kind, ...words) {
  return h("p", { class: `notice ${kind}` }, ...words);
}

/** Return what is drawn when it is opened: a page may have thousands of such. */
export function later(summary, draw, kind = null) {
  const details = h("details", { class: kind }, h("summary", {}, summary));
  details.addEventListener("toggle", () => details.append(...[draw()].flat(Infinity).filter(Boolean)), { once: true });
  return details;
}

/** Return names and values. */
export function facts(pairs) {
  const shown = pairs.filter((pair) => pair && pair[1] !== null && pair[1] !== "");
  return h(
    "dl",
    { class: "facts" },
    shown.map(([name, ...value]) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value))),
  );
}

/** Return a table.  A column is a title, or [title, class]; a row a list of cells. */
export function table(caption, columns, rows, { hidden = false } = {}) {
  const heads = columns.map((column) => (Array.isArray(column) ? column : [column, null]));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: hidden ? "unseen" : null }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map(([title, kind]) => h("th", { scope: "col", class: kind }, title)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            {},
            row.map((cell, index) => h("td", { class: heads[index][1] }, cell)),
          ),
        ),
      ),
    ),
  );
}

/** Show a table in the place of an older one: only its rows are changed, so that it stays scrolled and focused as it is. */
export function redraw(place, fresh) {
  const rows = place.querySelector("tbody");
  const next = fresh.querySelector("tbody");
  if (rows && next) {
    rows.replaceWith(next);
  } else {
    replace(place, fresh);
  }
}

/** Return where something stands in the file. */
export function where(at) {
  return at ? h("code", { class: "place", title: at.path }, place(at)) : null;
}

/** Return YAML with a button that copies it. */
export function yaml(text, say) {
  const code = h("pre", { tabindex: "0", "aria-label": "YAML" }, h("code", {}, text));
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      getSelection().selectAllChildren(code); // no clipboard for pages of plain http
      say("Selected; copy it with the keyboard.");
    }
  };
  return h("div", { class: "yaml" }, code, h("button", { type: "button", class: "small", on: { click: copy } }, "Copy"));
}

/** Return the changes of the policy file that a fix is made of. */
export function changes(placements, say) {
  return (placements ?? []).map((each) =>
    h(
      "div",
      { class: "change" },
      h(
        "p",
        { class: "dim" },
        `${DOES[each.do] ?? each.do} at `,
        where(each),
        each.also.length
          ? ` (also changes ${each.also.join(", ")}${each.more_also ? ` and ${number(each.more_also)} more` : ""})`
          : null,
      ),
      each.do === "remove" ? null : yaml(each.yaml, say),
    ),
  );
}

const DOES = {
  replace: "Replace the value",
  insert: "Put these keys in",
  append: "Add to the list",
  before: "Put this before the route",
  remove: "Remove the key",
};

/** Return a part with pages: `draw(items)` returns the nodes of one page. */
export class Pager {
  constructor(size, noun, draw) {
    this.#size = size;
    this.#draw = draw;
    this.#body = h("div", {});
    this.#line = h("span", { class: "dim", role: "status" });
    this.#before = h("button", { type: "button", on: { click: () => this.#go(-1) } }, "Previous");
    this.#after = h("button", { type: "button", on: { click: () => this.#go(1) } }, "Next");
    this.#noun = noun;
    const bar = h("nav", { class: "pager", "aria-label": `Pages of ${noun}` }, this.#before, this.#line, this.#after);
    this.node = h("div", {}, this.#body, bar);
  }

  #size;
  #draw;
  #body;
  #line;
  #before;
  #after;
  #noun;
  #page = 0;
  #total = 0;
  #turn = 0;

  /** Show from the first page on: `fetch(offset, limit)` gives `{ items, total }`, now or later. */
  async open(fetch, { page = 0 } = {}) {
    this.fetch = fetch;
    this.#page = page;
    await this.refresh();
  }

  /** Show the page again. */
  async refresh() {
    const turn = ++this.#turn;
    const { items, total } = await this.fetch(this.#page * this.#size, this.#size);
    if (turn !== this.#turn) {
      return; // a later one is on its way
    }
    this.#total = total;
    const from = this.#page * this.#size;
    replace(this.#body, this.#draw(items));
    replace(this.#line, total ? `${number(from + 1)} to ${number(from + items.length)} of ${number(total)} ${this.#noun}` : "");
    this.#before.disabled = this.#page === 0;
    this.#after.disabled = from + this.#size >= total;
    this.node.lastChild.hidden = total <= this.#size;
  }

  async #go(step) {
    const last = Math.max(0, Math.ceil(this.#total / this.#size) - 1);
    this.#page = Math.min(Math.max(0, this.#page + step), last);
    await this.refresh();
    this.node.scrollIntoView({ block: "nearest" });
  }
}
