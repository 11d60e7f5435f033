"""Reports that nobody sends, and endpoints that nobody reports to.  (Reporting API §3; CSP §6.5)"""

import re
from collections.abc import Iterator
from typing import Final

from xoproxy.config import keys
from xoproxy.config.drafts import PolicyDraft
from xoproxy.config.lint.view import View, once
from xoproxy.config.problems import Id, Place, Problem, problem_at, quoted
from xoproxy.policy.model import Policy
from xoproxy.policy.reporting import endpoints_used

_CSP: Final = (b"content-security-policy", b"content-security-policy-report-only")
_CSP_REPORT_TO: Final = re.compile(rb"(?i)(?:^|;)[ \t]*report-to[ \t]+([^\s;]+)")
# What can report, and by its long form alone.
_REPORTING_KEYS: Final = (
    "coop",
    "coep",
    "document_isolation",
    "permissions_policy",
    "integrity_policy",
    "observe_coop",
    "observe_coep",
    "observe_document_isolation",
    "observe_permissions_policy",
    "observe_integrity_policy",
)


def _names_in(draft: PolicyDraft) -> Iterator[str]:
    """Yield every endpoint that a draft names."""
    if draft.report_to is not None:
        yield draft.report_to.value
    for key in _REPORTING_KEYS:
        name = getattr(getattr(getattr(draft, key), "value", None), "report_to", None)
        if isinstance(name, str):
            yield name


def _csp_endpoints(draft: PolicyDraft) -> Iterator[tuple[Place, str]]:
    """Yield every endpoint that a CSP under `headers` names, and where."""
    for edit in (*draft.edits.set, *draft.edits.add):
        if edit.name.lower() in _CSP:
            for name in (found for value in edit.values for found in _CSP_REPORT_TO.findall(value)):
                yield edit.place, name.decode("ascii")


def _unused_endpoints(view: View) -> Iterator[Problem]:
    """An endpoint is declared on the responses that use it, so one that nothing uses is declared nowhere."""
    loaded = view.loaded
    drafts = [*(used.draft for used in view.policies), loaded.unmatched.policy, *loaded.unused_policies.values()]
    named = {name for draft in drafts for name in (*_names_in(draft), *(name for _, name in _csp_endpoints(draft)))}
    for name, _ in loaded.endpoints.urls:
        if name not in named and not view.is_option("policy"):
            place = view.place("reporting", "endpoints", name)
            message = f"nothing reports to {quoted(name)}; write report_to: {name} in a policy, or remove it"
            yield problem_at(place, Id.UNUSED_ENDPOINT, message)


def _nothing_to_report(view: View) -> Iterator[Problem]:
    for part, policies in once(view, lambda draft: draft.report_to):
        if not any(endpoints_used(used.policy) for used in policies):
            message = (
                "no key of this policy reports anything (coop, coep, document_isolation, permissions_policy, integrity_policy "
                "and their twins in observe do); remove report_to"
            )
            yield problem_at(part.place, Id.NOTHING_TO_REPORT, message)


def _undeclared(view: View) -> Iterator[Problem]:
    """A CSP may name an endpoint; it is declared only if a typed key of the policy uses it."""
    known = dict(view.loaded.endpoints.urls)
    for used in view.policies:
        declared = _declared(used.policy, known)
        for place, name in _csp_endpoints(used.draft):
            if name not in declared:
                where = "the policy has no report_to of this name" if name in known else "`reporting` does not have it"
                message = (
                    f"this reports to {quoted(name)}, which is not declared in Reporting-Endpoints: {where}; "
                    f"write report_to: {name} beside a key that reports, or {name}: upstream under `endpoints` if the "
                    "application declares it"
                )
                yield problem_at(place, Id.UNDECLARED_ENDPOINT, message)


def _declared(policy: Policy, known: dict[str, str | None]) -> set[str]:
    by_backend = {name for name, url in known.items() if url is None}
    return by_backend | set(endpoints_used(policy))


def _nothing_collected(view: View) -> Iterator[Problem]:
    """How reports are taken and kept matters where some come to a path of ours."""
    if view.loaded.generation.settings.collecting.targets:
        return
    for key in keys.REPORTING.names:
        place = view.place("reporting", key)
        if key != "endpoints" and place.path == f"reporting.{key}":
            message = "xoproxy collects what is reported to a path, and no endpoint is one; write a path, or remove this key"
            yield problem_at(place, Id.NOTHING_COLLECTED, message)


CHECKS: Final = (_unused_endpoints, _nothing_to_report, _undeclared, _nothing_collected)
