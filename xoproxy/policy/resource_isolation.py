"""Decide which requests of other sites' pages are refused.  (Fetch Metadata Request Headers §2, §4)

A browser says with each request to a trustworthy URL where it comes from and what for; script can neither set nor remove these
fields.  So a server can refuse what another site's page has no business to ask for, before anything is made of it: cross-site
request forgery, inclusion of scripts, probing by time or size.

What stays possible from other sites: to follow a link (a top-level navigation that changes nothing), and what the policy
grants by name.  A request without Sec-Fetch-Site is not refused: it comes from no browser, from an old one, or over plain http.
"""

import re
from typing import Final

from xoproxy.semantics.heads import RequestHead

# What the decisions read: `refuses` all three, `is_from_own_origin` the site.  It belongs into Vary of every response.
SITE: Final = b"Sec-Fetch-Site"
FIELDS: Final = (SITE, b"Sec-Fetch-Mode", b"Sec-Fetch-Dest")

_METADATA: Final = re.compile(rb"(?i)\nsec-fetch-(site|mode|dest):[ \t]*+([^\r]*+)")


def fetch_metadata(head: RequestHead) -> dict[bytes, bytes]:
    """Return Sec-Fetch-Site, -Mode and -Dest by their last word, as far as they stand there; of several lines the last."""
    return {name.lower(): value.rstrip(b" \t") for name, value in _METADATA.findall(head.block)}


def refuses(head: RequestHead, *, granted: bool) -> bool:
    """Whether a request is refused; `granted`: the policy lets the asking page do this, by its origin."""
    metadata = fetch_metadata(head)
    if metadata.get(b"site") != b"cross-site":
        return False
    mode = metadata.get(b"mode")
    if mode == b"navigate" and metadata.get(b"dest") == b"document":
        return head.method not in (b"GET", b"HEAD")
    return not (granted and mode in (b"cors", b"websocket"))


def is_from_own_origin(head: RequestHead) -> bool:
    """Whether the browser says that no other origin's page asks: this one's does, or the person at the browser.

    It knows what Origin may hide: a page with the referrer policy no-referrer sends ``Origin: null`` with its own forms, and
    behind a TLS terminator that is not trusted we do not know our own scheme.  (Fetch, "append a request `Origin` header")
    """
    return fetch_metadata(head).get(b"site") in (b"same-origin", b"none")
