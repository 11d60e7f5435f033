"""Targets: which forms go on, and the path that routes see.  (RFC 9112 §3.2, RFC 3986 §5.2.4, §6.2.2)"""

from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.semantics import targets
from xoproxy.semantics.targets import check_target, origin_form, route_path


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        pytest.param(b"GET", b"/", None, id="origin-form"),
        pytest.param(b"GET", b"//b.example/x", None, id="two-slashes-are-a-path"),
        pytest.param(b"GET", b"http://a.example", None, id="absolute-form"),
        pytest.param(b"GET", b"https://A.EXAMPLE/x?y", None, id="absolute-form-case"),
        pytest.param(b"OPTIONS", b"*", None, id="asterisk-form"),
        pytest.param(b"GET", b"*", 400, id="asterisk-form-of-get"),
        pytest.param(b"options", b"*", 400, id="asterisk-form-lower-case"),
        pytest.param(b"CONNECT", b"a.example:443", 501, id="authority-form"),
        pytest.param(b"CONNECT", b"/", 501, id="connect-anywhere"),
        pytest.param(b"connect", b"/", None, id="connect-is-case-sensitive"),
        pytest.param(b"GET", b"", 400, id="empty"),
        pytest.param(b"GET", b"x", 400, id="relative"),
        pytest.param(b"GET", b"?x", 400, id="query"),
        pytest.param(b"GET", b"http:/a.example/", 400, id="one-slash"),
        pytest.param(b"GET", b"http://b.example/", 400, id="another-host"),
        pytest.param(b"GET", b"http://a.example.evil.test/", 400, id="suffix"),
        pytest.param(b"GET", b"http://a.example@b.example/", 400, id="userinfo"),
        pytest.param(b"GET", b"http://a.example:80/", 400, id="port"),
        pytest.param(b"GET", b"ws://a.example/", 400, id="another-scheme"),
    ],
)
def test_forms(method: bytes, target: bytes, status: int | None) -> None:
    """An absolute-form must name Host's authority: a backend may believe either (RFC 9112 §3.2.2)."""
    fault = check_target(method, target, b"a.example")

    assert (fault.status if fault else None) == status


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", b"/"),
        (b"/a/b?c/../d", b"/a/b"),
        (b"/a?", b"/a"),
        (b"/?a", b"/"),
        (b"*", b"*"),
        (b"http://a.example", b"/"),
        (b"http://a.example?q", b"/"),
        (b"http://a.example/x/../y?q", b"/y"),
        (b"HTTPS://a.example/%61", b"/a"),
        (b"/%41%2f%3F%25", b"/A/?%"),
        (b"/%", b"/%"),
        (b"/%4", b"/%4"),
        (b"/%zz", b"/%zz"),
        (b"/%2541", b"/%41"),
        (b"/%00", b"/\0"),
        (b"/+", b"/+"),
        (b"/%C3%A9", b"/\xc3\xa9"),
        (b"//a", b"//a"),
        (b"/a//b/", b"/a//b/"),
        # RFC 3986 §5.2.4
        (b"/a/b/c/./../../g", b"/a/g"),
        (b"/.", b"/"),
        (b"/..", b"/"),
        (b"/a/.", b"/a/"),
        (b"/a/..", b"/"),
        (b"/a/b/..", b"/a/"),
        (b"/../../a", b"/a"),
        (b"/a/./b", b"/a/b"),
        (b"/a//../b", b"/a/b"),
        (b"/...", b"/..."),
        (b"/.a/..b/c..", b"/.a/..b/c.."),
        (b"/%2e%2E/a/%2e./b", b"/b"),
        (b"/a%2f..%2fb", b"/b"),
        (b"/a/..;/b", b"/a/..;/b"),
        (b"garbage", b"/"),
        (b"", b"/"),
    ],
)
def test_paths(target: bytes, path: bytes) -> None:
    """Decoded once, dot segments removed after decoding, nothing else."""
    assert route_path(target) == path


def remove_dot_segments(path: bytes) -> bytes:
    """Do what RFC 3986 §5.2.4 says, letter by letter."""
    out = b""
    while path:
        if path.startswith(b"/./") or path == b"/.":
            path = b"/" + path[3:]
        elif path.startswith(b"/../") or path == b"/..":
            path = b"/" + path[4:]
            out = out.rpartition(b"/")[0]
        else:
            at = path.find(b"/", 1)
            at = len(path) if at < 0 else at
            out, path = out + path[:at], path[at:]
    return out


segments = st.lists(st.sampled_from([b"", b".", b"..", b"a", b"b.", b"..c", b"\xff"]), min_size=1, max_size=8)


@given(segments, st.booleans())
def test_dot_segments_go_as_the_rfc_says(parts: list[bytes], encoded: bool) -> None:
    """Two implementations of one algorithm, on encoded and plain paths."""
    path = b"/" + b"/".join(parts)
    target = b"/" + b"/".join(b"".join(b"%%%02x" % c for c in part) for part in parts) if encoded else path

    assert route_path(target) == remove_dot_segments(path)


@given(segments)
def test_all_spellings_of_a_path_are_one_path(parts: list[bytes]) -> None:
    """Encoding a byte, or not, does not choose another route."""
    path = b"/".join(parts)
    spellings = {b"/" + quote_from_bytes(path, safe=safe).encode() for safe in ("/", "", "/.a")}
    spellings.add(b"/" + b"".join(b"%%%02X" % byte for byte in path))

    assert len({route_path(spelling) for spelling in spellings}) == 1


@given(st.binary(max_size=60))
def test_any_target_has_a_path(target: bytes) -> None:
    """Never an exception, and always something a glob can be held against."""
    path = route_path(target)

    assert path == b"*" or path.startswith(b"/")


def test_a_long_hostile_path_is_read_in_one_pass() -> None:
    """A megabyte of each kind: this ends, or it does not."""
    for part in (b"/..", b"/%2e%2e", b"/.", b"//", b"%", b"/a/.."):
        assert route_path(b"/" + part * (1_000_000 // len(part)))


@pytest.mark.parametrize(
    ("target", "form"),
    [
        (b"/a?b", b"/a?b"),
        (b"//a", b"//a"),
        (b"*", b"*"),
        (b"http://a.example", b"/"),
        (b"http://a.example?b", b"/?b"),
        (b"HTTPS://a.example:8443/b?c=/d?", b"/b?c=/d?"),
        (b"ftp://a.example/b", b"ftp://a.example/b"),
    ],
)
def test_origin_form_is_what_is_asked_of_the_server_itself(target: bytes, form: bytes) -> None:
    assert origin_form(target) == form


@given(st.lists(st.sampled_from([b"/", b".", b";", b"%", b"\\", b"2", b"f", b"5c", b"a", b"?"]), max_size=8).map(b"".join))
def test_what_passes_for_plain_is_read_in_one_way(path: bytes) -> None:
    """The quick look finds all that the pattern does, and more."""
    assert targets._may_be_doubtful(path) or targets._DOUBTFUL.search(path) is None
