"""CORS that grants nothing more than browsers do anyway, or less than it seems to.  (Fetch §3.3, §2.2.2)"""

import re
from collections.abc import Iterator
from typing import Final

from xoproxy.config.drafts import CorsDraft, Names, Placed, PolicyDraft
from xoproxy.config.lint.view import Used, View, listed, once
from xoproxy.config.problems import Id, Problem, problem_at, quoted
from xoproxy.policy.model import ANY, Cors, PreflightHandling, ResourcePolicy

# Fetch, "forbidden request-header": set by the browser alone, so a script cannot ask for it.
_FORBIDDEN: Final = re.compile(
    rb"(?:accept-charset|accept-encoding|access-control-request-(?:headers|method|private-network)|connection|content-length|"
    rb"cookie2?|date|dnt|expect|host|keep-alive|origin|referer|set-cookie|te|trailer|transfer-encoding|upgrade|via|"
    rb"proxy-.*|sec-.*)",
    re.IGNORECASE,
)
_ANSWERS: Final = re.compile(rb"access-control-(?:allow|expose|max)-.*", re.IGNORECASE)
# Fetch, "CORS-safelisted request-header"; Content-Type is, with three values only, and Range with simple ones.
_SAFE_TO_SEND: Final = frozenset({b"accept", b"accept-language", b"content-language"})
# Fetch, "CORS-safelisted response-header name".
_SAFE_TO_READ: Final = frozenset(
    {b"cache-control", b"content-language", b"content-length", b"content-type", b"expires", b"last-modified", b"pragma"}
)
_ASSETS: Final = re.compile(
    r"(?i)(?:.*/)?(?:assets?|static|cdn|dist|fonts?|images?|img|icons|media|css|js)(?:/.*)?"
    r"|.*\.(?:avif|css|gif|ico|jpe?g|m?js|mp4|otf|png|svg|ttf|wasm|webm|webp|woff2?)"
)


def _headers(draft: PolicyDraft) -> Placed[Names] | None:
    return draft.cors.allow_headers if isinstance(draft.cors, CorsDraft) else None


def _names(part: Placed[Names]) -> tuple[bytes, ...]:
    return () if part.value is ANY else part.value


def _never_asked(view: View) -> Iterator[Problem]:
    for part, _ in once(view, _headers):
        for name in _names(part):
            shown = quoted(name.decode("ascii"))
            if _ANSWERS.fullmatch(name):
                message = f"{shown} is a field of answers; remove it here, and in the page if that sends it"
                yield problem_at(part.place, Id.NEVER_ASKED, message)
            elif _FORBIDDEN.fullmatch(name):
                message = f"only the browser itself sends {shown}, and never asks for it in a preflight; remove it"
                yield problem_at(part.place, Id.NEVER_ASKED, message)


def _always_allowed(view: View) -> Iterator[Problem]:
    for part, _ in once(view, _headers):
        names = [quoted(name.decode("ascii")) for name in _names(part) if name.lower() in _SAFE_TO_SEND]
        if names:
            message = (
                f"any page may send {listed(names)}; remove it (only values of over 128 bytes or with odd characters need it)"
            )
            yield problem_at(part.place, Id.ALWAYS_ALLOWED, message)


def _always_exposed(view: View) -> Iterator[Problem]:
    for part, _ in once(view, lambda draft: draft.cors.expose_headers if isinstance(draft.cors, CorsDraft) else None):
        names = [quoted(name.decode("ascii")) for name in _names(part) if name.lower() in _SAFE_TO_READ]
        if names:
            message = f"scripts that may read the answer may read {listed(names)} too; remove it"
            yield problem_at(part.place, Id.ALWAYS_EXPOSED, message)


def _unreachable_methods(view: View) -> Iterator[Problem]:
    """A preflight is matched by the method it asks for: one that no route with this list takes never gets here."""
    for part, policies in once(view, lambda draft: draft.cors.allow_methods if isinstance(draft.cors, CorsDraft) else None):
        taken: set[bytes] = set()
        for match in (route.route.match for used in policies for route in used.routes):
            if match.methods is None:
                break
            taken |= match.methods
        else:
            for method in sorted(set(_names(part)) - taken):
                name = method.decode("ascii")
                message = f"no route with this policy takes {name} (see match.methods); remove it here, or add it there"
                yield problem_at(part.place, Id.UNREACHABLE_METHOD, message)


def _forwarded(view: View) -> Iterator[Problem]:
    for part, _ in once(view, lambda draft: draft.cors.preflight if isinstance(draft.cors, CorsDraft) else None):
        if part.value is PreflightHandling.FORWARD:
            message = (
                "a preflight has no cookie and no Authorization: a login before the application refuses it or redirects; "
                "write preflight: answer (right as it is if the application answers them without a login)"
            )
            yield problem_at(part.place, Id.PREFLIGHT_FORWARDED, message)


def _private_network(view: View) -> Iterator[Problem]:
    for part, _ in once(view, lambda draft: draft.cors.legacy_private_network if isinstance(draft.cors, CorsDraft) else None):
        if part.value:
            message = (
                "from Chrome 142 on the user is asked, and no field of an answer can grant it; remove legacy_private_network"
            )
            yield problem_at(part.place, Id.PRIVATE_NETWORK, message)


def _corp_against_cors(view: View) -> Iterator[Problem]:
    """CORP is for what is loaded without CORS, as `<img>` does; CORS for what scripts read.  (Fetch §3.7)"""
    for used in view.policies:
        policy = used.policy
        cors = policy.cors
        if not isinstance(cors, Cors) or policy.corp not in (ResourcePolicy.SAME_ORIGIN, ResourcePolicy.SAME_SITE):
            continue
        corp = policy.corp.value
        if cors.allow_origins is ANY:
            message = (
                f"any script may read this, and corp: {corp} only keeps other pages from embedding it; write corp: cross-origin"
            )
        elif policy.corp is ResourcePolicy.SAME_ORIGIN and cors.allow_origins and _are_assets(used):
            message = (
                "this looks like files for other origins, and corp: same-origin keeps their <img> and <script> off; "
                "write corp: cross-origin, or same-site if they are sub-domains of one site"
            )
        else:
            continue
        yield problem_at(used.place(used.draft.corp), Id.CORP_AGAINST_CORS, message)


def _are_assets(used: Used) -> bool:
    return any(_ASSETS.fullmatch(route.route.match.path or "") for route in used.routes)


def _refused_embedding(view: View) -> Iterator[Problem]:
    for used in view.policies:
        policy = used.policy
        if policy.resource_isolation and policy.corp is ResourcePolicy.CROSS_ORIGIN and not isinstance(policy.cors, Cors):
            message = "requests of other sites are refused here, so corp: cross-origin lets nobody embed; remove one of the two"
            yield problem_at(used.place(used.draft.resource_isolation), Id.REFUSED_EMBEDDING, message)


CHECKS: Final = (
    _never_asked,
    _always_allowed,
    _always_exposed,
    _unreachable_methods,
    _forwarded,
    _private_network,
    _corp_against_cors,
    _refused_embedding,
)
