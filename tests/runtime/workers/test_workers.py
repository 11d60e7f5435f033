"""Several workers as an operator meets them: who serves, what is shown, how they start and end."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from support.backends import Backend, Reply
from support.fixtures import PlainFactory
from support.ports import free_port
from support.processes import XoproxyProcess
from support.supervised import PATIENCE_S, Supervised, is_alive, supervised, until

from xoproxy.runtime.processors import processors

TLS_FILES = Path(__file__).parents[1] / "tls"


@pytest.fixture
def backend(plain: PlainFactory) -> Backend:
    """A page."""
    return plain({"/": Reply(b"hello")})


def config_of(upstream: str, workers: int | str = 2, more: str = "") -> str:
    """Return a policy file."""
    return f"version: 1\nupstream: {upstream}\npolicy: isolated\nworkers: {workers}\n{more}"


def slow_upstream(server: socket.socket) -> str:
    """Return the URL of a server that answers when the test says so."""
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def send_everyone(running: Supervised, number: signal.Signals) -> None:
    """Send a signal to the supervisor and all workers, as a terminal or a service manager does."""
    pids = running.pids()
    running.send(number)
    for pid in pids:
        os.kill(pid, number)


def test_every_worker_gets_connections_and_their_counts_are_summed(backend: Backend, tmp_path: Path) -> None:
    with supervised(tmp_path, config_of(backend.url)) as running:
        connections = [running.connect() for _ in range(64)]
        running.until(lambda: sum(worker["connections"] for worker in running.workers()) == 64)
        shares = [worker["connections"] for worker in running.workers()]
        for connection in connections:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        for connection in connections:
            with connection:
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        running.until(lambda: running.admin("GET", "/-/config")[1]["exchanges"]["status"] == {"2xx": 64})
        shown = running.workers()

    assert all(share >= 8 for share in shares), shares
    assert [(worker["slot"], worker["generation"], worker["state"]) for worker in shown] == [
        (0, 1, "serving"),
        (1, 1, "serving"),
    ]
    assert len([line for line in running.lines if line["event"] == "exchange"]) == 64


def test_counts_of_a_dead_worker_stay(backend: Backend, tmp_path: Path) -> None:
    with supervised(tmp_path, config_of(backend.url)) as running:
        for _ in range(20):
            assert running.get().status == 200
        running.until(lambda: running.admin("GET", "/-/config")[1]["exchanges"]["status"] == {"2xx": 20})
        before = running.pids()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        running.until(lambda: not set(running.pids()) & set(before))

        assert running.admin("GET", "/-/config")[1]["exchanges"]["status"] == {"2xx": 20}
        assert [line["message"] for line in running.said("died")] == [
            f"worker {slot} (process {pid}) died: killed by SIGKILL" for slot, pid in sorted(_slots(running, "died"))
        ]


def _slots(running: Supervised, state: str) -> list[tuple[int, int]]:
    return [(line["slot"], line["pid"]) for line in running.said(state)]


def test_supervisor_without_a_worker_in_some_slot_is_not_ready(backend: Backend, tmp_path: Path) -> None:
    """It lives, though; and what was asked meanwhile is answered by the successor."""
    with supervised(tmp_path, config_of(backend.url)) as running:
        first, second = running.pids()
        os.kill(first, signal.SIGSTOP)
        os.kill(second, signal.SIGKILL)
        states: set[int] = set()
        running.until(lambda: states.add(running.admin("GET", "/-/ready")[0]) or 503 in states)
        assert running.admin("GET", "/-/healthy")[0] == 200
        os.kill(first, signal.SIGCONT)
        running.wait_until_ready()

        assert {running.get().status for _ in range(8)} == {200}


def test_one_worker_per_processor(backend: Backend, tmp_path: Path) -> None:
    """On a machine with one there is no supervisor."""
    with supervised(tmp_path, config_of(backend.url, "auto")) as running:
        assert len(running.workers()) == processors()
        assert running.get().read() == b"hello"


def test_one_worker_is_the_process_itself(backend: Backend, tmp_path: Path) -> None:
    with supervised(tmp_path, config_of(backend.url, 1)) as running:
        assert running.pids() == [running.pid]
        assert running.get().read() == b"hello"
        answer = running.reload(config_of(backend.url, 2))

        assert answer["notes"] == ["the change of `workers` needs a restart; everything else is in force"]
        assert not running.said("started")
        running.seen.clear()


@pytest.mark.parametrize("workers", [1, 2])
def test_upload_in_flight_is_finished_when_told_to_stop(tmp_path: Path, workers: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        with supervised(tmp_path, config_of(slow_upstream(server), workers)) as running:
            running.seen.discard(running.pid)
            client = running.connect()
            client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n" + b"a" * 1000)
            upstream = server.accept()[0]
            received = upstream.recv(65536)
            running.send(signal.SIGTERM)
            running.wait_for_output('"event":"draining"')
            until(lambda: _refuses(running.port))
            for _ in range(299):
                client.sendall(b"b" * 1000)
                received += upstream.recv(65536)
            while not received.endswith(b"b" * 299_000):
                received += upstream.recv(65536)
            upstream.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nkept")
            answer = _read_all(client)
            upstream.close()
            client.close()

    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nkept")


def _refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _read_all(connection: socket.socket) -> bytes:
    data = b""
    while more := connection.recv(65536):
        data += more
    return data


@pytest.mark.parametrize("workers", [1, 2])
def test_websocket_gets_its_time_and_then_a_close_frame(tmp_path: Path, workers: int) -> None:
    """1001 (going away) at 90 % of `timeouts.drain`; until then it works.  (RFC 6455 §7.4.1)"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        with supervised(tmp_path, config_of(slow_upstream(server), workers, "timeouts: {drain: 1s}\n")) as running:
            running.seen.discard(running.pid)
            client = running.connect()
            client.settimeout(PATIENCE_S)
            client.sendall(
                b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            upstream = server.accept()[0]
            upstream.recv(65536)
            accept = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            upstream.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + accept + b"\r\n"
            )
            assert client.recv(65536).startswith(b"HTTP/1.1 101 ")
            running.send(signal.SIGTERM)
            running.wait_for_output('"event":"draining"')
            upstream.sendall(b"\x81\x02hi")
            assert client.recv(4) == b"\x81\x02hi"

            assert client.recv(65536) == b"\x88\x02\x03\xe9"
            client.close()
            upstream.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_all_processes_at_once_ends_them_well(backend: Backend, tmp_path: Path, number: signal.Signals) -> None:
    with supervised(tmp_path, config_of(backend.url)) as running:
        send_everyone(running, number)
        running.until(lambda: '"event":"stopped"' in running.output)

        assert not running.said("died")


def test_lost_terminal_ends_no_worker(backend: Backend, tmp_path: Path) -> None:
    with supervised(tmp_path, config_of(backend.url)) as running:
        before = running.pids()
        send_everyone(running, signal.SIGHUP)

        assert running.get().read() == b"hello"
        assert running.pids() == before


def test_second_signal_ends_everything_now(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        with supervised(tmp_path, config_of(slow_upstream(server), more="timeouts: {drain: 60s}\n")) as running:
            client = running.connect()
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            upstream = server.accept()[0]
            running.send(signal.SIGTERM)
            running.wait_for_output('"event":"draining"')
            running.stop(signal.SIGTERM)
            client.close()
            upstream.close()


def test_killed_supervisor_leaves_no_process_and_what_is_in_flight_is_finished(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        running = Supervised(tmp_path, config_of(slow_upstream(server)))
        pids = running.pids()
        client = running.connect()
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        upstream = server.accept()[0]
        upstream.recv(65536)
        running.kill_supervisor()
        running.until(lambda: sum(is_alive(pid) for pid in pids) == 1)  # the one that is idle ends at once
        assert _refuses(running.port)
        upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

        assert _read_all(client).endswith(b"\r\n\r\ndone")
        running.until(lambda: not any(is_alive(pid) for pid in pids))
        assert len([line for line in running.lines if line["event"] == "orphaned-worker"]) == 2
        assert "Traceback" not in running.output
        client.close()
        upstream.close()


def test_workers_share_a_socket_in_the_file_system(backend: Backend, tmp_path: Path) -> None:
    """A worker that ends leaves its name; the supervisor removes it at the end."""
    path = tmp_path / "x.sock"
    with supervised(tmp_path, config_of(backend.url), f"unix:{path}") as running:
        for number in (signal.SIGTERM, signal.SIGKILL):
            before = running.pids()
            os.kill(before[0], number)
            running.until(lambda old=before[0]: old not in running.pids())  # type: ignore[misc]
            running.until(lambda old=before[0]: not is_alive(old))  # type: ignore[misc]
            for _ in range(8):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(path))
                    client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                    assert _read_all(client).endswith(b"hello")

    assert not path.exists()


def ended(tmp_path: Path, config: str) -> tuple[int, str]:
    """Run a proxy that cannot start; return its exit code and what it said."""
    (tmp_path / "x.yaml").write_text(config)
    process = XoproxyProcess(["run", "-c", str(tmp_path / "x.yaml"), "--admin", "off"], tmp_path / "log")
    return process.wait(), process.output


@pytest.mark.parametrize("shares", [False, True], ids=["alone", "would-share"])
def test_address_in_use_is_exit_code_3_and_said_once(backend: Backend, tmp_path: Path, shares: bool) -> None:
    """Also when whoever listens there would share the port with us."""
    with socket.socket() as taken:
        if shares:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, said = ended(tmp_path, config_of(backend.url, more=f"listen: '{address}'\n"))

    assert code == 3
    assert said.count(f"cannot listen on {address}: address already in use") == 1
    assert "worker" not in said


def test_certificate_that_cannot_be_used_is_exit_code_3_and_said_once(backend: Backend, tmp_path: Path) -> None:
    tls = f"{{certificate: {TLS_FILES}/first-cert.pem, key: {TLS_FILES}/second-key.pem}}"
    listen = f"listen: [{{address: '127.0.0.1:{free_port()}', tls: {tls}}}]\n"
    code, said = ended(tmp_path, config_of(backend.url, more=listen))

    assert code == 3
    assert said.count("cannot use certificate") == 1


def test_workers_that_cannot_start_are_exit_code_3_and_said_once(tmp_path: Path) -> None:
    config = tmp_path / "x.yaml"
    config.write_text(config_of("http://127.0.0.1:1", 3, f"listen: '127.0.0.1:{free_port()}'\n"))
    program = (
        "import subprocess, sys; import xoproxy.runtime.member as m; m._PROGRAM = 'raise SystemExit(7)'; "
        "from xoproxy.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, "run", "-c", str(config), "--admin", "off"],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert process.returncode == 3
    assert process.stderr == b"xoproxy: error: no worker could be started: exit code 7\n"


def test_signal_while_workers_start_ends_them_all(backend: Backend, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(config_of(backend.url, more=f"listen: '127.0.0.1:{free_port()}'\n"))
    process = XoproxyProcess(["run", "-c", str(tmp_path / "x.yaml"), "--admin", "off"], tmp_path / "log")
    process.wait_for_output('"state":"started"')
    process.stop()
    lines = [json.loads(line) for line in process.output.splitlines() if line.startswith("{")]

    assert not any(is_alive(line["pid"]) for line in lines if line["event"] == "worker")


def test_renewed_certificate_is_shown_by_every_worker(backend: Backend, tmp_path: Path) -> None:
    port = free_port()
    for kind in ("cert", "key"):
        (tmp_path / f"{kind}.pem").write_bytes((TLS_FILES / f"first-{kind}.pem").read_bytes())
    tls = f"tls: {{certificate: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}"
    listen = f"listen: [{{address: '127.0.0.1:{port}', {tls}}}]\n"
    with supervised(tmp_path, config_of(backend.url, more=listen), listening=port) as running:
        assert _shown(port) == {_pem("first")}
        for kind in ("cert", "key"):
            (tmp_path / f"{kind}.pem").write_bytes((TLS_FILES / f"second-{kind}.pem").read_bytes())
        running.send(signal.SIGHUP)

        running.until(lambda: _shown(port) == {_pem("second")})

    assert len([line for line in running.lines if line["event"] == "certificate"]) == 1


def _shown(port: int) -> set[str]:
    return {ssl.get_server_certificate(("127.0.0.1", port)) for _ in range(8)}


def _pem(name: str) -> str:
    return (TLS_FILES / f"{name}-cert.pem").read_text()


def test_worker_imports_neither_the_admin_endpoint_nor_the_watch() -> None:
    program = "import sys, xoproxy.runtime.worker; print({'aiohttp', 'watchfiles', 'xoproxy.admin'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=PATIENCE_S)

    assert said.stdout == b"set()\n"


def test_supervisor_imports_no_data_plane() -> None:
    program = (
        "import sys, xoproxy.cli.serving, xoproxy.runtime.pool; "
        "print({'uvloop', 'aiohttp', 'xoproxy.dataplane'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=PATIENCE_S)

    assert said.stdout == b"set()\n"


def test_changed_listeners_are_those_of_every_worker(backend: Backend, tmp_path: Path) -> None:
    """One that cannot be opened is told once; one whose port was in the way of another's gives it up first."""
    port, other = free_port(), free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        blocked = f"127.0.0.1:{taken.getsockname()[1]}"
        config = config_of(backend.url, more=f"listen: '127.0.0.1:{port}'\n")
        with supervised(tmp_path, config, listening=port) as running:
            answer = running.reload(config_of(backend.url, more=f"listen: [':{port}', '127.0.0.1:{other}', '{blocked}']\n"))
            [note] = answer["notes"]
            assert f"cannot listen on {blocked}" in note
            running.port = other
            assert {running.get().read() for _ in range(8)} == {b"hello"}
            running.port = port
            assert {running.get().read() for _ in range(8)} == {b"hello"}
            before = running.pids()
            os.kill(before[0], signal.SIGKILL)
            running.until(lambda: running.pids()[0] != before[0])
            assert {running.get().read() for _ in range(8)} == {b"hello"}
            answer = running.reload(config_of(backend.url, more=f"listen: '127.0.0.1:{other}'\n"))

            assert answer["notes"] == []
            assert _refuses(port)
            assert len(running.said("started")) == 3


def test_what_open_listeners_cannot_be_told_takes_new_workers(backend: Backend, tmp_path: Path) -> None:
    port = free_port()
    tls = f"tls: {{certificate: {TLS_FILES}/first-cert.pem, key: {TLS_FILES}/first-key.pem}}"
    listen = f"listen: [{{address: '127.0.0.1:{port}', {tls}}}]\n"
    with supervised(tmp_path, config_of(backend.url, more=listen), listening=port) as running:
        before = running.pids()
        answer = running.reload(config_of(backend.url, more=f"{listen}timeouts: {{head: 5s}}\n"))

        assert (answer["outcome"], answer["notes"]) == ("applied", [])
        assert not set(running.pids()) & set(before)
        assert {worker["generation"] for worker in running.workers()} == {2}


def test_broken_file_changes_no_worker(backend: Backend, tmp_path: Path) -> None:
    with supervised(tmp_path, config_of(backend.url)) as running:
        before = running.pids()
        assert running.reload(config_of(backend.url).replace("isolated", "isolatd"))["outcome"] == "rejected"

        assert running.pids() == before
        assert {worker["generation"] for worker in running.workers()} == {1}
        assert running.get().getheader("Cross-Origin-Opener-Policy") == "same-origin"
