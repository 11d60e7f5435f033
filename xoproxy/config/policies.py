"""Read one mapping of policy keys into a draft.

Each key is checked by itself here; rules about several keys belong to the composed policy and stand in `sealing`.
"""

from collections.abc import Callable, Collection
from enum import Enum
from typing import Final, TypeVar

from xoproxy.config import keys, values
from xoproxy.config.cors import read_cors
from xoproxy.config.drafts import EditsDraft, NamedValues, Names, Placed, PolicyDraft
from xoproxy.config.lists import read_list
from xoproxy.config.nodes import Mapping
from xoproxy.config.origins import origin
from xoproxy.config.problems import Id, Refused, child_path, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.websocket import read_websocket
from xoproxy.policy.model import OFF, Embedder, EmbedderPolicy, Off, Opener, OpenerPolicy, ResourcePolicy

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

# Response fields that have a key of their own, and which.
OWNED_FIELDS: Final = {
    b"cross-origin-opener-policy": "`coop`",
    b"cross-origin-embedder-policy": "`coep`",
    b"cross-origin-resource-policy": "`corp`",
    b"cross-origin-opener-policy-report-only": "`observe: {coop: ...}`",
    b"cross-origin-embedder-policy-report-only": "`observe: {coep: ...}`",
    b"access-control-allow-origin": "`cors: {allow_origins: ...}`",
    b"access-control-allow-methods": "`cors: {allow_methods: ...}`",
    b"access-control-allow-headers": "`cors: {allow_headers: ...}`",
    b"access-control-allow-credentials": "`cors: {allow_credentials: ...}`",
    b"access-control-expose-headers": "`cors: {expose_headers: ...}`",
    b"access-control-max-age": "`cors: {max_age: ...}`",
    b"timing-allow-origin": "`timing_allow_origin`",
    b"reporting-endpoints": "`reporting: {endpoints: ...}`",
}
# RFC 9110 §7.6.1, RFC 9112 §6, and what unlucky clients made of them.
FRAMING_FIELDS: Final = frozenset(
    {
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


def read_policy(reader: Reader, spot: Spot, endpoints: Collection[str]) -> PolicyDraft:
    """Read a mapping of policy keys; `endpoints` are the names that `report_to` may use."""
    found = reader.mapping(spot, keys.POLICY)
    observed = reader.mapping(found.get("observe"), keys.OBSERVE)
    known = _known_endpoint(endpoints)
    return PolicyDraft(
        coop=_opener(reader, found.get("coop"), known),
        coep=_embedder(reader, found.get("coep"), known),
        corp=_placed(reader, found.get("corp"), values.choice_or_off("corp", ResourcePolicy)),
        cors=read_cors(reader, found["cors"]) if "cors" in found else None,
        observe_coop=_observed_opener(reader, observed.get("coop"), known),
        observe_coep=_observed_embedder(reader, observed.get("coep"), known),
        report_to=_placed(reader, found.get("report_to"), known),
        timing_allow_origin=_timing(reader, found.get("timing_allow_origin")),
        websocket=read_websocket(reader, found.get("websocket_origins")),
        edits=_read_edits(reader, found.get("headers")),
    )


def _placed(reader: Reader, spot: Spot | None, parse: Callable[[str], T]) -> Placed[T] | None:
    value = reader.value(spot, parse)
    return Placed(value, spot.place) if spot is not None and value is not None else None


def _known_endpoint(endpoints: Collection[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in endpoints:
            have = f"there are {', '.join(sorted(endpoints)[:8])}" if endpoints else "none is declared yet"
            raise Refused(
                Id.UNKNOWN_ENDPOINT,
                f"{quoted(text)} is not an endpoint under `reporting: {{endpoints: ...}}`; {have}",
            )
        return text

    return parse


def _long_form(reader: Reader, spot: Spot | None, known: Callable[[str], str]) -> tuple[Spot | None, str | None]:
    """Return where the value of a key stands that may have the form ``{value:, report_to:}``, and the endpoint."""
    if spot is None or not isinstance(spot.node, Mapping):
        return spot, None
    found = reader.mapping(spot, keys.LONG_FORM)
    if reader.lacks(spot, "value", keys.LONG_FORM):
        reader.report(spot.key_place, Id.MISSING_KEY, "the long form needs a value; write {value: ..., report_to: ...}")
    return found.get("value"), reader.value(found.get("report_to"), known)


def _opener(reader: Reader, spot: Spot | None, known: Callable[[str], str]) -> Placed[Opener | Off] | None:
    at, endpoint = _long_form(reader, spot, known)
    read = _placed(reader, at, values.choice_or_off("coop", OpenerPolicy))
    if read is None:
        return None
    return Placed(OFF if read.value is OFF else Opener(read.value, endpoint), read.place)


def _embedder(reader: Reader, spot: Spot | None, known: Callable[[str], str]) -> Placed[Embedder | Off] | None:
    at, endpoint = _long_form(reader, spot, known)
    read = _placed(reader, at, values.choice_or_off("coep", EmbedderPolicy))
    if read is None:
        return None
    return Placed(OFF if read.value is OFF else Embedder(read.value, endpoint), read.place)


def _observed_opener(reader: Reader, spot: Spot | None, known: Callable[[str], str]) -> Placed[Opener] | None:
    at, endpoint = _long_form(reader, spot, known)
    read = _placed(reader, at, values.choice("coop", OpenerPolicy))
    return Placed(Opener(read.value, endpoint), read.place) if read is not None else None


def _observed_embedder(reader: Reader, spot: Spot | None, known: Callable[[str], str]) -> Placed[Embedder] | None:
    at, endpoint = _long_form(reader, spot, known)
    read = _placed(reader, at, values.choice("coep", EmbedderPolicy))
    return Placed(Embedder(read.value, endpoint), read.place) if read is not None else None


def _timing(reader: Reader, spot: Spot | None) -> Placed[Names] | None:
    """Read `timing_allow_origin`: any, or exact origins.  (Resource Timing §3.5)"""
    return read_list(reader, spot, lambda text: origin(text).text().encode("ascii"))


def _read_edits(reader: Reader, spot: Spot | None) -> EditsDraft:
    found = reader.mapping(spot, keys.HEADERS)
    removed = reader.items(found["remove"]) if "remove" in found else None
    names = [_placed(reader, item, _editable_name) for item in removed or ()]
    return EditsDraft(
        set=_read_named(reader, found.get("set"), several=False),
        add=_read_named(reader, found.get("add"), several=True),
        remove=tuple(name for name in names if name is not None),
    )


def _read_named(reader: Reader, spot: Spot | None, *, several: bool) -> tuple[NamedValues, ...]:
    """Read field names with their values; only `add` takes several for one name."""
    read: dict[bytes, NamedValues] = {}
    for key, value in reader.named(spot) if spot is not None else ():
        name = reader.value(Spot(key, child_path(spot.path, key.text) if spot else ""), _editable_name)
        if several:
            lines = reader.values(value, values.field_value)
        else:
            line = reader.value(value, values.field_value)
            lines = (line,) if line is not None else None
        if name is None or not lines:
            continue
        if name.lower() in read:
            reader.report(
                value.key_place, Id.FIELD_TWICE, f"{quoted(key.text)} stands here already in another case; keep one of the two"
            )
            continue
        read[name.lower()] = NamedValues(name, lines, value.place)
    return tuple(read.values())


def _editable_name(text: str) -> bytes:
    """Parse the name of a response field that no typed key and no connection owns."""
    name = values.field_name(text)
    folded = name.lower()
    if folded in FRAMING_FIELDS:
        raise Refused(Id.FRAMING_FIELD, f"{quoted(text)} belongs to the connection and is xoproxy's to set; remove it")
    if folded == b"vary":
        raise Refused(Id.OWNED_FIELD, "Vary is the backend's, and xoproxy adds what the policy needs; remove it")
    owner = OWNED_FIELDS.get(folded)
    if owner is None and folded.startswith(b"access-control-"):
        owner = "`cors`"
    if owner is not None:
        raise Refused(Id.OWNED_FIELD, f"{quoted(text)} has a key of its own; write {owner}")
    return name
