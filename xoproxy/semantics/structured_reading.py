"""Read structured field values with the package of RFC 9651's author, and return values of ours.

`structured` imports this module when the first value is read; nobody else does.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TypeAlias, cast

import http_sf

from xoproxy.semantics.structured import BareItem, Date, DisplayString, InnerList, Item, Member, Parameters, Token

# What the package makes of a value; its own types say less about what parsing returns.
_Bare: TypeAlias = str | bool | int | Decimal | bytes | datetime | http_sf.Token | http_sf.DisplayString
_Params: TypeAlias = dict[str, _Bare]
_Item: TypeAlias = tuple[_Bare, _Params]
_Member: TypeAlias = tuple[_Bare | list[_Item], _Params]


def parse_item(value: bytes) -> Item | None:
    """Parse a field value that is an Item.  (RFC 9651 §4.2.3)"""
    read = _read(value, "item")
    return None if read is None else _item(cast("_Item", read))


def parse_list(value: bytes) -> tuple[Member, ...] | None:
    """Parse a field value that is a List.  (RFC 9651 §4.2.1)"""
    read = _read(value, "list")
    return None if read is None else tuple(_member(member) for member in cast("list[_Member]", read))


def parse_dictionary(value: bytes) -> Mapping[str, Member] | None:
    """Parse a field value that is a Dictionary.  (RFC 9651 §4.2.2)"""
    read = _read(value, "dictionary")
    if read is None:
        return None
    return MappingProxyType({key: _member(member) for key, member in cast("dict[str, _Member]", read).items()})


def _read(value: bytes, kind: str) -> http_sf.StructuredType | None:
    """Parse a value as the RFC does, without the white space around it, which is not the field value's.  (RFC 9110 §5.5)"""
    try:
        return http_sf.parse(value.strip(b" \t"), tltype=kind)
    except http_sf.StructuredFieldError:
        return None


def _member(member: _Member) -> Member:
    value, params = member
    if isinstance(value, list):
        return InnerList(tuple(_item(item) for item in value), _parameters(params))
    return _item((value, params))


def _item(item: _Item) -> Item:
    return Item(_bare(item[0]), _parameters(item[1]))


def _parameters(params: _Params) -> Parameters:
    return MappingProxyType({key: _bare(value) for key, value in params.items()})


def _bare(value: _Bare) -> BareItem:
    match value:
        case http_sf.Token():
            return Token(str(value))
        case http_sf.DisplayString():
            return DisplayString(str(value))
        case datetime():
            return Date(int(value.timestamp()))
        case Decimal():
            return float(value)  # 12 digits and 3: exact enough to be told apart
        case _:
            return value
