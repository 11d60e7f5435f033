"""Isolation that is not, or that breaks what it is not meant for.  (HTML §7.1.3, §7.1.4; WICG Document-Isolation-Policy)"""

import re
from collections.abc import Iterator
from typing import Final

from xoproxy.config.drafts import Names
from xoproxy.config.lint.view import Used, View, once
from xoproxy.config.problems import Id, Problem, problem_at, quoted
from xoproxy.policy.model import (
    DocumentIsolation,
    Embedder,
    EmbedderPolicy,
    Isolation,
    Opener,
    OpenerPolicy,
    Policy,
    ResourcePolicy,
)

COI: Final = "cross-origin-isolated"  # the feature of Permissions Policy

# Whole segments of a path, or the first label of a host, that are about logging in or paying in a window of its own.
_WINDOWS: Final = re.compile(
    r"(?:.*[-_.])?(?:oauth2?|oidc|openid|auth|sso|saml2?|login|logon|signin|sign-in|authorize|callback|checkout|payments?)(?:[-_.].*)?",
    re.IGNORECASE,
)


def _opener(policy: Policy) -> OpenerPolicy | None:
    return policy.coop.value if isinstance(policy.coop, Opener) else None


def _embeds_strictly(policy: Policy) -> bool:
    return isinstance(policy.coep, Embedder) and policy.coep.value is not EmbedderPolicy.UNSAFE_NONE


def _isolates_document(policy: Policy) -> bool:
    return isinstance(policy.document_isolation, Isolation) and policy.document_isolation.value is not DocumentIsolation.NONE


def is_isolated(policy: Policy) -> bool:
    """Whether the policy by itself makes a page cross-origin isolated."""
    by_pair = _opener(policy) is OpenerPolicy.SAME_ORIGIN and _embeds_strictly(policy)
    return by_pair or _isolates_document(policy)


def _coep_without_coop(view: View) -> Iterator[Problem]:
    for used in view.policies:
        policy = used.policy
        opener = _opener(policy)
        if not _embeds_strictly(policy) or opener is OpenerPolicy.SAME_ORIGIN or _isolates_document(policy):
            continue
        if opener in (OpenerPolicy.SAME_ORIGIN_ALLOW_POPUPS, OpenerPolicy.NOOPENER_ALLOW_POPUPS):
            message = (
                f"coep has its price, and the page is not isolated with coop {opener.value}; write coop: same-origin, or "
                "document_isolation: isolate-and-credentialless in the place of both, which keeps popups (Chromium only)"
            )
        elif policy.corp in (ResourcePolicy.CROSS_ORIGIN, ResourcePolicy.SAME_SITE) or not _serves_pages(used):
            continue  # a frame or worker of an isolated page, which has no COOP of its own
        else:
            message = (
                "coep without coop: same-origin has its price and isolates no page; write coop: same-origin beside it "
                "(or, if these are frames or workers, match: {destinations: [iframe, worker]})"
            )
        yield problem_at(used.place(used.draft.coep), Id.COEP_WITHOUT_COOP, message)


def _serves_pages(used: Used) -> bool:
    """Whether one of the routes takes top-level documents: no other has an opener policy."""
    kinds = [route.route.match.destinations for route in used.routes]
    return any(kind is None or b"document" in kind for kind in kinds)


def _not_isolated(view: View) -> Iterator[Problem]:
    for used in view.policies:
        policy, draft = used.policy, used.draft
        if is_isolated(policy) or _embeds_strictly(policy):
            continue
        coop = draft.coop
        preset = coop is not None and coop.place.mark.source.startswith("preset isolated")
        if preset and draft.observe_coep is None and draft.observe_document_isolation is None:
            message = (
                "a policy that is composed from an isolated preset is not isolated without coep; "
                "leave coep as it is there, or write coop and corp without the preset"
            )
            yield problem_at(used.place(draft.coep), Id.NOT_ISOLATED, message)
        elif _allowed(policy):
            message = (
                f"{COI} is given to frames of a page that is not isolated itself; "
                "write coop: same-origin and coep: auto beside it, or document_isolation"
            )
            yield problem_at(used.place(draft.permissions_policy), Id.NOT_ISOLATED, message)


def _allowed(policy: Policy) -> Names | None:
    """Return whom `permissions_policy` lets be isolated; None if it says nothing about that."""
    return dict(policy.permissions_policy.features).get(COI) if policy.permissions_policy is not None else None


def _denied(view: View) -> Iterator[Problem]:
    """The capability is the page's only if the policy allows it to itself.  (HTML, "cross-origin isolated capability")"""
    for used in view.policies:
        allowed = _allowed(used.policy)
        if is_isolated(used.policy) and isinstance(allowed, tuple) and b"self" not in allowed:
            message = (
                f"the page is isolated, and permissions_policy does not let it be {COI}; "
                f"write {COI}: [self], or leave it out: self is the default"
            )
            yield problem_at(used.place(used.draft.permissions_policy), Id.ISOLATION_DENIED, message)


def _credentialless_alone(view: View) -> Iterator[Problem]:
    """Only what the file itself says: who takes the preset `isolated-credentialless` was told by its name."""
    for part, policies in once(view, lambda draft: draft.coep):
        value = part.value
        if not isinstance(value, Embedder) or value.value is not EmbedderPolicy.CREDENTIALLESS:
            continue
        is_last_step = all(used.draft.observe_coep is None for used in policies)  # else require-corp is on trial
        if is_last_step and any(_opener(used.policy) is OpenerPolicy.SAME_ORIGIN for used in policies):
            message = (
                "Safari does not know credentialless and isolates no page with it; "
                "write coep: auto, which sends require-corp to browsers without it"
            )
            yield problem_at(part.place, Id.CREDENTIALLESS_ALONE, message)


def _opener_cut_off(view: View) -> Iterator[Problem]:
    for route in view.routes:
        policy = route.route.policy
        match = route.route.match
        if _opener(policy) is not OpenerPolicy.SAME_ORIGIN:
            continue
        instead = ", or document_isolation, which keeps popups (Chromium only)" if is_isolated(policy) else ""
        segments = [(segment, "match.path") for segment in (match.path or "").split("/")]
        label = (match.host or "").removeprefix("*.").partition(".")[0]
        for segment, key in (*segments, (label, "match.host")):
            if _WINDOWS.fullmatch(segment):
                message = (
                    f"{quoted(segment)} looks like a login or payment, and coop: same-origin cuts popups off from the page "
                    "that opened them; write coop: same-origin-allow-popups where they are opened and coop: off where they "
                    f"end{instead} (right as it is if they are no popups)"
                )
                yield problem_at(route.places[key], Id.OPENER_CUT_OFF, message)
                break


def _needless_agent_cluster(view: View) -> Iterator[Problem]:
    """HTML, "obtain a similar-origin window agent": the key of an isolated page is its origin, whatever was asked for."""
    for part, policies in once(view, lambda draft: draft.origin_agent_cluster):
        if part.value is False and all(is_isolated(used.policy) for used in policies):
            message = "an isolated page is keyed by its origin whatever this says; remove origin_agent_cluster"
            yield problem_at(part.place, Id.AGENT_CLUSTER, message)


CHECKS: Final = (
    _coep_without_coop,
    _not_isolated,
    _denied,
    _credentialless_alone,
    _opener_cut_off,
    _needless_agent_cluster,
)
