"""Whose a URL is: which route of the file answers for it, if any, and else whose site it is of.

Rule: routes are asked for as on the wire, by the table that serves; nothing is matched here a second way.
"""

import re
from collections.abc import Iterator
from typing import Final

from xoproxy.browser.model import NULL_ORIGIN, WireRequest
from xoproxy.browser.sites import host_of, same_origin, schemelessly_same_site
from xoproxy.browser.urls import Url, parse
from xoproxy.config import Loaded
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.deciding.outlook import Whose
from xoproxy.insight.explaining.answering import covers
from xoproxy.insight.proxied import UnreadableUrlError, request_block
from xoproxy.semantics.heads import RequestHead, read_request_head

# As what a page, or what runs like one, is asked for.
_USUAL_URL: Final = re.compile(r"(https?)://([a-z0-9.\-]+(?::[0-9]+)?)(/[!-~]*)")  # as browsers write nearly all of them
_PAGES: Final = ("document", "iframe", "worker", "sharedworker", "serviceworker")


class Owners:
    """Answers for one file.  Answers are remembered: reports name the same URLs again and again."""

    def __init__(self, loaded: Loaded) -> None:
        self._table = loaded.generation.routes
        self._drafts = {draft.route.name: draft for draft in loaded.routes}
        self._hosts = tuple({draft.route.match.host for draft in loaded.routes if draft.route.match.host is not None})
        tells_destinations = any(draft.route.match.destinations is not None for draft in loaded.routes)
        self._as = _PAGES if tells_destinations else _PAGES[:1]
        self._found: dict[tuple[str, str], RouteDraft | None] = {}
        self._origins: dict[str, bytes] = {}

    def page_routes(self, url: str) -> Iterator[RouteDraft]:
        """Yield the routes that could have answered with a page at a URL, the most likely first."""
        found = (self.route(url, destination) for destination in self._as)
        yield from {draft.route.name: draft for draft in found if draft is not None}.values()

    def route(self, url: str, destination: str) -> RouteDraft | None:
        """Return the route that answers a GET for something; None if none does."""
        key = url, destination if len(self._as) > 1 else ""
        if key not in self._found:
            self._found[key] = self._asked(url, destination)
        return self._found[key]

    def whose(self, document: str, blocked: str, destination: str) -> tuple[Whose, RouteDraft | None]:
        """Return whose something is that a page wants, and the route that answers for it."""
        page, target = self.origin(document), self.origin(blocked)
        if NULL_ORIGIN in (page, target):
            return Whose.UNKNOWN, None
        if same_origin(page, target) or host_of(page) == host_of(target) or self._names(target):
            draft = self.route(blocked, destination)
            return (Whose.OWN_ROUTE, draft) if draft is not None else (Whose.OWN_ORIGIN, None)
        return (Whose.OWN_ORIGIN if schemelessly_same_site(page, target) else Whose.THIRD_PARTY), None

    def origin(self, url: str) -> bytes:
        """Return the origin of a URL, ``null`` for what is none, as "inline"."""
        if url not in self._origins:
            parsed = parse(url)
            self._origins[url] = parsed.origin if isinstance(parsed, Url) and parsed.is_http else NULL_ORIGIN
        return self._origins[url]

    def _names(self, origin: bytes) -> bool:
        """Whether a route names the host of an origin."""
        authority = origin.partition(b"://")[2].decode("ascii")
        return any(covers(host, authority) for host in self._hosts)

    def _asked(self, url: str, destination: str) -> RouteDraft | None:
        sent = destination.encode("ascii", "replace") or b"empty"
        usual = _USUAL_URL.fullmatch(url)
        if usual is not None:  # 100,000 documents are asked about at once
            scheme, authority, target = (part.encode("ascii") for part in usual.groups())
            block = b"GET %b HTTP/1.1\r\nHost: %b\r\nSec-Fetch-Dest: %b\r\n\r\n" % (target, authority, sent)
        else:
            try:
                block, scheme = request_block(WireRequest(b"GET", url, ((b"Sec-Fetch-Dest", sent),)))
            except UnreadableUrlError:
                return None
        head = read_request_head(block)
        if not isinstance(head, RequestHead):
            return None
        route = self._table.decide(head, scheme, head.host).route
        return None if route is None else self._drafts.get(route.name)
