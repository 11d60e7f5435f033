"""Response fields under `headers` that break the policy, or that browsers do not heed."""

import re
from collections.abc import Iterator
from typing import Final

from xoproxy.config.drafts import NamedValues
from xoproxy.config.lint.view import Used, View
from xoproxy.config.problems import Id, Problem, problem_at, quoted
from xoproxy.policy.model import Opener, OpenerPolicy

_SANDBOX: Final = re.compile(rb"(?i)(?:^|[;,])[ \t]*sandbox(?=[\s;,]|$)")
_DEPRECATED: Final = {
    b"report-to": "browsers take Reporting-Endpoints now; write `reporting: {endpoints: ...}` and report_to",
    b"feature-policy": "its successor is Permissions-Policy; write permissions_policy",
    b"expect-ct": "certificates have to be transparent since 2021; remove it",
    b"public-key-pins": "browsers dropped it by 2020; remove it",
    b"public-key-pins-report-only": "browsers dropped it by 2020; remove it",
    b"x-xss-protection": "the filter is gone, and had holes of its own; remove it",
    b"x-content-security-policy": "its successor is Content-Security-Policy; write that",
    b"x-webkit-csp": "its successor is Content-Security-Policy; write that",
    b"p3p": "no browser reads it; remove it",
}


def _edits(view: View) -> Iterator[tuple[Used, NamedValues]]:
    for used in view.policies:
        for edit in (*used.draft.edits.set, *used.draft.edits.add):
            yield used, edit


def _sandboxed(view: View) -> Iterator[Problem]:
    """HTML, "obtain a cross-origin opener policy": a top-level document with both is a network error."""
    for used, edit in _edits(view):
        coop = used.policy.coop
        if not isinstance(coop, Opener) or coop.value is OpenerPolicy.UNSAFE_NONE:
            continue
        if edit.name.lower() == b"content-security-policy" and any(map(_SANDBOX.search, edit.values)):
            message = (
                f"with coop: {coop.value.value} browsers show an error in the place of a page that has the directive sandbox; "
                "remove the directive, or write coop: off for these paths"
            )
            yield problem_at(edit.place, Id.COOP_AND_SANDBOX, message)


def _deprecated(view: View) -> Iterator[Problem]:
    for _, edit in _edits(view):
        advice = _DEPRECATED.get(edit.name.lower())
        if advice is not None:
            yield problem_at(edit.place, Id.DEPRECATED_FIELD, f"{quoted(edit.name.decode('ascii'))}: {advice}")


def _frame_options(view: View) -> Iterator[Problem]:
    """HTML §7.1.5: anything but DENY and SAMEORIGIN is as good as nothing, and so are two values that differ."""
    for _, edit in _edits(view):
        if edit.name.lower() != b"x-frame-options":
            continue
        for value in edit.values:
            if value.strip().upper() not in (b"DENY", b"SAMEORIGIN"):
                message = (
                    f"browsers ignore {quoted(value.decode('ascii'))}: any page may frame this; write DENY or SAMEORIGIN, or "
                    "Content-Security-Policy: frame-ancestors with the origins"
                )
                yield problem_at(edit.place, Id.FRAME_OPTIONS, message)


CHECKS: Final = (_sandboxed, _deprecated, _frame_options)
