"""The addresses of an upstream's host names: looked up by the system's resolver, in a thread, and used for a while.

Rule 1: an answer is used for `ceiling` and then asked for again, in the background; the system's resolver does not tell how
long it is good for (getaddrinfo(3) knows no TTL).  Whoever needs a new connection then waits for the answer, but only for a
moment: a resolver that is down stops nobody who has an old answer.
Rule 2: whatever fails, a name is not looked up twice within `floor`, and all exchanges share one look-up.
"""

import asyncio
import contextlib
import errno
import ipaddress
import math
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from xoproxy.config.settings import Endpoint, LogLevel, Resolving, UpstreamSettings
from xoproxy.slotted import dataclass
from xoproxy.telemetry.events import Event, Value
from xoproxy.telemetry.tasks import spawn

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]

# How long a new connection waits for a look-up where there is an old answer.  A healthy resolver takes a few milliseconds.
SETTLE_S: Final = 0.25


async def system_look_up(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses of a name, in the resolver's order, each once.  Raises: `OSError`, `UnicodeError`.

    In a thread of its own that nobody waits for at the end: a resolver that hangs, for half a minute and longer, would keep the
    process from ending, and in the loop's pool of threads a few such names would keep others, and reloads, from their turn.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def ask() -> None:
        found: list[str] = []
        failure: Exception | None = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except Exception as error:  # noqa: BLE001  raised where it is awaited
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(_settle, answer, found, failure)

    try:
        threading.Thread(target=ask, name="look up", daemon=True).start()
    except RuntimeError as error:  # the system lets us have no thread now
        raise OSError(errno.EAGAIN, str(error)) from error
    return await answer


def _settle(answer: "asyncio.Future[list[str]]", found: list[str], failure: Exception | None) -> None:
    if answer.done():
        return  # cancelled
    if failure is not None:
        answer.set_exception(failure)
    else:
        answer.set_result(found)


def ip_of(host: str) -> str | None:
    """Return the IP address that `host` is, None if it is a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def needs_resolving(endpoint: Endpoint) -> bool:
    """Whether the endpoint is known by a name, not by an address or a path."""
    return endpoint.unix_path is None and ip_of(endpoint.host) is None


class Name:
    """One endpoint's host name."""

    __slots__ = ("addresses", "asking", "due_at", "endpoint", "error", "free_at", "since")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.addresses: Sequence[str] = ()
        self.error: OSError | UnicodeError | None = None  # of the last look-up
        self.asking: asyncio.Task[None] | None = None  # the look-up under way
        self.since = 0.0  # when it began
        self.due_at = -math.inf  # when to look up again, by itself
        self.free_at = -math.inf  # when it may be looked up again


@dataclass(frozen=True, slots=True)
class Resolver:
    """How names are looked up, for how long an answer is used, and who is told of changes."""

    settings: Resolving
    look_up: LookUp
    report: Callable[[Event], None]


class Names:
    """The host names of one upstream.  `answered` is called with every answer that changed."""

    def __init__(
        self, settings: UpstreamSettings, resolver: Resolver, answered: Callable[[Endpoint, Sequence[str]], None]
    ) -> None:
        self._upstream = settings.name
        self._names = [Name(endpoint) for endpoint in settings.endpoints if needs_resolving(endpoint)]
        self._has_others = len(self._names) < len(settings.endpoints)
        self._resolver = resolver
        self._answered = answered
        self._loop = asyncio.get_running_loop()
        self.due_at = -math.inf if self._names else math.inf  # when `refresh` has something to do

    @property
    def error(self) -> OSError | UnicodeError | None:
        """Why the last look-up of some name failed."""
        return next((name.error for name in self._names if name.error is not None), None)

    def refresh(self) -> None:
        """Look up what is due."""
        self._ask([name for name in self._names if name.due_at <= self._loop.time()])

    def look_again(self) -> None:
        """Look up, although it is not due, what was not looked up just now: connections to the known addresses fail."""
        self._ask([name for name in self._names if name.free_at <= self._loop.time()])

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to wait for in `settle`."""
        return not self._unsettled()

    async def settle(self) -> None:
        """Wait for what is being looked up: for a moment, or where no address is known yet as long as it takes."""
        while pending := self._unsettled():
            rest = min(name.since for name in pending) + SETTLE_S - self._loop.time() if self._is_known() else None
            await _first_of(pending, rest)

    async def answer(self) -> None:
        """Wait for all that is being looked up."""
        while pending := [name for name in self._names if name.asking is not None]:
            await _first_of(pending, None)

    def _is_known(self) -> bool:
        """Whether there is an address to go on with."""
        return self._has_others or any(name.addresses for name in self._names)

    def _unsettled(self) -> list[Name]:
        """Return the names whose answers a new connection should wait for."""
        asking = [name for name in self._names if name.asking is not None]
        if asking and self._is_known():
            now = self._loop.time()
            return [name for name in asking if now < name.since + SETTLE_S]
        return asking

    def _ask(self, names: Sequence[Name]) -> None:
        for name in names:
            if name.asking is None:
                name.since = self._loop.time()
                name.due_at = name.free_at = math.inf
                name.asking = spawn(self._look_up(name), name="look up")
        self._reckon()

    def _reckon(self) -> None:
        self.due_at = min((name.due_at for name in self._names), default=math.inf)

    async def _look_up(self, name: Name) -> None:
        error: OSError | UnicodeError | None = None
        found: Sequence[str] = ()
        try:
            found = await self._resolver.look_up(name.endpoint.host, name.endpoint.port)
            if not found:
                error = socket.gaierror(socket.EAI_NONAME, "the name has no address")
        except (OSError, UnicodeError) as failed:  # UnicodeError: a name that cannot be one, such as "a..b"
            error = failed
        finally:
            name.asking = None
        settings = self._resolver.settings
        name.free_at = name.due_at = self._loop.time() + settings.floor_s
        if error is None:
            name.due_at += max(0.0, settings.ceiling_s - settings.floor_s)
        self._reckon()
        self._tell(name, found, error)
        name.error = error
        if error is None and set(found) != set(name.addresses):
            name.addresses = tuple(dict.fromkeys(found))
            self._answered(name.endpoint, name.addresses)

    def _tell(self, name: Name, found: Sequence[str], error: OSError | UnicodeError | None) -> None:
        """Report a change: the first failure of a row, and another answer."""
        who = f"{name.endpoint.host}, of the upstream {self._upstream},"
        if error is not None:
            if name.error is None:
                what = "the old addresses stay in use" if name.addresses else "it has no address yet"
                self._say(LogLevel.WARNING, name, found, f"{who} cannot be looked up: {error}; {what}")
        elif name.error is not None or (name.addresses and set(found) != set(name.addresses)):
            self._say(LogLevel.INFO, name, found, f"{who} has the addresses {', '.join(found)}")

    def _say(self, level: LogLevel, name: Name, found: Sequence[str], message: str) -> None:
        values: dict[str, Value] = {"upstream": self._upstream, "host": name.endpoint.host, "addresses": ",".join(found)}
        self._resolver.report(Event(level, "xoproxy.upstream", "resolution", message, values))


async def _first_of(names: Sequence[Name], timeout_s: float | None) -> None:
    """Wait until the first of these look-ups has ended.  Whoever stops waiting does not stop the look-up."""
    asking = [name.asking for name in names if name.asking is not None]
    await asyncio.wait(asking, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
