"""What a regular expression over origins covers beyond what anybody would mean; and how much of them one list holds."""

import pytest
from support.configs import HEAD, compiled, policy_of, problems_of

from xoproxy.config.problems import Refused
from xoproxy.config.regexes import MAX_PATTERN, MAX_PATTERNS, coverage, no_origin, origin_regex
from xoproxy.policy.model import ANY, Cors, PreflightHandling, Refusal, WebSocketOrigins


@pytest.mark.parametrize(
    ("pattern", "stranger"),
    [
        pytest.param(r"https://[a-z0-9-]+\.yours\.com", None, id="below-a-name-of-ours"),
        pytest.param(r"https://([a-z]+\.)*yours\.co\.uk(:\d+)?", None, id="below-a-name-and-any-port"),
        pytest.param(r"https://(a|b|c)\.(com|org)", None, id="each-written-out"),
        pytest.param(r"https://app[12]\.com", None, id="one-of-two"),
        pytest.param(r"https://app.yours.com", None, id="an-unescaped-dot-is-linted"),
        pytest.param(r"https://.*\.yours\.com", None, id="anything-below-a-name-of-ours"),
        pytest.param(r"https://[a-z]+", None, id="one-label-is-nobodys"),
        pytest.param(r"https://[a-z]+\.(test|internal|corp|localhost)", None, id="private-names"),
        pytest.param(r"https://(10|192\.168)(\.\d+){2,3}", None, id="private-addresses"),
        pytest.param(r"http://localhost:\d+", None, id="this-machine"),
        pytest.param(r"chrome-extension://[a-p]{32}", None, id="another-scheme"),
        pytest.param(r"https://[a-z]+\.github\.io", "https://a.github.io", id="below-a-public-suffix"),
        pytest.param(r"https://pr-\d+-yours\.vercel\.app", "https://pr-1-yours.vercel.app", id="a-label-below-a-public-suffix"),
        pytest.param(r"https://pr-\d\d\.com", "https://pr-11.com", id="two-characters-in-a-row"),
        pytest.param(r"https://yours\.[a-z]+", "https://yours.a", id="any-top-level-domain"),
        pytest.param(r"https://.*yours\.com", "https://ayours.com", id="no-dot-before-the-name"),
        pytest.param(r"https://yours\.com.*", "https://yours.coma", id="anything-behind-the-name"),
        pytest.param(r".*\.yours\.com.*", "https://a.yours.coma", id="anything-around"),
        pytest.param(r"https://(\d+\.){3}\d+", "https://1.1.1.1", id="any-address"),
        pytest.param(r"https://\[[0-9a-f:]+\]", None, id="no-address-thought-of"),
        pytest.param(r"https://.*", "https://attacker-7f3a.com", id="anybody"),
        pytest.param(r"https://[\w.:-]+", "https://attacker-7f3a.com", id="anybody-spelled-out"),
    ],
)
def test_a_name_that_the_pattern_does_not_fix_is_anyones(pattern: str, stranger: str | None) -> None:
    """What was registered must stand in the pattern; what is below it, and the port, may be anything."""
    assert coverage(pattern).stranger == stranger


@pytest.mark.parametrize(
    ("pattern", "is_any"),
    [
        (r".*", True),
        (r"https?://.+", True),
        (r"https://.*", True),
        (r"https://[^/]*", True),
        (r"https://[a-z0-9.-]+", False),  # not those with a port
        (r"https://.*\.com", False),
    ],
)
def test_what_matches_several_strangers_matches_everybody(pattern: str, is_any: bool) -> None:
    assert coverage(pattern).is_any is is_any


@pytest.mark.parametrize(
    ("pattern", "insecure"),
    [
        (r"https?://a\.yours\.com", "http://a.yours.com"),
        (r"http(s)?://a\.yours\.com", "http://a.yours.com"),
        (r"(http|https)://a\.yours\.com", "http://a.yours.com"),
        (r".*://a\.yours\.com", None),  # no witness: refused when it comes
        (r".*a\.yours\.com", "http://aa.yours.com"),
        (r"https?://localhost:\d+", None),
        (r"http://127\.0\.0\.1", None),
        (r"http://.*", "http://attacker-7f3a.com"),
        (r"https://a\.yours\.com", None),
    ],
)
def test_plain_http_of_another_machine_is_found(pattern: str, insecure: str | None) -> None:
    assert coverage(pattern).insecure == insecure


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"https://(?!a)b", "no lookahead"),
        (r"https://(?<!a)b", "no lookbehind"),
        (r"(a)\1", "no backreferences"),
        (r"a*+", "possessive"),
        (r"(?>a)", "atomic"),
        (r"a\Z", r"leave \Z out"),
        ("a\\", "a back-slash ends it"),
        (r"(a", "no partner"),
        (r"a)", "no partner"),
        (r"[a", "no partner"),
        (r"a{1001}", "at most 1000"),
        (r"*a", "no argument for repetition operator"),
        (r"/a/", "another language"),
        ("https://*.a.example", "under allow_origins"),
        ("https://\xfc.example", "xn--"),
        ("a" * (MAX_PATTERN + 1), "501 characters"),
        ("(" * 21 + ")" * 21, "20 deep"),
    ],
)
def test_what_is_wrong_with_a_pattern_is_said_in_words(pattern: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        origin_regex(pattern)

    assert words in refused.value.message


def test_a_pattern_may_be_as_long_as_that() -> None:
    longest = "https://" + "a" * (MAX_PATTERN - 8)

    assert origin_regex(longest) == longest


def listed(patterns: list[str]) -> str:
    return HEAD + "policy:\n  cors:\n    allow_origin_regexes:\n" + "".join(f"      - '{pattern}'\n" for pattern in patterns)


def test_a_list_holds_so_many_patterns_and_no_more() -> None:
    patterns = [rf"https://app-{number}-\d+\.example" for number in range(MAX_PATTERNS + 1)]

    assert problems_of(listed(patterns[:-1])) == ()
    assert [problem.id for problem in problems_of(listed(patterns))] == ["XO141"]


def test_patterns_that_are_too_much_together_are_refused() -> None:
    """Each alone is taken."""
    patterns = [rf"https://a{number}{{900}}[a-z]{{900}}b{{900}}\.example" for number in range(MAX_PATTERNS)]
    problems = problems_of(listed(patterns))

    assert problems_of(listed(patterns[:1])) == ()
    assert [problem.id for problem in problems] == ["XO141"]
    assert "together" in problems[0].message


def test_regexes_alone_are_a_whole_policy() -> None:
    policy = policy_of("policy: {cors: {allow_origin_regexes: 'https://[a-z]+\\.yours\\.com'}}\n")

    assert policy.cors == Cors((), allow_origin_regexes=(r"https://[a-z]+\.yours\.com",))


def test_regexes_are_laid_over_a_policy_without_touching_its_list() -> None:
    text = "policies: {api: {cors: {allow_origins: https://a.example, allow_origin_regexes: 'x'}}}\n"
    policy = policy_of(text + "policy: [api, {cors: {allow_origin_regexes: ['https://b\\.example']}}]\n")

    assert isinstance(policy.cors, Cors)
    assert isinstance(policy.cors.allow_origins, tuple)
    assert [pattern.text() for pattern in policy.cors.allow_origins] == ["https://a.example"]
    assert policy.cors.allow_origin_regexes == (r"https://b\.example",)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("max_age: 0", Cors((), max_age_s=0)),
        ("preflight: answer, refuse: omit, legacy_private_network: false", Cors(())),
        ("preflight: forward", Cors((), preflight=PreflightHandling.FORWARD)),
        ("refuse: reject", Cors((), refuse=Refusal.REJECT)),
        ("legacy_private_network: true", Cors((), legacy_private_network=True)),
        ("dangerously_allow_insecure_origins: {reason: x}", Cors((), insecure_by_regex=True)),
        ("dangerously_allow_null_origin: {reason: x}", Cors((), allow_null_origin=True)),
    ],
)
def test_other_keys_of_cors(keys: str, expected: Cors) -> None:
    """Each value, and the default."""
    over = "allow_origins: [{origin: https://a.example, expires: 2020-01-01}]"

    assert policy_of(f"policy: {{cors: {{{over}, {keys}}}}}\n").cors == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("same-origin", WebSocketOrigins()),
        ("'*'", WebSocketOrigins(ANY)),
        ("{allow_origins: '*'}", WebSocketOrigins(ANY)),
        (r"{allow_origin_regexes: 'https://a\.example'}", WebSocketOrigins((), allow_origin_regexes=(r"https://a\.example",))),
        (
            "{allow_origin_regexes: ['http://a'], dangerously_allow_insecure_origins: {reason: x}}",
            WebSocketOrigins((), allow_origin_regexes=("http://a",), insecure_by_regex=True),
        ),
    ],
)
def test_websocket_origins(value: str, expected: WebSocketOrigins) -> None:
    assert policy_of(f"policy: {{websocket_origins: {value}}}\n").websocket_origins == expected


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("false", False)])
def test_resource_isolation(value: str, expected: bool) -> None:
    assert policy_of(f"policy: {{resource_isolation: {value}}}\n").resource_isolation is expected


def test_a_pattern_that_is_over_asks_for_nothing() -> None:
    """Neither for a dangerous key nor for anything else but to be removed."""
    text = HEAD + "policy: {cors: {allow_credentials: true, allow_origin_regexes: [{regex: '.*', expires: 2026-11-20}]}}\n"

    assert [warning.id for warning in compiled(text).warnings] == ["XO303"]


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        (r"https://app\.example\.com/", '"https://app.example.com/" is not a serialized origin: it has a path'),
        (r"app\.example\.com", '"app.example.com" is not a serialized origin: it has no scheme'),
        (r"https://app\.example\.com(/.*)?", None),
        (r"wss://app\.example\.com", None),  # such a page there is not, but it could be an origin
        (r".*", None),
        (r"http://.*", None),
        (r"null", None),
        (r"a^b", None),  # nothing at all: there is nothing to tell of
    ],
)
def test_what_no_origin_matches_is_told_by_what_does(pattern: str, fault: str | None) -> None:
    found = no_origin(pattern)

    assert (found is None) is (fault is None)
    assert (found or "").startswith(fault or "")
