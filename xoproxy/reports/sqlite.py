"""The store in an SQLite file, and the one in memory, which is SQLite's too.

A file is in WAL mode with synchronous=NORMAL: a process that is killed loses nothing that was committed, and who reads is not
in the way of who writes.  A loss of power may take the last transactions, never the file.
A file that is corrupt or that somebody else made is never written, moved or deleted.  One that vanished is made anew.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from xoproxy.reports.sql import Dialect, Row, Session, StoreError, set_up

T = TypeVar("T")

FILE_MODE: Final = 0o600  # what reports say is for whoever runs the proxy
BUSY_TIMEOUT_S: Final = 1.0  # of another process that writes; a batch takes milliseconds
IN_MEMORY: Final = ":memory:"

DIALECT: Final = Dialect(
    id="INTEGER",
    skip_locked="",  # one writer has the whole file
    has_schema="SELECT 1 FROM sqlite_master WHERE name = 'xoproxy_schema'",
    setup_turn="SELECT 1",
    tidy_turn="SELECT 1",
)

# By the beginning of SQLite's name for an error (https://sqlite.org/rescode.html): what it comes to, and what to do.
_WORDS: Final = (
    ("SQLITE_BUSY", "it is locked by another process"),
    ("SQLITE_LOCKED", "it is locked by another process"),
    ("SQLITE_FULL", "the disk is full"),
    ("SQLITE_CORRUPT", "it is corrupt; it is left as it is: move it away, and a new one is made"),
    ("SQLITE_NOTADB", "it is no SQLite database; it is left as it is: move it away, and a new one is made"),
    ("SQLITE_READONLY", "it cannot be written: it, its directory or its file system is read-only"),
    ("SQLITE_CANTOPEN", "it cannot be opened: its directory must be writable too, for the files -wal and -shm beside it"),
    ("SQLITE_IOERR", "the disk reports an error"),
)
_PASSING: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL")  # after these the connection is as good as before


class SqliteDatabase:
    """A file, or memory.  To be used by one thread."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # device and inode of what is open

    @property
    def is_open(self) -> bool:
        """Whether it can be read at once."""
        return self._connection is not None

    def transaction(self, work: Callable[[Session], T], *, writes: bool) -> T:
        """Do `work` all or not at all; if it only reads, beside one who writes.  Raises: `StoreError`."""
        try:
            session = _Session(self._connected())
            session.rows("BEGIN IMMEDIATE" if writes else "BEGIN")
            result = work(session)
            session.rows("COMMIT")
        except sqlite3.Error as exc:
            self._roll_back(exc.sqlite_errorname if hasattr(exc, "sqlite_errorname") else "")
            raise StoreError(_words(exc)) from exc
        except BaseException:
            self._roll_back("")
            raise
        return result

    def close(self) -> None:
        """Write what is in the WAL back, and let go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _roll_back(self, error: str) -> None:
        """Make the connection usable again, or give it up; what is in memory would be lost with it."""
        if self._connection is None:
            return
        with suppress(sqlite3.Error):
            self._connection.rollback()
        if not error.startswith(_PASSING) and self._path != IN_MEMORY:
            self.close()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._path != IN_MEMORY and _identity(self._path) != self._file:
            self.close()  # deleted or replaced: what we still hold is nobody's file
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if self._path != IN_MEMORY:
            _make_file(self._path)
        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._file = _identity(self._path)
        return connection


class _Session:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.dialect = DIALECT

    def rows(self, statement: str, values: Row = ()) -> list[Any]:
        return self._connection.execute(statement.replace("%s", "?"), tuple(values)).fetchall()

    def many(self, statement: str, rows: Iterable[Row]) -> None:
        self._connection.executemany(statement.replace("%s", "?"), rows)


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the database what we need.  Raises: `StoreError` if it is another program's, before anything of it is changed."""
    session = _Session(connection)
    if session.rows("SELECT 1 FROM sqlite_master LIMIT 1") and not session.rows(DIALECT.has_schema):
        raise StoreError("it holds another program's data; it is left as it is: name another file")
    session.rows("PRAGMA journal_mode = WAL")
    session.rows("PRAGMA synchronous = NORMAL")
    session.rows("PRAGMA journal_size_limit = 16777216")  # after a large batch the WAL shrinks again
    session.rows("BEGIN IMMEDIATE")
    set_up(session)
    session.rows("COMMIT")


def _make_file(path: str) -> None:
    """Make the file if there is none, for nobody else to read.  Raises: `StoreError`."""
    if not (directory := Path(path).absolute().parent).is_dir():
        raise StoreError(f"its directory does not exist: make {directory}, or name a file elsewhere")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
    except OSError as exc:
        raise StoreError(f"it cannot be opened for writing: {exc.strerror}") from exc


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _words(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    return next((words for start, words in _WORDS if name.startswith(start)), f"{name or type(error).__name__}: {error}")
