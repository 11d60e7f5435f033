"""Each request is part of a trace: the client's, if it names one as it should, or one that begins here."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.generations import generation, upstream
from support.planes import Proxy, Serve
from support.wire import Backend

from xoproxy.config.settings import Endpoint, LogSettings, TracingSettings
from xoproxy.dataplane.logged_fields import LoggedFields
from xoproxy.dataplane.traces import PARENT, STATE, Traces, both
from xoproxy.semantics.field_lines import request_reader
from xoproxy.semantics.forwarded import Hop
from xoproxy.semantics.forwarding import request_for_upstream
from xoproxy.semantics.heads import RequestHead, read_request_head
from xoproxy.telemetry.records import UNTRACED, ExchangeRecord, Trace

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE_ID}-{PARENT_ID}-01".encode()
SENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])")
HOP = Hop(b"203.0.113.9", b"http", None)

INVALID = [
    pytest.param((), id="none"),
    pytest.param((b"",), id="empty"),
    pytest.param((b"garbage",), id="garbage"),
    pytest.param((GIVEN.upper(),), id="upper-case"),
    pytest.param((b"ff" + GIVEN[2:],), id="version-ff"),
    pytest.param((GIVEN.replace(TRACE_ID.encode(), b"0" * 32),), id="trace-of-zeros"),
    pytest.param((GIVEN.replace(PARENT_ID.encode(), b"0" * 16),), id="parent-of-zeros"),
    pytest.param((GIVEN + b"-more",), id="more-in-version-00"),
    pytest.param((GIVEN[:-1],), id="too-short"),
    pytest.param((b"01" + GIVEN[2:] + b"x",), id="later-version-without-hyphen"),
    pytest.param((GIVEN + b", " + GIVEN,), id="two-in-one-line"),
    pytest.param((GIVEN, GIVEN), id="two-lines"),
    pytest.param((b"\xe9" * 55,), id="latin-1"),
]


@pytest.fixture
async def tracing(serve: Serve, backend: Backend) -> Proxy:
    return await serve(generation(upstream(backend.endpoint), request_id="X-Request-Id", tracing=TracingSettings()))


async def forwarded(proxy: Proxy, backend: Backend, *lines: bytes) -> tuple[bytes, ExchangeRecord]:
    """Return the head that the upstream sees, and the record."""
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
    origin = await backend.accept()
    request = await origin.read_request()
    await origin.send(OK)
    await client.read_response()
    return request.head, await proxy.record()


def values(block: bytes, name: bytes) -> list[bytes]:
    """Return the values of a field in a head, as they stand there."""
    return re.findall(rb"(?i)\n" + name + rb":[ \t]*([^\r]*)", block)


async def test_a_valid_trace_goes_on_with_our_span_as_the_parent(tracing: Proxy, backend: Backend) -> None:
    """What else the client says of it stays as it came, in all its lines."""
    lines = (b"TRACEPARENT:  " + GIVEN + b"\t", b"tracestate: a=1", b"X: 1", b"Tracestate:b=2 , c=3")
    block, record = await forwarded(tracing, backend, *lines)

    (sent,) = values(block, b"traceparent")
    found = SENT.fullmatch(sent)
    assert found is not None
    assert (found[1].decode(), found[3]) == (TRACE_ID, b"01")
    assert found[2].decode() != PARENT_ID
    assert block.startswith(b"GET / HTTP/1.1\r\nHost: h\r\ntracestate: a=1\r\nX: 1\r\nTracestate:b=2 , c=3\r\n")
    assert record.trace == Trace(TRACE_ID, found[2].decode(), PARENT_ID, True, "1.1", "http")


@pytest.mark.parametrize("given_values", INVALID)
async def test_else_a_trace_begins_here(tracing: Proxy, backend: Backend, given_values: tuple[bytes, ...]) -> None:
    """Exactly one goes on, and nothing of what the client said; what else changes in the head changes too."""
    lines = [b"traceparent: " + value for value in given_values]
    block, record = await forwarded(tracing, backend, *lines, b"tracestate: a=1", b"X-Request-Id: a b", b"Y: 1")

    (sent,) = values(block, b"traceparent")
    assert sent.decode() == f"00-{record.trace.trace_id}-{record.trace.span_id}-01"
    assert SENT.fullmatch(sent)
    assert record.trace.trace_id != TRACE_ID
    assert record.trace.parent_id == ""
    assert values(block, b"tracestate") == []
    assert [value.decode() for value in values(block, b"x-request-id")] == [record.request_id]
    assert block.startswith(b"GET / HTTP/1.1\r\nHost: h\r\nY: 1\r\n")


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (GIVEN[:-2] + b"00", b"00"),
        (GIVEN[:-2] + b"03", b"03"),  # random-trace-id, of level 2
        (GIVEN[:-2] + b"ff", b"03"),  # what nobody knows is zero
        (b"42" + GIVEN[2:], b"01"),
        (b"42" + GIVEN[2:] + b"-what-comes-later", b"01"),
    ],
)
def test_flags_that_are_known_go_on_and_later_versions_are_read_as_ours(value: bytes, flags: bytes) -> None:
    trace, (_, line) = Traces(TracingSettings()).of(head(value), secure=True)

    assert (trace.trace_id, trace.parent_id, trace.is_sampled, trace.scheme) == (TRACE_ID, PARENT_ID, flags != b"00", "https")
    assert line == b"traceparent: 00-%b-%b-%b\r\n" % (TRACE_ID.encode(), trace.span_id.encode(), flags)


async def test_without_tracing_its_fields_pass_as_they_came(proxy: Proxy, backend: Backend) -> None:
    """Byte for byte, whatever they are."""
    lines = (b"TraceParent:garbage \t", b"tracestate:", b"traceparent: " + GIVEN, b"TRACEPARENT: " + GIVEN)
    block, record = await forwarded(proxy, backend, *lines)

    assert block.startswith(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"\r\n".join(lines) + b"\r\n")
    assert record.trace is UNTRACED


async def test_own_answers_and_refused_heads_are_part_of_a_trace_too(serve: Serve) -> None:
    proxy = await serve(generation(upstream(Endpoint("127.0.0.1", 1)), tracing=TracingSettings()))
    exported: list[ExchangeRecord] = []
    proxy.plane.export = exported.append
    for request in (b"GET / HTTP/1.1\r\nHost: h\r\n", b"GET / HTTP/1.1\r\nHost : h\r\n"):
        client = await proxy.ask(request + b"traceparent: " + GIVEN + b"\r\n\r\n")
        await client.read_response()

    assert [record.status for record in proxy.records] == [502, 400]
    assert [record.trace.parent_id for record in proxy.records] == [PARENT_ID, PARENT_ID]
    assert exported == proxy.records


async def test_only_sampled_traces_are_exported(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), tracing=TracingSettings(sample=0.0)))
    exported: list[ExchangeRecord] = []
    proxy.plane.export = exported.append
    block, record = await forwarded(proxy, backend)

    assert values(block, b"traceparent")[0].endswith(b"-00")
    assert not record.trace.is_sampled
    assert exported == []


def head(*parents: bytes, states: tuple[bytes, ...] = ()) -> RequestHead:
    """Return a head with these values of traceparent, and of tracestate."""
    lines = [*(b"Traceparent: " + value for value in parents), *(b"tracestate:" + value for value in states)]
    block = b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    read = read_request_head(block, request_reader((PARENT, STATE)))
    assert isinstance(read, RequestHead)
    return read


def reference(value: str) -> bool:
    """Whether a value is valid, in the words of the standard.  (W3C Trace Context §3.2.2, §4.3)"""
    parts = value.split("-")
    if len(parts) < 4 or (parts[0] == "00" and len(parts) > 4):
        return False
    sizes_fit = [len(part) for part in parts[:4]] == [2, 32, 16, 2]
    is_hex = all(set(part) <= set("0123456789abcdef") for part in parts[:4])
    return sizes_fit and is_hex and parts[0] != "ff" and set(parts[1]) != {"0"} and set(parts[2]) != {"0"}


HEX = "0123456789abcdef"
PARENTS = st.builds(
    "-".join,
    st.tuples(
        st.sampled_from(["00", "01", "cc", "ff", "0", "0A"]),
        st.text(HEX, min_size=32, max_size=32) | st.sampled_from(["0" * 32, TRACE_ID.upper(), TRACE_ID[1:]]),
        st.text(HEX, min_size=16, max_size=16) | st.sampled_from(["0" * 16, PARENT_ID + "0"]),
        st.text(HEX, min_size=2, max_size=2) | st.sampled_from(["1", "0g", "01-", "01-a-b", "01.x"]),
    ),
) | st.text("0af-", max_size=60)


@given(PARENTS, st.floats(0, 1))
@example(GIVEN.decode(), 0.0)
def test_what_goes_on_is_always_valid_and_continues_what_was(value: str, sample: float) -> None:
    trace, (cuts, line) = Traces(TracingSettings(sample)).of(head(value.encode(), states=(b"a=1",)), secure=False)

    sent = line.removeprefix(b"traceparent: ").removesuffix(b"\r\n").decode()
    assert reference(sent)
    assert sent.startswith(f"00-{trace.trace_id}-{trace.span_id}-")
    assert trace.is_sampled is bool(int(sent[-2:], 16) & 1)
    if reference(value):
        assert (trace.trace_id, trace.parent_id) == (value.split("-")[1], value.split("-")[2])
        assert len(cuts) == 1
    else:
        assert trace.parent_id == ""
        assert len(cuts) == 2


@given(st.integers(0, 1000).map(lambda number: number / 1000))
def test_as_many_begun_traces_are_sampled_as_is_said(sample: float) -> None:
    """By one half of their ids, which other samplers look at too."""
    traces = Traces(TracingSettings(sample))
    begun = [traces.of(head(), secure=False)[0] for _ in range(40)]

    assert [trace.is_sampled for trace in begun] == [int(trace.trace_id[16:], 16) < sample * 2**64 for trace in begun]
    assert len({trace.trace_id for trace in begun}) == len({trace.span_id for trace in begun}) == 40


def test_two_processes_do_not_make_the_same_ids() -> None:
    first, second = (Traces(TracingSettings()).of(head(), secure=False)[0] for _ in range(2))

    assert first.trace_id != second.trace_id


def test_two_edits_of_one_head_are_both_made() -> None:
    """Spans in any order, also one that both take out."""
    edited = head(GIVEN, states=(b"a=1",))
    tail = edited.tail
    parent, state = tail.index(b"Traceparent"), tail.index(b"tracestate")
    first = ((state, len(tail) - 2), (parent, state)), b"A: 1\r\n"
    edit = both(first, (((parent, state),), b"B: 2\r\n"))

    sent = request_for_upstream(edited, HOP, b"h", edit)

    assert sent.startswith(b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For")
    assert b"A: 1\r\nB: 2\r\n" in sent


async def test_values_of_the_chosen_fields_are_in_the_record(serve: Serve, backend: Backend) -> None:
    """Several lines as one value, None for a field that was not sent; no other field."""
    log = LogSettings(request_fields=("user-agent", "referer", "x-a"))
    proxy = await serve(generation(upstream(backend.endpoint), log=log))
    lines = (b"USER-agent:  curl/8 \t", b"X-A: 1", b"X-AB: no", b"Cookie: secret", b"x-a: 2")
    _, record = await forwarded(proxy, backend, *lines)

    assert record.fields == (("user-agent", b"curl/8"), ("referer", None), ("x-a", b"1, 2"))


@given(st.lists(st.tuples(st.sampled_from([b"A", b"a", b"b", b"ab"]), st.binary(max_size=700)), max_size=6))
def test_a_field_is_all_of_its_lines_and_nothing_else(lines: list[tuple[bytes, bytes]]) -> None:
    lines = [(name, re.sub(rb"[\r\n\0]", b"", value).strip(b" \t")) for name, value in lines]
    block = b"GET / HTTP/1.1\r\n" + b"".join(name + b": " + value + b"\r\n" for name, value in lines) + b"\r\n"

    ((name, value),) = LoggedFields(("a",)).of(block)

    whole = [value for name, value in lines if name.lower() == b"a"]
    assert name == "a"
    assert value == (b", ".join(whole)[:512] if whole else None)
