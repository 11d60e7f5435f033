"""A line with chosen keys has them as the whole line has them; fields of requests can neither end it nor pass for a key."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import exchange_record

from xoproxy.config.settings import LogFormat, LogKey, LogSettings
from xoproxy.telemetry.access_log import RENDERERS, renderer
from xoproxy.telemetry.records import ExchangeRecord, Trace

ALWAYS = ("time", "level", "logger", "event")
TEXTS = st.sampled_from(["", "routes[0]", "http://app:5000"]) | st.text(st.characters(codec="utf-8"), max_size=20)
BYTES = st.binary(max_size=20)
RECORDS = st.builds(
    exchange_record,
    client=TEXTS,
    started_at=st.floats(0, 4e9),
    method=BYTES,
    target=BYTES,
    host=BYTES,
    origin=st.none() | BYTES,
    status=st.integers(0, 599),
    request_bytes=st.integers(0, 2**40),
    response_bytes=st.integers(0, 2**40),
    duration_s=st.floats(0, 1e5),
    upstream_s=st.none() | st.floats(0, 1e5),
    upstream=TEXTS,
    route=TEXTS,
    cors=TEXTS,
    reason=TEXTS,
    error=TEXTS,
    generation=st.integers(0, 99),
    request_id=st.sampled_from(["", "a-1"]),
    trace=st.sampled_from([Trace(""), Trace("0af7651916cd43dd8448eb211c80319c")]),
    fields=st.just(()),
)
HOSTILE = [
    pytest.param(b'"}\n{"event":"exchange"', id="line-feed-and-quotes"),
    pytest.param(b'" status=200 fields.x="', id="keys-of-its-own"),
    pytest.param(b"\\", id="backslash-at-the-end"),
    pytest.param(b"\x00\x1b[2J\xff\x85", id="control-bytes"),
    pytest.param("\u2028\u0085".encode(), id="unicode-line-separators"),
    pytest.param(b"a" * 5000, id="long"),
    pytest.param(b"", id="empty"),
]


def words(line: str) -> dict[str, str]:
    """Return keys and values of a text line, values as they stand there."""
    found: dict[str, str] = {}
    rest = line.split(" ", 3)[3] if line.count(" ") > 2 else ""
    while rest:
        key, _, rest = rest.partition("=")
        end = json.JSONDecoder().raw_decode(rest)[1] if rest.startswith('"') else rest.index(" ") if " " in rest else len(rest)
        assert key not in found
        found[key], rest = rest[:end], rest[end:].removeprefix(" ")
    return found


@pytest.mark.parametrize("form", LogFormat)
@given(record=RECORDS)
def test_all_keys_are_the_whole_line(form: LogFormat, record: ExchangeRecord) -> None:
    """The table and the lines that are put together by hand say the same."""
    assert renderer(LogSettings(form, keys=tuple(LogKey)))(record) == RENDERERS[form](record)


@given(RECORDS, st.sets(st.sampled_from(LogKey), min_size=1))
def test_chosen_keys_are_shown_in_the_form_and_order_of_the_whole_line(record: ExchangeRecord, chosen: set[LogKey]) -> None:
    names = {*(key.value for key in chosen), *ALWAYS}
    for_json, for_text = (LogSettings(form, keys=tuple(chosen)) for form in (LogFormat.JSON, LogFormat.TEXT))
    whole_json, whole_text = (RENDERERS[form](record) for form in (LogFormat.JSON, LogFormat.TEXT))

    shown = json.loads(renderer(for_json)(record))
    line = renderer(for_text)(record)

    assert list(shown.items()) == [item for item in json.loads(whole_json).items() if item[0] in names]
    assert list(words(line).items()) == [item for item in words(whole_text).items() if item[0] in names]
    assert line.split(" ")[:3] == whole_text.split(" ")[:3]


@pytest.mark.parametrize("keys", [(), (LogKey.STATUS,)])
def test_fields_of_requests_stand_at_the_end(keys: tuple[LogKey, ...]) -> None:
    """In JSON one that was not sent is null; in text it is left out."""
    names = ("user-agent", "referer")
    record = exchange_record("::1", 0.0, status=204, fields=(("user-agent", b'curl "8"'), ("referer", None)))
    plain = {form: renderer(LogSettings(form, keys=keys))(record) for form in LogFormat}

    shown = renderer(LogSettings(keys=keys, request_fields=names))(record)
    line = renderer(LogSettings(LogFormat.TEXT, keys=keys, request_fields=names))(record)

    assert shown == plain[LogFormat.JSON][:-1] + ',"fields":{"user-agent":"curl \\"8\\"","referer":null}}'
    assert line == plain[LogFormat.TEXT] + ' fields.user-agent="curl \\"8\\""'


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("keys", [(), (LogKey.STATUS,)])
def test_no_field_forges_a_line(keys: tuple[LogKey, ...], value: bytes) -> None:
    record = exchange_record("::1", 0.0, status=204, fields=(("a", value), ("b", b"last")))
    bare = record.changed(fields=(("a", b""), ("b", b"last")))
    for form in LogFormat:
        render = renderer(LogSettings(form, keys=keys, request_fields=("a", "b")))
        line = render(record)

        assert line.isascii()
        assert line.isprintable()
        assert len(line) < 4000
        if form is LogFormat.JSON:
            shown, expected = json.loads(line), json.loads(render(bare))
            said = shown["fields"].pop("a")
            del expected["fields"]["a"]
        else:
            shown, expected = words(line), words(render(bare))
            said = json.loads(shown.pop("fields.a"))
            del expected["fields.a"]
        assert shown == expected
        assert value.decode("latin-1").startswith(said.removesuffix("..."))
