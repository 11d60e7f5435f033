"""Origins are compared as bytes; sets of them are what a naive reading of their patterns says.  (RFC 6454)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.semantics.origins import (
    DEFAULT_PORTS,
    MAX_ORIGIN_BYTES,
    Origin,
    OriginPattern,
    OriginSet,
    own_origin,
    parse_origin,
)


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        pytest.param(b"https://a.example", Origin(b"https", b"a.example", 443), id="https"),
        pytest.param(b"http://a.example", Origin(b"http", b"a.example", 80), id="http"),
        pytest.param(b"https://a.example:8443", Origin(b"https", b"a.example", 8443), id="port"),
        pytest.param(b"http://a.example:443", Origin(b"http", b"a.example", 443), id="another-schemes-default"),
        pytest.param(b"https://a.example:65535", Origin(b"https", b"a.example", 65535), id="last-port"),
        pytest.param(b"http://localhost:1", Origin(b"http", b"localhost", 1), id="first-port"),
        pytest.param(b"http://127.0.0.1:3000", Origin(b"http", b"127.0.0.1", 3000), id="ipv4"),
        pytest.param(b"http://[::1]", Origin(b"http", b"[::1]", 80), id="ipv6"),
        pytest.param(b"http://[2001:db8::1]:3000", Origin(b"http", b"[2001:db8::1]", 3000), id="ipv6-port"),
        pytest.param(b"https://xn--bcher-kva.example", Origin(b"https", b"xn--bcher-kva.example", 443), id="punycode"),
        pytest.param(b"https://a_b.example", Origin(b"https", b"a_b.example", 443), id="underscore"),
        pytest.param(b"https://" + b"a" * 63 + b".example", Origin(b"https", b"a" * 63 + b".example", 443), id="longest-label"),
        pytest.param(b"chrome-extension://abc", Origin(b"chrome-extension", b"abc", 0), id="another-scheme"),
        pytest.param(b"app+x.y://abc:1", Origin(b"app+x.y", b"abc", 1), id="odd-scheme"),
    ],
)
def test_serialized_origins_are_read_and_written_back(value: bytes, origin: Origin) -> None:
    """RFC 6454 §6.2; the default port is left out and only the default port."""
    assert parse_origin(value) == origin
    assert origin.serialize() == value


@pytest.mark.parametrize(
    "value",
    [
        b"", b"null", b"*", b"a.example", b"//a.example", b"https:a.example", b"https:/a.example", b"https://",
        b"https://a.example/", b"https://a.example?", b"https://a.example#", b"https://a.example/x", b"https://a.example:",
        b"https://a.example:443", b"http://a.example:80", b"https://a.example:0", b"https://a.example:00443",
        b"https://a.example:65536", b"https://a.example:99999", b"https://a.example:123456", b"https://a.example:+1",
        b"https://a.example:1x", b"HTTPS://a.example", b"https://A.example", b"https://a.example.", b"https://.a.example",
        b"https://a..example", b"https://-a.example", b"https://a-.example", b"https://a.example-", b"https://u@a.example",
        b"https://u:p@a.example", b"https://a b", b" https://a.example", b"https://a.example ", b"https://a.example\n",
        b"https://a.example, https://a.example", b"https://a.example https://b.example", b"https://\xc3\xa4.example",
        b"https://a%2eexample", b"https://[::1", b"https://::1", b"https://[]", b"https://[::G]", b"https://[::1]x",
        b"https://[v1.x]", b"1https://a.example", b"h_ttps://a.example", b"://a.example", b"https://*.example",
        b"https://" + b"a" * 64 + b".example", b"https://" + b"a." * (MAX_ORIGIN_BYTES // 2) + b"example",
    ],
)  # fmt: skip
def test_nothing_else_is_an_origin(value: bytes) -> None:
    """What no browser serializes is never granted: no case folding, no trimming, no repair."""
    assert parse_origin(value) is None


labels = st.from_regex(rb"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=1, max_size=4).map(b".".join)
origins = st.builds(Origin, st.sampled_from([b"http", b"https"]), hosts, st.integers(1, 65535))


@given(origins)
def test_round_trip(origin: Origin) -> None:
    """Writing and reading are inverse."""
    assert parse_origin(origin.serialize()) == origin


@given(st.binary(max_size=40) | st.text(alphabet="htps:/a.-[1]", max_size=30).map(str.encode))
def test_what_parses_serializes_to_the_same_bytes(value: bytes) -> None:
    """So a comparison of bytes is a comparison of origins."""
    origin = parse_origin(value)

    assert origin is None or origin.serialize() == value


# Few names, so that patterns and origins meet.
NAMES = (b"example", b"a.example", b"b.a.example", b"ba.example", b"c.b.a.example", b"a.example.test", b"x-a.example")
patterns = st.builds(
    OriginPattern,
    st.sampled_from([b"http", b"https"]),
    st.sampled_from(NAMES),
    st.sampled_from([None, 80, 443, 8080]),
    st.booleans(),
)
near = st.builds(Origin, st.sampled_from([b"http", b"https"]), st.sampled_from(NAMES), st.sampled_from([80, 443, 8080, 81]))


def naively_covers(pattern: OriginPattern, origin: Origin) -> bool:
    """Say by the words of the file whether a pattern covers an origin."""
    labels, suffix = origin.host.split(b"."), pattern.host.split(b".")
    below, label_count = labels[-len(suffix) :] == suffix, len(labels) - len(suffix)
    host = below and (label_count > 0 if pattern.any_subdomain else label_count == 0)
    return host and origin.scheme == pattern.scheme and pattern.port in (None, origin.port)


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        pytest.param(OriginPattern(b"https", b"a.example", 443), b"https://a.example", b"https://a.example:8443", id="exact"),
        pytest.param(OriginPattern(b"http", b"lan", None), b"http://lan:81", b"https://lan:81", id="any-port"),
        pytest.param(OriginPattern(b"https", b"a.example", 443, True), b"https://x.a.example", b"https://a.example", id="sub"),
        pytest.param(OriginPattern(b"https", b"lan", None, True), b"https://x.lan:81", b"http://x.lan:81", id="sub-any-port"),
    ],
)  # fmt: skip
def test_each_kind_of_pattern(pattern: OriginPattern, covered: bytes, not_covered: bytes) -> None:
    """By itself, and beside one of another kind."""
    for some in ([pattern], [OriginPattern(b"http", b"other", None), pattern], [pattern, OriginPattern(b"http", b"other", 80)]):
        assert OriginSet(some).covers(covered)
        assert not OriginSet(some).covers(not_covered)
    assert not OriginSet([]).covers(covered)


@given(st.lists(patterns, max_size=5), near)
def test_a_set_covers_what_any_of_its_patterns_covers(some: list[OriginPattern], origin: Origin) -> None:
    """Two implementations of one idea: look-ups, and labels compared one by one."""
    assert OriginSet(some).covers(origin.serialize()) is any(naively_covers(pattern, origin) for pattern in some)


@given(st.lists(patterns, max_size=5), st.binary(max_size=30))
def test_no_set_covers_what_is_no_origin(some: list[OriginPattern], value: bytes) -> None:
    """Whatever is in it."""
    assert not OriginSet(some).covers(value)


@given(st.lists(patterns, min_size=1, max_size=5), near, st.sampled_from([b"/", b".", b" ", b"@x", b":", b"\0"]))
def test_no_set_covers_an_origin_with_something_appended(some: list[OriginPattern], origin: Origin, more: bytes) -> None:
    """The whole value must be covered."""
    assert not OriginSet(some).covers(origin.serialize() + more)


@pytest.mark.parametrize(
    ("pattern", "text", "exact"),
    [
        pytest.param(OriginPattern(b"https", b"a.example", 443), "https://a.example", True, id="exact"),
        pytest.param(OriginPattern(b"http", b"a.example", 8080), "http://a.example:8080", True, id="exact-port"),
        pytest.param(OriginPattern(b"https", b"a.example", 443, True), "https://*.a.example", False, id="sub"),
        pytest.param(OriginPattern(b"https", b"a.example", 8443, True), "https://*.a.example:8443", False, id="sub-port"),
        pytest.param(OriginPattern(b"http", b"localhost", None), "http://localhost:*", False, id="ports"),
        pytest.param(OriginPattern(b"http", b"lan", None, True), "http://*.lan:*", False, id="both"),
    ],
)  # fmt: skip
def test_patterns_are_told_as_the_file_writes_them(pattern: OriginPattern, text: str, exact: bool) -> None:
    """`text` is what messages show, and what the plans of exact origins are keyed by."""
    assert (pattern.text(), pattern.is_exact) == (text, exact)


@given(st.sampled_from([b"http", b"https"]), hosts, st.integers(1, 65535))
def test_own_origin_is_the_serialization(scheme: bytes, host: bytes, port: int) -> None:
    """Of the authority a browser would write, in any case, the default port written or not."""
    serialized = Origin(scheme, host, port).serialize()

    assert own_origin(scheme, host.upper() + b":%d" % port) == serialized
    if port == DEFAULT_PORTS[scheme]:
        assert own_origin(scheme, host) == serialized


def test_own_origin_cuts_a_port_not_a_name() -> None:
    """``:80`` at the end is a port only if it is one."""
    assert own_origin(b"http", b"[fe80::80]") == b"http://[fe80::80]"
    assert own_origin(b"http", b"[fe80::80]:80") == b"http://[fe80::80]"
    assert own_origin(b"http", b"a:8080") == b"http://a:8080"
    assert own_origin(b"odd", b"a:80") == b"odd://a:80"


def test_a_list_that_several_share_is_one_set_while_it_is_in_use() -> None:
    """By identity: to compare two long lists would cost what it saves."""
    patterns = (OriginPattern(b"https", b"a.example", 443), OriginPattern(b"https", b"b.example", 443))
    kept = OriginSet.shared(patterns)

    assert OriginSet.shared(patterns) is kept
    assert OriginSet.shared(patterns[:1]) is not kept
    assert [kept.covers(b"https://b.example"), OriginSet.shared(patterns[:1]).covers(b"https://b.example")] == [True, False]
