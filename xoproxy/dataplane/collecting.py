"""Take deliveries of reports: the content of a POST to a path of ours, gathered whole, read and handed on.

Words: a *delivery* brings reports.  The *desk* is where all deliveries of a data plane are taken; it bounds what one client may
deliver, and what all that are under way may hold in memory.

Rule 1: nothing of a delivery goes to an upstream.
Rule 2: every delivery is counted once, by what became of it.
"""

import math
import re
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Final

from xoproxy.dataplane.admission import network_of
from xoproxy.dataplane.bodies import body_of
from xoproxy.dataplane.errors import ErrorKind, OwnAnswer, status_of
from xoproxy.policy.plan import ResponsePlan
from xoproxy.reports.model import Report
from xoproxy.reports.reading import CSP_REPORT, REPORTS, Unreadable, read_delivery
from xoproxy.semantics.heads import LENGTH, NONE, RequestHead
from xoproxy.telemetry.records import ExchangeRecord

if TYPE_CHECKING:
    from xoproxy.config.settings import Settings
    from xoproxy.dataplane.client import ClientConnection

MAX_CLIENTS: Final = 10_000  # whose deliveries are counted; who came longest ago is forgotten first, some 200 bytes each
MAX_GATHERED_BYTES: Final = 32 * 1024 * 1024  # of all deliveries that are under way
BUSY_S: Final = 5  # when to come again if that is used up

_CONTENT_TYPE: Final = re.compile(rb"(?i)\ncontent-type:[ \t]*+([^\r]*)")
_USER_AGENT: Final = re.compile(rb"(?i)\nuser-agent:[ \t]*+([^\r]*)")


class Outcome(Enum):
    """What became of a delivery."""

    TAKEN = "taken"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    WRONG_TYPE = "wrong_type"
    LIMITED = "limited"
    INCOMPLETE = "incomplete"  # the client was gone, or too slow


Collected = Callable[[Outcome, tuple[Report, ...]], None]


def forget(outcome: Outcome, reports: tuple[Report, ...]) -> None:
    """Do nothing with a delivery."""


class Rates:
    """How many deliveries each client may still make: a bucket that holds as many as a minute's, and fills as fast."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # by client, and when that was; last seen last

    def take(self, client: str, per_minute: int, now: float) -> float:
        """Count a delivery; returns 0, or in how many seconds the client may come again: then it is not counted."""
        left, before = self._left.pop(client, (per_minute, now))
        left = min(per_minute, left + (now - before) * per_minute / 60.0)
        wait_s = 0.0 if left >= 1.0 else (1.0 - left) * 60.0 / per_minute
        self._left[client] = (left if wait_s else left - 1.0, now)
        if len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        return wait_s


class Desk:
    """What all deliveries of a data plane share."""

    def __init__(self, collected: Collected, clock: Callable[[], float]) -> None:
        """`collected` is told of every delivery at its end, and must not block; `clock` is a monotonic one."""
        self.collected = collected
        self.gathered_bytes = 0  # of deliveries under way
        self._clock = clock
        self._rates = Rates()

    def wait_s(self, client: str, per_minute: int) -> int:
        """Count a delivery of a client; returns 0, or in how many whole seconds it may come again."""
        if self.gathered_bytes > MAX_GATHERED_BYTES:
            return BUSY_S
        return math.ceil(self._rates.take(network_of(client), per_minute, self._clock()))


class Collection:
    """A delivery under way.  The client connection makes it, feeds it the request's content, and is told when it ended."""

    __slots__ = ("_client", "_content", "_desk", "_head", "_plan", "_record", "_settings", "ended", "request")

    # What client connections ask of exchanges.
    connection: Final = None
    tunnel: Final = None
    takes_request: Final = True

    def __init__(  # noqa: PLR0913, PLR0917  as of an exchange, and the desk
        self,
        client: "ClientConnection",
        desk: Desk,
        head: RequestHead,
        settings: "Settings",
        plan: ResponsePlan,
        record: ExchangeRecord,
    ) -> None:
        self._client = client
        self._desk = desk
        self._head = head
        self._settings = settings
        self._plan = plan
        self._record = record
        self._content = bytearray()
        self.request = body_of(head)
        self.ended = False

    def start(self) -> None:
        """Refuse it by what is known already, or wait for its content."""
        settings = self._settings.collecting
        wait_s = self._desk.wait_s(self._record.client, settings.deliveries_per_minute)
        if wait_s:
            self._refuse(Outcome.LIMITED, ErrorKind.TOO_MANY_DELIVERIES, retry_after_s=wait_s)
        elif self._field(_CONTENT_TYPE).partition(b";")[0].strip().lower() not in (REPORTS, CSP_REPORT):
            self._refuse(Outcome.WRONG_TYPE, ErrorKind.NOT_REPORTS)
        elif self._head.framing is LENGTH and self._head.content_length > settings.max_body_bytes:
            self._refuse_as_too_large()
        elif self.request.done:
            self.deliver()
        else:
            # For all of it: what is held meanwhile costs memory, and no browser needs as long for a delivery.
            self._client.due_in(self._settings.timeouts.body_s)
            if self._head.minor == 1 and self._head.values(b"expect"):
                self._client.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # RFC 9110 §10.1.1

    def request_data(self, data: bytes) -> bytes:
        """Take bytes of the request's content; return what comes after it."""
        content: list[bytes] = []
        taken = self.request.feed(data, content)
        if self.request.fault is not None:
            self._refuse(Outcome.UNREADABLE, ErrorKind.HTTP_REQUEST_ERROR, self.request.fault)
            return b""
        before = len(self._content)
        for piece in content:
            self._content += piece
        self._desk.gathered_bytes += len(self._content) - before
        if len(self._content) > self._settings.collecting.max_body_bytes:
            self._refuse_as_too_large()
            return b""
        return data[taken:]

    def deliver(self) -> None:
        """Read what has arrived whole, hand it on, and answer."""
        keep_queries = self._settings.collecting.keep_queries
        found = read_delivery(
            self._field(_CONTENT_TYPE), bytes(self._content), self._field(_USER_AGENT), keep_queries=keep_queries
        )
        if isinstance(found, Unreadable):
            self._refuse(Outcome.UNREADABLE, ErrorKind.UNREADABLE_REPORTS, found.detail, keep=True)
            return
        self._record.status = 204
        self._end(Outcome.TAKEN, found)
        self._client.answer(OwnAnswer(204, self._plan), self._head, keep=self._head.keeps_alive)

    def timed_out(self) -> None:
        """The delivery did not arrive in time."""
        self._refuse(Outcome.INCOMPLETE, ErrorKind.CLIENT_TIMEOUT)

    def client_gone(self, kind: ErrorKind = ErrorKind.CLIENT_DISCONNECTED) -> None:
        """The client's connection is gone."""
        self._record.error = kind.value
        self._end(Outcome.INCOMPLETE)

    def _refuse_as_too_large(self) -> None:
        detail = "the delivery is larger than reporting.max_body"
        self._refuse(Outcome.TOO_LARGE, ErrorKind.REQUEST_TOO_LARGE, detail)

    def _refuse(
        self, outcome: Outcome, kind: ErrorKind, detail: str = "", *, retry_after_s: int = 0, keep: bool | None = None
    ) -> None:
        """Answer why it is not taken.  `keep`: the connection may stay; if not said, where there is no content to be read."""
        status = status_of(kind)
        record = self._record
        record.status, record.error, record.reason = status, kind.value, record.reason or detail
        keep = self._head.framing is NONE if keep is None else keep
        self._end(outcome)
        answer = OwnAnswer(status, self._plan, kind, detail, record.request_id, retry_after_s=retry_after_s)
        self._client.answer(answer, self._head, keep=keep and self._head.keeps_alive)

    def _end(self, outcome: Outcome, reports: tuple[Report, ...] = ()) -> None:
        self.ended = True
        self._record.request_bytes = self.request.content_bytes
        self._desk.gathered_bytes -= len(self._content)
        self._desk.collected(outcome, reports)
        self._client.exchange_ended(self._record)

    def _field(self, pattern: re.Pattern[bytes]) -> bytes:
        found = pattern.search(self._head.block)
        return found[1] if found is not None else b""
