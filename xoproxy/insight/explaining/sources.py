"""Where the fields of an answer come from: a key of the policy with its place, the backend, or xoproxy itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from xoproxy.config.drafts import PolicyDraft
from xoproxy.config.problems import Place
from xoproxy.config.provenance import parts_of_field, said
from xoproxy.insight.proxied import Answered
from xoproxy.semantics.origins import OriginPattern, OriginSet


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


_VARY = b"vary"


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
    if name.lower() == b"access-control-allow-origin" and origin is not None:
        member = _covering(draft, origin)
        parts = tuple(member if member is not None and part.key == "cors.allow_origins" else part for part in parts)
    return parts


def _covering(draft: PolicyDraft, origin: bytes) -> Part | None:
    """Return the first entry of `allow_origins` that covers an origin."""
    for key, placed in said(draft).items():
        pattern = placed.value
        if (
            key.startswith("cors.allow_origins[")
            and isinstance(pattern, OriginPattern)
            and OriginSet((pattern,)).covers(origin)
        ):
            return Part(key, placed.place)
    return None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
