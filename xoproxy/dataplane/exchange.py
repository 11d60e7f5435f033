"""One forwarded request and its response: what passes between a client connection and an upstream connection.

An exchange takes the settings of its generation at its start and holds them to its end.  Callbacks and state only: no task and
no `await`, but for connecting to an upstream.  Whoever fails first ends it; after the response head is sent a failure aborts
the client's connection, so that a truncated body is never given a clean end.
"""

import asyncio
import time
from typing import TYPE_CHECKING

from xoproxy.dataplane.bodies import LAST_CHUNK, BodyPass, body_of, chunk
from xoproxy.dataplane.errors import ErrorKind, OwnAnswer, status_of
from xoproxy.dataplane.framing import AS_IT_CAME, INTO_CHUNKS, OUT_OF_CHUNKS, framing_for_client
from xoproxy.dataplane.progress import untaken_bytes
from xoproxy.dataplane.tunnel import Tunnel
from xoproxy.dataplane.writing import write
from xoproxy.policy.plan import ResponsePlan
from xoproxy.semantics.forwarded import Hop
from xoproxy.semantics.forwarding import HeadEdit, interim_for_client, is_idempotent, may_switch, request_for_upstream
from xoproxy.semantics.heads import LENGTH, NONE, RequestHead, ResponseHead
from xoproxy.telemetry.records import ExchangeRecord

if TYPE_CHECKING:
    from xoproxy.config.settings import Settings
    from xoproxy.dataplane.client import ClientConnection
    from xoproxy.dataplane.upstreams.connection import UpstreamConnection
    from xoproxy.dataplane.upstreams.upstream import Upstream
    from xoproxy.dataplane.upstreams.waiting import Place


class Exchange:
    """A forwarded exchange.  The client connection makes it, feeds it the request's body, and is told when it ended."""

    __slots__ = (
        "_block",
        "_continued",
        "_head_sent_at",
        "_keep_client",
        "_passing",
        "_reusable",
        "_taken",
        "_upstream",
        "_waiting",
        "client",
        "connecting",
        "connection",
        "ended",
        "head",
        "plan",
        "record",
        "request",
        "response",
        "settings",
        "tunnel",
    )

    def __init__(
        self,
        client: "ClientConnection",
        head: RequestHead,
        settings: "Settings",
        plan: ResponsePlan,
        record: ExchangeRecord,
    ) -> None:
        self.client = client
        self.head = head
        self.settings = settings  # not the generation: a tunnel may stand for weeks, and that has all routes
        self.plan = plan
        self.record = record
        self.request = body_of(head)
        self.response: BodyPass | None = None  # None until the final head came
        self.connection: UpstreamConnection | None = None
        self.connecting: asyncio.Task[None] | Place | None = None  # or waits for its turn
        self.ended = False
        self.tunnel: Tunnel | None = None
        self._upstream: Upstream
        self._block = b""
        self._continued = False  # the upstream has asked for the request's content
        self._waiting: list[bytes] = []  # request bytes until there is a connection; reading is paused meanwhile
        self._passing = AS_IT_CAME
        self._reusable = False
        self._taken: tuple[asyncio.Transport, int] | None = None  # by whom, and how much, the last deadline found
        self._keep_client = False
        self._head_sent_at = 0.0

    # The request.

    def prepare(self, upstream: "Upstream", hop: Hop, also: HeadEdit) -> None:
        """Make the head for the upstream; `also`: what changes in it besides what every request's head changes."""
        self._upstream = upstream
        self.record.forward_to = upstream.settings.name
        self._block = request_for_upstream(self.head, hop, upstream.default_host, also)
        self._waiting.append(self._block)

    def send(self) -> None:
        """Send the request's head, and in one write with it what came of the body already, unless that ended the exchange."""
        if self.ended:
            return
        self._upstream.send(self)
        if self.connection is None and not self.ended:
            self.client.not_due()  # connecting has a deadline of its own, and knows better what went wrong
            self.client.update_reading()

    def use(self, connection: "UpstreamConnection") -> None:
        """Use this connection: send what waited for it."""
        data = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        self.connection = connection
        self.record.upstream = connection.pool.label
        connection.carry(self, self.settings.limits.response_head_bytes)
        self._head_sent_at = time.monotonic()
        write(connection.transport, data, at_once=self._is_alone)
        self._await_progress()
        if not self.request.done:
            if self._awaits_continue:
                self.client.due_in(self._upstream.settings.response_timeout_s)
            self.client.update_reading()

    def request_data(self, data: bytes) -> bytes:
        """Pass on bytes of the request's body; return what comes after it."""
        taken = self.request.feed(data)
        if self.request.fault is not None:
            self.fail(ErrorKind.HTTP_REQUEST_ERROR, self.request.fault)
            return b""
        limit = self.settings.limits.request_body_bytes
        if limit is not None and self.request.content_bytes > limit:
            self.fail(ErrorKind.REQUEST_TOO_LARGE)
            return b""
        body = data if taken == len(data) else data[:taken]
        if self.connection is None:
            self._waiting.append(body)
        else:
            self.connection.transport.write(body)
            self._await_progress()
        return data[taken:]

    @property
    def takes_request(self) -> bool:
        """Whether more of the request may be read now (back-pressure)."""
        if self.connection is None:
            return self.connecting is None  # not sent yet
        return not self.connection.write_paused

    @property
    def _is_alone(self) -> bool:
        """Whether no other exchange is under way with the same address."""
        return self.connection is not None and self.connection.pool.outstanding == 1

    @property
    def _awaits_continue(self) -> bool:
        """Whether the client may be waiting for a 100 (or a final answer) that the upstream owes it.  (RFC 9110 §10.1.1)"""
        return not self._continued and not self.request.content_bytes and bool(self.head.values(b"expect"))

    def _await_progress(self) -> None:
        """Set the deadline for whatever is waited for now."""
        if self.request.done and self.response is None:
            self.client.due_in(self._upstream.settings.response_timeout_s)
        else:
            self.client.due_in(self.settings.timeouts.body_s)

    # The response.

    def interim_head(self, head: ResponseHead) -> None:
        """Pass on a 1xx response; HTTP/1.0 does not know them.  (RFC 9110 §15.2)"""
        if self.head.minor == 1:
            self.client.transport.write(interim_for_client(head))
        if head.status == 100:
            self._continued = True
            self._await_progress()

    def response_head(self, head: ResponseHead, rest: bytes) -> None:
        """Rewrite the final head by the plan and send it with what came of the body."""
        self.record.upstream_s = time.monotonic() - self._head_sent_at
        self.record.status = head.status
        if head.status == 101:
            self._switch(head, rest)
            return
        self._reusable = head.keeps_alive
        self.record.conflicts = self.plan.conflicts(head)
        block = self.plan.apply(head, self._framing_lines(head))
        # One write for the head and what came with it: a second system call is some 5 % of a small exchange.
        if head.framing is LENGTH and len(rest) == head.content_length:
            write(self.client.transport, block + rest, at_once=self._is_alone)
            self._finish(head.content_length)
        else:
            self.response = body_of(head)
            self._pass_body(rest, block)

    def _framing_lines(self, head: ResponseHead) -> bytes:
        """Decide how the body goes to the client, and whether its connection stays.  (RFC 9112 §6.1, §9.3)"""
        self._passing, lines, ends_visibly = framing_for_client(self.head, head)
        self._keep_client = ends_visibly and self.head.keeps_alive and self.request.done and self.client.may_stay
        if not self._keep_client:
            return lines + b"Connection: close\r\n"
        return lines if self.head.minor == 1 else lines + b"Connection: keep-alive\r\n"

    def response_data(self, data: bytes) -> None:
        """Pass on bytes of the response's body, or of the tunnel."""
        if self.tunnel is not None:
            self.tunnel.upstream_data(data)
        else:
            self._pass_body(data, b"")

    def _pass_body(self, data: bytes, block: bytes) -> None:
        """Send `block`, then what of `data` belongs to the body, in the framing that the client gets."""
        body = self.response
        assert body is not None
        content: list[bytes] | None = [] if self._passing is OUT_OF_CHUNKS else None
        taken = body.feed(data, content)
        if body.fault is not None:
            if block:
                self.response = None  # nothing of it was sent
            self.fail(ErrorKind.HTTP_PROTOCOL_ERROR, f"the upstream's answer is not valid HTTP/1.1: {body.fault}")
            return
        if taken < len(data):
            self._reusable = False  # bytes after the end: they belong to nobody
            data = data[:taken]
        if content is not None:
            data = b"".join(content)
        elif self._passing is INTO_CHUNKS and data:
            data = chunk(data)
        if block or data:
            write(self.client.transport, block + data if block else data, at_once=self._is_alone)
        if body.done:
            self._finish(body.content_bytes)
        else:
            self._await_progress()

    def upstream_ended(self) -> bool:
        """The upstream closed its half.  Returns whether our half stays open."""
        if self.tunnel is not None:
            return self.tunnel.upstream_half_closed()
        if self.response is not None and self.response.end_of_stream():
            if self._passing is INTO_CHUNKS:
                self.client.transport.write(LAST_CHUNK)
            self._reusable = False
            self._finish(self.response.content_bytes)
        return False

    def upstream_lost(self) -> None:
        """The upstream's connection is gone, before the exchange ended."""
        connection = self.connection
        assert connection is not None
        self._upstream.lost(connection)
        self.connection = None
        if self.tunnel is not None:
            self._end()
            self.client.close()
        elif self.response is not None:
            self._abort(ErrorKind.HTTP_RESPONSE_INCOMPLETE)
        elif self._may_retry(connection):
            self._waiting.append(self._block)
            self.client.not_due()
            self._upstream.send_again(self, connection)
        else:
            self.fail(ErrorKind.CONNECTION_TERMINATED)

    def _may_retry(self, connection: "UpstreamConnection") -> bool:
        """A connection ended before it answered: what is safe may go once more, on a new one.  (RFC 9110 §9.2.2)"""
        return (
            self.head.framing is NONE
            and is_idempotent(self.head.method)
            and not connection.has_answered
            and self._upstream.may_send_again(connection)
        )

    # A tunnel.  (RFC 9110 §7.8, RFC 6455)

    def _switch(self, head: ResponseHead, rest: bytes) -> None:
        """Become a tunnel: bytes pass both ways until either side closes."""
        protocol = b", ".join(field.value for field, _, _ in head.fields if field.name == b"upgrade")
        if not may_switch(self.head, protocol):
            self.record.status = 0
            self.fail(ErrorKind.HTTP_UPGRADE_FAILED, "the upstream switched to a protocol that nobody asked for")
            return
        lines = b"Connection: upgrade\r\nUpgrade: " + protocol + b"\r\n"
        self.client.transport.write(self.plan.apply(head, lines))
        self.tunnel = Tunnel(self, protocol)
        self.tunnel.upstream_data(rest)
        self.client.enter_tunnel(self.tunnel)

    def end_tunnel(self) -> None:
        """Both halves of the tunnel are closed: what is written goes out, and both connections end."""
        self._leave_tunnel(self.settings.timeouts.body_s)
        self.client.close()

    def _leave_tunnel(self, seconds: float) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            self._upstream.finish(connection, seconds)
        self._end()

    def go_away(self) -> None:
        """End a tunnel that outlived the time for draining."""
        assert self.tunnel is not None
        told = self.tunnel.go_away()
        self.record.error = ErrorKind.DRAINING.value
        self._leave_tunnel(self.settings.timeouts.drain_s)
        if told:
            self.client.linger()  # the close frame must not be overtaken by a reset
        else:
            self.client.close()

    # The end.

    def fail(self, kind: ErrorKind, detail: str = "") -> None:
        """End the exchange with an answer of our own, or, if a head was sent, by aborting."""
        if self.response is not None or self.tunnel is not None:
            self._abort(kind)
            return
        self._release(reusable=False)
        status = status_of(kind)
        self.record.status = status
        self.record.error = kind.value
        self.record.reason = self.record.reason or detail
        keep = self.request.done and self.head.keeps_alive and kind is not ErrorKind.REQUEST_TOO_LARGE
        self._end()
        self.client.answer(OwnAnswer(status, self.plan, kind, detail, self.record.request_id), self.head, keep=keep)

    def client_gone(self, kind: ErrorKind = ErrorKind.CLIENT_DISCONNECTED) -> None:
        """The client's connection is gone: so is the upstream's, at once."""
        self.record.error = kind.value
        self._release(reusable=False)
        self._end()

    def _abort(self, kind: ErrorKind) -> None:
        self.client_gone(kind)
        self.client.abort()

    def _finish(self, response_bytes: int) -> None:
        """Request and response are through, or at least the response is."""
        whole = self.request.done
        connection, self.connection = self.connection, None
        if connection is not None:
            self._upstream.release(connection, reusable=self._reusable and whole)
        self.ended = True
        record = self.record
        record.request_bytes = self.request.content_bytes
        record.response_bytes = response_bytes
        self.client.response_sent(record, keep=self._keep_client, is_last=whole and not self.head.keeps_alive)

    def _release(self, *, reusable: bool) -> None:
        if self.connecting is not None:
            self.connecting.cancel()
            self.connecting = None
        connection, self.connection = self.connection, None
        if connection is not None:
            self._upstream.release(connection, reusable=reusable)

    def _end(self) -> None:
        self.ended = True
        if self.tunnel is None:
            self.record.request_bytes = self.request.content_bytes
            if self.response is not None:
                self.record.response_bytes = self.response.content_bytes
        self.client.exchange_ended(self.record)

    def timed_out(self) -> None:
        """The deadline has passed: whoever was waited for is at fault."""
        if self.tunnel is not None:
            self._release(reusable=False)
            self._end()
            self.client.close()
        elif self._is_being_taken():
            self._await_progress()
        elif self.response is not None:
            stalled = self.client.write_paused
            self._abort(ErrorKind.CLIENT_TIMEOUT if stalled else ErrorKind.HTTP_RESPONSE_TIMEOUT)
        elif not self.request.done and self.takes_request and not self._awaits_continue:
            self.fail(ErrorKind.CLIENT_TIMEOUT)
        else:
            self.fail(ErrorKind.HTTP_RESPONSE_TIMEOUT)

    def _is_being_taken(self) -> bool:
        """Whether the side that is to take what we have written does so, if slowly, since the last deadline."""
        side: ClientConnection | UpstreamConnection | None = self.client
        passing = self.response
        if passing is None:
            side, passing = self.connection, self.request
        elif not self.client.write_paused:
            return False
        if side is None:
            return False
        untaken = untaken_bytes(side.transport)
        before, self._taken = self._taken, (side.transport, passing.content_bytes - untaken)
        if before is None or before[0] is not side.transport:
            return untaken > 0
        return self._taken[1] > before[1]  # the last bytes too: what comes after them has its whole time
