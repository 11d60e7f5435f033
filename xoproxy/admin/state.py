"""How the process does: health, readiness, the configuration in force, reloads."""

import asyncio

from aiohttp import web

from xoproxy.admin.answers import answer, answer_in_pieces
from xoproxy.admin.service import Service
from xoproxy.config.problems import Problem
from xoproxy.insight.effective import Json, as_json, besides_routes, routes_as_json
from xoproxy.telemetry.clock import timestamp
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.reloads import Outcome, Report
from xoproxy.telemetry.workers import WorkerView


class StateHandlers:
    """The requests about the process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns = asyncio.Semaphore(1)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add them."""
        router.add_get("/-/healthy", self.healthy)
        router.add_get("/-/ready", self.ready)
        router.add_get("/-/config", self.config)
        router.add_get("/-/reloads", self.reloads)
        router.add_post("/-/reload", self.reload)

    async def healthy(self, request: web.Request) -> web.Response:  # noqa: ARG002  the signature is aiohttp's
        """The process lives."""
        return answer({"healthy": True})

    async def ready(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """New connections are welcome, everywhere: 200, or 503."""
        service = self._service
        is_ready = service.is_ready
        document: dict[str, Json] = {
            "ready": is_ready,
            "generation": service.generation.number,
            "workers": [
                {"slot": worker.slot, "generation": worker.generation, "state": worker.state.value}
                for worker in service.workers
            ],
            **process_as_json(service),
        }
        return answer(document, 200 if is_ready else 503)

    async def config(self, request: web.Request) -> web.StreamResponse:
        """The configuration in force, and what became of later ones."""
        service = self._service
        generation = service.generation
        document: dict[str, Json] = {
            **besides_routes(generation),
            **process_as_json(service),
            "exchanges": as_counts(service.counters),
            "workers": [worker_as_json(worker) for worker in service.workers],
        }
        return await answer_in_pieces(request, self._turns, document, "routes", routes_as_json(generation))

    async def reloads(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """The last reloads, newest last."""
        return answer({"reloads": [report_as_json(report) for report in self._service.reloads]})

    async def reload(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Reload now: 200, or 422 with the problems."""
        report = await self._service.reload()
        return answer(report_as_json(report), 422 if report.outcome is Outcome.REJECTED else 200)


def process_as_json(service: Service) -> dict[str, Json]:
    """Return what keeps a process from being ready, or should make its operator look."""
    last = service.last_reload
    return {
        "draining": service.is_draining,
        "orphaned": service.is_orphaned,
        "last_reload": None if last is None else report_as_json(last),
    }


def report_as_json(report: Report) -> dict[str, Json]:
    """Return a reload's report."""
    return {
        "outcome": report.outcome.value,
        "trigger": report.trigger.value,
        "time": timestamp(report.unix_time),
        "generation": report.generation,
        "problems": [problem_as_json(problem) for problem in report.problems],
        "notes": list(report.notes),
        "changes": list(report.changes),
    }


def problem_as_json(problem: Problem) -> Json:
    """Return one problem with the keys that `check --format json` uses."""
    return as_json(problem)


def as_counts(counters: Counters) -> Json:
    """Return the counts of exchanges."""
    return {kind: dict(counts) for kind, counts in counters.as_dict().items()}


def worker_as_json(worker: WorkerView) -> dict[str, Json]:
    """Return one process that serves."""
    return {
        "slot": worker.slot,
        "pid": worker.pid,
        "generation": worker.generation,
        "connections": worker.connections,
        "state": worker.state.value,
        "started": timestamp(worker.started),
        "waiting": dict(worker.waiting),
        "cpu_s": round(worker.cpu_s, 3),
        "resident_bytes": worker.resident_bytes,
        "addresses": [as_json(address) for address in worker.addresses],
    }
