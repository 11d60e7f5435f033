"""What `show` shows, as values: per route its match, its upstream, each key of its policy, and what goes out.

Lines are made by the modules that make them on the wire, so what is shown is what is sent.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, cast

from xoproxy.config import Loaded
from xoproxy.config.drafts import PolicyDraft
from xoproxy.config.problems import Place
from xoproxy.config.provenance import TYPED_FIELDS, parts_of_field, said
from xoproxy.config.routing import RouteDraft
from xoproxy.insight.effective import Json, as_json
from xoproxy.insight.showing.written import Fills, as_written
from xoproxy.policy import coep, reporting
from xoproxy.policy.base import decided
from xoproxy.policy.cors import EXPOSE_HEADERS, CorsRule, Preflight
from xoproxy.policy.model import ANY, Cors, Policy, PreflightHandling, Refusal, ReportingEndpoints, UpstreamFields
from xoproxy.policy.rule import Rule
from xoproxy.semantics.heads import RequestHead
from xoproxy.slotted import dataclass

CORS_FIELDS: Final = "Access-Control-*"
_CREDENTIALLESS: Final = "to browsers that have credentialless: Chrome, Firefox on desktops"
_OTHERS: Final = "to other browsers"
_BY_ROUTES: Final = "where this route or one before it looked at these"
# Stand for what a request says, in lines that are made by the code that answers it.
_STANDING_IN: Final = {
    b"the-origin": "<the origin>",
    b"the-method": "<the method asked for>",
    b"the-names": "<the names asked for>",
}
_ORIGIN, _METHOD, _NAMES = _STANDING_IN


@dataclass(frozen=True, slots=True)
class Part:
    """One key path, as ``cors.allow_origins[0]``, its value as the file would write it, and where that stands."""

    key: str
    value: Json
    place: Place


@dataclass(frozen=True, slots=True)
class Line:
    """One field line of responses, and the keys that it comes from.  `when`: in which responses; empty: in all."""

    line: str
    keys: tuple[str, ...]
    when: str = ""


@dataclass(frozen=True, slots=True)
class ShownCors:
    """CORS as a rule: whom it grants, what these get, who answers preflights and with which lines, what others get.

    `lines` empty: what they get goes to everyone, and is among the other lines.  `preflight_lines` empty: the application
    answers them.
    """

    origins: tuple[str, ...]
    lines: tuple[str, ...]
    preflight_lines: tuple[str, ...]
    refuse: Refusal


@dataclass(frozen=True, slots=True)
class ShownRoute:
    """One route.  `place` None: there are no routes in the file, or it is what answers without a route go by."""

    name: str
    place: Place | None
    match: tuple[Part, ...]
    upstream: Part | None  # its value: the URLs
    upstream_name: str
    policy_name: str  # how the file names it, as "page + {coop}"
    policy_place: Place | None
    parts: tuple[Part, ...]
    sends: tuple[Line, ...]
    cors: ShownCors | None
    removes: tuple[str, ...]  # of what the application sends; what is sent in its stead is not among them
    leaves: tuple[str, ...]
    upstream_fields: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A whole configuration."""

    source: str
    digest: str
    routes: tuple[ShownRoute, ...]
    unmatched: ShownRoute


def show(loaded: Loaded) -> Shown:
    """Return what a configuration comes to."""
    generation = loaded.generation
    return Shown(generation.source, generation.digest, tuple(shown_routes(loaded)), shown_unmatched(loaded))


def shown_routes(loaded: Loaded) -> Iterator[ShownRoute]:
    """Yield the routes of a configuration, one after the other: there may be thousands."""
    fills, urls = Fills(loaded.written), _urls(loaded)
    looked_at: tuple[str, ...] = ()
    for draft in loaded.routes:
        shown = _route(draft, urls, loaded.endpoints, fills)
        looked_at = tuple(dict.fromkeys((*looked_at, *draft.route.match.fields)))
        if looked_at:
            by_routes = Line(f"Vary: {', '.join(looked_at)}", (), _BY_ROUTES)
            shown = replace(shown, sends=(*shown.sends, by_routes))
        yield shown


def shown_unmatched(loaded: Loaded) -> ShownRoute:
    """Return what answers without a route go by."""
    return _route(loaded.unmatched, _urls(loaded), loaded.endpoints, Fills(loaded.written))


def _urls(loaded: Loaded) -> dict[str, tuple[str, ...]]:
    return {one.name: tuple(map(str, one.endpoints)) for one in loaded.generation.settings.upstreams}


def _route(draft: RouteDraft, urls: Mapping[str, tuple[str, ...]], endpoints: ReportingEndpoints, fills: Fills) -> ShownRoute:
    route, places = draft.route, draft.places
    standing = places.get("match.headers")
    headers: dict[str, Json] = {name: fills.value_glob(standing, name, glob) for name, glob in route.match.headers}
    matches = cast("dict[str, Json]", as_json(route.match)) | {"headers": headers}
    policy = _as_shown(route.policy, draft.policy, fills)
    return ShownRoute(
        name=route.name,
        place=places[""] if "match" in places or route.name.startswith("routes[") else None,
        match=tuple(Part(key, value, places[f"match.{key}"]) for key, value in matches.items() if f"match.{key}" in places),
        upstream=Part("upstream", [*urls.get(route.upstream, ())], places["upstream"]) if "upstream" in places else None,
        upstream_name=route.upstream,
        policy_name=route.policy_name,
        policy_place=places.get("policy"),
        parts=tuple(_parts(draft.policy, fills)),
        sends=tuple(_lines(policy, draft.policy, endpoints)),
        cors=_cors(policy.cors) if isinstance(policy.cors, Cors) else None,
        removes=tuple(_removed(policy)),
        leaves=tuple(_left(policy)),
        upstream_fields=policy.upstream_fields.value,
    )


def _as_shown(policy: Policy, draft: PolicyDraft, fills: Fills) -> Policy:
    """Return the policy with the values of `headers` as they may be shown."""

    def shown(edits: Iterable[tuple[bytes, tuple[bytes, ...], Place]]) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((name, value) for name, values, place in edits for value in fills.field_values(place, values))

    edits = draft.edits
    return replace(
        policy,
        fields=replace(
            policy.fields,
            set=shown((edit.name, edit.values, edit.place) for edit in edits.set),
            add=shown((edit.name, edit.values, edit.place) for edit in edits.add),
        ),
    )


def _parts(draft: PolicyDraft, fills: Fills) -> Iterator[Part]:
    for key, placed in said(draft).items():
        value = placed.value
        if key.startswith("headers."):
            values = fills.field_values(placed.place, cast("tuple[bytes, ...]", value or ()))
            texts = [text.decode("utf-8") for text in values]
            yield Part(key, texts[0] if len(texts) == 1 else [*texts] or None, placed.place)
        else:
            yield Part(key, as_written(key, value), placed.place)


def _lines(policy: Policy, draft: PolicyDraft, endpoints: ReportingEndpoints) -> Iterator[Line]:
    """Yield what goes out whoever asks, in the order in which it does."""

    def line(text: bytes, when: str = "") -> Line:
        name = text.partition(b":")[0]
        return Line(text.decode("utf-8").rstrip(), tuple(parts_of_field(draft, name)), when)

    most, others = (decided(coep.for_browser(policy, credentialless=has)) for has in (True, False))
    for one, other in zip(most, others, strict=True):
        if one.value == other.value:
            yield from (line(one.line),) if one.line else ()
        else:
            yield from (line(one.line, _CREDENTIALLESS), line(other.line, _OTHERS))
    always = [reporting.field_line(policy, endpoints)]
    always += [b"%b: %b" % edit for edit in (*policy.fields.set, *policy.fields.add)]
    if isinstance(policy.cors, Cors) and not (rule := CorsRule(policy.cors)).varies:
        always += [text.encode("ascii") for text in _told(rule.lines(b""), exposes_all=rule.exposes_all)]
    vary = Rule(policy, endpoints).plan(RequestHead(b"", b"", b"", 1), b"http", b"").vary
    always.append(b"Vary: " + b", ".join(vary) if vary else b"")
    yield from (line(text) for text in always if text)


def _cors(cors: Cors) -> ShownCors:
    rule = CorsRule(cors)
    asked = Preflight(_ORIGIN, _METHOD, (_NAMES,), cors.legacy_private_network)
    forwards = cors.preflight is PreflightHandling.FORWARD
    return ShownCors(
        origins=tuple(_granted(cors)),
        lines=_told(rule.lines(_ORIGIN), exposes_all=rule.exposes_all) if rule.varies else (),
        preflight_lines=() if forwards else _told(rule.answer_preflight(asked).lines),
        refuse=cors.refuse,
    )


def _granted(cors: Cors) -> Iterator[str]:
    if cors.allow_origins is ANY:
        yield "*"
    else:
        yield from (pattern.text() for pattern in cors.allow_origins)
    yield from (f"/{regex}/" for regex in cors.allow_origin_regexes)
    if cors.allow_null_origin:
        yield "null"


def _told(lines: bytes, *, exposes_all: bool = False) -> tuple[str, ...]:
    """Return lines with words in the place of what stood in for the request."""
    texts = lines.decode("utf-8").splitlines()
    if exposes_all:
        texts.append(f"{EXPOSE_HEADERS.decode('ascii')}: <the names in the response>")
    for standing_in, words in _STANDING_IN.items():
        texts = [text.replace(standing_in.decode("ascii"), words) for text in texts]
    return tuple(texts)


def _removed(policy: Policy) -> Iterator[str]:
    """Yield the names of fields that are taken out of responses, with nothing or with a rule in their stead."""
    for field in decided(coep.for_browser(policy, credentialless=True)):
        if field.value is None:
            yield field.name.decode("ascii")
    if policy.cors is not None and (
        not isinstance(policy.cors, Cors) or policy.upstream_fields is not UpstreamFields.PASSTHROUGH
    ):
        yield CORS_FIELDS
    yield from (name.decode("ascii") for name in policy.fields.remove)


def _left(policy: Policy) -> Iterator[str]:
    """Yield the names of fields that a key could own and none does: the application's own pass untouched."""
    owned = {field.name.lower() for field in decided(coep.for_browser(policy, credentialless=True))}
    for name in TYPED_FIELDS:
        if name not in owned:
            yield "-".join(word.capitalize() for word in name.decode("ascii").split("-"))
    if policy.cors is None:
        yield CORS_FIELDS
