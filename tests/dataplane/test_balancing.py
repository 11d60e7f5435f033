"""Which address is asked: the least busy, by turns, and those that failed lately last."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answering import Answering
from support.builds import pure_only
from support.generations import generation, upstream
from support.names import Names
from support.planes import Proxy, Serve
from support.wire import Backend, Peer, until

from xoproxy.config.settings import Ejection, Endpoint, Queueing, UpstreamSettings
from xoproxy.dataplane.upstreams.addresses import AddressPool, in_order

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
async def three() -> AsyncIterator[list[Answering]]:
    """Return three upstreams that answer by themselves."""
    made = [Answering() for _ in range(3)]
    for server in made:
        await server.start()
    yield made
    for server in made:
        server.stop()


def of(servers: list[Answering]) -> UpstreamSettings:
    return upstream(*(Endpoint("127.0.0.1", server.port) for server in servers))


async def test_requests_one_after_the_other_are_spread_evenly(serve: Serve, three: list[Answering]) -> None:
    proxy = await serve(generation(of(three)))
    client = await proxy.connect()
    for _ in range(30):
        await client.send(GET)
        assert (await client.read_response()).status == 200

    assert [len(server.requests) for server in three] == [10, 10, 10]
    assert [server.opened for server in three] == [1, 1, 1]


async def test_requests_at_the_same_time_are_spread_evenly(serve: Serve, three: list[Answering]) -> None:
    """Those that still connect count too: else all of a burst would go to one address."""
    proxy = await serve(generation(of(three)))
    with three[0].held(), three[1].held(), three[2].held():
        clients = [await proxy.ask(GET) for _ in range(12)]
        await until(lambda: sum(len(server.requests) for server in three) == 12)

        assert [state.outstanding for state in proxy.upstream.states()] == [4, 4, 4]
    assert [(await client.read_response()).status for client in clients] == [200] * 12
    assert [state.outstanding for state in proxy.upstream.states()] == [0, 0, 0]
    assert [state.idle for state in proxy.upstream.states()] == [4, 4, 4]


async def test_a_slow_address_gets_less(serve: Serve, three: list[Answering]) -> None:
    proxy = await serve(generation(of(three)))
    with three[1].held():
        for _ in range(3):
            await proxy.ask(GET)
        await until(lambda: sum(len(address.requests) for address in three) == 3)
        held = len(three[1].requests)  # one, or more where this machine was so busy that attempts were raced
        client = await proxy.connect()
        for _ in range(20):
            await client.send(GET)
            assert (await client.read_response()).status == 200

        assert len(three[1].requests) == held >= 1


async def test_all_addresses_of_a_name_are_used(serve: Serve) -> None:
    one, two = Backend(), Backend(host="::1")
    two.stop()
    two = Backend(host="::1", port=one.port)
    names = Names(app=["127.0.0.1", "::1"])
    proxy = await serve(generation(upstream(Endpoint("app", one.port))), look_up=names.look_up)
    clients = [await proxy.ask(GET) for _ in range(2)]
    for backend in (one, two):
        await backend.answer_once(OK)

    assert [(await client.read_response()).status for client in clients] == [200, 200]
    assert {record.upstream for record in proxy.records} == {f"http://app:{one.port}"}
    assert names.asked == ["app"]
    assert sorted(str(state.ip) for state in proxy.upstream.states()) == ["127.0.0.1", "::1"]
    one.close()
    two.close()


async def answered(proxy: Proxy, client: Peer, count: int) -> list[int]:
    statuses: list[int] = []
    for _ in range(count):
        await client.send(GET)
        statuses.append((await client.read_response()).status)
    return statuses


async def test_where_all_addresses_have_failed_they_are_tried_anyway(serve: Serve, three: list[Answering]) -> None:
    """Never is a request refused only because all addresses are avoided."""
    proxy = await serve(generation(replace(of(three), ejection=Ejection(1, 60.0, 60.0))))
    client = await proxy.connect()
    for server in three:
        server.stop()
    statuses = await answered(proxy, client, 3)

    assert statuses == [502, 502, 502]
    assert all(state.is_ejected for state in proxy.upstream.states())
    await three[1].start()
    assert await answered(proxy, client, 4) == [200] * 4
    assert [state.is_ejected for state in proxy.upstream.states()] == [True, False, True]


# The order itself.


class FakeUpstream:
    """What a pool asks of its upstream."""

    def serve_waiting(self) -> None:
        """Serve nobody."""


def pool_of(ip: str, outstanding: int = 0, failed_at: float | None = None) -> AddressPool:
    settings = UpstreamSettings("app", (Endpoint("app", 80),), 1.0, 1.0, ejection=Ejection(1, 10.0, 10.0), queueing=Queueing())
    pool = AddressPool(FakeUpstream(), settings, settings.endpoints[0], ip)  # type: ignore[arg-type]
    pool.outstanding = outstanding
    if failed_at is not None:
        pool.standing.failed(failed_at)
    return pool


@pure_only
@pytest.mark.parametrize(
    ("pools", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([("a", 2, None), ("b", 0, None), ("c", 1, None)], "bca", id="the least busy first"),
        pytest.param([("a", 1, None), ("b", 1, None), ("c", 1, None)], "abc", id="as given where equal"),
        pytest.param([("a:", 0, None), ("b:", 0, None), ("c", 0, None)], ["a:", "c", "b:"], id="families by turns"),
        pytest.param([("a", 1, None), ("b:", 0, None), ("c", 1, None)], ["b:", "a", "c"], id="beginning with the least busy"),
        pytest.param([("a", 0, 99.0), ("b", 5, None)], "ba", id="ejected ones last"),
        pytest.param([("a", 0, 99.0), ("b", 9, 95.0), ("c", 0, 97.0)], "bca", id="the least recently failed of them first"),
        pytest.param([("a", 0, 80.0), ("b", 1, None)], "ab", id="no longer ejected"),
    ],
)
def test_addresses_have_an_order(pools: list[tuple[str, int, float | None]], expected: list[str] | str) -> None:
    assert [pool.ip for pool in in_order([pool_of(*pool) for pool in pools], 100.0)] == list(expected)


ADDRESSES = st.lists(
    st.tuples(st.sampled_from(["v4", "v6:"]), st.integers(0, 5), st.none() | st.floats(80.0, 100.0)), max_size=8
)


@pure_only
@given(ADDRESSES)
def test_the_order_loses_and_doubles_no_address_and_puts_avoided_ones_last(
    addresses: list[tuple[str, int, float | None]],
) -> None:
    pools = [pool_of(*address) for address in addresses]
    ordered = in_order(pools, 100.0)
    avoided = [pool.standing.avoided_until > 100.0 for pool in ordered]

    assert sorted(map(id, ordered)) == sorted(map(id, pools))
    assert avoided == sorted(avoided)
    fine = [pool for pool, is_avoided in zip(ordered, avoided, strict=True) if not is_avoided]
    assert not fine or fine[0].outstanding == min(pool.outstanding for pool in fine)
