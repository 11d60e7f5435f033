"""What is not fetched at all: mixed content, ports of other protocols; and what addresses have to do with it."""

from ipaddress import ip_address

import pytest

from xoproxy.browser.addresses import Space, address_space, insecure_note, local_network_note, space_of
from xoproxy.browser.hops import Client, Hop
from xoproxy.browser.mixed_content import mixed_content, upgraded
from xoproxy.browser.model import CredentialsMode, Engine, Mode
from xoproxy.browser.ports import bad_port
from xoproxy.browser.urls import Url, parse

HTTPS_PAGE = Client(b"https://app.example", restricts_mixed_content=True)
FIREFOX_PAGE = Client(b"https://app.example", restricts_mixed_content=True, engine=Engine.FIREFOX)
HTTP_PAGE = Client(b"http://localhost")


def url(text: str) -> Url:
    parsed = parse(text)
    assert parsed is not None
    return parsed


def hop(client: Client | None, target: str, destination: str = "", mode: Mode = Mode.NO_CORS) -> Hop:
    return Hop(b"GET", (url("https://first.example"), url(target)), client, mode, CredentialsMode.INCLUDE, destination)


@pytest.mark.parametrize(
    ("client", "target", "destination", "asked"),
    [
        pytest.param(HTTPS_PAGE, "http://a.example/x", "image", "https://a.example/x", id="image"),
        pytest.param(HTTPS_PAGE, "http://a.example:8080/", "video", "https://a.example:8080/", id="port-stays"),
        pytest.param(HTTPS_PAGE, "http://a.example/", "script", None, id="script"),
        pytest.param(HTTPS_PAGE, "http://10.0.0.1/", "image", None, id="address"),
        pytest.param(FIREFOX_PAGE, "http://10.0.0.1/", "image", "https://10.0.0.1/", id="address-in-firefox"),
        pytest.param(HTTPS_PAGE, "http://localhost/", "image", None, id="localhost"),
        pytest.param(HTTPS_PAGE, "https://a.example/", "image", None, id="https"),
        pytest.param(HTTP_PAGE, "http://a.example/", "image", None, id="http-page"),
        pytest.param(None, "http://a.example/", "image", None, id="no-page"),
    ],
)
def test_pictures_and_media_are_asked_for_by_https(
    client: Client | None, target: str, destination: str, asked: str | None
) -> None:
    """Mixed Content §4.1."""
    before = hop(client, target, destination)
    after, step = upgraded(before)

    assert str(after.url) == (asked or target)
    assert after.urls[:-1] == before.urls[:-1]
    assert (step is not None) is (asked is not None)
    assert step is None or (step.holds and f"is asked for as {asked}" in step.why)


@pytest.mark.parametrize(
    ("request_", "blocked"),
    [
        pytest.param(hop(HTTPS_PAGE, "http://a.example/", "script"), True, id="script"),
        pytest.param(hop(HTTPS_PAGE, "http://a.example/", "", Mode.CORS), True, id="fetch"),
        pytest.param(hop(HTTPS_PAGE, "http://10.0.0.1/", "image"), True, id="image-from-an-address"),
        pytest.param(hop(HTTPS_PAGE, "http://a.example/", "iframe", Mode.NAVIGATE), True, id="frame"),
        pytest.param(hop(HTTPS_PAGE, "http://a.example/", "document", Mode.NAVIGATE), False, id="top-level"),
        pytest.param(hop(HTTPS_PAGE, "http://127.0.0.1/", "script"), False, id="loopback"),
        pytest.param(hop(HTTPS_PAGE, "https://a.example/", "script"), False, id="https"),
        pytest.param(hop(HTTP_PAGE, "http://a.example/", "script"), False, id="http-page-on-localhost"),
        pytest.param(hop(None, "http://a.example/", "document", Mode.NAVIGATE), False, id="no-page"),
    ],
)
def test_mixed_content_is_blocked(request_: Hop, blocked: bool) -> None:
    """Mixed Content §4.4."""
    step = mixed_content(request_)

    assert (step is not None) is blocked
    assert step is None or (not step.holds and "no field can grant this" in step.why)


@pytest.mark.parametrize(("port", "bad"), [("6000", True), ("10080", True), ("22", True), ("8080", False), ("", False)])
def test_some_ports_are_never_connected_to(port: str, bad: bool) -> None:
    """Fetch §2.10."""
    step = bad_port(url(f"http://a.example:{port}/"))

    assert (step is not None) is bad
    assert step is None or (not step.holds and port in step.why)


@pytest.mark.parametrize(
    ("address", "space"),
    [
        ("127.0.0.1", Space.LOOPBACK),
        ("::1", Space.LOOPBACK),
        ("0.0.0.0", Space.LOOPBACK),
        ("0.0.0.1", Space.LOCAL),
        ("::", Space.LOOPBACK),
        ("198.18.0.1", Space.LOOPBACK),
        ("10.1.2.3", Space.LOCAL),
        ("100.64.0.1", Space.LOCAL),
        ("172.31.255.255", Space.LOCAL),
        ("172.32.0.0", Space.PUBLIC),
        ("192.168.1.5", Space.LOCAL),
        ("169.254.1.1", Space.LOCAL),
        ("fd00::1", Space.LOCAL),
        ("fe80::1", Space.LOCAL),
        ("2001:db8::1", Space.LOCAL),
        ("2001:4860::1", Space.PUBLIC),
        ("::ffff:192.168.1.5", Space.LOCAL),
        ("::ffff:8.8.8.8", Space.PUBLIC),
        ("8.8.8.8", Space.PUBLIC),
    ],
)
def test_every_address_has_a_space(address: str, space: Space) -> None:
    """Local Network Access §2.1, "determine the IP address space"."""
    assert address_space(ip_address(address)) is space


@pytest.mark.parametrize(
    ("text", "space"),
    [
        ("http://localhost/", Space.LOOPBACK),
        ("http://a.localhost./", Space.LOOPBACK),
        ("http://printer.local/", Space.LOCAL),
        ("http://[::1]/", Space.LOOPBACK),
        ("http://192.168.1.5/", Space.LOCAL),
        ("http://8.8.8.8/", Space.PUBLIC),
        ("http://a.example/", None),
    ],
)
def test_a_name_does_not_tell_its_address(text: str, space: Space | None) -> None:
    assert space_of(url(text)) is space


@pytest.mark.parametrize(
    ("page", "target", "engine", "note"),
    [
        pytest.param(
            "https://a.example/",
            "http://192.168.1.5/",
            Engine.CHROME,
            "if a.example has a public address, chrome 142 and later ask the user before a page reaches the local network; "
            "no header can grant this",
            id="local",
        ),
        pytest.param(
            "https://8.8.8.8/",
            "http://localhost:3000/",
            Engine.CHROME,
            "chrome 142 and later ask the user before a page reaches this machine; no header can grant this",
            id="loopback",
        ),
        pytest.param(
            "http://a.example/",
            "http://localhost:3000/",
            Engine.CHROME,
            "if a.example has a public address, chrome 142 and later let no http page reach this machine; "
            "no header can grant this",
            id="http-page",
        ),
        pytest.param("https://a.example/", "https://b.example/", Engine.CHROME, None, id="unknown"),
        pytest.param("https://a.example/", "https://8.8.8.8/", Engine.CHROME, None, id="public"),
        pytest.param("http://192.168.1.1/", "http://192.168.1.5/", Engine.CHROME, None, id="local-page"),
        pytest.param("http://localhost/", "http://192.168.1.5/", Engine.CHROME, None, id="loopback-page"),
        pytest.param("https://a.local/", "https://a.local/", Engine.CHROME, None, id="same-origin"),
        pytest.param("https://a.example/", "http://192.168.1.5/", Engine.SAFARI, None, id="an-engine-without"),
    ],
)
def test_local_network_access_is_named(page: str, target: str, engine: Engine, note: str | None) -> None:
    """Local Network Access §2.2."""
    assert local_network_note(url(page), url(target), engine) == note


@pytest.mark.parametrize(
    ("page", "noted"),
    [("http://192.168.1.5:8080/", True), ("http://localhost/", False), ("https://a.example/", False), ("data:,x", False)],
)
def test_http_from_another_machine_is_no_secure_context(page: str, noted: bool) -> None:
    note = insecure_note(url(page))

    assert (note is not None) is noted
    assert note is None or note.startswith("http://192.168.1.5:8080 is no secure context")
