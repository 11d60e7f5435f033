"""Which requests are page loads that prove something: had the page been a problem, a report would have come.

Only Chromium sends reports of COEP and COOP, and only Chromium sends Sec-CH-UA: loads in other browsers prove nothing.  It is
sent in secure contexts alone, so the page came by https, wherever TLS ends, or from this machine.  Plain http from this machine
is the one secure context whose Reporting-Endpoints browsers do not heed (Reporting API §3.3; tried with Chromium 156): such
loads prove nothing either.  (User-Agent Client Hints §3.1; Fetch Metadata §2.1)
"""

import re
from typing import Final

from xoproxy.policy.matching import host_name
from xoproxy.semantics.heads import RequestHead
from xoproxy.semantics.hosts import is_loopback

_REPORTS: Final = re.compile(rb"(?i)\nsec-ch-ua:")
_PAGE: Final = re.compile(rb"(?i)\nsec-fetch-dest:[ \t]*+(?:document|iframe|frame|embed|object|fencedframe)[ \t]*\r")
_PREFETCH: Final = re.compile(rb"(?i)\nsec-purpose:")  # the page may never be shown


def is_page_load(head: RequestHead, *, secure: bool) -> bool:
    """Whether a request asks for a page to show it, in a browser that would report.  `secure`: it came to us over TLS."""
    block = head.block
    if _PAGE.search(block) is None or _REPORTS.search(block) is None or _PREFETCH.search(block) is not None:
        return False
    return secure or not is_loopback(host_name(head.host).decode("latin-1"))
