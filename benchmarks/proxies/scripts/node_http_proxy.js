// A reverse proxy of Node's http-proxy that carries out the policy of the benchmark.  Argument: the settings' file.
"use strict";
const fs = require("fs");
const http = require("http");
const https = require("https");
const httpProxy = require("http-proxy");

const settings = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const agent = new http.Agent({ keepAlive: true });
const proxy = httpProxy.createProxyServer({ target: { host: "127.0.0.1", port: settings.backend_port }, agent });

// Lines of one turn of the event loop are written together.
const log = fs.openSync(settings.access_log, "a");
let lines = [];
function write() {
  const text = lines.join("");
  lines = [];
  fs.writeSync(log, text);
}
function record(request, response, begun) {
  if (lines.length === 0) setImmediate(write);
  lines.push(
    JSON.stringify({
      time: new Date().toISOString(),
      client: request.socket.remoteAddress,
      method: request.method,
      target: request.url,
      host: request.headers.host,
      origin: request.headers.origin,
      status: response.statusCode,
      duration_ms: performance.now() - begun,
      granted: request.headers.origin === settings.origin,
    }) + "\n",
  );
}

function forward(target, request) {
  target.setHeader("X-Forwarded-For", request.socket.remoteAddress);
  target.setHeader("X-Forwarded-Proto", request.socket.encrypted ? "https" : "http");
  target.setHeader("X-Forwarded-Host", request.headers.host);
  target.setHeader("Via", "1.1 http-proxy");
}
proxy.on("proxyReq", forward);
proxy.on("proxyReqWs", forward);
proxy.on("proxyRes", (answer, request) => {
  const fields = answer.headers;
  for (const name of settings.owned) delete fields[name];
  Object.assign(fields, settings.always, request.headers.origin === settings.origin ? settings.granted : {});
  const vary = fields.vary || "";
  if (!/(^|[, ])(origin|\*)($|[, ])/i.test(vary)) fields.vary = vary ? `${vary}, ${settings.vary}` : settings.vary;
});
proxy.on("error", (error, request, response) => {
  if (!response.writeHead) return response.destroy();
  if (response.headersSent) return response.destroy();
  response.writeHead(502, { ...settings.always, Vary: settings.vary });
  response.end();
});

function serve(request, response) {
  const begun = performance.now();
  response.on("finish", () => record(request, response, begun));
  const origin = request.headers.origin;
  if (request.method === "OPTIONS" && origin && request.headers["access-control-request-method"]) {
    const granted = origin === settings.origin;
    const fields = { ...settings.always, ...(granted ? settings.preflight : {}), Vary: settings.preflight_vary };
    response.writeHead(granted ? 204 : 403, fields);
    response.end();
    return;
  }
  proxy.web(request, response);
}

function listen(server, port) {
  server.keepAliveTimeout = 75000;
  server.on("upgrade", (request, socket, head) => proxy.ws(request, socket, head));
  server.listen(port, "127.0.0.1");
}
listen(http.createServer(serve), settings.port);
if (settings.tls_port) {
  const pem = fs.readFileSync(settings.certificate);
  listen(https.createServer({ key: pem, cert: pem }, serve), settings.tls_port);
}
