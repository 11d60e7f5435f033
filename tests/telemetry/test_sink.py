"""Lines reach the output in order, and an output that blocks or goes away holds up nobody."""

import errno
import fcntl
import os
import select
from collections.abc import Iterator

import pytest

from xoproxy.telemetry import sink as sink_module
from xoproxy.telemetry.sink import PIPE_BUF, Sink

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe; its ends may be closed by the test."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError as exc:
            assert exc.errno == errno.EBADF  # noqa: PT017


def notice(count: int) -> str:
    """Make the line about dropped lines."""
    return f"dropped {count}"


def read_lines(fd: int, count: int) -> list[str]:
    """Read until so many lines are there."""
    data = b""
    coming = select.poll()
    coming.register(fd, select.POLLIN)
    while data.count(b"\n") < count:
        assert coming.poll(10_000), f"nothing more came than {data!r}"
        data += os.read(fd, 65536)
    return data.decode("ascii").splitlines()


def fill(fd: int) -> int:
    """Fill a pipe up to its last byte, without line feeds; return how many bytes that took."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    count = 0
    try:
        while True:
            count += os.write(fd, b"x")
    except BlockingIOError:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags)
        return count


def test_lines_come_out_in_order_while_the_process_runs(pipe: Pipe) -> None:
    sink = Sink(pipe[1], notice)
    for number in range(1000):
        sink.write([f"line {number}"])

    assert read_lines(pipe[0], 1000) == [f"line {number}" for number in range(1000)]
    sink.write(["later"])
    assert read_lines(pipe[0], 1) == ["later"]
    sink.close()


def test_closing_writes_what_waits(pipe: Pipe) -> None:
    sink = Sink(pipe[1], notice)
    sink.write(["last words"])
    sink.close()

    assert read_lines(pipe[0], 1) == ["last words"]


def test_closing_writes_what_came_while_a_write_blocked(pipe: Pipe) -> None:
    filled = fill(pipe[1])
    sink = Sink(pipe[1], notice)
    sink.write(["first"])
    while sink._lines:  # until the thread has taken it
        pass
    sink.write(["second"])
    sink.close(timeout_s=0)
    while filled:
        filled -= len(os.read(pipe[0], filled))

    assert read_lines(pipe[0], 2) == ["first", "second"]
    sink._thread.join(10)
    assert not sink._thread.is_alive()


def test_closing_twice_and_writing_afterwards_are_harmless(pipe: Pipe) -> None:
    sink = Sink(pipe[1], notice)
    sink.close()
    sink.close()
    sink.write(["too late"])
    sink.write(["and again"])

    assert not sink._thread.is_alive()


def test_closing_does_not_wait_for_an_output_that_blocks(pipe: Pipe) -> None:
    fill(pipe[1])
    sink = Sink(pipe[1], notice)
    sink.write(["never read"])
    sink.close(timeout_s=0.05)

    assert sink._thread.is_alive()
    os.read(pipe[0], 1 << 20)  # lets the thread end
    sink._thread.join()


def test_lines_beyond_the_bound_are_dropped_counted_and_said_once(pipe: Pipe) -> None:
    """The reader comes back: it gets what fitted, how many did not, and what came after."""
    filled = fill(pipe[1])
    sink = Sink(pipe[1], notice, max_waiting_chars=100)
    for _ in range(25):
        sink.write(["0123456789"])

    assert sink.dropped == 15
    while filled:
        filled -= len(os.read(pipe[0], filled))
    assert read_lines(pipe[0], 10) == ["0123456789"] * 10
    while sink._waiting_chars:  # the thread has written, and is about to say so
        pass
    sink.write(["back"])
    assert read_lines(pipe[0], 2) == ["dropped 15", "back"]
    sink.write(["and on"])
    sink.close()
    assert read_lines(pipe[0], 1) == ["and on"]


def test_dropped_lines_are_said_at_the_end_too(pipe: Pipe) -> None:
    sink = Sink(pipe[1], notice, max_waiting_chars=10)
    sink.write(["0123456789"])
    sink.write(["too much"])
    sink.close()

    assert read_lines(pipe[0], 2) == ["0123456789", "dropped 1"]


def test_a_reader_that_went_away_ends_the_logging_only(pipe: Pipe) -> None:
    os.close(pipe[0])
    sink = Sink(pipe[1], notice)
    sink.write(["to nobody"])
    sink._thread.join(10)

    assert not sink._thread.is_alive()
    sink.write(["still harmless"])
    assert sink.dropped == 1
    sink.close()


def test_an_output_that_was_made_non_blocking_is_waited_for(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal is shared: another program may set the flag for all."""
    fill(pipe[1])
    flags = fcntl.fcntl(pipe[1], fcntl.F_GETFL)
    fcntl.fcntl(pipe[1], fcntl.F_SETFL, flags | os.O_NONBLOCK)
    real_select = sink_module.select.select
    waited: list[object] = []

    def select(*args: object) -> object:
        waited.append(args)
        os.read(pipe[0], 1 << 20)
        return real_select(*args)

    monkeypatch.setattr(sink_module.select, "select", select)
    sink = Sink(pipe[1], notice)
    sink.write(["in the end"])
    sink.close(timeout_s=10)

    assert waited
    assert read_lines(pipe[0], 1) == ["in the end"]


def test_lines_of_several_processes_are_never_mixed(pipe: Pipe) -> None:
    """Two of them write into a pipe that is nearly always full."""
    sinks = [Sink(pipe[1], notice, is_shared=True) for _ in range(2)]
    for number in range(3000):
        for name, sink in zip("ab", sinks, strict=True):
            sink.write([name * (1 + number * 7 % 900)])
    data = b""
    while data.count(b"\n") < 6000:
        data += os.read(pipe[0], 1000)

    lines = data.decode("ascii").splitlines()
    for name in "ab":
        assert [line for line in lines if line[0] == name] == [name * (1 + number * 7 % 900) for number in range(3000)]
    for sink in sinks:
        sink.close()


@pytest.mark.parametrize(
    ("sizes", "pieces"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([9, 9], [20], id="together"),
        pytest.param([PIPE_BUF - 1], [PIPE_BUF], id="just-fits"),
        pytest.param([PIPE_BUF - 1, 0], [PIPE_BUF, 1], id="fits-alone"),
        pytest.param([9, PIPE_BUF, 9, 9], [10, PIPE_BUF + 1, 20], id="longer-line"),
        pytest.param([PIPE_BUF // 2] * 3, [PIPE_BUF // 2 + 1] * 3, id="each-alone"),
    ],
)
def test_pieces_are_whole_lines_that_a_pipe_takes_at_once(sizes: list[int], pieces: list[int]) -> None:
    data = b"".join(b"x" * size + b"\n" for size in sizes)
    found = list(sink_module.pieces(data))

    assert [len(piece) for piece in found] == pieces
    assert b"".join(found) == data
