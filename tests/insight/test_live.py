"""What `explain --live` really asks, and what it says where nobody answers; real servers on loopback."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from flask import Flask, Response, request
from support.backends import Reply, flask_backend, plain_backend
from support.configs import compiled
from support.ports import free_port

from xoproxy.browser.model import WireRequest
from xoproxy.config.settings import Endpoint, UpstreamSettings, UpstreamTls
from xoproxy.insight.explaining import Asked, Explanation, explain, explain_server, read_question
from xoproxy.insight.explaining.answering import UnansweredError
from xoproxy.insight.explaining.telling import told
from xoproxy.insight.live import LiveBackend
from xoproxy.policy.model import Policy
from xoproxy.policy.routes import Match, Route

APP = "http://app.localhost"
EMPTY = compiled("version: 1\nupstream: http://a:1\n")


@pytest.fixture
def live() -> Iterator[LiveBackend]:
    """What asks, with a short patience."""
    with LiveBackend({}, 2.0) as backend:
        yield backend


def upstream(*endpoints: Endpoint, tls: UpstreamTls | None = None) -> tuple[LiveBackend, Route]:
    settings = UpstreamSettings("app", endpoints, 1.0, 1.0, tls or UpstreamTls())
    return LiveBackend({"app": settings}, 2.0), Route("routes[0]", Match(), "app", Policy(), "untouched")


def served(live: LiveBackend, url: str, method: str = "GET", **words: object) -> Explanation:
    """Explain a server as it is."""
    return explain_server(EMPTY, read_question(Asked(method, url, APP, browsers="chrome", **words), None), live)  # type: ignore[arg-type]


@pytest.fixture
def application() -> Flask:
    """An application that grants everyone on one path, and sends elsewhere on others."""
    application = Flask(__name__)

    @application.route("/open", methods=["GET", "PUT", "OPTIONS"], provide_automatic_options=False)
    def grants() -> Response:
        fields = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "PUT", "X-Method": request.method}
        return Response("", 200, fields)

    @application.route("/away")
    def away() -> Response:
        return Response("", 302, {"Location": "/open", "Access-Control-Allow-Origin": "*"})

    @application.route("/echo")
    def echo() -> Response:
        return Response("", 200, {f"X-Echo-{name}": value for name, value in request.headers})

    return application


def test_a_servers_own_preflight_and_redirects_are_judged(live: LiveBackend, application: Flask) -> None:
    with flask_backend(application) as backend:
        granted = served(live, f"{backend.url}/open", "PUT")
        redirected = served(live, f"{backend.url}/away")

    assert granted.allowed
    assert [each.request.method for each in granted.opinions[0].exchanges] == [b"OPTIONS", b"PUT"]
    assert [each.response.status for each in redirected.opinions[0].exchanges] == [302, 200]
    assert redirected.allowed


def test_what_could_change_something_is_not_sent_unless_that_is_asked_for(application: Flask) -> None:
    """GET stands in for PUT."""
    asked = WireRequest(b"PUT", "http://127.0.0.1/open")
    with flask_backend(application) as backend:
        asked = WireRequest(b"PUT", f"{backend.url}/open")
        with LiveBackend({}, 2.0) as careful:
            stood_in = dict(careful(asked, None).fields)
        with LiveBackend({}, 2.0, sends_unsafe=True) as bold:
            sent = dict(bold(asked, None).fields)

    assert (stood_in[b"X-Method"], sent[b"X-Method"]) == (b"GET", b"PUT")
    assert careful.notes == ["GET was sent in place of PUT, which could change something; --send-unsafe sends PUT itself"]
    assert bold.notes == []


def test_a_backend_is_asked_as_the_proxy_asks_it(application: Flask) -> None:
    """By the URL's host, with the fields of the browser and those of the proxy, and no others; cookies only if given."""
    with flask_backend(application) as backend:
        asking, route = upstream(Endpoint("127.0.0.1", backend.port))
        request_ = WireRequest(b"GET", "https://api.example.com/echo", ((b"Origin", b"https://a.example"), (b"X-A", b"1")))
        with asking:
            echoed = {name: value for name, value in asking(request_, route).fields if name.startswith(b"X-Echo-")}

    echoed.pop(b"X-Echo-Connection", None)  # "close", but for older versions of aiohttp
    assert echoed == {
        b"X-Echo-Host": b"api.example.com",
        b"X-Echo-Origin": b"https://a.example",
        b"X-Echo-X-A": b"1",
        b"X-Echo-Accept": b"*/*",
        b"X-Echo-X-Forwarded-Proto": b"https",
        b"X-Echo-X-Forwarded-Host": b"api.example.com",
    }


@pytest.mark.parametrize(
    ("credentialed", "host", "sent"),
    [(True, "api.example.com", b"a=b"), (False, "api.example.com", None), (True, "other.example.com", None)],
)
def test_a_cookie_goes_with_credentials_to_its_own_host_only(
    credentialed: bool, host: str, sent: bytes | None, application: Flask
) -> None:
    with flask_backend(application) as backend:
        asking, route = upstream(Endpoint("127.0.0.1", backend.port))
        asking.cookie, asking.cookie_url = b"a=b", "https://api.example.com/"
        with asking:
            fields = asking(WireRequest(b"GET", f"https://{host}/echo", credentialed=credentialed), route).fields

    assert dict(fields).get(b"X-Echo-Cookie") == sent


def test_the_next_address_of_an_upstream_is_asked_if_the_first_does_not_answer(application: Flask) -> None:
    with flask_backend(application) as backend:
        asking, route = upstream(Endpoint("127.0.0.1", free_port()), Endpoint("127.0.0.1", backend.port))
        with asking:
            assert asking(WireRequest(b"GET", "http://a.example/open"), route).status == 200


def test_doubled_lines_and_odd_bytes_come_as_they_are(live: LiveBackend) -> None:
    head = b"HTTP/1.1 200 OK\r\nVary: a\r\nvary:  b \r\nX: \xff\r\nContent-Length: 0\r\n\r\n"
    with answering(head) as port:
        fields = live(WireRequest(b"GET", f"http://127.0.0.1:{port}/"), None).fields

    assert fields == ((b"Vary", b"a"), (b"vary", b"b"), (b"X", b"\xff"), (b"Content-Length", b"0"))


def test_a_socket_in_the_file_system_is_asked(tmp_path: Path) -> None:
    path = str(tmp_path / "app.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        thread = threading.Thread(target=answer_once, args=(listening, b"HTTP/1.1 204 No Content\r\n\r\n"))
        thread.start()
        asking, route = upstream(Endpoint("", 0, unix_path=path))
        with asking:
            status = asking(WireRequest(b"GET", "http://a.example/"), route).status
        thread.join()

    assert status == 204


def test_a_websocket_handshake_is_made(live: LiveBackend) -> None:
    head = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhHRbK+xOo=\r\n\r\n"
    )
    with answering(head) as port:
        explanation = served(live, f"ws://127.0.0.1:{port}/feed")

    assert explanation.allowed, told(explanation)


def answer_once(listening: socket.socket, head: bytes) -> None:
    """Read one request head and answer; an empty answer closes at once."""
    connection, _ = listening.accept()
    with connection:
        seen = b""
        while b"\r\n\r\n" not in seen:
            received = connection.recv(65536)
            if not received:
                return
            seen += received
        connection.sendall(head)


class answering:  # noqa: N801  reads as a sentence
    """A server that gives the same answer to each connection, one after the other."""

    def __init__(self, head: bytes, wrap: Callable[[socket.socket], socket.socket] | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        if wrap is not None:
            self._listening = wrap(self._listening)
        self._thread = threading.Thread(target=self._serve, args=(head,))

    def _serve(self, head: bytes) -> None:
        with contextlib.suppress(OSError):  # the listening socket was shut
            while True:
                with contextlib.suppress(ssl.SSLError):  # the client did not like us
                    answer_once(self._listening, head)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._listening.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()


def refusing(live: LiveBackend, url: str) -> UnansweredError:
    with pytest.raises(UnansweredError) as refused:
        live(WireRequest(b"GET", url), None)
    return refused.value


def test_a_refused_connection_is_told_as_one(live: LiveBackend) -> None:
    port = free_port()

    assert str(refusing(live, f"http://127.0.0.1:{port}/")) == f"no connection to 127.0.0.1:{port}: connection refused"


def test_a_name_that_nobody_has_is_told_as_one(live: LiveBackend) -> None:
    assert str(refusing(live, "http://nobody.invalid/")) == "there is no host nobody.invalid"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        pytest.param(b"", "the connection was closed without an answer", id="closed"),
        pytest.param(b"SSH-2.0-x\r\n\r\n", "the answer is not HTTP", id="not-http"),
    ],
)
def test_an_answer_that_is_none_is_told_as_such(head: bytes, said: str, live: LiveBackend) -> None:
    with answering(head) as port:
        assert said in str(refusing(live, f"http://127.0.0.1:{port}/"))


def test_silence_ends_with_the_timeout_and_is_a_504() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, LiveBackend({}, 0.1) as impatient:
        fault = refusing(impatient, f"http://127.0.0.1:{silent.getsockname()[1]}/")

    assert (str(fault), fault.status) == ("no answer within 0.1 s", 504)


def test_a_certificate_that_is_not_trusted_is_told_as_such(live: LiveBackend) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)

    def wrap(listening: socket.socket) -> socket.socket:
        return context.wrap_socket(listening, server_side=True)

    with answering(b"", wrap) as port:
        said = str(refusing(live, f"https://localhost:{port}/"))

    assert said.startswith(f"the certificate of localhost:{port} is not trusted: ")


def test_plain_http_where_tls_is_wanted_is_told_as_such(live: LiveBackend) -> None:
    with answering_garbage() as port:
        assert str(refusing(live, f"https://localhost:{port}/")).startswith(f"no TLS with localhost:{port}")


class answering_garbage(answering):  # noqa: N801
    """A server that answers whatever it gets with what is no TLS."""

    def __init__(self) -> None:
        super().__init__(b"")

    def _serve(self, head: bytes) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(65536)


@pytest.mark.parametrize("verify", [True, False])
def test_an_upstreams_own_tls_settings_hold(verify: bool, tmp_path: Path) -> None:
    """`ca` and `server_name`, or no verification at all."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("backend.internal").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = UpstreamTls(str(tmp_path / "ca.pem"), True, "backend.internal") if verify else UpstreamTls(verify=False)

    def wrap(listening: socket.socket) -> socket.socket:
        return context.wrap_socket(listening, server_side=True)

    with answering(b"HTTP/1.1 204 No Content\r\n\r\n", wrap) as port:
        asking, route = upstream(Endpoint("127.0.0.1", port, secure=True), tls=tls)
        with asking:
            assert asking(WireRequest(b"GET", "https://a.example/"), route).status == 204


def test_a_certificate_file_that_is_missing_is_told_as_such() -> None:
    asking, route = upstream(Endpoint("127.0.0.1", 1, secure=True), tls=UpstreamTls("/no/ca.pem"))
    with asking, pytest.raises(UnansweredError, match=r"upstream app does not answer: .*No such file"):
        asking(WireRequest(b"GET", "https://a.example/"), route)


def test_a_backend_that_is_down_is_a_502_with_the_policy_on_it() -> None:
    """As the proxy answers: readable by who may read, and told as refused."""
    port = free_port()
    loaded = compiled(
        f"version: 1\nupstream: http://127.0.0.1:{port}\npolicy: {{cors: {{allow_origins: ['{APP}'], "
        "dangerously_allow_insecure_origins: {reason: x}}}\n"
    )
    question = read_question(Asked("GET", "http://localhost:8080/", APP, browsers="chrome"), loaded)
    with LiveBackend({each.name: each for each in loaded.generation.settings.upstreams}, 2.0) as live:
        explanation = explain(loaded, question, live)
    opinion = explanation.opinions[0]

    assert opinion.verdict.allowed
    assert not explanation.allowed
    assert opinion.exchanges[-1].response.status == 502
    assert f"xoproxy answers 502 itself: upstream http://127.0.0.1:{port} does not answer" in told(explanation)


def test_a_backend_is_asked_once_for_each_request_however_many_changes_are_tried() -> None:
    with plain_backend({}, default=Reply(b"x")) as backend:
        loaded = compiled(f"version: 1\nupstream: {backend.url}\npolicy: isolated\n")
        question = read_question(Asked("GET", "http://localhost:8080/x", "https://b.example", browsers="chrome"), loaded)
        with LiveBackend({each.name: each for each in loaded.generation.settings.upstreams}, 2.0) as live:
            explanation = explain(loaded, question, live)

    assert explanation.remedies
    assert len(backend.seen) == 1
