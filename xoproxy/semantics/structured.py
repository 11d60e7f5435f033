"""Structured field values, as far as the proxy writes them.  (RFC 9651 §4.1)"""

from collections.abc import Iterable


def serialize_string(text: str) -> bytes:
    """Serialize a String: quoted, quotes and backslashes escaped.  `text` is printable ASCII, as `config` checked."""
    assert text.isascii()
    assert text.isprintable()
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'


def serialize_string_dictionary(members: Iterable[tuple[str, str]]) -> bytes:
    """Serialize a Dictionary whose members are Strings, in order.  Keys are valid, as `config` checked.  (RFC 9651 §4.1.2)"""
    return b", ".join(key.encode("ascii") + b"=" + serialize_string(value) for key, value in members)
