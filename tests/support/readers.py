"""h11 and llhttp as readers of whole streams: which messages each of them sees, and where each of them stops.

Neither knows of the other or of us.  Every message is read by a reader that has forgotten the one before, so that the rules of
a connection (who closes when) stay out of the comparison.
"""

import re
from dataclasses import dataclass, field

import h11
import httptools

Fields = list[tuple[bytes, bytes]]
_LIMIT = 1 << 24
_EMPTY_LINES = re.compile(rb"\A(?:\r\n)+")


@dataclass
class Read:
    """One message, whole or begun."""

    method: bytes = b""
    target: bytes = b""
    status: int = 0
    fields: Fields = field(default_factory=list)
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    whole: bool = False

    @property
    def request(self) -> tuple[bytes, bytes, bytes]:
        """What makes two requests the same to a backend, but for their fields."""
        return self.method, self.target, self.body

    @property
    def response(self) -> tuple[int, bytes]:
        """What makes two responses the same to a client, but for their fields."""
        return self.status, self.body

    @property
    def codings(self) -> list[bytes]:
        """The values of Transfer-Encoding, in lower case."""
        return [value.lower() for value in self.values(b"transfer-encoding")]

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of the field lines called `name` (lower case)."""
        return [value for key, value in self.fields if key.lower() == name]


@dataclass
class Stream:
    """What a reader saw: whole messages, the one that had begun at the end, and why it read no further."""

    messages: list[Read] = field(default_factory=list)
    begun: Read | None = None
    rest: bytes = b""  # not read, or not understood
    fault: str = ""


def h11_requests(stream: bytes) -> Stream:
    """Read a client's stream.  Empty lines before a request line, which h11 does not take, are passed over (RFC 9112 §2.2)."""
    seen = Stream()
    rest = _EMPTY_LINES.sub(b"", stream)
    while rest and not seen.fault and seen.begun is None:
        reader = h11.Connection(h11.SERVER, max_incomplete_event_size=_LIMIT)
        rest = _EMPTY_LINES.sub(b"", _h11_next(seen, reader, rest, fin=False))
    seen.rest = rest
    return seen


def h11_responses(stream: bytes, methods: list[bytes], *, fin: bool) -> Stream:
    """Read the answers to requests made with `methods`; `fin`: the stream ends after these bytes."""
    seen = Stream()
    rest = stream
    for method in methods:
        if not rest or seen.fault or seen.begun is not None:
            break
        reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LIMIT)
        reader.send(h11.Request(method=method or b"GET", target=b"/", headers=[(b"Host", b"h")]))
        reader.send(h11.EndOfMessage())
        rest = _h11_next(seen, reader, rest, fin=fin)
    seen.rest = rest
    return seen


def _h11_next(seen: Stream, reader: h11.Connection, data: bytes, *, fin: bool) -> bytes:
    """Read one message; return what follows it."""
    message = Read()
    reader.receive_data(data)
    if fin:
        reader.receive_data(b"")
    try:
        while not message.whole:
            event = reader.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                seen.begun = message
                break
            _take(message, event)
    except h11.RemoteProtocolError as error:
        seen.fault = str(error)
        seen.begun = message
    if message.whole:
        seen.messages.append(message)
    return reader.trailing_data[0]


def _take(message: Read, event: object) -> None:
    match event:
        case h11.InformationalResponse():
            message.interim.append(event.status_code)
        case h11.Request():
            message.method, message.target = event.method, event.target
            message.fields = list(event.headers.raw_items())
        case h11.Response():
            message.status = event.status_code
            message.fields = list(event.headers.raw_items())
        case h11.Data():
            message.body += event.data
        case h11.EndOfMessage():
            message.trailers = list(event.headers.raw_items())
            message.whole = True
        case _:
            raise h11.RemoteProtocolError(f"{event} in the place of a message")


class _Heard:
    """Collects llhttp's callbacks."""

    def __init__(self, seen: Stream) -> None:
        self.seen = seen
        self.parser: httptools.HttpRequestParser | httptools.HttpResponseParser
        self.is_request = True
        self.message = Read()
        self.in_trailers = False

    def on_message_begin(self) -> None:
        interim = self.message.interim
        self.message = Read(interim=interim)
        self.in_trailers = False

    def on_url(self, url: bytes) -> None:
        self.message.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        (self.message.trailers if self.in_trailers else self.message.fields).append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.in_trailers = True
        if isinstance(self.parser, httptools.HttpRequestParser):
            self.message.method = self.parser.get_method()
        else:
            self.message.status = self.parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self.message.body += data

    def on_message_complete(self) -> None:
        if 100 <= self.message.status < 200 and self.message.status != 101:
            self.message.interim.append(self.message.status)
            return
        self.message.whole = True
        self.seen.messages.append(self.message)
        self.message = Read()


def llhttp_requests(stream: bytes) -> Stream:
    """Read a client's stream, past requests to upgrade, as one that declines them does."""
    seen = Stream()
    rest = stream
    while rest:
        heard = _Heard(seen)
        heard.parser = httptools.HttpRequestParser(heard)
        try:
            heard.parser.feed_data(rest)
        except httptools.HttpParserUpgrade as stopped:
            rest = rest[stopped.args[0] :]
            continue
        except httptools.HttpParserError as error:
            seen.fault = str(error) or type(error).__name__
        seen.begun = heard.message if heard.message.method or heard.message.target else None
        break
    return seen


def llhttp_response(stream: bytes) -> Stream:
    """Read the answers to requests other than HEAD."""
    seen = Stream()
    heard = _Heard(seen)
    heard.parser = httptools.HttpResponseParser(heard)
    try:
        heard.parser.feed_data(stream)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        seen.fault = str(error) or type(error).__name__
    if heard.message.status or heard.message.fields:
        seen.begun = heard.message
    return seen
