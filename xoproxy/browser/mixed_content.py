"""What a page that came by https may fetch by http: nothing, but pictures and media are asked for by https instead.

(Mixed Content §4)  The standard of 2026 counts any potentially trustworthy page; the engines count https pages only, so that
a page on ``http://localhost`` may fetch by http from anywhere.  Concluded is what the engines do.
"""

from dataclasses import replace
from typing import Final

from xoproxy.browser.deviations import Deviation, deviates
from xoproxy.browser.hops import Hop
from xoproxy.browser.model import Step
from xoproxy.browser.urls import is_potentially_trustworthy
from xoproxy.semantics.hosts import address_of

BLOCK: Final = "https://w3c.github.io/webappsec-mixed-content/#should-block-fetch"
UPGRADE: Final = "https://w3c.github.io/webappsec-mixed-content/#upgrade-algorithm"
_UPGRADEABLE: Final = frozenset({"image", "audio", "video"})


def upgraded(hop: Hop) -> tuple[Hop, Step | None]:
    """Return the request, to https if it is mixed content that is upgraded, and the step that says so."""
    url = hop.url
    if not _is_mixed(hop) or hop.destination not in _UPGRADEABLE or _is_kept_address(hop):
        return hop, None
    https = url.with_scheme("https")
    why = f"{url} is asked for as {https}, since the page came by https; destination {hop.destination}"
    step = Step("upgrade a mixed content request", UPGRADE, holds=True, why=why)
    return replace(hop, urls=(*hop.urls[:-1], https)), step


def mixed_content(hop: Hop) -> Step | None:
    """Return the step that fails if the request is blocked as mixed content."""
    if not _is_mixed(hop) or (hop.is_navigation and hop.destination == "document"):
        return None
    why = f"a page that came by https must not fetch {hop.url} by {hop.url.scheme}; no field can grant this, serve it by https"
    return Step("should fetching request be blocked as mixed content?", BLOCK, holds=False, why=why)


def _is_kept_address(hop: Hop) -> bool:
    upgrades = hop.client is not None and deviates(hop.client.engine, Deviation.ADDRESSES_ARE_UPGRADED)
    return address_of(hop.url.host) is not None and not upgrades


def _is_mixed(hop: Hop) -> bool:
    return hop.client is not None and hop.client.restricts_mixed_content and not is_potentially_trustworthy(hop.url)
