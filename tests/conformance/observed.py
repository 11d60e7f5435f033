"""What was seen on both sides of a proxy: requests at the backend, answers at the client.

The readers are strict and share nothing with the proxy under test.
"""

import re
from dataclasses import dataclass, field

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\x00-\x20\x7f]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})(?: [\t -~\x80-\xff]*)?")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00\r\n]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)(?:[ \t]*;[\t -~\x80-\xff]*)?\r\n")

Fields = list[tuple[bytes, bytes]]


def values(fields: Fields, name: str) -> tuple[bytes, ...]:
    """Return the values of the fields called `name` (lower case), in order."""
    return tuple(value for key, value in fields if key.lower() == name.encode())


@dataclass
class Seen:
    """One request as the backend saw it."""

    serial: int = 0
    connection: int = 0
    head: bytes = b""
    method: bytes = b""
    target: bytes = b""
    fields: Fields = field(default_factory=list)
    body: bytes = b""
    raw_body: bytes = b""
    trailers: bytes = b""
    complete: bool = False
    fault: str | None = None  # why no proxy may forward this
    token: bytes = b""

    @property
    def lines(self) -> list[bytes]:
        """The field lines as they came."""
        return self.head.split(b"\r\n")[1:-2]

    def values(self, name: str) -> tuple[bytes, ...]:
        """Return the values of the fields called `name`."""
        return values(self.fields, name)


@dataclass
class Answer:
    """One answer as the client saw it.  `status` 0: what came is no response head."""

    status: int
    head: bytes
    fields: Fields
    body: bytes = b""
    complete: bool = False
    interim: tuple[int, ...] = ()
    minor: int = 1

    def values(self, name: str) -> tuple[bytes, ...]:
        """Return the values of the fields called `name`."""
        return values(self.fields, name)


@dataclass
class Observation:
    """All that one run of a case showed."""

    token: bytes
    received: bytes
    answers: list[Answer]
    seen: list[Seen]
    clean: bool  # the client saw an orderly end, not a reset
    hung: bool = False  # nothing ended it
    sent: bytes = b""


def read_fields(block: bytes) -> Fields | str:
    """Read the field lines of a head after its first line; a string says what is wrong."""
    fields: Fields = []
    for line in block.split(b"\r\n")[1:-2]:
        match = _FIELD.fullmatch(line)
        if match is None:
            return f"a malformed field line: {line[:60]!r}"
        fields.append((match[1], match[2]))
    return fields


def read_request(seen: Seen) -> None:
    """Fill in `seen` from its head; `fault` says why it should not have been forwarded."""
    match = _REQUEST_LINE.fullmatch(seen.head.partition(b"\r\n")[0])
    if match is None:
        seen.fault = f"a malformed request line: {seen.head[:60]!r}"
        return
    seen.method, seen.target = match[1], match[2]
    fields = read_fields(seen.head)
    if isinstance(fields, str):
        seen.fault = fields
        return
    seen.fields = fields
    lengths, codings = seen.values("content-length"), seen.values("transfer-encoding")
    if (lengths and codings) or len(lengths) > 1 or len(codings) > 1:
        seen.fault = f"ambiguous framing: {lengths} {codings}"
    elif lengths and not lengths[0].isdigit():
        seen.fault = f"an unreadable Content-Length: {lengths[0]!r}"
    elif codings and codings[0].lower() != b"chunked":
        seen.fault = f"an unreadable Transfer-Encoding: {codings[0]!r}"
    elif len(seen.values("host")) != 1 and (match[3] == b"1" or seen.values("host")):
        seen.fault = f"Host is not there once: {seen.values('host')}"


def body_size(data: bytes, fields: Fields) -> tuple[int, bytes, bytes] | None:
    """Return size on the wire, content and trailers of the body at the start of `data`; None while it is not whole.

    Raises: `ValueError` for a malformed chunked body.
    """
    if values(fields, "transfer-encoding"):
        return _chunked(data)
    size = int((values(fields, "content-length") or (b"0",))[0])
    return (size, data[:size], b"") if len(data) >= size else None


def _chunked(data: bytes) -> tuple[int, bytes, bytes] | None:
    content, at = [], 0
    while True:
        end = data.find(b"\n", at) + 1
        if not end:
            return None
        match = _CHUNK.fullmatch(data, at, end)
        if match is None:
            raise ValueError(f"a malformed chunk size: {data[at:end][:60]!r}")
        at, size = end, int(match[1], 16)
        if not size:
            break
        if len(data) < at + size + 2:
            return None
        if data[at + size : at + size + 2] != b"\r\n":
            raise ValueError("chunk data without its end")
        content.append(data[at : at + size])
        at += size + 2
    if data[at : at + 2] == b"\r\n":
        return at + 2, b"".join(content), b""
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        return None
    fault = read_fields(b"\r\n" + data[at : end + 4])
    if isinstance(fault, str):
        raise ValueError(fault)  # noqa: TRY004  its content is wrong
    return end + 4, b"".join(content), data[at : end + 2]


def read_answers(data: bytes, methods: list[bytes], *, clean: bool) -> list[Answer]:
    """Cut what a client received into answers to `methods` (GET for all after them)."""
    answers: list[Answer] = []
    interim: list[int] = []
    while data:
        end = data.find(b"\r\n\r\n") + 4
        match = _STATUS_LINE.fullmatch(data[: max(end, 0)].partition(b"\r\n")[0]) if end > 3 else None
        fields = read_fields(data[:end]) if match is not None else "no status line"
        if match is None or isinstance(fields, str):
            answers.append(Answer(0, data, []))
            return answers
        status, head, data = int(match[2]), data[:end], data[end:]
        if status < 200 and status != 101:
            interim.append(status)
            continue
        method = methods[len(answers)] if len(answers) < len(methods) else b"GET"
        answer = Answer(status, head, fields, interim=tuple(interim), minor=int(match[1]))
        interim.clear()
        data = _read_content(answer, data, method, clean=clean)
        answers.append(answer)
    return answers


def _read_content(answer: Answer, data: bytes, method: bytes, *, clean: bool) -> bytes:
    """Give `answer` its content; return what follows."""
    if method == b"HEAD" or answer.status in (204, 304):
        answer.complete = True
        return data
    if answer.status == 101 or not (answer.values("content-length") or answer.values("transfer-encoding")):
        answer.body, answer.complete = data, clean
        return b""
    try:
        found = body_size(data, answer.fields)
    except ValueError:
        found = None
    if found is None:
        answer.body = data
        return b""
    answer.body, answer.complete = found[1], True
    return data[found[0] :]
