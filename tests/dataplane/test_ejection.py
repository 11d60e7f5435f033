"""An address that fails is avoided for a while, for longer each time, until it answers."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answering import Answering
from support.generations import generation, upstream
from support.planes import Proxy, Serve
from support.wire import Backend, until

from xoproxy.config.settings import Ejection, Endpoint, HealthCheck
from xoproxy.dataplane.upstreams.standing import Standing

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


# The rule.


def test_an_address_is_ejected_after_so_many_failures_in_a_row() -> None:
    standing = Standing(Ejection(3, 1.0, 30.0))

    assert [standing.failed(0.0) for _ in range(3)] == [None, None, 1.0]
    assert standing.is_ejected(0.9)
    assert not standing.is_ejected(1.0)


def test_a_success_in_between_starts_the_count_anew() -> None:
    standing = Standing(Ejection(2, 1.0, 30.0))

    assert standing.failed(0.0) is None
    assert not standing.succeeded()
    assert standing.failed(0.0) is None


def test_each_further_ejection_is_twice_as_long_up_to_a_bound() -> None:
    standing = Standing(Ejection(3, 1.0, 6.0))
    now, lengths = 0.0, []
    for _ in range(8):
        seconds = standing.failed(now)
        if seconds is not None:
            lengths.append(seconds)
            now += seconds

    assert lengths == [1.0, 2.0, 4.0, 6.0, 6.0, 6.0]


def test_failures_during_an_ejection_do_not_prolong_it() -> None:
    """They are of connections that were under way at the time: the same failure, not another."""
    standing = Standing(Ejection(1, 1.0, 30.0))

    assert [standing.failed(0.1 * number) for number in range(5)] == [1.0, None, None, None, None]
    assert standing.failed(1.0) == 2.0


def test_a_success_ends_an_ejection_and_forgets_its_length() -> None:
    standing = Standing(Ejection(1, 1.0, 30.0))
    standing.failed(0.0)
    standing.failed(1.0)

    assert standing.succeeded()
    assert not standing.is_ejected(1.1)
    assert standing.failed(2.0) == 1.0


def test_without_ejection_nothing_is_ever_ejected() -> None:
    standing = Standing(None)

    assert [standing.failed(0.0) for _ in range(100)] == [None] * 100
    assert standing.avoided_until < 0.0


STEPS = st.lists(st.sampled_from(["fails", "answers", "passes", "misses", "waits"]), max_size=60)


@given(STEPS, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_an_address_is_avoided_exactly_while_it_is_ejected_or_unhealthy(
    steps: list[str], failures: int, healthy_after: int, unhealthy_after: int
) -> None:
    ejection = Ejection(failures, 1.0, 8.0)
    check = HealthCheck("/", healthy_after=healthy_after, unhealthy_after=unhealthy_after)
    standing, now, in_a_row = Standing(ejection), 0.0, 0
    for step in steps:
        match step:
            case "fails":
                in_a_row += 1
                seconds = standing.failed(now)
                assert seconds is None or (in_a_row >= failures and ejection.backoff_s <= seconds <= ejection.max_backoff_s)
            case "answers":
                in_a_row = 0
                standing.succeeded()
                assert not standing.is_ejected(now)
            case "waits":
                now += 1.0
            case _:
                standing.checked(check, now, passed=step == "passes")

        assert standing.failures == in_a_row
        assert (standing.avoided_until > now) is (standing.is_ejected(now) or not standing.is_healthy)


# What counts as a failure.


async def pair(serve: Serve, first: Backend, second: Answering, ejection: Ejection) -> Proxy:
    endpoints = (first.endpoint, Endpoint("127.0.0.1", second.port))
    return await serve(generation(replace(upstream(*endpoints), ejection=ejection)))


@pytest.fixture
async def sound() -> AsyncIterator[Answering]:
    """Return an upstream that answers by itself."""
    made = Answering()
    await made.start()
    yield made
    made.stop()


async def test_an_address_that_refuses_is_avoided_and_that_is_told(serve: Serve, backend: Backend, sound: Answering) -> None:
    backend.stop()
    proxy = await pair(serve, backend, sound, Ejection(2, 60.0, 60.0))
    clients = [await proxy.ask(GET) for _ in range(12)]

    assert [(await client.read_response()).status for client in clients] == [200] * 12
    assert [state.is_ejected for state in proxy.upstream.states()] == [True, False]
    (event,) = proxy.told("ejection")
    assert event.values == {"upstream": "app", "address": str(backend.endpoint), "seconds": 60.0}


async def test_an_ejected_address_is_not_connected_to(serve: Serve, backend: Backend, sound: Answering) -> None:
    backend.stop()
    proxy = await pair(serve, backend, sound, Ejection(1, 60.0, 60.0))
    for _ in range(2):
        await (await proxy.ask(GET)).read_response()
    backend.start()
    clients = [await proxy.ask(GET) for _ in range(10)]

    assert [(await client.read_response()).status for client in clients] == [200] * 10
    assert not backend.is_called()


async def test_an_ejected_address_is_tried_again_later_and_that_it_answers_is_told(
    serve: Serve, backend: Backend, sound: Answering
) -> None:
    backend.stop()
    proxy = await pair(serve, backend, sound, Ejection(1, 0.05, 0.05))
    for _ in range(2):
        await (await proxy.ask(GET)).read_response()
    backend.start()
    with sound.held():
        await until(lambda: not any(state.is_ejected for state in proxy.upstream.states()))
        clients = [await proxy.ask(GET) for _ in range(2)]
        await backend.answer_once(OK)
    assert [(await client.read_response()).status for client in clients] == [200] * 2
    assert [event.values["seconds"] for event in proxy.told("ejection")] == [0.05]
    assert len(proxy.told("recovery")) == 1


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_new_connection_that_ends_before_an_answer_is_a_failure(proxy: Proxy, backend: Backend, how: str) -> None:
    for _ in range(3):
        client = await proxy.ask(POST)
        origin = await backend.accept()
        await origin.read_request()
        getattr(origin, how)()
        assert (await client.read_response()).status == 502

    assert [state.is_ejected for state in proxy.upstream.states()] == [True]


async def test_a_kept_connection_that_ends_is_no_failure(proxy: Proxy, backend: Backend) -> None:
    """Its end says that the upstream does not keep connections for long, not that it does not work."""
    for _ in range(6):
        client = await proxy.ask(GET)
        origin = await backend.answer_once(OK)
        await client.read_response()
        await client.send(POST)
        await origin.read_request()
        origin.close()
        assert (await client.read_response()).status == 502

    assert [state.is_ejected for state in proxy.upstream.states()] == [False]
    assert proxy.events == []


async def test_a_client_that_leaves_is_no_failure_of_the_upstream(proxy: Proxy, backend: Backend) -> None:
    for _ in range(6):
        client = await proxy.ask(GET)
        origin = await backend.accept()
        await origin.read_request()
        client.reset()
        await origin.gone()

    assert [state.is_ejected for state in proxy.upstream.states()] == [False]


async def test_a_request_that_a_new_connection_leaves_unanswered_goes_to_another_address(
    serve: Serve, backend: Backend, sound: Answering
) -> None:
    """It is idempotent: nothing may happen twice that may not.  (RFC 9110 §9.2.2)"""
    proxy = await pair(serve, backend, sound, Ejection())
    clients = [await proxy.ask(GET) for _ in range(2)]
    origin = await backend.accept()
    await origin.read_request()
    origin.close()

    assert [(await client.read_response()).status for client in clients] == [200, 200]
    assert len(sound.requests) == 2


async def test_a_post_that_a_new_connection_leaves_unanswered_goes_nowhere_else(
    serve: Serve, backend: Backend, sound: Answering
) -> None:
    proxy = await pair(serve, backend, sound, Ejection())
    clients = [await proxy.ask(POST) for _ in range(2)]
    origin = await backend.accept()
    await origin.read_request()
    origin.close()

    assert sorted([(await client.read_response()).status for client in clients]) == [200, 502]
    assert len(sound.requests) == 1


async def test_a_request_that_ends_every_connection_ends_two_and_no_third(serve: Serve) -> None:
    servers = [Answering(None) for _ in range(4)]
    for server in servers:
        await server.start()
    proxy = await serve(generation(upstream(*(Endpoint("127.0.0.1", server.port) for server in servers))))
    client = await proxy.ask(GET)

    assert (await client.read_response()).status == 502
    assert sum(len(server.requests) for server in servers) == 2
    for server in servers:
        server.stop()
