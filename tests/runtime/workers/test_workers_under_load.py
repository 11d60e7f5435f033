"""Several workers under load: a dead one is replaced and a reload goes by, and no client is turned away."""

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.backends import Backend, Reply
from support.fixtures import PlainFactory
from support.supervised import PATIENCE_S, Supervised, supervised, until

FIRST, SECOND = "first", "second"


class Client(threading.Thread):
    """Asks again and again, at times on a new connection; counts what came of it."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.ending = threading.Event()
        self.outcomes: Counter[str] = Counter()
        self.marks: list[str] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            while not self.ending.is_set():
                self._use_one_connection()
        except Exception as exc:  # noqa: BLE001  told to the test
            self.failure = exc

    def _use_one_connection(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as connection:  # refused: the test has failed
            for _ in range(5):
                try:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                    answer = _read_answer(connection)
                except ConnectionError:
                    answer = b""
                if not answer:
                    self.outcomes["lost"] += 1
                    return
                first, second = _mark(answer, b"X-First"), _mark(answer, b"X-Second")
                assert first == second, answer
                self.marks.append(first)
                self.outcomes[answer.split(b" ", 2)[1].decode()] += 1
                if b"onnection: close" in answer or self.ending.is_set():
                    return


def _mark(answer: bytes, name: bytes) -> str:
    return answer.partition(name + b": ")[2].partition(b"\r\n")[0].decode()


def _read_answer(connection: socket.socket) -> bytes:
    """Return one answer with a body of five bytes; empty if the connection ended before."""
    answer = b""
    while not answer.endswith(b"\r\n\r\nhello"):
        data = connection.recv(65536)
        if not data:
            return b""
        answer += data
    return answer


@contextmanager
def under_load(running: Supervised, count: int) -> Iterator[list[Client]]:
    """Have clients ask for the time of the block; none may be turned away."""
    clients = [Client(running.port) for _ in range(count)]
    for client in clients:
        client.start()
    try:
        until(lambda: all(client.outcomes for client in clients), lambda: running.output)
        yield clients
    finally:
        for client in clients:
            client.ending.set()
        for client in clients:
            client.join(PATIENCE_S)
    assert [client.failure for client in clients] == [None] * count


def config_of(backend: Backend, mark: str = FIRST, workers: int | str = 2, more: str = "") -> str:
    """Return a policy file whose answers show `mark` twice."""
    policy = f"{{headers: {{set: {{X-First: {mark}, X-Second: {mark}}}}}}}"
    return f"version: 1\nupstream: {backend.url}\npolicy: {policy}\nworkers: {workers}\n{more}"


def outcomes_of(clients: list[Client]) -> Counter[str]:
    """Return what came of all requests."""
    return sum((client.outcomes for client in clients), Counter[str]())


def test_worker_killed_ten_times_costs_only_what_was_in_flight(plain: PlainFactory, tmp_path: Path) -> None:
    """Connections that wait in its socket meanwhile are served by its successor; nobody is refused."""
    with supervised(tmp_path, config_of(plain({"/": Reply(b"hello")}))) as running, under_load(running, 4) as clients:
        for number in range(10):
            pids = running.pids()
            os.kill(pids[number % 2], signal.SIGKILL)
            running.until(lambda before=pids: len(set(running.pids()) - set(before)) == 1)  # type: ignore[misc]
        running.wait_until_ready()
        running.until(lambda: len(running.said("died")) == 10)

    outcomes = outcomes_of(clients)
    assert set(outcomes) <= {"200", "lost"}
    assert outcomes["lost"] <= 10 * len(clients)
    assert outcomes["200"] > outcomes["lost"]


def test_twenty_reloads_lose_nothing_and_mix_nothing(plain: PlainFactory, tmp_path: Path) -> None:
    """Who asked for a reload is answered when all workers serve by it: whoever asks later sees the new policy only."""
    backend = plain({"/": Reply(b"hello")})
    with supervised(tmp_path, config_of(backend)) as running, under_load(running, 3) as clients:
        for number in range(1, 21):
            mark = (FIRST, SECOND)[number % 2]
            answer = running.reload(config_of(backend, mark))

            assert (answer["outcome"], answer["generation"], answer["notes"]) == ("applied", number + 1, [])
            assert {running.get().getheader("X-First") for _ in range(6)} == {mark}
        assert {worker["generation"] for worker in running.workers()} == {21}
        assert len(running.seen) == 2

    assert set(outcomes_of(clients)) == {"200"}
    assert {mark for client in clients for mark in client.marks} == {FIRST, SECOND}


def test_number_of_workers_changes_without_losing_anything(plain: PlainFactory, tmp_path: Path) -> None:
    backend = plain({"/": Reply(b"hello")})
    with supervised(tmp_path, config_of(backend)) as running, under_load(running, 3) as clients:
        for workers in (3, 2):
            answer = running.reload(config_of(backend, workers=workers))
            assert (answer["outcome"], answer["notes"]) == ("applied", [])
            running.until(lambda count=workers: len(running.workers()) == count)  # type: ignore[misc]
            time.sleep(0.1)  # under load a little longer
        answer = running.reload(config_of(backend, workers=1))
        assert answer["notes"] == ["the change of `workers` to 1 needs a restart; everything else is in force"]

    assert set(outcomes_of(clients)) == {"200"}


def test_worker_that_is_told_to_end_has_a_successor_first(plain: PlainFactory, tmp_path: Path) -> None:
    with supervised(tmp_path, config_of(plain({"/": Reply(b"hello")}))) as running, under_load(running, 3) as clients:
        for slot in (0, 1):
            before = running.pids()
            os.kill(before[slot], signal.SIGTERM)
            running.until(lambda slot=slot, old=before[slot]: running.pids()[slot] != old)  # type: ignore[misc]
            running.until(lambda old=before[slot]: old in {line["pid"] for line in running.said("ended")})  # type: ignore[misc]
        assert not running.said("died")

    assert set(outcomes_of(clients)) == {"200"}
