"""Which methods script may use, and which of them need no permission.  (Fetch §2.2.1, "Methods")"""

from typing import Final

from xoproxy.semantics.grammar import TOKEN_ONLY

SAFELISTED: Final = frozenset({b"GET", b"HEAD", b"POST"})
_FORBIDDEN: Final = frozenset({b"CONNECT", b"TRACE", b"TRACK"})
_NORMALIZED: Final = frozenset({b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"POST", b"PUT"})


def normalize(method: bytes) -> bytes:
    """Return the method as it is sent: upper case for six of them, ``patch`` stays ``patch``."""
    upper = method.upper()
    return upper if upper in _NORMALIZED else method


def is_forbidden(method: bytes) -> bool:
    """Whether no script may use the method, in whatever case."""
    return method.upper() in _FORBIDDEN


def is_method(method: bytes) -> bool:
    """Whether this is a method at all: a token.  (RFC 9110 §9.1)"""
    return TOKEN_ONLY.fullmatch(method) is not None
