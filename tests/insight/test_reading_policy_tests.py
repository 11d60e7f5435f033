"""Files of policy tests are read with the reader of policy files: every fault has its place, its id and its remedy."""

from datetime import date

import pytest

from xoproxy.browser.model import CredentialsMode, Engine, Mode, WireResponse
from xoproxy.config import ConfigInvalid
from xoproxy.insight.testing import Suite, read_tests
from xoproxy.insight.testing.cases import (
    Asker,
    Comparing,
    Connected,
    Expected,
    Fetched,
    FieldExpected,
    Opened,
    PoppedUp,
)


def read(text: str) -> Suite:
    return read_tests(text, "tests.yaml", {}, date(2026, 1, 1))


def one(body: str) -> Suite:
    return read("tests:\n  - " + body.strip().replace("\n", "\n    "))


def problems(text: str) -> list[tuple[str, int]]:
    with pytest.raises(ConfigInvalid) as caught:
        read(text)
    return [(problem.id, problem.line) for problem in caught.value.problems]


def test_the_example_of_the_contract_reads_as_it_is_meant() -> None:
    """Three tests that read as sentences."""
    file = read(
        """
tests:
  - name: the app may save with credentials
    from: https://app.example.com
    request:
      method: PUT
      url: https://api.example.com/v1/items/1
      headers: {Authorization: x, Content-Type: application/json}
      credentials: include
    expect: allowed
  - name: the editor is isolated, also in Safari
    page: https://www.example.com/editor
    browser: [chrome, firefox, safari]
    expect: {cross_origin_isolated: true}
  - name: nobody else reads the API
    from: [https://evil.example, "null"]
    request: {url: https://api.example.com/v1/items}
    expect: blocked
"""
    )
    saves, *editors, evil, null = file.cases

    assert saves.asker == Asker("https://app.example.com/", b"https://app.example.com")
    assert saves.deed == Fetched(
        b"PUT",
        "https://api.example.com/v1/items/1",
        Mode.CORS,
        CredentialsMode.INCLUDE,
        fields=((b"Authorization", b"x"), (b"Content-Type", b"application/json")),
    )
    assert (saves.engine, saves.expected) == (Engine.CHROME, Expected(allowed=True))
    assert [case.engine for case in editors] == [Engine.CHROME, Engine.FIREFOX, Engine.SAFARI]
    assert editors[0].asker == Asker("https://www.example.com/editor", b"https://www.example.com", is_own=True)
    assert (editors[0].deed, editors[0].expected) == (Opened(), Expected(isolated=True))
    assert (evil.asker.origin, null.asker.origin) == (b"https://evil.example", b"null")
    assert evil.deed == Fetched(b"GET", "https://api.example.com/v1/items", Mode.CORS, CredentialsMode.SAME_ORIGIN)


@pytest.mark.parametrize(
    ("embed", "mode", "credentials"),
    [
        ("image", Mode.NO_CORS, CredentialsMode.INCLUDE),
        ("font", Mode.CORS, CredentialsMode.SAME_ORIGIN),
        ("iframe", Mode.NAVIGATE, CredentialsMode.INCLUDE),
        ("worker", Mode.SAME_ORIGIN, CredentialsMode.SAME_ORIGIN),
    ],
)
def test_what_is_embedded_is_asked_for_as_its_element_does(embed: str, mode: Mode, credentials: CredentialsMode) -> None:
    """HTML, "create a potential-CORS request" and the elements' own fetches."""
    (case,) = one(
        f"name: x\npage: https://a.example/\nembed: {embed}\nrequest: {{url: https://b.example/y}}\nexpect: allowed"
    ).cases

    assert case.deed == Fetched(b"GET", "https://b.example/y", mode, credentials, embed)


def test_an_element_may_say_how_it_asks() -> None:
    """`crossorigin=use-credentials` on an image."""
    (case,) = one(
        "name: x\npage: https://a.example/\nembed: image\n"
        "request: {url: https://b.example/y, mode: cors, credentials: include}\nexpect: allowed"
    ).cases

    assert case.deed == Fetched(b"GET", "https://b.example/y", Mode.CORS, CredentialsMode.INCLUDE, "image")


def test_everything_that_can_be_expected_is_read() -> None:
    (case,) = one(
        """
name: errors can be read
from: {origin: https://app.example.com, headers: {Cross-Origin-Embedder-Policy: require-corp}}
request: {url: https://api.example.com/x}
upstream: {status: 500, headers: {X-Trace: abc, Link: [a, b]}}
expect:
  outcome: blocked
  status: 500
  fields: {Vary: {contains: Origin}, X-Powered-By: absent, Server: present, X-A: {is: absent}, X-B: b}
  readable: [X-Trace]
  preflight: false
  route: routes[1]
  step: CORS check
"""
    ).cases

    assert case.asker.fields == ((b"Cross-Origin-Embedder-Policy", b"require-corp"),)
    assert case.upstream == WireResponse(500, ((b"X-Trace", b"abc"), (b"Link", b"a"), (b"Link", b"b")))
    assert case.expected == Expected(
        allowed=False,
        preflight=False,
        status=500,
        route="routes[1]",
        step="CORS check",
        fields=(
            FieldExpected(b"Vary", Comparing.CONTAINS, "Origin"),
            FieldExpected(b"X-Powered-By", Comparing.ABSENT),
            FieldExpected(b"Server", Comparing.PRESENT),
            FieldExpected(b"X-A", Comparing.IS, "absent"),
            FieldExpected(b"X-B", Comparing.IS, "b"),
        ),
        readable=(b"x-trace",),
    )


def test_popups_and_sockets_are_things_of_their_own() -> None:
    (popup,) = one("name: x\npage: https://a.example/\npopup: https://b.example/\nexpect: {opener: severed}").cases
    (socket,) = one("name: x\nfrom: https://a.example\nwebsocket: https://b.example/live\nexpect: blocked").cases

    assert (popup.deed, popup.expected) == (PoppedUp("https://b.example/"), Expected(opener_kept=False))
    assert socket.deed == Connected("wss://b.example/live")


FRAME = "tests:\n  - name: x\n    {}\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("from: https://a.example\n    expect: allowed", [("XO402", 2)], id="nothing-asked-for"),
        pytest.param("request: {url: https://a.example/}\n    expect: allowed", [("XO402", 2)], id="nobody-asks"),
        pytest.param(
            "from: https://a.example\n    page: https://a.example\n    request: {url: https://b.example/}\n    expect: blocked",
            [("XO402", 3)],
            id="two-ask",
        ),
        pytest.param(
            "page: https://a.example/\n    popup: https://a.example/\n    websocket: wss://a.example/\n    expect: blocked",
            [("XO402", 5)],
            id="two-things",
        ),
        pytest.param("page: https://a.example/\n    embed: image\n    expect: allowed", [("XO402", 4)], id="embed-what"),
        pytest.param(
            "page: https://a.example/\n    embed: picture\n    request: {url: https://a.example/}\n    expect: allowed",
            [("XO101", 4)],
            id="no-such-element",
        ),
        pytest.param("from: https://a.example/\n    request: {url: https://a.example/}\n    expect: allowed", [("XO103", 3)]),
        pytest.param("from: https://a.example\n    request: {url: /x}\n    expect: allowed", [("XO404", 4)], id="path"),
        pytest.param("from: https://a.example\n    request: {}\n    expect: allowed", [("XO014", 4)], id="no-url"),
        pytest.param("from: {headers: {A: b}}\n    request: {url: https://a.example/}\n    expect: allowed", [("XO014", 3)]),
        pytest.param("from: https://a.example\n    websocket: ftp://a.example/\n    expect: allowed", [("XO404", 4)], id="ftp"),
        pytest.param("from: https://a.example\n    request: {url: https://a.example/}", [("XO403", 2)], id="nothing-expected"),
        pytest.param("from: https://a.example\n    request: {url: https://a.example/}\n    expect: {}", [("XO403", 5)]),
        pytest.param("from: https://a.example\n    request: {url: https://a.example/}\n    expect: yes", [("XO101", 5)]),
        pytest.param(
            "from: https://a.example\n    request: {url: https://a.example/, mode: navigate}\n    expect: allowed",
            [("XO101", 4)],
            id="navigate-is-a-page",
        ),
        pytest.param(
            "from: https://a.example\n    request: {url: https://a.example/}\n    expect: {cross_origin_isolated: true}",
            [("XO403", 5)],
            id="isolation-of-no-page",
        ),
        pytest.param("page: https://a.example:25/\n    expect: {status: 200}", [("XO404", 3)], id="page-at-a-blocked-port"),
        pytest.param(
            "page: https://a.example/\n    popup: https://b.example:0/\n    expect: {opener: kept}",
            [("XO404", 4)],
            id="popup-at-a-blocked-port",
        ),
        pytest.param("page: https://a.example/\n    expect: {opener: kept}", [("XO403", 4)], id="opener-without-popup"),
        pytest.param("page: https://a.example/\n    expect: {opener: maybe}", [("XO101", 4)], id="opener-value"),
        pytest.param(
            "page: https://a.example/\n    popup: https://b.example/\n    expect: allowed", [("XO403", 5)], id="popup-outcome"
        ),
        pytest.param("page: https://a.example/\n    expect: {preflight: true}", [("XO403", 4)], id="preflight-of-a-page"),
        pytest.param("page: https://a.example/\n    expect: {readable: [A]}", [("XO403", 4)], id="readable-of-a-page"),
        pytest.param(
            "from: https://a.example\n    request: {url: https://a.example/}\n    expect: {outcome: allowed, step: CORS check}",
            [("XO403", 5)],
            id="a-step-that-allows",
        ),
        pytest.param("page: https://a.example/\n    expect: {status: 99}", [("XO405", 4)], id="expected-status"),
        pytest.param(
            "page: https://a.example/\n    upstream: {status: 101}\n    expect: {status: 200}", [("XO405", 4)], id="status"
        ),
        pytest.param("page: https://a.example/\n    browser: opera\n    expect: {status: 200}", [("XO101", 4)], id="browser"),
        pytest.param("page: https://a.example/\n    expected: {status: 200}", [("XO013", 4)], id="unknown-key"),
        pytest.param("page: https://a.example/\n    expect: {status: 200, headers: {A: b}}", [("XO013", 4)], id="peer-key"),
    ],
)
def test_a_fault_is_told_with_its_place(body: str, expected: list[tuple[str, int]]) -> None:
    """Nothing that cannot mean anything passes as a test."""
    assert problems(FRAME.format(body)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("config: a.yaml", [("XO014", 1)], id="no-tests"),
        pytest.param("tests: []", [("XO012", 1)], id="empty"),
        pytest.param("tests: [{page: https://a.example/, expect: {status: 200}}]", [("XO401", 1)], id="no-name"),
        pytest.param(
            "tests:\n- {name: x, page: https://a.example/, expect: {status: 200}}\n"
            "- {name: x, page: https://a.example/b, expect: {status: 200}}",
            [("XO401", 3)],
            id="one-name-twice",
        ),
    ],
)
def test_a_file_without_tests_is_no_file_of_tests(text: str, expected: list[tuple[str, int]]) -> None:
    assert problems(text) == expected


def test_the_policy_file_and_the_hosts_behind_it_can_be_named() -> None:
    file = read(
        "config: ../x.yaml\nhosts: [WWW.example.com, '*.example.org']\n"
        "tests: [{name: x, page: https://a.example/, expect: {status: 200}}]"
    )

    assert (file.config, file.hosts) == ("../x.yaml", ("www.example.com", "*.example.org"))


@pytest.mark.parametrize("text", ["", "# only a comment", "- a list"])
def test_what_is_no_file_of_tests_is_told_how_one_begins(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="begin with `tests:`"):
        read(text)
