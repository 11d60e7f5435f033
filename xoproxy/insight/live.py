"""Ask real servers what browsers would ask them: the probes of `explain --live`.

Rule 1: one request for each that a browser would send, redirects not followed here, no body, no cookie that was not given.
Rule 2: nothing that changes something is sent unless that was asked for: GET stands in for methods that are not safe.
Rule 3: whatever goes wrong on the way is told in words.  A connection that is closed without an answer is tried once more, by
aiohttp; nothing else is.
"""

import asyncio
import os
import ssl
from dataclasses import field
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from yarl import URL

from xoproxy.browser.model import Fields, WireRequest, WireResponse
from xoproxy.config.settings import Endpoint, UpstreamSettings, UpstreamTls
from xoproxy.insight.explaining.answering import UnansweredError
from xoproxy.insight.proxied import authority_and_target
from xoproxy.policy.routes import Route
from xoproxy.slotted import dataclass

DEFAULT_TIMEOUT_S: Final = 10.0
MAX_HEAD_LINE_BYTES: Final = 64 * 1024
# What aiohttp would add by itself; browsers say Accept, so that is all we add.
_SILENT: Final = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})
_SAFE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})  # RFC 9110 §9.2.1; TRACE is never sent


@dataclass(slots=True)
class LiveBackend:
    """Backends and other servers that really answer.  To be used with ``with``.

    `cookie` goes with requests that a browser would send with credentials, to the host of `cookie_url` and to no other.
    """

    upstreams: dict[str, UpstreamSettings]
    timeout_s: float = DEFAULT_TIMEOUT_S
    sends_unsafe: bool = False
    cookie: bytes = b""
    cookie_url: str = ""
    notes: list[str] = field(default_factory=list[str])
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._runner.close()

    def __call__(self, request: WireRequest, route: Route | None) -> WireResponse:
        """Return what the route's upstream answers, without a route the server of the URL.  Raises: `UnansweredError`."""
        if route is None:
            return self._runner.run(self._ask(request, None, UpstreamTls()))
        upstream = self.upstreams[route.upstream]
        faults: list[UnansweredError] = []
        for endpoint in upstream.endpoints:
            try:
                return self._runner.run(self._ask(request, endpoint, upstream.tls))
            except UnansweredError as fault:
                faults.append(fault)
        told = "; ".join(str(fault) for fault in faults)
        raise UnansweredError(f"upstream {upstream.name} does not answer: {told}", faults[-1].status)

    def _note(self, *texts: str) -> None:
        self.notes += [text for text in texts if text not in self.notes]

    async def _ask(self, request: WireRequest, endpoint: Endpoint | None, tls: UpstreamTls) -> WireResponse:
        """Send one request.  Raises: `UnansweredError`."""
        scheme, authority, target = authority_and_target(request.url)
        origin = f"{scheme.decode('ascii')}://{authority.decode('ascii')}" if endpoint is None else _base(endpoint)
        headers = [(_text(name), _text(value)) for name, value in self._lines(request, scheme, authority, endpoint)]
        extra: dict[str, Any] = {"server_hostname": tls.server_name} if tls.server_name is not None else {}
        try:
            connector = _connector(endpoint, tls)
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=self.timeout_s),
                    skip_auto_headers=_SILENT,
                    auto_decompress=False,
                    trust_env=False,
                    max_line_size=MAX_HEAD_LINE_BYTES,
                    max_field_size=MAX_HEAD_LINE_BYTES,
                ) as session,
                session.request(
                    self._method(request),
                    URL(origin + target.decode("ascii"), encoded=True),
                    headers=headers,
                    allow_redirects=False,
                    **extra,
                ) as response,
            ):
                return WireResponse(response.status, _stripped(response.raw_headers))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as fault:
            raise UnansweredError(_told(fault, self.timeout_s), 504 if isinstance(fault, TimeoutError) else 502) from fault

    def _method(self, request: WireRequest) -> str:
        if request.method in _SAFE or self.sends_unsafe:
            return request.method.decode("ascii")
        method = request.method.decode("ascii")
        self._note(f"GET was sent in place of {method}, which could change something; --send-unsafe sends {method} itself")
        return "GET"

    def _lines(self, request: WireRequest, scheme: bytes, authority: bytes, endpoint: Endpoint | None) -> Fields:
        """Return the fields to send: those of the browser, and for a backend what the proxy tells it."""
        lines: Fields = ((b"Host", authority), *request.fields)
        if not any(name.lower() == b"accept" for name, _ in request.fields):
            lines = (*lines, (b"Accept", b"*/*"))
        if self.cookie and request.credentialed and authority == authority_and_target(self.cookie_url)[1]:
            lines = (*lines, (b"Cookie", self.cookie))
        if endpoint is None:
            return lines
        return (*lines, (b"X-Forwarded-Proto", scheme), (b"X-Forwarded-Host", authority))


def _base(endpoint: Endpoint) -> str:
    return "http://localhost" if endpoint.unix_path is not None else str(endpoint)


def _connector(endpoint: Endpoint | None, tls: UpstreamTls) -> aiohttp.BaseConnector:
    """Return what opens the connection.  Raises: `OSError` if a certificate file cannot be used."""
    if endpoint is not None and endpoint.unix_path is not None:
        return aiohttp.UnixConnector(endpoint.unix_path, force_close=True)
    return aiohttp.TCPConnector(ssl=_context(tls), force_close=True)


def _context(tls: UpstreamTls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.key_pair is not None:
        context.load_cert_chain(tls.key_pair.certificate, tls.key_pair.key, password="")
    return context


def _told(fault: Exception, timeout_s: float) -> str:
    """Return what went wrong, in words."""
    match fault:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorError():
            return _not_connected(fault)
        case TimeoutError():
            return f"no answer within {timeout_s:g} s"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed without an answer"
        case aiohttp.ClientResponseError():
            return f"the answer is not HTTP: {fault.message.splitlines()[0].rstrip(':') if fault.message else fault.status}"
        case _:
            return str(fault) or type(fault).__name__


def _not_connected(fault: aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorError) -> str:
    where = f"{fault.host}:{fault.port}"
    if isinstance(fault, aiohttp.ClientConnectorCertificateError):
        reason = getattr(fault.certificate_error, "verify_message", None) or str(fault.certificate_error)
        return f"the certificate of {where} is not trusted: {reason}"
    cause = fault.os_error
    if isinstance(fault, aiohttp.ClientConnectorDNSError):
        return f"there is no host {fault.host}"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS with {where}: {cause.reason or cause}"
    reason = os.strerror(cause.errno) if cause.errno else str(cause)
    return f"no connection to {where}: {reason.lower()}"


def _stripped(headers: tuple[tuple[bytes, bytes], ...]) -> Fields:
    return tuple((bytes(name), bytes(value).strip(b" \t")) for name, value in headers)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
