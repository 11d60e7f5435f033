"""Read the question of `POST /-/explain`: JSON with the members of `insight.explaining.Asked`.

Whatever comes, the outcome is a question in words or an `UnusableError` that says what to write instead.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Final, cast

from xoproxy.admin.answers import UnusableError
from xoproxy.config.problems import quoted
from xoproxy.config.spelling import similar
from xoproxy.insight.explaining import Asked

_LISTS: Final = frozenset({"headers", "page_headers", "backend_headers"})
_MEMBERS: Final = tuple(field.name for field in fields(Asked))
_REQUIRED: Final = ("method", "url")
_OPTION: Final = re.compile(r"--([a-z][a-z-]*)")
_MEMBER_OF: Final = {
    "header": "headers",
    "page-header": "page_headers",
    "backend-header": "backend_headers",
    "browser": "browsers",
}


def in_members(message: str) -> str:
    """Return a message about options of the command with the members that they are here."""
    return _OPTION.sub(lambda option: f'"{_MEMBER_OF.get(option[1], option[1].replace("-", "_"))}"', message)


def read_asked(body: bytes) -> Asked:
    """Return the question that a JSON text asks.  Raises: `UnusableError`."""
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        raise UnusableError('the content is no JSON; write an object, as {"method": "GET", "url": "/"}') from None
    if not isinstance(document, dict):
        raise UnusableError('the content is no object; write one, as {"method": "GET", "url": "/"}')
    members = cast("Mapping[str, object]", document)
    for name in _REQUIRED:
        if name not in members:
            raise UnusableError(f'"{name}" is missing; write {{"method": "GET", "url": "/"}}, and what else matters')
    return Asked(**{name: _member(name, value) for name, value in members.items()})  # type: ignore[arg-type]  # of its field's type


def _member(name: str, value: object) -> str | tuple[str, ...]:
    if name not in _MEMBERS:
        close = similar(name, _MEMBERS)
        raise UnusableError(
            f"there is no {quoted(name)}; " + (f'did you mean "{close}"?' if close else f"write some of {', '.join(_MEMBERS)}")
        )
    if name not in _LISTS:
        if not isinstance(value, str):
            raise UnusableError(f'"{name}" is no text; write one in quotes')
        return value
    if not isinstance(value, list) or not all(isinstance(line, str) for line in cast("list[object]", value)):
        raise UnusableError(f'"{name}" is no list of texts; write field lines, as ["X-Total-Count: 1"]')
    return tuple(cast("list[str]", value))
