"""The admin endpoint as an application: who gets in, and which module answers what.  (design section 6)"""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from xoproxy.admin.answers import UnusableError, answer
from xoproxy.admin.events import EventHandlers
from xoproxy.admin.exchanges import ExchangeHandlers
from xoproxy.admin.guard import Guard, challenges
from xoproxy.admin.metrics import MetricsHandlers
from xoproxy.admin.pages import Pages
from xoproxy.admin.policy import PolicyHandlers
from xoproxy.admin.reports import ReportHandlers
from xoproxy.admin.service import Service
from xoproxy.admin.state import StateHandlers

MAX_CONTENT_BYTES: Final = 64 * 1024


def make_app(service: Service, guard: Guard) -> web.Application:
    """Return the application that serves `service` behind `guard`."""
    app = web.Application(middlewares=[_guarded(guard)], client_max_size=MAX_CONTENT_BYTES)
    events = EventHandlers(service)
    about = StateHandlers, ExchangeHandlers, PolicyHandlers, ReportHandlers, MetricsHandlers
    for handlers in (*(each(service) for each in about), events, Pages()):
        handlers.add_to(app.router)
    app.on_shutdown.append(events.end)
    return app


def _guarded(guard: Guard) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = guard.refusal(request.path, request.headers)
        if refusal is not None:
            response = answer({"error": refusal.detail}, refusal.status)
            if refusal.status == 401:
                for challenge in challenges(request.headers.get("Accept", "")):
                    response.headers.add("WWW-Authenticate", challenge)
            return response
        try:
            return await handler(request)
        except UnusableError as exc:
            return answer({"error": str(exc)}, 400)
        except web.HTTPException as exc:
            response = answer({"error": exc.reason}, exc.status)
            if "Allow" in exc.headers:
                response.headers["Allow"] = exc.headers["Allow"]
            return response

    return middleware
