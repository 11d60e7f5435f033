// What changes, as the endpoint tells it: an EventSource that is opened again however it ended, and what was told so far.

const FIRST_WAIT_MS = 1000;
const MOST_WAIT_MS = 15000;

export class Live {
  constructor(path) {
    this.parts = {}; // everything that is known, by part
    this.isStarted = false; // the first event has come: what follows is news
    this.#path = path;
  }

  #path;
  #listeners = new Set();
  #linkListeners = new Set();
  #wait = FIRST_WAIT_MS;

  /** Call `listener(parts, changed)` after each event; returns what ends that. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Call `listener("connecting" | "open" | "lost")` when that changes. */
  onLink(listener) {
    this.#linkListeners.add(listener);
  }

  start() {
    this.#tell("connecting");
    this.#open();
  }

  #open() {
    const source = new EventSource(this.#path);
    source.addEventListener("message", (event) => {
      const changed = JSON.parse(event.data);
      this.#wait = FIRST_WAIT_MS;
      this.#tell("open");
      Object.assign(this.parts, changed);
      for (const listener of [...this.#listeners]) {
        listener(this.parts, changed);
      }
      this.isStarted = true;
    });
    // By itself it would not try again after an answer that is no stream, as when too many follow already.
    source.addEventListener("error", () => {
      source.close();
      this.#tell("lost");
      setTimeout(() => this.#open(), this.#wait);
      this.#wait = Math.min(this.#wait * 2, MOST_WAIT_MS);
    });
  }

  #tell(link) {
    if (this.link !== link) {
      this.link = link;
      for (const listener of this.#linkListeners) {
        listener(link);
      }
    }
  }
}
