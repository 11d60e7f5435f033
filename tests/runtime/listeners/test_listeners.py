"""Listeners open where the configuration says, change with it, and say in words what hinders them."""

import asyncio
import errno
import os
import socket
import ssl
import stat
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest

from xoproxy.config.settings import KeyPair, Listener, TcpAddress, UnixAddress
from xoproxy.runtime.listening import sockets
from xoproxy.runtime.listening.listeners import Listeners
from xoproxy.runtime.listening.sockets import ListenError, open_sockets
from xoproxy.runtime.loop import new_event_loop

ANY_PORT = TcpAddress("127.0.0.1", 0)
Tls = Callable[[str], KeyPair]


class Greeting(asyncio.Protocol):
    """Sends whether it was told of TLS, and closes."""

    def __init__(self, *, secure: bool) -> None:
        self._text = b"secure" if secure else b"plain"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        stream.write(self._text)
        stream.close()


@pytest.fixture
async def listeners() -> AsyncIterator[Listeners]:
    """Listeners that greet; closed at the end."""
    opened = Listeners(Greeting, 5.0)
    yield opened
    opened.close()
    await asyncio.sleep(0)


def names(listeners: Listeners) -> list[str]:
    """Return all addresses, as bound."""
    return [name for entry in listeners.opened for name in entry.names()]


def port_of(name: str) -> int:
    """Return the port of an address."""
    return int(name.rpartition(":")[2])


async def greeting(name: str, context: ssl.SSLContext | None = None) -> bytes:
    """Connect to an address and read what comes."""
    if name.startswith("unix:"):
        reader, writer = await asyncio.open_unix_connection(name.removeprefix("unix:"))
    else:
        host = name.rpartition(":")[0].strip("[]")
        reader, writer = await asyncio.open_connection(host, port_of(name), ssl=context)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def trusting_all() -> ssl.SSLContext:
    """Return a client's context that accepts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def shown_certificate(name: str) -> bytes:
    """Return the certificate that a TLS listener shows."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(name), ssl=trusting_all())
    assert await reader.read() == b"secure"
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True)
    assert tls.selected_alpn_protocol() == "http/1.1"
    writer.close()
    await writer.wait_closed()
    assert certificate is not None
    return certificate


def der_of(tls: KeyPair) -> bytes:
    """Return a certificate file's content as it goes over the wire."""
    return ssl.PEM_cert_to_DER_cert(Path(tls.certificate).read_text())


async def test_every_interface_means_both_families_on_one_port(listeners: Listeners) -> None:
    await listeners.open_all([Listener(TcpAddress("", 0))])

    both = names(listeners)
    assert [name.rpartition(":")[0] for name in both] == ["0.0.0.0", "[::]"]
    assert len({port_of(name) for name in both}) == 1
    assert await greeting(f"127.0.0.1:{port_of(both[0])}") == b"plain"
    assert await greeting(f"[::1]:{port_of(both[0])}") == b"plain"


async def test_without_ipv6_every_interface_means_ipv4(listeners: Listeners, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sockets._bind_tcp

    def no_ipv6(family: int, host: str, port: int, **how: bool) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no such family")
        return real(family, host, port, **how)

    monkeypatch.setattr(sockets, "_bind_tcp", no_ipv6)
    await listeners.open_all([Listener(TcpAddress("", 0))])

    assert [name.rpartition(":")[0] for name in names(listeners)] == ["0.0.0.0"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_tcp_listener_accepts(listeners: Listeners, host: str) -> None:
    await listeners.open_all([Listener(TcpAddress(host, 0))])

    for name in names(listeners):
        assert await greeting(name) == b"plain"


async def test_unix_listener_replaces_a_stale_socket_lets_all_connect_and_leaves_nothing_behind(
    listeners: Listeners, tmp_path: Path
) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    await listeners.open_all([Listener(UnixAddress(str(path)))])

    assert names(listeners) == [f"unix:{path}"]
    assert await greeting(f"unix:{path}") == b"plain"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    listeners.close()
    assert not path.exists()


async def test_tls_listener_speaks_tls_with_http_1_1_and_at_least_tls_1_2(listeners: Listeners, tls: Tls) -> None:
    await listeners.open_all([Listener(ANY_PORT, (tls("first"),))])
    [name] = names(listeners)
    old = trusting_all()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")

    assert await shown_certificate(name) == der_of(tls("first"))
    assert await greeting(name, trusting_all()) == b"secure"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await greeting(name, old)


async def test_renewed_certificate_is_shown_to_new_connections(listeners: Listeners, tls: Tls) -> None:
    await listeners.open_all([Listener(ANY_PORT, (tls("first"),)), Listener(ANY_PORT)])
    name = names(listeners)[0]
    renewed = tls("second")

    assert listeners.renew_certificates() == []
    assert await shown_certificate(name) == der_of(renewed)


async def test_certificate_that_cannot_be_used_leaves_the_old_one(listeners: Listeners, tls: Tls) -> None:
    pair = tls("first")
    before = der_of(pair)
    await listeners.open_all([Listener(ANY_PORT, (pair,))])
    Path(pair.key).write_text("nonsense")

    [problem] = listeners.renew_certificates()

    assert "both must be PEM" in problem
    assert await shown_certificate(names(listeners)[0]) == before


def test_address_in_use_is_said_with_a_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = TcpAddress("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(
            ListenError, match=rf"^cannot listen on {address}: address already in use; another process .* --listen"
        ):
            open_sockets(address)


@pytest.mark.parametrize(
    ("address", "fault", "said"),
    [
        (TcpAddress("127.0.0.1", 80), errno.EACCES, "permission denied; ports below 1024 need a privilege"),
        (TcpAddress("127.0.0.1", 8080), errno.EACCES, "permission denied$"),
        (TcpAddress("192.0.2.1", 8080), errno.EADDRNOTAVAIL, "this machine does not have that address: use :PORT"),
    ],
)
def test_what_the_kernel_refuses_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, address: TcpAddress, fault: int, said: str
) -> None:
    def refuse(*_: object, **__: object) -> socket.socket:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(sockets, "_bind_tcp", refuse)
    with pytest.raises(ListenError, match=said):
        open_sockets(address)


def test_name_that_does_not_resolve_is_said() -> None:
    with pytest.raises(ListenError, match=r"^cannot listen on no\.such\.invalid:80: "):
        open_sockets(TcpAddress("no.such.invalid", 80))


def test_name_without_any_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets.socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(ListenError, match="the name has no address"):
        open_sockets(TcpAddress("nothing.test", 80))


def test_second_family_that_is_taken_gives_the_first_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = sockets._bind_tcp, []

    def taken_in_ipv6(family: int, host: str, port: int, **how: bool) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRINUSE, "address already in use")
        made.append(real(family, host, port, **how))
        return made[0]

    monkeypatch.setattr(sockets, "_bind_tcp", taken_in_ipv6)
    with pytest.raises(ListenError, match="in use"):
        open_sockets(TcpAddress("", 0))

    assert made[0].fileno() == -1


def test_unix_path_of_a_living_process_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        with pytest.raises(ListenError, match="address already in use"):
            open_sockets(UnixAddress(str(path)))

    assert path.exists()


def test_file_that_is_no_socket_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(ListenError, match="there is a file of this name that is no socket"):
        open_sockets(UnixAddress(str(path)))

    assert path.read_text() == "data"


def test_unix_path_in_no_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="its directory does not exist"):
        open_sockets(UnixAddress(str(tmp_path / "missing" / "x.sock")))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(lambda pair: Path(pair.certificate).unlink(), "cannot read .*cert.pem: no such file", id="missing"),
        pytest.param(lambda pair: Path(pair.certificate).write_text("x"), "cannot use certificate", id="not-pem"),
        pytest.param(
            lambda pair: Path(pair.key).write_bytes((Path(__file__).parents[1] / "tls/second-key.pem").read_bytes()),
            "the certificate's own",
            id="other-key",
        ),
        pytest.param(
            lambda pair: Path(pair.key).write_bytes((Path(__file__).parents[1] / "tls/encrypted-key.pem").read_bytes()),
            "the key unencrypted",
            id="encrypted-key",
        ),
    ],
)
async def test_bad_certificate_is_said_and_opens_nothing(
    listeners: Listeners, tls: Tls, damage: Callable[[KeyPair], object], said: str
) -> None:
    pair = tls("first")
    damage(pair)
    with pytest.raises(ListenError, match=said):
        await listeners.open_all([Listener(ANY_PORT), Listener(ANY_PORT, (pair,))])

    assert not listeners.opened


async def test_change_opens_what_is_new_and_closes_what_is_gone(listeners: Listeners, tmp_path: Path) -> None:
    gone, kept, new = (Listener(UnixAddress(str(tmp_path / name))) for name in ("gone", "kept", "new"))
    await listeners.open_all([gone, kept])

    assert await listeners.change_to((kept, new)) == []
    assert names(listeners) == [str(kept.address), str(new.address)]
    assert not (tmp_path / "gone").exists()
    assert await greeting(str(kept.address)) == await greeting(str(new.address)) == b"plain"


async def test_same_listeners_are_left_alone(listeners: Listeners) -> None:
    await listeners.open_all([Listener(ANY_PORT)])
    before = listeners.opened

    assert await listeners.change_to((Listener(ANY_PORT),)) == []
    assert listeners.opened == before


async def test_address_that_needs_the_port_of_one_that_goes_gets_it(listeners: Listeners) -> None:
    await listeners.open_all([Listener(ANY_PORT)])
    port = port_of(names(listeners)[0])
    listeners.opened[0].listener = Listener(TcpAddress("127.0.0.1", port))

    assert await listeners.change_to((Listener(TcpAddress("", port)),)) == []
    assert await greeting(f"127.0.0.1:{port}") == b"plain"


async def test_tls_is_switched_on_without_closing_the_socket(listeners: Listeners, tls: Tls, tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "x.sock"))
    await listeners.open_all([Listener(address)])
    inode = Path(address.path).stat().st_ino

    assert await listeners.change_to((Listener(address, (tls("first"),)),)) == []
    assert Path(address.path).stat().st_ino == inode
    reader, writer = await asyncio.open_unix_connection(address.path, ssl=trusting_all(), server_hostname="localhost")
    assert await reader.read() == b"secure"
    writer.close()
    await writer.wait_closed()


async def test_listener_whose_new_certificate_is_bad_goes_on_as_it_was(listeners: Listeners, tls: Tls, tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "x.sock"))
    await listeners.open_all([Listener(address)])

    [problem] = await listeners.change_to((Listener(address, (KeyPair("/no/cert", "/no/key"),)),))

    assert problem.startswith("cannot read /no/cert")
    assert await greeting(str(address)) == b"plain"


async def test_address_that_cannot_be_opened_is_said_and_the_others_change(listeners: Listeners, tmp_path: Path) -> None:
    old, new = Listener(UnixAddress(str(tmp_path / "old"))), Listener(UnixAddress(str(tmp_path / "new")))
    await listeners.open_all([old])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        [problem] = await listeners.change_to((new, Listener(TcpAddress("127.0.0.1", taken.getsockname()[1]))))

    assert "address already in use" in problem
    assert names(listeners) == [str(new.address)]


def test_uvloop_is_used_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = new_event_loop()
    loop.close()
    monkeypatch.setitem(__import__("sys").modules, "uvloop", None)
    plain = new_event_loop()
    plain.close()

    assert type(loop).__module__ == "uvloop"
    assert type(plain).__module__.startswith("asyncio")


def test_name_that_another_socket_has_taken_over_is_left_to_it(tmp_path: Path) -> None:
    """A successor on the same path may be there before its predecessor has ended."""
    address = UnixAddress(str(tmp_path / "front.sock"))
    predecessor = sockets.open_sockets(address)
    (tmp_path / "front.sock").unlink()
    successor = sockets.open_sockets(address)
    sockets.close_sockets(predecessor)
    left = (tmp_path / "front.sock").exists()
    sockets.close_sockets(successor)

    assert left
    assert not (tmp_path / "front.sock").exists()
