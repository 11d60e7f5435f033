"""What becomes of a request that is redirected.  (Fetch §4.4, "HTTP-redirect fetch")"""

from dataclasses import replace
from typing import Final

from xoproxy.browser.hops import Hop
from xoproxy.browser.model import Fields, Mode, Step, Tainting, WireResponse
from xoproxy.browser.policies import lines_of
from xoproxy.browser.request_fields import AUTHORIZATION
from xoproxy.browser.sites import same_origin
from xoproxy.browser.urls import Url, parse

ANCHOR: Final = "https://fetch.spec.whatwg.org/#http-redirect-fetch"
NAME: Final = "HTTP-redirect fetch"
STATUSES: Final = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS: Final = 20
_BODY_FIELDS: Final = frozenset({b"content-encoding", b"content-language", b"content-location", b"content-type"})
REFERRER_POLICIES: Final = frozenset(
    {
        "no-referrer",
        "no-referrer-when-downgrade",
        "origin",
        "origin-when-cross-origin",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
    }
)


def is_redirect(response: WireResponse) -> bool:
    """Whether the response sends the request elsewhere."""
    return response.status in STATUSES and bool(lines_of(response.fields, b"Location"))


def redirected(hop: Hop, response: WireResponse) -> tuple[Hop, Step]:
    """Return the request as it goes on, and the step; where that does not hold it goes nowhere."""
    lines = lines_of(response.fields, b"Location")
    url = parse(lines[0].decode("latin-1"), hop.url) if len(set(lines)) == 1 else None
    fault = _fault(hop, url, lines)
    if url is None or fault:
        return hop, Step(NAME, ANCHOR, holds=False, why=fault)
    method, fields = _after(hop, response.status)
    notes = [] if method == hop.method else [f"as {method.decode('ascii')}"]
    if not same_origin(hop.url.origin, url.origin):
        kept = tuple(line for line in fields if line[0].lower() != AUTHORIZATION)
        notes += ["without Authorization"] if kept != fields else []
        fields = kept
    policy = referrer_policy(response.fields) or hop.referrer_policy
    following = replace(hop, method=method, urls=(*hop.urls, url), fields=fields, referrer_policy=policy)
    if following.tainting is not Tainting.BASIC and following.serialized_origin != hop.serialized_origin:
        notes.append("with the origin null from here on, since one foreign origin redirects to another")
    return following, Step(NAME, ANCHOR, holds=True, why=", ".join([f"{response.status} to {url}", *notes]))


def referrer_policy(fields: Fields) -> str:
    """Return the last referrer policy that the fields name, empty if none.  (Referrer Policy §8.1)"""
    words = b",".join(lines_of(fields, b"Referrer-Policy")).decode("latin-1").lower().split(",")
    known = [word.strip() for word in words if word.strip() in REFERRER_POLICIES]
    return known[-1] if known else ""


def _fault(hop: Hop, url: Url | None, lines: tuple[bytes, ...]) -> str:
    if url is None:
        shown = ", ".join(line.decode("latin-1") for line in lines)
        return f'Location "{shown}" is {"no URL" if len(set(lines)) == 1 else "there with several values"}'
    if not url.is_http:
        return f"Location {url} is neither http nor https"
    if len(hop.urls) > MAX_REDIRECTS:
        return f"more than {MAX_REDIRECTS} redirects"
    return _userinfo_fault(hop, url) if url.has_userinfo else ""


def _userinfo_fault(hop: Hop, url: Url) -> str:
    if hop.mode is Mode.CORS and not same_origin(hop.origin, url.origin):
        return f"Location {url} has user information, which a CORS request must not be sent to"
    if hop.tainting is Tainting.CORS:
        return f"Location {url} has user information, and the request has been to another origin"
    return ""


def _after(hop: Hop, status: int) -> tuple[bytes, Fields]:
    """Return method and fields after a redirect: some become a GET without body."""
    rewritten = hop.method == b"POST" if status in (301, 302) else status == 303 and hop.method not in (b"GET", b"HEAD")
    if not rewritten:
        return hop.method, hop.fields
    return b"GET", tuple(line for line in hop.fields if line[0].lower() not in _BODY_FIELDS)
