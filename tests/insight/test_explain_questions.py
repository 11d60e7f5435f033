"""A question is read from words, or refused with what to write instead."""

import pytest
from support.configs import compiled

from xoproxy.browser.model import NULL_ORIGIN, CredentialsMode, Engine, Mode, WireResponse
from xoproxy.insight.explaining import Asked, Question, QuestionError, read_question

HEAD = "version: 1\nupstream: http://web:3000\n"
NO_HOSTS = compiled(HEAD + "listen: 0.0.0.0:8080\n")
ONE_HOST = compiled(HEAD + "routes: [{match: {host: api.example.com}}, {match: {path: /x}}]\n")
HOSTS = compiled(HEAD + "routes: [{match: {host: a.example.com}}, {match: {host: b.example.com}}]\n")
WILDCARD = compiled(HEAD + "routes: [{match: {host: '*.example.com'}}]\n")
UNIX = compiled(HEAD + "listen: unix:/run/x.sock\n")
TLS = compiled(HEAD + "listen: [{address: ':8443', tls: {certificate: /c, key: /k}}]\n")
API = "https://api.example.com/v1"


def read(**words: object) -> Question:
    return read_question(Asked(**{"method": "GET", "url": API, **words}), NO_HOSTS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("loaded", "url", "host", "whole"),
    [
        pytest.param(NO_HOSTS, "/x", "", "http://localhost:8080/x", id="the-listener"),
        pytest.param(TLS, "/x", "", "https://localhost:8443/x", id="a-tls-listener"),
        pytest.param(UNIX, "/x", "", "http://localhost/x", id="no-tcp-listener"),
        pytest.param(ONE_HOST, "/x?y=1", "", "https://api.example.com/x?y=1", id="the-only-host-of-the-routes"),
        pytest.param(HOSTS, "/x", "b.example.com", "https://b.example.com/x", id="host-is-said"),
        pytest.param(HOSTS, "/x", "localhost:3000", "http://localhost:3000/x", id="localhost-is-http"),
        pytest.param(HOSTS, "/x", "http://b.example.com", "http://b.example.com/x", id="host-with-a-scheme"),
        pytest.param(
            HOSTS, "HTTPS://A.Example.COM:443/a/../b c#f", "", "https://a.example.com/b%20c", id="as-browsers-mend-it"
        ),
        pytest.param(HOSTS, "https://bücher.example/", "", "https://xn--bcher-kva.example/", id="not-ascii"),
    ],
)
def test_a_url_is_whole_or_gets_the_host_that_is_meant(loaded: object, url: str, host: str, whole: str) -> None:
    assert read_question(Asked("GET", url, host=host), loaded).url == whole  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "mode", "credentials", "destination"),
    [
        pytest.param({}, Mode.CORS, CredentialsMode.SAME_ORIGIN, "", id="fetch"),
        pytest.param({"destination": "image"}, Mode.NO_CORS, CredentialsMode.INCLUDE, "image", id="image"),
        pytest.param({"destination": "font"}, Mode.CORS, CredentialsMode.SAME_ORIGIN, "font", id="font"),
        pytest.param({"destination": "iframe"}, Mode.NAVIGATE, CredentialsMode.INCLUDE, "iframe", id="iframe"),
        pytest.param({"destination": "worker"}, Mode.SAME_ORIGIN, CredentialsMode.SAME_ORIGIN, "worker", id="worker"),
        pytest.param({"destination": "empty", "mode": "no-cors"}, Mode.NO_CORS, CredentialsMode.INCLUDE, "", id="empty"),
        pytest.param({"mode": "navigate"}, Mode.NAVIGATE, CredentialsMode.INCLUDE, "document", id="navigation"),
        pytest.param(
            {"mode": "CORS", "destination": "image"}, Mode.CORS, CredentialsMode.SAME_ORIGIN, "image", id="crossorigin"
        ),
        pytest.param({"mode": "websocket"}, Mode.WEBSOCKET, CredentialsMode.INCLUDE, "", id="websocket"),
        pytest.param({"url": "wss://api.example.com/"}, Mode.WEBSOCKET, CredentialsMode.INCLUDE, "", id="websocket-url"),
        pytest.param({"credentials": "omit"}, Mode.CORS, CredentialsMode.OMIT, "", id="credentials"),
    ],
)
def test_mode_and_credentials_are_what_browsers_take(
    words: dict[str, str], mode: Mode, credentials: CredentialsMode, destination: str
) -> None:
    question = read(**words)

    assert (question.mode, question.credentials, question.destination) == (mode, credentials, destination)


@pytest.mark.parametrize(
    ("words", "page", "origin"),
    [
        pytest.param({}, API, b"https://api.example.com", id="its-own"),
        pytest.param({"mode": "websocket"}, API, b"https://api.example.com", id="its-own-beside-a-websocket"),
        pytest.param({"mode": "navigate"}, None, None, id="the-address-bar"),
        pytest.param({"origin": "https://a.example"}, "https://a.example/", b"https://a.example", id="origin"),
        pytest.param({"page": "https://a.example/p"}, "https://a.example/p", b"https://a.example", id="page"),
        pytest.param({"origin": "null"}, "https://sandboxed.invalid/", NULL_ORIGIN, id="null"),
        pytest.param(
            {"origin": "null", "page": "https://a.example/p"}, "https://a.example/p", NULL_ORIGIN, id="sandboxed-page"
        ),
        pytest.param(
            {"origin": "chrome-extension://abc"}, "chrome-extension://abc/", b"chrome-extension://abc", id="extension"
        ),
    ],
)
def test_the_page_that_asks_is_the_one_that_is_said(words: dict[str, str], page: str | None, origin: bytes | None) -> None:
    question = read(**words)

    assert (question.page, question.origin) == (page, origin)


def test_browsers_are_named_by_engine_or_by_a_browser_of_it() -> None:
    assert read().engines == tuple(Engine)
    assert read(browsers="all").engines == tuple(Engine)
    assert read(browsers="Safari, edge,chrome").engines == (Engine.SAFARI, Engine.CHROME)


def test_fields_and_the_answer_of_the_backend_are_read() -> None:
    question = read(
        headers=("Authorization:  Basic a:b ", "X-Empty:"),
        page_headers=("A: b",),
        backend_status="404",
        backend_headers=("C: d",),
    )

    assert question.fields == ((b"Authorization", b"Basic a:b"), (b"X-Empty", b""))
    assert question.page_fields == ((b"A", b"b"),)
    assert question.backend == WireResponse(404, ((b"C", b"d"),))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"method": "https://a.example/"}, "the method comes before the URL; write GET https://a.example/"),
        ({"method": "G ET"}, '"G ET" is not a request method'),
        ({"method": ""}, "is not a request method"),
        ({"url": ""}, "is not a URL"),
        ({"url": "api.example.com/v1"}, 'has no scheme; write "https://api.example.com/v1"'),
        ({"url": "localhost:3000/x"}, 'has no scheme; write "https://localhost:3000/x"'),
        ({"url": "https://"}, "is not a URL"),
        ({"url": "https://a b/"}, "is not a URL"),
        ({"url": "https://a.example:99999/"}, "is not a URL"),
        ({"url": "wss://a.example/x", "mode": "navigate"}, '"wss://a.example/x" is no page; write https:, or --mode websocket'),
        ({"url": "ftp://a.example/"}, "write one with https: or http:"),
        ({"url": "data:,x"}, "write one with https: or http:"),
        ({"url": "https://me:secret@a.example/x"}, 'user information, which no page can ask for; write "https://a.example/x"'),
        ({"host": "a.example"}, "the URL names its host already"),
        ({"url": "/x", "host": "a b"}, "is not a URL"),
        ({"origin": "https://a.example/"}, 'is not a serialized origin: it has a path; write "https://a.example"'),
        ({"origin": "a.example"}, 'it has no scheme; write "https://a.example"'),
        ({"origin": "https://A.example:443"}, 'write "https://a.example"'),
        ({"origin": "wss://a.example"}, 'write "https://a.example"'),
        ({"origin": "*"}, "is not a serialized origin"),
        ({"origin": "https://a.example", "page": "https://b.example/"}, "is not of the origin"),
        ({"page": "a.example"}, 'write "https://a.example"'),
        ({"headers": ("Authorization",)}, 'has no colon; write --header "Name: value"'),
        ({"headers": ("a b: c",)}, "is not a field name"),
        ({"headers": ("A: b\nC: d",)}, "control characters"),
        ({"page_headers": ("A",)}, "--page-header"),
        ({"cookie": "a=\x01"}, "--cookie"),
        ({"backend_headers": (": x",)}, "--backend-header"),
        ({"backend_status": "99"}, "is not a status"),
        ({"backend_status": "ok"}, "is not a status"),
        ({"credentials": "includes"}, "did you mean include?"),
        ({"mode": "xhr"}, "write one of cors, no-cors"),
        ({"destination": "img"}, "did you mean image?"),
        ({"browsers": "chrom"}, "did you mean chrome?"),
        ({"browsers": "lynx"}, "write one of chrome, firefox, safari"),
    ],
)
def test_what_means_nothing_is_told_with_what_to_write(words: dict[str, object], said: str) -> None:
    with pytest.raises(QuestionError) as refused:
        read(**words)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("loaded", "said"), [(HOSTS, "a.example.com, b.example.com"), (WILDCARD, "say which with --host"), (None, "has no host")]
)
def test_a_path_wants_a_host_that_is_known(loaded: object, said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        read_question(Asked("GET", "/x"), loaded)  # type: ignore[arg-type]
