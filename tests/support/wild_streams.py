"""Generators of whole streams: a client's requests, an upstream's responses, and what mutation makes of them.

A stream is a few messages, of which some are hostile, and then a few blows: bytes put in, taken out, replaced, doubled, moved.
"""

import itertools

from hypothesis import strategies as st

from support.wild_heads import GOOD_LINES

HOST = b"Host: a.example\r\n"
POST = b"POST /p HTTP/1.1\r\n" + HOST
CHUNKS = POST + b"Transfer-Encoding: chunked\r\n\r\n"

GOOD_REQUESTS = (
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET //x/%2e%2e/?q HTTP/1.1\r\n" + HOST + b"Cookie: a=b\r\nCookie: c=d\r\n\r\n",
    b"HEAD /h HTTP/1.1\r\n" + HOST + b"X-Latin: caf\xe9\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    b"OPTIONS /o HTTP/1.1\r\n" + HOST + b"Origin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
    b"GET http://a.example/abs HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /old HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n",
    b"POST /old HTTP/1.0\r\n" + HOST + b"Connection: Keep-Alive\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /bare HTTP/1.0\r\n\r\n",
    b"GET /last HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    b"patch /m HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi",
    b"GET /ws HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"GET /h2c HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
    b"\r\n\r\nGET /after-empty-lines HTTP/1.1\r\n" + HOST + b"\r\n",
    POST + b"Content-Length: 5\r\n\r\nhello",
    POST + b"content-length:00011 \r\nExpect: 100-continue\r\n\r\nhello world",
    POST + b"Content-Length: 0\r\nConnection: content-length, x-gone\r\nX-Gone: 1\r\n\r\n",
    POST + b"Content-Length: 45\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n  ",
    POST + b"Upgrade: x\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\nabc",
    CHUNKS + b"0\r\n\r\n",
    CHUNKS + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    CHUNKS + b'005;a=b;c="d;e"\r\nhello\r\n1\r\n\r\r\n0;last\r\n\r\n',
    CHUNKS + b"A\r\n0123456789\r\n00000\r\nX-Sum: 1\r\nx-other:\t2 \r\n\r\n",
    CHUNKS + b"2c\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n \r\n0\r\n\r\n",
    POST + b"transfer-ENCODING:\tCHUNKED \r\nTE: trailers\r\n\r\n3\r\n\r\n\r\r\n0\r\n\r\n",
)  # fmt: skip
BAD_REQUESTS = (
    POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    POST + b"Content-Length: 5, 5\r\n\r\nhello",
    POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    POST + b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    CHUNKS + b"5\r\nhello!\r\n0\r\n\r\n",
    CHUNKS + b"5\nhello\n0\n\n",
    CHUNKS + b"-5\r\nhello\r\n0\r\n\r\n",
    CHUNKS + b"0x5\r\nhello\r\n0\r\n\r\n",
    CHUNKS + b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    CHUNKS + b"5;\nhello\r\n0\r\n\r\n",
    CHUNKS + b"0\r\nContent-Length: 5\r\n\r\nhello",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    b"GET /\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\n" + HOST + b"\r\n",
    b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
)  # fmt: skip

OK = b"HTTP/1.1 200 OK\r\n"
GOOD_RESPONSES = (
    OK + b"Content-Length: 5\r\n\r\nhello",
    OK + b"Content-Length: 0\r\n\r\n",
    b"HTTP/1.1 404 Not here\r\ncontent-length:\t0005 \r\nVary: Accept\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    OK + b'transfer-encoding:CHUNKED \r\n\r\n0005;a=b;c="d"\r\nhello\r\n2\r\n\r\n\r\n0;z\r\nX-Sum: 1\r\n\r\n',
    OK + b"Transfer-Encoding: chunked\r\n\r\n1d\r\nHTTP/1.1 200 OK\r\n\r\nsmuggled!!\r\n0\r\n\r\n",
    OK + b"\r\nuntil the end",
    OK + b"Connection: close\r\n\r\nuntil the end",
    OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.0 200 OK\r\n\r\nold",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 x\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
    OK + b"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nConnection: set-cookie, x-a\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok",
    OK + b"X-Latin: caf\xe9\r\nCross-Origin-Resource-Policy: same-origin\r\nContent-Length: 43\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad  ",
)  # fmt: skip
BAD_RESPONSES = (
    OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    OK + b"Content-Length: +2\r\n\r\nok",
    OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n",
    OK + b"X-A: b\rContent-Length: 2\r\n\r\nok",
    OK + b"X-A: b\r\n folded\r\nContent-Length: 2\r\n\r\nok",
    OK + b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
    OK + b"Content-Length: 9\r\n\r\nok",
    b"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 099 x\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nok" + OK + b"Content-Length: 3\r\n\r\nbad",
    b"ICY 200 OK\r\n\r\nmusic",
    b"<html>no head",
)  # fmt: skip

# What readers disagree about, to be put in anywhere.
PIECES = (
    b"\r", b"\n", b"\0", b" ", b"\t", b"\x0b", b"\x85", b"\xa0", b"\xff", b":", b";", b",", b'"', b"0", b"1", b"f", b"-", b"+",
    b"_", b"/", b"#", b"\r\n", b"\n\r", b"\r\r\n", b"\n\n", b"\r\n\r\n", b"\r\n ", b"\r\n\t", b"0\r\n\r\n", b"5\r\n",
    b"\r\n0\r\n\r\n", b"; a", b" chunked", b",chunked", b"HTTP/1.1", b"HTTP/1.0", b"\r\nContent-Length: 5",
    b"\r\nContent-Length: 0", b"\r\nTransfer-Encoding: chunked", b"\r\nHost: b.example", b"\r\nConnection: close",
    b"\r\nConnection: keep-alive", b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, streams: st.SearchStrategy[bytes], most: int = 4) -> bytes:
    """Return a stream that took up to `most` blows."""
    stream = draw(streams)
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, len(stream)))
        size = draw(st.integers(1, 8))
        match draw(st.sampled_from(["insert", "insert", "delete", "replace", "byte", "double", "move"])):
            case "insert":
                stream = stream[:at] + draw(st.sampled_from(PIECES)) + stream[at:]
            case "delete":
                stream = stream[:at] + stream[at + size :]
            case "replace":
                piece = draw(st.sampled_from(PIECES))
                stream = stream[:at] + piece + stream[at + len(piece) :]
            case "byte":
                stream = stream[:at] + bytes([draw(st.integers(0, 255))]) + stream[at + 1 :]
            case "double":
                stream = stream[: at + size] + stream[at:]
            case _:
                to = draw(st.integers(0, len(stream)))
                taken, rest = stream[at : at + size], stream[:at] + stream[at + size :]
                stream = rest[:to] + taken + rest[to:]
    return stream


def _with_line(message: bytes, line: bytes) -> bytes:
    start, end, rest = message.partition(b"\r\n")
    return start + end + line + b"\r\n" + rest if start else message


def _messages(good: tuple[bytes, ...], bad: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    one = st.sampled_from(good * 3 + bad)
    return st.one_of(one, st.builds(_with_line, one, st.sampled_from(GOOD_LINES)))


def request_streams(most_blows: int = 4) -> st.SearchStrategy[bytes]:
    """Return what a client might send on one connection: up to four requests."""
    messages = st.lists(_messages(GOOD_REQUESTS, BAD_REQUESTS), min_size=1, max_size=4).map(b"".join)
    return mutated(messages, most_blows)


def response_streams(most_blows: int = 3) -> st.SearchStrategy[bytes]:
    """Return what an upstream might send after one request: an answer, perhaps with another behind it."""
    one = _messages(GOOD_RESPONSES, BAD_RESPONSES)
    return mutated(st.one_of(one, one, one, st.builds(bytes.__add__, one, one)), most_blows)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Return the stream in pieces, cut at these places."""
    ends = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[start:end] for start, end in itertools.pairwise(ends)]


def bytes_of(stream: bytes) -> list[bytes]:
    """Return the stream byte by byte."""
    return [stream[at : at + 1] for at in range(len(stream))]
