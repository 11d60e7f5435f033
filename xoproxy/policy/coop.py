"""Cross-Origin-Opener-Policy and its Report-Only twin.  (HTML §7.1.3)

A structured-field item of type token: set once, never appended, for two lines void it.
"""

from typing import Final

from xoproxy.policy.model import Opener
from xoproxy.semantics.structured import serialize_string

NAME: Final = b"Cross-Origin-Opener-Policy"
OBSERVED_NAME: Final = b"Cross-Origin-Opener-Policy-Report-Only"


def field_line(opener: Opener, report_to: str | None, *, observed: bool = False) -> bytes:
    """Return the field line.  `report_to` is the endpoint used where the value names none of its own."""
    endpoint = opener.report_to or report_to
    parameter = b"; report-to=" + serialize_string(endpoint) if endpoint else b""
    name = OBSERVED_NAME if observed else NAME
    return name + b": " + opener.value.value.encode("ascii") + parameter + b"\r\n"
