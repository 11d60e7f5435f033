"""The admin endpoint's requests.  (design section 6)"""

from typing import Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from xoproxy.admin.guard import Guard
from xoproxy.config.generation import Generation
from xoproxy.config.problems import Problem
from xoproxy.insight.effective import Json, as_json, effective
from xoproxy.telemetry.clock import timestamp
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.reloads import Outcome, Report
from xoproxy.telemetry.workers import WorkerView


class Service(Protocol):
    """What the endpoint shows and does."""

    @property
    def counters(self) -> Counters:
        """How exchanges ended, in all processes that serve."""
        ...

    @property
    def workers(self) -> tuple[WorkerView, ...]:
        """The processes that serve."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether new connections are welcome."""
        ...

    @property
    def generation(self) -> Generation:
        """The generation in force."""
        ...

    @property
    def is_draining(self) -> bool:
        """Whether the process is ending."""
        ...

    @property
    def is_orphaned(self) -> bool:
        """Whether the watched file can never change again."""
        ...

    @property
    def last_reload(self) -> Report | None:
        """The last reload that did or refused something."""
        ...

    async def reload(self) -> Report:
        """Reload now."""
        ...


_FIELDS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def make_app(service: Service, guard: Guard) -> web.Application:
    """Return the application that serves `service` behind `guard`."""
    handlers = _Handlers(service)
    app = web.Application(middlewares=[_guarded(guard)], client_max_size=64 * 1024)
    app.router.add_get("/-/healthy", handlers.healthy)
    app.router.add_get("/-/ready", handlers.ready)
    app.router.add_get("/-/config", handlers.config)
    app.router.add_post("/-/reload", handlers.reload)
    return app


def _guarded(guard: Guard) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = guard.refusal(request.path, request.headers)
        if refusal is not None:
            response = _answer({"error": refusal.detail}, refusal.status)
            if refusal.status == 401:
                response.headers["WWW-Authenticate"] = 'Bearer realm="xoproxy"'
            return response
        try:
            return await handler(request)
        except web.HTTPException as exc:
            response = _answer({"error": exc.reason}, exc.status)
            if "Allow" in exc.headers:
                response.headers["Allow"] = exc.headers["Allow"]
            return response

    return middleware


def _answer(document: Json, status: int = 200) -> web.Response:
    return web.json_response(document, status=status, headers=_FIELDS)


class _Handlers:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def healthy(self, request: web.Request) -> web.Response:  # noqa: ARG002  the signature is aiohttp's
        """The process lives."""
        return _answer({"healthy": True})

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
            **self._state(),
        }
        return _answer(document, 200 if is_ready else 503)

    async def config(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """The configuration in force, and what became of later ones."""
        service = self._service
        document: dict[str, Json] = {
            **effective(service.generation),
            **self._state(),
            "exchanges": as_counts(service.counters),
            "workers": [
                {**worker_as_json(worker), "addresses": [as_json(address) for address in worker.addresses]}
                for worker in service.workers
            ],
        }
        return _answer(document)

    async def reload(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Reload now: 200, or 422 with the problems."""
        report = await self._service.reload()
        return _answer(report_as_json(report), 422 if report.outcome is Outcome.REJECTED else 200)

    def _state(self) -> dict[str, Json]:
        last = self._service.last_reload
        return {
            "draining": self._service.is_draining,
            "orphaned": self._service.is_orphaned,
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
    }
