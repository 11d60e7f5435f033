"""The admin endpoint before a process that is none, asked over raw sockets."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from support.admin_service import Answer, Ask, FakeService
from support.chromium import require_chromium, running_chromium

from xoproxy.admin.guard import Guard
from xoproxy.admin.server import AdminServer
from xoproxy.config.settings import TcpAddress


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
async def ask(service: FakeService) -> AsyncIterator[Ask]:
    """Return `ask(request line, *field lines, token=)`: sends them as they are and reads the answer."""
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    server = AdminServer(service, Guard(TcpAddress("127.0.0.1", port), None))
    await server.start([sock])

    async def send(line: str, *fields: str, content: str = "") -> Answer:
        fields = (*fields, f"Content-Length: {len(content)}") if content else fields
        host = () if any(field.lower().startswith("host:") for field in fields) else (f"Host: 127.0.0.1:{port}",)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = (f"{line} HTTP/1.1", *host, "Connection: close", *fields, "", content)
        writer.write("\r\n".join(lines).encode("latin-1"))
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        status, *rest = head.split("\r\n")
        received = dict(field.split(": ", 1) for field in rest)
        whole = without_chunks(body) if body and received.get("Transfer-Encoding") == "chunked" else body
        return Answer(int(status.split()[1]), received, read(whole))

    def without_chunks(body: str) -> str:
        content = ""
        while True:
            size, _, body = body.partition("\r\n")
            if size == "0":
                assert body == "\r\n"
                return content
            content += body[: int(size, 16)]
            body = body[int(size, 16) + 2 :]

    def read(body: str) -> Any:
        return json.loads(body) if body.startswith("{") else body or None

    yield send
    await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Run one Chromium for all tests of the dashboard."""
    async with running_chromium(require_chromium()) as browser:
        yield browser
