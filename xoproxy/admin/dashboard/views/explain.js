// Why is it blocked?  A form, and what browsers make of the question by the policy in force; nobody is asked.

import { send } from "../api.js";
import { h, link, replace } from "../dom.js";
import { badge, changes, notice, where } from "../parts.js";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const CHOICES = {
  mode: ["", "cors", "no-cors", "same-origin", "navigate", "websocket"],
  credentials: ["", "omit", "same-origin", "include"],
  destination: [
    "",
    "document",
    "iframe",
    "image",
    "script",
    "style",
    "font",
    "audio",
    "video",
    "worker",
    "embed",
    "object",
    "empty",
  ],
  browsers: ["", "chrome", "firefox", "safari"],
};
const UNSAID = { mode: "by destination", credentials: "as pages do", destination: "none: a fetch", browsers: "all" };
const LINES = ["headers", "page_headers", "backend_headers"];

export function show(body, { say, query, isCurrent }) {
  const outcome = h("div", { class: "outcome", "aria-label": "Outcome", role: "region", tabindex: "-1" });
  const button = h("button", { type: "submit", class: "primary" }, "Explain");
  const form = h(
    "form",
    { class: "panel form", autocomplete: "off" },
    h(
      "div",
      { class: "row" },
      field("method", "Method", { list: "methods", value: query.get("method") ?? "GET" }),
      field("url", "URL or path", {
        class: "wide",
        required: true,
        value: query.get("url") ?? "",
        placeholder: "/v1/items or https://api.example.com/v1/items",
      }),
    ),
    h(
      "div",
      { class: "row" },
      field("origin", "Origin of the page that asks", {
        class: "wide",
        value: query.get("origin") ?? "",
        placeholder: "https://app.example.com",
      }),
      field("host", "Host, for a path", { value: query.get("host") ?? "" }),
    ),
    h("div", { class: "row" }, ...Object.keys(CHOICES).map((name) => choice(name, query.get(name) ?? ""))),
    lines("headers", "Header fields that the page sets, one a line", query),
    h(
      "details",
      {},
      h("summary", {}, "The page, the backend, other hosts"),
      h(
        "div",
        { class: "row" },
        field("page", "URL of the page", { class: "wide", value: query.get("page") ?? "" }),
        field("hosts", "Hosts behind the file", { value: query.get("hosts") ?? "" }),
      ),
      lines("page_headers", "What its response says besides, one a line", query),
      h(
        "div",
        { class: "row" },
        field("backend_status", "Status of the backend", { value: query.get("backend_status") ?? "", inputmode: "numeric" }),
      ),
      lines("backend_headers", "What the backend says, one a line", query),
    ),
    h(
      "datalist",
      { id: "methods" },
      METHODS.map((method) => h("option", { value: method })),
    ),
    h("div", { class: "bar" }, button),
  );
  replace(
    body,
    h("p", { class: "dim" }, "What browsers make of a request, by the policy in force. No request is sent to anybody."),
    form,
    outcome,
  );

  async function explain(event) {
    event?.preventDefault();
    button.disabled = true;
    replace(outcome, h("p", { class: "dim" }, "Asking all browsers…"));
    try {
      const answer = await send("/-/explain", asked(form));
      if (isCurrent()) {
        replace(outcome, told(answer, say));
        say(answer.allowed ? "Every browser allows it." : "It is blocked.");
      }
    } catch (error) {
      if (isCurrent()) {
        replace(outcome, notice("bad", error.message));
        say(error.message);
      }
    }
    button.disabled = false;
  }
  form.addEventListener("submit", explain);
  if (query.get("url")) {
    explain();
  }
  return {};
}

function field(name, label, { class: kind = null, ...attributes }) {
  return h(
    "div",
    { class: `field ${kind ?? ""}` },
    h("label", { for: name }, label),
    h("input", { id: name, name, spellcheck: "false", autocapitalize: "off", ...attributes }),
  );
}

function choice(name, value) {
  const label = name[0].toUpperCase() + name.slice(1);
  return h(
    "div",
    { class: "field" },
    h("label", { for: name }, label),
    h(
      "select",
      { id: name, name },
      CHOICES[name].map((each) => h("option", { value: each, selected: each === value }, each || UNSAID[name])),
    ),
  );
}

function lines(name, label, query) {
  return h(
    "div",
    { class: "field wide" },
    h("label", { for: name }, label),
    h(
      "textarea",
      { id: name, name, rows: 2, spellcheck: "false", placeholder: "Content-Type: application/json" },
      query.get(name) ?? "",
    ),
  );
}

function asked(form) {
  const words = {};
  for (const [name, text] of new FormData(form)) {
    const isList = LINES.includes(name);
    const value = isList ? text.split("\n").filter((line) => line.trim()) : text.trim();
    if (value.length) {
      words[name] = value;
    }
  }
  return { method: "GET", url: "", ...words };
}

function told(answer, say) {
  return [
    h(
      "p",
      { class: `answer ${answer.allowed ? "ok" : "bad"}` },
      answer.allowed ? "Allowed" : "Blocked",
      h(
        "span",
        { class: "dim" },
        ` ${answer.question.method} ${answer.question.url}${answer.question.origin ? ` for ${answer.question.origin}` : ""}`,
      ),
    ),
    h("div", { class: "columns" }, answer.browsers.map(opinion)),
    remedies("What would allow it", answer.fixes, say),
    remedies("What would isolate the page", answer.isolating, say),
    remedies("What would keep its opener", answer.keeping, say),
    [...answer.beyond, ...answer.refused, ...answer.notes].map((words) => h("p", { class: "note" }, words)),
    exchanges(answer.browsers[0]),
  ];
}

function opinion(each) {
  return h(
    "article",
    { class: `panel ${each.allowed ? "ok" : "bad"}` },
    h(
      "h2",
      {},
      each.browser[0].toUpperCase() + each.browser.slice(1),
      " ",
      badge(each.allowed ? "ok" : "bad", each.allowed ? "allows it" : "blocks it"),
    ),
    each.refusal ? h("p", {}, each.refusal) : null,
    each.decided_by ? h("p", {}, each.decided_by.why, " ", h("span", { class: "dim" }, `(${each.decided_by.name})`)) : null,
    each.isolated
      ? h(
          "p",
          {},
          badge(each.isolated.allowed ? "ok" : "dim", each.isolated.allowed ? "cross-origin isolated" : "not isolated"),
          " ",
          each.isolated.decided_by?.why,
        )
      : null,
    each.console ? h("pre", { tabindex: "0", "aria-label": "Console message" }, each.console) : null,
    each.notes.map((note) => h("p", { class: "dim" }, note)),
  );
}

function remedies(title, some, say) {
  return some.length
    ? [
        h("h2", {}, title),
        some.map((remedy) =>
          h(
            "div",
            { class: "panel fix" },
            h("p", { class: "dim" }, `for ${remedy.browsers.join(", ")}`),
            remedy.careful.map((words) => h("p", { class: "careful" }, words)),
            changes(remedy.changes, say),
          ),
        ),
      ]
    : null;
}

function exchanges(browser) {
  if (!browser?.exchanges.length) {
    return null;
  }
  return [
    h("h2", {}, `What ${browser.browser[0].toUpperCase() + browser.browser.slice(1)} sends and gets`),
    browser.exchanges.map(exchange),
  ];
}

function exchange(each) {
  const { request, response, routing } = each;
  const fields = (some) =>
    h(
      "ul",
      { class: "lines" },
      some.map(([name, value]) => h("li", {}, h("code", {}, `${name}: ${value}`))),
    );
  return h(
    "section",
    { class: "panel exchange" },
    h(
      "h3",
      {},
      each.preflight ? [badge("info", "preflight"), " "] : null,
      h("code", {}, request.method),
      " ",
      link(request.url),
    ),
    routing?.route ? h("p", { class: "dim" }, `${routing.route}, policy ${routing.policy} `, where(routing.place)) : null,
    fields(request.headers),
    h(
      "p",
      {},
      badge(response.status < 400 ? "ok" : "warn", String(response.status)),
      h("span", { class: "dim" }, each.backend_asked ? " from the backend, through the policy" : " by xoproxy itself"),
    ),
    h(
      "ul",
      { class: "lines" },
      response.headers.map((field) =>
        h(
          "li",
          {},
          h("code", {}, `${field.name}: ${field.value}`),
          " ",
          h("span", { class: "dim" }, field.by),
          " ",
          field.parts.slice(0, 3).map((part) => [where(part), " "]),
        ),
      ),
    ),
  );
}
