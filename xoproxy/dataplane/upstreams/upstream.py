"""An upstream: finds each exchange a connection to one of its addresses.

An idle connection is given at once, to the least busy address.  Without one the exchange connects, in a task; where all
connections that there may be are in use, it waits in a queue.  Names are looked up again while they are used, because
containers come back with another address.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import field

from xoproxy.config.settings import Endpoint, LogLevel, UpstreamSettings
from xoproxy.dataplane.deadlines import Deadlines
from xoproxy.dataplane.errors import detail_of, kind_of
from xoproxy.dataplane.exchange import Exchange
from xoproxy.dataplane.upstreams.addresses import AddressPool, AddressState, in_order
from xoproxy.dataplane.upstreams.connecting import Dialer, Race
from xoproxy.dataplane.upstreams.connection import UpstreamConnection
from xoproxy.dataplane.upstreams.health import HealthChecks
from xoproxy.dataplane.upstreams.resolving import LookUp, Names, Resolver, ip_of, needs_resolving, system_look_up
from xoproxy.dataplane.upstreams.waiting import Queue
from xoproxy.slotted import dataclass
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event, Value
from xoproxy.telemetry.tasks import spawn


def tell_nobody(event: Event) -> None:
    """Report an event to nobody."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the upstreams of a data plane share: its clock, whom to tell of events, how to look up names, where to count."""

    deadlines: Deadlines
    report: Callable[[Event], None] = tell_nobody
    look_up: LookUp = system_look_up
    counters: Counters = field(default_factory=Counters)


class Upstream:
    """One entry of `upstreams`.  To be made in a running loop; `retire` ends what it does by itself."""

    def __init__(self, settings: UpstreamSettings, around: Surroundings, idle_s: float) -> None:
        self.settings = settings
        self.report = around.report
        self.default_host = _authority(settings.endpoints[0])
        self._deadlines = around.deadlines
        self._counters = around.counters
        self._loop = asyncio.get_running_loop()
        self._idle_s = idle_s
        self._turn = 0
        self._retired = False
        self._dialer = Dialer(settings)
        self._queue = Queue(settings.queueing, around.deadlines)
        self._by_endpoint = {endpoint: self._known_at_once(endpoint) for endpoint in settings.endpoints}
        self._pools: list[AddressPool] = []
        self._only: AddressPool | None = None  # where there is no choice
        self._arrange()
        self.names = Names(settings, Resolver(settings.resolving, around.look_up, around.report), self._resolved)
        check = settings.health_check
        self._checks = HealthChecks(self, check, self._dialer) if check is not None else None

    # For the data plane.

    def serves(self, settings: UpstreamSettings, idle_s: float) -> bool:
        """Whether this is the pool for these settings, so that a reload can keep it."""
        return self.settings == settings and self._idle_s == idle_s

    def retire(self) -> None:
        """No generation refers to this upstream any more: keep nothing.  Exchanges that it has are still served."""
        self._retired = True
        if self._checks is not None:
            self._checks.stop()
        for pool in self._pools:
            pool.retire()

    def renew_certificates(self) -> None:
        """Read the certificate files again, for connections to come.  Raises: `OSError` (TLS errors too)."""
        self._dialer.renew()

    def states(self) -> tuple[AddressState, ...]:
        """Return what each address is doing."""
        now = self._loop.time()
        return tuple(pool.state(now) for pool in self._pools)

    @property
    def waiting(self) -> int:
        """How many exchanges wait for a connection."""
        return len(self._queue.places)

    # For exchanges and their connections.

    def send(self, exchange: Exchange) -> None:
        """Give the exchange a connection: at once an idle one, or a new one when it stands.

        If none can be had, the exchange fails with the last address's error, or because none became free in time.
        """
        if self._deadlines.now >= self.names.due_at:
            self.names.refresh()
        pool = self._only
        if pool is None:
            pool = self._choose()
            if pool is None:
                self._send_without_choice(exchange)
                return
        while (connection := pool.take()) is not None:
            # What has arrived and was not read is an end that nobody has noticed, or an answer that nobody asked for: neither
            # may meet a request.
            if not connection.has_news():
                pool.outstanding += 1
                exchange.use(connection)
                return
            connection.drop()
        if self._queue.places:  # an address that was avoided has a place again: not for the last who came
            self._queue.join(exchange)
            self.serve_waiting()
        else:
            self._send_anew(exchange, pool, None)

    def send_again(self, exchange: Exchange, lost: UpstreamConnection) -> None:
        """Give the exchange a new connection, because `lost` ended before it was answered: if it was new too, elsewhere."""
        elsewhere = lost.pool if lost.requests == 1 else None
        self._send_anew(exchange, self._choose(elsewhere) or lost.pool, elsewhere)

    def may_send_again(self, lost: UpstreamConnection) -> bool:
        """Whether another connection promises more than `lost` did.

        A request that two new connections leave unanswered gets no third: it may be what ends them.
        """
        return lost.requests > 1 or (len(self._pools) > 1 and not lost.is_second_try)

    def release(self, connection: UpstreamConnection, *, reusable: bool) -> None:
        """Take back the connection of an exchange that ended."""
        pool = connection.pool
        pool.outstanding -= 1
        if pool.standing.failures and connection.reading_body:
            self._recover(pool)
        if reusable and not pool.retired and connection.rest(self._idle_s):
            pool.keep(connection)
            if self._queue.places:
                self.serve_waiting()
        else:
            connection.drop()

    def finish(self, connection: UpstreamConnection, seconds: float) -> None:
        """Take back the connection of a tunnel that ended: what is written goes out, within `seconds`."""
        pool = connection.pool
        pool.outstanding -= 1
        if pool.standing.failures:
            self._recover(pool)
        connection.finish(seconds)

    def lost(self, connection: UpstreamConnection) -> None:
        """Take note that the connection ended while an exchange had it."""
        pool = connection.pool
        pool.outstanding -= 1
        if connection.reading_body:
            if pool.standing.failures:
                self._recover(pool)
        elif connection.requests == 1 and not connection.has_answered:
            self.failed(pool, ConnectionResetError())

    def serve_waiting(self) -> None:
        """There may be a connection for those that wait: serve them in their order."""
        while self._queue.places:
            pool = self._choose()
            if pool is None:
                return
            exchange = self._queue.pop()
            connection = pool.take()
            if connection is not None:
                pool.outstanding += 1
                exchange.use(connection)
            else:
                self._send_anew(exchange, pool, None)

    # Addresses.

    async def resolved(self) -> Sequence[AddressPool]:
        """Return the addresses, after names that are due were looked up."""
        self.names.refresh()
        await self.names.settle()
        return self._pools

    def new_connection(self, pool: AddressPool) -> UpstreamConnection:
        """Return a connection that is still to be made."""
        return UpstreamConnection(pool, self._deadlines)

    def _known_at_once(self, endpoint: Endpoint) -> list[AddressPool]:
        if needs_resolving(endpoint):
            return []
        ip = None if endpoint.unix_path is not None else ip_of(endpoint.host)
        return [AddressPool(self, self.settings, endpoint, ip)]

    def _resolved(self, endpoint: Endpoint, found: Sequence[str]) -> None:
        """A name has other addresses now."""
        before = {pool.ip or "": pool for pool in self._by_endpoint[endpoint]}
        self._by_endpoint[endpoint] = [
            before.pop(ip) if ip in before else AddressPool(self, self.settings, endpoint, ip) for ip in found
        ]
        self._arrange()
        for pool in before.values():
            pool.retire()
        if self._retired:
            self.retire()  # the new ones too
        self.serve_waiting()

    def _arrange(self) -> None:
        self._pools = [pool for pools in self._by_endpoint.values() for pool in pools]
        self._only = self._pools[0] if len(self._pools) == 1 else None

    def _choose(self, elsewhere: AddressPool | None = None) -> AddressPool | None:
        """Return the address for the next exchange; None if there is none, or all have as many connections as they may."""
        pools = self._pools
        if not pools:
            return None
        turn = self._turn = (self._turn + 1) % len(pools)
        now = self._loop.time()
        best: AddressPool | None = None
        all_avoided = True
        for pool in pools[turn:] + pools[:turn]:
            if pool.standing.avoided_until <= now and pool is not elsewhere:
                all_avoided = False  # so none of those is tried because this one is full
                if (best is None or pool.outstanding < best.outstanding) and pool.has_place:
                    best = pool
        if all_avoided:
            return next((pool for pool in self.order(elsewhere) if pool.has_place), None)
        return best

    def order(self, elsewhere: AddressPool | None) -> list[AddressPool]:
        """Return all addresses in the order in which to try them; `elsewhere` is the last."""
        pools = self._pools[self._turn :] + self._pools[: self._turn]
        ordered = in_order(pools, self._loop.time())
        return ordered if elsewhere is None else sorted(ordered, key=lambda pool: pool is elsewhere)

    def failed(self, pool: AddressPool, error: Exception) -> None:
        """Count a connection that failed: it was not made, or ended before it was of any use."""
        standing = pool.standing
        seconds = standing.failed(self._loop.time())
        if seconds is not None:
            self._counters.ejections[self.settings.name, str(pool)] += 1
            why = detail_of(kind_of(error))
            message = f"{pool}, of the upstream {self.settings.name}, is avoided for {seconds:g} s: {why}"
            level = LogLevel.WARNING if standing.is_first_ejection else LogLevel.DEBUG
            self._say(level, "ejection", pool, message, seconds)

    def _recover(self, pool: AddressPool) -> None:
        """Forget the failures of an address that has answered."""
        if pool.standing.succeeded():
            message = f"{pool}, of the upstream {self.settings.name}, answers again"
            self._say(LogLevel.INFO, "recovery", pool, message, 0)

    def _say(self, level: LogLevel, name: str, pool: AddressPool, message: str, seconds: float) -> None:
        values: dict[str, Value] = {"upstream": self.settings.name, "address": str(pool), "seconds": seconds}
        self.report(Event(level, "xoproxy.upstream", name, message, values))

    # Connecting.

    def _send_without_choice(self, exchange: Exchange) -> None:
        """Send to an upstream of which no address is known, or none has a place."""
        if self._pools:
            self._queue.join(exchange)
        else:
            self._connect(exchange, Candidates(self, exchange, None))

    def _send_anew(self, exchange: Exchange, pool: AddressPool, elsewhere: AddressPool | None) -> None:
        """Send by a new connection, to `pool` first, unless an answer that is just awaited has another one."""
        self.names.refresh()  # by the exact time
        settled = self.names.is_settled
        if settled and not pool.has_room:
            self._queue.join(exchange)
            return
        candidates = Candidates(self, exchange, elsewhere)
        if settled:
            candidates.begin_with(pool)
        self._connect(exchange, candidates)

    def _connect(self, exchange: Exchange, candidates: "Candidates") -> None:
        exchange.connecting = task = spawn(self._race(exchange, candidates), name="connect to upstream")
        task.add_done_callback(candidates.leave)

    async def _race(self, exchange: Exchange, candidates: "Candidates") -> None:
        """Connect to the first address that accepts.  Nothing was sent yet, so any request may go to any of them."""
        race = Race(self._dialer, candidates)
        try:
            async with asyncio.timeout(self.settings.connect_timeout_s):
                if not candidates.has_begun:
                    await self.names.settle()
                    pool = self._choose() if self._pools else None
                    if self._pools and pool is None:
                        self._queue.join(exchange)
                        return
                    if pool is not None and not pool.has_room:  # but it has an idle connection: one was given back meanwhile
                        exchange.connecting = None
                        self.send(exchange)
                        return
                connection = await race.run()
        except (OSError, UnicodeError) as error:
            race.time_out()
            exchange.connecting = None
            if self.settings.ejection is not None and candidates.are_busy:
                self._queue.join(exchange)  # which ends, because what failed is ejected in the end
                if any(pool.has_place and not pool.has_room for pool in self._pools):
                    self.serve_waiting()  # a connection was given back meanwhile, and nothing else will say so
            else:
                exchange.fail(kind_of(error))
        else:
            exchange.connecting = None
            connection.is_reserved = False
            exchange.use(connection)


class Candidates:
    """The connections that may be made for one exchange: one to each address, in their order."""

    def __init__(self, upstream: Upstream, exchange: Exchange, elsewhere: AddressPool | None) -> None:
        self._upstream = upstream
        self._exchange = exchange
        self._elsewhere = elsewhere  # where it was tried already
        self._tried: set[AddressPool] = set()
        self._first: UpstreamConnection | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the first one is chosen."""
        return bool(self._tried)

    @property
    def are_busy(self) -> bool:
        """Whether an address was left out only because it has as many connections as it may."""
        return any(pool not in self._tried and not pool.has_room for pool in self._upstream.order(None))

    def begin_with(self, pool: AddressPool) -> None:
        """Reserve a connection to this address at once: whoever comes next must see that it is taken."""
        self._first = self._reserve(pool)

    def next(self) -> UpstreamConnection | None:
        """Return a connection that is reserved and not made yet, to the next address; None if there is none now."""
        first, self._first = self._first, None
        if first is not None:
            return first
        for pool in self._upstream.order(self._elsewhere):
            if pool not in self._tried and pool.has_room:
                return self._reserve(pool)
        self._upstream.names.look_again()
        return None

    async def look_again(self) -> None:
        """All attempts failed: find out whether there are other addresses by now.  Raises: why there is none at all."""
        names = self._upstream.names
        names.look_again()
        await names.answer()
        if names.error is not None and not self._upstream.order(None):
            raise names.error

    def failed(self, connection: UpstreamConnection, error: Exception) -> None:
        """Take note of an attempt that failed."""
        self._upstream.failed(connection.pool, error)

    def leave(self, _: object) -> None:
        """All is over, perhaps before it began: the client went away."""
        if self._first is not None:
            self._first.pool.give_up(self._first)

    def _reserve(self, pool: AddressPool) -> UpstreamConnection:
        self._tried.add(pool)
        self._exchange.record.upstream = pool.label
        connection = self._upstream.new_connection(pool)
        connection.is_second_try = self._elsewhere is not None
        pool.reserve(connection)
        return connection


def _authority(endpoint: Endpoint) -> bytes:
    if endpoint.unix_path is not None:
        return b"localhost"
    return str(endpoint).partition("://")[2].encode("ascii")
