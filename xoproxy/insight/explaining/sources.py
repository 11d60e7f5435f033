"""Where the fields of an answer come from: a key of the policy with its place, the backend, or xoproxy itself."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from xoproxy.config.drafts import PolicyDraft
from xoproxy.config.problems import Place
from xoproxy.config.provenance import parts_of_field, said
from xoproxy.insight.proxied import Answered
from xoproxy.policy.origins import NULL
from xoproxy.semantics.origins import OriginPattern, OriginSet
from xoproxy.semantics.regexes import RegexSet
from xoproxy.slotted import dataclass


class By(Enum):
    """Who put a field there."""

    POLICY = "policy"
    BACKEND = "backend"
    XOPROXY = "xoproxy"


@dataclass(frozen=True, slots=True)
class Part:
    """A key of the composed policy, and where it stands."""

    key: str
    place: Place


@dataclass(frozen=True, slots=True)
class SourcedField:
    """One field line, and who put it there; `parts` are the keys that made it so."""

    name: str
    value: str
    by: By
    parts: tuple[Part, ...] = ()


_VARY: Final = b"vary"
_ALLOW_ORIGIN: Final = b"access-control-allow-origin"
_NULL_KEY: Final = "cors.dangerously_allow_null_origin"
_ORIGINS: Final = frozenset({"cors.allow_origins", "cors.allow_origin_regexes", _NULL_KEY})


def sourced(answered: Answered, draft: PolicyDraft, origin: bytes | None) -> tuple[SourcedField, ...]:
    """Return the fields of an answer with their sources; `origin` is the request's."""
    added = list(answered.added)
    told: list[SourcedField] = []
    for name, value in answered.response.fields:
        if (name, value) in added:
            added.remove((name, value))
            parts = _parts(draft, name, origin)
            told.append(SourcedField(_text(name), _text(value), By.POLICY if parts else By.XOPROXY, parts))
        else:
            by = By.XOPROXY if answered.backend is None else By.BACKEND
            told.append(SourcedField(_text(name), _text(value), by))
    return tuple(told)


def removed(answered: Answered, draft: PolicyDraft) -> tuple[SourcedField, ...]:
    """Return the backend's fields that did not go on, with the keys that own them.

    Not a Vary that was merged, nor what belongs to the connection and is never passed on.
    """
    merged = any(name.lower() == _VARY for name, _ in answered.added)
    lines = [(name, value) for name, value in answered.removed if not (merged and name.lower() == _VARY)]
    told = (SourcedField(_text(name), _text(value), By.BACKEND, _parts(draft, name, None)) for name, value in lines)
    return tuple(field for field in told if field.parts)


def _parts(draft: PolicyDraft, name: bytes, origin: bytes | None) -> tuple[Part, ...]:
    found: Mapping[str, Place] = parts_of_field(draft, name)
    parts = tuple(Part(key, place) for key, place in found.items())
    granting = _granting(draft, origin) if origin is not None and name.lower() == _ALLOW_ORIGIN else None
    if granting is None:
        return parts
    return granting, *(part for part in parts if part.key not in _ORIGINS)


def _granting(draft: PolicyDraft, origin: bytes) -> Part | None:
    """Return the first entry that grants an origin."""
    for key, placed in said(draft).items():
        list_key = key.partition("[")[0]
        if list_key != key and list_key in _ORIGINS and _covers(placed.value, origin):
            return Part(key, placed.place)
        if key == _NULL_KEY and origin == NULL:
            return Part(key, placed.place)
    return None


def _covers(entry: object, origin: bytes) -> bool:
    """Whether an entry of a list of origins, or of regular expressions, covers an origin."""
    match entry:
        case OriginPattern():
            return OriginSet((entry,)).covers(origin)
        case str():
            return RegexSet((entry,)).matches(origin)
        case _:
            return False


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
