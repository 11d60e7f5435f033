"""Reports of browsers, from the wire to the store: by one process and by workers, through reloads, to the end."""

import asyncio
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.backends import Backend, Reply
from support.fixtures import PlainFactory
from support.ports import free_port
from support.processes import XoproxyProcess
from support.supervised import PATIENCE_S, until

from xoproxy.config.settings import Collecting, StoreKind, StoreSettings
from xoproxy.reports.collector import Collector
from xoproxy.reports.model import Found, Query

PATH = "/.well-known/xoproxy/reports"


def report(page: str, **body: object) -> dict[str, object]:
    """Return a report as Chromium sends it."""
    said = {"type": "corp", "blockedURL": "https://cdn.example/a.png", "destination": "image", "disposition": "reporting"}
    agent = "Mozilla/5.0 AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36"
    return {"type": "coep", "age": 1, "url": page, "user_agent": agent, "body": {**said, **body}}


class Running(XoproxyProcess):
    """A proxy by a policy file that may change."""

    def __init__(self, directory: Path, config: str) -> None:
        self.config = directory / "x.yaml"
        self.port = free_port()
        self.write(config)
        super().__init__(
            ["run", "-c", str(self.config), "--listen", f"127.0.0.1:{self.port}", "--admin", "off"], directory / "log"
        )
        self.wait_for_output("listening on")

    def write(self, config: str) -> None:
        """Save the policy file, in one step."""
        fresh = self.config.with_suffix(".new")
        fresh.write_text(config, encoding="utf-8")
        fresh.rename(self.config)

    def deliver(self, *reports: Mapping[str, object]) -> int:
        """Deliver reports as a browser does, on a connection of its own; return the status."""
        body = json.dumps(reports).encode()
        head = f"POST {PATH} HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/reports+json\r\n"
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as client:
            client.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            answer = b""
            while more := client.recv(65536):
                answer += more
        return int(answer.split(b" ", 2)[1])

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of the log about an event."""
        lines = [json.loads(line) for line in self.output.rpartition("\n")[0].splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]


@pytest.fixture
def backend(plain: PlainFactory) -> Backend:
    """An application that takes everything, if it is asked."""
    return plain({"/": Reply(b"hello"), PATH: Reply(b"mine")})


def config_of(backend: Backend, store: str, workers: int = 1, endpoint: str = PATH, more: str = "") -> str:
    return (
        f"version: 1\nupstream: {backend.url}\nworkers: {workers}\npolicy: {{coop: same-origin, report_to: a}}\n"
        f"reporting: {{endpoints: {{a: '{endpoint}'}}, store: {store}{more}}}\n"
    )


def kept_in(file: Path) -> Found:
    """Return all that was kept in an SQLite file, asked as the admin endpoint does."""

    async def ask() -> Found:
        collector = Collector(Collecting((b"/",), StoreSettings(StoreKind.SQLITE, str(file))), lambda _: None)
        try:
            return await collector.find(Query())
        finally:
            await collector.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("workers", [1, 2])
def test_every_report_is_kept_counted_in_its_group_and_logged(backend: Backend, tmp_path: Path, workers: int) -> None:
    """Those that came last before the end too.  Nothing of them reaches the application."""
    store = tmp_path / "reports.db"
    running = Running(tmp_path, config_of(backend, str(store), workers))
    try:
        statuses = [
            running.deliver(report(f"https://app.example/{n % 2}?secret={n}"), report("https://app.example/2"))
            for n in range(20)
        ]
    finally:
        running.stop()
    found = kept_in(store)

    assert statuses == [204] * 20
    assert found.reports == 40
    assert {(group.document, group.count) for group in found.groups} == {
        ("https://app.example/0", 10),
        ("https://app.example/1", 10),
        ("https://app.example/2", 20),
    }
    lines = running.events("report")
    assert len(lines) == 40
    assert {
        key: lines[0][key] for key in ("logger", "level", "type", "kind", "disposition", "blocked", "destination", "agent")
    } == {
        "logger": "xoproxy.report",
        "level": "info",
        "type": "coep",
        "kind": "corp",
        "disposition": "report",
        "blocked": "https://cdn.example/a.png",
        "destination": "image",
        "agent": "Chrome 156",
    }
    assert "secret" not in running.output


def test_collecting_begins_and_moves_with_a_reload(backend: Backend, tmp_path: Path) -> None:
    """From an endpoint that is elsewhere, to one of ours, to another store: each report is in the store of its time."""
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    running = Running(tmp_path, config_of(backend, str(first), 2, endpoint="https://reports.example/in"))
    try:
        before = running.deliver(report("https://app.example/0"))
        for generation, store in ((2, first), (3, second)):
            running.write(config_of(backend, str(store), 2))
            until(lambda generation=generation: len(running.events("reload")) >= generation - 1, lambda: running.output)  # type: ignore[misc]
            assert running.deliver(report(f"https://app.example/{generation}")) == 204
            until(lambda store=store: kept_in(store).reports)  # type: ignore[misc]
    finally:
        running.stop()

    assert before != 204
    assert {group.document for group in kept_in(first).groups} >= {"https://app.example/2"}
    assert {group.document for group in kept_in(second).groups} == {"https://app.example/3"}


def test_what_a_stranger_says_stays_in_its_line(backend: Backend, tmp_path: Path) -> None:
    """Quoted, short, and nothing that could pass for another line."""
    running = Running(tmp_path, config_of(backend, "memory", more=", keep_queries: true"))
    hostile = 'https://app.example/\n{"event":"forged"}\x1b[31m\u202e' + "x" * 5000
    try:
        status = running.deliver(report(hostile, blockedURL="é" * 3000, destination='"},{' * 200, type="\u2028" * 300))
        until(lambda: running.events("report"), lambda: running.output)
    finally:
        running.stop()
    (line,) = [line for line in running.output.splitlines() if '"event":"report"' in line]

    assert status == 204
    assert len(line) < 4096
    assert line.isascii()
    assert running.events("forged") == []
