"""The grammar of HTTP/1.1 heads as compiled patterns.  (RFC 9110 §5, RFC 9112 §2-§5)

Rule 1: a head is in the language as a whole, or it is refused; nothing is repaired.
Rule 2: matching is linear in the head's length, whatever a peer sends: quantifiers over bytes are possessive.
Rule 3: a head is taken apart at each CRLF, and each line is matched by itself; no pattern goes over several.
"""

import re
from typing import Final

TOKEN_BYTES: Final = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
TOKEN: Final = rb"[" + TOKEN_BYTES + rb"]"

# field-value: visible characters, SP, HTAB and obs-text.  No CR, LF, NUL or other control byte (RFC 9110 §5.5).
VALUE_BYTES: Final = rb"\t -~\x80-\xff"

# field-line = field-name ":" OWS field-value OWS (RFC 9112 §5), without its CRLF.  Group 2 has the white space too.
FIELD_LINE: Final = re.compile(rb"(" + TOKEN + rb"++):([" + VALUE_BYTES + rb"]*+)")

TARGET_BYTES: Final = rb"!\"$-~"

# request-line = method SP request-target SP HTTP-version (RFC 9112 §3).  The target is visible ASCII without "#", which no
# form of a request target can hold (RFC 9112 §3.2); its form is checked by `targets`.
REQUEST_LINE: Final = re.compile(rb"(" + TOKEN + rb"++) ([" + TARGET_BYTES + rb"]++) HTTP/1\.([01])")

# Changes every byte that no target can hold, and no other: comparing is four times as fast as a pattern.
TARGET_KEPT: Final = bytes(byte if re.match(b"[" + TARGET_BYTES + b"]", bytes((byte,))) else byte ^ 0x80 for byte in range(256))

# status-line = HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112 §4).  The second SP is missing in the answers of
# so many servers that every client takes them; so do we.
STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [" + VALUE_BYTES + rb"]*+)?")

# Empty lines before a request line, from old clients that end a body with one too many.
EMPTY_LINES: Final = re.compile(rb"\A(?:\r\n)+")
HEAD_END: Final = b"\r\n\r\n"
# The end of a head in any spelling a lenient peer would take: used only to refuse it at once instead of at the deadline.
LENIENT_HEAD_END: Final = re.compile(rb"\n\r?\n")

TOKEN_ONLY: Final = re.compile(TOKEN + rb"++")

# Host = uri-host [ ":" port ] (RFC 9110 §7.2).  Not accepted although RFC 3986 could: an empty host, userinfo, IPvFuture,
# percent signs, and the comma, by which some hop joins two Host lines.
HOST: Final = re.compile(rb"(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._~!$&'()*+;=\-]++)(?::([0-9]{1,5}))?")


# The names, in lower case, of the fields that the proxy must know.
KNOWN_REQUEST_NAMES: Final = re.compile(
    b"|".join(
        (
            b"host",
            b"origin",
            b"content-length",
            b"connection",
            b"transfer-encoding",
            b"te",
            b"upgrade",
            b"expect",
            b"keep-alive",
            b"proxy-connection",
            b"access-control-request-method",
            b"access-control-request-headers",
            b"access-control-request-private-network",
            b"x[-_]forwarded[-_](?:for|proto|host)",
            b"forwarded",
        )
    )
)

KNOWN_RESPONSE_NAMES: Final = re.compile(
    b"|".join(
        (
            b"content-length",
            b"connection",
            b"transfer-encoding",
            b"keep-alive",
            b"proxy-connection",
            b"upgrade",
            b"vary",
            b"access-control-" + TOKEN + b"++",
            b"cross-origin-" + TOKEN + b"++",
            b"timing-allow-origin",
            b"document-isolation-policy(?:-report-only)?",
            b"origin-agent-cluster",
            b"permissions-policy(?:-report-only)?",
            b"integrity-policy(?:-report-only)?",
        )
    )
)
