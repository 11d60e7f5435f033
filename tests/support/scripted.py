"""A server under every name, by http and https, that gives each path its answer byte for byte, and keeps what was asked."""

import asyncio
import base64
import hashlib
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from xoproxy.browser.model import Fields, WireResponse

NAMES: Final = ("*.site.example", "site.example", "other.example", "one.co.uk", "two.co.uk", "app.localhost", "127.0.0.1")


NOT_FOUND: Final = WireResponse(404, ((b"Content-Length", b"0"),))


@dataclass(frozen=True)
class Asked:
    """One request that reached the server."""

    method: str
    url: str
    fields: Fields

    def get(self, name: str) -> str | None:
        """Return the value of a field, several lines joined."""
        values = [value.decode("latin-1") for each, value in self.fields if each.decode("latin-1").lower() == name.lower()]
        return ", ".join(values) if values else None

    @property
    def is_preflight(self) -> bool:
        """Whether this is a CORS-preflight request."""
        return self.method == "OPTIONS" and self.get("Access-Control-Request-Method") is not None


@dataclass(frozen=True)
class Answer:
    """What a path answers to a preflight, and to everything else."""

    actual: WireResponse
    preflight: WireResponse = NOT_FOUND
    body: bytes = b""


@dataclass
class Scripted:
    """The running server: its ports, answers by path, and what was asked by path."""

    plain: tuple[int, ...]
    secure: tuple[int, ...]
    chromium_arguments: tuple[str, ...]
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: defaultdict[str, list[Asked]] = field(default_factory=lambda: defaultdict(list))


async def _serve(server: Scripted, scheme: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            request_line, *lines = head[:-4].split(b"\r\n")
            method, target, _ = request_line.decode("latin-1").split(" ")
            fields = tuple((name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines))
            length = next((int(value) for name, value in fields if name.lower() == b"content-length"), 0)
            await reader.readexactly(length)
            host = next(value for name, value in fields if name.lower() == b"host").decode("latin-1")
            asked = Asked(method, f"{scheme}://{host}{target}", fields)
            path = target.partition("?")[0]
            server.asked[path].append(asked)
            writer.write(_answer(server.answers, path, asked))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        pass  # the browser has had enough
    finally:
        writer.close()


def _answer(answers: Mapping[str, Answer], path: str, asked: Asked) -> bytes:
    answer = answers.get(path, Answer(NOT_FOUND))
    response = answer.preflight if asked.is_preflight else answer.actual
    head = b"HTTP/1.1 %d Made\r\n" % response.status + b"".join(b"%b: %b\r\n" % line for line in response.fields)
    has_body = asked.method != "HEAD" and not asked.is_preflight and response.status not in (204, 304)
    return head + b"\r\n" + (answer.body if has_body else b"")


def _certificate() -> tuple[ssl.SSLContext, str]:
    """Return the server's side of TLS, and the digest by which Chromium may be told to believe it."""
    certificate = trustme.CA().issue_cert(*NAMES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    public = load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes()).public_key()
    digest = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return context, base64.b64encode(digest).decode("ascii")


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    """Serve on two ports by http and two by https for the time of the block."""
    context, digest = _certificate()
    arguments = (f"--ignore-certificate-errors-spki-list={digest}", "--host-resolver-rules=MAP * 127.0.0.1")
    made = Scripted((), (), arguments)
    servers = []
    for scheme, tls in (("http", None), ("http", None), ("https", context), ("https", context)):

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, scheme: str = scheme) -> None:
            await _serve(made, scheme, reader, writer)

        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, backlog=1024))
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    made.plain, made.secure = tuple(ports[:2]), tuple(ports[2:])
    yield made
    for server in servers:
        server.close()
