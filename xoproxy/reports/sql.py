"""The store: its tables, and what is asked of them, as SQL that SQLite and PostgreSQL both understand.

Rule 1: a statement is written once.  Where the two differ, a `Dialect` says how; there are few such places.
Rule 2: rows are locked in one order: groups by number, then agents, then pages, then routes.  So writers on one PostgreSQL wait
for each other at most for a moment, and never in a circle; whoever tidies skips what a writer holds.
Rule 3: everything is an increment ("ON CONFLICT ... DO UPDATE SET count = count + ..."): many writers add up.

Plain DB-API instead of SQLAlchemy: its Core takes 150 ms and 17 MiB to import, its asyncio part 220 ms and 25 MiB, sqlite3 7 ms
and 1 MiB; and what is needed of it would be ten statements.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar

from xoproxy.reports.agents import OTHER
from xoproxy.reports.gathering import HOUR_S, Gathered
from xoproxy.reports.model import MAX_AGENTS, Found, Group, Query, Traffic
from xoproxy.slotted import dataclass

Row = Sequence[object]
T = TypeVar("T")

SCHEMA_VERSION: Final = 1
_TIDY_AT_ONCE: Final = 5000  # groups of one transaction: others wait for it


class StoreError(Exception):
    """A store that cannot be written or read.  Its text says why, in words and without secrets."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where SQLite's and PostgreSQL's words differ."""

    id: str  # the type of a 64-bit key: SQLite keeps INTEGER PRIMARY KEY in the table itself
    skip_locked: str
    has_schema: str  # asks for one row if there are tables of ours
    setup_turn: str  # waits until nobody else sets up
    tidy_turn: str  # asks for one row of true if nobody else tidies


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is kept: groups that were seen since `before`, and of those the latest `max_groups`."""

    before: float
    max_groups: int


class Session(Protocol):
    """One transaction."""

    @property
    def dialect(self) -> Dialect:
        """Its words."""
        ...

    def rows(self, statement: str, values: Row = ()) -> list[Any]:
        """Return what one statement yields.  Placeholders are `%s`."""
        ...

    def many(self, statement: str, rows: Iterable[Row]) -> None:
        """Run a statement that yields nothing, once for each row."""
        ...


class Database(Protocol):
    """A connection that makes itself, again and again if need be."""

    @property
    def is_open(self) -> bool:
        """Whether something can be asked without connecting first."""
        ...

    def transaction(self, work: Callable[[Session], T], *, writes: bool) -> T:
        """Do `work` all or not at all; if it only reads, beside one who writes.  Raises: `StoreError`."""
        ...

    def close(self) -> None:
        """Let go of it.  The next transaction would connect again."""
        ...


_TABLES: Final = (
    "CREATE TABLE xoproxy_schema (version INTEGER NOT NULL)",
    """CREATE TABLE xoproxy_groups (
        id {id} PRIMARY KEY,
        type TEXT NOT NULL, kind TEXT NOT NULL, disposition TEXT NOT NULL,
        document TEXT NOT NULL, blocked TEXT NOT NULL, destination TEXT NOT NULL,
        count BIGINT NOT NULL, first_seen DOUBLE PRECISION NOT NULL, last_seen DOUBLE PRECISION NOT NULL,
        detail TEXT NOT NULL)""",
    # All that a query decides by: it sorts 100,000 groups by this alone, and fetches those of its page.
    "CREATE INDEX xoproxy_groups_wanted ON xoproxy_groups (last_seen, type, count)",
    """CREATE TABLE xoproxy_agents (
        group_id BIGINT NOT NULL, agent TEXT NOT NULL, count BIGINT NOT NULL,
        PRIMARY KEY (group_id, agent))""",
    "CREATE TABLE xoproxy_pages (route TEXT NOT NULL, hour BIGINT NOT NULL, pages BIGINT NOT NULL, PRIMARY KEY (route, hour))",
    """CREATE TABLE xoproxy_routes (
        route TEXT PRIMARY KEY, first_seen DOUBLE PRECISION NOT NULL, last_seen DOUBLE PRECISION NOT NULL)""",
)

_EARLIER: Final = (
    "first_seen = CASE WHEN excluded.first_seen < {table}.first_seen THEN excluded.first_seen ELSE {table}.first_seen END"
)
_LATER: Final = (
    "last_seen = CASE WHEN excluded.last_seen > {table}.last_seen THEN excluded.last_seen ELSE {table}.last_seen END"
)

_COLUMNS: Final = "id, type, kind, disposition, document, blocked, destination, count, first_seen, last_seen, detail"

_ADD_GROUP: Final = f"""
    INSERT INTO xoproxy_groups
        ({_COLUMNS})
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE SET
        count = xoproxy_groups.count + excluded.count,
        {_EARLIER.format(table="xoproxy_groups")},
        detail = CASE WHEN excluded.last_seen >= xoproxy_groups.last_seen THEN excluded.detail ELSE xoproxy_groups.detail END,
        {_LATER.format(table="xoproxy_groups")}"""  # noqa: S608  constants, here and below
# A group's agents are few: further ones count as others.  Two writers at once may let in one more each; readers cope.
_ADD_AGENT: Final = f"""
    INSERT INTO xoproxy_agents (group_id, agent, count)
    SELECT %s,
        CASE WHEN (SELECT count(*) FROM xoproxy_agents WHERE group_id = %s AND agent NOT IN (%s, '{OTHER}')) < {MAX_AGENTS}
            THEN CAST(%s AS TEXT) ELSE '{OTHER}' END,
        %s
    WHERE true
    ON CONFLICT (group_id, agent) DO UPDATE SET count = xoproxy_agents.count + excluded.count"""  # noqa: S608  constants
_ADD_PAGES: Final = """
    INSERT INTO xoproxy_pages (route, hour, pages) VALUES (%s, %s, %s)
    ON CONFLICT (route, hour) DO UPDATE SET pages = xoproxy_pages.pages + excluded.pages"""
_ADD_ROUTE: Final = f"""
    INSERT INTO xoproxy_routes (route, first_seen, last_seen) VALUES (%s, %s, %s)
    ON CONFLICT (route) DO UPDATE SET
        {_EARLIER.format(table="xoproxy_routes")},
        {_LATER.format(table="xoproxy_routes")}"""  # noqa: S608


def set_up(session: Session) -> None:
    """Make the tables if there are none.  Raises: `StoreError` for tables of a another version."""
    dialect = session.dialect
    if not session.rows(dialect.has_schema):
        session.rows(dialect.setup_turn)
        if not session.rows(dialect.has_schema):  # nobody was faster
            for statement in _TABLES:
                session.many(statement.replace("{id}", dialect.id), [()])
            session.many("INSERT INTO xoproxy_schema (version) VALUES (%s)", [(SCHEMA_VERSION,)])
    versions = session.rows("SELECT version FROM xoproxy_schema")
    if versions != [(SCHEMA_VERSION,)]:
        raise StoreError(
            f"it was made by another version of xoproxy: its schema is {versions}, this one knows {SCHEMA_VERSION}"
        )


def write(session: Session, gathered: Gathered) -> None:
    """Add what was gathered."""
    groups = list(gathered.in_order())
    session.many(
        _ADD_GROUP,
        [(number, *key, group.count, group.first_seen, group.last_seen, group.detail) for number, key, group in groups],
    )
    session.many(
        _ADD_AGENT,
        [(number, number, agent, agent, count) for number, _, group in groups for agent, count in sorted(group.agents.items())],
    )
    session.many(_ADD_PAGES, [(*where, count) for where, count in sorted(gathered.pages.items())])
    session.many(_ADD_ROUTE, [(route, *times) for route, times in sorted(gathered.routes.items())])


_WANTED: Final = "FROM xoproxy_groups WHERE last_seen >= %s AND (%s = '' OR type = %s)"
_PAGE: Final = f"(SELECT id {_WANTED} ORDER BY count DESC, id LIMIT %s OFFSET %s)"


def find(session: Session, query: Query) -> Found:
    """Return the groups of a query, and how many there are in all."""
    wanted = (query.since, query.type, query.type)
    page = (*wanted, query.limit, query.offset)
    ((total, reports),) = session.rows(f"SELECT count(*), coalesce(sum(count), 0) {_WANTED}", wanted)
    rows = session.rows(f"SELECT {_COLUMNS} FROM xoproxy_groups WHERE id IN {_PAGE} ORDER BY count DESC, id", page)  # noqa: S608
    agents: dict[int, dict[str, int]] = {row[0]: {} for row in rows}
    of_page = f"SELECT group_id, agent, count FROM xoproxy_agents WHERE group_id IN {_PAGE}"  # noqa: S608
    for number, agent, count in session.rows(of_page, page):
        if number in agents:  # PostgreSQL's next statement may see another page
            agents[number][agent] = count
    return Found(tuple(_group(row, agents[row[0]]) for row in rows), total, int(reports))


def _group(row: Any, agents: dict[str, int]) -> Group:
    return Group(
        type=row[1],
        kind=row[2],
        disposition=row[3],
        document=row[4],
        blocked=row[5],
        destination=row[6],
        count=row[7],
        first_seen=row[8],
        last_seen=row[9],
        agents=agents,
        detail=row[10],
    )


def traffic(session: Session, since: float) -> dict[str, Traffic]:
    """Return page loads by route key, of whole hours: that in which `since` falls counts too."""
    rows = session.rows(
        """SELECT r.route, coalesce(sum(p.pages), 0), r.first_seen
        FROM xoproxy_routes r LEFT JOIN xoproxy_pages p ON p.route = r.route AND p.hour >= %s
        GROUP BY r.route, r.first_seen""",
        (int(since // HOUR_S),),
    )
    return {route: Traffic(int(pages), observed_since) for route, pages, observed_since in rows}


def tidy(session: Session, bounds: Bounds) -> bool:
    """Delete what is beyond `bounds`, a part at a time.  Returns whether there may be more to delete."""
    dialect, before = session.dialect, bounds.before
    if session.rows(dialect.tidy_turn) != [(True,)]:
        return False  # somebody else does it now
    expired = f"SELECT id FROM xoproxy_groups WHERE last_seen < %s LIMIT %s {dialect.skip_locked}"  # noqa: S608  constants
    old = session.rows(expired, (before, _TIDY_AT_ONCE))
    if not old:
        ((count,),) = session.rows("SELECT count(*) FROM xoproxy_groups")
        excess = min(count - bounds.max_groups, _TIDY_AT_ONCE)
        if excess > 0:
            oldest = f"SELECT id FROM xoproxy_groups ORDER BY last_seen LIMIT %s {dialect.skip_locked}"  # noqa: S608
            old = session.rows(oldest, (excess,))
    session.many("DELETE FROM xoproxy_agents WHERE group_id = %s", old)
    session.many("DELETE FROM xoproxy_groups WHERE id = %s", old)
    session.many("DELETE FROM xoproxy_pages WHERE hour < %s", [(int(before // HOUR_S),)])
    session.many("DELETE FROM xoproxy_routes WHERE last_seen < %s", [(before,)])
    return len(old) > 0
