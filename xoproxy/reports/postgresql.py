"""The store in PostgreSQL, for many replicas of the proxy: all of them add to the same groups.

Needs psycopg (`pip install 'xoproxy[postgresql]'`).  Nothing of the URL but host and database is ever said to anybody.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from xoproxy.reports.sql import Dialect, Row, Session, StoreError, set_up

T = TypeVar("T")

_SETUP_LOCK, _TIDY_LOCK = 0x786F7001, 0x786F7002  # advisory locks; "xop" and a number

DIALECT: Final = Dialect(
    id="BIGINT",
    skip_locked="FOR UPDATE SKIP LOCKED",
    # Not to_regclass(): that may remember from before `setup_turn` waited that there was none.
    has_schema="SELECT 1 FROM pg_tables WHERE tablename = 'xoproxy_schema' AND schemaname = ANY (current_schemas(false))",
    setup_turn=f"SELECT pg_advisory_xact_lock({_SETUP_LOCK})",
    tidy_turn=f"SELECT pg_try_advisory_xact_lock({_TIDY_LOCK})",
)

# How long to wait for a server: the thread that waits also answers queries.  What the URL says comes first.
_PATIENCE: Final = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # ms: a peer that is gone without a word
    "keepalives_idle": 30,
    "application_name": "xoproxy",
}
# For each transaction, not for the connection: a pooler such as PgBouncer may give every transaction another one.
_LIMITS: Final = (
    "SELECT set_config('statement_timeout', '5000', true), set_config('lock_timeout', '5000', true),"
    " set_config('idle_in_transaction_session_timeout', '10000', true)"
)
MAX_WORDS_CHARS: Final = 300

# It also warns of what it raises anyhow; a store that is out of reach is one line in the log.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)


class PostgresDatabase:
    """A connection to a server.  To be used by one thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None
        self._password = ""

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._connection is not None

    def transaction(self, work: Callable[[Session], T], *, writes: bool) -> T:  # noqa: ARG002  readers lock nothing here
        """Do `work` all or not at all; on a connection that ended while it was idle, again on a new one.  Raises: `StoreError`.

        If a connection ends in the moment of a commit, what was written then counts twice.
        """
        try:
            was_idle = self._connection is not None
            try:
                return self._try(work)
            except psycopg.OperationalError:
                if not was_idle or self._connection is not None:
                    raise
                return self._try(work)
        except psycopg.Error as exc:
            raise StoreError(self._words(exc)) from exc

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _try(self, work: Callable[[Session], T]) -> T:
        connection = self._connected()
        try:
            with connection.transaction():
                session = _Session(connection)
                session.rows(_LIMITS)
                return work(session)
        finally:
            if connection.closed:  # broken by the server or by the network
                self.close()

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            parameters = self._parameters()
            # Nothing is prepared: behind a pooler the next transaction may be another server process.
            connection = psycopg.connect(autocommit=True, prepare_threshold=None, **parameters)
            try:
                with connection.transaction():
                    set_up(_Session(connection))
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _parameters(self) -> dict[str, Any]:
        try:
            told = conninfo_to_dict(self._url)
        except psycopg.ProgrammingError:  # its text may quote the password
            raise StoreError("its URL cannot be read: write postgresql://USER@HOST:PORT/DATABASE") from None
        self._password = str(told.get("password") or "")
        return {**_PATIENCE, **told}

    def _words(self, error: psycopg.Error) -> str:
        """Return what the server or the library says, on one line and without the password."""
        text = " ".join(str(error).split()) or type(error).__name__
        if self._password:
            text = text.replace(self._password, "***")
        return text[:MAX_WORDS_CHARS]


class _Session:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.dialect = DIALECT

    def rows(self, statement: str, values: Row = ()) -> list[Any]:
        return self._connection.execute(statement.encode(), tuple(values)).fetchall()

    def many(self, statement: str, rows: Iterable[Row]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(statement.encode(), rows)
