"""The dashboard in a tab of Chromium, before a process that is none; what it does wrong is written down."""

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, BrowserContext, Page

from support.admin_service import FakeService
from xoproxy.admin.guard import Guard
from xoproxy.admin.server import AdminServer
from xoproxy.config.settings import TcpAddress

PATIENCE_MS = 15_000
VIEWS = ("Overview", "Traffic", "Routes", "Refused", "Reloads", "Upstreams", "Reports", "Explain")


class Board:
    """A tab with the dashboard."""

    def __init__(self, service: FakeService, page: Page) -> None:
        self.service = service
        self.page = page
        self.faults: list[str] = []  # errors of script, what its policy forbids, and what could not be loaded
        self.elsewhere: list[str] = []  # requests to whoever is not the endpoint
        self.port = 0
        self._server: AdminServer | None = None
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self.faults.append(message.text) if message.type in ("error", "warning") else None)
        page.on("request", lambda request: None if request.url.startswith(self.origin) else self.elsewhere.append(request.url))

    @property
    def origin(self) -> str:
        """The endpoint's origin."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, token: str | None = None) -> None:
        """Start the endpoint, on the port that it had before."""
        sock = socket.create_server(("127.0.0.1", self.port))
        self.port = sock.getsockname()[1]
        self._server = AdminServer(self.service, Guard(TcpAddress("127.0.0.1", self.port), token))
        await self._server.start([sock])

    async def vanish(self) -> None:
        """Stop the endpoint."""
        if self._server is not None:
            await self._server.stop()
        self._server = None

    async def open(self, view: str = "Overview", query: str = "") -> None:
        """Show a view, and wait until it is live."""
        await self.page.goto(f"{self.origin}/#/{view.lower()}{query}")
        await self.heading(view)
        await self.page.locator("#link", has_text="Live").wait_for()

    async def heading(self, text: str) -> None:
        """Wait for the view with this heading."""
        await self.page.get_by_role("heading", level=1, name=text, exact=True).wait_for()

    async def says(self, text: str | re.Pattern[str], where: str = "main") -> None:
        """Wait until something is to be seen."""
        await self.page.locator(where).get_by_text(text).locator("visible=true").first.wait_for()


@asynccontextmanager
async def board(chromium: Browser, service: FakeService, **options: object) -> AsyncIterator[Board]:
    """Open a tab for the time of the block.  `options`: of the browser's context.  Ends with an error if a fault is left."""
    context: BrowserContext = await chromium.new_context(**options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    shown = Board(service, await context.new_page())
    await shown.serve()
    try:
        yield shown
        assert not shown.faults
        assert not shown.elsewhere
    finally:
        await context.close()
        await shown.vanish()
