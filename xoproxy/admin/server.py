"""Serve the admin endpoint on sockets that are open already.  The only module that starts aiohttp."""

import socket

from aiohttp import web

from xoproxy.admin.app import make_app
from xoproxy.admin.guard import Guard
from xoproxy.admin.service import Service


class AdminServer:
    """The running endpoint."""

    def __init__(self, service: Service, guard: Guard) -> None:
        # No access log: health checks every few seconds are no news.  Half a second for requests that hang at the end.
        self._runner = web.AppRunner(make_app(service, guard), access_log=None, handle_signals=False, shutdown_timeout=0.5)

    async def start(self, sockets: list[socket.socket]) -> None:
        """Serve on `sockets`."""
        await self._runner.setup()
        for sock in sockets:
            await web.SockSite(self._runner, sock).start()

    async def stop(self) -> None:
        """Stop serving; the sockets are closed."""
        await self._runner.cleanup()
