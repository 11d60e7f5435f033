"""Generators of policies, requests and responses, dense in what goes wrong: owned fields, doubled lines, look-alike origins."""

from hypothesis import strategies as st

from support.exchanges import OWN, exact, preflight, request, response, subdomains
from xoproxy.policy.model import (
    ANY,
    OFF,
    Cors,
    DocumentIsolation,
    Embedder,
    EmbedderPolicy,
    FieldEdits,
    IntegrityPolicy,
    Isolation,
    Opener,
    OpenerPolicy,
    PermissionsPolicy,
    Policy,
    PreflightHandling,
    Refusal,
    ReportingEndpoints,
    ResourcePolicy,
    UpstreamFields,
)
from xoproxy.semantics.heads import RequestHead, ResponseHead
from xoproxy.semantics.origins import OriginPattern

ENDPOINTS = ReportingEndpoints((("main", "/reports"), ("far", "https://r.example/a"), ("theirs", None)))

PATTERNS: tuple[OriginPattern, ...] = (
    exact("https://app.example"),
    exact("http://localhost:3000"),
    exact("https://[2001:db8::1]:8443"),
    subdomains("partner.example"),
    subdomains("partner.example", port=None),
    OriginPattern(b"http", b"localhost", None),
)
ORIGINS: tuple[bytes, ...] = (
    b"https://app.example",
    b"http://localhost:3000",
    b"https://[2001:db8::1]:8443",
    b"http://localhost",
    b"https://x.partner.example",
    b"https://x.y.partner.example:8443",
    b"https://partner.example",
    b"https://app.example.evil.test",
    b"https://evilpartner.example",
    b"http://app.example",
    b"https://app.example.",
    b"https://APP.example",
    b"https://app.example, https://app.example",
    b"null",
    b"",
    OWN,
)
REGEXES: tuple[tuple[str, ...], ...] = (
    (r"https://[a-z.]+\.partner\.example(:\d+)?",),
    (r"https?://app\.example", r"https://\[2001:db8::1\]:8443"),
    (r".*",),
)
METADATA: tuple[tuple[bytes, ...], ...] = (
    (),
    (b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: cors", b"Sec-Fetch-Dest: empty"),
    (b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: no-cors", b"Sec-Fetch-Dest: image"),
    (b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: navigate", b"Sec-Fetch-Dest: document"),
    (b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Mode: cors", b"Sec-Fetch-Dest: empty"),
)
AGENTS: tuple[bytes, ...] = (
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
)

BACKEND_LINES: tuple[bytes, ...] = (
    b"Access-Control-Allow-Origin: *",
    b"Access-Control-Allow-Origin: https://app.example",
    b"access-control-allow-origin:https://other.example",
    b"Access-Control-Allow-Credentials: true",
    b"Access-Control-Allow-Local-Network: true",
    b"Access-Control-Expose-Headers: X-Secret",
    b"Cross-Origin-Embedder-Policy: unsafe-none",
    b"cross-origin-embedder-policy:require-corp",
    b"Cross-Origin-Embedder-Policy-Report-Only: require-corp",
    b"Cross-Origin-Opener-Policy: same-origin",
    b"Cross-Origin-Opener-Policy: unsafe-none",
    b"Cross-Origin-Resource-Policy: cross-origin",
    b"CROSS-ORIGIN-RESOURCE-POLICY: same-site",
    b"Cross-Origin-Embedder-Policy: require-corp;",
    b"Document-Isolation-Policy: none",
    b"document-isolation-policy-report-only: isolate",
    b"Origin-Agent-Cluster: ?0",
    b"Permissions-Policy: camera=*",
    b"permissions-policy: usb",
    b"Integrity-Policy: blocked-destinations=(style)",
    b"Timing-Allow-Origin: https://x.example",
    b'Reporting-Endpoints: default="/r"',
    b"Vary: Accept-Encoding",
    b"vary:origin",
    b"Vary: *",
    b"Vary:",
    b"Vary: User-Agent, Cookie",
    b"Connection: close",
    b"Connection: x-hop, vary",
    b"Connection: cross-origin-embedder-policy",
    b"Keep-Alive: timeout=5",
    b"X-Hop: 1",
    b"Set-Cookie: a=1",
    b"set-cookie:  b=\xff\t",
    b"X-Total-Count: 5",
    b"Server: backend/1.0",
    b"x-powered-by: caf\xc3\xa9",
    b'ETag: W/"1"',
    b"Content-Type: text/html",
)  # fmt: skip

_reports = st.sampled_from([None, None, "main", "far", "theirs"])
_names = st.lists(st.sampled_from([b"authorization", b"content-type", b"x-a"]), unique=True).map(tuple)
_methods = st.lists(st.sampled_from([b"GET", b"PUT", b"PATCH", b"patch"]), unique=True).map(tuple)


@st.composite
def cors_of(draw: st.DrawFn, *, by_name: bool = False) -> Cors:
    """Any `Cors` that the configuration could make, the dangerous ones included; `by_name`: no methods or names by ``*``."""
    some = st.lists(st.sampled_from(PATTERNS), max_size=4, unique=True).map(tuple)
    origins = draw(st.one_of(some, st.just(ANY)))
    return Cors(
        allow_origins=origins,
        allow_origin_regexes=draw(st.sampled_from([(), (), *REGEXES])) if origins is not ANY else (),
        insecure_by_regex=draw(st.booleans()),
        preflight=draw(st.sampled_from([*[PreflightHandling.ANSWER] * 3, PreflightHandling.FORWARD])),
        refuse=draw(st.sampled_from([Refusal.OMIT, Refusal.OMIT, Refusal.REJECT])),
        legacy_private_network=draw(st.booleans()) and origins is not ANY,
        allow_methods=draw(_methods if by_name else st.one_of(_methods, st.just(ANY))),
        allow_headers=draw(_names if by_name else st.one_of(_names, st.just(ANY))),
        expose_headers=draw(st.sampled_from([(), (b"X-Total-Count",), (b"ETag", b"X-A"), ANY])),
        allow_credentials=draw(st.booleans()),
        allow_null_origin=draw(st.sampled_from([False, False, False, True])),
        max_age_s=draw(st.sampled_from([None, 0, 600])),
    )


_openers = st.builds(Opener, st.sampled_from(OpenerPolicy), _reports)
_embedders = st.builds(Embedder, st.sampled_from(EmbedderPolicy), _reports)
_isolations = st.builds(Isolation, st.sampled_from(DocumentIsolation), _reports)
_allowlists = st.sampled_from([(), (b"self",), (b"https://a.example", b"https://*.b.example"), ANY])
_permissions = st.builds(
    PermissionsPolicy,
    st.lists(st.tuples(st.sampled_from(["camera", "usb"]), _allowlists), min_size=1, max_size=2).map(tuple),
    _reports,
)
_integrity = st.builds(
    IntegrityPolicy, st.sampled_from([("script",), ("script", "style")]), st.sampled_from([(), ("inline",)]), _reports
)
_edits = st.builds(
    FieldEdits,
    set=st.sampled_from([(), ((b"Server", b"x"),), ((b"X-Set", b"1"), (b"ETag", b"2"))]),
    add=st.sampled_from([(), ((b"Link", b"</a>"), (b"Link", b"</b>"))]),
    remove=st.sampled_from([(), (b"x-powered-by",), (b"ETAG", b"Set-Cookie")]),
)


def policies(upstream_fields: UpstreamFields = UpstreamFields.REPLACE) -> st.SearchStrategy[Policy]:
    """Any policy that the configuration could make, with this `upstream_fields`."""
    return st.builds(
        Policy,
        coop=st.one_of(st.none(), st.just(OFF), _openers),
        coep=st.one_of(st.none(), st.just(OFF), _embedders),
        corp=st.one_of(st.none(), st.just(OFF), st.sampled_from(ResourcePolicy)),
        cors=st.one_of(st.none(), st.just(OFF), cors_of(), cors_of(), cors_of()),
        observe_coop=st.one_of(st.none(), _openers),
        observe_coep=st.one_of(st.none(), _embedders),
        document_isolation=st.one_of(st.none(), st.just(OFF), _isolations),
        observe_document_isolation=st.one_of(st.none(), _isolations),
        permissions_policy=st.one_of(st.none(), _permissions),
        observe_permissions_policy=st.one_of(st.none(), _permissions),
        integrity_policy=st.one_of(st.none(), _integrity),
        observe_integrity_policy=st.one_of(st.none(), _integrity),
        origin_agent_cluster=st.sampled_from([None, None, True, False]),
        upstream_fields=st.just(upstream_fields),
        report_to=_reports,
        timing_allow_origin=st.sampled_from([None, ANY, (b"https://a.example", b"https://b.example")]),
        fields=_edits,
        resource_isolation=st.sampled_from([False, False, True]),
    )


@st.composite
def requests(draw: st.DrawFn) -> RequestHead:
    """An actual request, a preflight, or an OPTIONS that is none."""
    common = (b"User-Agent: " + draw(st.sampled_from(AGENTS)), *draw(st.sampled_from(METADATA)))
    origin = draw(st.sampled_from([*ORIGINS, None]))
    if origin is not None and draw(st.booleans()):
        names = draw(st.sampled_from([b"", b"authorization", b"x-b, X-A", b"a b", b"x" * 5000]))
        method = draw(st.sampled_from([b"PUT", b"PATCH", b"patch", b"GET", b"", b"a b"]))
        return preflight(origin, method, *common, b"Access-Control-Request-Headers: " + names)
    method = draw(st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"chicken"]))
    return request(method, b"/", *common, *(() if origin is None else (b"Origin: " + origin,)))


@st.composite
def responses(draw: st.DrawFn) -> ResponseHead:
    """A backend's response: any status, with fields of its own, doubled and in odd spellings."""
    status = draw(st.sampled_from([200, 204, 206, 301, 304, 401, 404, 500, 502]))
    return response(status, *draw(st.lists(st.sampled_from(BACKEND_LINES), max_size=8)))
