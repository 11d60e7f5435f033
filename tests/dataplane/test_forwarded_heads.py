"""What of a head goes on, to the upstream and to the client.  (RFC 9110 §7.6; design rule 8)"""

import pytest
from support.generations import generation, upstream
from support.planes import Proxy, Serve
from support.wire import Backend, Peer

from xoproxy.policy.model import Policy

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ADDED = b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\nVia: 1.1 xoproxy\r\n\r\n"


@pytest.fixture
async def bare(serve: Serve, backend: Backend) -> Proxy:
    """Return a proxy with the empty policy: what it changes, it changes for the protocol's sake."""
    return await serve(generation(upstream(backend.endpoint), policy=Policy()))


async def forwarded(proxy: Proxy, backend: Backend, request: bytes) -> bytes:
    """Return the head that reaches the backend for `request`; the client gets its answer."""
    client = await proxy.ask(request)
    origin = await backend.accept()
    message = await origin.read_request()
    await origin.send(OK)
    assert (await client.read_response(message.method)).status == 200
    return message.head


@pytest.mark.parametrize(
    "method",
    [b"GET", b"patch", b"NEW", b"chicken", b"M-SEARCH", b"!#$%&'*+-.^_`|~09azAZ", b"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKL"],
)
async def test_any_method_token_is_forwarded(proxy: Proxy, backend: Backend, method: bytes) -> None:
    head = await forwarded(proxy, backend, method + b" /x HTTP/1.1\r\nHost: a.example\r\n\r\n")

    assert head == method + b" /x HTTP/1.1\r\nHost: a.example\r\n" + ADDED


@pytest.mark.parametrize(
    "target",
    [b"//x", b"/a//b/../c/./d", b"/%2F%2e%2E", b"/a;b=c;d", b"/?a=%zz&&=", b"/?", b"/" + b"y" * 8000, b"/a?b?c",
     b'/"<>^`{|}?\\',
     b"http://a.example/x?y", b"HTTP://a.example"],
)  # fmt: skip
async def test_targets_are_forwarded_byte_for_byte(proxy: Proxy, backend: Backend, target: bytes) -> None:
    head = await forwarded(proxy, backend, b"GET " + target + b" HTTP/1.1\r\nHost: a.example\r\n\r\n")

    assert head == b"GET " + target + b" HTTP/1.1\r\nHost: a.example\r\n" + ADDED


async def test_the_asterisk_target_is_forwarded(proxy: Proxy, backend: Backend) -> None:
    head = await forwarded(proxy, backend, b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n")

    assert head == b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n" + ADDED


LINES = (
    b"hOsT: a.example\r\nx-ODD-case:no space\r\nX-Twice: 1\r\nCookie: a=1\r\nx-twice: 2\r\nCookie: b=2\r\nX-Empty:\r\n"
    b"X-Latin: \xe4\xf6\xfc \xff\r\nX-Padded:  \t two  \t \r\nX_Under: u\r\nUser-Agent: t\r\n"
)


async def test_request_fields_keep_bytes_case_order_and_duplicates(proxy: Proxy, backend: Backend) -> None:
    head = await forwarded(proxy, backend, b"GET / HTTP/1.1\r\n" + LINES + b"\r\n")

    assert head == b"GET / HTTP/1.1\r\n" + LINES + ADDED


async def test_response_fields_keep_bytes_case_order_and_duplicates(bare: Proxy, backend: Backend) -> None:
    client = await bare.ask(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    answer = (
        b"HTTP/1.1 299 \xfcbrig, odd\r\nset-cookie: a=1\r\nSERVER:x\r\nSet-Cookie: b=2\r\nX-Latin: \xe4\xff\r\n"
        b"X-Padded: \t y \t\r\n"
        b"X-Empty:\r\ncontent-LENGTH: 2\r\nVARY: a\r\nvary: b\r\nAccess-Control-Allow-Origin: *\r\n\r\nok"
    )
    await backend.answer_once(answer)

    await client.expect(answer)


@pytest.mark.parametrize("status_line", [b"HTTP/1.1 200 ", b"HTTP/1.1 200", b"HTTP/1.1 404 Not Here", b"HTTP/1.1 999 Odd"])
async def test_status_and_reason_are_passed_on(bare: Proxy, backend: Backend, status_line: bytes) -> None:
    client = await bare.ask(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    await backend.answer_once(status_line + b"\r\nContent-Length: 0\r\n\r\n")

    await client.expect(status_line + b"\r\nContent-Length: 0\r\n\r\n")


HOP_BY_HOP = [
    b"Keep-Alive: timeout=5",
    b"Proxy-Connection: keep-alive",
    b"Upgrade: h2c",
    b"Connection: X-Private\r\nX-Private: 1\r\nx-private: 2",
    b"Connection: keep-alive, X-Private , ,TE\r\nX-Private: 1",
    b"Connection: x-a\r\nX-A: 1\r\nconnection: x-b\r\nX-B: 2",
]


@pytest.mark.parametrize("lines", [*HOP_BY_HOP, b"TE: trailers"])
async def test_fields_of_the_clients_connection_are_not_forwarded(proxy: Proxy, backend: Backend, lines: bytes) -> None:
    head = await forwarded(proxy, backend, b"GET / HTTP/1.1\r\nHost: a.example\r\n" + lines + b"\r\nX-Kept: 1\r\n\r\n")

    assert head == b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Kept: 1\r\n" + ADDED


@pytest.mark.parametrize("lines", [*HOP_BY_HOP, b"Upgrade: h2, h2c\r\nConnection: Upgrade"])
async def test_fields_of_the_upstreams_connection_are_not_passed_on(bare: Proxy, backend: Backend, lines: bytes) -> None:
    client = await bare.ask(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    await backend.answer_once(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok")

    await client.expect(b"HTTP/1.1 200 OK\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok")


@pytest.mark.parametrize("name", [b"Host", b"Content-Length", b"Cookie", b"Authorization", b"Origin"])
async def test_connection_cannot_name_a_field_that_is_meant_for_all(proxy: Proxy, backend: Backend, name: bytes) -> None:
    request = (
        b"POST / HTTP/1.1\r\nHost: a.example\r\nCookie: c\r\nAuthorization: x\r\nOrigin: https://o.example\r\n"
        b"Content-Length: 2\r\n"
    )
    head = await forwarded(proxy, backend, request + b"Connection: " + name + b"\r\n\r\nhi")

    assert head == request + ADDED


async def test_a_connection_field_cannot_remove_what_the_policy_sends(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    await backend.answer_once(
        b"HTTP/1.1 200 OK\r\nConnection: Cross-Origin-Resource-Policy, Vary\r\nCross-Origin-Resource-Policy: cross-origin\r\n"
        b"Content-Length: 2\r\n\r\nok"
    )
    response = await client.read_response()

    assert response.values(b"cross-origin-resource-policy") == [b"same-site"]
    assert response.values(b"vary") == [b"Origin"]


SAID = (
    b"X-Forwarded-For: 192.0.2.1\r\nx-forwarded-for: 192.0.2.2, 192.0.2.3\r\nX-Forwarded-Proto: https\r\n"
    b"X-Forwarded-Host: b.example\r\n"
)


async def test_what_an_untrusted_client_says_of_itself_is_replaced(proxy: Proxy, backend: Backend) -> None:
    head = await forwarded(
        proxy, backend, b"GET / HTTP/1.1\r\nHost: a.example\r\n" + SAID + b"Forwarded: for=x\r\nVia: 1.0 p\r\n\r\n"
    )

    assert head == b"GET / HTTP/1.1\r\nHost: a.example\r\nVia: 1.0 p\r\n" + ADDED
    assert (await proxy.record()).client == "127.0.0.1"


async def test_what_a_trusted_proxy_says_goes_on_and_its_address_is_added(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), trusts_loopback=True))
    head = await forwarded(proxy, backend, b"GET / HTTP/1.1\r\nHost: a.example\r\n" + SAID + b"Forwarded: for=x\r\n\r\n")

    assert head == (
        b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b.example\r\nForwarded: for=x\r\n"
        b"X-Forwarded-For: 192.0.2.1, 192.0.2.2, 192.0.2.3, 127.0.0.1\r\nForwarded: for=127.0.0.1\r\nVia: 1.1 xoproxy\r\n\r\n"
    )
    assert (await proxy.record()).client == "192.0.2.3"


async def test_a_trusted_proxy_that_says_nothing_is_spoken_for(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), trusts_loopback=True))
    head = await forwarded(proxy, backend, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")

    assert head == b"GET / HTTP/1.1\r\nHost: a.example\r\n" + ADDED


async def test_an_http_1_0_request_goes_on_as_1_1_with_a_host(proxy: Proxy, backend: Backend) -> None:
    head = await forwarded(proxy, backend, b"GET / HTTP/1.0\r\nX-A: 1\r\nExpect: 100-continue\r\n\r\n")

    assert head == (
        b"GET / HTTP/1.1\r\nX-A: 1\r\nHost: 127.0.0.1:%d\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
        b"Via: 1.0 xoproxy\r\n\r\n" % backend.port
    )


GOOD = [
    b"GET / HTTP/1.1\r\n" + LINES + b"\r\n",
    b"\r\nGET /after-an-empty-line HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"\r\n\r\nGET /after-two HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: X-Private, close\r\nX-Private: 1\r\n\r\n",
    b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", GOOD)
async def test_a_request_in_single_bytes_is_the_request_in_one_piece(
    proxy: Proxy, backend: Backend, request_bytes: bytes
) -> None:
    origins: list[Peer] = []
    seen: list[bytes] = []
    for dripped in (False, True):
        client = await proxy.connect()
        await (client.drip(request_bytes) if dripped else client.send(request_bytes))
        origins.append(await backend.accept())
        message = await origins[-1].read_request()
        seen.append(message.head + message.body + b"|" + repr(message.trailers).encode())
    for origin in origins:
        origin.close()

    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
async def test_a_response_in_single_bytes_is_the_response_in_one_piece(proxy: Proxy, backend: Backend, answer: bytes) -> None:
    seen = []
    for dripped in (False, True):
        client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        origin = await backend.accept()
        await origin.read_request()
        await (origin.drip(answer) if dripped else origin.send(answer))
        seen.append(await client.read_rest())
        origin.close()

    assert seen[0] == seen[1]
