"""The words of `permissions_policy`: names of features, and who is allowed.  (Permissions Policy §5.1, §9.2)"""

import re
from typing import Final, Literal

from xoproxy.config.origins import NULL, origin_pattern
from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.config.spelling import similar
from xoproxy.policy.model import Anything
from xoproxy.policy.permissions_policy import FEATURES, SELF

Allowlist = tuple[bytes, ...] | Literal[Anything.ANY]

ANYBODY: Final = "*"
NOBODY: Final = "none"

FEATURE: Final = re.compile(r"[a-z][a-z0-9\-]{0,63}")
_NO_ORIGINS: Final = {
    "off": NOBODY,
    "no": NOBODY,
    "false": NOBODY,
    "()": NOBODY,
    "nobody": NOBODY,
    "deny": NOBODY,
    "all": '"*"',
    "any": '"*"',
    "true": "self",
    "same-origin": "self",
    "src": "self, or the origin that is meant: src has a meaning in the allow attribute of frames only",
}


def feature(text: str) -> str:
    """Parse the name of a feature."""
    if FEATURE.fullmatch(text) is None:
        meant = text.strip().lower().replace("_", "-")
        hint = f"write {meant}" if FEATURE.fullmatch(meant) else "write its name as browsers do, as camera or clipboard-read"
        raise Refused(Id.FEATURE, f"{quoted(text)} is not the name of a feature; {hint}")
    return text


def doubt(name: str) -> str:
    """Return what is doubtful about the name of a feature; empty for one that browsers know."""
    if name in FEATURES:
        return ""
    close = similar(name, sorted(FEATURES), cutoff=0.75)
    hint = f"did you mean {close}?" if close else "see that it is spelled as browsers spell it"
    return f"browsers pass over {quoted(name)}, which is none of the features that this xoproxy knows; {hint}"


def allowed(text: str) -> bytes:
    """Parse ``self`` or an origin, whose host may begin with a wildcard."""
    bare = text.strip("'\" ").lower()
    if text == SELF.decode("ascii"):
        return SELF
    if bare in ("self", NOBODY):
        raise Refused(Id.ALLOWLIST, f"{quoted(text)} is not an entry of an allowlist; write {bare}")
    if bare in _NO_ORIGINS:
        raise Refused(Id.ALLOWLIST, f"{quoted(text)} is not an entry of an allowlist; write {_NO_ORIGINS[bare]}")
    pattern = origin_pattern(text)
    if pattern is NULL:
        raise Refused(Id.ALLOWLIST, "no allowlist can name the origin null; remove it")
    if pattern.port is None:
        raise Refused(Id.ALLOWLIST, f"{quoted(text)}: Chromium knows no wildcard for ports in allowlists; write the port")
    return pattern.text().encode("ascii")
