"""Which fields of a response script can read.  (Fetch §2.2.6, "filtered response"; §4.1, "main fetch")"""

from typing import Final, assert_never

from xoproxy.browser.model import CredentialsMode, Fields, Tainting
from xoproxy.browser.policies import lines_of
from xoproxy.semantics.grammar import TOKEN_ONLY
from xoproxy.semantics.lists import tokens

EXPOSE_HEADERS: Final = b"Access-Control-Expose-Headers"
SAFELISTED: Final = frozenset(
    {b"cache-control", b"content-language", b"content-length", b"content-type", b"expires", b"last-modified", b"pragma"}
)
_FORBIDDEN: Final = frozenset({b"set-cookie", b"set-cookie2"})


def exposed_names(fields: Fields, tainting: Tainting, credentials: CredentialsMode) -> tuple[bytes, ...]:
    """Return the names that script can read, lower case, sorted, each once."""
    there = {name.lower() for name, _ in fields} - _FORBIDDEN
    match tainting:
        case Tainting.BASIC:
            readable = there
        case Tainting.CORS:
            readable = there & (SAFELISTED | cors_exposed(fields, credentials))
        case Tainting.OPAQUE:
            readable = set[bytes]()
        case _:
            assert_never(tainting)
    return tuple(sorted(readable))


def cors_exposed(fields: Fields, credentials: CredentialsMode) -> set[bytes]:
    """Return the "CORS-exposed header-name list" in lower case; a list that cannot be read exposes nothing."""
    listed = [member.lower() for member in tokens(b",".join(lines_of(fields, EXPOSE_HEADERS)))]
    if not all(TOKEN_ONLY.fullmatch(member) for member in listed):
        return set()
    if b"*" in listed and credentials is not CredentialsMode.INCLUDE:
        return {name.lower() for name, _ in fields}
    return set(listed)
