"""An exchange becomes one line that says what happened, and nothing a client sends can make it say more."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import exchange_record

from xoproxy.telemetry.access_log import render_json, render_text
from xoproxy.telemetry.records import Trace

GET = exchange_record(
    client="203.0.113.9",
    started_at=1_800_000_000.0625,
    method=b"GET",
    target=b"/a?b=c",
    host=b"app.example",
    origin=b"https://page.example",
    status=200,
    request_bytes=3,
    response_bytes=1024,
    duration_s=0.0125,
    upstream_s=0.01,
    upstream="http://app:5000",
    route="routes[0]",
    cors="granted",
    generation=7,
    request_id="a-1",
    trace=Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"),
)

FORGERIES = [
    pytest.param(b'/"}\n{"event":"exchange"', id="line-feed-and-quotes"),
    pytest.param(b"/\r\nforged", id="carriage-return"),
    pytest.param(b"/\x00\x1b[2J\x7f", id="control-bytes"),
    pytest.param("/\u2028\u2029\u0085".encode(), id="unicode-line-separators"),
    pytest.param(b"/\xe9\xff\x85", id="latin-1"),
    pytest.param(b"/\\", id="backslash-at-the-end"),
    pytest.param(b'/" status=200 client="10.0.0.1', id="keys-of-its-own"),
    pytest.param(b"/" + b"a" * 40_000, id="long"),
    pytest.param(b"", id="empty"),
]


def fields_of(line: str) -> dict[str, str]:
    """Read a text line as a log collector does: words without quotes, or JSON strings."""
    found: dict[str, str] = {}
    rest = line.split(" ", 3)[3]
    while rest:
        key, _, rest = rest.partition("=")
        if rest.startswith('"'):
            value, end = json.JSONDecoder().raw_decode(rest)
            rest = rest[end:].removeprefix(" ")
        else:
            value, _, rest = rest.partition(" ")
        assert key not in found
        found[key] = value
    return found


def test_json_line_says_everything_about_the_exchange() -> None:
    assert json.loads(render_json(GET)) == {
        "time": "2027-01-15T08:00:00.062Z",
        "level": "info",
        "logger": "xoproxy.access",
        "event": "exchange",
        "client": "203.0.113.9",
        "method": "GET",
        "target": "/a?b=c",
        "host": "app.example",
        "origin": "https://page.example",
        "status": 200,
        "request_bytes": 3,
        "response_bytes": 1024,
        "duration_ms": 12.5,
        "upstream_ms": 10.0,
        "upstream": "http://app:5000",
        "route": "routes[0]",
        "cors": "granted",
        "reason": "",
        "error": "",
        "generation": 7,
        "request_id": "a-1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }


def test_text_line_says_everything_about_the_exchange() -> None:
    assert render_text(GET) == (
        '2027-01-15T08:00:00.062Z info exchange client=203.0.113.9 method="GET" target="/a?b=c" host="app.example" status=200 '
        "request_bytes=3 response_bytes=1024 duration_ms=12.500 upstream_ms=10.000 upstream=http://app:5000 route=routes[0] "
        'cors=granted origin="https://page.example" generation=7 request_id=a-1 '
        "trace_id=0af7651916cd43dd8448eb211c80319c"
    )


def test_keys_of_a_json_line_never_vary() -> None:
    """An exchange that ended before it was one has the same keys, so that collectors need no cases."""
    broken = exchange_record("", 0.0)

    assert list(json.loads(render_json(broken))) == list(json.loads(render_json(GET)))
    assert json.loads(render_json(broken))["origin"] is None
    assert json.loads(render_json(broken))["upstream_ms"] is None


def test_text_line_leaves_out_what_does_not_apply_and_gives_the_reason_of_what_does() -> None:
    refused = GET.changed(upstream_s=None, upstream="", route="", cors="refused", reason="origin not listed", error="dns_error")

    fields = fields_of(render_text(refused))

    assert not {"upstream", "upstream_ms", "route"} & fields.keys()
    assert (fields["cors"], fields["reason"], fields["error"]) == ("refused", "origin not listed", "dns_error")
    assert "origin" not in fields_of(render_text(GET.changed(origin=None)))


@pytest.mark.parametrize("value", FORGERIES)
@pytest.mark.parametrize("name", ["method", "target", "host", "origin"])
def test_nothing_that_a_client_sends_forges_a_line(name: str, value: bytes) -> None:
    record = GET.changed(**{name: value})
    json_line, text_line = render_json(record), render_text(record)

    assert json_line.isascii()
    assert json_line.isprintable()
    assert text_line.isascii()
    assert text_line.isprintable()
    assert max(len(json_line), len(text_line)) < 13_000
    shown = json.loads(json_line)
    assert {**shown, name: ""} == {**json.loads(render_json(GET)), name: ""}
    assert fields_of(text_line)[name] == shown[name]
    assert value.decode("latin-1").startswith(shown[name].removesuffix("..."))


@pytest.mark.parametrize("name", ["client", "upstream", "route", "cors", "reason", "error"])
def test_texts_of_our_own_are_escaped_too(name: str) -> None:
    """A reason may quote what was sent, a route's name is the file's."""
    record = GET.changed(**{name: 'a "b"\n=c\u2028'})

    assert json.loads(render_json(record))[name] == 'a "b"\n=c\u2028'
    assert fields_of(render_text(record))[name] == 'a "b"\n=c\u2028'


@given(st.binary(max_size=400), st.binary(max_size=400), st.none() | st.binary(max_size=400))
def test_any_bytes_become_one_line_that_reads_back(method: bytes, target: bytes, origin: bytes | None) -> None:
    record = GET.changed(method=method, target=target, origin=origin)
    line = render_json(record)
    shown = json.loads(line)

    assert line.isascii()
    assert line.isprintable()
    assert shown["target"] == target.decode("latin-1")
    assert shown["origin"] is None if origin is None else shown["origin"][:300] == origin.decode("latin-1")[:300]
    assert fields_of(render_text(record))["target"] == shown["target"]
