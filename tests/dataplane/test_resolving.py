"""Names: looked up once for all, again after a while, and never given up for a resolver that is down."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from support.generations import APP, generation, upstream
from support.names import Names
from support.planes import Proxy, Serve
from support.problems import check_problem
from support.wire import Backend, Peer, soon, until

from xoproxy.config.settings import Ejection, Endpoint, LogLevel, Resolving
from xoproxy.dataplane.upstreams.resolving import system_look_up

GET = b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NEVER = Resolving(60.0, 60.0)
ALWAYS = Resolving(0.0, 0.0)
ON_FAILURE = Resolving(0.0, 60.0)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Backend, Backend]]:
    """Return two upstreams at two addresses, with the same port."""
    first = Backend()
    second = Backend(host="::1", port=first.port)
    yield first, second
    first.close()
    second.close()


async def named(serve: Serve, names: Names, port: int, resolving: Resolving, connect_s: float = 60.0) -> Proxy:
    settings = upstream(Endpoint("app", port), connect_s=connect_s)
    return await serve(generation(replace(settings, resolving=resolving)), look_up=names.look_up)


async def exchange(proxy: Proxy, backend: Backend) -> Peer:
    """Have one request answered by `backend`, on a new connection."""
    client = await proxy.ask(GET)
    origin = await backend.answer_once(OK)
    assert (await client.read_response()).status == 200
    return origin


async def due(proxy: Proxy) -> None:
    """Return once the name is due: for requests on kept connections time goes in steps."""
    await until(lambda: proxy.plane.deadlines.now >= proxy.upstream.names.due_at)


def ips(proxy: Proxy) -> list[str | None]:
    return [state.ip for state in proxy.upstream.states()]


async def test_an_answer_is_used_for_a_while(serve: Serve, backend: Backend) -> None:
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, backend.port, NEVER)
    for _ in range(3):
        (await exchange(proxy, backend)).close()
        await until(lambda: not proxy.upstream.states()[0].connections)

    assert names.asked == ["app"]


async def test_an_address_needs_no_look_up(serve: Serve, backend: Backend) -> None:
    names = Names()
    proxy = await serve(generation(upstream(backend.endpoint)), look_up=names.look_up)
    await exchange(proxy, backend)

    assert names.asked == []


async def test_requests_at_the_same_time_share_one_look_up(serve: Serve, backend: Backend) -> None:
    names = Names(app=["127.0.0.1"])
    names.hang()
    proxy = await named(serve, names, backend.port, NEVER)
    clients = [await proxy.ask(GET) for _ in range(5)]
    await until(lambda: names.asked and proxy.plane.connections == 5)
    names.go_on()
    for _ in clients:
        await backend.answer_once(OK)

    assert [(await client.read_response()).status for client in clients] == [200] * 5
    assert names.asked == ["app"]


async def test_a_client_that_leaves_does_not_stop_the_look_up_of_others(serve: Serve, backend: Backend) -> None:
    names = Names(app=["127.0.0.1"])
    names.hang()
    proxy = await named(serve, names, backend.port, NEVER)
    first = await proxy.ask(GET)
    await until(lambda: names.asked)
    second = await proxy.ask(GET)
    await until(lambda: proxy.plane.connections == 2)
    first.reset()
    await until(lambda: proxy.plane.connections == 1)
    names.go_on()
    await backend.answer_once(OK)

    assert (await second.read_response()).status == 200
    assert names.asked == ["app"]


async def test_a_kept_connection_waits_for_no_look_up(serve: Serve, backend: Backend) -> None:
    """The name is looked up again in the background, while the old answer is used."""
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, backend.port, ALWAYS)
    origin = await exchange(proxy, backend)
    names.hang()
    await due(proxy)
    client = await proxy.ask(GET)
    await origin.read_request()
    await origin.send(OK)

    assert (await client.read_response()).status == 200
    assert len(names.asked) == 2
    names.go_on()


async def test_a_new_connection_goes_to_the_new_address_of_a_name(serve: Serve, pair: tuple[Backend, Backend]) -> None:
    """A container came back elsewhere, and its old address is another's now."""
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, pair[0].port, ALWAYS)
    (await exchange(proxy, pair[0])).close()
    await until(lambda: not proxy.upstream.states()[0].connections)
    names.answers["app"] = ["::1"]
    await exchange(proxy, pair[1])

    assert not pair[0].is_called()
    assert ips(proxy) == ["::1"]


async def test_an_address_that_is_dropped_loses_its_idle_connections(serve: Serve, pair: tuple[Backend, Backend]) -> None:
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, pair[0].port, ALWAYS)
    origin = await exchange(proxy, pair[0])
    names.answers["app"] = ["::1"]
    await due(proxy)
    client = await proxy.ask(GET)  # on the kept connection, and the name is looked up in the background
    await origin.read_request()
    await until(lambda: ips(proxy) == ["::1"])
    await origin.send(OK)

    assert (await client.read_response()).status == 200  # what is under way is finished
    await origin.gone()  # but the connection is not used again
    await exchange(proxy, pair[1])


async def test_an_address_that_stays_keeps_its_connections(serve: Serve, pair: tuple[Backend, Backend]) -> None:
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, pair[0].port, ALWAYS)
    origin = await exchange(proxy, pair[0])
    names.answers["app"] = ["::1", "127.0.0.1"]
    await due(proxy)
    client = await proxy.ask(GET)
    await origin.read_request()
    await origin.send(OK)

    assert (await client.read_response()).status == 200
    await until(lambda: ips(proxy) == ["::1", "127.0.0.1"])
    assert [state.idle for state in proxy.upstream.states()] == [0, 1]


async def test_a_resolver_that_is_down_changes_nothing_for_known_names(serve: Serve, backend: Backend) -> None:
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, backend.port, ALWAYS)
    (await exchange(proxy, backend)).close()
    names.is_down = True
    for _ in range(3):
        await until(lambda: not proxy.upstream.states()[0].connections)
        (await exchange(proxy, backend)).close()

    assert [event.level for event in proxy.told("resolution")] == [LogLevel.WARNING]  # once, not each time
    names.is_down = False
    await until(lambda: not proxy.upstream.states()[0].connections)
    (await exchange(proxy, backend)).close()
    assert [event.level for event in proxy.told("resolution")] == [LogLevel.WARNING, LogLevel.INFO]


async def test_a_resolver_that_hangs_delays_known_names_only_a_moment(serve: Serve, backend: Backend) -> None:
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, backend.port, ALWAYS)
    (await exchange(proxy, backend)).close()
    names.hang()
    await until(lambda: not proxy.upstream.states()[0].connections)
    await exchange(proxy, backend)
    names.go_on()


async def test_a_name_without_address_is_an_error_of_the_resolver(serve: Serve) -> None:
    names = Names(app=[])
    proxy = await named(serve, names, 80, NEVER)
    client = await proxy.ask(GET)

    check_problem(await client.read_response(), 502, "dns_error")
    (event,) = proxy.told("resolution")
    assert event.level is LogLevel.WARNING


async def test_a_look_up_that_failed_is_not_repeated_at_once(serve: Serve) -> None:
    names = Names()
    proxy = await named(serve, names, 80, NEVER)
    client = await proxy.connect()
    for _ in range(3):
        await client.send(GET)
        check_problem(await client.read_response(), 502, "dns_error")

    assert names.asked == ["app"]


async def test_a_name_that_appears_later_is_found(serve: Serve, backend: Backend) -> None:
    """Compose starts containers in any order."""
    names = Names()
    proxy = await named(serve, names, backend.port, ALWAYS)
    check_problem(await (await proxy.ask(GET)).read_response(), 502, "dns_error")
    names.answers["app"] = ["127.0.0.1"]

    await exchange(proxy, backend)


async def test_where_no_address_accepts_the_name_is_looked_up_again_first(serve: Serve, pair: tuple[Backend, Backend]) -> None:
    """So a backend that was recreated elsewhere costs not even its first request."""
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, pair[0].port, ON_FAILURE)
    (await exchange(proxy, pair[0])).close()
    pair[0].stop()
    await until(lambda: not proxy.upstream.states()[0].connections)
    names.answers["app"] = ["::1"]
    await exchange(proxy, pair[1])

    assert names.asked == ["app", "app"]


async def test_where_no_address_accepts_nothing_is_looked_up_before_the_floor(serve: Serve, backend: Backend) -> None:
    backend.stop()
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, backend.port, NEVER)
    clients = [await proxy.ask(GET) for _ in range(3)]
    for client in clients:
        check_problem(await client.read_response(), 502, "connection_refused")

    assert names.asked == ["app"]


async def test_a_connection_that_hangs_does_not_keep_from_looking_again(serve: Serve, hanging: Backend) -> None:
    """A container that is gone does not refuse: nobody answers at its address."""
    backend = Backend(host="::1", port=hanging.port)
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, hanging.port, ON_FAILURE)
    client = await proxy.ask(GET)
    await until(lambda: names.asked)
    names.answers["app"] = ["::1"]
    await backend.answer_once(OK)

    assert (await client.read_response()).status == 200
    backend.close()


async def test_one_name_that_does_not_resolve_does_not_hinder_the_others(serve: Serve, backend: Backend) -> None:
    names = Names(app=["127.0.0.1"])
    settings = upstream(Endpoint("gone", backend.port), Endpoint("app", backend.port))
    proxy = await serve(generation(settings), look_up=names.look_up)
    for _ in range(3):
        (await exchange(proxy, backend)).close()
        await until(lambda: not proxy.upstream.states()[0].connections)

    assert sorted(set(names.asked)) == ["app", "gone"]


async def test_a_name_that_takes_too_long_to_look_up_is_a_timeout(serve: Serve) -> None:
    names = Names(app=["127.0.0.1"])
    names.hang()
    proxy = await named(serve, names, 80, NEVER, connect_s=0.1)
    client = await proxy.ask(GET)

    check_problem(await client.read_response(), 504, "connection_timeout")
    names.go_on()


async def test_a_changed_answer_is_told(serve: Serve, pair: tuple[Backend, Backend]) -> None:
    names = Names(app=["127.0.0.1"])
    proxy = await named(serve, names, pair[0].port, ALWAYS)
    (await exchange(proxy, pair[0])).close()
    await until(lambda: not proxy.upstream.states()[0].connections)
    assert proxy.events == []
    names.answers["app"] = ["::1"]
    await exchange(proxy, pair[1])

    (event,) = proxy.told("resolution")
    assert event.values == {"upstream": "app", "host": "app", "addresses": "::1"}


async def test_a_replaced_upstream_finishes_what_it_looks_up_for(serve: Serve, backend: Backend) -> None:
    """A reload in the midst of a look-up costs no request."""
    names = Names(app=["127.0.0.1"])
    names.hang()
    settings = replace(upstream(Endpoint("app", backend.port)), ejection=Ejection())
    proxy = await serve(generation(settings), look_up=names.look_up)
    client = await proxy.ask(GET)
    await until(lambda: names.asked)
    proxy.plane.adopt(generation(replace(settings, ejection=None), number=2))
    names.go_on()
    origin = await backend.answer_once(OK)

    assert (await client.read_response()).status == 200
    await origin.gone()  # nothing is kept by the old one


async def test_a_look_up_that_hangs_keeps_nothing_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the loop's end, which waits for its pool of threads, nor the look-ups of other names."""
    may_end = threading.Event()
    system = socket.getaddrinfo

    def hang(host: str, *rest: Any, **options: Any) -> Any:
        if host.startswith("hangs"):
            may_end.wait()
        return system(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    hanging = [asyncio.ensure_future(system_look_up(f"hangs{number}.example", 80)) for number in range(40)]
    found = await soon(system_look_up("localhost", 80))
    for one in hanging:
        one.cancel()
    await soon(asyncio.get_running_loop().shutdown_default_executor())

    assert "127.0.0.1" in found
    may_end.set()


async def test_a_look_up_that_fails_says_why() -> None:
    with pytest.raises(UnicodeError):
        await system_look_up("a..b", 80)
