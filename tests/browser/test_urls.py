"""URLs: read as browsers read them, down to the spellings that only they take."""

import pytest

from xoproxy.browser.urls import Url, is_potentially_trustworthy, origin_of, parse

BASE = Url("http", "base.example", None, "/dir/file", "?q")


@pytest.mark.parametrize(
    ("text", "url", "origin"),
    [
        pytest.param("https://A.Example:443/a/../b?x#y", "https://a.example/b?x", b"https://a.example", id="usual"),
        pytest.param("https://a.example", "https://a.example/", b"https://a.example", id="no-path"),
        pytest.param("https://a.example?x", "https://a.example/?x", b"https://a.example", id="query-without-path"),
        pytest.param("http://a.example:8080", "http://a.example:8080/", b"http://a.example:8080", id="port"),
        pytest.param("http://a.example:", "http://a.example/", b"http://a.example", id="empty-port"),
        pytest.param("wss://a.example:443/", "wss://a.example/", b"wss://a.example", id="socket"),
        pytest.param(" \x00https://a\t.exa\nmple/\x1f ", "https://a.example/", b"https://a.example", id="stripped"),
        pytest.param("http:\\\\a.example\\b\\..\\c", "http://a.example/c", b"http://a.example", id="backslashes"),
        pytest.param("https:////a.example/", "https://a.example/", b"https://a.example", id="many-slashes"),
        pytest.param("https:a.example", "https://a.example/", b"https://a.example", id="no-slashes"),
        pytest.param("http://u:p@h@a.example/", "http://a.example/", b"http://a.example", id="userinfo"),
        pytest.param("http://[::0:1]:80/", "http://[::1]/", b"http://[::1]", id="ipv6"),
        pytest.param("http://127.1/", "http://127.0.0.1/", b"http://127.0.0.1", id="short-ipv4"),
        pytest.param("http://0x7F.1", "http://127.0.0.1/", b"http://127.0.0.1", id="hexadecimal-ipv4"),
        pytest.param("http://%61.example/", "http://a.example/", b"http://a.example", id="percent-encoded-host"),
        pytest.param(
            "https://b\u00fccher.example/\u00fc<?\u00fc'",
            "https://xn--bcher-kva.example/%C3%BC%3C?%C3%BC%27",
            b"https://xn--bcher-kva.example",
            id="not-ascii",
        ),
        pytest.param("http://a.example/%2e%2E/b/./.", "http://a.example/b/", b"http://a.example", id="encoded-dots"),
        pytest.param("http://a.example/b/..", "http://a.example/", b"http://a.example", id="up-at-the-end"),
        pytest.param("http://a.example/a//b", "http://a.example/a//b", b"http://a.example", id="empty-segment"),
        pytest.param("data:text/plain,a b?c d", "data:text/plain,a b?c%20d", b"null", id="data"),
        pytest.param("about:blank", "about:blank", b"null", id="about"),
    ],
)
def test_an_absolute_url_is_read_as_browsers_read_it(text: str, url: str, origin: bytes) -> None:
    """URL Standard §4.4; what a base could add does not matter."""
    read = parse(text)

    assert (str(read), origin_of(text)) == (url, origin)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        pytest.param("//a.example/x", "http://a.example/x", id="scheme-relative"),
        pytest.param("\\\\a.example?x", "http://a.example/?x", id="scheme-relative-backslashes"),
        pytest.param("/x?y", "http://base.example/x?y", id="path"),
        pytest.param("x", "http://base.example/dir/x", id="sibling"),
        pytest.param("../x", "http://base.example/x", id="up"),
        pytest.param("?x", "http://base.example/dir/file?x", id="query"),
        pytest.param("?", "http://base.example/dir/file?", id="empty-query"),
        pytest.param("#x", "http://base.example/dir/file?q", id="fragment"),
        pytest.param("http:x", "http://base.example/dir/x", id="same-scheme-without-slashes"),
        pytest.param("https:x", "https://x/", id="other-scheme-without-slashes"),
        pytest.param("http://x", "http://x/", id="absolute"),
    ],
)
def test_a_relative_url_is_joined(text: str, url: str) -> None:
    assert str(parse(text, BASE)) == url


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "",
        "http://",
        "http://a b/",
        "http://a:99999/",
        "http://a:" + "9" * 5000,
        "http://a:b/",
        "http://[::g]/",
        "http://a.999/",
        "http://a%00/",
        "http://a<b/",
    ],
)
def test_what_is_no_url_fails(text: str) -> None:
    assert parse(text) is None
    assert origin_of(text) == b"null"


def test_nothing_is_relative_to_what_has_no_host() -> None:
    assert parse("x", parse("data:text/plain,x")) is None


@pytest.mark.parametrize(
    ("text", "trustworthy"),
    [
        ("https://a.example", True),
        ("wss://a.example", True),
        ("http://localhost:3000", True),
        ("http://app.localhost", True),
        ("http://127.0.0.2", True),
        ("ws://[::1]", True),
        ("file:///etc", True),
        ("data:,x", True),
        ("about:blank", True),
        ("about:srcdoc", True),
        ("about:config", False),
        ("http://a.example", False),
        ("http://192.168.1.5", False),
        ("blob:x", False),
    ],
)
def test_trustworthy_is_what_comes_unaltered(text: str, trustworthy: bool) -> None:
    """Secure Contexts §3.1, §3.2."""
    url = parse(text)
    assert url is not None

    assert is_potentially_trustworthy(url) is trustworthy


@pytest.mark.parametrize(
    ("text", "scheme", "changed"),
    [
        ("http://a.example/x?y", "https", "https://a.example/x?y"),
        ("http://a.example:8080/", "https", "https://a.example:8080/"),
        ("http://a.example:443/", "https", "https://a.example/"),
        ("wss://a.example/", "https", "https://a.example/"),
    ],
)
def test_another_scheme_keeps_what_is_written_out(text: str, scheme: str, changed: str) -> None:
    url = parse(text)
    assert url is not None

    assert str(url.with_scheme(scheme)) == changed


@pytest.mark.parametrize(
    ("text", "has_userinfo"),
    [
        ("http://me@a.example", True),
        ("http://:x@a.example", True),
        ("http://:@a.example", False),
        ("http://a.example/@", False),
    ],
)
def test_user_information_is_noticed(text: str, has_userinfo: bool) -> None:
    url = parse(text)
    assert url is not None

    assert url.has_userinfo is has_userinfo
    assert url.is_http
