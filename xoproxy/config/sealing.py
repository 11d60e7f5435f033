"""Make a policy of a composed draft: the rules about several keys, one function each.

Problems point to the key that has to go, wherever in the file it stands.
"""

from xoproxy.config.drafts import CorsDraft, EditsDraft, Names, OriginsDraft, Placed, PolicyDraft
from xoproxy.config.origins import Null, covers_public_suffix, is_insecure
from xoproxy.config.problems import Id, quoted
from xoproxy.config.reader import Reader
from xoproxy.policy.model import ANY, OFF, Cors, FieldEdits, Off, Policy, WebSocketOrigins
from xoproxy.semantics.origins import OriginPattern


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
        report_to=draft.report_to.value if draft.report_to else None,
        timing_allow_origin=draft.timing_allow_origin.value if draft.timing_allow_origin else None,
        websocket_origins=_seal_websocket(reader, draft.websocket),
        fields=FieldEdits(
            set=tuple((edit.name, value) for edit in draft.edits.set for value in edit.values),
            add=tuple((edit.name, value) for edit in draft.edits.add for value in edit.values),
            remove=tuple(name.value for name in draft.edits.remove),
        ),
    )


def _seal_cors(reader: Reader, draft: CorsDraft | Placed[Off] | None, *, is_part: bool) -> Cors | Off | None:
    if draft is None:
        return None
    if not isinstance(draft, CorsDraft):
        return OFF
    credentialed = draft.allow_credentials is not None and draft.allow_credentials.value
    if draft.allow_origins is None:
        if not is_part and draft.null_origin is None:
            reader.report(
                draft.place,
                Id.NO_ORIGINS,
                "`cors` needs allow_origins; write allow_origins: [https://app.example.com], or cors: off",
            )
        origins: tuple[OriginPattern, ...] = ()
    elif draft.allow_origins.value is ANY:
        _check_any(reader, draft)
        origins = ()
    else:
        _check_null_with_credentials(reader, draft)
        origins = _seal_origins(reader, draft)
    return Cors(
        allow_origins=ANY if draft.allow_origins is not None and draft.allow_origins.value is ANY else origins,
        allow_methods=_names(draft.allow_methods),
        allow_headers=_names(draft.allow_headers),
        expose_headers=_names(draft.expose_headers),
        allow_credentials=credentialed,
        allow_null_origin=draft.null_origin is not None,
        max_age_s=draft.max_age_s.value if draft.max_age_s else None,
    )


def _seal_websocket(reader: Reader, draft: OriginsDraft | None) -> WebSocketOrigins | None:
    if draft is None or draft.allow_origins is None or draft.allow_origins.value is ANY:
        return None
    return WebSocketOrigins(_seal_origins(reader, draft), draft.null_origin is not None)


def _seal_origins(reader: Reader, draft: CorsDraft | OriginsDraft) -> tuple[OriginPattern, ...]:
    """Return the origins of a list, ``null`` apart, and report those that want a dangerous key."""
    _check_null(reader, draft)
    _check_secure(reader, draft)
    _check_suffixes(reader, draft)
    return tuple(item.value for item in _origins(draft) if not isinstance(item.value, Null))


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


def _check_null_with_credentials(reader: Reader, draft: CorsDraft) -> None:
    """The opaque origin is anyone's.  (Fetch, "serializing a request origin")"""
    credentials = draft.allow_credentials
    if draft.null_origin is not None and credentials is not None and credentials.value:
        reader.report(
            draft.null_origin.place,
            Id.NULL_WITH_CREDENTIALS,
            "any sandboxed frame has the origin null and could read with the user's cookies; remove this or allow_credentials",
        )


def _check_null(reader: Reader, draft: CorsDraft | OriginsDraft) -> None:
    """Nobody means all sandboxed frames by accident."""
    for item in _origins(draft):
        if isinstance(item.value, Null) and draft.null_origin is None:
            reader.report(
                item.place,
                Id.NULL_ORIGIN,
                'any sandboxed frame has the origin null; remove it (or write dangerously_allow_null_origin: {reason: "why"})',
            )


def _check_secure(reader: Reader, draft: CorsDraft | OriginsDraft) -> None:
    """A plain-http origin is whoever is on the path to it.  (Secure Contexts §3.1)"""
    for item in _origins(draft):
        if draft.insecure_origins is None and isinstance(item.value, OriginPattern) and is_insecure(item.value):
            shown = item.value.text()
            reader.report(
                item.place,
                Id.INSECURE_ORIGIN,
                f"{quoted(shown)} is plain http: whoever is on the path can speak for it; write {quoted('https' + shown[4:])} "
                '(or dangerously_allow_insecure_origins: {reason: "why"})',
            )


def _check_suffixes(reader: Reader, draft: CorsDraft | OriginsDraft) -> None:
    """A wildcard right below a public suffix covers strangers.  (publicsuffix.org)"""
    for item in _origins(draft):
        if draft.public_suffixes is None and isinstance(item.value, OriginPattern) and covers_public_suffix(item.value):
            host = item.value.host.decode("ascii")
            reader.report(
                item.place,
                Id.PUBLIC_SUFFIX,
                f"anyone can have a name under {host}; write a name of yours, as {quoted(f'https://*.yours.{host}')} "
                '(or dangerously_allow_public_suffixes: {reason: "why"})',
            )


def _origins(draft: CorsDraft | OriginsDraft) -> tuple[Placed[OriginPattern | Null], ...]:
    listed = draft.allow_origins.value if draft.allow_origins is not None else ()
    return () if listed is ANY else listed


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
