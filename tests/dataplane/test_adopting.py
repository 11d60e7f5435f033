"""A reload in the midst of traffic: one exchange, one generation.  (design rule 7)"""

import asyncio
import random

import pytest
from support.generations import generation, marked, upstream
from support.planes import Proxy, Serve
from support.wire import LIMIT_S, Backend, Message, Peer

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Limits, Timeouts
from xoproxy.policy.routes import Match, Route

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def of(backend: Backend, mark: bytes, number: int = 1) -> Generation:
    """Return a generation whose policy leaves `mark` on every response."""
    return generation(upstream(backend.endpoint), policy=marked(mark), number=number)


def marks(response: Message) -> set[bytes]:
    return {*response.values(b"x-first"), *response.values(b"x-second")}


@pytest.fixture
async def old(serve: Serve, backend: Backend) -> Proxy:
    """Return a proxy by the policy "old"."""
    return await serve(of(backend, b"old"))


async def test_an_exchange_in_flight_keeps_its_policy_and_the_next_has_the_new_one(old: Proxy, backend: Backend) -> None:
    client = await old.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    old.plane.adopt(of(backend, b"new", 2))
    await origin.send(OK)
    first = await client.read_response()
    await client.send(GET)
    await origin.read_request()
    await origin.send(OK)
    second = await client.read_response()

    assert (marks(first), marks(second)) == ({b"old"}, {b"new"})
    assert [record.generation for record in old.records] == [1, 2]


async def test_an_exchange_keeps_its_limits_and_deadlines(old: Proxy, backend: Backend) -> None:
    client = await old.ask(POST + b"Content-Length: 10\r\n\r\nhalf ")
    origin = await backend.accept()
    await origin.read_head()
    strict = generation(
        upstream(backend.endpoint, response_s=0.1),
        timeouts=Timeouts(body_s=0.1, head_s=0.3),
        limits=Limits(request_body_bytes=1, response_head_bytes=10),
    )
    old.plane.adopt(strict)
    watch = await old.ask(b"GET")
    assert (await watch.read_response()).status == 408
    await client.send(b"whole")
    await origin.expect(b"half whole")
    await origin.send(OK)

    assert marks(await client.read_response(b"POST")) == {b"old"}


async def test_an_own_answer_to_an_exchange_in_flight_has_its_policy(old: Proxy, backend: Backend) -> None:
    client = await old.ask(GET)
    origin = await backend.accept()
    await origin.read_request()
    old.plane.adopt(of(backend, b"new"))
    origin.close()
    response = await client.read_response()

    assert response.status == 502
    assert marks(response) == {b"old"}


async def test_a_pipelined_request_has_the_policy_in_force_when_it_begins(old: Proxy, backend: Backend) -> None:
    client = await old.ask(GET + GET)
    origin = await backend.accept()
    await origin.read_request()
    old.plane.adopt(of(backend, b"new"))
    await origin.send(OK)
    await origin.read_request()
    await origin.send(OK)

    assert [marks(await client.read_response()) for _ in range(2)] == [{b"old"}, {b"new"}]


async def test_unchanged_upstreams_keep_their_connections(old: Proxy, backend: Backend) -> None:
    client = await old.ask(GET)
    origin = await backend.answer_once(OK)
    await client.read_response()
    old.plane.adopt(of(backend, b"new"))
    await client.send(GET)
    await origin.read_request()
    await origin.send(OK)

    assert marks(await client.read_response()) == {b"new"}
    assert not backend.is_called()


async def test_a_changed_upstream_is_asked_at_its_new_address(old: Proxy, backend: Backend) -> None:
    client = await old.ask(GET)
    kept = await backend.answer_once(OK)
    await client.read_response()
    flying = await old.ask(GET)
    await kept.read_request()
    idle = await old.ask(GET)
    resting = await backend.answer_once(OK)
    await idle.read_response()
    other = Backend()
    old.plane.adopt(of(other, b"new"))
    await client.send(GET)
    await other.answer_once(OK)

    assert marks(await client.read_response()) == {b"new"}
    await resting.gone()  # nobody uses the old pool again
    await kept.send(OK)
    assert marks(await flying.read_response()) == {b"old"}
    await kept.gone()
    other.close()


async def test_a_request_that_waits_for_a_connection_keeps_its_upstream(old: Proxy, backend: Backend) -> None:
    client = await old.ask(GET)
    async with asyncio.timeout(LIMIT_S):
        while not any(task.get_name() == "connect to upstream" for task in asyncio.all_tasks()):
            await asyncio.sleep(0)
    old.plane.adopt(generation(policy=marked(b"new"), routes=()))
    origin = await backend.accept()
    await origin.read_request()
    await origin.send(OK)

    assert marks(await client.read_response()) == {b"old"}
    await origin.gone()


async def test_a_removed_upstream_is_forgotten(old: Proxy, backend: Backend) -> None:
    client = await old.ask(GET)
    origin = await backend.answer_once(OK)
    await client.read_response()
    old.plane.adopt(generation(routes=()))
    await client.send(GET)

    assert (await client.read_response()).status == 404
    await origin.gone()


async def test_trust_in_a_proxy_is_that_of_the_exchanges_generation(old: Proxy, backend: Backend) -> None:
    request = b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    client = await old.ask(request)
    origin = await backend.accept()
    first = await origin.read_request()
    await origin.send(OK)
    await client.read_response()
    old.plane.adopt(generation(upstream(backend.endpoint), trusts_loopback=True))
    await client.send(request)
    second = await origin.read_request()
    await origin.send(OK)
    await client.read_response()

    assert first.values(b"x-forwarded-for") == [b"127.0.0.1"]
    assert second.values(b"x-forwarded-for") == [b"192.0.2.1, 127.0.0.1"]


async def test_every_response_is_wholly_of_one_policy_while_they_alternate(old: Proxy, backend: Backend) -> None:
    """200 requests of two clients on kept connections, the policy changed every few turns of the loop; none fails."""
    serving = asyncio.ensure_future(_serve_two(backend))
    answers: list[Message] = []
    asking = asyncio.gather(*(_ask_many(old, 100, answers) for _ in range(2)))
    number = 1
    turns = random.Random(1)  # or the changes could fall into step with the exchanges
    while not asking.done():
        number += 1
        old.plane.adopt(of(backend, b"a" if number % 2 else b"b", number))
        for _ in range(turns.randrange(1, 5)):
            await asyncio.sleep(0)
    await asking
    serving.cancel()

    assert len(answers) == 200
    assert {answer.status for answer in answers} == {200}
    assert all(len(marks(answer)) == 1 for answer in answers)
    assert set().union(*(marks(answer) for answer in answers)) >= {b"a", b"b"}
    assert len(old.records) == 200


async def _ask_many(proxy: Proxy, times: int, answers: list[Message]) -> None:
    client = await proxy.connect()
    for _ in range(times):
        await client.send(GET)
        answers.append(await client.read_response())


async def _serve_two(backend: Backend) -> None:
    await asyncio.gather(*[_serve_one(await backend.accept()) for _ in range(2)])


async def _serve_one(origin: Peer) -> None:
    while True:
        await origin.read_request()
        await origin.send(OK)


async def test_routes_lead_to_their_own_upstreams(serve: Serve, backend: Backend) -> None:
    other = Backend()
    routes = (
        Route("routes[0]", Match(path="/b/**"), "b", marked(b"b"), "b"),
        Route("routes[1]", Match(), "app", marked(b"a"), "a"),
    )
    proxy = await serve(generation(upstream(backend.endpoint), upstream(other.endpoint, name="b"), routes=routes))
    client = await proxy.ask(GET + GET.replace(b"/ ", b"/b/ "))
    await backend.answer_once(OK)
    await other.answer_once(OK)

    assert [marks(await client.read_response()) for _ in range(2)] == [{b"a"}, {b"b"}]
    assert [record.route for record in proxy.records] == ["routes[1]", "routes[0]"]
    other.close()
