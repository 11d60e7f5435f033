"""What browsers say of themselves in a request: Origin and Sec-Fetch-*.  (Fetch §3.2; Fetch Metadata §2)"""

from typing import Final

from xoproxy.browser.deviations import Deviation, deviates
from xoproxy.browser.hops import Hop
from xoproxy.browser.model import NULL_ORIGIN, Engine, Fields, Mode, Tainting, WireRequest
from xoproxy.browser.sites import same_origin, same_site, scheme_of
from xoproxy.browser.support import Feature, has
from xoproxy.browser.urls import is_potentially_trustworthy

_SAFE: Final = frozenset({b"GET", b"HEAD"})


def wire_request(hop: Hop, engine: Engine) -> WireRequest:
    """Return the request as it is sent.  (Fetch §4.6, "HTTP-network-or-cache fetch")"""
    fields = (*hop.fields, *_origin(hop), *fetch_metadata(hop, engine))
    return WireRequest(hop.method, str(hop.url), fields, hop.includes_credentials)


def fetch_metadata(hop: Hop, engine: Engine) -> Fields:
    """Return the Fetch metadata fields; none are sent to where anyone on the way can read them.

    A navigation to a top-level page is taken to be one that the user asked for, by a click or by typing.
    """
    if not is_potentially_trustworthy(hop.url) or not has(engine, Feature.FETCH_METADATA):
        return ()
    if hop.mode is Mode.WEBSOCKET and deviates(engine, Deviation.SOCKETS_SAY_LESS):
        return ()
    user: Fields = ((b"Sec-Fetch-User", b"?1"),) if hop.is_navigation and hop.destination == "document" else ()
    return (
        (b"Sec-Fetch-Site", site(hop)),
        (b"Sec-Fetch-Mode", hop.mode.value.encode("ascii")),
        (b"Sec-Fetch-Dest", (hop.destination or "empty").encode("ascii")),
        *user,
    )


def site(hop: Hop) -> bytes:
    """Return how far the request's URLs are from who asks.  (Fetch Metadata §2.3)"""
    if hop.client is None:
        return b"none"
    worst = b"same-origin"
    for url in hop.urls:
        if same_origin(hop.origin, url.origin):
            continue
        if not same_site(hop.origin, url.origin):
            return b"cross-site"
        worst = b"same-site"
    return worst


def _origin(hop: Hop) -> Fields:
    """Return the Origin field, if there is one.  (Fetch §3.2, "append a request Origin header")"""
    if hop.tainting is Tainting.CORS or hop.mode is Mode.WEBSOCKET:
        return ((b"Origin", hop.serialized_origin),)
    if hop.method in _SAFE:
        return ()
    hidden = hop.mode is not Mode.CORS and _hides_origin(hop)
    return ((b"Origin", NULL_ORIGIN if hidden else hop.serialized_origin),)


def _hides_origin(hop: Hop) -> bool:
    match hop.referrer_policy:
        case "no-referrer":
            return True
        case "no-referrer-when-downgrade" | "strict-origin" | "strict-origin-when-cross-origin":
            return scheme_of(hop.origin) == "https" and hop.url.scheme != "https"
        case "same-origin":
            return not hop.is_same_origin
        case _:
            return False
