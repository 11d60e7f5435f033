"""A connection to an upstream: sends one request at a time, reads its response, and says when it is free again.

What it reads it hands to the exchange it carries: interim heads, the final head, body bytes.  It trusts nothing: bytes that
nobody asked for, or that follow the end of a response, end the connection, so they can never be taken for the next response.
"""

import asyncio
import select
from typing import TYPE_CHECKING, Final, cast

from xoproxy.dataplane.deadlines import Deadlines, Timed
from xoproxy.dataplane.errors import ErrorKind
from xoproxy.dataplane.resets import was_reset
from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.grammar import HEAD_END, LENIENT_HEAD_END
from xoproxy.semantics.heads import read_response_head

if TYPE_CHECKING:
    from xoproxy.dataplane.exchange import Exchange
    from xoproxy.dataplane.upstreams.addresses import AddressPool

# A backend may send several hints; whoever sends more than this is broken or hostile.  (nginx takes any number, Envoy 100)
MAX_INTERIM_HEADS: Final = 32


class UpstreamConnection(Timed, asyncio.Protocol):
    """One connection of a pool.  `exchange` is what it carries, None while it is idle."""

    __slots__ = (
        "_arrivals",
        "_head_limit",
        "_held",
        "_interim_heads",
        "_pending",
        "_searched",
        "exchange",
        "has_answered",
        "is_reserved",
        "is_second_try",
        "pool",
        "reading_body",
        "requests",
        "transport",
        "write_paused",
    )

    def __init__(self, pool: "AddressPool", deadlines: Deadlines) -> None:
        super().__init__(deadlines)
        self.pool = pool
        self.transport: asyncio.Transport
        self.exchange: Exchange | None = None
        self.requests = 0  # sent on this connection; more than one: it was reused
        self.reading_body = False
        self.has_answered = False  # a byte of a response to the present request has come
        self.write_paused = False
        self.is_reserved = False  # for an exchange that does not have it yet
        self.is_second_try = False  # another new connection ended before it answered the exchange that this one is made for
        self._head_limit = 0
        self._held = False
        self._pending = b""
        self._searched = 0
        self._interim_heads = 0

    # What the pool and the exchange ask for.

    def carry(self, exchange: "Exchange", head_limit: int) -> None:
        """Carry this exchange from now on; the connection must be idle."""
        self.not_due()
        self.exchange = exchange
        self.requests += 1
        self.reading_body = False
        self.has_answered = False
        self._head_limit = head_limit
        self._interim_heads = 0

    def rest(self, seconds: float) -> bool:
        """Be idle, for at most `seconds`.  Returns False if not all is sent of what the connection carried."""
        self.exchange = None
        if self.write_paused:
            return False
        if self._held:
            self.flow()
        self.due_in(seconds)
        return True

    def has_news(self) -> bool:
        """Whether something has arrived that was not read yet: of an idle connection the end, or what nobody asked for."""
        return bool(self._arrivals.poll(0))

    def finish(self, seconds: float) -> None:
        """End the connection once all is written, but within `seconds`."""
        self.exchange = None
        self.due_in(seconds)
        self.transport.close()

    def hold(self) -> None:
        """Stop reading: the client takes no more for now."""
        if not self._held and not self.transport.is_closing():
            self._held = True
            self.transport.pause_reading()

    def flow(self) -> None:
        """Read again."""
        if self._held:
            self._held = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def drop(self) -> None:
        """End the connection at once; nobody is told."""
        self.exchange = None
        self.transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport = cast("asyncio.Transport", transport)
        self._arrivals = select.poll()
        self._arrivals.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Bytes of a response: heads first, then its body."""
        exchange = self.exchange
        if exchange is None:
            self.transport.abort()  # nobody asked
        elif self.reading_body:
            exchange.response_data(data)
        else:
            self.has_answered = True
            self._pending += data
            self._read_heads(exchange)

    def _read_heads(self, exchange: "Exchange") -> None:
        """Read interim heads and the final one; hand over what follows it."""
        while self.exchange is exchange:
            end = self._pending.find(HEAD_END, self._searched)
            size = end + 4 if end >= 0 else len(self._pending)
            if size > self._head_limit:
                exchange.fail(ErrorKind.HTTP_RESPONSE_HEADER_SECTION_SIZE)
                return
            if end < 0:
                if LENIENT_HEAD_END.search(self._pending, max(0, self._searched - 1)):
                    exchange.fail(ErrorKind.HTTP_PROTOCOL_ERROR, "the upstream's head has a bare line feed")
                    return
                self._searched = max(0, size - 3)
                return
            block, rest = self._pending[:size], self._pending[size:]
            self._pending, self._searched = b"", 0
            head = read_response_head(block, exchange.head.method)
            if isinstance(head, HeadFault):
                exchange.fail(ErrorKind.HTTP_PROTOCOL_ERROR, f"the upstream's answer is not valid HTTP/1.1: {head.reason}")
            elif not head.is_interim:
                self.reading_body = True
                exchange.response_head(head, rest)
            else:
                self._interim_heads += 1
                if self._interim_heads > MAX_INTERIM_HEADS:
                    exchange.fail(ErrorKind.HTTP_PROTOCOL_ERROR)
                    return
                exchange.interim_head(head)
                self._pending = rest
                continue
            return

    def eof_received(self) -> bool:
        """The upstream will send no more: the end of a body until close, of a tunnel's one half, or a failure."""
        exchange = self.exchange
        if exchange is None or was_reset(self.transport):
            return False  # the loss that follows tells the exchange
        return exchange.upstream_ended()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """The connection is gone, whoever ended it."""
        self._deadlines.forget(self)
        pool = self.pool
        pool.lost(self)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.upstream_lost()  # if it is sent again, then in the place of this one, before those that wait
        pool.upstream.serve_waiting()

    def pause_writing(self) -> None:
        """The upstream takes no more for now: stop reading the request."""
        self.write_paused = True
        if self.exchange is not None:
            self.exchange.client.update_reading()

    def resume_writing(self) -> None:
        """The upstream takes more again."""
        self.write_paused = False
        if self.exchange is not None:
            self.exchange.client.update_reading()

    def expired(self) -> None:
        """Idle, or ending, for too long."""
        self.transport.abort()
