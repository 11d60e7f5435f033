"""Take the pictures of the dashboard that the README shows: ``PYTHONPATH=tests python -m support.screenshots docs/images``.

What they show is real: an xoproxy that serves two backends for some minutes, is asked as browsers ask, is told what browsers
report, and reloads its file, one broken save included.  Only the names are made up; the traffic is the same each time.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import math
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from playwright.async_api import Browser, Page

from support.backends import Reply, plain_backend
from support.chromium import require_chromium, running_chromium
from support.ports import free_port
from support.processes import XoproxyProcess

CONFIG = """\
version: 1
upstreams:
  web: {web}
  api: [{api}, {other_api}]
policies:
  page:
    coop: same-origin-allow-popups
    corp: same-origin
    report_to: isolation
    observe: {{coep: require-corp, coop: same-origin}}
  api:
    corp: same-site
    cors:
      allow_origins: [https://app.example.com{more}]
      allow_methods: [GET, POST, DELETE]
      allow_headers: [Authorization, Content-Type]
      allow_credentials: true
      max_age: 10m
routes:
  - match: {{host: api.example.com, path: /v1/**}}
    upstream: api
    policy: api
  - match: {{host: static.example.com}}
    upstream: web
    policy: {{corp: same-origin}}
  - match: {{host: docs.example.com}}
    upstream: web
    policy: {{coop: same-origin, report_to: isolation, observe: {{coep: credentialless}}}}
  - match: {{host: app.example.com}}
    upstream: web
    policy: page
reporting:
  endpoints: {{isolation: /.well-known/xoproxy/reports}}
  rate: 600  # all visitors have one address here
"""
PARTNER = ', "https://*.partner.example"'
COLLECTOR = "/.well-known/xoproxy/reports"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
PAGE_LOAD = {
    "User-Agent": CHROME,
    "Sec-CH-UA": '"Chromium";v="156", "Not:A-Brand";v="8"',
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Accept": "text/html",
}
WIDTH, HEIGHT = 1200, 800
VISITORS = 4
ROOT = Path(__file__).parents[2]


@dataclass
class Visitor:
    """Somebody's browser, and the page's own reports."""

    port: int
    chance: random.Random

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def visit(self, load: float) -> None:
        """Send what comes in a tenth of a second under some load, from 0 to 1."""
        for _ in range(1 + int(load * 5 * self.chance.random())):
            self._ask("GET", self.chance.choice(["/v1/items", "/v1/items?page=2", "/v1/me"]), "api", "https://app.example.com")
        draw = self.chance.random()
        if draw < 0.25:
            self._ask("GET", self.chance.choice(["/", "/editor", "/login"]), "app", None, PAGE_LOAD)
        elif draw < 0.35:
            self._ask("GET", "/guide", "docs", None, PAGE_LOAD)
        elif draw < 0.6:
            self._ask("GET", "/logo.svg", "static")
        elif draw < 0.63:
            self._ask("GET", "/v1/items", "api", self.chance.choice(["https://staging.example.com", "http://localhost:5173"]))
        elif draw < 0.64:
            asking = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
            self._ask("OPTIONS", "/v1/items/7", "api", "https://app.example.com", asking)

    def report(self) -> None:
        """Send what Chromium sends about one load of each page."""
        app = "https://app.example.com"
        logo = {"type": "corp", "blockedURL": "https://static.example.com/logo.svg", "destination": "image"}
        player = {"type": "corp", "blockedURL": "https://video.example/player.js", "destination": "script"}
        popup = {"type": "navigation-from-response", "nextResponseURL": "https://id.example/authorize"}
        self._deliver([("coep", f"{app}/", logo), ("coep", f"{app}/", player)])
        if self.chance.random() < 0.5:
            self._deliver([("coep", f"{app}/editor", logo), ("coop", f"{app}/login", popup)])

    def _deliver(self, reports: list[tuple[str, str, dict[str, str]]]) -> None:
        content = [
            {"type": type_, "age": 10, "url": url, "user_agent": CHROME, "body": {"disposition": "reporting", **body}}
            for type_, url, body in reports
        ]
        fields = {"Content-Type": "application/reports+json", "User-Agent": CHROME, "Host": "app.example.com"}
        self._send("POST", COLLECTOR, fields, json.dumps(content))

    def _ask(
        self, method: str, target: str, host: str, origin: str | None = None, fields: dict[str, str] | None = None
    ) -> None:
        own = {} if origin is None else {"Origin": origin}
        self._send(method, target, {"Host": f"{host}.example.com", **own, **(fields or {})})

    def _send(self, method: str, target: str, fields: dict[str, str], body: str | None = None) -> None:
        self._connection.request(method, target, body, fields)
        self._connection.getresponse().read()


def browse(visitor: Visitor, ended: Event) -> None:
    """Visit, with more and less to do, until it is enough."""
    began = time.monotonic()
    turns = 0
    while not ended.wait(0.1):
        passed = time.monotonic() - began
        visitor.visit(0.55 + 0.35 * math.sin(passed / 25) + 0.1 * math.sin(passed / 7))
        turns += 1
        if turns % 25 == 0:
            visitor.report()


def ask(port: int, path: str, method: str = "GET") -> Any:
    """Ask the admin endpoint."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path)
    return json.loads(connection.getresponse().read())


def saves(texts: dict[str, str]) -> Iterator[str]:
    """Yield what is saved over the first text: a wider policy, a broken one, and the wider one again."""
    wider = CONFIG.format(more=PARTNER, **texts)
    yield wider
    yield wider.replace("allow_methods", "allowed_methods")
    yield wider


async def shoot(browser: Browser, admin: str, directory: Path) -> None:
    """Take the pictures."""
    for scheme in ("light", "dark"):
        context = await browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
        page = await context.new_page()
        for view, ready in VIEWS.items():
            await page.goto(f"{admin}/#/{view}")
            await page.locator("main").get_by_text(ready).first.wait_for()
            await page.locator("#link", has_text="Live").wait_for()
            await settle(page)
            await page.screenshot(path=directory / f"dashboard-{view}-{scheme}.png")
        await context.close()


VIEWS = {"overview": "a second now", "traffic": "Connections of clients", "reports": "which serves it"}


async def settle(page: Page) -> None:
    """Wait until two turns of events have been drawn."""
    await page.wait_for_timeout(2500)


def take(directory: Path, minutes: float) -> None:
    """Serve for some minutes, then take the pictures."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        html, data = Reply(b"<!doctype html><title>app</title>"), Reply(b'{"items": []}', "application/json")
        web, api, other = (stack.enter_context(plain_backend({}, default=reply)) for reply in (html, data, data))
        texts = {"web": web.url, "api": api.url, "other_api": other.url}
        stack.enter_context(contextlib.chdir(work))  # the page shows the path as it was given
        path = Path("xoproxy.yaml")
        path.write_text(CONFIG.format(more="", **texts))
        port, admin = free_port(), free_port()
        addresses = ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}", "--no-watch"]
        process = XoproxyProcess(["run", "-c", str(path), *addresses], work / "log", {"PYTHONPATH": str(ROOT)})
        stack.callback(process.stop)
        process.wait_for_port(port)
        process.wait_for_port(admin)
        ended = Event()
        threads = [Thread(target=browse, args=(Visitor(port, random.Random(seed)), ended)) for seed in range(VISITORS)]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(ended.set)
        for text in saves(texts):
            time.sleep(minutes * 60 / 4)
            path.write_text(text)
            ask(admin, "/-/reload", "POST")
        time.sleep(minutes * 60 / 4)
        asyncio.run(taken(f"http://127.0.0.1:{admin}", directory))


async def taken(admin: str, directory: Path) -> None:
    """Run the browser for the pictures."""
    async with running_chromium(require_chromium()) as browser:
        await shoot(browser, admin, directory)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to serve before: the plots show so much")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    take(arguments.directory.resolve(), arguments.minutes)
