"""Ask every address of an upstream, at an interval, whether it is well.

A check is one GET on a connection of its own; 2xx and 3xx are healthy, anything else, or nothing in time, is not.  Its answer
is read by the same grammar as any other: an address that passes its checks but speaks no valid HTTP would help nobody.
"""

import asyncio
from typing import TYPE_CHECKING, Final, cast

from xoproxy.config.settings import HealthCheck, LogLevel
from xoproxy.dataplane.errors import detail_of, kind_of
from xoproxy.dataplane.upstreams.addresses import AddressPool
from xoproxy.dataplane.upstreams.connecting import Dialer
from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.grammar import HEAD_END
from xoproxy.semantics.heads import read_response_head
from xoproxy.telemetry.events import Event, Value
from xoproxy.telemetry.tasks import spawn

if TYPE_CHECKING:
    from xoproxy.dataplane.upstreams.upstream import Upstream

MAX_ANSWER_BYTES: Final = 64 * 1024  # heads, interim ones included; of the content nothing is read


class HealthProbe(asyncio.Protocol):
    """The connection of one check.  `problem` becomes what is wrong with the answer, empty if nothing is."""

    def __init__(self, request: bytes) -> None:
        self.problem: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._request = request
        self._answer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Read heads, up to the final one."""
        self._answer += data
        while (end := self._answer.find(HEAD_END)) >= 0:
            head = read_response_head(self._answer[: end + 4], b"GET")
            self._answer = self._answer[end + 4 :]
            if isinstance(head, HeadFault):
                self._end(f"its answer is not valid HTTP/1.1: {head.reason}")
                return
            if not head.is_interim:
                self._end("" if 200 <= head.status < 400 else f"it answers {head.status}")
                return
        if len(self._answer) > MAX_ANSWER_BYTES:
            self._end("its answer's head does not end")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """The connection is gone."""
        self._end("it closed the connection before it answered")

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _end(self, problem: str) -> None:
        if not self.problem.done():
            self.problem.set_result(problem)


class HealthChecks:
    """The checks of one upstream, until they are stopped."""

    def __init__(self, upstream: "Upstream", check: HealthCheck, dialer: Dialer) -> None:
        self._upstream = upstream
        self._check = check
        self._dialer = dialer
        self._request = b"GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: xoproxy/health-check\r\nConnection: close\r\n\r\n" % (
            check.path.encode("ascii"),
            upstream.default_host,
        )
        self._task = spawn(self._run(), name="health checks")

    def stop(self) -> None:
        """Check no more."""
        self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self._round()
            await asyncio.sleep(max(0.0, began + self._check.interval_s - loop.time()))

    async def _round(self) -> None:
        """Check every address there is, all at once."""
        checks = [spawn(self._look_at(pool), name="health check") for pool in await self._upstream.resolved()]
        try:
            if checks:
                await asyncio.wait(checks)
        finally:
            for check in checks:
                check.cancel()

    async def _look_at(self, pool: AddressPool) -> None:
        probe: HealthProbe | None = None
        try:
            async with asyncio.timeout(self._check.timeout_s):
                probe = await self._dialer.open(pool, lambda: HealthProbe(self._request))
                problem = await probe.problem
        except TimeoutError:
            problem = "it did not answer in time"
        except (OSError, UnicodeError) as error:
            problem = detail_of(kind_of(error))
        finally:
            if probe is not None:
                probe.close()
        now = asyncio.get_running_loop().time()
        if pool.standing.checked(self._check, now, passed=not problem):
            self._tell(pool, problem)

    def _tell(self, pool: AddressPool, problem: str) -> None:
        name = self._upstream.settings.name
        values: dict[str, Value] = {"upstream": name, "address": str(pool), "healthy": not problem}
        if problem:
            message = f"{pool}, of the upstream {name}, is not healthy: {problem}"
            self._upstream.report(Event(LogLevel.WARNING, "xoproxy.upstream", "health", message, values))
        else:
            message = f"{pool}, of the upstream {name}, is healthy again"
            self._upstream.report(Event(LogLevel.INFO, "xoproxy.upstream", "health", message, values))
