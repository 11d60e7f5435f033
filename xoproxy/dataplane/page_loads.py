"""Which requests are page loads that prove something: had the page been a problem, a report would have come.

Only Chromium sends reports of COEP, COOP and Document-Isolation-Policy, and only Chromium sends Sec-CH-UA: loads in other
browsers prove nothing.  Both are for secure contexts alone.  (User-Agent Client Hints §3.1; Fetch Metadata §2.1)
"""

import re
from typing import Final

_REPORTS: Final = re.compile(rb"(?i)\nsec-ch-ua:")
_PAGE: Final = re.compile(rb"(?i)\nsec-fetch-dest:[ \t]*+(?:document|iframe|frame|embed|object|fencedframe)[ \t]*\r")
_PREFETCH: Final = re.compile(rb"(?i)\nsec-purpose:")  # the page may never be shown


def is_page_load(block: bytes) -> bool:
    """Whether a request head asks for a page to show it, in a browser that reports."""
    return _PAGE.search(block) is not None and _REPORTS.search(block) is not None and _PREFETCH.search(block) is None
