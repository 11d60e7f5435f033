"""Real Flask applications behind `xoproxy run`, field by field: what the browser tests rest on, without a browser."""

import http.client
import socket
from collections import Counter

import flask_cors
import pytest
from flask import Flask, Response, jsonify
from support.fixtures import FlaskFactory, ProxyFactory
from support.ports import free_port
from support.processes import Proxy

NAMED = "https://app.example.com"
UNNAMED = "https://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-type"}

POLICY = f"""
policies:
  api:
    coop: same-origin
    coep: require-corp
    corp: same-site
    cors:
      allow_origins: [{NAMED}, https://other.example.com]
      allow_methods: [GET, PUT]
      allow_headers: [Authorization, Content-Type]
      allow_credentials: true
policy: api
"""

OWNED = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
)


def policy(upstream: str) -> str:
    """Return the policy file in front of `upstream`."""
    return f"version: 1\nupstream: {upstream}\n{POLICY}"


def ask(proxy: Proxy, method: str, path: str, fields: dict[str, str]) -> tuple[int, http.client.HTTPMessage]:
    """Return status and fields of one exchange."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    try:
        connection.request(method, path, headers=fields)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers
    finally:
        connection.close()


def application(*, with_flask_cors: bool) -> Flask:
    """Return an API that sets isolation fields of its own and, maybe, has Flask-CORS reflect every origin with credentials."""
    app = Flask(__name__)
    if with_flask_cors:
        flask_cors.CORS(app, supports_credentials=True)

    @app.get("/items")
    def items() -> Response:
        response = jsonify([])
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers["Vary"] = "Accept-Encoding"
        return response

    @app.get("/broken")
    def broken() -> Response:
        message = "the database does not answer"
        raise RuntimeError(message)

    return app


@pytest.mark.parametrize("with_flask_cors", [True, False], ids=["flask-cors-left-in", "no-cors-code"])
@pytest.mark.parametrize(("path", "status"), [("/items", 200), ("/broken", 500), ("/nowhere", 404)])
def test_named_origin_gets_each_owned_field_once(
    proxy: ProxyFactory, flask_app: FlaskFactory, path: str, status: int, with_flask_cors: bool
) -> None:
    """On success and on errors, whatever the application itself sends: our values, one line each."""
    running = proxy(policy(flask_app(application(with_flask_cors=with_flask_cors)).url))

    got, fields = ask(running, "GET", path, {"Origin": NAMED})

    lines = Counter(name.lower() for name in fields)
    assert got == status
    assert {name: lines[name] for name in OWNED} == dict.fromkeys(OWNED, 1)
    assert [fields[name] for name in OWNED] == [NAMED, "true", "require-corp", "same-origin", "same-site"]
    assert "origin" in ",".join(fields.get_all("Vary", [])).lower()


@pytest.mark.parametrize("with_flask_cors", [True, False], ids=["flask-cors-left-in", "no-cors-code"])
@pytest.mark.parametrize("path", ["/items", "/broken", "/nowhere"])
def test_unnamed_origin_gets_no_access_control_field(
    proxy: ProxyFactory, flask_app: FlaskFactory, path: str, with_flask_cors: bool
) -> None:
    """What Flask-CORS grants to everyone, the policy does not; caches still learn that the answer depends on the origin."""
    running = proxy(policy(flask_app(application(with_flask_cors=with_flask_cors)).url))

    fields = ask(running, "GET", path, {"Origin": UNNAMED})[1]

    assert not [name for name in fields if name.lower().startswith("access-control-")]
    assert "origin" in ",".join(fields.get_all("Vary", [])).lower()


def test_vary_of_the_application_is_kept(proxy: ProxyFactory, flask_app: FlaskFactory) -> None:
    """`Origin` is merged into the application's own Vary."""
    running = proxy(policy(flask_app(application(with_flask_cors=False)).url))

    vary = ",".join(ask(running, "GET", "/items", {})[1].get_all("Vary", [])).lower()

    assert {name.strip() for name in vary.split(",")} == {"accept-encoding", "origin"}


@pytest.mark.parametrize("with_flask_cors", [True, False], ids=["flask-cors-left-in", "no-cors-code"])
def test_preflight_is_answered_whatever_the_application_does(
    proxy: ProxyFactory, flask_app: FlaskFactory, with_flask_cors: bool
) -> None:
    """204 with all methods and headers of the route for the named origin; for another no grant at all."""
    running = proxy(policy(flask_app(application(with_flask_cors=with_flask_cors)).url))

    status, granted = ask(running, "OPTIONS", "/items", {"Origin": NAMED, **PREFLIGHT})
    refused = ask(running, "OPTIONS", "/items", {"Origin": UNNAMED, **PREFLIGHT})[1]

    assert status == 204
    assert granted["Access-Control-Allow-Origin"] == NAMED
    assert granted["Access-Control-Allow-Credentials"] == "true"
    assert {"GET", "PUT"} <= {name.strip() for name in granted["Access-Control-Allow-Methods"].split(",")}
    assert {"authorization", "content-type"} <= {
        name.strip().lower() for name in granted["Access-Control-Allow-Headers"].split(",")
    }
    assert not [name for name in refused if name.lower().startswith("access-control-")]


def test_backend_down_is_a_502_under_the_policy(proxy: ProxyFactory) -> None:
    """Our own errors carry the policy as any response does."""
    running = proxy(policy(f"http://127.0.0.1:{free_port()}"))

    status, fields = ask(running, "GET", "/items", {"Origin": NAMED})

    assert status == 502
    assert fields["Content-Type"] == "application/problem+json"
    assert [fields[name] for name in OWNED] == [NAMED, "true", "require-corp", "same-origin", "same-site"]


def test_request_that_is_no_http_is_a_400_under_the_policy(proxy: ProxyFactory) -> None:
    """Refused before any route is chosen, and still readable by whoever may read anything here."""
    running = proxy(policy(f"http://127.0.0.1:{free_port()}"))

    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as client:
        client.sendall(f"GET / HTTP/1.1\r\nHost: a\r\nOrigin: {NAMED}\r\nContent-Length : 0\r\n\r\n".encode())
        head = client.makefile("rb").read().partition(b"\r\n\r\n")[0].decode()

    assert head.startswith("HTTP/1.1 400 ")
    assert "cross-origin-embedder-policy: require-corp" in head.lower()
