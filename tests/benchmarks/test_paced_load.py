"""The paced load sees a stall in every request that was to be sent meanwhile, and knows when a response has ended."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import pytest

from benchmarks.drivers.driver import driving
from benchmarks.drivers.exchange import is_whole
from benchmarks.drivers.paced import Pace, Pacing
from benchmarks.errors import BenchmarkError
from benchmarks.figures import percentile

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MARKED = b"HTTP/1.1 200 OK\r\nX: new\r\nContent-Length: 2\r\n\r\nok"
REQUEST = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
STALL_S = 0.2


@contextmanager
def server(answers: list[bytes], stall_at: int = -1) -> Iterator[int]:
    """Answer over one connection after the other, with the last answer again and again; an empty one closes the connection."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        number = 0
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            with peer:
                while peer.recv(1000):
                    if number == stall_at:
                        time.sleep(STALL_S)
                    answer = answers[min(number, len(answers) - 1)]
                    number += 1
                    if not answer:
                        break
                    peer.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def pace(port: int, seconds: float = 0.5, marker: str = "") -> Pace:
    with driving("paced", asdict(Pacing(port, REQUEST, 1, 200.0, seconds, marker, 0.05))) as driver:
        driver.begin()
        return Pace.read(driver.result())


def test_every_request_of_a_stall_is_late() -> None:
    """Of those that were to be sent while the answer was held, each waited for the rest of that time."""
    with server([ANSWER], stall_at=10) as port:
        found = pace(port)

    late = [took for _, took in found.samples if took > STALL_S / 4]
    assert len(found.samples) == 100
    assert found.unanswered == 0
    assert len(late) >= 200 * STALL_S * 0.7
    assert max(late) >= STALL_S


def test_marker_is_found_and_ends_the_load() -> None:
    with server([ANSWER] * 10 + [MARKED]) as port:
        found = pace(port, 20.0, "X: new\r\n")

    assert found.marked_s is not None
    assert 11 <= len(found.samples) < 2000
    assert found.samples[10][0] < found.marked_s


def test_connection_that_was_closed_is_opened_again() -> None:
    with server([ANSWER, ANSWER, b"", ANSWER]) as port:
        found = pace(port)

    assert (found.reopened, found.unanswered, len(found.samples)) == (1, 0, 100)


def test_proxy_that_only_closes_is_a_failure() -> None:
    with server([b""]) as port, pytest.raises(BenchmarkError, match="closed a connection instead of answering"):
        pace(port)


@pytest.mark.parametrize(
    ("response", "whole"),
    [
        (ANSWER, True),
        (ANSWER[:-1], False),
        (ANSWER[:20], False),
        (b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", False),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", False),
    ],
)
def test_response_is_whole_at_its_end_only(response: bytes, whole: bool) -> None:
    assert is_whole(response) is whole


def test_percentile_is_a_value_that_occurred() -> None:
    values = [float(number) for number in range(100, 0, -1)]

    assert [percentile(values, percent) for percent in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 99) == 7
