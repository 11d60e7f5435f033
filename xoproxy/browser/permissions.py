"""Which features a page may use: Permissions-Policy and the ``allow`` attribute of frames.  (Permissions Policy §5, §6, §9)

Lists of origins are unions over the way down: a feature that a page lost, nobody in it gets back.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from xoproxy.browser.contexts import origin
from xoproxy.browser.model import NULL_ORIGIN, Document, Engine, Fields, Step
from xoproxy.browser.policies import are_read, combined
from xoproxy.browser.urls import origin_of
from xoproxy.semantics.structured import InnerList, Item, Member, Token, parse_dictionary
from xoproxy.slotted import dataclass

PERMISSIONS: Final = b"Permissions-Policy"
ISOLATED: Final = "cross-origin-isolated"
IS_ENABLED: Final = "https://w3c.github.io/webappsec-permissions-policy/#algo-is-feature-enabled"

_ANYBODY: Final = "*"
_SELF: Final = "self"
_SRC: Final = "src"


@dataclass(frozen=True, slots=True)
class Allowlist:
    """Who may use a feature: ``self``, ``src`` and origins; ``*`` is everybody, no member nobody.  (Permissions Policy §4.8)"""

    members: tuple[str, ...]

    def names(self, word: str) -> bool:
        """Whether `word`, or everybody, is a member."""
        return word in self.members or _ANYBODY in self.members

    def covers(self, asked: bytes) -> bool:
        """Whether an origin is covered by name or by a pattern ``https://*.example.com``."""
        return asked != NULL_ORIGIN and any(_covers(member, asked.decode("ascii")) for member in self.members)


def declared(fields: Fields) -> Mapping[str, Allowlist]:
    """Read Permissions-Policy: several lines are one dictionary, one that is none counts for nothing.  (§9.1)"""
    members = _dictionary(combined(fields, PERMISSIONS) or b"")
    return {feature: _allowlist(member) for feature, member in (members or {}).items()}


def ignored(fields: Fields) -> str | None:
    """Say why Permissions-Policy, though it is there, counts for nothing; None where it counts."""
    value = combined(fields, PERMISSIONS)
    if value is None or _dictionary(value) is not None:
        return None
    return f'"{value.decode("latin-1")}" is no dictionary; write it as {ISOLATED}=(self "https://app.example.com")'


def _dictionary(value: bytes) -> Mapping[str, Member] | None:
    members = parse_dictionary(value)
    if members is None or not all(map(_is_read, members.values())):
        return None
    return members


def _is_read(member: Member) -> bool:
    """Whether a member is of types that Chrome reads, the one engine that has the field."""
    items = member.items if isinstance(member, InnerList) else (member,)
    values = [*member.params.values(), *(value for item in items for value in (item.value, *item.params.values()))]
    return are_read(values, Engine.CHROME)


def attribute(allow: str) -> Mapping[str, Allowlist]:
    """Read the ``allow`` attribute of a frame: a feature alone is for the frame's own origin.  (§9.4)"""
    directives = (directive.split() for directive in allow.split(";"))
    return {
        words[0].lower(): Allowlist(tuple(word.strip("'") if word.startswith("'") else word for word in words[1:]) or (_SRC,))
        for words in directives
        if words
    }


def may_use(document: Document, feature: str) -> Step:
    """Conclude whether a page may use a feature whose default allowlist is ``self``.  (§9.5, §9.7)"""
    why = _refusal(document, feature)
    return Step(
        "Is feature enabled in document for origin?",
        IS_ENABLED,
        holds=why is None,
        why=why or f'"{document.url}" may use {feature}',
    )


def _refusal(document: Document, feature: str) -> str | None:
    """Return why not, in words, from the top-level page down."""
    if document.ancestors:
        parent = replace(document.ancestors[0], ancestors=document.ancestors[1:])
        why = _refusal(parent, feature) or _refusal_to_frame(parent, document, feature)
        if why is not None:
            return why
    own = declared(document.fields).get(feature)
    if own is None or own.names(_SELF) or own.covers(origin(document)):
        return None
    return f'Permissions-Policy of "{document.url}" keeps {feature} from itself'


def _refusal_to_frame(parent: Document, document: Document, feature: str) -> str | None:
    """Return why a frame does not inherit what its parent may use.  (§9.7 steps 3 to 8)"""
    asked, inside = origin(document), origin(parent)
    is_same = asked == inside != NULL_ORIGIN
    listed = declared(parent.fields).get(feature)
    if listed is not None and not (listed.covers(asked) or listed.names(_SELF if is_same else _ANYBODY)):
        return f'Permissions-Policy of "{parent.url}" does not list {asked.decode("ascii")} for {feature}'
    allowed = attribute(document.frame.allow).get(feature)
    if allowed is None:
        return None if is_same else f'the frame of "{document.url}" is of another origin and has no allow="{feature}"'
    is_own = allowed.names(_SRC) and asked in {origin_of(document.url), NULL_ORIGIN}
    if is_own or allowed.covers(asked) or allowed.names(_SELF if is_same else _ANYBODY):
        return None
    return f'allow="{document.frame.allow}" of the frame does not name {asked.decode("ascii")} for {feature}'


def _allowlist(member: Member) -> Allowlist:
    items = member.items if isinstance(member, InnerList) else (member,)
    return Allowlist(tuple(word for item in items if (word := _word(item)) is not None))


def _word(item: Item) -> str | None:
    """Return what an item names: the tokens ``*`` and ``self``, or a string that is an origin; anything else names nobody."""
    if isinstance(item.value, Token):
        return item.value.text if item.value.text in {_ANYBODY, _SELF} else None
    return item.value if isinstance(item.value, str) else None


def _covers(member: str, asked: str) -> bool:
    scheme, wildcard, suffix = member.partition("://*.")
    if wildcard:
        return asked.startswith(scheme + "://") and asked.endswith("." + suffix) and len(asked) > len(scheme) + len(suffix) + 4
    found = origin_of(member)
    return found != NULL_ORIGIN and found.decode("ascii") == asked
