"""Methods and request fields: forbidden, safelisted, or in need of permission."""

import pytest
from support.pages import APP, page

from xoproxy.browser import author
from xoproxy.browser.methods import is_forbidden, is_method, normalize
from xoproxy.browser.model import Engine, Fields, Mode, Request
from xoproxy.browser.request_fields import (
    essence,
    is_cors_safelisted,
    is_field,
    is_no_cors_safelisted,
    unsafe_names,
    why_unsafe,
)
from xoproxy.browser.request_fields import is_forbidden as is_forbidden_field
from xoproxy.browser.urls import parse


@pytest.mark.parametrize(
    ("method", "sent"),
    [(b"get", b"GET"), (b"Put", b"PUT"), (b"options", b"OPTIONS"), (b"patch", b"patch"), (b"chicken", b"chicken")],
)
def test_six_methods_are_normalized(method: bytes, sent: bytes) -> None:
    """Fetch §2.2.1, "normalize"."""
    assert normalize(method) == sent


@pytest.mark.parametrize(
    ("method", "forbidden"), [(b"TRACE", True), (b"track", True), (b"Connect", True), (b"PATCH", False), (b"TRACER", False)]
)
def test_three_methods_are_forbidden(method: bytes, forbidden: bool) -> None:
    assert is_forbidden(method) is forbidden


@pytest.mark.parametrize(("method", "valid"), [(b"GET", True), (b"eGg", True), (b"G T", False), (b"", False), (b"\xfc", False)])
def test_a_method_is_a_token(method: bytes, valid: bool) -> None:
    assert is_method(method) is valid


@pytest.mark.parametrize(
    ("name", "value", "valid"),
    [(b"X-A", b"\xff", True), (b"X A", b"", False), (b"", b"x", False), (b"x", b"a\nb", False), (b"x", b"\0", False)],
)
def test_a_field_is_a_token_and_a_line(name: bytes, value: bytes, valid: bool) -> None:
    assert is_field(name, value) is valid


@pytest.mark.parametrize(
    ("name", "value", "forbidden"),
    [
        (b"Cookie", b"", True),
        (b"ORIGIN", b"", True),
        (b"Sec-Anything", b"", True),
        (b"proxy-authorization", b"", True),
        (b"Section", b"", False),
        (b"User-Agent", b"", False),
        (b"X-HTTP-Method-Override", b"PUT", False),
        (b"X-HTTP-Method-Override", b"PUT, trace", True),
        (b"x-method-override", b"TRACE", True),
        (b"X-HTTP-Method", b"tracer", False),
    ],
)
def test_browsers_keep_some_fields_to_themselves(name: bytes, value: bytes, forbidden: bool) -> None:
    """Fetch §2.2.2, "forbidden request-header"."""
    assert is_forbidden_field(name, value) is forbidden


@pytest.mark.parametrize(
    ("name", "value", "safelisted"),
    [
        (b"Accept", b"text/html, */*;q=0.1", True),
        (b"accept", b'a"b', False),
        (b"accept", b"a\tb", True),
        (b"accept", b"a\x01b", False),
        (b"accept", b"\xff", True),
        (b"Accept", b"x" * 128, True),
        (b"Accept", b"x" * 129, False),
        (b"Accept-Language", b"en-US,en;q=0.8, *", True),
        (b"Accept-Language", b"en_US", False),
        (b"Content-Language", b"de", True),
        (b"Content-Language", b"d/e", False),
        (b"Content-Type", b"text/plain;charset=UTF-8", True),
        (b"Content-Type", b"TEXT/plain", True),
        (b"Content-Type", b"multipart/form-data; boundary=x", True),
        (b"Content-Type", b"application/x-www-form-urlencoded", True),
        (b"Content-Type", b"application/json", False),
        (b"Content-Type", b"text/plain, application/json", False),
        (b"Content-Type", b'text/plain; a="b"', False),
        (b"Content-Type", b"text", False),
        (b"Content-Type", b"", False),
        (b"Range", b"bytes=0-", True),
        (b"Range", b"bytes=5-10", True),
        (b"Range", b"bytes=10-5", False),
        (b"Range", b"bytes=9-010", True),
        (b"Range", b"bytes=5-1" + b"0" * 5000, False),  # longer than 128 bytes
        (b"Range", b"bytes=-5", False),
        (b"Range", b"bytes=0-1,3-4", False),
        (b"Range", b"bytes= 0-1", False),
        (b"Range", b"Bytes=0-1", False),
        (b"Authorization", b"x", False),
        (b"X-Custom", b"", False),
    ],
)
def test_some_fields_need_no_permission(name: bytes, value: bytes, safelisted: bool) -> None:
    """Fetch §2.2.2, "CORS-safelisted request-header"."""
    assert is_cors_safelisted(name, value) is safelisted


@pytest.mark.parametrize(
    ("name", "value", "safelisted"),
    [(b"Accept", b"*/*", True), (b"Range", b"bytes=0-", False), (b"Content-Type", b"application/json", False)],
)
def test_no_cors_allows_four_fields(name: bytes, value: bytes, safelisted: bool) -> None:
    """Fetch §2.2.2, "no-CORS-safelisted request-header"."""
    assert is_no_cors_safelisted(name, value) is safelisted


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b" Text/Plain ; x", b"text/plain"), (b"a/b", b"a/b"), (b"a/ b", None), (b"a", None), (b"/b", None), (b"a/b c", None)],
)
def test_the_essence_of_a_media_type(value: bytes, expected: bytes | None) -> None:
    """MIME Sniffing §4.4."""
    assert essence(value) == expected


def test_unsafe_names_are_sorted_and_lower_case_and_there_once() -> None:
    fields = ((b"X-B", b""), (b"authorization", b""), (b"x-b", b""), (b"Accept", b"*/*"))

    assert unsafe_names(fields) == (b"authorization", b"x-b")


@pytest.mark.parametrize(("count", "unsafe"), [(8, ()), (9, (b"accept",))], ids=["1024", "1152"])
def test_safelisted_fields_are_safe_up_to_1024_bytes_together(count: int, unsafe: tuple[bytes, ...]) -> None:
    """Fetch §2.2.2, "CORS-unsafe request-header names"."""
    assert unsafe_names(((b"Accept", b"x" * 128),) * count) == unsafe


@pytest.mark.parametrize(
    ("fields", "name", "why"),
    [
        (((b"X-A", b""),), b"x-a", '"x-a" is not a CORS-safelisted request-header'),
        (((b"Accept", b"x" * 129),), b"accept", 'the value of "accept" is longer than 128 bytes'),
        (((b"Accept", b"x"),), b"accept", "the safelisted request-headers are longer than 1024 bytes together"),
        (
            ((b"Content-Type", b"application/json"),),
            b"content-type",
            'the content type "application/json" is none of those that forms send',
        ),
        (
            ((b"Content-Type", b"text/plain;("),),
            b"content-type",
            '"content-type" with the value "text/plain;(" is not CORS-safelisted',
        ),
        (((b"Range", b"bytes=-1"),), b"range", '"range" with the value "bytes=-1" is not CORS-safelisted'),
    ],
)
def test_why_a_field_needs_permission_is_said(fields: Fields, name: bytes, why: str) -> None:
    assert why_unsafe(fields, name) == why


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Request(b"GET", "http://[", page(APP)), 'TypeError: "http://[" is no URL'),
        (Request(b"GET", "https://u@a.example/", page(APP)), "TypeError: https://a.example/ has user information"),
        (Request(b"G T", APP, page(APP)), 'TypeError: "G T" is no method'),
        (Request(b"trace", APP, page(APP)), "TypeError: no script may use the method trace"),
        (Request(b"PUT", APP, page(APP), Mode.NO_CORS), "TypeError: mode no-cors allows GET, HEAD and POST, not PUT"),
        (Request(b"GET", APP, page(APP), fields=((b"a b", b"c"),)), 'TypeError: "a b: c" is no field that can be sent'),
    ],
)
def test_some_requests_end_before_they_begin(request_: Request, why: str) -> None:
    """Fetch §5.4, the constructor of Request."""
    step = author.fault(request_, parse(request_.url))

    assert step is not None
    assert (step.holds, step.why) == (False, why)


@pytest.mark.parametrize(
    "request_",
    [
        Request(b"put", APP, page(APP), fields=((b"x", b" y "),)),
        Request(b"post", APP, page(APP), Mode.NO_CORS),
        Request(b"GET", "https://u@a.example", page(APP), Mode.NO_CORS, destination="image"),
    ],
)
def test_other_requests_begin(request_: Request) -> None:
    """Elements are not asked: a picture may have a URL with user information."""
    assert author.fault(request_, parse(request_.url)) is None


SCRIPT: Fields = ((b"X-A", b" 1\t"), (b"Cookie", b"x"), (b"Accept", b"x" * 120), (b"accept", b"y" * 20), (b"x-a", b"2"))


@pytest.mark.parametrize(
    ("mode", "engine", "kept", "dropped"),
    [
        pytest.param(
            Mode.CORS,
            Engine.FIREFOX,
            ((b"X-A", b"1"), (b"Accept", b"x" * 120), (b"accept", b"y" * 20), (b"x-a", b"2")),
            (b"Cookie",),
            id="lines-stay",
        ),
        pytest.param(
            Mode.CORS,
            Engine.CHROME,
            ((b"X-A", b"1, 2"), (b"Accept", b"x" * 120 + b", " + b"y" * 20)),
            (b"Cookie",),
            id="lines-are-combined",
        ),
        pytest.param(
            Mode.NO_CORS,
            Engine.CHROME,
            ((b"Accept", b"x" * 120),),
            (b"X-A", b"Cookie", b"accept", b"x-a"),
            id="no-cors-drops-more",
        ),
    ],
)
def test_what_script_sets_in_vain_is_dropped(mode: Mode, engine: Engine, kept: Fields, dropped: tuple[bytes, ...]) -> None:
    """Fetch §5.1, "append": with the guard of the mode."""
    assert author.header_list(Request(b"GET", APP, page(APP), mode, fields=SCRIPT), engine) == (kept, dropped)


def test_what_an_element_sends_is_not_guarded() -> None:
    request = Request(b"GET", APP, page(APP), destination="websocket", fields=((b"Sec-WebSocket-Key", b"x"),))

    assert author.header_list(request, Engine.CHROME) == (request.fields, ())
    assert author.method(request) == b"GET"
