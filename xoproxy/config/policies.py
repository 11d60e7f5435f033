"""Read one mapping of policy keys into a draft.

Each key is checked by itself here; rules about several keys belong to the composed policy and stand in `sealing`.
"""

from collections.abc import Collection
from typing import Final

from xoproxy.config import keys, values
from xoproxy.config.cors import read_cors
from xoproxy.config.drafts import EditsDraft, NamedValues, Names, Placed, PolicyDraft
from xoproxy.config.lists import read_list
from xoproxy.config.origins import origin
from xoproxy.config.problems import Id, Refused, child_path, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.reported import Reports
from xoproxy.config.websocket import read_websocket
from xoproxy.policy.model import (
    DocumentIsolation,
    Embedder,
    EmbedderPolicy,
    Isolation,
    Opener,
    OpenerPolicy,
    ResourcePolicy,
    UpstreamFields,
)

_ISOLATION: Final = values.choice("document_isolation", DocumentIsolation)
_ISOLATION_OR_OFF: Final = values.choice_or_off("document_isolation", DocumentIsolation)

# Response fields that have a key of their own, and which.
OWNED_FIELDS: Final = {
    b"cross-origin-opener-policy": "`coop`",
    b"cross-origin-embedder-policy": "`coep`",
    b"cross-origin-resource-policy": "`corp`",
    b"cross-origin-opener-policy-report-only": "`observe: {coop: ...}`",
    b"cross-origin-embedder-policy-report-only": "`observe: {coep: ...}`",
    b"document-isolation-policy": "`document_isolation`",
    b"document-isolation-policy-report-only": "`observe: {document_isolation: ...}`",
    b"origin-agent-cluster": "`origin_agent_cluster`",
    b"permissions-policy": "`permissions_policy`",
    b"permissions-policy-report-only": "`observe: {permissions_policy: ...}`",
    b"integrity-policy": "`integrity_policy`",
    b"integrity-policy-report-only": "`observe: {integrity_policy: ...}`",
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
    reports = Reports(reader, endpoints)
    return PolicyDraft(
        coop=reports.item(found.get("coop"), values.choice_or_off("coop", OpenerPolicy), Opener),
        coep=reports.item(found.get("coep"), values.choice_or_off("coep", EmbedderPolicy), Embedder),
        corp=reader.placed(found.get("corp"), values.choice_or_off("corp", ResourcePolicy)),
        cors=read_cors(reader, found["cors"]) if "cors" in found else None,
        observe_coop=reports.observed(observed.get("coop"), values.choice("coop", OpenerPolicy), Opener),
        observe_coep=reports.observed(observed.get("coep"), values.choice("coep", EmbedderPolicy), Embedder),
        document_isolation=reports.item(found.get("document_isolation"), _ISOLATION_OR_OFF, Isolation),
        observe_document_isolation=reports.observed(observed.get("document_isolation"), _ISOLATION, Isolation),
        permissions_policy=reports.permissions(found.get("permissions_policy")),
        observe_permissions_policy=reports.permissions(observed.get("permissions_policy")),
        integrity_policy=reports.integrity(found.get("integrity_policy")),
        observe_integrity_policy=reports.integrity(observed.get("integrity_policy")),
        origin_agent_cluster=reader.placed(found.get("origin_agent_cluster"), values.boolean),
        report_to=reports.endpoint(found.get("report_to")),
        timing_allow_origin=_timing(reader, found.get("timing_allow_origin")),
        websocket=read_websocket(reader, found.get("websocket_origins")),
        resource_isolation=reader.placed(found.get("resource_isolation"), values.boolean),
        upstream_fields=reader.placed(found.get("upstream_fields"), values.choice("upstream_fields", UpstreamFields)),
        edits=_read_edits(reader, found.get("headers")),
    )


def _timing(reader: Reader, spot: Spot | None) -> Placed[Names] | None:
    """Read `timing_allow_origin`: any, or exact origins.  (Resource Timing §3.5)"""
    return read_list(reader, spot, lambda text: origin(text).text().encode("ascii"))


def _read_edits(reader: Reader, spot: Spot | None) -> EditsDraft:
    found = reader.mapping(spot, keys.HEADERS)
    removed = reader.items(found["remove"]) if "remove" in found else None
    names = [reader.placed(item, _editable_name) for item in removed or ()]
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
