"""Behind a load balancer that speaks the PROXY protocol: whose connection it is, where TLS and HTTP begin, who may say so."""

import asyncio
import errno
import os
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from support.generations import generation, upstream
from support.wire import Backend, Message, Peer, soon, until

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Address, KeyPair, Listener, TcpAddress, UnixAddress
from xoproxy.runtime.listening import proxied, tally
from xoproxy.runtime.listening.sockets import open_sockets

if TYPE_CHECKING:
    from tests.runtime.listeners.conftest import Front, Open
else:
    Front = Open = Any

PROXIED = Listener(TcpAddress("127.0.0.1", 0), proxy_protocol=True)
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
ADDRESSES = bytes.fromhex("cb007107 c0000201 d431 01bb")
TEXT = b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 443\r\n"
TEXT6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 54321 443\r\n"
BINARY = SIGNATURE + b"\x21\x11\x00\x0c" + ADDRESSES
BINARY_TLS = SIGNATURE + b"\x21\x11\x00\x14" + ADDRESSES + b"\x20\x00\x05\x01\x00\x00\x00\x00"
BINARY_PLAIN = SIGNATURE + b"\x21\x11\x00\x14" + ADDRESSES + b"\x20\x00\x05\x00\x00\x00\x00\x00"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
UNKNOWN = b"PROXY UNKNOWN\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


def trusting(backend: Backend, **more: Any) -> Generation:
    return generation(upstream(backend.endpoint), trusts_loopback=True, **more)


async def served(peer: Peer, backend: Backend) -> Message:
    """Answer the request that `peer` has sent; return what the upstream saw of it."""
    up = await backend.accept()
    message = await up.read_request()
    await up.send(ANSWER)
    assert (await peer.read_response()).status == 204
    up.close()
    return message


CASES = [
    pytest.param(TEXT, b"203.0.113.7", b"http", id="text"),
    pytest.param(TEXT6, b"2001:db8::7", b"http", id="text-ipv6"),
    pytest.param(BINARY, b"203.0.113.7", b"http", id="binary"),
    pytest.param(BINARY_TLS, b"203.0.113.7", b"https", id="balancer-ended-tls"),
    pytest.param(BINARY_PLAIN, b"203.0.113.7", b"http", id="balancer-without-tls"),
]


@pytest.mark.parametrize(("header", "address", "scheme"), CASES)
@pytest.mark.parametrize("how", ["together", "apart", "dripped", "its-end-with-the-request"])
async def test_upstream_is_told_of_the_client_that_the_header_names(
    open_front: Open, backend: Backend, header: bytes, address: bytes, scheme: bytes, how: str
) -> None:
    """However it arrives; a second request on the connection has no header, and is the same client's."""
    front = await open_front(trusting(backend), PROXIED)
    peer = await front.connect()
    if how == "together":
        await peer.send(header + GET)
    elif how == "apart":
        await peer.send(header)
        await asyncio.sleep(0)
        await peer.send(GET)
    elif how == "its-end-with-the-request":
        await peer.drip(header[:-1])
        await peer.send(header[-1:] + GET)
    else:
        await peer.drip(header + GET)

    for request in range(2):
        if request:
            await peer.send(GET)
        seen = await served(peer, backend)
        assert seen.values(b"X-Forwarded-For") == [address]
        assert seen.values(b"X-Forwarded-Proto") == [scheme]
    assert {record.client for record in front.records} == {address.decode()}
    assert front.events == []


@pytest.mark.parametrize("header", [LOCAL, UNKNOWN], ids=["local", "unknown"])
async def test_connection_of_the_balancer_itself_is_its_own(open_front: Open, backend: Backend, header: bytes) -> None:
    front = await open_front(trusting(backend), PROXIED)
    peer = await front.connect()
    await peer.send(header + GET)

    assert (await served(peer, backend)).values(b"X-Forwarded-For") == [b"127.0.0.1"]


async def test_what_a_client_behind_the_balancer_says_of_itself_is_replaced(open_front: Open, backend: Backend) -> None:
    """The balancer passed its bytes on unread: they are no proxy's word."""
    front = await open_front(trusting(backend), PROXIED)
    peer = await front.connect()
    await peer.send(TEXT + GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\n\r\n"))

    seen = await served(peer, backend)
    assert seen.values(b"X-Forwarded-For") == [b"203.0.113.7"]
    assert seen.values(b"X-Forwarded-Proto") == [b"http"]


async def test_ipv6_and_unix_listeners_read_it_too(open_front: Open, backend: Backend, tmp_path: Path) -> None:
    """Whoever may open a socket in the file system is believed; ::1 is none of the trusted, and so a plain client."""
    path = tmp_path / "x.sock"
    listeners = [Listener(address, proxy_protocol=True) for address in (UnixAddress(str(path)), TcpAddress("::1", 0))]
    front = await open_front(trusting(backend), *listeners)
    local = await front.connect()
    await local.send(BINARY + GET)
    assert (await served(local, backend)).values(b"X-Forwarded-For") == [b"203.0.113.7"]

    plain = await front.connect(front.listeners.opened[1].names()[0])
    await plain.send(GET)
    assert (await served(plain, backend)).values(b"X-Forwarded-For") == [b"::1"]

    front.listeners.close()
    assert not path.exists()


async def test_peer_that_is_not_trusted_is_a_plain_client(open_front: Open, backend: Backend) -> None:
    """Its PROXY line is a malformed request, and names nobody."""
    front = await open_front(generation(upstream(backend.endpoint)), PROXIED)
    honest, liar = await front.connect(), await front.connect()
    await honest.send(GET)
    await liar.send(TEXT + GET)

    assert (await served(honest, backend)).values(b"X-Forwarded-For") == [b"127.0.0.1"]
    assert (await liar.read_response()).status == 400
    assert {record.client for record in front.records} == {"127.0.0.1"}
    assert front.events == []


async def test_reload_may_trust_others(open_front: Open, backend: Backend) -> None:
    front = await open_front(generation(upstream(backend.endpoint)), PROXIED)
    front.plane.adopt(trusting(backend, number=2))
    peer = await front.connect()
    await peer.send(TEXT + GET)

    assert (await served(peer, backend)).values(b"X-Forwarded-For") == [b"203.0.113.7"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(GET, "there is no PROXY protocol header", id="a-request"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", "there is no PROXY protocol header", id="a-handshake"),
        pytest.param(TEXT.replace(b" 443", b" 70000") + GET, "a port is beyond 65535", id="malformed-text"),
        pytest.param(BINARY.replace(b"\x21\x11", b"\x21\x99") + GET, "the address family", id="malformed-binary"),
        pytest.param(b"PROXY UNKNOWN " + b"x" * 5000, "longer than 107 bytes", id="endless"),
    ],
)
async def test_trusted_peer_without_a_valid_header_is_reset(
    open_front: Open, backend: Backend, data: bytes, reason: str
) -> None:
    """No answer, no exchange; an event says from whom and why."""
    front = await open_front(trusting(backend), PROXIED)
    peer = await front.connect()
    await peer.send(data)

    assert await peer.read_until_reset() == b""
    [event] = front.events
    assert event.name == "proxy-protocol"
    assert event.values["connections"] == 1
    assert str(event.values["last"]).startswith("127.0.0.1: ")
    assert reason in event.message
    assert front.records == []


async def test_header_that_does_not_come_in_time_is_a_fault(open_front: Open, backend: Backend) -> None:
    """Whether nothing came or half of it."""
    front = await open_front(trusting(backend), PROXIED, timeout_s=0.1)
    silent, slow = await front.connect(), await front.connect()
    await slow.send(TEXT[:20])

    assert await silent.read_until_reset() == await slow.read_until_reset() == b""
    assert "did not arrive in time" in front.events[0].message


async def test_events_are_counted_not_repeated(open_front: Open, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first at once, the others when the pause is over, or at the end."""
    front = await open_front(trusting(backend), PROXIED)
    for _ in range(50):
        peer = await front.connect()
        await peer.send(GET)
        assert await peer.read_until_reset() == b""
    assert [event.values["connections"] for event in front.events] == [1]

    front.listeners.close()
    assert [event.values["connections"] for event in front.events] == [1, 49]

    monkeypatch.setattr(tally, "INTERVAL_S", 0.05)
    await front.listeners.open_all([PROXIED])
    for _ in range(3):
        peer = await front.connect()
        await peer.send(GET)
        assert await peer.read_until_reset() == b""
    await until(lambda: sum(int(event.values["connections"]) for event in front.events[2:]) == 3)
    assert len(front.events) > 3


async def test_health_check_that_only_connects_is_no_fault(open_front: Open, backend: Backend) -> None:
    front = await open_front(trusting(backend), PROXIED)
    for end in (Peer.close, Peer.half_close, Peer.reset):
        peer = await front.connect()
        end(peer)
        if end is Peer.half_close:
            assert await peer.read_rest() == b""
    broken = await front.connect()
    await broken.send(TEXT[:9])
    broken.half_close()

    assert await broken.read_until_reset() == b""
    assert [event.message.rpartition(": ")[2] for event in front.events] == ["the connection ended within the header"]


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pair(authority: trustme.CA, tmp_path: Path) -> KeyPair:
    made = KeyPair(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    issued = authority.issue_cert("proxied.example")
    issued.cert_chain_pems[0].write_to_path(made.certificate)
    issued.private_key_pem.write_to_path(made.key)
    return made


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


class TlsClient:
    """A TLS client over a raw peer: what it sends may stand in one segment with something else."""

    def __init__(self, authority: trustme.CA) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="proxied.example")

    async def handshake(self, peer: Peer, before: bytes, *, drip: bool = False) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                data, before = before + self._out.read(), b""
                await (peer.drip(data) if drip else peer.send(data))
                self._in.write(await peer.receive())
            else:
                return

    async def ask(self, peer: Peer, data: bytes) -> bytes:
        self._tls.write(data)
        await peer.send(self._out.read())
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._in.write(await peer.receive())


@pytest.mark.parametrize("drip", [False, True], ids=["in-one-segment", "dripped"])
@pytest.mark.parametrize("header", [TEXT, BINARY, BINARY_TLS], ids=["text", "binary", "with-tls-value"])
async def test_header_stands_before_the_handshake(
    open_front: Open, backend: Backend, authority: trustme.CA, pair: KeyPair, header: bytes, drip: bool
) -> None:
    front = await open_front(trusting(backend), Listener(TcpAddress("127.0.0.1", 0), (pair,), proxy_protocol=True))
    peer, client = await front.connect(), TlsClient(authority)
    await soon(client.handshake(peer, header, drip=drip))
    asked = asyncio.ensure_future(client.ask(peer, GET))
    up = await backend.accept()
    seen = await up.read_request()
    await up.send(ANSWER)

    assert (await soon(asked)).startswith(b"HTTP/1.1 204 ")
    assert seen.values(b"X-Forwarded-For") == [b"203.0.113.7"]
    assert seen.values(b"X-Forwarded-Proto") == [b"https"]
    up.close()


async def test_failed_handshakes_are_quiet_and_leave_nothing_open(
    open_front: Open, backend: Backend, pair: KeyPair, authority: trustme.CA
) -> None:
    front = await open_front(trusting(backend), Listener(TcpAddress("127.0.0.1", 0), (pair,), proxy_protocol=True))
    warm, client = await front.connect(), TlsClient(authority)
    await soon(client.handshake(warm, TEXT))
    warm.close()
    await until(lambda: front.plane.connections == 0)
    before = descriptors()
    for number in range(100):
        peer = await front.connect()
        await peer.send((TEXT, BINARY, TEXT[:9], b"")[number % 4] + (GET if number % 4 < 2 else b""))
        if number % 4 < 2:
            await peer.gone()
        peer.close()

    await until(lambda: descriptors() <= before)
    assert front.faults == []
    assert [event.name for event in front.events] == ["proxy-protocol"]


async def test_handshake_that_never_begins_ends_in_time(open_front: Open, backend: Backend, pair: KeyPair) -> None:
    listener = Listener(TcpAddress("127.0.0.1", 0), (pair,), proxy_protocol=True)
    front = await open_front(trusting(backend), listener, timeout_s=0.2)
    peer = await front.connect()
    await peer.send(TEXT)

    await peer.gone()


async def test_too_many_without_a_header_wait_in_the_kernel(
    open_front: Open, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxied, "MAX_WAITING", 2)
    front = await open_front(trusting(backend), PROXIED)
    silent = [await front.connect() for _ in range(2)]
    peer = await front.connect()
    await peer.send(TEXT + GET)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await backend.accept()
    silent[0].close()

    assert (await served(peer, backend)).values(b"X-Forwarded-For") == [b"203.0.113.7"]


class Exhausted(socket.socket):
    """A listening socket on a machine without free descriptors."""

    tries = 0
    is_exhausted = True

    def accept(self) -> Any:
        self.tries += 1
        if self.is_exhausted:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


async def test_without_descriptors_accepting_pauses_and_goes_on(
    open_front: Open, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither spins nor ends, and says so once."""
    monkeypatch.setattr(proxied, "ACCEPT_PAUSE_S", 0.05)
    made: list[Exhausted] = []

    def opener(address: Address) -> list[socket.socket]:
        made.extend(Exhausted(fileno=sock.detach()) for sock in open_sockets(address))
        return [*made]

    front = await open_front(trusting(backend), PROXIED, opener=opener)
    peer = await front.connect()
    await peer.send(TEXT + GET)
    await until(lambda: made[0].tries == 3)
    turns = 0
    while made[0].tries == 3:
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20  # the loop turned on, and did not come back to the socket each time
    made[0].is_exhausted = False

    assert (await served(peer, backend)).values(b"X-Forwarded-For") == [b"203.0.113.7"]
    [event] = front.events
    assert (event.name, event.values["reason"]) == ("accept", "too many open files")


async def test_closing_drops_what_has_no_header_and_lets_the_others_finish(open_front: Open, backend: Backend) -> None:
    front = await open_front(trusting(backend), PROXIED)
    name = front.name
    waiting, busy = await front.connect(), await front.connect()
    await busy.send(TEXT + GET)
    up = await backend.accept()
    front.listeners.close()

    await waiting.gone()
    with pytest.raises(ConnectionRefusedError):
        await front.connect(name)
    await up.read_request()
    await up.send(ANSWER)
    assert (await busy.read_response()).status == 204
    up.close()


async def test_header_is_switched_on_and_off_without_closing_the_socket(
    open_front: Open, backend: Backend, tmp_path: Path
) -> None:
    address = UnixAddress(str(tmp_path / "x.sock"))
    front = await open_front(trusting(backend), Listener(address))
    inode = Path(address.path).stat().st_ino
    for listener in (Listener(address, proxy_protocol=True), Listener(address), Listener(address, proxy_protocol=True)):
        assert await front.listeners.change_to((listener,)) == []
        peer = await front.connect()
        await peer.send((TEXT if listener.proxy_protocol else b"") + GET)
        expected = b"203.0.113.7" if listener.proxy_protocol else b"unix"

        assert (await served(peer, backend)).values(b"X-Forwarded-For") == [expected]
        assert Path(address.path).stat().st_ino == inode
