"""Which changes of a policy could turn a verdict: families of edits, the harmless ones first.

A family is everything that one way out could need; the search keeps of it what is needed.  Nothing here is a promise: whether
a browser then concludes otherwise is found out by asking it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from xoproxy.browser.model import NULL_ORIGIN, CredentialsMode, Mode
from xoproxy.config.drafts import PolicyDraft
from xoproxy.config.nodes import Plain
from xoproxy.config.origins import NULL, is_insecure, origin_pattern
from xoproxy.config.problems import Refused
from xoproxy.config.provenance import said
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.explaining.edits import Edit, How
from xoproxy.insight.explaining.question import Question
from xoproxy.insight.explaining.routing import Routing, Skipped
from xoproxy.policy.cors import SAFELISTED_METHODS
from xoproxy.policy.model import (
    ANY,
    Cors,
    Embedder,
    EmbedderPolicy,
    Isolation,
    Opener,
    OpenerPolicy,
    PreflightHandling,
    ResourcePolicy,
    UpstreamFields,
)
from xoproxy.semantics.origins import OriginPattern

Family = tuple[Edit, ...]

METHODS: Final = "match.methods"

_REASON: Final[dict[str, Plain]] = {"reason": "say why, and until when"}
_NULL_DANGER: Final = "any sandboxed frame, of any site, has the origin null and could then read this"
_INSECURE_DANGER: Final = "whoever is on the network path can speak for a plain-http origin"
_NARROWER: Final = 'the origins listed replace "*": list every other origin that reads this'
_COOKIES: Final = "every origin of allow_origins may then read this with the user's cookies"
_ANY_SITE: Final = "any site may then embed what this route answers"
_METADATA: Final = "pages of any site may then send requests here with the user's cookies"
# The method is as the browser sends it: normalised.  (Fetch §2.2.1, "normalize a method")
_NORMALISED: Final = frozenset({b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT"})


def families(question: Question, target: RouteDraft | None, page: RouteDraft | None) -> Iterator[Family]:
    """Yield the ways out.  `target`: the route of what is asked for; `page`: that of the page; None where there is none."""
    if target is not None:
        yield from _of_target(question, target)
    if page is not None:
        yield from _of_page(page)


def missed(question: Question, routings: Sequence[Routing], drafts: Sequence[RouteDraft]) -> Iterator[Family]:
    """Yield the routes that were missed by the method alone, with the method and what the request needs there."""
    near = {skipped.name: skipped.misses[0].got for each in routings for skipped in each.skipped if _is_near(skipped)}
    for draft in drafts:
        if draft.route.name in near:
            longer = Edit(draft.route.name, METHODS, How.APPEND, near[draft.route.name])
            yield (longer, *_grant(question, draft), *_owning(draft.route.name, draft.route.policy.upstream_fields))


def _is_near(skipped: Skipped) -> bool:
    return [miss.condition for miss in skipped.misses] == ["methods"]


def isolating(question: Question, target: RouteDraft) -> Iterator[Family]:
    """Yield the ways in which the page that is navigated to could become cross-origin isolated."""
    route = target.route.name
    framed = question.destination != "document"
    for value in ("require-corp", "auto"):
        opener = () if framed else (Edit(route, "coop", How.SET, "same-origin", _POPUPS),)
        yield (*opener, Edit(route, "coep", How.SET, value, _EMBEDS))
    yield (Edit(route, "document_isolation", How.SET, "isolate-and-require-corp", _EMBEDS),)


def keeping(target: RouteDraft, page: RouteDraft | None) -> Iterator[Family]:
    """Yield the ways in which a window that a page opens could keep its opener."""
    opened = Edit(target.route.name, "coop", How.SET, "unsafe-none", _NOT_ISOLATED, 2)
    yield (opened,)
    if page is not None:
        opener = Edit(page.route.name, "coop", How.SET, "same-origin-allow-popups", _NOT_ISOLATED, 2)
        yield (opener,)
        yield (opener, opened)
        yield (Edit(page.route.name, "coop", How.SET, "unsafe-none", _NOT_ISOLATED, 3), opened)


_POPUPS: Final = "popups of other origins, such as logins, then lose their opener"
_EMBEDS: Final = "what the page embeds from other origins must then agree by CORP or CORS"


def _of_target(question: Question, target: RouteDraft) -> Iterator[Family]:
    """Yield what the route of the request could say."""
    route, policy = target.route.name, target.route.policy
    owning = _owning(route, policy.upstream_fields)
    if question.mode is Mode.WEBSOCKET:
        yield _socket_grant(question, target)
        return
    if question.mode is Mode.NAVIGATE:
        yield from _shown(target)
    else:
        yield (*_grant(question, target), *owning)
    for value in (ResourcePolicy.SAME_SITE, ResourcePolicy.CROSS_ORIGIN):
        corp = Edit(route, "corp", How.SET, value.value, *_reach(value))
        yield (corp, *owning)
        yield (corp, Edit(route, "coep", How.SET, EmbedderPolicy.REQUIRE_CORP.value, _EMBEDS, 2), *owning)
    yield (Edit(route, "coep", How.SET, EmbedderPolicy.REQUIRE_CORP.value, _EMBEDS, 2), *owning)
    if policy.resource_isolation:
        yield (Edit(route, "resource_isolation", How.SET, "false", _METADATA, 4),)
        if question.mode is not Mode.NAVIGATE:
            yield (*_grant(question, target), Edit(route, "resource_isolation", How.SET, "false", _METADATA, 4), *owning)


def _reach(value: ResourcePolicy) -> tuple[str, int]:
    """Return what a resource policy gives away."""
    return (_ANY_SITE, 1) if value is ResourcePolicy.CROSS_ORIGIN else ("", 0)


def _owning(route: str, fields: UpstreamFields) -> Family:
    """Return the edit by which the backend's own fields no longer count."""
    return () if fields is UpstreamFields.REPLACE else (Edit(route, "upstream_fields", How.SET, "replace"),)


def _shown(target: RouteDraft) -> Iterator[Family]:
    """Yield what lets a page be shown that a sandbox forbids to have an opener policy."""
    route, policy = target.route.name, target.route.policy
    owning = _owning(route, policy.upstream_fields)
    if isinstance(policy.coop, Opener) and policy.coop.value is not OpenerPolicy.UNSAFE_NONE:
        yield (Edit(route, "coop", How.SET, "unsafe-none"), *owning)
    elif policy.coop is None:
        yield (Edit(route, "coop", How.SET, "off"),)


def _of_page(page: RouteDraft) -> Iterator[Family]:
    """Yield what the page's own route could say, so that it may embed more."""
    route, policy = page.route.name, page.route.policy
    owning = _owning(route, policy.upstream_fields)
    if isinstance(policy.coep, Embedder) and policy.coep.value is not EmbedderPolicy.UNSAFE_NONE:
        if policy.coep.value is EmbedderPolicy.REQUIRE_CORP:
            yield (
                Edit(
                    route,
                    "coep",
                    How.SET,
                    "credentialless",
                    "Safari has no credentialless: there the page is no longer isolated",
                ),
            )
        yield (Edit(route, "coep", How.SET, "unsafe-none", _NOT_ISOLATED, 6), *owning)
    if isinstance(policy.document_isolation, Isolation):
        yield (Edit(route, "document_isolation", How.SET, "isolate-and-credentialless"), *owning)
        yield (Edit(route, "document_isolation", How.SET, "none", _NOT_ISOLATED, 6), *owning)


_NOT_SAFARI: Final = "Safari has no credentialless: there the page is no longer isolated"
_NOT_ISOLATED: Final = "the page is no longer cross-origin isolated: no SharedArrayBuffer"


def _grant(question: Question, target: RouteDraft) -> Iterator[Edit]:
    """Yield everything that CORS could need to grant the request."""
    route, policy = target.route.name, target.route.policy
    cors = policy.cors if isinstance(policy.cors, Cors) else Cors(allow_origins=())
    credentialed = question.credentials is CredentialsMode.INCLUDE
    yield from _origin(question, target, cors, credentialed=credentialed)
    if credentialed and not cors.allow_credentials:
        yield Edit(route, "cors.allow_credentials", How.SET, "true", _COOKIES, 1)
    method = question.method.upper() if question.method.upper() in _NORMALISED else question.method
    if cors.allow_methods is not ANY and method not in (*SAFELISTED_METHODS, *cors.allow_methods):
        yield Edit(route, "cors.allow_methods", How.APPEND, method.decode("ascii"))
    for name in dict.fromkeys(name for name, _ in question.fields):
        listed = () if cors.allow_headers is ANY else cors.allow_headers
        if cors.allow_headers is not ANY and name.lower() not in {each.lower() for each in listed}:
            yield Edit(route, "cors.allow_headers", How.APPEND, name.decode("ascii"))
    if cors.preflight is PreflightHandling.FORWARD:
        yield Edit(route, "cors.preflight", How.SET, "answer")


def _origin(question: Question, target: RouteDraft, cors: Cors, *, credentialed: bool) -> Iterator[Edit]:
    """Yield what grants the origin itself."""
    route = target.route.name
    if question.origin is None:
        return
    if question.origin == NULL_ORIGIN:
        yield Edit(route, "cors.dangerously_allow_null_origin", How.SET, _REASON, _NULL_DANGER, 6)
        return
    text = question.origin.decode("ascii")
    if cors.allow_origins is not ANY:
        danger = f"pages of {text} may then read this with the user's cookies" if cors.allow_credentials else ""
        cost = 0 if isinstance(target.route.policy.cors, Cors) else 1  # where nobody could read so far
        yield Edit(route, "cors.allow_origins", How.APPEND, text, danger, cost)
    elif credentialed:
        yield Edit(route, "cors.allow_origins", How.SET, [text], _NARROWER, 1)
    yield from _escape(route, "cors", text, target.policy)


def _escape(route: str, key: str, text: str, draft: PolicyDraft) -> Iterator[Edit]:
    """Yield the dangerous key that an origin needs."""
    try:
        pattern = origin_pattern(text)
    except Refused:  # as chrome-extension: origins of 32 letters that are no host
        return
    needed = f"{key}.dangerously_allow_insecure_origins"
    if pattern is not NULL and is_insecure(pattern) and needed not in said(draft):
        yield Edit(route, needed, How.SET, _REASON, _INSECURE_DANGER, 6)


def _socket_grant(question: Question, target: RouteDraft) -> Family:
    """Return what lets the page open a WebSocket."""
    route, draft = target.route.name, target.policy.websocket
    if question.origin is None or draft is None or draft.allow_origins is None or draft.allow_origins.value is ANY:
        return ()
    text = question.origin.decode("ascii")
    if question.origin == NULL_ORIGIN:
        escape, danger = {"dangerously_allow_null_origin": _REASON}, _NULL_DANGER
    elif any(_escape(route, "websocket_origins", text, target.policy)):
        escape, danger = {"dangerously_allow_insecure_origins": _REASON}, _INSECURE_DANGER
    else:
        return (Edit(route, "websocket_origins.allow_origins", How.APPEND, text),)
    # Dangerous keys stand in the mapping that the list may have to become.
    standing = [each.value.text() for each in draft.allow_origins.value if isinstance(each.value, OriginPattern)]
    whole: dict[str, Plain] = {"allow_origins": [*standing, text], **escape}
    return (Edit(route, "websocket_origins", How.SET, whole, danger, 6),)
