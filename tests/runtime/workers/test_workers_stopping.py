"""Several workers told to stop, by whom ever; and one process, where the same holds for it."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest
from support.backends import Backend, Reply
from support.fixtures import PlainFactory
from support.ports import free_port
from support.processes import XoproxyProcess
from support.supervised import PATIENCE_S, Supervised, config_of, is_alive, read_all, refuses, supervised, until


@pytest.fixture
def backend(plain: PlainFactory) -> Backend:
    """A page."""
    return plain({"/": Reply(b"hello")})


def slow_upstream(server: socket.socket) -> str:
    """Return the URL of a server that answers when the test says so."""
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def send_everyone(running: Supervised, number: signal.Signals) -> None:
    """Send a signal to the supervisor and all workers, as a terminal or a service manager does."""
    pids = running.pids()
    running.send(number)
    for pid in pids:
        os.kill(pid, number)


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
            until(lambda: refuses(running.port))
            for _ in range(299):
                client.sendall(b"b" * 1000)
                received += upstream.recv(65536)
            while not received.endswith(b"b" * 299_000):
                received += upstream.recv(65536)
            upstream.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nkept")
            answer = read_all(client)
            upstream.close()
            client.close()

    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nkept")


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


def test_signals_of_the_terminal_are_nothing_to_a_worker(backend: Backend, tmp_path: Path) -> None:
    """What comes of Ctrl-C and of a lost terminal is for the supervisor to say."""
    with supervised(tmp_path, config_of(backend.url)) as running:
        before = running.pids()
        for pid in before:
            os.kill(pid, signal.SIGHUP)
            os.kill(pid, signal.SIGINT)
        assert running.reload(config_of(backend.url, more="log: {level: debug}\n"))["notes"] == []  # all have answered since

        assert running.pids() == before
        assert not running.said("replaced")


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
        assert refuses(running.port)
        upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

        assert read_all(client).endswith(b"\r\n\r\ndone")
        running.until(lambda: not any(is_alive(pid) for pid in pids))
        assert len([line for line in running.lines if line["event"] == "orphaned-worker"]) == 2
        assert "Traceback" not in running.output
        client.close()
        upstream.close()


def test_signal_while_workers_start_ends_them_all(backend: Backend, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(config_of(backend.url, more=f"listen: '127.0.0.1:{free_port()}'\n"))
    process = XoproxyProcess(["run", "-c", str(tmp_path / "x.yaml"), "--admin", "off"], tmp_path / "log")
    process.wait_for_output('"state":"started"')
    process.stop()
    lines = [json.loads(line) for line in process.output.splitlines() if line.startswith("{")]

    assert not any(is_alive(line["pid"]) for line in lines if line["event"] == "worker")


@pytest.mark.parametrize("workers", [1, 2])
def test_reload_while_stopping_changes_nothing(tmp_path: Path, workers: int) -> None:
    """Else a supervisor would start workers that nobody tells to end, and serve on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        url = slow_upstream(server)
        with supervised(tmp_path, config_of(url, workers)) as running:
            running.seen.discard(running.pid)
            client = running.connect()
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            upstream = server.accept()[0]
            upstream.recv(65536)
            running.send(signal.SIGTERM)
            until(lambda: refuses(running.port))
            running.reload(config_of(url, workers + 1))
            still_refuses = refuses(running.port)
            upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            answer = read_all(client)
            running.wait()
            upstream.close()
            client.close()

    assert still_refuses
    assert answer.endswith(b"\r\n\r\nok")
