"""A reverse proxy of aiohttp that carries out the policy of the benchmark.  Argument: the settings' file."""

import asyncio
import json
import logging
import re
import ssl
import sys
from pathlib import Path
from typing import Any, Final

import uvloop
from aiohttp import ClientSession, TCPConnector, WSMsgType, web
from multidict import CIMultiDict
from yarl import URL

_HOP_BY_HOP: Final = ("Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade")
_UNINVENTED: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")  # it adds them otherwise
_ALREADY: Final = re.compile(r"(?:^|[, ])(?:origin|\*)(?:$|[, ])", re.IGNORECASE)


class ReverseProxy:
    """The handler of every request."""

    def __init__(self, settings: dict[str, Any], session: ClientSession) -> None:
        self._settings, self._session = settings, session
        self._backend = f"127.0.0.1:{settings['backend_port']}"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a preflight, forward anything else."""
        origin = request.headers.get("Origin")
        if request.method == "OPTIONS" and origin and request.headers.get("Access-Control-Request-Method"):
            return self._preflight(granted=origin == self._settings["origin"])
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._tunnel(request)
        return await self._forward(request)

    def _preflight(self, *, granted: bool) -> web.Response:
        settings = self._settings
        fields = settings["always"] | (settings["preflight"] if granted else {}) | {"Vary": settings["preflight_vary"]}
        return web.Response(status=204 if granted else 403, headers=fields)

    def _request_fields(self, request: web.BaseRequest) -> "CIMultiDict[str]":
        fields = CIMultiDict(request.headers)
        for name in _HOP_BY_HOP:
            fields.popall(name, None)
        fields["X-Forwarded-For"] = request.remote or ""
        fields["X-Forwarded-Proto"] = request.scheme
        fields["X-Forwarded-Host"] = request.host
        fields["Via"] = "1.1 aiohttp"
        return fields

    async def _forward(self, request: web.BaseRequest) -> web.StreamResponse:
        url = URL(f"http://{self._backend}{request.raw_path}", encoded=True)
        body = request.content if request.body_exists else None
        fields = self._request_fields(request)
        async with self._session.request(request.method, url, headers=fields, data=body, allow_redirects=False) as answer:
            response = web.StreamResponse(
                status=answer.status, reason=answer.reason, headers=self._response_fields(request, answer)
            )
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    def _response_fields(self, request: web.BaseRequest, answer: Any) -> "CIMultiDict[str]":
        settings, fields = self._settings, CIMultiDict(answer.headers)
        for name in (*_HOP_BY_HOP, *settings["owned"]):
            fields.popall(name, None)
        fields.update(settings["always"])
        if request.headers.get("Origin") == settings["origin"]:
            fields.update(settings["granted"])
        if not any(_ALREADY.search(vary) for vary in fields.getall("Vary", ())):
            fields.add("Vary", settings["vary"])
        return fields

    async def _tunnel(self, request: web.BaseRequest) -> web.WebSocketResponse:
        url = URL(f"http://{self._backend}{request.raw_path}", encoded=True)
        own = {name: value for name, value in self._request_fields(request).items() if not name.startswith("Sec-WebSocket-")}
        async with self._session.ws_connect(url, headers=own) as backend:
            client = web.WebSocketResponse(compress=False)
            client.headers.update(self._settings["always"])
            await client.prepare(request)
            pumps = [asyncio.ensure_future(_pump(*ends)) for ends in ((client, backend), (backend, client))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
        await client.close()
        return client


async def _pump(source: Any, sink: Any) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)


async def main(settings: dict[str, Any]) -> None:
    """Serve until the process is ended."""
    log = logging.getLogger("aiohttp.access")
    log.setLevel(logging.INFO)
    log.addHandler(logging.FileHandler(settings["access_log"]))
    connector = TCPConnector(limit=0, keepalive_timeout=75)
    async with ClientSession(connector=connector, auto_decompress=False, skip_auto_headers=_UNINVENTED) as session:
        server = web.Server(ReverseProxy(settings, session).handle, access_log=log, keepalive_timeout=75)
        runner = web.ServerRunner(server)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", settings["port"]).start()
        if settings["tls_port"]:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(settings["certificate"])
            await web.TCPSite(runner, "127.0.0.1", settings["tls_port"], ssl_context=context).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
