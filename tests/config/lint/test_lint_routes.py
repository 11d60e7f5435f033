"""Routes behind routes that take all their requests: what is told is certain, whatever the globs."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lints import lints

from xoproxy.config.lint import globs
from xoproxy.config.lint.globs import covers, read_glob
from xoproxy.policy.matching import compile_path


def routes(*matches: str) -> str:
    """Return `routes` with these matches; plain http, so that nothing else is to be said."""
    return "routes:\n" + "".join(f"- {{match: {match}, policy: {{corp: same-origin}}}}\n" for match in matches)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{path: /a}", "{path: /a}"),
        ("{path: /api/**}", "{path: /api}"),
        ("{path: /api/**}", "{path: /api/x/y}"),
        ("{path: /api/**}", "{path: /api/*/items/**}"),
        ("{path: /a/*}", "{path: /a/b}"),
        ("{path: /a/*/c}", "{path: /a/b/c}"),
        ("{path: /**.js}", "{path: /static/*.js}"),
        ("{path: /a**b}", "{path: /a/x*b}"),
        ("{path: /a}", "{path: /a, methods: [GET]}"),
        ("{path: /a, methods: [GET, PUT]}", "{path: /a, methods: [PUT]}"),
        ("{host: a.example}", "{host: a.example, path: /x}"),
        ("{host: '*.example'}", "{host: a.example}"),
        ("{host: '*.example'}", "{host: '*.a.example'}"),
        ("{path: /x}", "{host: a.example, path: /x}"),
        ("{methods: [GET]}", "{methods: [GET], path: /x}"),
        ("{destinations: [document, iframe]}", "{destinations: [iframe]}"),
        ("{headers: {X-Client: 'mobile-*'}}", "{headers: {X-Client: 'mobile-*'}, path: /x}"),
    ],
)
def test_route_that_an_earlier_one_covers(first: str, second: str) -> None:
    assert lints(routes(first, second)) == ["XO330"]
    if first != second:
        assert lints(routes(second, first)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{path: /api/*}", "{path: /api/**}"),
        ("{path: /api/*}", "{path: /api}"),
        ("{path: /api}", "{path: /apis}"),
        ("{path: /a*c}", "{path: /a**c}"),
        ("{path: /a/b*}", "{path: /a/*}"),
        ("{path: /a, methods: [GET]}", "{path: /a}"),
        ("{path: /a, methods: [GET]}", "{path: /a, methods: [GET, PUT]}"),
        ("{host: '*.example'}", "{host: example}"),
        ("{host: a.example}", "{path: /x}"),
        ("{host: b.example}", "{host: a.example}"),
        ("{host: '*.a.example'}", "{host: '*.example'}"),
        ("{path: /**}", "{methods: [GET]}"),  # OPTIONS * has no path
        ("{destinations: [document]}", "{path: /x}"),
        ("{headers: {X-Client: 'mobile-*'}}", "{headers: {X-Client: '*'}}"),
        ("{headers: {X-A: '1', X-B: '2'}}", "{headers: {X-A: '1'}}"),
    ],
)
def test_route_that_still_gets_requests(first: str, second: str) -> None:
    assert lints(routes(first, second)) == []


def test_route_that_ends_covers_nothing_for_good() -> None:
    ends = routes("{path: /a/**}", "{path: /a/b}").replace("}}\n", "}, expires: 2027-06-30, reason: moving}\n", 1)

    assert "expires" in ends
    assert lints(ends) == []


def test_route_behind_one_that_takes_everything_is_told_once() -> None:
    """XO304 says it already, and of those before it nothing is left to say."""
    assert lints(routes("{path: /a}", "{}", "{path: /a}")) == ["XO304"]


def test_many_routes_alike_are_not_all_compared() -> None:
    """The first fifty of one host and one begin of path are."""
    many = [f"{{path: /*/x{number}}}" for number in range(60)]

    assert lints(routes(*many)) == []
    assert lints(routes(*many, "{path: /a/x3}")) == ["XO330"]
    assert lints(routes(*many, "{path: /a/x57}")) == []


def test_covered_route_covers_others_all_the_same() -> None:
    assert lints(routes("{path: /a/**}", "{path: /a/b/**}", "{path: /a/b/c}")) == ["XO330"]


_GLOBS = st.lists(st.sampled_from(["/", "a", "b", "*", "**", "/**"]), max_size=6).map(
    lambda parts: re.sub(r"\*{3,}", "**", "/" + "".join(parts))
)
_PATHS = st.text("/abc", max_size=6).map(lambda text: "/" + text)


@settings(max_examples=400, deadline=None)
@given(_GLOBS, _GLOBS, st.lists(_PATHS, max_size=8))
def test_covering_glob_takes_all_paths_of_the_other(wide: str, narrow: str, paths: list[str]) -> None:
    """Soundness, against the patterns that routes are found by."""
    first, second = compile_path(wide), compile_path(narrow)
    if covers(read_glob(wide), read_glob(narrow)):
        paths = [*paths, read_glob(narrow).sample()]

        assert all(first.fullmatch(path.encode()) for path in paths if second.fullmatch(path.encode()))


@settings(max_examples=200, deadline=None)
@given(_GLOBS, _GLOBS)
def test_glob_that_covers_not_misses_a_short_path(wide: str, narrow: str) -> None:
    """Completeness: what is not covered has a witness among all short paths over three letters."""
    first, second = compile_path(wide), compile_path(narrow)
    taken = [path for path in SHORT if second.fullmatch(path)]

    if taken and all(first.fullmatch(path) for path in taken) and len(wide) <= 4 and len(narrow) <= 4:
        assert covers(read_glob(wide), read_glob(narrow))


def _short(length: int) -> list[bytes]:
    shorter = _short(length - 1) if length else [b""]
    return [b"", *(path + letter for path in shorter for letter in (b"/", b"a", b"b", b"c"))] if length else shorter


SHORT = [b"/" + path for path in _short(5)]


@settings(max_examples=200, deadline=None)
@given(_GLOBS)
def test_glob_takes_its_own_sample_and_covers_itself(glob: str) -> None:
    read = read_glob(glob)

    assert compile_path(glob).fullmatch(read.sample().encode())
    assert covers(read, read)


def test_globs_that_take_too_long_are_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    wide, narrow = read_glob("/a/**/b*"), read_glob("/a/**/c/bc*d")

    assert covers(wide, narrow)
    monkeypatch.setattr(globs, "MAX_STEPS", 3)
    assert not covers(wide, narrow)
