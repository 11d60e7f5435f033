"""Which worker accepts from which socket."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from xoproxy.config.settings import KeyPair, Listener, PassedAddress, TcpAddress, UnixAddress
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.runtime.workers import shares as shares_module
from xoproxy.runtime.workers.shares import SPREADS, Share, Shares, open_share

ANY_PORT = Listener(TcpAddress("127.0.0.1", 0))
Tls = Callable[[str], KeyPair]

pytestmark = pytest.mark.skipif(not SPREADS, reason="the kernel does not spread connections over sockets that share a port")


def port_of(sock: socket.socket) -> int:
    """Return the port that a socket is bound to."""
    return int(sock.getsockname()[1])


def test_each_worker_has_a_socket_of_its_own_on_one_port() -> None:
    share = open_share(ANY_PORT, 3)
    portions = [share.of(slot, 3) for slot in range(3)]

    assert [len(portion) for portion in portions] == [1, 1, 1]
    assert len({portion[0].fileno() for portion in portions}) == 3
    assert len({port_of(portion[0]) for portion in portions}) == 1
    share.close()


def test_sockets_without_a_worker_are_everybodys() -> None:
    share = open_share(ANY_PORT, 4)
    portions = [share.of(slot, 2) for slot in range(2)]

    assert [len(portion) for portion in portions] == [3, 3]
    assert portions[0][0] is not portions[1][0]
    assert portions[0][1:] == portions[1][1:]
    share.grow(4)
    assert len(share.groups) == 4
    share.grow(5)
    assert len(share.groups) == 5
    share.close()


def test_socket_in_the_file_system_is_one_for_all(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    share = open_share(Listener(UnixAddress(str(path))), 3)
    share.grow(5)

    assert share.of(0, 3) == share.of(2, 3) == share.groups[0]
    assert path.exists()
    share.close()
    assert not path.exists()


def test_name_of_a_passed_socket_stays_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the service manager's."""
    path = tmp_path / "x.sock"
    passed = socket.socket(socket.AF_UNIX)
    passed.bind(str(path))
    monkeypatch.setattr(shares_module, "open_sockets", lambda address: [passed])
    open_share(Listener(PassedAddress("")), 2).close()

    assert path.exists()


def test_system_that_does_not_spread_has_one_socket_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares_module, "SPREADS", False)
    share = open_share(ANY_PORT, 3)

    assert share.of(0, 3) == share.of(2, 3)
    assert not share.groups[0][0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
    share.close()


def test_port_of_another_who_would_share_it_is_not_taken() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ListenError, match="address already in use"):
            open_share(Listener(TcpAddress("127.0.0.1", port_of(other))), 2)


def test_nothing_is_open_where_one_cannot_be(tls: Tls) -> None:
    pair = tls("first")
    Path(pair.key).write_text("broken")
    shares = Shares()
    with pytest.raises(ListenError, match="cannot use certificate"):
        shares.open_all((ANY_PORT, Listener(TcpAddress("127.0.0.1", 0), (pair,))), 2)

    assert not shares.held


def test_failure_halfway_gives_the_port_back(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []

    def refuse(share: Share, workers: int) -> None:
        opened.extend(share.groups[0])
        raise ListenError("no more")

    monkeypatch.setattr(Share, "grow", refuse)
    with pytest.raises(ListenError, match="no more"):
        open_share(ANY_PORT, 2)

    assert [sock.fileno() for sock in opened] == [-1]


def test_reload_opens_what_is_new_and_closes_what_is_gone(tls: Tls) -> None:
    shares = Shares()
    kept, gone = Listener(TcpAddress("127.0.0.1", 0)), Listener(TcpAddress("localhost", 0))
    shares.open_all((kept, gone), 2)
    first = shares.held[0]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        blocked = Listener(TcpAddress("127.0.0.1", port_of(taken)))
        secure = Listener(kept.address, (tls("first"),))
        new = Listener(TcpAddress("", 0))
        wanted = (new, secure, blocked)
        opened, unopened = shares.open_new(wanted, 2)
        shares.held += opened

        assert [share.listener for share in opened] == [new]
        assert list(unopened) == [blocked]
        assert shares.close_others(wanted) is True
        assert shares.close_others(wanted) is False
        assert shares.held == [first, *opened]
        assert shares.indexes(wanted) == [0, 1]
        assert {bound.secure for bound in shares.bound if bound.name.startswith("127.")} == {True}
    shares.close()
    assert not shares.held


def test_more_workers_than_sockets_can_be_opened_for_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = Shares()
    shares.open_all((ANY_PORT,), 2)

    def refuse(*_: object, **__: object) -> list[socket.socket]:
        raise ListenError("no more")

    monkeypatch.setattr(shares_module, "open_sockets", refuse)

    assert shares.grow(2) == []
    assert shares.grow(3) == ["no more"]
    shares.close()
