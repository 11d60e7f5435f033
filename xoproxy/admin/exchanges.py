"""What went through: the last decisions with their reasons, and the last hour in samples."""

import re
from collections.abc import Mapping
from typing import Final, cast

from aiohttp import web

from xoproxy.admin import queries
from xoproxy.admin.answers import UnusableError, answer
from xoproxy.admin.service import Service
from xoproxy.config.problems import quoted
from xoproxy.config.spelling import similar
from xoproxy.insight.effective import Json
from xoproxy.policy.cors import CorsOutcome
from xoproxy.telemetry.history import INTERVAL_S, Sample
from xoproxy.telemetry.recent import ANY_ERROR, KEPT, Wanted

DEFAULT_LIMIT: Final = 100
_FILTERS: Final = ("route", "outcome", "origin", "limit")
_OUTCOMES: Final = (*(outcome.value for outcome in CorsOutcome), ANY_ERROR)
_KIND: Final = re.compile(r"[a-z]+(?:_[a-z]+)*")  # of an error: the data plane has the list, and this floor does not see it


class ExchangeHandlers:
    """The requests about exchanges."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add them."""
        router.add_get("/-/decisions", self.decisions)
        router.add_get("/-/history", self.history)

    async def decisions(self, request: web.Request) -> web.Response:
        """The last decisions that a query wants, newest first."""
        query = request.query
        queries.known(query, _FILTERS)
        wanted = Wanted(
            route=queries.text(query, "route"),
            outcome=_outcome(query),
            origin=queries.text(query, "origin"),
            limit=queries.number(query, "limit", DEFAULT_LIMIT, KEPT),
        )
        found = await self._service.decisions(wanted)
        return answer({"decisions": cast("list[Json]", found)})

    async def history(self, request: web.Request) -> web.Response:  # noqa: ARG002  the signature is aiohttp's
        """The last hour, oldest first."""
        samples: list[Json] = [sample_as_json(sample) for sample in self._service.history.samples]
        return answer({"interval_s": INTERVAL_S, "samples": samples})


def _outcome(query: Mapping[str, str]) -> str:
    """Return the outcome that is wanted, empty for any.  Raises: `UnusableError`."""
    value = queries.text(query, "outcome")
    if value and value not in _OUTCOMES:
        close = similar(value, _OUTCOMES)
        if close or _KIND.fullmatch(value) is None:
            instead = (
                f"did you mean {close}?" if close else f"write one of {', '.join(_OUTCOMES)}, or an error as the log has it"
            )
            raise UnusableError(f"{quoted(value)} is no outcome; {instead}")
    return value


def sample_as_json(sample: Sample) -> dict[str, Json]:
    """Return a sample: what happened per second, latencies in milliseconds, null where nothing happened."""
    return {
        "time": round(sample.time, 3),
        "requests": sample.requests / INTERVAL_S,
        "refused": sample.refused / INTERVAL_S,
        "errors": sample.errors / INTERVAL_S,
        "p50_ms": _ms(sample.p50_s),
        "p95_ms": _ms(sample.p95_s),
        "p99_ms": _ms(sample.p99_s),
        "connections": sample.connections,
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
