"""Requests that end here: too large, not to be trusted, without a route, preflights; each answer is readable."""

import pytest
from support.generations import APP, READABLE, generation, upstream
from support.planes import Proxy, Serve
from support.problems import check_problem
from support.wire import Backend

from xoproxy.config.settings import Limits
from xoproxy.policy.routes import Match, Route

GET = b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# Limits.


def post(body: bytes, *, chunked: bool) -> bytes:
    if chunked:
        return POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    return POST + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request_body_as_large_as_the_limit_passes(serve: Serve, backend: Backend, chunked: bool) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_body_bytes=1000)))
    client = await proxy.ask(post(b"x" * 1000, chunked=chunked))
    await backend.answer_once(OK)

    assert (await client.read_response(b"POST")).status == 200


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request_body_larger_than_the_limit_is_a_413(serve: Serve, backend: Backend, chunked: bool) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_body_bytes=1000)))
    client = await proxy.ask(post(b"x" * 1001, chunked=chunked))
    response = await client.read_response(b"POST")

    check_problem(response, 413, "request_too_large")
    assert (await proxy.record()).status == 413


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request_behind_a_body_that_is_too_large_is_answered_or_its_connection_ends(
    serve: Serve, backend: Backend, chunked: bool
) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_body_bytes=1000)))
    client = await proxy.ask(post(b"x" * 1001, chunked=chunked) + b"BAD\r\n\r\n")
    response = await client.read_response(b"POST")

    assert response.status == 413
    if response.values(b"connection") == [b"close"]:
        assert await client.read_rest() == b""
    else:
        assert (await client.read_response()).status == 400


async def test_a_body_whose_length_is_too_large_is_refused_before_it_comes(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_body_bytes=1000)))
    client = await proxy.ask(POST + b"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n")

    check_problem(await client.read_response(b"POST"), 413, "request_too_large")
    assert not backend.is_called()


async def test_a_body_that_grows_too_large_never_completes_at_the_upstream(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_body_bytes=1000)))
    client = await proxy.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n")
    origin = await backend.accept()
    await origin.read_head()
    await origin.expect(b"4\r\ngood\r\n")
    await client.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n")

    check_problem(await client.read_response(b"POST"), 413, "request_too_large")
    assert (await origin.read_until_ended())[0] == b""


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["unfinished", "whole"])
async def test_a_request_head_larger_than_the_limit_is_a_431(serve: Serve, backend: Backend, end: bytes) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_head_bytes=1000)))
    client = await proxy.ask(GET[:-2] + b"X: " + b"x" * 1000 + end)

    check_problem(await client.read_response(), 431, "http_request_error")
    assert await client.read_rest() == b""
    record = await proxy.record()
    assert (record.status, record.error, record.cors, record.origin) == (431, "http_request_error", "granted", APP)


async def test_a_request_head_as_large_as_the_limit_passes(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(request_head_bytes=1000)))
    filler = 1000 - len(GET) - len(b"X: \r\n")
    client = await proxy.ask(GET[:-2] + b"X: " + b"x" * filler + b"\r\n\r\n" + b"y" * 300)
    await backend.answer_once(OK)

    assert (await client.read_response()).status == 200


# Requests that cannot be read.


ORIGIN = b"Origin: " + APP + b"\r\n"
GET_A = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST_A = b"POST / HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n" + ORIGIN + b"\r\n", 400, id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + ORIGIN + b"\r\n", 400, id="two Hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a b\r\n" + ORIGIN + b"\r\n", 400, id="bad Host"),
        pytest.param(GET_A + ORIGIN + b"X: y\n\r\n", 400, id="one bare line feed"),
        pytest.param(GET_A + ORIGIN + b"X: y\r\n z\r\n\r\n", 400, id="folded"),
        pytest.param(GET_A + ORIGIN + b"X : y\r\n\r\n", 400, id="space before the colon"),
        pytest.param(GET_A + ORIGIN + b"X: \0\r\n\r\n", 400, id="NUL"),
        pytest.param(POST_A + ORIGIN + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 400, id="two lengths"),
        pytest.param(POST_A + ORIGIN + b"Content-Length: +2\r\n\r\nhi", 400, id="no plain length"),
        pytest.param(
            POST_A + ORIGIN + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="CL and TE"
        ),
        pytest.param(POST_A.replace(b"1.1", b"1.0") + ORIGIN + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="1.0"),
        pytest.param(POST_A + ORIGIN + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, id="gzip"),
        pytest.param(b"GET  / HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"\r\n", 400, id="two spaces"),
        pytest.param(b"GET / HTTP/2.0\r\nHost: a\r\n" + ORIGIN + b"\r\n", 505, id="another version"),
        pytest.param(b"GET x HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"\r\n", 400, id="a target without slash"),
        pytest.param(b"GET http://b/ HTTP/1.1\r\nHost: a\r\n" + ORIGIN + b"\r\n", 400, id="another authority"),
        pytest.param(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n" + ORIGIN + b"\r\n", 501, id="CONNECT"),
    ],
)  # fmt: skip
async def test_a_request_that_cannot_be_trusted_is_refused_readably(
    proxy: Proxy, backend: Backend, request_bytes: bytes, status: int
) -> None:
    client = await proxy.ask(request_bytes)
    response = await client.read_response()

    check_problem(response, status, "http_request_error")
    assert response.values(b"connection") == [b"close"]
    assert await client.read_rest() == b""
    assert not backend.is_called()
    record = await proxy.record()
    assert (record.status, record.error) == (status, "http_request_error")


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1\nHost: a\n\n", b"GET / HTTP/1.1\r\nHost: a\r\n\n", b"GET / HTTP/1.1\nHost: a\n\r\n"]
)
async def test_a_head_that_ends_with_a_bare_line_feed_is_refused_at_once(proxy: Proxy, backend: Backend, head: bytes) -> None:
    client = await proxy.connect()
    await client.drip(head)

    assert (await client.read_response()).status == 400
    assert await client.read_rest() == b""
    assert not backend.is_called()


@pytest.mark.parametrize(
    "lines", [b"", b"Origin: https://evil.example\r\n", ORIGIN + ORIGIN], ids=["no origin", "another origin", "two origins"]
)
async def test_a_refusal_is_readable_for_no_other_origin(proxy: Proxy, lines: bytes) -> None:
    client = await proxy.ask(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
    response = await client.read_response()

    assert response.status == 400
    assert not [name for name, _ in response.fields if name.lower().startswith(b"access-control-")]
    assert response.values(b"vary") == [b"Origin"]


@pytest.mark.parametrize(
    "bad", [b"xyz\r\n", b"4\r\nhalf!\r\n", b"4\nhalf\r\n", b"0\r\nHost: b\r\n\r\n", b"0\r\nbad\r\n\r\n", b"9" * 5000]
)
async def test_a_bad_chunk_from_the_client_is_a_400_and_never_reaches_the_upstream(
    proxy: Proxy, backend: Backend, bad: bytes
) -> None:
    client = await proxy.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n")
    origin = await backend.accept()
    await origin.read_head()
    await origin.expect(b"4\r\ngood\r\n")
    await client.send(bad)
    response = await client.read_response(b"POST")

    check_problem(response, 400, "http_request_error")
    assert (await origin.read_until_ended())[0] == b""
    assert await client.read_rest() == b""


# Our own answers.


@pytest.fixture
async def nowhere(serve: Serve, backend: Backend) -> Proxy:
    """Return a proxy with one route, to /app."""
    routes = (Route("routes[0]", Match(path="/app"), "app", READABLE, "p"),)
    return await serve(generation(upstream(backend.endpoint), routes=routes))


async def test_a_request_without_a_route_is_a_404_and_the_connection_stays(nowhere: Proxy) -> None:
    client = await nowhere.connect()
    for _ in range(2):
        await client.send(GET)
        response = await client.read_response()

        check_problem(response, 404, "destination_not_found")
        assert response.values(b"connection") == []
    assert [(record.status, record.route) for record in nowhere.records] == [(404, "")] * 2


async def test_an_own_error_to_head_has_no_body(nowhere: Proxy, backend: Backend) -> None:
    client = await nowhere.ask(b"HEAD" + GET[3:] + GET.replace(b"/ ", b"/app "))
    head = await client.read_head()
    await backend.answer_once(OK)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])

    assert head.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert length > 0
    assert (await client.read_response()).body == b"ok"


async def test_a_502_to_head_has_no_body(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(b"HEAD" + GET[3:])
    await backend.answer_once(b"nonsense\r\n\r\n")
    head = await client.read_head()
    await client.send(GET)
    await backend.answer_once(OK)

    assert head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert (await client.read_response()).body == b"ok"


async def test_content_that_nobody_takes_ends_the_connection_with_the_answer(nowhere: Proxy) -> None:
    client = await nowhere.ask(POST + b"Content-Length: 28\r\n\r\nGET /app HTTP/1.1\r\nHost: h\r\n\r\n")
    response = await client.read_response(b"POST")

    check_problem(response, 404, "destination_not_found")
    assert response.values(b"connection") == [b"close"]
    assert await client.read_rest() == b""
    assert len(nowhere.records) == 1


@pytest.mark.parametrize(
    ("origin", "status", "cors"), [(APP, 204, "preflight-granted"), (b"https://evil.example", 403, "preflight-refused")]
)
async def test_a_preflight_is_answered_here(proxy: Proxy, backend: Backend, origin: bytes, status: int, cors: str) -> None:
    preflight = b"OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: " + origin + b"\r\nAccess-Control-Request-Method: GET\r\n\r\n"
    client = await proxy.ask(preflight)
    response = await client.read_response(b"OPTIONS")

    assert response.status == status
    assert response.values(b"access-control-allow-origin") == ([origin] if status == 204 else [])
    assert b"Origin" in response.values(b"vary")[0]
    record = await proxy.record()
    assert (record.status, record.cors, record.route) == (status, cors, "routes[0]")
    assert not backend.is_called()


async def test_a_refused_head_request_gets_no_body(serve: Serve, backend: Backend) -> None:
    """RFC 9110 §9.3.2 holds for a refusal too: its content would be taken for the next response."""
    proxy = await serve(generation(upstream(backend.endpoint)))
    client = await proxy.ask(b"HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n")
    answer = await client.read_rest()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"\r\n\r\n")


async def test_a_tls_handshake_on_a_plain_port_is_refused_at_once(proxy: Proxy) -> None:
    """Whoever typed https:// sees a failure now, not at the deadline of a head."""
    client = await proxy.ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32))

    assert (await client.read_until_ended())[0].startswith(b"HTTP/1.1 400 ")
    assert (await proxy.record()).reason == "this is TLS, and the port speaks plain HTTP"


async def test_the_record_says_why_a_request_was_refused(proxy: Proxy) -> None:
    client = await proxy.ask(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
    await client.read_response()

    assert (await proxy.record()).reason == "Content-Length together with Transfer-Encoding"
