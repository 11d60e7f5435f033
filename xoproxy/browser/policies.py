"""The policies that a response states, read as browsers read them.  (HTML §7.1.1 to §7.1.4; Fetch §3.7; WICG DIP §2.2)

Most are structured-field items of type token.  A value that is none, or a token the engine does not know, counts for nothing,
silently: two lines, even identical, a trailing semicolon, quotes, upper case.  Browsers do not say so; `Read.ignored` does.

Whether the page may have a policy at all (only secure contexts have) is asked in `contexts`.
"""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, Generic, TypeVar

from xoproxy.browser.deviations import Deviation, deviates
from xoproxy.browser.model import Engine, Fields
from xoproxy.browser.support import AS_OF, Feature, has
from xoproxy.policy.model import DocumentIsolation, EmbedderPolicy, OpenerPolicy, ResourcePolicy
from xoproxy.semantics.structured import BareItem, Date, DisplayString, Item, Token, parse_item
from xoproxy.slotted import dataclass

EMBEDDER: Final = b"Cross-Origin-Embedder-Policy"
OPENER: Final = b"Cross-Origin-Opener-Policy"
ISOLATION: Final = b"Document-Isolation-Policy"
RESOURCE: Final = b"Cross-Origin-Resource-Policy"
AGENT_CLUSTER: Final = b"Origin-Agent-Cluster"
REPORT_ONLY: Final = b"-Report-Only"

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=Enum)


@dataclass(frozen=True, slots=True)
class Read(Generic[Value]):
    """What a browser takes a field for.

    `ignored`: why a field that is there counts for nothing, in words; None where it counts, or where there is none.
    `report_to` None: violations are not reported.
    """

    value: Value
    ignored: str | None = None
    report_to: str | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """A field whose value is a token: its name, its values, and which of them not every engine has."""

    name: bytes
    values: Mapping[str, Feature | None]


_EMBEDDER: Final = _Kind(
    EMBEDDER,
    {
        EmbedderPolicy.UNSAFE_NONE.value: None,
        EmbedderPolicy.REQUIRE_CORP.value: None,
        EmbedderPolicy.CREDENTIALLESS.value: Feature.COEP_CREDENTIALLESS,
    },
)
_OPENER: Final = _Kind(
    OPENER,
    {
        OpenerPolicy.UNSAFE_NONE.value: None,
        OpenerPolicy.SAME_ORIGIN.value: None,
        OpenerPolicy.SAME_ORIGIN_ALLOW_POPUPS.value: None,
        OpenerPolicy.NOOPENER_ALLOW_POPUPS.value: Feature.COOP_NOOPENER_ALLOW_POPUPS,
    },
)
_ISOLATION: Final = _Kind(ISOLATION, {value.value: Feature.DOCUMENT_ISOLATION for value in DocumentIsolation})
# RFC 9651 added them to RFC 8941, by which HTML defines these fields.
_NEWER: Final = (Date, DisplayString)

# Why a value is no structured-field item: the most frequent reasons, the first that fits is told.
_FAULTS: Final = (
    (re.compile(rb";$"), "has a trailing semicolon"),
    (re.compile(rb","), "is a list; write one value"),
    (re.compile(rb"\t"), "has a tab inside; write a space or nothing"),
    (re.compile(rb" ;"), "has a space before the semicolon"),
    (re.compile(rb"^[^;\"]* "), "is more than one word"),
)
_RESOURCE_VALUES: Final = {value.value.encode("ascii"): value for value in ResourcePolicy}


def lines_of(fields: Fields, name: bytes) -> tuple[bytes, ...]:
    """Return the values of all field lines called `name`, which is compared without case."""
    lower = name.lower()
    return tuple(value for sent, value in fields if sent.lower() == lower)


def combined(fields: Fields, name: bytes) -> bytes | None:
    """Return the one value that several lines make, None if there is no line.  (Fetch §2.2.2, "get")"""
    lines = lines_of(fields, name)
    return b", ".join(lines) if lines else None


def are_read(values: Iterable[BareItem], engine: Engine) -> bool:
    """Whether an engine reads values of these types: by RFC 8941 all do, by RFC 9651 some."""
    return deviates(engine, Deviation.READS_RFC_9651) or not any(isinstance(value, _NEWER) for value in values)


def embedder_policy(fields: Fields, engine: Engine, *, observed: bool = False) -> Read[EmbedderPolicy]:
    """Read Cross-Origin-Embedder-Policy, or its Report-Only twin.  (HTML §7.1.4.1, "obtain an embedder policy")"""
    return _choice(_EMBEDDER, EmbedderPolicy.UNSAFE_NONE, fields, engine, observed=observed)


def opener_policy(fields: Fields, engine: Engine, *, observed: bool = False) -> Read[OpenerPolicy]:
    """Read Cross-Origin-Opener-Policy, or its Report-Only twin.  (HTML §7.1.3.1, "obtain an opener policy")"""
    return _choice(_OPENER, OpenerPolicy.UNSAFE_NONE, fields, engine, observed=observed)


def document_isolation_policy(fields: Fields, engine: Engine, *, observed: bool = False) -> Read[DocumentIsolation]:
    """Read Document-Isolation-Policy, or its Report-Only twin.  (WICG DIP §2.2.1, "obtain a document isolation policy")"""
    return _choice(_ISOLATION, DocumentIsolation.NONE, fields, engine, observed=observed)


def resource_policy(fields: Fields) -> Read[ResourcePolicy | None]:
    """Read Cross-Origin-Resource-Policy: exact bytes, no structured field.  (Fetch §3.7)

    None: as if the field were not there, which is "allowed" for some and "same-origin" for pages with an embedder policy.
    """
    lines = lines_of(fields, RESOURCE)
    policy = _RESOURCE_VALUES.get(b", ".join(lines))
    if policy is not None or not lines:
        return Read(policy)
    if len(lines) > 1:
        return Read(None, _several(lines))
    return Read(None, _unknown(_text(b"".join(lines)), tuple(value.value for value in ResourcePolicy)))


def origin_agent_cluster(fields: Fields, engine: Engine) -> Read[bool | None]:
    """Read Origin-Agent-Cluster; None: the engine's default holds.  (HTML §7.1.1.1)"""
    lines = _lines_read(fields, AGENT_CLUSTER, engine)
    if not lines:
        return Read(None)
    if not has(engine, Feature.ORIGIN_AGENT_CLUSTER):
        return Read(None, f"{engine.value} does not know the field (as of {AS_OF})")
    item = parse_item(b", ".join(lines))
    if item is None:
        return Read(None, _syntax(lines))
    if not isinstance(item.value, bool):
        return Read(None, f'"{_text(lines[0])}" is no boolean; write ?1 or ?0')
    return Read(item.value)


def _lines_read(fields: Fields, name: bytes, engine: Engine) -> tuple[bytes, ...]:
    lines = lines_of(fields, name)
    if len(lines) > 1 and deviates(engine, Deviation.EMPTY_LINES_ARE_DROPPED):
        return tuple(filter(None, lines)) or lines[:1]
    return lines


def _choice(kind: _Kind, default: Choice, fields: Fields, engine: Engine, *, observed: bool) -> Read[Choice]:
    lines = _lines_read(fields, kind.name + REPORT_ONLY if observed else kind.name, engine)
    if not lines:
        return Read(default)
    item = parse_item(b", ".join(lines))
    fault = _syntax(lines) if item is None else _fault(kind, item, lines[0], engine)
    if item is None or not isinstance(item.value, Token) or fault is not None:
        return Read(default, fault)
    return Read(type(default)(item.value.text), report_to=_report_to(item))


def _fault(kind: _Kind, item: Item, value: bytes, engine: Engine) -> str | None:
    """Say why an item is no value of the field; None if it is one."""
    if not are_read(item.params.values(), engine):
        return f'"{_text(value)}" has a parameter that {engine.value} cannot read'
    if not isinstance(item.value, Token):
        return _no_token(item, value, tuple(kind.values))
    text = item.value.text
    if text not in kind.values:
        return _unknown(text, tuple(kind.values))
    feature = kind.values[text]
    return None if feature is None or has(engine, feature) else f'{engine.value} does not know "{text}" (as of {AS_OF})'


def _report_to(item: Item) -> str | None:
    """Return the endpoint; anything but a String names none.  (HTML §7.1.3.1 step 4.4)"""
    endpoint = item.params.get("report-to")
    return endpoint if isinstance(endpoint, str) else None


def _syntax(lines: tuple[bytes, ...]) -> str:
    """Say why these lines are no structured-field item."""
    if len(lines) > 1:
        return _several(lines)
    value = b"".join(lines).strip(b" \t")
    if not value:
        return "the value is empty"
    reason = next((reason for fault, reason in _FAULTS if fault.search(value)), "is no structured-field item")
    return f'"{_text(value)}" {reason}'


def _several(lines: tuple[bytes, ...]) -> str:
    """Say that several lines are none: they are joined with commas, even if they are identical."""
    count = {2: "two", 3: "three"}.get(len(lines), str(len(lines)))
    return f"{count} lines, which void each other; send one"


def _no_token(item: Item, value: bytes, known: tuple[str, ...]) -> str:
    if isinstance(item.value, str) and item.value in known:
        return f'"{_text(value)}" is quoted; write {item.value}'
    return f'"{_text(value)}" is no token; write one of {", ".join(known)}'


def _unknown(text: str, known: tuple[str, ...]) -> str:
    if text.lower() in known:
        return f'"{text}" is in upper case; write {text.lower()}'
    return f'"{text}" is none of {", ".join(known)}'


def _text(value: bytes) -> str:
    return value.decode("latin-1")
