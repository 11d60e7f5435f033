"""Whatever the policy and the question: a change that is shown turns the verdict when it is made in the file."""

from dataclasses import replace

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from support.configs import compiled
from support.patching import dumped, patched

from xoproxy.config import ConfigInvalid
from xoproxy.insight.explaining import Asked, explain, read_question
from xoproxy.insight.explaining.as_json import as_json
from xoproxy.insight.explaining.telling import told

ORIGINS = (
    "https://app.example.com",
    "https://x.partner.example",
    "http://localhost:3000",
    "https://other.example",
    "null",
    "http://old.example",
)
PAGES = ("https://app.example.com/page", "https://api.example.com/v1/page", "https://other.example/")
HEADERS = ("Authorization: x", "X-A: 1", "X-B: 2", "Content-Type: application/json")
BACKEND = ("Access-Control-Allow-Origin: *", "Location: /v1/other", "Cross-Origin-Resource-Policy: same-origin")
METHODS = ("GET", "POST", "PUT", "PATCH", "patch", "DELETE")

origins = st.lists(
    st.sampled_from(["https://app.example.com", "https://*.partner.example", "http://localhost:*"]), min_size=1, unique=True
)
cors = st.fixed_dictionaries(
    {"allow_origins": st.one_of(origins, st.just("*"), st.just("https://app.example.com"))},
    optional={
        "allow_methods": st.one_of(st.just("*"), st.lists(st.sampled_from(["GET", "PUT", "DELETE"]), min_size=1, unique=True)),
        "allow_headers": st.one_of(st.just("*"), st.lists(st.sampled_from(["Authorization", "X-A"]), min_size=1, unique=True)),
        "allow_credentials": st.just("true"),
        "preflight": st.sampled_from(["answer", "forward"]),
        "refuse": st.sampled_from(["omit", "reject"]),
        "max_age": st.just("10m"),
    },
).filter(lambda keys: not ("allow_credentials" in keys and keys["allow_origins"] == "*"))
keys = st.fixed_dictionaries(
    {},
    optional={
        "coop": st.sampled_from(["same-origin", "unsafe-none", "off", "same-origin-allow-popups"]),
        "coep": st.sampled_from(["require-corp", "credentialless", "auto", "unsafe-none", "off"]),
        "corp": st.sampled_from(["same-origin", "same-site", "cross-origin", "off"]),
        "cors": st.one_of(st.just("off"), cors, cors, cors),
        "document_isolation": st.sampled_from(["isolate-and-require-corp", "isolate-and-credentialless", "none"]),
        "websocket_origins": st.one_of(st.just("same-origin"), origins),
        "resource_isolation": st.sampled_from(["true", "false"]),
        "upstream_fields": st.sampled_from(["replace", "fill", "passthrough"]),
    },
)
inline = keys.filter(bool)
reference = st.one_of(
    st.sampled_from(["first", "isolated", "public-asset", "untouched"]),
    inline,
    st.lists(st.one_of(st.sampled_from(["first", "isolated", "untouched"]), inline), min_size=1, max_size=3),
)
matches = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["api.example.com", "app.example.com", "*.example.com"]),
        "path": st.sampled_from(["/v1/**", "/x"]),
        "methods": st.lists(st.sampled_from(["GET", "PUT"]), min_size=1, unique=True),
    },
).filter(bool)
routes = st.lists(st.fixed_dictionaries({"match": matches}, optional={"policy": reference}), min_size=1, max_size=4)
files = st.fixed_dictionaries(
    {"version": st.just("1"), "upstream": st.just("http://web:3000"), "policies": st.fixed_dictionaries({"first": inline})},
    optional={"policy": reference, "routes": routes},
)
questions = st.builds(
    Asked,
    method=st.sampled_from(METHODS),
    url=st.sampled_from(["https://api.example.com/v1/items", "https://app.example.com/x", "https://other.example/", "http://10.0.0.1/x"]),
    origin=st.just(""),
    headers=st.lists(st.sampled_from(HEADERS), unique=True).map(tuple),
    page=st.just(""),
    page_headers=st.sampled_from([(), ("Cross-Origin-Embedder-Policy: require-corp",)]),
    credentials=st.sampled_from(["", "include", "omit"]),
    mode=st.sampled_from(["cors", "cors", "no-cors", "navigate", "websocket"]),
    destination=st.sampled_from(["", "image", "iframe", "document", "worker"]),
    backend_status=st.sampled_from(["200", "200", "401", "302"]),
    backend_headers=st.sampled_from([(), *((line,) for line in BACKEND)]),
)  # fmt: skip
asked_by = st.one_of(
    st.builds(lambda question, origin: replace(question, origin=origin), questions, st.sampled_from(ORIGINS)),
    st.builds(lambda question, page: replace(question, page=page), questions, st.sampled_from(PAGES)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(file=files, asked=asked_by, style=st.sampled_from([False, True, None]))
def test_every_change_that_is_shown_turns_the_verdict_when_it_is_made(
    file: dict[str, object], asked: Asked, style: bool | None
) -> None:
    """Also: an explanation can always be told, and a blocked one names the step or the refusal that decides."""
    text = dumped(file, flow=style)
    try:
        loaded = compiled(text)
    except ConfigInvalid:  # parts that are valid by themselves need not be together
        reject()
    explanation = explain(loaded, read_question(asked, loaded))

    assert told(explanation).startswith(("allowed", "blocked"))
    assert as_json(explanation).startswith("{")
    for opinion in explanation.opinions:
        assert opinion.allowed or opinion.refusal or opinion.verdict.decisive is not None
    for remedies, is_turned in (
        (explanation.remedies, lambda opinion: opinion.allowed),
        (explanation.isolating, lambda opinion: opinion.isolated is not None and opinion.isolated.allowed),
        (explanation.keeping, lambda opinion: opinion.opener is not None and opinion.opener.allowed),
    ):
        for remedy in remedies:
            for changes in (remedy.placements, (remedy.alone,) if remedy.alone is not None else remedy.placements):
                changed = compiled(patched(text, changes))
                after = explain(changed, read_question(asked, changed))
                assert {opinion.engine for opinion in after.opinions if is_turned(opinion)} >= set(remedy.engines)
