"""Generators of message heads for comparing readers: mostly valid, often nearly so, sometimes hostile.

Whole lines are drawn, not letters: what readers disagree about are combinations.
"""

from hypothesis import strategies as st

GOOD_STARTS = (
    b"GET / HTTP/1.1", b"GET /a?b=c HTTP/1.1", b"POST / HTTP/1.1", b"HEAD //x HTTP/1.1", b"PUT /%2e%2e/ HTTP/1.1",
    b"OPTIONS * HTTP/1.1", b'PATCH /"<>\\^`{|} HTTP/1.1', b"patch / HTTP/1.1", b"M-SEARCH / HTTP/1.1",
    b"GET / HTTP/1.0", b"POST /a HTTP/1.0",
    b"GET http://a.example/x HTTP/1.1", b"DELETE HTTP://a.example HTTP/1.1",
)  # fmt: skip
BAD_STARTS = (
    b"GET http://b.example/ HTTP/1.1", b"CONNECT a.example:443 HTTP/1.1", b"GET /a#b HTTP/1.1", b"GET /\xff HTTP/1.1",
    b"GET /a b HTTP/1.1", b"GET  / HTTP/1.1", b"GET / HTTP/1.2", b"GET / HTTP/2.0", b"GET / http/1.1", b"GET /",
    b"G T / HTTP/1.1", b"GET ?x HTTP/1.1", b"GET * HTTP/1.1", b"",
)  # fmt: skip
HOSTS = (
    b"Host: a.example", b"Host: a.example", b"host:a.example", b"HOST:\ta.example \t", b"Host:a.example:80",
    b"Host: [::1]:8080",
)  # fmt: skip
GOOD_LINES = (
    b"Content-Length: 5", b"content-length:\t0 ", b"Content-Length: 00", b"Transfer-Encoding: chunked",
    b"transfer-encoding:CHUNKED ", b"Connection: close", b"Connection: keep-alive, x-odd_name", b"Connection: upgrade",
    b"connection:Upgrade,accept", b"Connection: host:a.example, host", b"Connection: origin:https, content-length",
    b"Connection: ", b"Upgrade: websocket", b"Upgrade: h2c", b"Origin: https://b.example", b"origin:https://b.example",
    b"Origin:", b"TE: trailers", b"Accept: */*", b"X-Odd_Name: 1", b"x.y~z:", b"!#$%&'*+-.^_`|~: \xff\x80 caf\xc3\xa9",
    b"Cookie: a:b", b"Expect: 100-continue", b"Keep-Alive: x", b"Vary: a", b"X-Forwarded-For: 1.1.1.1, 2.2.2.2",
    b"X-Forwarded-Host: x", b"Via: 1.0 y", b"Content_Length: 5", b"X: a: b",
)  # fmt: skip
BAD_LINES = (
    b"Content-Length: 5, 5", b"Content-Length: +5", b"Content-Length:", b"Content-Length : 5",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: chunked\r",
    b"Transfer-Encoding:", b"Transfer-Encoding : chunked", b"Host: b.example", b"Host: a b", b"A B: c", b": c", b"(: c",
    b"\xff: c", b"A", b"A: \0", b"A: b\rc", b"A: b\nc: d", b"A: b\x01", b"A: \x7f", b" folded", b"\tfolded", b"", b"\r",
    b"\n", b"\nContent-Length: 5",
)  # fmt: skip
GOOD_STATUS_LINES = (
    b"HTTP/1.1 200 OK", b"HTTP/1.1 200 ", b"HTTP/1.1 404", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 Fa\xe7on",
    b"HTTP/1.1 304  a\tb", b"HTTP/1.1 500 x", b"HTTP/1.1 599 x",
)  # fmt: skip
INTERIM_STATUS_LINES = (
    b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints", b"HTTP/1.0 102 x", b"HTTP/1.1 101 x",
)  # fmt: skip
BAD_STATUS_LINES = (
    b"HTTP/1.1 099 x", b"HTTP/1.1 20 x", b"HTTP/1.1 2000 x", b"HTTP/1.1  200 OK", b"HTTP/1.1 200OK", b"HTTP/1.2 200 OK",
    b"HTTP/2.0 200 OK", b"http/1.1 200 OK", b"HTTP/1.1 200 \0", b"HTTP/1.1", b"",
)  # fmt: skip

_lines = st.lists(st.sampled_from(GOOD_LINES), max_size=5)
# A third of the heads has one bad line somewhere.
_spoilt = st.sampled_from([None] * (2 * len(BAD_LINES)) + list(BAD_LINES))


def _block(start: bytes, host: tuple[bytes, ...], lines: list[bytes], bad: bytes | None) -> bytes:
    if bad is not None:
        lines = [*lines[:2], bad, *lines[2:]]
    return b"".join(line + b"\r\n" for line in (start, *host, *lines)) + b"\r\n"


def request_blocks() -> st.SearchStrategy[bytes]:
    """Return what a client might send for a head."""
    starts = st.sampled_from(GOOD_STARTS * 4 + BAD_STARTS)
    hosts = st.sampled_from([*((host,) for host in HOSTS), ()])
    return st.builds(_block, starts, hosts, _lines, _spoilt)


def response_blocks(*, interim: bool = False) -> st.SearchStrategy[bytes]:
    """Return what an upstream might send for a head."""
    final = GOOD_STATUS_LINES * 4 + INTERIM_STATUS_LINES + BAD_STATUS_LINES
    starts = st.sampled_from(INTERIM_STATUS_LINES if interim else final)
    return st.builds(_block, starts, st.just(()), _lines, _spoilt)
