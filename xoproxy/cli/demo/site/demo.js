// Asks the browser and says in words what it granted.  The same file runs at both addresses.

const { direct, through } = document.body.dataset;

// Another origin without a second server: the same port under the other name of this machine.  `localhost` and `127.0.0.1` are
// different origins (and sites) to every browser, both count as secure without TLS, and neither needs name resolution or a hosts
// file; sub-domains of localhost would, in Safari.
const other = location.hostname === "localhost"
  ? `http://127.0.0.1:${location.port}`
  : `http://localhost:${location.port}`;

function say(id, granted, words) {
  const item = document.getElementById(id);
  item.dataset.granted = granted ? "yes" : "no";
  item.querySelector("p").textContent = words;
}

async function fromOtherOrigin(path, options) {
  const response = await fetch(other + path, { cache: "no-store", ...options });
  return { response, answer: await response.json() };
}

// A refused fetch is a TypeError without a reason: the browser tells script nothing, which is the point of refusing.
async function check(id, ask) {
  try {
    say(id, ...await ask());
  } catch (error) {
    say(id, false, `refused: the browser says only “${error.message}”`);
  }
}

function askIsolated() {
  return [crossOriginIsolated, crossOriginIsolated
    ? "true: this page is cross-origin isolated"
    : "false: documents of other sites may share this page's process"];
}

function askMemory() {
  if (typeof SharedArrayBuffer === "undefined") {
    return [false, "not defined: no WebAssembly threads, no shared memory"];
  }
  return [true, `granted: ${new SharedArrayBuffer(1024).byteLength} bytes, usable by several threads`];
}

function askWorker() {
  return new Promise((resolve) => {
    const worker = new Worker("/worker.js");
    worker.onmessage = ({ data }) => {
      worker.terminate();
      resolve(data.counted === undefined
        ? [false, "the worker runs, but may share no memory"]
        : [true, `page and worker counted to ${data.counted} in one memory`]);
    };
    worker.onerror = () => resolve([false, "the browser does not start the worker"]);
    const memory = typeof SharedArrayBuffer === "undefined" ? null : new SharedArrayBuffer(4);
    worker.postMessage(memory);
  });
}

const authorization = { headers: { Authorization: "Bearer demo" } };

async function askAuthorized() {
  const { response, answer } = await fromOtherOrigin("/api/private", authorization);
  return [response.ok, `status ${response.status}: ${answer.message}`];
}

async function askFailure() {
  const { response, answer } = await fromOtherOrigin("/api/broken", authorization);
  return [response.status === 500, `status ${response.status}, and script can read why: ${answer.message}`];
}

async function askUnauthorized() {
  const { response, answer } = await fromOtherOrigin("/api/private");
  return [response.status === 401, `status ${response.status}, and script can read why: ${answer.message}`];
}

async function askExposed() {
  const { response } = await fromOtherOrigin("/api/items");
  const total = response.headers.get("X-Total-Count");
  return [total !== null, total === null ? "hidden from script" : `script reads ${total}`];
}

function askPicture() {
  return new Promise((resolve) => {
    const picture = new Image();
    picture.alt = "";
    picture.onload = () => {
      document.getElementById("picture").append(picture);
      resolve([true, "shown"]);
    };
    picture.onerror = () => resolve([false, "blocked"]);
    picture.src = `${other}/picture.svg`;
  });
}

for (const [id, address] of [["direct", direct], ["through", through]]) {
  if (new URL(address).port === location.port) {
    document.getElementById(id).setAttribute("aria-current", "page");
  }
}
document.getElementById("other").textContent = other;

await Promise.all([
  check("isolated", askIsolated),
  check("memory", askMemory),
  check("worker", askWorker),
  check("authorized", askAuthorized),
  check("failure", askFailure),
  check("unauthorized", askUnauthorized),
  check("exposed", askExposed),
  check("picture", askPicture),
]);

const refused = document.querySelectorAll('#checks [data-granted="no"]').length;
const verdict = document.getElementById("verdict");
verdict.dataset.granted = refused === 0 ? "yes" : "no";
verdict.textContent = refused === 0
  ? "The browser grants everything."
  : `The browser refuses ${refused} of ${document.querySelectorAll("#checks li").length}.`;
