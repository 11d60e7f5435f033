"""Fetches made by chance: who asks for what and how, and what servers answer, right more often than wrong.

Everything that Fetch looks at is varied, so that each of its steps is the one that decides in some cases.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from support.scripted import Answer, Scripted
from xoproxy.browser.model import CredentialsMode, Document, Fields, Mode, Request, WireRequest, WireResponse
from xoproxy.browser.urls import parse

Choice = TypeVar("Choice")

GIF: Final = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b")

METHODS: Final = (
    *(b"GET",) * 8,
    *(b"POST",) * 5,
    *(b"PUT",) * 4,
    *(b"PATCH", b"DELETE", b"HEAD") * 2,
    *(b"patch", b"put", b"get", b"OPTIONS", b"options", b"NEW", b"new", b"chicken", b"TRACE", b"connect", b"tRack", b"GE T"),
)

FIELDS: Final[tuple[tuple[bytes, tuple[bytes, ...]], ...]] = (
    (b"Accept", (b"*/*", b"text/html, application/json;q=0.5", b'a"b', b"a(b", b"x" * 128, b"x" * 129, b"")),
    (b"Accept-Language", (b"en-US,en;q=0.8", b"*", b"en_US", b"de-DE", b"a/b", b"")),
    (b"Content-Language", (b"de", b"a@b", b"en, de")),
    (
        b"Content-Type",
        (
            b"text/plain",
            b"text/plain;charset=utf-8",
            b"application/json",
            b"application/json",
            b"TEXT/Plain",
            b"multipart/form-data; boundary=x",
            b"application/x-www-form-urlencoded",
            b"text/plain, application/json",
            b'text/plain; a="b"',
            b"text/plain;",
            b"text/plain ; x",
            b"text",
            b"text /plain",
            b"text/ plain",
            b"application/csp-report",
            b"",
        ),
    ),
    (
        b"Range",
        (b"bytes=0-", b"bytes=0-10", b"bytes=-5", b"bytes=5-1", b"bytes=0-1,2-3", b"Bytes=0-", b"bytes = 0-1", b"bytes=0"),
    ),
    (b"Authorization", (b"Basic eDp5", b"x")),
    (b"X-Custom", (b"1", b"\xff", b"")),
    (b"x-other", (b"2",)),
    (b"X-Requested-With", (b"XMLHttpRequest",)),
    (b"If-None-Match", (b'"1"',)),
    (b"cache-control", (b"no-cache",)),
    (b"*", (b"star",)),
    (b"Cookie", (b"stolen=1",)),
    (b"Origin", (b"https://evil.example",)),
    (b"Sec-Odd", (b"1",)),
    (b"Proxy-Odd", (b"1",)),
    (b"Accept-Encoding", (b"identity",)),
    (b"Set-Cookie", (b"a=b",)),
    (b"X-HTTP-Method-Override", (b"PUT", b"TRACE", b"PUT, trace", b"tracer")),
    (b"Date", (b"now",)),
    (b"Via", (b"me",)),
    (b"Bad Name", (b"1",)),
)

OTHER_STATUSES: Final = (201, 204, 205, 206, 304, 400, 401, 403, 404, 407, 416, 418, 500, 503, 599)
RESOURCE_POLICIES: Final[tuple[tuple[bytes, ...], ...]] = (
    (),
    (),
    (b"same-origin",),
    (b"same-site",),
    (b"same-site",),
    (b"cross-origin",),
    (b"cross-origin",),
    (b"Same-Origin",),
    (b"same-origin, same-origin",),
    (b"cross-origin", b"cross-origin"),
    (b"same-site;",),
    (b"",),
    (b"none",),
)
EXPOSED: Final[tuple[tuple[bytes, ...], ...]] = (
    (),
    (b"X-Total, x-odd",),
    (b"*",),
    (b"*, X-Total",),
    (b"x-total,,X-ODD",),
    (b"X Total",),
    (b"Set-Cookie, X-Total",),
    (b"X-Total", b"X-Odd"),
    (b"",),
    (b'"X-Total"',),
    (b"Location, ETag",),
)
PAGE_POLICIES: Final[tuple[Fields, ...]] = (
    (),
    ((b"Cross-Origin-Embedder-Policy", b"require-corp"),),
    ((b"Cross-Origin-Embedder-Policy", b"credentialless"),),
    ((b"Document-Isolation-Policy", b"isolate-and-require-corp"),),
    ((b"Document-Isolation-Policy", b"isolate-and-credentialless"),),
    ((b"Cross-Origin-Embedder-Policy", b"Require-Corp"),),
)


@dataclass(frozen=True)
class Case:
    """One thing that a page wants, and what every URL on the way answers.  `element`: the tag, ``fetch`` for script."""

    number: int
    page: Document
    element: str
    request: Request
    answers: dict[str, Answer]

    def answer(self, wire: WireRequest) -> WireResponse:
        """Answer as the server will."""
        url = parse(wire.url)
        assert url is not None
        answer = self.answers[url.path]
        response = answer.preflight if wire.is_preflight else answer.actual
        return WireResponse(response.status, tuple((name, value.strip(b" \t")) for name, value in response.fields))

    def told(self) -> str:
        """Return the case as a person can read it."""
        request = self.request
        lines = [f"case {self.number}: {self.element} in {self.page.url} {self.page.fields}"]
        lines.append(f"  {request.method!r} {request.url} {request.mode.value} {request.credentials.value} {request.fields}")
        for path, answer in self.answers.items():
            lines += [f"  {path}", f"    preflight {answer.preflight}", f"    actual    {answer.actual}"]
        return "\n".join(lines)


def pages_of(server: Scripted) -> list[Document]:
    """Return the pages that ask."""
    (plain, _), (secure, _) = server.plain, server.secure
    pages = [Document(f"http://app.localhost:{plain}/page/{n}", fields) for n, fields in enumerate(PAGE_POLICIES)]
    pages += [Document(f"https://app.site.example:{secure}/page/{n}", fields) for n, fields in enumerate(PAGE_POLICIES)]
    sandbox = ((b"Content-Security-Policy", b"sandbox allow-scripts"),)
    pages += [
        Document(f"http://app.site.example:{plain}/page/insecure", PAGE_POLICIES[1]),
        Document(f"http://127.0.0.1:{plain}/page/address"),
        Document(f"https://one.co.uk:{secure}/page/suffix", PAGE_POLICIES[1]),
        Document(f"https://app.site.example:{secure}/page/opaque", sandbox),
        Document(f"http://app.localhost:{plain}/page/opaque", (*sandbox, *PAGE_POLICIES[2])),
        Document(f"https://app.site.example:{secure}/page/referrer/1", ((b"Referrer-Policy", b"no-referrer"),)),
        Document(f"https://app.site.example:{secure}/page/referrer/2", ((b"Referrer-Policy", b"same-origin, bogus"),)),
    ]
    return pages


class Maker:
    """Makes cases."""

    def __init__(self, chance: random.Random, server: Scripted) -> None:
        self.chance = chance
        self.server = server

    def case(self, number: int, page: Document) -> Case:
        """Make one case for a page."""
        element = self._pick(("fetch",) * 12 + ("img",) * 3 + ("img cors", "script", "script cors", "script module", "style"))
        url = self._target(page, element)
        request = self._request(page, element, f"{url}/case/{number}/0")
        return Case(number, page, element, request, self._answers(request, number))

    def _pick(self, choices: Sequence[Choice]) -> Choice:
        return self.chance.choice(choices)

    def _often(self, share: float) -> bool:
        return self.chance.random() < share

    def _target(self, page: Document, element: str) -> str:
        """Return an origin: the page's own, near, or far; such that mixed content that is upgraded finds a server."""
        own = parse(page.url)
        assert own is not None
        if self._often(0.12):
            return own.origin.decode("ascii")
        hosts = ("app.site.example", "api.site.example", "other.example", "one.co.uk", "two.co.uk")
        hosts += ("app.localhost", "sub.app.localhost", "other.localhost", "127.0.0.1", own.host, own.host)
        host = self._pick(hosts)
        if own.scheme == "https" and self._often(0.85):
            return f"https://{host}:{self._pick(self.server.secure)}"
        if own.scheme == "https" and element.startswith("img") and host != "127.0.0.1" and not host.endswith("localhost"):
            return f"http://{self._pick((host, host, '192.0.2.1'))}:{self._pick(self.server.secure)}"
        if self._often(0.3):
            return f"https://{host}:{self._pick(self.server.secure)}"
        return f"http://{host}:{self._pick(self.server.plain)}"

    def _request(self, page: Document, element: str, url: str) -> Request:
        match element:
            case "fetch":
                mode = self._pick((Mode.CORS,) * 7 + (Mode.NO_CORS,) * 2 + (Mode.SAME_ORIGIN,))
                credentials = self._pick((*CredentialsMode, CredentialsMode.INCLUDE))
                return Request(self._pick(METHODS), url, page, mode, credentials, "", self._script_fields())
            case "img cors" | "script cors" | "script module":
                credentials = self._pick((CredentialsMode.SAME_ORIGIN, CredentialsMode.INCLUDE))
                return Request(b"GET", url, page, Mode.CORS, credentials, "image" if "img" in element else "script")
            case _:
                destination = {"img": "image", "script": "script", "style": "style"}[element]
                return Request(b"GET", url, page, Mode.NO_CORS, CredentialsMode.INCLUDE, destination)

    def _script_fields(self) -> Fields:
        fields: list[tuple[bytes, bytes]] = []
        while self._often(0.45):
            name, values = self._pick(FIELDS if self._often(0.5) else FIELDS[:8])
            value = self._pick(values)
            fields.append((name, b" " + value + b"\t" if self._often(0.1) else value))
            if self._often(0.05):
                fields.append((name.upper(), self._pick(values)))
        return tuple(fields)

    def _answers(self, request: Request, number: int) -> dict[str, Answer]:
        answers: dict[str, Answer] = {}
        hops = 0
        while hops < 3 and self._often(0.22):
            location = self._location(request, number, hops + 1)
            answers[f"/case/{number}/{hops}"] = self._answer(request, hops, location)
            hops += 1
        answers[f"/case/{number}/{hops}"] = self._answer(request, hops, None)
        return answers

    def _location(self, request: Request, number: int, hop: int) -> tuple[bytes, ...]:
        assert request.document is not None
        path = f"/case/{number}/{hop}"
        target = self._target(request.document, "img" if request.destination == "image" else "")
        kinds = ("url",) * 8 + ("path", "path", "relative", "fragment", "userinfo", "data", "nonsense", "two")
        kind = self._pick(kinds if request.destination in ("script", "style") else (*kinds, "none"))  # who want an ok status
        made: dict[str, tuple[str, ...]] = {
            "url": (target + path,),
            "path": (path,),
            "relative": (f"./../{number}/{hop}",),
            "fragment": (f"{path}#there",),
            "userinfo": (target.replace("://", "://me:too@") + path,),
            "data": ("data:text/plain,x",),
            "nonsense": ("http://[",),
            "two": (path, f"{path}?other"),
            "none": (),
        }
        return tuple(value.encode("ascii") for value in made[kind])

    def _answer(self, request: Request, hop: int, location: tuple[bytes, ...] | None) -> Answer:
        kind = {"script": b"text/javascript", "style": b"text/css"}.get(request.destination, b"image/gif")
        body = GIF if kind == b"image/gif" else b""
        status = 200
        if location is not None:
            status = self._pick((301, 302, 303, 307, 308))
        elif not request.destination and self._often(0.2):
            status = self._pick(OTHER_STATUSES)
        fields = [(b"Content-Type", kind), (b"Cache-Control", b"no-store")]
        if status not in (204, 304):
            fields.append((b"Content-Length", b"%d" % len(body)))
        fields += [(b"Location", value) for value in location or ()]
        fields += self._sharing(request, hop)
        fields += [(b"Cross-Origin-Resource-Policy", value) for value in self._pick(RESOURCE_POLICIES)]
        fields += [(b"Access-Control-Expose-Headers", value) for value in self._pick(EXPOSED)]
        fields += [line for line in _READABLE if self._often(0.4)]
        return Answer(WireResponse(status, tuple(fields)), self._preflight(request, hop), body)

    def _sharing(self, request: Request, hop: int) -> list[tuple[bytes, bytes]]:
        """Return Access-Control-Allow-Origin and -Credentials, mostly right."""
        assert request.document is not None
        url = parse(request.document.url)
        assert url is not None
        opaque = "opaque" in url.path
        own = b"null" if opaque or (hop >= 2 and self._often(0.7)) else url.origin
        odd: tuple[tuple[bytes, ...], ...] = (
            (),
            (own + b"/",),
            (own.upper(),),
            (own, own),
            (own + b", " + own,),
            (own + b" https://other.example",),
            (b"https://other.example",),
            (b"null",),
            (b"",),
            (b"*, *",),
            (b"*", b"*"),
            (own + b":443",),
            (own.replace(b"https", b"http"),),
            (b"\t" + own + b" ",),
        )
        allowed = self._pick(((own,),) * 6 + ((b"*",),) * 2) if self._often(0.8) else self._pick(odd)
        lines = [(self._pick((b"Access-Control-Allow-Origin", b"access-control-ALLOW-origin")), value) for value in allowed]
        wrong: tuple[tuple[bytes, ...], ...] = ((), (b"True",), (b"false",), (b"true", b"true"), (b" true ",))
        if request.credentials is CredentialsMode.INCLUDE or self._often(0.2):
            lines += [(b"Access-Control-Allow-Credentials", value) for value in self._pick(((b"true",),) * 12 + wrong)]
        return lines

    def _preflight(self, request: Request, hop: int) -> WireResponse:
        status = 204 if self._often(0.85) else self._pick((200, 206, 299, 301, 307, 304, 400, 403, 404, 500))
        fields = [(b"Content-Length", b"0")] if status not in (204, 304) else []
        if status in (301, 307):
            fields.append((b"Location", b"/elsewhere"))
        fields += self._sharing(request, hop)
        fields += [(b"Access-Control-Allow-Methods", value) for value in self._methods(request.method)]
        fields += [(b"Access-Control-Allow-Headers", value) for value in self._headers(request.fields)]
        ages: tuple[bytes, ...] = (b"600", b"0", b"-1", b"x", b"99999999999")
        fields += [(b"Access-Control-Max-Age", self._pick(ages))] if self._often(0.3) else []
        return WireResponse(status, tuple(fields))

    def _methods(self, method: bytes) -> tuple[bytes, ...]:
        right = (method.upper() if method.upper() in (b"PUT", b"DELETE", b"OPTIONS") else method).replace(b" ", b"")
        if self._often(0.7):
            return (b"GET, " + right,)
        odd: tuple[tuple[bytes, ...], ...] = (
            (),
            (b"*",),
            (b"*",),
            (b"*, GET",),
            (right.lower(),),
            (right.upper(),),
            (right.swapcase(),),
            (b"GET", right),
            (b"," + right + b" ,,",),
            (right + b" GET",),
            (b'"' + right + b'"',),
            (b"GET, POST",),
            (b"",),
        )
        return self._pick(odd)

    def _headers(self, fields: Fields) -> tuple[bytes, ...]:
        names = sorted({name.lower() for name, _ in fields if b" " not in name})
        right = b", ".join(names)
        if self._often(0.65):
            return (right,)
        odd: tuple[tuple[bytes, ...], ...] = (
            (),
            (b"*",),
            (b"*",),
            (b"*, authorization",),
            (b"*",) + ((right,) if right else ()),
            (right.upper(),),
            (right.title().replace(b", ", b","),),
            (right + b";",),
            (b"x-custom",),
            (b"authorization",),
            (b", ".join(names[1:]),),
            tuple(names),
        )
        return self._pick(odd)


_READABLE: Final[Fields] = (
    (b"X-Total", b"7"),
    (b"x-ODD", b"1"),
    (b"Set-Cookie", b"junk=1"),
    (b"Set-Cookie2", b"junk=1"),
    (b"Last-Modified", b"Sat, 01 Jan 2000 00:00:00 GMT"),
    (b"Pragma", b"no-cache"),
    (b"Expires", b"0"),
    (b"Content-Language", b"de"),
    (b"ETag", b'"1"'),
    (b"X-Total", b"8"),
)
