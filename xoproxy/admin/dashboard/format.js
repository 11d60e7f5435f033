// Numbers, times and places in words.

const numbers = new Intl.NumberFormat("en");
const rates = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const SPANS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

export const number = (value) => numbers.format(value);
export const rate = (value) => rates.format(value);

/** Return a count with its noun: "1 page", "3 pages". */
export function one(count, noun, many = `${noun}s`) {
  return `${number(count)} ${count === 1 ? noun : many}`;
}

/** Return a Unix time, or a text as the endpoint writes times, as a local time of day, with the date if it is another day. */
export function clock(time, now = new Date()) {
  const date = typeof time === "number" ? new Date(time * 1000) : new Date(time);
  const of = (part) => String(part).padStart(2, "0");
  const day = `${date.getFullYear()}-${of(date.getMonth() + 1)}-${of(date.getDate())}`;
  const hour = `${of(date.getHours())}:${of(date.getMinutes())}:${of(date.getSeconds())}`;
  return date.toDateString() === now.toDateString() ? hour : `${day} ${hour}`;
}

/** Return how long ago a Unix time is, in one unit. */
export function ago(time, now = Date.now() / 1000) {
  const seconds = Math.max(0, now - time);
  const [length, unit] = SPANS.find(([each]) => seconds >= each) ?? [1, "s"];
  return seconds < 1 ? "now" : `${Math.floor(seconds / length)} ${unit} ago`;
}

/** Return a place as people read it: "xoproxy.yaml:12", "preset isolated". */
export function place(at) {
  if (!at) {
    return "";
  }
  return at.line ? `${at.source.split("/").pop()}:${at.line}` : at.source;
}

/** Return a value of the policy as the file could write it. */
export function flow(value) {
  if (value === null || value === undefined) {
    return "";
  }
  if (Array.isArray(value)) {
    return value.length === 1 ? flow(value[0]) : `[${value.map(flow).join(", ")}]`;
  }
  if (typeof value === "object") {
    return `{${Object.entries(value)
      .map(([key, each]) => `${key}: ${flow(each)}`)
      .join(", ")}}`;
  }
  return String(value);
}
