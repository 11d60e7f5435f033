"""Policy tests judge as browsers would, say what is not as expected, and count what they touch."""

from datetime import date

import pytest

from xoproxy.config import Loaded, Overrides, compile_text
from xoproxy.insight.testing import Result, read_tests, run_cases
from xoproxy.insight.testing.coverage import coverage

TODAY = date(2026, 1, 1)

POLICY = """
version: 1
upstream: http://app:1
routes:
  - match: {host: api.example.com}
    policy:
      cors:
        allow_origins: [https://app.example.com]
        allow_methods: [PUT]
        allow_headers: [Authorization, Content-Type]
        expose_headers: [X-Total]
        allow_credentials: true
  - match: {path: /login}
    policy: {coop: same-origin-allow-popups}
  - match: {path: /live}
    policy: {websocket_origins: same-origin}
  - match: {path: /assets/**}
    policy: public-asset
  - policy: isolated
"""


def loaded(text: str = POLICY) -> Loaded:
    return compile_text(text, "policy.yaml", Overrides(), environ={}, today=TODAY, number=1)


def run(body: str, policy: str = POLICY) -> tuple[Result, ...]:
    text = "tests:\n  - name: it\n" + "".join(f"    {line}\n" for line in body.strip().splitlines())
    suite = read_tests(text, "tests.yaml", {}, TODAY)
    return tuple(run_cases(loaded(policy), suite.cases, suite.hosts))


def failures(body: str, policy: str = POLICY) -> list[str]:
    return [failure for result in run(body, policy) for failure in result.failures]


API = "request: {url: https://api.example.com/items, credentials: include}"

PASSING = {
    "granted": f"from: https://app.example.com\n{API}\nexpect: allowed",
    "refused": f"from: [https://evil.example, 'null', http://app.example.com]\n{API}\nexpect: blocked",
    "preflighted": (
        "from: https://app.example.com\n"
        "request: {method: PUT, url: https://api.example.com/items, headers: {Authorization: x}, credentials: include}\n"
        "expect: {outcome: allowed, preflight: true, route: 'routes[0]'}"
    ),
    "method": (
        "from: https://app.example.com\n"
        "request: {method: DELETE, url: https://api.example.com/items, credentials: include}\n"
        "expect: {outcome: blocked, preflight: true}"
    ),
    "simple": f"from: https://app.example.com\n{API}\nexpect: {{preflight: false, status: 200}}",
    "errors are readable": (
        f"from: https://app.example.com\n{API}\nupstream: {{status: 500, headers: {{X-Total: '1', X-Other: '2'}}}}\n"
        "expect: {outcome: allowed, status: 500, readable: [X-Total]}"
    ),
    "fields": (
        f"from: https://evil.example\n{API}\nupstream: {{headers: {{Access-Control-Allow-Origin: '*', Server: x}}}}\n"
        "expect: {fields: {Access-Control-Allow-Origin: absent, Server: present, Vary: {contains: origin}}}"
    ),
    "isolated": "page: https://www.example.com/\nbrowser: [chrome, firefox, safari]\nexpect: {cross_origin_isolated: true}",
    "not isolated": "page: [https://www.example.com/login, http://10.0.0.1/]\nexpect: {cross_origin_isolated: false}",
    "embedded, ours": (
        "page: https://www.example.com/\nembed: image\nrequest: {url: https://www.example.com/assets/a.png}\nexpect: allowed"
    ),
    "embedded, another's": (
        "page: https://www.example.com/\nembed: image\nrequest: {url: https://other.example/a.png}\nexpect: blocked"
    ),
    "embedded, another's that agrees": (
        "page: https://www.example.com/\nembed: image\nrequest: {url: https://other.example/a.png}\n"
        "upstream: {headers: {Cross-Origin-Resource-Policy: cross-origin}}\nexpect: allowed"
    ),
    "framed, another's": (
        "page: https://www.example.com/\nembed: iframe\nrequest: {url: https://other.example/}\nexpect: blocked"
    ),
    "worker": "page: https://www.example.com/\nembed: worker\nrequest: {url: https://www.example.com/w.js}\nexpect: allowed",
    "popup kept": "page: https://www.example.com/login\npopup: https://other.example/\nexpect: {opener: kept}",
    "popup severed": "page: https://www.example.com/\npopup: https://other.example/\nexpect: {opener: severed}",
    "socket": "from: https://evil.example\nwebsocket: wss://www.example.com/live\nexpect: blocked",
    "own socket": "from: https://www.example.com\nwebsocket: wss://www.example.com/live\nexpect: allowed",
    "redirected": (
        f"from: https://app.example.com\n{API}\nupstream: {{status: 404}}\nexpect: {{status: 404, fields: {{Vary: Origin}}}}"
    ),
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in PASSING.items()])
def test_what_browsers_do_is_as_expected(body: str) -> None:
    """One of each kind of test; the expectations are the standards'."""
    assert failures(body) == []
    assert run(body)


FAILING = {
    "outcome": (f"from: https://evil.example\n{API}\nexpect: allowed", "expected allowed, and it is blocked: CORS check: "),
    "the other way round": (f"from: https://app.example.com\n{API}\nexpect: blocked", "expected blocked, and it is allowed: "),
    "isolation": (
        "page: https://www.example.com/login\nexpect: {cross_origin_isolated: true}",
        "expected cross_origin_isolated true, and it is not so: ",
    ),
    "opener": (
        "page: https://www.example.com/\npopup: https://other.example/\nexpect: {opener: kept}",
        "expected the opener to be kept, and it is not: ",
    ),
    "status": (f"from: https://app.example.com\n{API}\nexpect: {{status: 404}}", "expected status 404, and it is 200"),
    "route": (
        f"from: https://app.example.com\n{API}\nexpect: {{route: 'routes[9]'}}",
        "expected routes[9] to be taken, and it is routes[0]",
    ),
    "step": (
        f"from: https://evil.example\n{API}\nexpect: {{step: HTTP fetch}}",
        "expected the step HTTP fetch to decide, and it is CORS check",
    ),
    "preflight": (
        f"from: https://app.example.com\n{API}\nexpect: {{preflight: true}}",
        "expected a preflight, and there is none",
    ),
    "field is": (
        f"from: https://app.example.com\n{API}\nexpect: {{fields: {{Vary: Accept}}}}",
        'expected Vary to be "Accept", and it is "Origin"',
    ),
    "field absent": (
        f"from: https://app.example.com\n{API}\nexpect: {{fields: {{Vary: absent}}}}",
        'expected Vary to be absent, and it is "Origin"',
    ),
    "field present": (
        f"from: https://app.example.com\n{API}\nexpect: {{fields: {{Server: present}}}}",
        "expected Server to be there, and it is absent",
    ),
    "field contains": (
        f"from: https://app.example.com\n{API}\nexpect: {{fields: {{Vary: {{contains: Cookie}}}}}}",
        'expected Vary to contain "Cookie", and it is "Origin"',
    ),
    "readable": (
        f"from: https://app.example.com\n{API}\nupstream: {{headers: {{X-Other: a}}}}\nexpect: {{readable: [X-Other]}}",
        "expected x-other to be readable by script, and it is not",
    ),
    "never asked": (
        "page: https://www.example.com/\nembed: script\nrequest: {url: http://other.example/a.js}\nexpect: {status: 200}",
        "expected a response, and the browser never asks: ",
    ),
}


@pytest.mark.parametrize(("body", "said"), [pytest.param(*case, id=name) for name, case in FAILING.items()])
def test_what_is_not_as_expected_is_told_in_one_sentence(body: str, said: str) -> None:
    """With the reason, where the browser has one."""
    (failure,) = failures(body)

    assert failure.startswith(said)


def test_what_xoproxy_refuses_is_blocked_whatever_the_browser_makes_of_it() -> None:
    """A no-cors request that gets 403 is an opaque response for the page; the application never saw it."""
    policy = "version: 1\nupstream: http://app:1\npolicy: {resource_isolation: true}\n"
    body = "from: https://evil.example\nrequest: {method: POST, url: https://a.example/, mode: no-cors}\nexpect: {}"

    assert failures(body.replace("{}", "{outcome: blocked, status: 403}"), policy) == []
    (failure,) = failures(body.replace("{}", "allowed"), policy)
    assert failure.startswith("expected allowed, and it is blocked: xoproxy refuses it: ")


def test_a_host_can_be_named_as_ours() -> None:
    """Else it is another server's, which answers as `upstream` says."""
    text = (
        "hosts: ['*.example.org']\ntests: [{name: x, page: https://www.example.com/, embed: image, "
        "request: {url: https://cdn.example.org/assets/x.png}, expect: {outcome: allowed, route: 'routes[3]'}}]"
    )
    suite = read_tests(text, "tests.yaml", {}, TODAY)
    (result,) = run_cases(loaded(), suite.cases, suite.hosts)

    assert result.failures == ()


def test_what_no_test_touches_is_told_with_its_place() -> None:
    """A key counts as touched if a route that took a request has it; presets have no place in the file."""
    results = run(PASSING["granted"]) + run(PASSING["socket"])
    found = coverage(loaded(), results)

    assert [(each.name, each.mark.line) for each in found.untouched_routes] == [
        ("routes[1]", 13),
        ("routes[3]", 17),
        ("routes[4]", 19),
    ]
    assert [(each.name, each.mark.line) for each in found.untouched_keys] == [("coop", 14)]
    assert found.routes == 5
