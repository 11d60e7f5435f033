"""Several workers as an operator meets them: who serves, what is shown, how they start and end."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from support.backends import Backend, Reply
from support.expositions import value
from support.fixtures import PlainFactory
from support.ports import free_port
from support.processes import XoproxyProcess
from support.supervised import PATIENCE_S, config_of, is_alive, read_all, refuses, supervised, until

from xoproxy.runtime.workers.processors import processors

TLS_FILES = Path(__file__).parents[1] / "tls"


@pytest.fixture
def backend(plain: PlainFactory) -> Backend:
    """A page."""
    return plain({"/": Reply(b"hello")})


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
        scraped = running.metrics()

    assert value(scraped, "requests_total", route="default", method="GET", status_class="2xx") == 64
    assert value(scraped, "request_duration_seconds_count") == value(scraped, "upstream_duration_seconds_count") == 64
    assert value(scraped, "connections_accepted_total") == 64
    assert value(scraped, "workers", state="serving") == 2
    assert all(value(scraped, "worker_resident_memory_bytes", slot=slot) > 1_000_000 for slot in "01")
    assert all(share >= 8 for share in shares), shares
    assert [(worker["slot"], worker["generation"], worker["state"]) for worker in shown] == [
        (0, 1, "serving"),
        (1, 1, "serving"),
    ]
    assert len([line for line in running.lines if line["event"] == "exchange"]) == 64


def test_worker_that_drains_takes_no_count_with_it(backend: Backend, tmp_path: Path) -> None:
    """What was counted since the last second is its last word; and nothing is counted twice."""
    with supervised(tmp_path, config_of(backend.url)) as running:
        before = running.pids()
        for _ in range(20):
            assert running.get().status == 200
        for pid in before:
            os.kill(pid, signal.SIGTERM)
        running.until(lambda: len(running.said("ended")) == 2)
        scraped = running.metrics()
        running.pids()

    assert value(scraped, "requests_total", route="default", method="GET", status_class="2xx") == 20
    assert value(scraped, "connections_accepted_total") == 20


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
        running.until(lambda: len(running.said("died")) == 2)
        assert {line["message"] for line in running.said("died")} == {
            f"worker {slot} (process {pid}) died: killed by SIGKILL" for slot, pid in enumerate(before)
        }


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
                    assert read_all(client).endswith(b"hello")

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
        "import subprocess, sys; import xoproxy.runtime.interpreters as m; m._PROGRAM = 'raise SystemExit(7)'; "
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


def _shown_if_any(port: int) -> set[str]:
    try:
        return _shown(port)
    except OSError:
        return set()


def _pem(name: str) -> str:
    return (TLS_FILES / f"{name}-cert.pem").read_text()


def test_worker_imports_neither_the_admin_endpoint_nor_the_watch() -> None:
    program = "import sys, xoproxy.runtime.workers.worker; print({'aiohttp', 'watchfiles', 'xoproxy.admin'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=PATIENCE_S)

    assert said.stdout == b"set()\n"


def test_supervisor_imports_no_data_plane() -> None:
    program = (
        "import sys, xoproxy.cli.serving, xoproxy.runtime.workers.pool; "
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
            assert refuses(port)
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


LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, [sys.executable, "-m", "xoproxy", *sys.argv[2:]])
"""


def test_workers_share_a_socket_that_the_service_manager_passed(backend: Backend, tmp_path: Path) -> None:
    """It answers whoever dies, and its name in the file system stays at the end."""
    path, admin = tmp_path / "x.sock", free_port()
    more = f"listen: [systemd]\nadmin: '127.0.0.1:{admin}'\n"
    (tmp_path / "x.yaml").write_text(config_of(backend.url, more=more))
    with socket.socket(socket.AF_UNIX) as passed, (tmp_path / "log").open("wb") as log:
        passed.bind(str(path))
        passed.listen()
        command = [sys.executable, "-c", LAUNCHER, str(passed.fileno()), "run", "-c", str(tmp_path / "x.yaml")]
        process = subprocess.Popen(command, pass_fds=(passed.fileno(),), stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: '"event":"listening"' in (tmp_path / "log").read_text(), (tmp_path / "log").read_text)
        lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
        os.kill(next(line["pid"] for line in lines if line.get("state") == "ready"), signal.SIGKILL)
        for _ in range(8):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                assert read_all(client).endswith(b"hello")
        process.terminate()

        assert process.wait(PATIENCE_S) == 0
        assert path.exists()
    finally:
        process.kill()
        process.wait()


def test_worker_that_dies_while_a_certificate_is_broken_has_a_successor_all_the_same(backend: Backend, tmp_path: Path) -> None:
    """Other listeners serve as before; handshakes fail until the files can be used, and then succeed by themselves."""
    plain, secure = free_port(), free_port()
    for kind in ("cert", "key"):
        shutil.copy(TLS_FILES / f"first-{kind}.pem", tmp_path / f"{kind}.pem")
    tls = f"tls: {{certificate: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}"
    listen = f"listen: ['127.0.0.1:{plain}', {{address: '127.0.0.1:{secure}', {tls}}}]\n"
    with supervised(tmp_path, config_of(backend.url, 2, listen), listening=plain) as running:
        (tmp_path / "cert.pem").write_text("half of a certificate")
        before = running.pids()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        running.until(lambda: len(running.pids()) == 2 and not set(running.pids()) & set(before))
        statuses = [running.get().status for _ in range(8)]
        with pytest.raises(OSError):  # noqa: PT011  whatever TLS says of a server without a certificate
            ssl.get_server_certificate(("127.0.0.1", secure))
        shutil.copy(TLS_FILES / "first-cert.pem", tmp_path / "cert.pem")
        running.send(signal.SIGHUP)
        running.until(lambda: _shown_if_any(secure) == {_pem("first")})

    assert statuses == [200] * 8


@pytest.mark.parametrize("workers", [1, 2])
def test_reload_with_a_certificate_that_cannot_be_used_is_rejected(backend: Backend, tmp_path: Path, workers: int) -> None:
    """What could not be started with does not get into force either."""
    port = free_port()
    listen = f"listen: ['127.0.0.1:{port}']\n"
    bad = f"listen: ['127.0.0.1:{port}', {{address: '127.0.0.1:0', tls: {{certificate: /nope.pem, key: /nope.key}}}}]\n"
    with supervised(tmp_path, config_of(backend.url, workers, listen), listening=port) as running:
        running.seen.discard(running.pid)
        answer = running.reload(config_of(backend.url, workers, bad))

    assert answer["outcome"] == "rejected"
    assert "cannot read /nope.pem" in answer["notes"][0]


@pytest.mark.parametrize("workers", [1, 2])
def test_address_that_was_taken_is_tried_again_by_the_next_reload(backend: Backend, tmp_path: Path, workers: int) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        both = f"listen: ['127.0.0.1:{port}', '127.0.0.1:{taken}']\n"
        with supervised(
            tmp_path, config_of(backend.url, workers, f"listen: ['127.0.0.1:{port}']\n"), listening=port
        ) as running:
            running.seen.discard(running.pid)
            config = config_of(backend.url, workers, both)
            first = running.reload(config)
            second = running.reload(config)
            other.close()
            third = running.reload(config)
            serves = not refuses(taken)

    assert (first["outcome"], second["outcome"], third["outcome"]) == ("applied", "unchanged", "unchanged")
    assert "cannot listen on" in first["notes"][0]
    assert "cannot listen on" in second["notes"][0]
    assert third["notes"] == []
    assert serves


@pytest.mark.parametrize("workers", [1, 2])
def test_addresses_of_upstreams_are_shown_as_each_worker_sees_them(backend: Backend, tmp_path: Path, workers: int) -> None:
    with supervised(tmp_path, config_of(backend.url, workers)) as running:
        running.seen.discard(running.pid)
        assert running.get().read() == b"hello"

        running.until(lambda: all(worker["addresses"] for worker in running.workers()))
        shown = [address for worker in running.workers() for address in worker["addresses"]]
        running.seen.discard(running.pid)

    assert len(shown) == workers
    assert {(address["address"], address["healthy"], address["ejected"]) for address in shown} == {(backend.url, True, False)}
