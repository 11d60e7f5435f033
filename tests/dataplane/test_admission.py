"""How many clients may be connected, and what a client that is too many gets."""

import json
import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.generations import READABLE, generation, upstream
from support.planes import Constant, Serve
from support.wire import Backend, until

from xoproxy.config.settings import Limits
from xoproxy.dataplane import admission
from xoproxy.dataplane.admission import MAX_TURNED_AWAY, Admission, Admissions, free_descriptors
from xoproxy.dataplane.source import ProxiedSource

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_a_client_too_many_gets_a_503_and_the_others_are_served(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(connections=2)))
    first, second = await proxy.connect(), await proxy.connect()
    await until(lambda: proxy.plane.connections == 2)
    third = await proxy.connect()
    answer = await third.read_response()
    await third.gone()
    await first.send(GET)
    await backend.answer_once(OK)

    assert (answer.status, answer.values(b"content-type")) == (503, [b"application/problem+json"])
    assert json.loads(answer.body)["type"] == "urn:xoproxy:error:too_many_connections"
    assert answer.values(b"cross-origin-resource-policy") == [b"same-site"]  # by the policy for answers without a route
    assert (await first.read_response()).status == 200
    assert (proxy.records[0].status, proxy.records[0].error) == (503, "too_many_connections")
    second.close()


async def test_who_leaves_makes_room(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(connections=1)))
    for _ in range(3):
        client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: null\r\nConnection: close\r\n\r\n")
        origin = await backend.answer_once(OK + b"beyond the end: not kept")

        assert (await client.read_response()).status == 200
        client.close()
        await origin.gone()
        await until(lambda: not proxy.plane.connections)
        await until(lambda: not proxy.plane.connections)


async def test_a_client_that_was_turned_away_makes_no_room_when_it_leaves(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(connections=1)))
    await proxy.connect()
    for _ in range(3):
        other = await proxy.connect()

        assert (await other.read_response()).status == 503
        other.close()
    await until(lambda: proxy.plane.connections == 1)


async def test_what_was_sent_by_a_client_turned_away_does_not_cost_it_the_answer(serve: Serve, backend: Backend) -> None:
    """Closing on unread bytes would reset the connection, and the reset overtake the 503."""
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(connections=1)))
    await proxy.connect()
    await until(lambda: proxy.plane.connections == 1)
    for _ in range(20):
        other = await proxy.ask(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n" + bytes(60_000))
        answer, is_clean = await other.read_until_ended()

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert is_clean


@pytest.mark.parametrize("trusts_loopback", [False, True])
async def test_one_client_gets_so_many_unless_it_is_a_trusted_proxy(
    serve: Serve, backend: Backend, trusts_loopback: bool
) -> None:
    limits = Limits(connections_per_client=1)
    proxy = await serve(generation(upstream(backend.endpoint), limits=limits, trusts_loopback=trusts_loopback))
    await proxy.connect()
    await until(lambda: proxy.plane.connections == 1)
    second = await proxy.ask(GET)
    if trusts_loopback:
        await backend.answer_once(OK)

    assert (await second.read_response()).status == (200 if trusts_loopback else 503)


def test_other_clients_have_connections_of_their_own() -> None:
    admissions, limits = Admissions(), Limits(connections_per_client=1)

    assert admissions.admit("192.0.2.1", limits, trusted=False) is Admission.ADMITTED
    assert admissions.admit("192.0.2.2", limits, trusted=False) is Admission.ADMITTED
    assert admissions.admit("192.0.2.1", limits, trusted=False) is Admission.TURNED_AWAY
    assert [admissions.admit("unix", limits, trusted=False) for _ in range(3)] == [Admission.ADMITTED] * 3


def test_a_client_with_a_network_of_its_own_is_one_client() -> None:
    """Providers give each customer at least 64 bits of IPv6."""
    admissions, limits = Admissions(), Limits(connections_per_client=1)
    seen = [
        admissions.admit(client, limits, trusted=False)
        for client in ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1", "::ffff:192.0.2.1", "192.0.2.1")
    ]

    assert [one is Admission.ADMITTED for one in seen] == [True, False, True, True, False]
    admissions.left("2001:db8::1", admitted=True)
    assert admissions.admit("2001:db8::2", limits, trusted=False) is Admission.ADMITTED


def test_floods_beyond_all_measure_are_cut_off() -> None:
    """Those who are told are bounded too."""
    admissions, limits = Admissions(), Limits(connections=1)
    seen = [admissions.admit("192.0.2.1", limits, trusted=False) for _ in range(MAX_TURNED_AWAY + 3)]

    assert seen == [Admission.ADMITTED, *[Admission.TURNED_AWAY] * MAX_TURNED_AWAY, Admission.CUT_OFF, Admission.CUT_OFF]


async def test_a_connection_that_is_cut_off_sees_a_reset(serve: Serve, backend: Backend, constant: Constant) -> None:
    constant(admission, "MAX_TURNED_AWAY", 0)
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(connections=1)))
    await proxy.connect()
    await until(lambda: proxy.plane.connections == 1)
    second = await proxy.connect()

    assert await second.read_until_reset() == b""
    await until(lambda: proxy.plane.connections == 1)


@pytest.mark.parametrize(
    ("soft", "connections", "admitted"),
    [(100, None, 18), (100, 10, 10), (100, 1000, 36), (10, None, 1), (resource.RLIM_INFINITY, 5, 5)],
)
def test_descriptors_bound_it_in_any_case(
    monkeypatch: pytest.MonkeyPatch, soft: int, connections: int | None, admitted: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    admissions, limits = Admissions(), Limits(connections=connections)
    seen = [admissions.admit("192.0.2.1", limits, trusted=False) for _ in range(200)]

    assert seen.count(Admission.ADMITTED) == admitted
    assert free_descriptors() >= 2


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=60))
def test_counts_never_drift(steps: list[tuple[str, bool, bool]]) -> None:
    """Whatever comes and goes: as many as are there count, and when all have left, all may come again."""
    admissions, limits = Admissions(), Limits(connections=5, connections_per_client=2)
    there: list[tuple[str, bool]] = []
    for client, trusted, leaves in steps:
        if leaves and there:
            gone, admitted = there.pop(0)
            admissions.left(gone, admitted=admitted)
        else:
            there.append((client, admissions.admit(client, limits, trusted=trusted) is Admission.ADMITTED))

        assert sum(admitted for _, admitted in there) <= 5
    for client, admitted in there:
        admissions.left(client, admitted=admitted)

    assert [admissions.admit(client, limits, trusted=False) for client in "aabbc"] == [Admission.ADMITTED] * 5


@pytest.mark.parametrize(
    ("source", "client", "scheme"),
    [
        (ProxiedSource("192.0.2.9", None), "192.0.2.9", b"http"),
        (ProxiedSource("192.0.2.9", secure=True), "192.0.2.9", b"https"),
        (ProxiedSource("2001:db8::9", secure=False), "2001:db8::9", b"http"),
        (ProxiedSource("unix", None), "unix", b"http"),
        (None, "127.0.0.1", b"http"),
    ],
)
async def test_a_client_behind_a_load_balancer_is_told_of_as_itself(
    serve: Serve, backend: Backend, source: ProxiedSource | None, client: str, scheme: bytes
) -> None:
    """In the log, upstream, and for its own origin; what it says of itself is replaced: it is no trusted proxy."""
    proxy = await serve(generation(upstream(backend.endpoint), policy=READABLE, trusts_loopback=source is not None))
    peer = await proxy.connect_as(source)
    await peer.send(b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: ftp\r\n\r\n")
    origin = await backend.accept()
    request = await origin.read_request()
    await origin.send(OK)
    await peer.read_response()

    assert request.values(b"x-forwarded-for") == [client.encode()]
    assert request.values(b"x-forwarded-proto") == [scheme]
    assert (await proxy.record()).client == client


async def test_each_client_behind_a_load_balancer_has_its_own_bound(serve: Serve, backend: Backend) -> None:
    limits = Limits(connections_per_client=1)
    proxy = await serve(generation(upstream(backend.endpoint), limits=limits, trusts_loopback=True))
    await proxy.connect_as(ProxiedSource("192.0.2.1", None))
    await proxy.connect_as(ProxiedSource("192.0.2.2", None))
    third = await proxy.connect_as(ProxiedSource("192.0.2.1", None))

    assert (await third.read_response()).status == 503


async def test_trust_is_that_of_the_generation_in_force(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), trusts_loopback=True))
    assert (proxy.plane.trusts("127.0.0.1"), proxy.plane.trusts("192.0.2.1")) == (True, False)
    proxy.plane.adopt(generation(upstream(backend.endpoint), number=2))

    assert not proxy.plane.trusts("127.0.0.1")
