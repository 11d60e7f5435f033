"""A client's connection: reads request heads, has them decided, and answers in their order.

One exchange is in flight at a time; what a client sends ahead waits, bounded.  The connection knows when bytes are a head, a
body, a tunnel's, or to be discarded; it does not know what an upstream is.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from xoproxy.dataplane.admission import Admission
from xoproxy.dataplane.collecting import Collection
from xoproxy.dataplane.deadlines import Timed
from xoproxy.dataplane.errors import ErrorKind, OwnAnswer
from xoproxy.dataplane.exchange import Exchange
from xoproxy.dataplane.heads import HeadBuffer
from xoproxy.dataplane.peers import GONE_PEER, ClientPeer, client_peer
from xoproxy.dataplane.resets import abort_by_reset, end_half, find_out_whether_gone, was_reset
from xoproxy.dataplane.source import ProxiedSource
from xoproxy.dataplane.tunnel import Tunnel
from xoproxy.dataplane.writing import limit_waiting
from xoproxy.policy.routes import Answer, Collect, Forward
from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.forwarded import Hop, believed
from xoproxy.semantics.forwarding import HeadEdit
from xoproxy.semantics.heads import Framing, RequestHead, read_remains
from xoproxy.telemetry.records import ExchangeRecord

if TYPE_CHECKING:
    from xoproxy.dataplane.plane import DataPlane

# What a client may send ahead of an answer; then its connection is no longer read.
MAX_PIPELINED_BYTES: Final = 64 * 1024
# After an answer that ends the connection, what still arrives is discarded for so long: closing at once would reset the
# connection, and the answer could be lost before the client reads it (RFC 9112 §9.6).
LINGER_S: Final = 2.0
# Over TLS it cannot be seen what is still unsent (at most a buffer's 64 KiB), nor need the client say that it has read the end.
TLS_CLOSE_S: Final = 5.0
MAX_DISCARDED_BYTES: Final = 1024 * 1024
_REFUSALS: Final = {400: ErrorKind.HTTP_REQUEST_ERROR, 404: ErrorKind.DESTINATION_NOT_FOUND}
# What a connection that is turned away is answered as: no request was read.
NO_REQUEST: Final = RequestHead(b"", b"", b"", 1)


class ClientConnection(Timed, asyncio.Protocol):
    """One accepted connection."""

    __slots__ = (
        "_closing",
        "_discarded",
        "_exchange",
        "_half_closed",
        "_heads",
        "_plane",
        "_reading",
        "_secure",
        "_sink",
        "_source",
        "_stalled_at",
        "_unsent",
        "admitted",
        "peer",
        "transport",
        "write_paused",
    )

    def __init__(self, plane: "DataPlane", *, secure: bool, source: ProxiedSource | None) -> None:
        super().__init__(plane.deadlines)
        self._plane = plane
        self._secure = secure
        self._source = source
        self.transport: asyncio.Transport
        self.peer: ClientPeer
        self.admitted = False  # counts among the connections that `limits` bounds
        self.write_paused = False
        self._exchange: Exchange | Collection | None = None
        self._sink: Callable[[bytes], None] | None = None  # where bytes go that are no head
        self._heads = HeadBuffer()
        self._reading = True
        self._closing = False
        self._discarded = 0
        self._half_closed = False
        self._unsent = 0  # bytes that the last deadline found unsent
        self._stalled_at = 0.0  # when it first found so many

    # What the exchange asks for.

    @property
    def may_stay(self) -> bool:
        """Whether the connection may be kept for another request."""
        return not self._plane.draining and (not self._half_closed or bool(self._heads.pending))

    def update_reading(self) -> None:
        """Read, or stop reading, as far as there is room for what may come (back-pressure)."""
        exchange = self._exchange
        if exchange is not None and self._sink is not None:
            room = exchange.takes_request
        elif exchange is None and not self.write_paused:
            room = True  # a head: `_next_head` bounds it
        else:
            room = len(self._heads.pending) <= MAX_PIPELINED_BYTES
        if room != self._reading and not self.transport.is_closing():
            self._reading = room
            if room:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def enter_tunnel(self, tunnel: Tunnel) -> None:
        """From now on bytes belong to the tunnel."""
        self._sink = tunnel.client_data
        ahead, self._heads.pending = self._heads.pending, b""
        if ahead:
            tunnel.client_data(ahead)
        if self._half_closed:
            tunnel.client_half_closed()
        self.update_reading()

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """The exchange is over: tell of it.  What becomes of the connection is said next."""
        self._exchange = None
        self._sink = None
        self._plane.tell(record)

    def response_sent(self, record: ExchangeRecord, *, keep: bool, is_last: bool) -> None:
        """The response is sent whole and the exchange over: read the next request, or close; `is_last`: as `_end` has it."""
        self.exchange_ended(record)
        if keep:
            self._next()
        else:
            self._end(is_last=is_last)

    def answer(self, answer: OwnAnswer, head: RequestHead, *, keep: bool) -> None:
        """Send an answer of our own.  With `keep` the next request may follow, else the connection ends."""
        keep = keep and self.may_stay
        self.transport.write(self._plane.rendered(answer, head, keep=keep))
        if keep:
            self._next()
        else:
            self._end(is_last=not head.keeps_alive and head.framing is Framing.NONE)

    def _end(self, *, is_last: bool) -> None:
        """Answer no more.  `is_last`: the client, whose request is read whole, said that it sends no other.  (RFC 9112 §9.6)"""
        if self._half_closed or (is_last and not self._heads.pending):
            self.close()
        else:
            self.linger()

    def close(self) -> None:
        """Close once all is written; nothing more is read."""
        self._closing = True
        self.due_in(TLS_CLOSE_S if self._secure else LINGER_S)
        self.transport.close()

    # What the data plane asks for.

    def drain(self) -> None:
        """Take no new request; an exchange in flight is finished first."""
        if self._exchange is None and not self._closing:
            self.close()

    def go_away(self) -> None:
        """End a tunnel in good order, because the process ends."""
        if isinstance(self._exchange, Exchange) and self._exchange.tunnel is not None:
            self._exchange.go_away()

    def cut_off(self) -> None:
        """End now, although an exchange is in flight."""
        if self._exchange is not None:
            self._exchange.client_gone(ErrorKind.DRAINING)
        self.abort()

    def abort(self) -> None:
        """End now, by a reset: where a body ends by closing, an orderly close would pass for its end."""
        abort_by_reset(self.transport)

    # Heads.

    def _next(self) -> None:
        """Wait for the next request, or begin the one that is already here."""
        if not self._heads.pending and (self._half_closed or self._plane.closes_idle):
            self.close()
            return
        self.due_in(self._plane.generation.settings.timeouts.idle_s)
        if self._heads.pending:
            self._plane.loop.call_soon(self._read_heads)

    def _read_heads(self) -> None:
        """Begin the next request, if its head is here whole."""
        if self._exchange is not None or self._closing:
            return
        if self.write_paused:
            self.update_reading()
            return  # `resume_writing` comes back: answers are not piled up for a client that does not read
        settings = self._plane.generation.settings
        was_new = self._heads.is_new
        block = self._heads.next(settings.limits.request_head_bytes)
        if block is None:
            if self._half_closed:
                self.close()  # nothing more can come
            elif was_new and not self._heads.is_new:
                self.due_in(settings.timeouts.head_s)
        elif isinstance(block, HeadFault):
            self._refuse(block, self._heads.pending)
        else:
            self._begin(block)
        if len(self._heads.pending) > MAX_PIPELINED_BYTES or not self._reading:
            self.update_reading()

    def _begin(self, block: bytes) -> None:
        """Decide what becomes of a request, and start on it."""
        head = self._heads.read(block, self._plane.request_fields)
        if isinstance(head, HeadFault):
            self._refuse(head, block)
            return
        generation = self._plane.generation
        hop = self.peer.hop(generation)
        known = believed(head, hop) if hop.trusted else None
        scheme, authority = (hop.scheme, head.host) if known is None else (known.scheme, known.authority)
        decision = generation.routes.decide(head, scheme, authority)
        record, also = self._plane.begin_record(self.peer, head, decision.plan)
        if known is not None:
            record.client = known.client.decode("ascii")
        if isinstance(decision, Forward):
            record.route = decision.route.name
            self._forward(Exchange(self, head, generation.settings, decision.plan, record), decision.route.upstream, hop, also)
        elif isinstance(decision, Collect):
            self._exchange = collection = Collection(self, self._plane.desk, head, generation.settings, decision.plan, record)
            collection.start()
            self._take_body(collection)
        else:
            record.route = decision.route.name if decision.route is not None else ""
            self._answer_here(head, decision, record)

    def _forward(self, exchange: Exchange, upstream: str, hop: Hop, also: HeadEdit) -> None:
        self._exchange = exchange
        limit = exchange.settings.limits.request_body_bytes
        if limit is not None and exchange.head.content_length > limit:
            exchange.fail(ErrorKind.REQUEST_TOO_LARGE)
            return
        exchange.prepare(self._plane.upstream(upstream), hop, also)
        self._take_body(exchange)
        exchange.send()

    def _take_body(self, exchange: Exchange | Collection) -> None:
        if not exchange.request.done and not exchange.ended:
            self._sink = self._body_received
            ahead, self._heads.pending = self._heads.pending, b""
            if ahead:
                self._body_received(ahead)

    def _body_received(self, data: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None
        rest = exchange.request_data(data)
        if not exchange.ended:
            if exchange.request.done:
                self._sink = None
                self._heads.pending = rest
                if isinstance(exchange, Collection):
                    exchange.deliver()
            self.update_reading()

    def _answer_here(self, head: RequestHead, answer: Answer, record: ExchangeRecord) -> None:
        """Answer a preflight, or a request without a route.  If it has content, that is not read: the connection ends."""
        kind = None
        if answer.status != 204:
            kind = _REFUSALS.get(answer.status, ErrorKind.HTTP_REQUEST_DENIED)
            record.error = kind.value
        record.status = answer.status
        record.reason = record.reason or answer.detail
        self._plane.tell(record)
        keep = head.keeps_alive and head.framing is Framing.NONE
        self.answer(OwnAnswer(answer.status, answer.plan, kind, answer.detail, record.request_id), head, keep=keep)

    def _refuse(self, fault: HeadFault, block: bytes) -> None:
        """Answer a head that cannot be read, as far as can be seen for whom, and end the connection."""
        generation = self._plane.generation
        remains = read_remains(block, self._plane.request_fields)
        plan = generation.routes.plan_for_refused(remains, self.peer.hop(generation).scheme)
        record, _ = self._plane.begin_record(self.peer, remains, plan)
        record.status, record.reason = fault.status, fault.reason
        kind = ErrorKind.CLIENT_TIMEOUT if fault.status == 408 else ErrorKind.HTTP_REQUEST_ERROR
        record.error = kind.value
        self._plane.tell(record)
        self.answer(OwnAnswer(fault.status, plan, kind, fault.reason, record.request_id), remains, keep=False)

    def linger(self) -> None:
        """End our half, and discard what still comes for a moment."""
        self._heads.pending = b""
        self._sink = self._discard
        if self._half_closed or not self.transport.can_write_eof():
            self.close()
            return
        self._closing = True
        self.due_in(LINGER_S)
        end_half(self.transport)
        self.update_reading()

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > MAX_DISCARDED_BYTES:
            self.transport.pause_reading()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self.transport = cast("asyncio.Transport", transport)
        limit_waiting(self.transport)
        self.peer = client_peer(transport, self._source, self._plane.generation, secure=self._secure)
        admission = self._plane.connected(self)
        if admission is Admission.CUT_OFF or self.peer.address == GONE_PEER:
            self._closing = True
            self.abort()  # what a client sent before it vanished is not carried out on nobody's behalf
        elif admission is Admission.ADMITTED:
            self.due_in(self._plane.generation.settings.timeouts.idle_s)
        else:
            self._turn_away()

    def _turn_away(self) -> None:
        """There are too many connections: say so without reading a request, and end."""
        plan = self._plane.generation.routes.default_plan
        record, _ = self._plane.begin_record(self.peer, NO_REQUEST, plan)
        record.status, record.error = 503, ErrorKind.TOO_MANY_CONNECTIONS.value
        self._plane.tell(record)
        self.answer(OwnAnswer(503, plan, ErrorKind.TOO_MANY_CONNECTIONS), NO_REQUEST, keep=False)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client: of a body or tunnel, of a head, or sent ahead."""
        if self._sink is not None:
            self._sink(data)
            return
        self._heads.pending += data
        if self._exchange is None:
            self._read_heads()
        elif len(self._heads.pending) > MAX_PIPELINED_BYTES:
            self.update_reading()

    def eof_received(self) -> bool:
        """The client will send no more.  Returns whether our half stays open: it may still read its answer."""
        self._half_closed = True
        exchange = self._exchange
        if exchange is not None and was_reset(self.transport):
            exchange.client_gone()
            return False
        if self._closing or exchange is None:
            if self._heads.pending and not self._closing and not self._secure:
                self._plane.loop.call_soon(self._read_heads)  # sent ahead, or a head that can never be whole
                return True
            return False
        if exchange.tunnel is not None:
            return exchange.tunnel.client_half_closed()
        if not exchange.request.done:
            exchange.client_gone()
            return False
        find_out_whether_gone(self.transport)
        return not self._secure  # TLS cannot stay half open in asyncio

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """The connection is gone, whoever ended it."""
        self._closing = True
        self._plane.disconnected(self)
        if self._exchange is not None:
            self._exchange.client_gone()

    def pause_writing(self) -> None:
        """The client takes no more for now: stop reading the response."""
        self.write_paused = True
        if self._exchange is not None and self._exchange.connection is not None:
            self._exchange.connection.hold()

    def resume_writing(self) -> None:
        """The client takes more again."""
        self.write_paused = False
        if self._exchange is None:
            self._read_heads()
        elif self._exchange.connection is not None:
            self._exchange.connection.flow()

    def _reads_slowly(self) -> bool:
        """Whether the client still reads our last answer: then neither idling nor lingering has begun."""
        unsent = self.transport.get_write_buffer_size()
        now = self._plane.loop.time()
        if unsent != self._unsent:
            self._unsent, self._stalled_at = unsent, now
        return unsent > 0 and now - self._stalled_at < self._plane.generation.settings.timeouts.body_s

    def expired(self) -> None:
        """The deadline has passed."""
        if self._exchange is not None:
            self._exchange.timed_out()
        elif self._reads_slowly():
            self.due_in(LINGER_S if self._closing else self._plane.generation.settings.timeouts.idle_s)
        elif self._closing:
            self.transport.abort()  # lingered for long enough
        elif not self._heads.pending or self.write_paused:
            self.close()  # idle for long enough
        else:
            self._refuse(HeadFault(408, "the request head did not arrive in time"), self._heads.pending)
