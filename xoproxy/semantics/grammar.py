"""The grammar of HTTP/1.1 heads as compiled patterns.  (RFC 9110 §5, RFC 9112 §2-§5)

Rule 1: a head is in the language as a whole, or it is refused; nothing is repaired.
Rule 2: matching is linear in the head's length, whatever a peer sends: quantifiers over bytes are possessive, and a group
can be left in one way only.  (Quantifiers over *groups* are not possessive: before 3.11.5 CPython matches those wrongly.)
Rule 3: a second pattern finds the few fields that the proxy must know.  It starts with a literal line feed and a set of first
letters, because the engine skips to a literal prefix at memory speed; a look-behind at each position costs five times as much.
"""

import re
from typing import Final

TOKEN_BYTES: Final = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
TOKEN: Final = rb"[" + TOKEN_BYTES + rb"]"

# field-value: visible characters, SP, HTAB and obs-text.  No CR, LF, NUL or other control byte (RFC 9110 §5.5).
VALUE_BYTES: Final = rb"\t -~\x80-\xff"

FIELD_LINES: Final = rb"(?:" + TOKEN + rb"++:[" + VALUE_BYTES + rb"]*+\r\n)*"

# request-line = method SP request-target SP HTTP-version (RFC 9112 §3).  The target is visible ASCII without "#", which no
# form of a request target can hold (RFC 9112 §3.2); its form is checked by `targets`.
METHOD_AND_TARGET: Final = re.compile(rb"(" + TOKEN + rb"++) ([!\"$-~]++)")
REQUEST_LINE: Final = re.compile(METHOD_AND_TARGET.pattern + rb" HTTP/1\.([01])\r\n")
REQUEST_HEAD: Final = re.compile(REQUEST_LINE.pattern + FIELD_LINES + rb"\r\n")

# status-line = HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112 §4).  The second SP is missing in the answers of
# so many servers that every client takes them; so do we.
RESPONSE_HEAD: Final = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [" + VALUE_BYTES + rb"]*+)?\r\n" + FIELD_LINES + rb"\r\n"
)

# Empty lines before a request line, from old clients that end a body with one too many.
EMPTY_LINES: Final = re.compile(rb"\A(?:\r\n)+")
HEAD_END: Final = b"\r\n\r\n"
# The end of a head in any spelling a lenient peer would take: used only to refuse it at once instead of at the deadline.
LENIENT_HEAD_END: Final = re.compile(rb"\n\r?\n")

TOKEN_ONLY: Final = re.compile(TOKEN + rb"++")

# Host = uri-host [ ":" port ] (RFC 9110 §7.2).  Not accepted although RFC 3986 could: an empty host, userinfo, IPvFuture,
# percent signs, and the comma, by which some hop joins two Host lines.
HOST: Final = re.compile(rb"(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._~!$&'()*+;=\-]++)(?::([0-9]{1,5}))?")


def known_fields(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Compile the pattern that finds the field lines called `names` (lower case, regular expressions allowed).

    To be run over a head that its head pattern accepted.  Group 1 is the field name as sent, group 2 the value with
    trailing white space; the match starts at the line feed before the line and ends before its CR.
    """
    first = bytes(sorted({c for name in names for c in (name[0], name[:1].upper()[0])}))
    alternatives = b"|".join(names)
    return re.compile(rb"(?i)\n(?=[" + re.escape(first) + rb"])(" + alternatives + rb"):[ \t]*+([^\r]*+)")


KNOWN_REQUEST_FIELDS: Final = known_fields(
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
        b"x[-_]forwarded[-_](?:for|proto|host)",
        b"forwarded",
    )
)

KNOWN_RESPONSE_FIELDS: Final = known_fields(
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
