"""Exchanges that wait for a connection, because all that their upstream may have are in use.

First come, first served; so many at most, and each for so long at most.  Whoever is refused gets a 503 at once: a queue that
only grows helps nobody.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING

from xoproxy.config.settings import Queueing
from xoproxy.dataplane.deadlines import Deadlines, Timed
from xoproxy.dataplane.errors import ErrorKind

if TYPE_CHECKING:
    from xoproxy.dataplane.exchange import Exchange


class Place(Timed):
    """One exchange's place in the queue."""

    __slots__ = ("_queue", "exchange")

    def __init__(self, queue: "Queue", exchange: "Exchange", deadlines: Deadlines) -> None:
        super().__init__(deadlines)
        self._queue = queue
        self.exchange = exchange

    def cancel(self) -> None:
        """Leave: the client went away."""
        self._queue.leave(self)

    def expired(self) -> None:
        """Waited for long enough."""
        self._queue.leave(self)
        self.exchange.connecting = None
        self.exchange.fail(ErrorKind.CONNECTION_LIMIT_REACHED)


class Queue:
    """The exchanges of one upstream that wait."""

    def __init__(self, settings: Queueing, deadlines: Deadlines) -> None:
        self._settings = settings
        self._deadlines = deadlines
        self.places: OrderedDict[Place, None] = OrderedDict()  # as a set: leaving costs the same from the front and the middle

    def join(self, exchange: "Exchange") -> None:
        """Wait at the end of the queue; if that is full, fail."""
        if len(self.places) >= self._settings.max_waiting:
            exchange.connecting = None
            exchange.fail(ErrorKind.CONNECTION_LIMIT_REACHED, "too many requests wait for a connection to the upstream")
            return
        place = Place(self, exchange, self._deadlines)
        self.places[place] = None
        exchange.connecting = place
        place.due_in(self._settings.wait_timeout_s)

    def pop(self) -> "Exchange":
        """Return the exchange that has waited longest; it waits no more."""
        place = next(iter(self.places))
        self.leave(place)
        place.exchange.connecting = None
        return place.exchange

    def leave(self, place: Place) -> None:
        """Wait no more."""
        del self.places[place]
        self._deadlines.forget(place)
