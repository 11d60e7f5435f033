"""A prefix rule cannot be passed by another spelling of the path, whichever way the backend reads it."""

import asyncio

import pytest

from conformance.against import run_against
from conformance.model import TOKEN, Answered, Case, Refused, case, get
from conformance.runner import Verdict

_CONFIG = """\
version: 1
upstream: http://127.0.0.1:{backend}
routes:
  - match: {{path: /private/**}}
    policy: {{headers: {{set: {{X-Rule: private}}}}}}
  - policy: {{headers: {{set: {{X-Rule: open}}}}}}
log: {{level: error}}
"""
_GROUP = "others fall"


def _rule(name: str, path: bytes, rule: bytes) -> Case:
    expect = Answered(frozenset((200,)), fields=(("x-rule", (rule,)),))
    return case(_GROUP, f"{path.decode()} is {name}", "RFC 3986 6.2.2", get(target=path + b"?" + TOKEN), expect)


def _refused(path: bytes) -> Case:
    return case(_GROUP, f"{path!r} is refused", "RFC 3986 6.2.2", get(target=path + b"?" + TOKEN), Refused(), keeps=True)


_PRIVATE = (b"/private/x", b"/private", b"/%70rivate/x", b"/private/./x", b"/private/y/../x", b"/private//x", b"/private/a;b/x")

CASES = (
    *(_rule("private", path, b"private") for path in _PRIVATE),
    *(_rule("open", path, b"open") for path in (b"/open/x", b"/privately", b"/PRIVATE/x", b"/open//x", b"/open/a%2fb")),
    *(
        _refused(path)
        for path in (
            b"//private/x",
            b"/./private/x",
            b"/open/../private/x",
            b"/open/..%2fprivate/x",
            b"/open%2f..%2fprivate/x",
            b"/open/..%5cprivate/x",
            b"/open/..;/private/x",
            b"/open/%252e%252e/private/x",
            b"/private%2fx",
            b"/private%5cx",
            b"/private;a=b/x",
            b"/private/..%2fopen/x",
            b"/private/..;/open/x",
            b"/private/%252e%252e/open/x",
            b"/private\\x",
            b"/open/..\\private/x",
            b"/private%00/x",
        )
    ),
)


@pytest.fixture(scope="module")
def ruled() -> dict[str, Verdict]:
    """Return the verdict of each case."""
    return {verdict.case.id: verdict for verdict in asyncio.run(run_against("xoproxy", CASES, config=_CONFIG))}


@pytest.mark.parametrize("spelling", CASES, ids=lambda case: case.name)
def test_another_spelling_gets_the_same_rule_or_is_refused(ruled: dict[str, Verdict], spelling: Case) -> None:
    verdict = ruled[spelling.id]

    assert verdict.fault is None, verdict.told
