// Elements by script.  What comes from elsewhere becomes text nodes and attribute values, never markup.

/** Return an element.  Attributes that are null or false are left out; `on` has its listeners. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, listener);
      }
    } else if (value !== null && value !== false && value !== undefined) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...nodes(children));
  return element;
}

/** Put children in the place of those that an element has. */
export function replace(element, ...children) {
  element.replaceChildren(...nodes(children));
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== "");
}

/** Return a link where a text is an http URL that can be followed safely, else the text. */
export function link(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return document.createTextNode(text);
  }
  const isPlain = (url.protocol === "https:" || url.protocol === "http:") && !url.username && !url.password;
  return isPlain
    ? h("a", { href: url.href, rel: "noreferrer noopener", target: "_blank", class: "url" }, text)
    : document.createTextNode(text);
}
