"""Read a file of policy tests: the same reader as for policy files, so that its problems have places and remedies too."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Final

from xoproxy.browser.model import NULL_ORIGIN, CredentialsMode, Engine, Fields, Mode, WireResponse
from xoproxy.browser.ports import bad_port
from xoproxy.browser.urls import parse
from xoproxy.config import values
from xoproxy.config.nodes import Mapping as MappingNode
from xoproxy.config.nodes import compose
from xoproxy.config.origins import origin
from xoproxy.config.problems import ConfigInvalid, Id, Refused, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.insight.explaining.question import MODES, SANDBOXED
from xoproxy.insight.proxied import OK
from xoproxy.insight.testing import keys
from xoproxy.insight.testing.cases import Asker, Case, Connected, Deed, Fetched, Opened, PoppedUp, Suite
from xoproxy.insight.testing.expecting import read_expected

# What a page can embed, as Sec-Fetch-Dest says it.  (HTML)
_EMBEDDED: Final = (
    *("image", "script", "style", "font", "audio", "video", "track", "manifest", "json"),
    *("iframe", "frame", "embed", "object", "worker", "sharedworker", "serviceworker"),
)
EMBEDS: Final = MappingProxyType({destination: MODES[destination] for destination in _EMBEDDED})
_BEGINNING: Final = "`tests:` and a list of tests, each with name, from or page, and expect"
_STATUS: Final = re.compile(r"[2-5][0-9]{2}")


def read_tests(text: str, source: str, environ: Mapping[str, str], today: date) -> Suite:
    """Read the text of a file of policy tests.  Raises ConfigInvalid with every problem."""
    root, problems = compose(text, source, _BEGINNING)
    reader = Reader(environ, today, problems)
    spot = Spot(root, "")
    found = reader.mapping(spot, keys.TOP)
    if reader.lacks(spot, "tests", keys.TOP):
        reader.report(spot.place, Id.MISSING_KEY, "there are no tests; write tests: [{name: ..., from: ..., ...}]")
    items = reader.items(found["tests"]) if "tests" in found else None
    names: set[str] = set()
    cases = tuple(case for item in items or () for case in _Test(reader, item, names).cases())
    config = reader.value(found.get("config"), str)
    hosts = reader.values(found.get("hosts"), str.lower)
    if reader.has_errors():
        raise ConfigInvalid(reader.problems)
    return Suite(source, cases, config, hosts or ())


class _Test:
    """One entry of `tests`."""

    def __init__(self, reader: Reader, spot: Spot, names: set[str]) -> None:
        self._reader = reader
        self._spot = spot
        self._found = reader.mapping(spot, keys.TEST)
        self._name = self._read_name(names)

    def cases(self) -> Iterator[Case]:
        """Yield a case for each page and browser; none if something of it cannot be read."""
        reader, found = self._reader, self._found
        askers = self._read_askers()
        deed = self._read_deed()
        engines = reader.values(found.get("browser"), values.choice("browser", Engine)) or (Engine.CHROME,)
        upstream = self._read_upstream(found.get("upstream"))
        expected = read_expected(reader, self._spot, found.get("expect"), deed)
        if deed is None or expected is None or upstream is None:
            return
        for asker in askers:
            for engine in dict.fromkeys(engines):
                yield Case(self._name, self._spot.place, asker, deed, engine, expected, upstream)

    def _read_name(self, names: set[str]) -> str:
        name = self._reader.value(self._found.get("name"), str.strip)
        if name is None:
            if self._reader.lacks(self._spot, "name", keys.TEST):
                self._reader.report(
                    self._spot.place,
                    Id.TEST_NAME,
                    "this test has no name; write one that reads as a sentence, as name: nobody else reads the API",
                )
            return ""
        if name in names:
            self._reader.report(
                self._found["name"].place, Id.TEST_NAME, f"a test is called {quoted(name)} already; change one of the two"
            )
        names.add(name)
        return name

    def _read_askers(self) -> tuple[Asker, ...]:
        """Read `from` and `page`: one of the two says who asks."""
        reader, found = self._reader, self._found
        if "from" in found and "page" in found:
            reader.report(
                found["from"].key_place,
                Id.TEST_SUBJECT,
                "both `from` and `page` say who asks; write `page` for a page of yours, else `from`",
            )
        elif "page" in found:
            urls = reader.values(found["page"], opened_url)
            return tuple(Asker(url, _origin_of(url), is_own=True) for url in urls or ())
        elif "from" in found:
            items = (found["from"],) if isinstance(found["from"].node, MappingNode) else reader.items(found["from"])
            askers = (self._read_asker(item) for item in items or ())
            return tuple(asker for asker in askers if asker is not None)
        elif self._reader.lacks(self._spot, "page", keys.TEST) and self._reader.lacks(self._spot, "from", keys.TEST):
            reader.report(
                self._spot.place, Id.TEST_SUBJECT, "it is not said who asks; write from: https://app.example.com, or page: URL"
            )
        return ()

    def _read_asker(self, spot: Spot) -> Asker | None:
        reader = self._reader
        if not isinstance(spot.node, MappingNode):
            return (
                _asker(NULL_ORIGIN)
                if reader.peek(spot) == "null"
                else reader.value(spot, lambda text: _asker(_page_origin(text)))
            )
        found = reader.mapping(spot, keys.FROM)
        if reader.lacks(spot, "origin", keys.FROM):
            reader.report(
                spot.place, Id.MISSING_KEY, "the origin is missing; write {origin: https://app.example.com, headers: ...}"
            )
        asker = self._read_asker(found["origin"]) if "origin" in found else None
        return None if asker is None else replace(asker, fields=self._read_fields(found.get("headers")))

    def _read_deed(self) -> Deed | None:
        """Read what the page does."""
        reader, found = self._reader, self._found
        named = [key for key in ("request", "popup", "websocket") if key in found]
        if len(named) > 1:
            reader.report(
                found[named[1]].key_place,
                Id.TEST_SUBJECT,
                f"a test is about one thing; make two tests of `{named[0]}` and `{named[1]}`",
            )
        elif "embed" in found and named != ["request"]:
            reader.report(
                found["embed"].key_place,
                Id.TEST_SUBJECT,
                "`embed` says as what; write request: {url: ...} for what is embedded",
            )
        elif not named:
            if "page" in found:
                return Opened()
            reader.report(
                self._spot.place,
                Id.TEST_SUBJECT,
                "it is not said what is asked for; write request: {url: ...}, or page: URL instead of `from`",
            )
        elif named == ["request"]:
            return self._read_request(found["request"], found.get("embed"))
        elif named == ["popup"]:
            url = reader.value(found["popup"], opened_url)
            return None if url is None else PoppedUp(url)
        else:
            url = reader.value(found["websocket"], socket_url)
            return None if url is None else Connected(url)
        return None

    def _read_request(self, spot: Spot, embed: Spot | None) -> Fetched | None:
        reader = self._reader
        found = reader.mapping(spot, keys.REQUEST)
        if reader.lacks(spot, "url", keys.REQUEST):
            reader.report(spot.place, Id.MISSING_KEY, "the url is missing; write {url: https://api.example.com/items}")
        url = reader.value(found.get("url"), page_url)
        destination = reader.value(embed, _embed) or ""
        mode = reader.value(found.get("mode"), _mode) or (EMBEDS[destination] if destination else Mode.CORS)
        credentials = reader.value(found.get("credentials"), values.choice("credentials", CredentialsMode))
        default = CredentialsMode.SAME_ORIGIN if mode in (Mode.CORS, Mode.SAME_ORIGIN) else CredentialsMode.INCLUDE
        method = reader.value(found.get("method"), _method) or b"GET"
        fields = self._read_fields(found.get("headers"))
        return None if url is None else Fetched(method, url, mode, credentials or default, destination, fields)

    def _read_upstream(self, spot: Spot | None) -> WireResponse | None:
        if spot is None:
            return OK
        found = self._reader.mapping(spot, keys.UPSTREAM)
        status = self._reader.value(found.get("status"), status_code)
        return WireResponse(200 if status is None else status, self._read_fields(found.get("headers")))

    def _read_fields(self, spot: Spot | None) -> Fields:
        """Read field names with their values, of which one may have several."""
        reader = self._reader
        fields: list[tuple[bytes, bytes]] = []
        for key, value in reader.named(spot) if spot is not None else ():
            name = reader.value(Spot(key, value.path, key.mark), values.field_name)
            lines = reader.values(value, values.field_value)
            fields += [(name, line) for line in lines or ()] if name is not None else []
        return tuple(fields)


def page_url(text: str) -> str:
    """Parse the URL of what a page asks for."""
    url = parse(text)
    if url is None or url.scheme not in ("http", "https") or url.has_userinfo:
        raise Refused(
            Id.TEST_URL, f"{quoted(text)} is not an absolute http or https URL; write one as https://www.example.com/page"
        )
    return str(url)


def opened_url(text: str) -> str:
    """Parse the URL of a page that is opened: one that browsers ask for.  (Fetch, "block bad port")"""
    url = page_url(text)
    parsed = parse(url)
    step = None if parsed is None else bad_port(parsed)
    if step is not None:
        raise Refused(Id.TEST_URL, f"{quoted(text)} is no page that can be opened: {step.why}")
    return url


def socket_url(text: str) -> str:
    """Parse the URL of a WebSocket; http and https stand for ws and wss.  (WebSockets, "new WebSocket(url)")"""
    url = parse(text)
    if url is None or url.scheme not in ("ws", "wss", "http", "https") or url.has_userinfo:
        raise Refused(Id.TEST_URL, f"{quoted(text)} is not the URL of a WebSocket; write one as wss://www.example.com/live")
    return str(url.with_scheme({"http": "ws", "https": "wss"}.get(url.scheme, url.scheme)))


def status_code(text: str) -> int:
    """Parse the status of a final response."""
    if _STATUS.fullmatch(text) is None:
        raise Refused(Id.TEST_STATUS, f"{quoted(text)} is not a status that a response ends with; write one from 200 to 599")
    return int(text)


def _method(text: str) -> bytes:
    """Parse a method as a page gives it to fetch(): the browser judges which it sends."""
    return values.field_name(text)


def _mode(text: str) -> Mode:
    """Parse the mode of a request: those that fetch() takes.  (Fetch §5.4)"""
    mode = values.choice("mode", Mode)(text)
    if mode in (Mode.NAVIGATE, Mode.WEBSOCKET):
        raise Refused(Id.NOT_A_CHOICE, f"{quoted(text)} is a test of its own kind; write page: URL, or websocket: URL")
    return mode


def _embed(text: str) -> str:
    if text not in EMBEDS:
        raise Refused(Id.NOT_A_CHOICE, f"{quoted(text)} is nothing that a page embeds; write one of {', '.join(EMBEDS)}")
    return text


def _page_origin(text: str) -> bytes:
    return origin(text).text().encode("ascii")


def _origin_of(url: str) -> bytes:
    parsed = parse(url)
    assert parsed is not None
    return parsed.origin


def _asker(page_origin: bytes) -> Asker:
    url = SANDBOXED if page_origin == NULL_ORIGIN else page_origin.decode("ascii") + "/"
    return Asker(url, page_origin)
