"""Which WebSockets open.  (WebSockets Standard; RFC 6455 §4.1, RFC 7692 §7.1)"""

import pytest
from support.pages import APP, OTHER, fields, page

from xoproxy.browser import sockets
from xoproxy.browser.fetching import settle
from xoproxy.browser.model import Document, Engine, Verdict, WireRequest, WireResponse
from xoproxy.browser.sockets import ACCEPTED

CHROME = Engine.CHROME
PAGE = page(APP)
SERVER = "wss://api.example/live"
RIGHT = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhHRbK+xOo=")


def opened(answer: WireResponse = ACCEPTED, *protocols: bytes, url: str = SERVER, by: Document = PAGE) -> Verdict:
    return settle(sockets.conclude(by, url, CHROME, protocols), lambda _: answer)


def answered(*lines: str) -> WireResponse:
    return WireResponse(101, fields(*lines))


def test_what_a_server_of_websockets_answers_opens_one() -> None:
    verdict = opened()

    assert verdict.allowed
    assert (verdict.tainting, verdict.exposed) == (None, ())


@pytest.mark.parametrize(
    ("lines", "step"),
    [
        pytest.param(RIGHT, None, id="right"),
        pytest.param(("Upgrade: WebSocket", *RIGHT[1:]), None, id="case-of-upgrade"),
        pytest.param(("Upgrade: websocket, h2c", *RIGHT[1:]), "Upgrade", id="two-protocols"),
        pytest.param((RIGHT[0], *RIGHT), "Upgrade", id="upgrade-twice"),
        pytest.param(RIGHT[1:], "Upgrade", id="no-upgrade"),
        pytest.param((RIGHT[0], "Connection: keep-alive, UPGRADE", RIGHT[2]), None, id="one-of-the-options"),
        pytest.param((RIGHT[0], "Connection: keep-alive", "Connection: upgrade", RIGHT[2]), None, id="two-lines"),
        pytest.param((RIGHT[0], "Connection: keep-alive", RIGHT[2]), "Connection", id="another-option"),
        pytest.param((RIGHT[0], RIGHT[2]), "Connection", id="no-connection"),
        pytest.param(RIGHT[:2], "Sec-WebSocket-Accept", id="no-accept"),
        pytest.param((*RIGHT[:2], "Sec-WebSocket-Accept: x"), "Sec-WebSocket-Accept", id="wrong-accept"),
        pytest.param((*RIGHT, RIGHT[2]), "Sec-WebSocket-Accept", id="accept-twice"),
    ],
)
def test_the_answer_must_be_that_of_a_websocket_server(lines: tuple[str, ...], step: str | None) -> None:
    """RFC 6455 §4.1, the client's requirements 2 to 4."""
    verdict = opened(answered(*lines))

    assert (verdict.decisive.name if verdict.decisive else None) == step


@pytest.mark.parametrize("status", [200, 204, 302, 401, 403, 426, 502])
def test_any_status_but_101_is_an_error_event(status: int) -> None:
    """WebSockets Standard: a response whose status is not 101 fails the connection, redirects and 401 included."""
    verdict = opened(WireResponse(status, (*ACCEPTED.fields, (b"Location", b"/elsewhere"))))

    assert verdict.decisive is not None
    assert verdict.decisive.why == f"the server answers {status}, not 101; script sees an error event and no reason"
    assert len(verdict.exchanges) == 1


@pytest.mark.parametrize(
    ("asked", "chosen", "step"),
    [
        pytest.param((), (), None, id="none"),
        pytest.param((b"chat", b"v2"), ("v2",), None, id="one-of-them"),
        pytest.param((b"chat",), (), "establish a WebSocket connection", id="not-answered"),
        pytest.param((b"chat",), ("",), "establish a WebSocket connection", id="empty"),
        pytest.param((b"chat",), ("other",), "Sec-WebSocket-Protocol", id="another"),
        pytest.param((b"chat",), ("Chat",), "Sec-WebSocket-Protocol", id="case"),
        pytest.param((b"chat",), ("chat", "chat"), "Sec-WebSocket-Protocol", id="twice"),
        pytest.param((), ("chat",), "Sec-WebSocket-Protocol", id="unasked"),
    ],
)
def test_the_protocol_is_one_that_was_asked_for(asked: tuple[bytes, ...], chosen: tuple[str, ...], step: str | None) -> None:
    """RFC 6455 §4.1, requirement 6; WebSockets Standard: asked for, it must be answered."""
    lines = (*RIGHT, *(f"Sec-WebSocket-Protocol: {each}" for each in chosen))
    verdict = opened(answered(*lines), *asked)

    assert (verdict.decisive.name if verdict.decisive else None) == step


@pytest.mark.parametrize(
    ("extensions", "opens"),
    [
        pytest.param(("permessage-deflate",), True, id="offered"),
        pytest.param(("permessage-deflate; server_no_context_takeover; client_no_context_takeover",), True, id="flags"),
        pytest.param(("permessage-deflate; server_max_window_bits=8",), True, id="bits"),
        pytest.param(('permessage-deflate; client_max_window_bits="15"',), True, id="quoted-bits"),
        pytest.param(("permessage-deflate; server_max_window_bits=16",), False, id="too-many-bits"),
        pytest.param(("permessage-deflate; client_max_window_bits",), False, id="bits-without-number"),
        pytest.param(("permessage-deflate; server_no_context_takeover; server_no_context_takeover",), False, id="param-twice"),
        pytest.param(("permessage-deflate; nonsense",), False, id="unknown-param"),
        pytest.param(("permessage-deflate", "permessage-deflate"), False, id="twice"),
        pytest.param(("permessage-deflate, server_no_context_takeover",), False, id="a-parameter-that-is-an-extension"),
        pytest.param(("x-made-up",), False, id="not-offered"),
        pytest.param(("",), False, id="empty"),
    ],
)
def test_the_extension_is_the_one_that_was_offered(extensions: tuple[str, ...], opens: bool) -> None:
    """RFC 6455 §4.1, requirement 5; RFC 7692 §7.1."""
    lines = (*RIGHT, *(f"Sec-WebSocket-Extensions: {each}" for each in extensions))

    assert opened(answered(*lines)).allowed is opens


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        pytest.param("wss://api.example/live?x=1", "https://api.example/live?x=1", id="wss"),
        pytest.param("https://api.example/live", "https://api.example/live", id="https"),
        pytest.param("ws://localhost:5000/live", "http://localhost:5000/live", id="ws-loopback-from-https"),
        pytest.param("wss://api.example:443/", "https://api.example/", id="default-port"),
    ],
)
def test_the_handshake_goes_over_http(url: str, asked: str) -> None:
    """WebSockets Standard, "establish a WebSocket connection" step 1."""
    assert [wire.url for wire, _ in opened(url=url).exchanges] == [asked]


@pytest.mark.parametrize("url", ["/live", "ftp://api.example", "nonsense"])
def test_what_is_no_websocket_url_is_a_syntax_error(url: str) -> None:
    verdict = opened(url=url)

    assert verdict.decisive is not None
    assert verdict.decisive.why == f'"{url}" is no WebSocket URL; write it as wss://app.example.com/path'
    assert verdict.exchanges == ()


def test_an_insecure_websocket_from_a_secure_page_is_mixed_content() -> None:
    verdict = opened(url="ws://api.example/live")

    assert not verdict.allowed
    assert verdict.exchanges == ()


def test_the_server_sees_whose_page_it_is() -> None:
    """RFC 6455 §10.2: this, and nothing in the answer, decides over foreign pages."""
    asked: list[WireRequest] = []

    def answer(wire: WireRequest) -> WireResponse:
        asked.append(wire)
        return ACCEPTED

    verdict = settle(sockets.conclude(page(OTHER), SERVER, CHROME, (b"chat", b"v2")), answer)
    sent = dict(asked[0].fields)

    assert sent[b"Origin"] == OTHER.encode()
    assert asked[0].credentialed
    assert (sent[b"Upgrade"], sent[b"Connection"], sent[b"Sec-WebSocket-Version"]) == (b"websocket", b"Upgrade", b"13")
    assert sent[b"Sec-WebSocket-Protocol"] == b"chat, v2"
    assert not any(name.startswith(b"Sec-Fetch-") for name in sent)
    assert not verdict.allowed  # two protocols were asked for, none was answered


def test_firefox_says_what_the_request_is_for() -> None:
    """Fetch §4.6 appends the Fetch metadata to every request; Chromium 156 sends a handshake without (November 2026)."""
    verdict = settle(sockets.conclude(PAGE, SERVER, Engine.FIREFOX), lambda _: ACCEPTED)

    assert dict(verdict.exchanges[0][0].fields)[b"Sec-Fetch-Mode"] == b"websocket"


@pytest.mark.parametrize(
    ("lines", "asked", "opens"),
    [
        pytest.param(("Upgrade: websocket, h2c", *RIGHT[1:]), (), True, id="upgrade-lists"),
        pytest.param(("Upgrade: h2c", *RIGHT[1:]), (), False, id="upgrade-to-something-else"),
        pytest.param(RIGHT, (b"chat",), True, id="asked-and-not-answered"),
        pytest.param((*RIGHT, "Sec-WebSocket-Protocol: chat"), (), True, id="answered-and-not-asked"),
        pytest.param((*RIGHT, "Sec-WebSocket-Protocol: chat"), (b"chat",), True, id="agreed"),
        pytest.param((*RIGHT, "Sec-WebSocket-Protocol: other"), (b"chat",), False, id="another"),
        pytest.param((*RIGHT, "Sec-WebSocket-Protocol: "), (b"chat",), False, id="asked-and-answered-with-nothing"),
    ],
)
def test_firefox_opens_more_than_it_should(lines: tuple[str, ...], asked: tuple[bytes, ...], opens: bool) -> None:
    """Seen with Firefox 153, November 2026."""
    verdict = settle(sockets.conclude(PAGE, SERVER, Engine.FIREFOX, asked), lambda _: answered(*lines))

    assert verdict.allowed is opens
