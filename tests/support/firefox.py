"""Firefox as Debian has it, driven over WebDriver BiDi: JSON over a WebSocket.  (w3c.github.io/webdriver-bidi)"""

import asyncio
import itertools
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection, connect

NAMES: Final = ("firefox-esr", "firefox")

# Talks to nobody but the tests' own servers; names under .test are this machine, and no secure contexts.
PREFERENCES: Final = {
    "app.update.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.disable_open_during_load": False,
    "extensions.getAddons.cache.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.localDomains": "app.test",
    "network.websocket.delay-failed-reconnects": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}
_LISTENING: Final = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


def require_firefox() -> str:
    """Return the path of Firefox; without one skip, saying so."""
    path = next((path for name in NAMES if (path := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no Firefox found (looked for {', '.join(NAMES)})")
    return path


class CommandError(Exception):
    """What Firefox answers to a command that it cannot do."""


@dataclass
class Firefox:
    """A running Firefox.  Windows are known by their BiDi context."""

    connection: ClientConnection
    windows: asyncio.Queue[str] = field(default_factory=asyncio.Queue)  # that pages have opened
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _loads: dict[tuple[str, str], asyncio.Event] = field(default_factory=dict)

    async def read(self) -> None:
        """Take what comes: answers to commands, and events."""
        async for text in self.connection:
            message = json.loads(text)
            if message["type"] == "event":
                self._take_event(message["method"], message["params"])
            elif message["type"] == "success":
                self._answers.pop(message["id"]).set_result(message["result"])
            else:
                self._answers.pop(message["id"]).set_exception(CommandError(message["message"]))

    async def command(self, method: str, **params: object) -> Any:
        """Send a command, and return its result.  Raises: `CommandError`."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self.connection.send(json.dumps({"id": number, "method": method, "params": params}))
        return await answer

    def loading(self, window: str, url: str) -> asyncio.Event:
        """Return what is set when a page has loaded in a window."""
        return self._loads.setdefault((window, url), asyncio.Event())

    def _take_event(self, method: str, params: dict[str, Any]) -> None:
        if method == "browsingContext.contextCreated" and params.get("parent") is None:
            self.windows.put_nowait(params["context"])
        elif method == "browsingContext.load":
            self.loading(params["context"], params["url"]).set()


@dataclass
class Tab:
    """A window of Firefox, with what a test needs of Playwright's pages."""

    firefox: Firefox
    window: str

    async def goto(self, url: str) -> None:
        """Open a page; its load waits for its frames.

        Firefox 153 takes a change of process, which policies bring about, for a failure now and then; the next attempt is none.
        """
        loaded = self.firefox.loading(self.window, url)
        for attempts_left in (2, 1, 0):
            try:
                await self.firefox.command("browsingContext.navigate", context=self.window, url=url, wait="none")
                break
            except CommandError:
                if not attempts_left:
                    raise
        await loaded.wait()

    async def evaluate(self, function: str, argument: object, window: str | None = None) -> Any:
        """Call `function` with `argument`, as a user's click would, and return what it resolves to."""
        result = await self.firefox.command(
            "script.evaluate",
            expression=f"({function})({json.dumps(argument)})",
            target={"context": window or self.window},
            awaitPromise=True,
            userActivation=True,
        )
        return result["result"].get("value")

    async def innermost(self) -> str:
        """Return the innermost frame, or the window itself."""
        tree = await self.firefox.command("browsingContext.getTree", root=self.window)
        context = tree["contexts"][0]
        while context["children"]:
            context = context["children"][0]
        found: str = context["context"]
        return found


@asynccontextmanager
async def running_firefox(
    path: str, profile: Path, preferences: Mapping[str, str | bool] = PREFERENCES, *, any_certificate: bool = False
) -> AsyncIterator[Firefox]:
    """Run Firefox with a fresh profile."""
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items())
    (profile / "user.js").write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port=0",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        found = None
        while found is None:
            line = await process.stderr.readline()
            assert line, "Firefox ended before it listened"
            found = _LISTENING.search(line.decode())
        async with connect(f"{found[1]}/session", max_size=None) as connection:
            firefox = Firefox(connection)
            reading = asyncio.ensure_future(firefox.read())
            capabilities = {"alwaysMatch": {"acceptInsecureCerts": any_certificate}}
            await firefox.command("session.new", capabilities=capabilities)
            await firefox.command("session.subscribe", events=["browsingContext.contextCreated", "browsingContext.load"])
            yield firefox
            reading.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def new_tab(firefox: Firefox) -> Tab:
    """Open an empty tab."""
    created = await firefox.command("browsingContext.create", type="tab")
    return Tab(firefox, created["context"])
