"""The values of the policy file as patterns: what `values`, `addresses` and `origins` parse, as far as a pattern can tell."""

from typing import Final

from xoproxy.config import addresses, collecting, conditions, telling, values
from xoproxy.config.cors import MAX_AGE_S
from xoproxy.config.features import FEATURE
from xoproxy.config.policies import FRAMING_FIELDS, OWNED_FIELDS
from xoproxy.config.regexes import MAX_PATTERN
from xoproxy.config.schema import forms
from xoproxy.config.schema.forms import Schema
from xoproxy.config.upstreams import CHECK_PATH
from xoproxy.semantics.grammar import TOKEN_BYTES

KINDS: Final[dict[str, Schema]] = {}  # every kind of value by the name of its definition


def _kind(name: str, schema: Schema) -> Schema:
    """Name a kind of value: its schema is a definition, and what is returned refers to it."""
    KINDS[name] = schema
    return forms.ref(name)


TOKEN: Final = "[" + TOKEN_BYTES.decode("ascii") + "]+"
_OCTET: Final = forms.up_to(255)
_IPV4: Final = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_PORT: Final = forms.up_to(65535)
_PORT_IN_URL: Final = rf"(?=[0-9]{{1,5}}$)(?!0+$)0*{_PORT}"  # a number: leading zeros are no fault
_PORT_TO_LISTEN: Final = rf"(?=[0-9]{{1,5}}$)0*{_PORT}"

# Hosts to connect to and to match, in any case; one that ends in a number is an address.
_NAME: Final = rf"(?:{addresses.NAME.pattern})"
_HOST: Final = rf"(?:{_IPV4}(?![^:/])|(?!(?:[^:/]*\.)?[0-9]+(?![^:/]))(?![^:/]{{254}}){_NAME})"
_BRACKETED: Final = r"\[[0-9A-Fa-f:.]+\]"

# Serialized origins.  (RFC 6454 §6.2; see `semantics.origins`)
_LABEL: Final = r"(?![a-z0-9_-]{64})[a-z0-9_]+(?:-+[a-z0-9_]+)*"
_DOMAIN: Final = rf"(?:{_LABEL}\.)*(?!(?:[0-9]+|0x[0-9a-f]*)(?![^:]))" + _LABEL
_SHORTEST: Final = r"\[(?!0[0-9a-f]|[^\]]*:0[0-9a-f])[0-9a-f:.]+\]"
_SCHEME: Final = r"(?!(?:about|blob|data|file|javascript|wss?):)(?!http:.*:80$)(?!https:.*:443$)[a-z][a-z0-9+.\-]*://"
_ORIGIN_PORT: Final = rf"(?::(?!0){_PORT})?"
_EXACT: Final = rf"{_SCHEME}(?:{_IPV4}|{_SHORTEST}|{_DOMAIN}){_ORIGIN_PORT}"
_WITH_WILDCARDS: Final = rf"{_SCHEME}(?:{_IPV4}|{_SHORTEST}|(?:\*\.)?{_DOMAIN})(?:{_ORIGIN_PORT}|:\*)"

_WEEK_S: Final = int(values.MAX_DURATION_S)


def _duration_pattern(most_s: int) -> str:
    milli, seconds, minutes, hours = (forms.up_to(most_s * 1000 // unit) for unit in (1, 1000, 60_000, 3_600_000))
    return rf"{milli}ms|{seconds}s?|{minutes}m|{hours}h"


_DURATION_HINT: Final = "write a number with its unit, as 500ms, 10s, 10m or 1h (up to 168h)"
_DURATION: Final = _duration_pattern(_WEEK_S)
DURATION: Final = _kind("duration", forms.whole(_DURATION, _DURATION_HINT, most=_WEEK_S))
TIMEOUT: Final = _kind("timeout", forms.whole(rf"(?!0[a-z]*$)(?:{_DURATION})", f"{_DURATION_HINT}, not zero", 1, _WEEK_S))
MAX_AGE: Final = _kind(
    "max-age",
    forms.whole(
        rf"(?:0|{forms.up_to(MAX_AGE_S)}000)ms|{forms.up_to(MAX_AGE_S)}s?|{forms.up_to(MAX_AGE_S // 60)}m|{forms.up_to(24)}h",
        "write whole seconds, up to 24h, as 10m",
        most=MAX_AGE_S,
    ),
)
SIZE: Final = _kind("size", forms.whole(values.SIZE.pattern, "write a number with its unit, as 64KiB, 1MiB or 1GiB"))
HEAD_SIZE: Final = _kind(
    "head-size",
    forms.whole(
        rf"(?!{forms.up_to(1023)}B?$){forms.up_to(16 * 1024**2)}B?|(?!0){forms.up_to(16384)}KiB|(?!0){forms.up_to(16)}MiB",
        "write a size from 1KiB to 16MiB",
        1024,
        16 * 1024**2,
    ),
)

DATE: Final = _kind(
    "date",
    forms.text(
        r"(?!0000)(?!.{4}-02-(?:30|31))(?!.{4}-(?:04|06|09|11)-31)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])",
        "write year-month-day, as 2027-01-31",
    ),
)
NAME_HINT: Final = "a name has up to 64 letters, digits, '-', '_' and '.', and begins with a letter or digit"
NAME: Final = _kind("name", forms.scalar(values.NAME.pattern, NAME_HINT))
ENDPOINT_NAME_HINT: Final = "an endpoint's name has lower-case letters, digits, '-', '_' and '.', and begins with a letter"
ENDPOINT_NAME: Final = _kind("endpoint-name", forms.scalar(values.ENDPOINT_NAME.pattern, ENDPOINT_NAME_HINT))

EXACT_ORIGIN: Final = _kind(
    "exact-origin", forms.text(_EXACT, "write an origin as browsers send it: https://app.example.com, no path")
)
ORIGIN: Final = _kind(
    "origin",
    forms.either(
        forms.text(
            _WITH_WILDCARDS, "write an origin as browsers send it: https://app.example.com, https://*.example.com, no path"
        ),
        {"enum": ["null", None], "description": "any sandboxed frame; needs dangerously_allow_null_origin"},
    ),
)

# RE2's grammar is not for another engine to know; what is no pattern of ours at all is.
REGEX: Final = _kind(
    "regex",
    forms.scalar(
        rf"(?!/.*/[a-z]*$)(?![\s\S]*://\*)[\t\n -~]{{1,{MAX_PATTERN}}}",
        "write a pattern of RE2 for whole origins, without slashes around it",
    ),
)
# A colon and a star would be a wildcard for ports, which allowlists do not have.
ALLOWED: Final = _kind(
    "allowed",
    forms.text(
        rf"self|{_SCHEME}(?:{_IPV4}|{_SHORTEST}|(?:\*\.)?{_DOMAIN}){_ORIGIN_PORT}",
        'write self, an origin as https://app.example.com, none, or "*"',
    ),
)
# `value` is a key of the long form.
FEATURES: Final = rf"(?!value$){FEATURE.pattern}"

_FORBIDDEN: Final = "|".join(map(forms.folded, sorted(values.FORBIDDEN_METHODS)))
_NORMALISED: Final = "|".join(map(forms.folded, sorted(values.NORMALISED_METHODS)))
_METHOD: Final = rf"{'|'.join(sorted(values.NORMALISED_METHODS))}|(?!(?:{_FORBIDDEN}|{_NORMALISED})$){TOKEN}"
METHOD: Final = _kind("method", forms.scalar(_METHOD, "write a method as it is sent: GET, PUT, PATCH"))
LISTED_METHOD: Final = _kind(
    "listed-method", forms.scalar(rf"(?!\*$)(?:{_METHOD})", "write a method as it is sent: GET, PUT, PATCH")
)
LISTED_FIELD: Final = _kind("listed-field", forms.scalar(rf"(?!\*$){TOKEN}", "write a field name, as X-Total-Count"))
EXPOSABLE_FIELD: Final = _kind(
    "exposable-field",
    forms.scalar(rf"(?!(?:\*|{forms.folded('set-cookie')}2?)$){TOKEN}", "write the name of a response field; never Set-Cookie"),
)
FIELD_VALUE: Final = _kind("field-value", forms.scalar(r"(?![ \t])[\t -~]*[!-~]", "write one line of ASCII"))
_ELSEWHERE: Final = "|".join(forms.folded(name.decode("ascii")) for name in sorted({*FRAMING_FIELDS, *OWNED_FIELDS, b"vary"}))
EDITABLE: Final = rf"(?!(?:{_ELSEWHERE})$)(?!{forms.folded('access-control-')}){TOKEN}"
EDITABLE_HINT: Final = "write the name of a response field that has no key of its own and does not belong to the connection"
EDITABLE_FIELD: Final = _kind("editable-field", forms.scalar(EDITABLE, EDITABLE_HINT))

_NOT_TO_MATCH: Final = "|".join(
    forms.folded(name.decode("ascii"))
    for name in sorted({*FRAMING_FIELDS, *conditions.OTHER_KEYS, b"access-control-request-headers"})
)
FIELDS_TO_MATCH: Final = rf"(?!(?:{_NOT_TO_MATCH})$){TOKEN}"
VALUE_GLOB: Final = _kind(
    "value-glob",
    forms.scalar(
        rf"(?!(?:[^*]*\*){{{addresses.MAX_WILDCARDS + 1}}})(?![ \t])[\t -~]*[!-~]",
        f"write one line of ASCII, with * for any characters ({addresses.MAX_WILDCARDS} at most)",
    ),
)

UPSTREAM_URL: Final = _kind(
    "upstream-url",
    forms.text(
        rf"https?://(?:{_BRACKETED}|{_HOST})(?::{_PORT_IN_URL})?|http\+unix:(?!//){addresses.UNIX_PATH.pattern}",
        "write http://HOST:PORT, https://HOST or http+unix:/path; no path",
    ),
)
# Lower-case schemes only, but a name may stand here too; what it names is not for a schema to know.
UPSTREAM: Final = forms.either(UPSTREAM_URL, NAME)
_OWN_ADDRESS: Final = rf"(?:{_BRACKETED}|{_HOST}|):{_PORT_TO_LISTEN}|unix:(?!//)(?=.{{1,105}}$){addresses.UNIX_PATH.pattern}"
_ADDRESS_HINT: Final = "write HOST:PORT, :PORT, [::]:PORT or unix:/path"
OWN_ADDRESS: Final = _kind("own-address", forms.text(_OWN_ADDRESS, _ADDRESS_HINT))
ADDRESS: Final = _kind("address", forms.text(rf"{_OWN_ADDRESS}|{addresses.PASSED.pattern}", f"{_ADDRESS_HINT}, or systemd"))
NETWORK: Final = _kind(
    "network",
    forms.text(
        rf"unix|{_IPV4}(?:/(?:{forms.up_to(32)}|{_IPV4}))?|(?=[^/]*:)[0-9A-Fa-f:.]+(?:%[^\s/]+)?(?:/{forms.up_to(128)})?",
        "write an IP address, a network as 10.0.0.0/8, or unix",
    ),
)
ROUTE_HOST: Final = _kind(
    "route-host", forms.scalar(rf"(?:\*\.)?{_HOST}|{_BRACKETED}", "write a host name without port, or *.example.com")
)
PATH_GLOB: Final = _kind(
    "path-glob",
    forms.text(
        rf"(?!.*%[0-9A-Fa-f]{{2}})(?!.*/\.\.?(?:/|$))(?!.*\*\*\*)(?!(?:[^*]*\*+(?!\*)){{{addresses.MAX_WILDCARDS + 1}}})"
        + addresses.PATH_GLOB.pattern,
        f"write a path from / on, decoded, with * and ** ({addresses.MAX_WILDCARDS} at most), without query",
    ),
)
CHECKED_PATH: Final = _kind("checked-path", forms.text(CHECK_PATH.pattern, "write a path, as /healthz"))
COLLECTOR: Final = _kind(
    "collector",
    forms.text(rf"{addresses.BY_UPSTREAM}|(?!//)(?:{addresses.COLLECTOR.pattern})", "write an https URL, a path, or upstream"),
)
PERCENTAGE: Final = _kind("percentage", forms.text(values.PERCENTAGE.pattern, "write a percentage, as 10% or 0.5%"))
_SECRET: Final = "|".join(map(forms.folded, telling.SECRET_WORDS))
LOGGED_FIELD: Final = _kind(
    "logged-field",
    forms.scalar(
        rf"(?!(?:(?:{TOKEN})?[-_])?(?:{_SECRET})(?:$|[-_])){TOKEN}",
        "write the name of a request field, as User-Agent; none that may hold a secret",
    ),
)
_EXPORT_HOST: Final = rf"(?:{_BRACKETED}|{_NAME})"
EXPORT_URL: Final = _kind(
    "export-url",
    forms.text(
        rf"[Hh][Tt][Tt][Pp][Ss]?://{_EXPORT_HOST}(?::(?!0){_PORT})?(?:{telling.EXPORT_PATH})?",
        "write the URL of a collector that takes OTLP over HTTP, as http://otel-collector:4318",
    ),
)
SERVICE_NAME: Final = _kind("service-name", forms.scalar(telling.SERVICE_NAME.pattern, "write up to 128 characters of ASCII"))
_SET_BY_EXPORTERS: Final = "|".join(
    forms.folded(name.decode("ascii")) for name in sorted({*FRAMING_FIELDS, *telling.SET_BY_EXPORTERS})
)
EXPORT_FIELDS: Final = rf"(?!(?:{_SET_BY_EXPORTERS})$){TOKEN}"
STORE: Final = _kind(
    "store",
    forms.text(
        rf"memory|{collecting.STORE_PATH.pattern}|{collecting.POSTGRESQL.pattern}",
        "write memory, an absolute path, or postgresql://USER:PASSWORD@HOST/DATABASE",
    ),
)
_MOST_KEEP_S: Final = collecting.MAX_KEEP_DAYS * 86400
_KEEP_PATTERN: Final = "|".join(
    forms.up_to(_MOST_KEEP_S // seconds) + unit for unit, seconds in (("s?", 1), ("m", 60), ("h", 3600), ("d", 86400))
)
KEEP: Final = _kind(
    "keep",
    forms.whole(
        rf"(?!0[mhd]$)(?!{forms.up_to(collecting.MIN_KEEP_S - 1)}s?$)(?:{_KEEP_PATTERN})",
        f"write a number with its unit, from 1m to {collecting.MAX_KEEP_DAYS}d",
        collecting.MIN_KEEP_S,
        _MOST_KEEP_S,
    ),
)
DELIVERY_SIZE: Final = _kind(
    "delivery-size",
    forms.whole(
        rf"(?!{forms.up_to(1023)}B?$){forms.up_to(collecting.MAX_DELIVERY_BYTES)}B?|(?!0){forms.up_to(4096)}KiB"
        rf"|(?!0){forms.up_to(4)}MiB",
        "write a size from 1KiB to 4MiB",
        collecting.MIN_DELIVERY_BYTES,
        collecting.MAX_DELIVERY_BYTES,
    ),
)
# Fields of requests that mean something to us, and words that are no name.
_NO_REQUEST_ID: Final = "|".join(
    map(
        forms.folded,
        [
            "no",
            "false",
            "none",
            "on",
            "yes",
            "true",
            "host",
            "origin",
            "content-length",
            "connection",
            "transfer-encoding",
            "te",
            "upgrade",
            "expect",
            "keep-alive",
            "proxy-connection",
            "access-control-request-method",
            "access-control-request-headers",
            "forwarded",
        ],
    )
)
_FORWARDED: Final = forms.folded("x[-_]forwarded[-_](?:for|proto|host)")
_REQUEST_ID_TYPES: Final[Schema] = {"type": ["string", "number"]}
REQUEST_ID: Final = _kind(
    "request-id",
    forms.scalar(rf"(?!(?:{_NO_REQUEST_ID}|{_FORWARDED})$){TOKEN}", "write X-Request-Id, another field name, or off")
    | _REQUEST_ID_TYPES,
)
