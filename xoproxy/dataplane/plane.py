"""The data plane as a whole: the generation in force, the upstreams' pools, the connections, one timer."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from xoproxy.config.generation import Generation
from xoproxy.dataplane.admission import Admission, Admissions
from xoproxy.dataplane.client import ClientConnection
from xoproxy.dataplane.collecting import Collected, Desk, forget
from xoproxy.dataplane.deadlines import Deadlines
from xoproxy.dataplane.errors import OwnAnswer, connection_lines, render
from xoproxy.dataplane.logged_fields import LoggedFields
from xoproxy.dataplane.page_loads import is_page_load
from xoproxy.dataplane.peers import ClientPeer, trusts
from xoproxy.dataplane.request_ids import RequestIds
from xoproxy.dataplane.source import ProxiedSource
from xoproxy.dataplane.traces import PARENT, STATE, Traces, both
from xoproxy.dataplane.upstreams.resolving import LookUp, system_look_up
from xoproxy.dataplane.upstreams.upstream import Surroundings, Upstream, tell_nobody
from xoproxy.policy.plan import ResponsePlan
from xoproxy.semantics.dates import http_date
from xoproxy.semantics.field_lines import REQUEST_FIELDS, request_reader
from xoproxy.semantics.forwarding import NO_EDIT, HeadEdit
from xoproxy.semantics.heads import RequestHead
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.records import ExchangeRecord
from xoproxy.telemetry.workers import AddressView


class DataPlane:
    """Serves the connections it is given by the generation in force.  To be made and used in a running loop."""

    def __init__(  # noqa: PLR0913  whom it tells what
        self,
        generation: Generation,
        emit: Callable[[Sequence[ExchangeRecord]], None],
        report: Callable[[Event], None] = tell_nobody,
        look_up: LookUp = system_look_up,
        *,
        counters: Counters | None = None,
        collected: Collected = forget,
    ) -> None:
        """`emit` takes the record of each exchange, soon after its end, `report` what happens to upstreams; neither must block.

        Nor must `collected`, which is called once per delivery of reports.  `counters`: where to count what no record tells.
        """
        self.loop = asyncio.get_running_loop()
        self.deadlines = Deadlines(self.loop)
        self.draining = False  # no connection is kept after its answer
        self.closes_idle = False
        self.generation = generation
        self.counters = counters or Counters()
        self.desk = Desk(collected, self.loop.time)
        self._emit = emit
        self._ended: list[ExchangeRecord] = []  # not told yet
        self.export: Callable[[ExchangeRecord], None] | None = None  # takes, besides, the records of sampled traces
        self._around = Surroundings(self.deadlines, report, look_up, self.counters)
        self._upstreams: dict[str, Upstream] = {}
        self._connections: set[ClientConnection] = set()
        self._admissions = Admissions()
        self._emptied: asyncio.Event | None = None  # set by the last connection's end, once someone waits for it
        self._date = (0, b"")  # a second, and how the Date of an answer of our own says it (RFC 9110 §6.6.1)
        self._read: tuple[bytes, ...] = ()  # names of fields that requests are asked for besides what they always are
        self.request_fields = REQUEST_FIELDS
        self.adopt(generation)

    # For the runtime.

    def adopt(self, generation: Generation) -> None:
        """Decide new requests by `generation`; those in flight keep theirs.  Unchanged upstreams keep their connections."""
        kept: dict[str, Upstream] = {}
        for settings in generation.settings.upstreams:
            present = self._upstreams.get(settings.name)
            idle_s = generation.settings.timeouts.pool_s
            unchanged = present is not None and present.serves(settings, idle_s)
            kept[settings.name] = present if present is not None and unchanged else Upstream(settings, self._around, idle_s)
        for name, upstream in self._upstreams.items():
            if kept.get(name) is not upstream:
                upstream.retire()
        self._upstreams = kept
        self.generation = generation
        field_name, tracing = generation.settings.request_id, generation.settings.tracing
        self._request_ids = RequestIds(field_name) if field_name is not None else None
        self._traces = Traces(tracing) if tracing is not None else None
        traced = (PARENT, STATE) if tracing is not None else ()
        read = traced if field_name is None else (*traced, field_name.lower().encode("ascii"))
        if read != self._read:  # else what was remembered of field lines is good still
            self._read, self.request_fields = read, request_reader(read)
        logged = generation.settings.log.request_fields
        self._logged_fields = LoggedFields(logged) if logged else None

    @property
    def addresses(self) -> tuple[AddressView, ...]:
        """What each address of each upstream is doing."""
        return tuple(
            AddressView(
                name,
                state.name,
                state.outstanding,
                state.connections,
                state.idle,
                state.is_ejected,
                state.is_healthy,
                state.ejections,
            )
            for name, upstream in self._upstreams.items()
            for state in upstream.states()
        )

    @property
    def waiting(self) -> dict[str, int]:
        """How many exchanges wait for a connection, by upstream."""
        return {name: upstream.waiting for name, upstream in self._upstreams.items()}

    def renew_certificates(self) -> None:
        """Read the certificate files of upstreams again.  Raises: `OSError` (TLS errors too)."""
        for upstream in self._upstreams.values():
            upstream.renew_certificates()

    def trusts(self, address: str) -> bool:
        """Whether `address`, of a peer, is one of `trusted_proxies` in the generation in force."""
        return trusts(self.generation.settings.trusted_proxies, address)

    def client_protocol(self, *, secure: bool, source: ProxiedSource | None = None) -> ClientConnection:
        """Return the protocol for a connection that a listener accepted; `secure`: over TLS.

        `source`: on whose behalf a load balancer made it, if it said so.
        """
        return ClientConnection(self, secure=secure, source=source)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def stop_keeping(self) -> None:
        """Let every answer from now on be its connection's last.  What is idle, or was just accepted, may ask once more."""
        self.draining = True

    def start_draining(self) -> None:
        """Begin no further request; close what is idle."""
        self.draining = self.closes_idle = True
        for connection in tuple(self._connections):
            connection.drain()

    def end_tunnels(self) -> None:
        """End upgraded connections in good order: they outlived most of the time for draining."""
        for connection in tuple(self._connections):
            connection.go_away()

    async def wait_closed(self, timeout_s: float) -> bool:
        """Wait until every connection has ended; False if some have not after `timeout_s`."""
        if self._connections:
            self._emptied = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), timeout_s)
        self.tell_all()
        return not self._connections

    def abort(self) -> None:
        """End every connection now."""
        for connection in tuple(self._connections):
            connection.cut_off()
        self.tell_all()
        for upstream in self._upstreams.values():
            upstream.retire()

    # For its connections.

    def connected(self, connection: ClientConnection) -> Admission:
        """A client connected.  Returns what becomes of it."""
        self._connections.add(connection)
        self.counters.accepted += 1
        trusted = connection.peer.hop(self.generation).trusted
        admission = self._admissions.admit(connection.peer.address, self.generation.settings.limits, trusted=trusted)
        connection.admitted = admission is Admission.ADMITTED
        return admission

    def disconnected(self, connection: ClientConnection) -> None:
        """A client's connection is gone."""
        self._connections.discard(connection)
        self._admissions.left(connection.peer.address, admitted=connection.admitted)
        self.deadlines.forget(connection)
        if not self._connections and self._emptied is not None:
            self._emptied.set()

    def upstream(self, name: str) -> Upstream:
        """Return the upstream called `name` in the generation in force."""
        return self._upstreams[name]

    def begin_record(self, peer: ClientPeer, head: RequestHead, plan: ResponsePlan) -> tuple[ExchangeRecord, HeadEdit]:
        """Return the record of a request that begins, and what naming the request and its trace changes in its head."""
        record = ExchangeRecord(peer.address, time.time())
        record.method = head.method
        record.target = head.target
        record.host = head.host
        record.origin = head.origin
        record.began_s = time.monotonic()
        record.cors = plan.outcome
        record.reason = plan.reason
        record.generation = self.generation.number
        record.page = plan.observes and is_page_load(head, secure=peer.secure)
        also = NO_EDIT
        if self._request_ids is not None:
            name, also = self._request_ids.of(head)
            record.request_id = name.decode("ascii")
        if self._traces is not None:
            record.trace, traced = self._traces.of(head, secure=peer.secure)
            also = both(also, traced)
        if self._logged_fields is not None:
            record.fields = self._logged_fields.of(head.block)
        return record, also

    def tell(self, record: ExchangeRecord) -> None:
        """Hand over the record of an exchange that ended, in the loop's next turn, with those of others that end in this one.

        What is written goes to the sockets at the end of a turn: no client waits until its exchange is counted and logged.
        """
        record.duration_s = time.monotonic() - record.began_s
        self._ended.append(record)
        if len(self._ended) == 1:
            self.loop.call_soon(self.tell_all)

    def tell_all(self) -> None:
        """Hand over the records of all exchanges that ended so far."""
        ended, self._ended = self._ended, []
        if not ended:
            return
        self._emit(ended)
        if self.export is not None:
            for record in ended:
                if record.trace.is_sampled:
                    self.export(record)

    def rendered(self, answer: OwnAnswer, head: RequestHead, *, keep: bool) -> bytes:
        """Return the bytes of an answer of our own to `head`; `keep`: the connection stays."""
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, http_date(now))
        connection = connection_lines(answer, head, keep=keep, tells_status=self.generation.settings.proxy_status)
        block, body = render(answer, self._date[1], connection)
        return block if head.method == b"HEAD" else block + body
