"""What docs/comparison.md says of nginx and Flask-CORS, seen with the real ones; each test is a row of its tables."""

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email.message import Message
from pathlib import Path

import flask_cors
import pytest
from flask import Flask, Response, abort, request
from support.backends import Backend, Reply
from support.fixtures import FlaskFactory, PlainFactory, ProxyFactory
from support.ports import free_port
from werkzeug.debug import DebuggedApplication

ORIGIN = "https://app.example.com"
STRANGER = "https://app.example.com.evil.test"
CORS = {"Origin": ORIGIN}
PREFLIGHT = {**CORS, "Access-Control-Request-Method": "PUT"}
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
START_S = 20.0


def ask(url: str, fields: dict[str, str], method: str = "GET") -> tuple[int, Message]:
    """Return status and fields, whatever the status is."""
    asked = urllib.request.Request(url, headers=fields, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=START_S) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


def granted(fields: Message) -> list[str]:
    """Return the values of all Access-Control-Allow-Origin lines."""
    return fields.get_all("Access-Control-Allow-Origin") or []


# nginx.


def nginx_command(directory: Path, server: str, before: str = "") -> list[str]:
    """Write a configuration with this server; return the command that starts nginx with it."""
    if NGINX is None:
        if os.environ.get("CI"):
            pytest.fail("no nginx found")
        pytest.skip("no nginx found")
    paths = "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off;\nmaster_process off;\npid {directory}/pid;\nerror_log {directory}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{before}\nserver {{\n{server}\n}}\n}}\n"
    )
    return [NGINX, "-c", str(config), "-e", str(directory / "error.log")]


@contextmanager
def running_nginx(directory: Path, server: str, before: str = "") -> Iterator[str]:
    """Run nginx with this server on a port of its own; yield its URL."""
    port = free_port()
    process = subprocess.Popen(nginx_command(directory, f"listen 127.0.0.1:{port};\n{server}", before))
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_S
        while True:
            try:
                ask(url + "/", {})
                break
            except OSError:
                assert process.poll() is None, (directory / "error.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        process.wait(START_S)


Nginx = Callable[..., str]


@pytest.fixture
def nginx(tmp_path: Path, plain: PlainFactory) -> Iterator[Nginx]:
    """Return `nginx(server, before)`: nginx with this server, until the end of the test.  Takes `plain` to stop before it."""
    with ExitStack() as stack:
        yield lambda server, before="": stack.enter_context(running_nginx(tmp_path, server, before))


ALLOW = f"add_header Access-Control-Allow-Origin {ORIGIN};\nadd_header Cross-Origin-Embedder-Policy require-corp;\n"


@pytest.fixture
def application(plain: PlainFactory) -> Backend:
    """Return an application with a page, errors, fields of its own, and a login that meets preflights."""
    own = {"Access-Control-Allow-Origin": ORIGIN, "Cross-Origin-Embedder-Policy": "require-corp"}
    return plain(
        {
            "/": Reply(b"a page"),
            "/nested/": Reply(b"a page"),
            "/own": Reply(b"a page", fields=own),
            "/broken": Reply(b"a fault", status=500),
            "/api": Reply(b"log in first", status=401),
        }
    )


def test_nginx_add_header_without_always_is_missing_on_errors(nginx: Nginx, application: Backend) -> None:
    url = nginx(
        f"{ALLOW}location / {{ proxy_pass {application.url}; }}\n"
        f"location /down {{ proxy_pass http://127.0.0.1:{free_port()}; }}"
    )

    answers = [ask(url + path, CORS) for path in ("/", "/none", "/broken", "/down")]

    assert [(status, granted(fields)) for status, fields in answers] == [(200, [ORIGIN]), (404, []), (500, []), (502, [])]


@pytest.mark.parametrize("inner", ["location /nested/ {", "location /nested/ { if ($request_method = GET) {"])
def test_nginx_add_header_within_drops_those_around(nginx: Nginx, application: Backend, inner: str) -> None:
    """In a location, and in an `if` within one."""
    end = "}" * inner.count("{")
    url = nginx(
        f"{ALLOW}location / {{ proxy_pass {application.url}; }}\n"
        f"{inner} add_header Cache-Control no-store; proxy_pass {application.url}; {end}"
    )

    outer, nested = ask(url + "/", CORS)[1], ask(url + "/nested/", CORS)[1]

    assert (granted(outer), outer["Cross-Origin-Embedder-Policy"]) == ([ORIGIN], "require-corp")
    assert (granted(nested), nested["Cross-Origin-Embedder-Policy"], nested["Cache-Control"]) == ([], None, "no-store")


def test_nginx_doubles_fields_that_the_application_sends(nginx: Nginx, application: Backend, proxy: ProxyFactory) -> None:
    """Behind xoproxy they go out once."""
    url = nginx(f"{ALLOW}location / {{ proxy_pass {application.url}; }}")
    policy = f"{{coep: require-corp, cors: {{allow_origins: ['{ORIGIN}']}}}}"
    ours = proxy(f"version: 1\nupstream: {application.url}\npolicy: {policy}\n")

    theirs, mended = ask(url + "/own", CORS)[1], ask(ours.origin() + "/own", CORS)[1]

    assert granted(theirs) == [ORIGIN, ORIGIN]
    assert theirs.get_all("Cross-Origin-Embedder-Policy") == ["require-corp", "require-corp"]
    assert granted(mended) == [ORIGIN]
    assert mended.get_all("Cross-Origin-Embedder-Policy") == ["require-corp"]


def test_nginx_leaves_preflights_to_the_application(nginx: Nginx, application: Backend, proxy: ProxyFactory) -> None:
    """xoproxy answers them."""
    url = nginx(f"{ALLOW}location / {{ proxy_pass {application.url}; }}")
    policy = f"{{cors: {{allow_origins: ['{ORIGIN}'], allow_methods: [PUT]}}}}"
    ours = proxy(f"version: 1\nupstream: {application.url}\npolicy: {policy}\n")

    assert ask(url + "/api", PREFLIGHT, "OPTIONS")[0] == 401
    assert ask(ours.origin() + "/api", PREFLIGHT, "OPTIONS")[0] == 204


def test_nginx_if_takes_plain_options_away_from_the_application(
    nginx: Nginx, application: Backend, proxy: ProxyFactory
) -> None:
    """xoproxy tells them apart."""
    url = nginx(f"location / {{ if ($request_method = OPTIONS) {{ return 204; }} proxy_pass {application.url}; }}")
    ours = proxy(f"version: 1\nupstream: {application.url}\npolicy: {{cors: {{allow_origins: ['{ORIGIN}']}}}}\n")

    assert ask(url + "/api", {}, "OPTIONS")[0] == 204
    assert ask(ours.origin() + "/api", {}, "OPTIONS")[0] == 401
    assert [seen.method for seen in application.seen if seen.target == "/api"] == ["OPTIONS"]


def test_nginx_map_with_a_usual_pattern_grants_a_stranger_and_sends_no_vary(nginx: Nginx, application: Backend) -> None:
    url = nginx(
        f"add_header Access-Control-Allow-Origin $allowed;\nlocation / {{ proxy_pass {application.url}; }}",
        r'map $http_origin $allowed { default ""; "~https://.*\.example\.com" $http_origin; }',
    )

    fields = ask(url + "/", {"Origin": STRANGER})[1]

    assert granted(ask(url + "/", CORS)[1]) == [ORIGIN]
    assert granted(fields) == [STRANGER]
    assert fields["Vary"] is None


def test_nginx_does_not_start_while_the_application_does_not_resolve(tmp_path: Path, proxy: ProxyFactory) -> None:
    """xoproxy does, and says what is the matter in a 502."""
    command = nginx_command(tmp_path, f"listen 127.0.0.1:{free_port()};\nlocation / {{ proxy_pass http://app.invalid:5000; }}")
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=START_S, check=False)
    ours = proxy("version: 1\nupstream: http://app.invalid:5000\npolicy: isolated\n")

    status, fields = ask(ours.origin() + "/", {})

    assert tested.returncode == 1
    assert "host not found in upstream" in tested.stderr
    assert (status, fields["Content-Type"]) == (502, "application/problem+json")
    assert fields["Cross-Origin-Opener-Policy"] == "same-origin"


# Flask-CORS.


def flask(configure: Callable[[Flask], object]) -> Flask:
    """Return an application with a page and a fault."""
    app = Flask(__name__)

    @app.route("/", methods=["GET", "PUT"])
    def page() -> str:
        return "a page"

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError

    configure(app)
    return app


def test_flask_cors_has_no_fields_on_a_fault_in_debug_mode(flask_app: FlaskFactory, proxy: ProxyFactory) -> None:
    """`flask run --debug` answers through the debugger.  xoproxy's fields are there."""
    app = flask(flask_cors.CORS)
    app.debug = True
    backend = flask_app(DebuggedApplication(app))
    ours = proxy(f"version: 1\nupstream: {backend.url}\npolicy: {{cors: {{allow_origins: ['{ORIGIN}']}}}}\n")

    status, fields = ask(backend.url + "/broken", CORS)
    mended, ours_fields = ask(ours.origin() + "/broken", CORS)

    assert (status, granted(fields)) == (500, [])
    assert (mended, granted(ours_fields)) == (500, [ORIGIN])


def test_flask_cors_decorator_leaves_errors_without_fields(flask_app: FlaskFactory) -> None:
    def configure(app: Flask) -> None:
        @app.get("/item")
        @flask_cors.cross_origin()
        def item() -> str:
            if "missing" in request.args:
                abort(404)
            if "fault" in request.args:
                raise RuntimeError
            return "an item"

    url = flask_app(flask(configure)).url

    assert granted(ask(f"{url}/item", CORS)[1]) == [ORIGIN]
    assert [
        (status, granted(fields))
        for status, fields in (
            ask(f"{url}/item?missing", CORS),
            ask(f"{url}/item", CORS, "DELETE"),
            ask(f"{url}/item?fault", CORS),
        )
    ] == [(404, []), (405, []), (500, [])]


@pytest.mark.parametrize("origin", [STRANGER, "null"])
def test_flask_cors_with_credentials_and_no_origins_grants_everyone(flask_app: FlaskFactory, origin: str) -> None:
    url = flask_app(flask(lambda app: flask_cors.CORS(app, supports_credentials=True))).url

    fields = ask(url, {"Origin": origin})[1]

    assert granted(fields) == [origin]
    assert fields["Access-Control-Allow-Credentials"] == "true"


def test_flask_cors_pattern_without_an_end_grants_a_stranger(flask_app: FlaskFactory) -> None:
    url = flask_app(flask(lambda app: flask_cors.CORS(app, origins=r"https://.*\.example\.com"))).url

    assert granted(ask(url, CORS)[1]) == [ORIGIN]
    assert granted(ask(url, {"Origin": STRANGER})[1]) == [STRANGER]


def test_flask_cors_sends_no_vary_to_an_origin_that_is_not_listed(flask_app: FlaskFactory, proxy: ProxyFactory) -> None:
    """xoproxy sends it to all."""
    origins = [ORIGIN, "https://admin.example.com"]
    backend = flask_app(flask(lambda app: flask_cors.CORS(app, origins=origins)))
    ours = proxy(f"version: 1\nupstream: {backend.url}\npolicy: {{cors: {{allow_origins: {origins}}}}}\n")

    assert ask(backend.url, CORS)[1]["Vary"] == "Origin"
    assert ask(backend.url, {"Origin": STRANGER})[1]["Vary"] is None
    assert ask(ours.origin(), {"Origin": STRANGER})[1]["Vary"] == "Origin"


def test_flask_cors_preflight_meets_a_login_check(flask_app: FlaskFactory) -> None:
    def configure(app: Flask) -> None:
        flask_cors.CORS(app, origins=[ORIGIN])

        @app.before_request
        def check() -> None:
            if "Authorization" not in request.headers:
                abort(401)

    status, _ = ask(flask_app(flask(configure)).url, PREFLIGHT, "OPTIONS")

    assert status == 401


def test_the_line_of_the_tutorials_is_a_500(flask_app: FlaskFactory) -> None:
    def configure(app: Flask) -> None:
        @app.after_request
        def isolate(response: Response) -> Response:
            response.cross_origin_embedder_policy = "require-corp"  # type: ignore[assignment]
            return response

    assert ask(flask_app(flask(configure)).url, {})[0] == 500


def test_flask_cors_sends_no_isolation_field(flask_app: FlaskFactory) -> None:
    fields = ask(flask_app(flask(flask_cors.CORS)).url, CORS)[1]

    assert [name for name in fields if name.lower().startswith("cross-origin-")] == []


def test_flask_cors_can_stay_behind_xoproxy(flask_app: FlaskFactory, proxy: ProxyFactory) -> None:
    """Its `*` is taken away, for refused origins too."""
    backend = flask_app(flask(flask_cors.CORS))
    ours = proxy(f"version: 1\nupstream: {backend.url}\npolicy: {{cors: {{allow_origins: ['{ORIGIN}']}}}}\n")

    assert granted(ask(backend.url, {"Origin": STRANGER})[1]) != []
    assert granted(ask(ours.origin(), CORS)[1]) == [ORIGIN]
    assert granted(ask(ours.origin(), {"Origin": STRANGER})[1]) == []
