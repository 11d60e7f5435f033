"""Write log lines without ever keeping the event loop waiting.

Rule 1: `write` only appends to a list; a thread of its own writes what has gathered, in one piece.
Rule 2: what waits to be written is bounded.  Lines beyond the bound are dropped and counted, and the count is said once, as
soon as lines flow again: a log that blocks the service, as a full pipe does a blocking writer, is worse than a gap.
Rule 3: an output that is gone (closed pipe) ends the logging, not the service.
Rule 4: where several processes write to one output, each write is whole lines and at most PIPE_BUF bytes: more than that a pipe
may mix with what the others write.  (pipe(7))  A longer line (no access line is) can be torn while a pipe is full.
"""

import os
import select
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

MAX_WAITING_CHARS: Final = 4 * 1024 * 1024
PIPE_BUF: Final = getattr(select, "PIPE_BUF", 512)  # 512: what POSIX grants
GATHER_S: Final = 0.05  # lines of one batch: few wake-ups under load, and nobody who reads along notices


class Sink:
    """Writes lines to a file descriptor from a daemon thread, so that a blocked output cannot hold up the process' end either.

    `notice` makes the line that says how many lines were dropped.
    """

    def __init__(
        self, fd: int, notice: Callable[[int], str], max_waiting_chars: int = MAX_WAITING_CHARS, *, is_shared: bool = False
    ) -> None:
        """`is_shared`: other processes write to it too."""
        self._fd = fd
        self._notice = notice
        self._max_waiting_chars = max_waiting_chars
        self._is_shared = is_shared
        self._lines: list[str] = []
        self._waiting_chars = 0  # in `_lines` and in the batch being written
        self._lock = threading.Lock()
        # Open when the thread has something to do: a first line came, or the end.  A plain lock, because a thread that wakes up
        # takes the interpreter from the event loop, and in an Event it does so several times for one wait.
        self._wake = threading.Lock()
        self._wake.acquire()
        self._is_ending = False
        self._is_gone = False
        self.dropped = 0  # lines, since the process started
        self._dropped_said = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, lines: Sequence[str]) -> int:
        """Take lines, without line feeds; return how many are dropped.  Never blocks on the output, never raises."""
        taken = 0
        with self._lock:
            is_first = not self._lines
            for line in lines:
                if self._is_gone or self._waiting_chars + len(line) > self._max_waiting_chars:
                    self.dropped += 1
                    continue
                self._say_dropped()
                self._lines.append(line)
                self._waiting_chars += len(line)
                taken += 1
            if is_first and taken:
                self._wake_up()
        return len(lines) - taken

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what waits, at most for `timeout_s`, and end the thread."""
        with self._lock:
            self._is_ending = True
            self._wake_up()
        self._thread.join(timeout_s)

    def _wake_up(self) -> None:
        """Under `_lock`, so that nobody else opens what is open."""
        if self._wake.locked():
            self._wake.release()

    def _run(self) -> None:
        is_last = False
        while not (is_last or self._is_gone):
            self._wake.acquire()
            if not self._is_ending:
                self._wake.acquire(timeout=GATHER_S)  # only `close` opens it in between: the list is not empty
            is_last = self._is_ending
            self._write_batch()

    def _write_batch(self) -> None:
        with self._lock:
            if self._is_ending:
                self._say_dropped()
            lines, self._lines = self._lines, []
            waiting = self._waiting_chars
        if lines:
            data = ("\n".join(lines) + "\n").encode("ascii", "backslashreplace")
            for piece in pieces(data) if self._is_shared else (data,):
                self._write_all(piece)
        with self._lock:
            self._waiting_chars -= waiting

    def _say_dropped(self) -> None:
        """Put the count of lines that are missing where they are missing."""
        if self.dropped > self._dropped_said:
            self._lines.append(self._notice(self.dropped - self._dropped_said))
            self._dropped_said = self.dropped

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:  # somebody who shares the terminal or pipe made it non-blocking
                select.select((), (self._fd,), ())
            except OSError:
                self._is_gone = True
                return


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut whole lines into pieces of whole lines, as few as fit into PIPE_BUF bytes each; a longer line is a piece."""
    at = 0
    while at < len(data):
        end = data.rfind(b"\n", at, at + PIPE_BUF) + 1 or data.find(b"\n", at) + 1
        yield data[at:end]
        at = end
