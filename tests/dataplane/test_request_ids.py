"""Every request has an id: the client's, if it is a plain one, or ours; sent on, logged, shown in our own errors."""

import json
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.generations import generation, upstream
from support.planes import Proxy, Serve
from support.wire import Backend

from xoproxy.config.settings import Endpoint
from xoproxy.dataplane.request_ids import RequestIds, new_id
from xoproxy.semantics.field_lines import request_reader
from xoproxy.semantics.forwarded import Hop
from xoproxy.semantics.forwarding import NO_EDIT, request_for_upstream
from xoproxy.semantics.heads import RequestHead, read_request_head

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HOP = Hop(b"192.0.2.7", b"http")
MADE = re.compile(r"[0-9a-f]{24}")


@pytest.fixture
async def naming(serve: Serve, backend: Backend) -> Proxy:
    return await serve(generation(upstream(backend.endpoint), request_id="X-Request-Id"))


async def forwarded(proxy: Proxy, backend: Backend, *lines: bytes) -> tuple[list[bytes], str]:
    """Return the ids that the upstream sees, and the one in the record."""
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
    origin = await backend.accept()
    request = await origin.read_request()
    await origin.send(OK)
    await client.read_response()
    return request.values(b"x-request-id"), (await proxy.record()).request_id


@pytest.mark.parametrize("value", [b"a", b"0f3c-77.b_A/+=:@~", b"x" * 128, b"  padded\t"])
async def test_a_plain_id_of_the_clients_goes_on(naming: Proxy, backend: Backend, value: bytes) -> None:
    seen, logged = await forwarded(naming, backend, b"x-REQUEST-id:" + value)

    assert seen == [value.strip()]
    assert logged == value.strip().decode()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((), id="none"),
        pytest.param((b"X-Request-Id:",), id="empty"),
        pytest.param((b"X-Request-Id: a b",), id="two-words"),
        pytest.param((b'X-Request-Id: "a"',), id="quotes"),
        pytest.param((b"X-Request-Id: \xe9",), id="latin-1"),
        pytest.param((b"X-Request-Id: " + b"x" * 129,), id="too-long"),
        pytest.param((b"X-Request-Id: a", b"Y: 1", b"x-request-id: b"), id="two-lines"),
        pytest.param((b"X-Request-Id-Not: a",), id="another-name"),
    ],
)
async def test_else_one_is_made(naming: Proxy, backend: Backend, lines: tuple[bytes, ...]) -> None:
    """Exactly one goes on, and it is the one in the log."""
    seen, logged = await forwarded(naming, backend, *lines)

    assert seen == [logged.encode()]
    assert MADE.fullmatch(logged)


async def test_requests_can_go_without(proxy: Proxy, backend: Backend) -> None:
    assert await forwarded(proxy, backend, b"X-Request-Id: a b") == ([b"a b"], "")


async def test_our_own_errors_show_it(serve: Serve) -> None:
    """Whoever reports an error can name it."""
    proxy = await serve(generation(upstream(Endpoint("127.0.0.1", 1)), request_id="X-Request-Id"))
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = await client.read_response()

    assert json.loads(answer.body)["request_id"] == (await proxy.record()).request_id != ""


async def test_a_refused_head_has_one_too(naming: Proxy) -> None:
    client = await naming.ask(b"GET / HTTP/1.1\r\nHost : h\r\nX-Request-Id: mine\r\n\r\n")
    answer = await client.read_response()

    assert json.loads(answer.body)["request_id"] == (await naming.record()).request_id == "mine"


def test_no_two_ids_are_the_same() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000


@given(st.binary(max_size=80).filter(lambda value: not {13, 10} & set(value)))
def test_an_id_never_needs_escaping(value: bytes) -> None:
    """Whatever the client sends: it stands in a line of the log."""
    block = b"GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: " + value + b"\r\n\r\n"
    head = read_request_head(block, request_reader((b"x-request-id",)))
    assume(isinstance(head, RequestHead))
    assert isinstance(head, RequestHead)

    name, edit = RequestIds("X-Request-Id").of(head)

    assert re.fullmatch(rb"[A-Za-z0-9._\-+/=:@~]{1,128}", name)
    assert (edit == NO_EDIT) is (value.strip(b" \t") == name)
    assert edit == NO_EDIT or b"\r\nX-Request-Id" not in request_for_upstream(head, HOP, b"h", (edit[0], b""))
