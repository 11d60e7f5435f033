"""Make a policy of a composed draft: the rules about several keys, one function each.

Problems point to the key that has to go, wherever in the file it stands.
"""

from functools import partial

from xoproxy.config.drafts import CorsDraft, EditsDraft, IntegrityDraft, Names, OriginsDraft, Placed, PolicyDraft
from xoproxy.config.granting import seal_origins, seal_regexes
from xoproxy.config.problems import Id, quoted
from xoproxy.config.reader import Reader
from xoproxy.policy.model import (
    ANY,
    OFF,
    Cors,
    FieldEdits,
    IntegrityPolicy,
    Off,
    Policy,
    PreflightHandling,
    Refusal,
    UpstreamFields,
    WebSocketOrigins,
)


def seal(reader: Reader, draft: PolicyDraft, *, is_part: bool = False) -> Policy:
    """Return the policy that a draft describes, and report what is wrong with it as a whole.

    `is_part`: it may be meant for composition only, so what is absent may still come from elsewhere.
    """
    _check_edits(reader, draft.edits)
    return Policy(
        coop=draft.coop.value if draft.coop else None,
        coep=draft.coep.value if draft.coep else None,
        corp=draft.corp.value if draft.corp else None,
        cors=_seal_cors(reader, draft.cors, is_part=is_part),
        observe_coop=draft.observe_coop.value if draft.observe_coop else None,
        observe_coep=draft.observe_coep.value if draft.observe_coep else None,
        document_isolation=draft.document_isolation.value if draft.document_isolation else None,
        observe_document_isolation=draft.observe_document_isolation.value if draft.observe_document_isolation else None,
        permissions_policy=draft.permissions_policy.value if draft.permissions_policy else None,
        observe_permissions_policy=draft.observe_permissions_policy.value if draft.observe_permissions_policy else None,
        integrity_policy=_seal_integrity(reader, draft.integrity_policy, is_part=is_part),
        observe_integrity_policy=_seal_integrity(reader, draft.observe_integrity_policy, is_part=is_part),
        origin_agent_cluster=draft.origin_agent_cluster.value if draft.origin_agent_cluster else None,
        report_to=draft.report_to.value if draft.report_to else None,
        timing_allow_origin=draft.timing_allow_origin.value if draft.timing_allow_origin else None,
        websocket_origins=_seal_websocket(reader, draft.websocket),
        resource_isolation=draft.resource_isolation is not None and draft.resource_isolation.value,
        upstream_fields=draft.upstream_fields.value if draft.upstream_fields else UpstreamFields.REPLACE,
        fields=FieldEdits(
            set=tuple((edit.name, value) for edit in draft.edits.set for value in edit.values),
            add=tuple((edit.name, value) for edit in draft.edits.add for value in edit.values),
            remove=tuple(name.value for name in draft.edits.remove),
        ),
    )


def _seal_integrity(reader: Reader, draft: IntegrityDraft | None, *, is_part: bool) -> IntegrityPolicy | None:
    if draft is None:
        return None
    if not is_part and not draft.is_complete:
        reader.report(
            draft.place,
            Id.NOTHING_BLOCKED,
            "this blocks nothing; write blocked_destinations: [script]",
        )
    return draft.value


def _seal_cors(reader: Reader, draft: CorsDraft | Placed[Off] | None, *, is_part: bool) -> Cors | Off | None:
    if draft is None:
        return None
    if not isinstance(draft, CorsDraft):
        return OFF
    if draft.allow_origins is None and draft.allow_origin_regexes is None and draft.null_origin is None and not is_part:
        reader.report(
            draft.place,
            Id.NO_ORIGINS,
            "`cors` needs allow_origins; write allow_origins: [https://app.example.com], or cors: off",
        )
    return reader.once(draft, partial(_cors, reader, draft))


def _cors(reader: Reader, draft: CorsDraft) -> Cors:
    is_any = draft.allow_origins is not None and draft.allow_origins.value is ANY
    if is_any:
        _check_any(reader, draft)
    else:
        _check_null_with_credentials(reader, draft)
    origins = seal_origins(reader, draft)
    return Cors(
        allow_origins=ANY if is_any else origins,
        allow_methods=_names(draft.allow_methods),
        allow_headers=_names(draft.allow_headers),
        expose_headers=_names(draft.expose_headers),
        allow_credentials=draft.allow_credentials is not None and draft.allow_credentials.value,
        allow_null_origin=draft.null_origin is not None,
        max_age_s=draft.max_age_s.value if draft.max_age_s else None,
        allow_origin_regexes=seal_regexes(reader, draft),
        insecure_by_regex=draft.insecure_origins is not None,
        preflight=draft.preflight.value if draft.preflight else PreflightHandling.ANSWER,
        refuse=draft.refuse.value if draft.refuse else Refusal.OMIT,
        legacy_private_network=draft.legacy_private_network is not None and draft.legacy_private_network.value,
    )


def _seal_websocket(reader: Reader, draft: OriginsDraft | None) -> WebSocketOrigins | None:
    if draft is None or (draft.allow_origins is None and draft.allow_origin_regexes is None):
        return None
    is_any = draft.allow_origins is not None and draft.allow_origins.value is ANY
    origins = seal_origins(reader, draft)
    return WebSocketOrigins(
        ANY if is_any else origins,
        draft.null_origin is not None,
        seal_regexes(reader, draft),
        draft.insecure_origins is not None,
    )


def _names(names: Placed[Names] | None) -> Names:
    return names.value if names is not None else ()


def _check_any(reader: Reader, draft: CorsDraft) -> None:
    """Credentials never stand beside every origin.  (Fetch §3.3.5)"""
    credentials = draft.allow_credentials
    if credentials is not None and credentials.value and draft.any_with_credentials is None:
        reader.report(
            credentials.place,
            Id.ANY_WITH_CREDENTIALS,
            'with allow_origins: "*" every site could read this with the user\'s cookies; list the origins, or '
            'remove allow_credentials (or write dangerously_allow_any_origin_with_credentials: {reason: "why"})',
        )
    private_network = draft.legacy_private_network
    if private_network is not None and private_network.value:
        reader.report(
            private_network.place,
            Id.PRIVATE_NETWORK_FOR_ANY,
            'with allow_origins: "*" any site could reach what only this network can; list the origins, or remove this',
        )


def _check_null_with_credentials(reader: Reader, draft: CorsDraft) -> None:
    """The opaque origin is anyone's.  (Fetch, "serializing a request origin")"""
    credentials = draft.allow_credentials
    if draft.null_origin is not None and credentials is not None and credentials.value:
        reader.report(
            draft.null_origin.place,
            Id.NULL_WITH_CREDENTIALS,
            "any sandboxed frame has the origin null and could read with the user's cookies; remove this or allow_credentials",
        )


def _check_edits(reader: Reader, edits: EditsDraft) -> None:
    """One field is set, added to, or removed; the order of two edits would be a guess."""
    removed = {name.value.lower() for name in edits.remove}
    added = {edit.name.lower() for edit in edits.add}
    for edit in edits.set:
        if edit.name.lower() in added:
            reader.report(
                edit.place,
                Id.FIELD_TWICE,
                f"{quoted(edit.name.decode())} is set here and added to elsewhere; keep one of the two",
            )
    for edit in (*edits.set, *edits.add):
        if edit.name.lower() in removed:
            reader.report(
                edit.place,
                Id.FIELD_TWICE,
                f"{quoted(edit.name.decode())} has a value here and is removed elsewhere; keep one of the two",
            )
