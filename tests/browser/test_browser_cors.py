"""What script of another origin can do through xoproxy, in Chromium: fields, WebSocket, EventSource."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.async_api import Page
from support.backends import Backend, Reply, serving
from support.chromium import Script
from support.fixtures import PlainFactory, ProxyFactory
from websockets.sync.server import ServerConnection, serve

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def cors(upstream: str, allowed: str, more: str = "") -> str:
    """Return a policy file that lets script of `allowed` read."""
    rules = f"    cors:\n      allow_origins: ['{allowed}']\n{more}"
    return f"version: 1\nupstream: {upstream}\npolicy: api\npolicies:\n  api:\n{rules}"


async def test_only_exposed_fields_reach_script(
    proxy: ProxyFactory, plain: PlainFactory, script: Script, elsewhere: Backend
) -> None:
    """Of two fields of the backend script sees the one that `expose_headers` lists."""
    backend = plain({"/": Reply(b"text", "text/plain", fields={"X-Total-Count": "3", "X-Internal": "secret"})})
    running = proxy(cors(backend.url, elsewhere.origin("app.localhost"), "      expose_headers: [X-Total-Count]\n"))

    answer = await script.fetch(running.origin("api.localhost") + "/")

    assert answer["fields"]["x-total-count"] == "3"
    assert "x-internal" not in answer["fields"]


async def test_all_fields_are_exposed_by_a_star(
    proxy: ProxyFactory, plain: PlainFactory, script: Script, elsewhere: Backend
) -> None:
    """`expose_headers: "*"` is spelled out, so it works for credentialed requests too."""
    backend = plain({"/": Reply(b"text", "text/plain", fields={"X-Total-Count": "3"})})
    more = "      expose_headers: '*'\n      allow_credentials: true\n"
    running = proxy(cors(backend.url, elsewhere.origin("app.localhost"), more))

    answer = await script.fetch(running.origin("api.localhost") + "/", {"credentials": "include"})

    assert answer["fields"]["x-total-count"] == "3"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "patch"])
async def test_listed_methods_pass_the_preflight(
    proxy: ProxyFactory, plain: PlainFactory, script: Script, elsewhere: Backend, method: str
) -> None:
    """Each method that the policy lists passes, in the very case it is listed in; `patch` is another method than PATCH."""
    backend = plain({"/": Reply(b"text", "text/plain")})
    running = proxy(cors(backend.url, elsewhere.origin("app.localhost"), f"      allow_methods: [{method}]\n"))

    listed = await script.fetch(running.origin("api.localhost") + "/", {"method": method})
    other = await script.fetch(running.origin("api.localhost") + "/", {"method": "SEARCH"})

    assert listed["text"] == "text"
    assert "refused" in other
    assert [seen.method for seen in backend.seen] == [method]


@pytest.fixture
def echo() -> Iterator[Backend]:
    """Run a WebSocket server that sends back what it gets."""

    def answer(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Backend(server.socket.getsockname()[1])
        server.shutdown()
        thread.join()


async def test_websocket_is_tunnelled(proxy: ProxyFactory, echo: Backend, script: Script) -> None:
    """Text and binary messages come back, larger than one segment too, and the closing handshake is a clean one."""
    running = proxy(f"version: 1\nupstream: {echo.url}\npolicy: isolated\n")

    answer = await script.page.evaluate(
        """url => new Promise((resolve, reject) => {
            const socket = new WebSocket(url);
            const got = [];
            socket.onopen = () => { socket.send("text"); socket.send(new Uint8Array(200000)); };
            socket.onmessage = async ({data}) => {
                got.push(typeof data === "string" ? data : data.size);
                if (got.length === 2) socket.close(1000);
            };
            socket.onerror = () => reject(new Error("the WebSocket failed"));
            socket.onclose = event => resolve({got, clean: event.wasClean});
        })""",
        running.origin("api.localhost").replace("http", "ws"),
    )

    assert answer == {"got": ["text", 200000], "clean": True}


class EventServer(ThreadingHTTPServer):
    """Sends one event at once and the next only when the test says so."""

    daemon_threads = True

    def __init__(self) -> None:
        self.first_arrived = threading.Event()
        super().__init__(("127.0.0.1", 0), EventHandler)


class EventHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: EventServer

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.send_event(b"data: one\n\n")
        if self.server.first_arrived.wait(20):
            self.send_event(b"data: two\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def send_event(self, event: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def events() -> Iterator[EventServer]:
    """Run the event server."""
    server = EventServer()
    with serving(server):
        yield server


async def test_event_source_gets_each_event_when_it_is_sent(
    proxy: ProxyFactory, events: EventServer, page: Page, elsewhere: Backend
) -> None:
    """An EventSource of another origin has the first event before the backend has made the second: nothing is buffered."""
    running = proxy(cors(f"http://127.0.0.1:{events.server_address[1]}", elsewhere.origin("app.localhost")))
    await page.goto(elsewhere.origin("app.localhost"))

    await page.evaluate(
        """url => {
            window.events = [];
            const source = new EventSource(url);
            source.onmessage = ({data}) => { events.push(data); if (data === "two") source.close(); };
            source.onerror = () => { events.push("error"); source.close(); };
        }""",
        running.origin("api.localhost"),
    )
    await page.wait_for_function("events.length === 1")
    first = await page.evaluate("events.slice()")
    await asyncio.to_thread(events.first_arrived.set)
    await page.wait_for_function("events.length === 2")

    assert first == ["one"]
    assert await page.evaluate("events") == ["one", "two"]
