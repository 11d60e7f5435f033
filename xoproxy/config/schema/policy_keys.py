"""The keys of policies and routes, described for people and editors."""

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from typing import Final

from xoproxy.config import keys
from xoproxy.config.collecting import MAX_GROUPS
from xoproxy.config.conditions import DESTINATIONS
from xoproxy.config.presets import PRESETS
from xoproxy.config.regexes import MAX_PATTERNS
from xoproxy.config.reported import Destination, IntegritySource
from xoproxy.config.schema import values
from xoproxy.config.schema.described import Described, key
from xoproxy.config.schema.forms import (
    Schema,
    any_or_listed,
    any_scalar,
    boolean,
    choice,
    choice_or_off,
    count,
    either,
    listed,
    named,
    off,
    ref,
    several,
)
from xoproxy.config.settings import Collecting
from xoproxy.config.values import ENDPOINT_NAME as ENDPOINT_NAMES
from xoproxy.config.values import NAME as NAMES
from xoproxy.config.values import written_size
from xoproxy.policy.model import (
    DocumentIsolation,
    EmbedderPolicy,
    OpenerPolicy,
    PreflightHandling,
    Refusal,
    ResourcePolicy,
    UpstreamFields,
)

_COLLECTING: Final = Collecting()


def _words(kind: type[Enum]) -> Iterable[str]:
    return [str(member.value) for member in kind]


LONG_FORM: Final = Described(
    "long-form",
    keys.LONG_FORM,
    "A value, and an endpoint for the reports of this field alone.",
    {
        "value": key("As the short form.", {}),
        "report_to": key("The endpoint, a name from `reporting`. Default: the policy's report_to.", values.ENDPOINT_NAME),
    },
    ("value",),
)


def _or_long(value: Schema) -> Schema:
    """Return the schema of a value that may have the form ``{value:, report_to:}``.

    The long form is written out for each key: editors of before draft 2020-12 do not join what stands beside a reference.
    """
    return either(value, replace(LONG_FORM, values={**LONG_FORM.values, "value": key("As the short form.", value)}).schema())


_TIME: Final = {
    "expires": key("The last day, as 2027-01-31; from the day after, this is as if it were not there.", values.DATE),
    "reason": key("Why it is there, for whoever reads the file later.", any_scalar()),
}
_ORIGIN: Final = either(values.ORIGIN, ref("timed-origin"))
_REGEX: Final = either(values.REGEX, ref("timed-regex"))
_REGEXES: Final = either(_REGEX, several(_REGEX, most=MAX_PATTERNS))

COOP: Final = (
    "Cross-Origin-Opener-Policy: may windows of other origins keep a reference to this page? `same-origin`: no (and, with "
    "`coep`, the page is cross-origin isolated). `same-origin-allow-popups`: popups that it opens may. "
    "`noopener-allow-popups`: these may, and whoever opened it may not, not even of this origin."
)
COEP: Final = (
    "Cross-Origin-Embedder-Policy: what may this page load from other origins? `require-corp`: what says so (CORP or CORS). "
    "`credentialless`: also what is asked for without cookies; Chromium and Firefox only. `auto`: `credentialless` for "
    "browsers that have it, else `require-corp`."
)
CORP: Final = "Cross-Origin-Resource-Policy: which pages may embed this? Those of this origin, of this site, or all."
ISOLATION: Final = (
    "Document-Isolation-Policy: cross-origin isolation of this document alone, without `coop` and whatever embeds it. "
    "Chromium only."
)
_NO_OFF: Final = "Reported, not enforced."

POLICY: Final = Described(
    "policy",
    keys.POLICY,
    "What responses say about other origins. An absent key leaves the application's own field as it is.",
    {
        "coop": key(f"{COOP} `off`: the field is removed.", _or_long(choice_or_off(_words(OpenerPolicy)))),
        "coep": key(f"{COEP} `off`: the field is removed.", _or_long(choice_or_off(_words(EmbedderPolicy)))),
        "corp": key(f"{CORP} `off`: the field is removed.", choice_or_off(_words(ResourcePolicy))),
        "cors": key(
            "Which other origins may read this with script, and how. `off`: none, and preflights are answered with 403. "
            "Absent: CORS is the application's, preflights too.",
            either(ref("cors"), off()),
        ),
        "document_isolation": key(
            f"{ISOLATION} `off`: the field is removed.", _or_long(choice_or_off(_words(DocumentIsolation)))
        ),
        "origin_agent_cluster": key("Origin-Agent-Cluster: `true` asks for a process of the origin's own.", boolean()),
        "permissions_policy": key(
            'Permissions-Policy: per feature, as camera, who may use it: `none`, `self`, origins, or "*".',
            _or_long(ref("permissions")),
        ),
        "integrity_policy": key(
            "Integrity-Policy: kinds of subresources that load nothing without integrity metadata.", _or_long(ref("integrity"))
        ),
        "timing_allow_origin": key(
            'Timing-Allow-Origin: which origins may see exact timings of this: "*", or exact origins.',
            any_or_listed(values.EXACT_ORIGIN),
        ),
        "observe": key("What is only reported: sends the Report-Only twin of each field.", ref("observe")),
        "report_to": key(
            "The endpoint, a name from `reporting`, to which every field of this policy reports that can.", values.ENDPOINT_NAME
        ),
        "websocket_origins": key(
            'Whose pages may open WebSockets: origins, "*", `same-origin`, or a mapping. A page\'s own origin always may; '
            "another gets a 403. Absent: any page.",
            either({"const": "same-origin"}, any_or_listed(values.ORIGIN, _ORIGIN), ref("websocket-origins")),
        ),
        "resource_isolation": key(
            "`true`: requests from pages of other sites are refused by Fetch Metadata; navigations and what `cors` grants "
            "are excepted.",
            boolean(),
            default=False,
        ),
        "upstream_fields": key(
            "What becomes of a field that the application sends and a key of this policy owns. `replace`: it is removed. "
            "`fill`: it stays if it is valid. `passthrough`: it stays.",
            choice(_words(UpstreamFields)),
            UpstreamFields.REPLACE.value,
        ),
        "headers": key("Edits of other response fields.", ref("headers")),
    },
)
CORS: Final = Described(
    "cors",
    keys.CORS,
    "Cross-origin resource sharing: which other origins may read this with script, and how. xoproxy answers preflights itself.",
    {
        "allow_origins": key(
            '"*", or origins as browsers send them; https://*.example.com for one or more labels, :* for any port.',
            ref("origins"),
        ),
        "allow_origin_regexes": key("RE2 patterns; each must match a whole serialized origin.", _REGEXES),
        "allow_methods": key(
            'Methods as they are sent, or "*". GET, HEAD and POST need no listing.', any_or_listed(values.LISTED_METHOD)
        ),
        "allow_headers": key(
            'Names of request fields, or "*": those that are asked for, Authorization too.', any_or_listed(values.LISTED_FIELD)
        ),
        "expose_headers": key(
            'Names of response fields that script may see, or "*": those of the response. Never Set-Cookie.',
            any_or_listed(values.EXPOSABLE_FIELD),
        ),
        "allow_credentials": key('With cookies; not with allow_origins: "*".', boolean(), default=False),
        "max_age": key(
            "How long browsers remember the answer to a preflight; Chromium 2h at most, Safari 10m.", values.MAX_AGE
        ),
        "preflight": key(
            "Who answers preflights: `answer`: xoproxy; `forward`: the application.",
            choice(_words(PreflightHandling)),
            PreflightHandling.ANSWER.value,
        ),
        "refuse": key(
            "What becomes of a request from an origin that is not allowed: `omit`: it goes on, without CORS fields on its "
            "response; `reject`: 403.",
            choice(_words(Refusal)),
            Refusal.OMIT.value,
        ),
        "legacy_private_network": key(
            "`true`: preflights are answered with Access-Control-Allow-Private-Network, which Chromium asked for once.",
            boolean(),
            default=False,
        ),
        "dangerously_allow_any_origin_with_credentials": key(
            'Allow "*" together with allow_credentials: any site may read with the user\'s cookies.', ref("dangerous")
        ),
        "dangerously_allow_insecure_origins": key(
            "Allow plain-http origins of other machines: whoever is on the path can speak for them.", ref("dangerous")
        ),
        "dangerously_allow_public_suffixes": key("Allow wildcards under names that anyone can register.", ref("dangerous")),
        "dangerously_allow_null_origin": key("Allow the origin null, which any sandboxed frame has.", ref("dangerous")),
    },
)
WEBSOCKET: Final = Described(
    "websocket-origins",
    keys.WEBSOCKET,
    "Whose pages may open WebSockets.",
    {
        "allow_origins": key('"*", or origins as under `cors`.', ref("origins")),
        "allow_origin_regexes": key("As under `cors`.", _REGEXES),
        "dangerously_allow_insecure_origins": CORS.values["dangerously_allow_insecure_origins"],
        "dangerously_allow_public_suffixes": CORS.values["dangerously_allow_public_suffixes"],
        "dangerously_allow_null_origin": CORS.values["dangerously_allow_null_origin"],
    },
    rules={"anyOf": [{"required": ["allow_origins"]}, {"required": ["allow_origin_regexes"]}]},
)
TIMED_ORIGIN: Final = Described(
    "timed-origin",
    keys.TIMED_ORIGIN,
    "An origin that is allowed for a time.",
    {"origin": key("The origin, or pattern of origins.", values.ORIGIN), **_TIME},
    ("origin",),
)
TIMED_REGEX: Final = Described(
    "timed-regex",
    keys.TIMED_REGEX,
    "A pattern whose origins are allowed for a time.",
    {"regex": key("An RE2 pattern for whole origins.", values.REGEX), **_TIME},
    ("regex",),
)
ESCAPE: Final = Described(
    "dangerous",
    keys.ESCAPE,
    "A dangerous key: why it is there, and the last day on which that holds.",
    {
        "reason": key("For whoever reads the file later.", any_scalar()),
        "expires": key("A date, as 2027-01-31; from the day after, `xoproxy check` warns.", values.DATE),
    },
    ("reason",),
)
OBSERVE: Final = Described(
    "observe",
    keys.OBSERVE,
    "Browsers report what they would block and block nothing. May stand beside an enforced value.",
    {
        "coop": key(f"{_NO_OFF} {COOP}", _or_long(choice(_words(OpenerPolicy)))),
        "coep": key(f"{_NO_OFF} {COEP}", _or_long(choice(_words(EmbedderPolicy)))),
        "document_isolation": key(f"{_NO_OFF} {ISOLATION}", _or_long(choice(_words(DocumentIsolation)))),
        "permissions_policy": key(
            f"{_NO_OFF} {POLICY.values['permissions_policy']['description']}", _or_long(ref("permissions"))
        ),
        "integrity_policy": key(f"{_NO_OFF} {POLICY.values['integrity_policy']['description']}", _or_long(ref("integrity"))),
    },
)
INTEGRITY: Final = Described(
    "integrity",
    keys.INTEGRITY,
    "Kinds of subresources that load nothing without integrity metadata.",
    {
        "blocked_destinations": key("What loads nothing without.", listed(choice(_words(Destination)))),
        "sources": key(
            "Where the metadata may stand; browsers know no other than `inline`.", listed(choice(_words(IntegritySource)))
        ),
    },
)
HEADERS: Final = Described(
    "headers",
    keys.HEADERS,
    "Edits of response fields that have no key of their own. A field stands under one of the three only.",
    {
        "set": key(
            "Names to values; the application's own is replaced.",
            named(values.FIELD_VALUE, values.EDITABLE, values.EDITABLE_HINT),
        ),
        "add": key(
            "Names to values or lists of values; the application's own stays.",
            named(listed(values.FIELD_VALUE), values.EDITABLE, values.EDITABLE_HINT),
        ),
        "remove": key("Names.", listed(values.EDITABLE_FIELD)),
    },
)
ROUTE: Final = Described(
    "route",
    keys.ROUTE,
    "Which requests go where and under which policy.",
    {
        "match": key("Which requests: all keys must match. Absent: every request.", ref("match")),
        "upstream": key("A name from `upstreams`. Default: the `upstream` at the top.", values.NAME),
        "policy": key("As `policy` at the top, which is the default.", ref("policy-use")),
        **_TIME,
    },
)
MATCH: Final = Described(
    "match",
    keys.MATCH,
    "Which requests a route is for. A preflight is matched by the method that it asks for, never by OPTIONS.",
    {
        "host": key('A host name without port, or "*.example.com" for one or more labels.', values.ROUTE_HOST),
        "path": key(
            "A path, decoded, without query: `*` within one segment, `**` across; /api/** also matches /api.", values.PATH_GLOB
        ),
        "methods": key("Methods.", listed(values.METHOD)),
        "destinations": key(
            "What browsers fetch for: words of Sec-Fetch-Dest; `empty` for fetch().", listed(choice(DESTINATIONS))
        ),
        "headers": key(
            "Names of request fields to globs over their values; an absent field never matches.",
            named(values.VALUE_GLOB, values.FIELDS_TO_MATCH, "write the name of a request field that has no key of its own"),
        ),
    },
)
REPORTING: Final = Described(
    "reporting",
    keys.REPORTING,
    "Where browsers send reports of what they block, and how those are kept that xoproxy collects itself.",
    {
        "endpoints": key(
            "Names to where reports go: a path of the page's own origin, where xoproxy collects them, an https URL, or "
            "`upstream` (the application declares it).",
            named(values.COLLECTOR, ENDPOINT_NAMES.pattern, values.ENDPOINT_NAME_HINT),
        ),
        "store": key(
            "Where collected reports are kept: `memory`, the path of an SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE.",
            values.STORE,
            _COLLECTING.store.name,
        ),
        "keep": key(
            "For how long a group of equal reports is kept after the last of them.",
            values.KEEP,
            f"{_COLLECTING.keep_s / 86400:.0f}d",
        ),
        "max_groups": key(
            "How many groups of equal reports are kept; then those go that were seen longest ago.",
            count(most=MAX_GROUPS),
            _COLLECTING.max_groups,
        ),
        "max_body": key(
            "Of one delivery of reports; more is a 413.", values.DELIVERY_SIZE, written_size(_COLLECTING.max_body_bytes)
        ),
        "rate": key(
            "Deliveries in a minute of one IPv4 address, or one IPv6 network of 64 bits; more are a 429.",
            count(),
            _COLLECTING.deliveries_per_minute,
        ),
        "keep_queries": key(
            "Whether URLs in reports keep their queries, which may hold secrets.", boolean(), _COLLECTING.keep_queries
        ),
    },
)

POLICIES: Final = (
    POLICY,
    CORS,
    WEBSOCKET,
    TIMED_ORIGIN,
    TIMED_REGEX,
    ESCAPE,
    INTEGRITY,
    OBSERVE,
    LONG_FORM,
    HEADERS,
    ROUTE,
    MATCH,
    REPORTING,
)


def definitions() -> dict[str, Schema]:
    """Return what keys of policies share."""
    presets = [*PRESETS]
    name: Schema = either({"enum": [*presets]}, values.NAME)
    return {
        "policy-use": either(name, ref("policy"), several(either(name, ref("policy")))),
        "policies": named(
            ref("policy-use"), rf"(?!(?:{'|'.join(presets)})$){NAMES.pattern}", f"{values.NAME_HINT}; not a preset's"
        ),
        "origins": any_or_listed(_ORIGIN),
        "permissions": named(
            any_or_listed(values.ALLOWED, words=("*", "none")),
            values.FEATURES,
            "write a feature's name as browsers do, as camera",
        ),
    }
