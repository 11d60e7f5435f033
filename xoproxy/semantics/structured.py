"""Structured field values: reading what others send, writing what we send.  (RFC 9651)

A *bare item* is one value, an *item* a bare item with parameters, an *inner list* items in parentheses with parameters; a
*member* of a List or Dictionary is an item or an inner list.  Tokens and Strings are different values, so they are different
types here: browsers take ``require-corp`` and not ``"require-corp"``.

Reading is left to the package of the RFC's author.  It is imported when the first value is read: most processes read none, and
it takes ten milliseconds.  What a field says on several lines is read joined with ``", "``, as Fetch's "get a structured field
value" does: two items are then none, two dictionaries are one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field

from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """A Token, as ``require-corp``.  (RFC 9651 §3.3.4)"""

    text: str


@dataclass(frozen=True, slots=True)
class DisplayString:
    """A Display String: any text.  (RFC 9651 §3.3.8)"""

    text: str


@dataclass(frozen=True, slots=True)
class Date:
    """A Date.  (RFC 9651 §3.3.7)"""

    seconds: int  # since 1970-01-01 00:00 UTC


# A String is a str, an Integer an int, a Decimal a float, a Byte Sequence bytes, a Boolean a bool.
BareItem = Token | str | bool | int | float | bytes | DisplayString | Date
Parameters = Mapping[str, BareItem]


@dataclass(frozen=True, slots=True)
class Item:
    """A bare item with its parameters, in order.  (RFC 9651 §3.3)"""

    value: BareItem
    params: Parameters = field(default_factory=dict[str, BareItem])


@dataclass(frozen=True, slots=True)
class InnerList:
    """Items in parentheses, with parameters of their own.  (RFC 9651 §3.1.1)"""

    items: tuple[Item, ...]
    params: Parameters = field(default_factory=dict[str, BareItem])


Member = Item | InnerList


def parse_item(value: bytes) -> Item | None:
    """Parse a field value that is an Item; None if it is none.  (RFC 9651 §4.2.3)"""
    from xoproxy.semantics import structured_reading  # noqa: PLC0415  see above

    return structured_reading.parse_item(value)


def parse_list(value: bytes) -> tuple[Member, ...] | None:
    """Parse a field value that is a List; None if it is none, empty if it is empty.  (RFC 9651 §4.2.1)"""
    from xoproxy.semantics import structured_reading  # noqa: PLC0415

    return structured_reading.parse_list(value)


def parse_dictionary(value: bytes) -> Mapping[str, Member] | None:
    """Parse a field value that is a Dictionary; None if it is none, empty if it is empty.  (RFC 9651 §4.2.2)

    Of members with one key the last counts, in the place of the first.
    """
    from xoproxy.semantics import structured_reading  # noqa: PLC0415

    return structured_reading.parse_dictionary(value)


def serialize_string(text: str) -> bytes:
    """Serialize a String: quoted, quotes and backslashes escaped.  `text` is printable ASCII, as `config` checked.  (§4.1.6)"""
    assert text.isascii()
    assert text.isprintable()
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'


def serialize_item(item: Item) -> bytes:
    """Serialize an Item.  (RFC 9651 §4.1.3)

    A space follows each semicolon: parsers take it (§4.2.3.2), and people read these values in their browsers' tools.
    """
    return _serialize_bare(item.value) + _serialize_parameters(item.params)


def serialize_inner_list(members: InnerList) -> bytes:
    """Serialize an Inner List.  (RFC 9651 §4.1.1.1)"""
    return b"(" + b" ".join(map(serialize_item, members.items)) + b")" + _serialize_parameters(members.params)


def serialize_dictionary(members: Iterable[tuple[str, Member]]) -> bytes:
    """Serialize a Dictionary, in order.  Keys are valid and each there once, as `config` checked.  (RFC 9651 §4.1.2)"""
    return b", ".join(_serialize_member(key.encode("ascii"), member) for key, member in members)


def _serialize_member(key: bytes, member: Member) -> bytes:
    if isinstance(member, InnerList):
        return key + b"=" + serialize_inner_list(member)
    if member.value is True:
        return key + _serialize_parameters(member.params)
    return key + b"=" + serialize_item(member)


def _serialize_parameters(params: Parameters) -> bytes:
    return b"".join(b"; " + _serialize_member(key.encode("ascii"), Item(value)) for key, value in params.items())


def _serialize_bare(value: BareItem) -> bytes:
    """Serialize a bare item of a kind that the program writes: Tokens, Strings and Booleans."""
    match value:
        case Token():
            return value.text.encode("ascii")
        case bool():
            return b"?1" if value else b"?0"
        case str():
            return serialize_string(value)
        case _:
            raise AssertionError(value)
