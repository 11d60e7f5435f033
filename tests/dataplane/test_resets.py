"""A peer that resets its connection at the very moment we end our half of it: nothing goes wrong for anybody else.

On plain asyncio ending a half raises then.  The moment cannot be met from outside, so that it is made here.
"""

import asyncio
import errno
from asyncio import selector_events

import pytest
from support.planes import Proxy
from support.wire import Backend, until

POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf"


@pytest.fixture(autouse=True)
def reset_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each end of a half find the connection reset, where the loop is asyncio's own."""

    def write_eof(transport: asyncio.Transport) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr(selector_events._SelectorSocketTransport, "write_eof", write_eof)


async def test_client_that_resets_as_it_is_answered_costs_nobody_anything(proxy: Proxy, backend: Backend) -> None:
    """The fixture sees to it that no exception got away from us."""
    client = await proxy.ask(POST)
    origin = await backend.accept()
    await origin.read_head()
    origin.reset()

    assert (await client.read_response(b"POST")).status == 502
    client.reset()
    await until(lambda: proxy.plane.connections == 0)
