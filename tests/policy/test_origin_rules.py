"""Which origins a list covers: by regular expressions too, and in which time and space."""

import tracemalloc

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from support.exchanges import exact, exchange, request, response, subdomains, table_of
from support.strategies import ORIGINS, PATTERNS

from xoproxy.policy.cors import CorsOutcome
from xoproxy.policy.model import ANY, Cors, Policy, WebSocketOrigins
from xoproxy.policy.origins import OriginRule
from xoproxy.semantics.origins import OriginPattern, parse_origin

REGEXES = (
    r"https://(app|shop)-[0-9]+\.example",
    r"https://[a-z.]+\.partner\.example(:[0-9]+)?",
    r"https?://.*\.lan",
    r".*\.any",
)


@pytest.mark.parametrize(
    ("regex", "origin", "covered"),
    [
        pytest.param(r"https://app-\d+\.example", b"https://app-12.example", True, id="matches"),
        pytest.param(r"https://app-\d+\.example", b"https://app-12.example.evil.test", False, id="no-anchor-needed-behind"),
        pytest.param(r"https://app-\d+\.example", b"xhttps://app-12.example", False, id="no-anchor-needed-before"),
        pytest.param(r"^https://app-\d+\.example$", b"https://app-12.example", True, id="anchors-do-no-harm"),
        pytest.param(r"app-\d+\.example", b"https://app-12.example", False, id="the-whole-origin"),
        pytest.param(r"https://a\.example|https://b\.example", b"https://b.example", True, id="alternatives-are-whole-too"),
        pytest.param(
            r"https://a\.example|https://b\.example", b"https://b.example.evil.test", False, id="alternative-and-suffix"
        ),
        pytest.param(r"(?i)https://APP\.example", b"https://app.example", True, id="case-is-up-to-the-pattern"),
        pytest.param(r"https://APP\.example", b"https://app.example", False, id="case"),
        pytest.param(r"(?s).*", b"https://app.example/", False, id="path"),
        pytest.param(r"(?s).*", b"https://app.example:443", False, id="default-port"),
        pytest.param(r"(?s).*", b"https://APP.example", False, id="upper-case"),
        pytest.param(r"(?s).*", b"https://a.example, https://b.example", False, id="two"),
        pytest.param(r"(?s).*", b"null", False, id="null"),
        pytest.param(r"(?s).*", b"", False, id="empty"),
        pytest.param(r"(?s).*", b"https://app.example\xff", False, id="not-ascii"),
        pytest.param(r"(?s).*", b"https://" + b"a." * 200 + b"example", False, id="longer-than-an-origin"),
        pytest.param(r".*", b"http://app.example", False, id="plain-http-of-another-machine"),
        pytest.param(r".*", b"http://localhost:3000", True, id="plain-http-of-this-machine"),
        pytest.param(r".*", b"http://[::1]:3000", True, id="plain-http-of-loopback"),
        pytest.param(r".*", b"chrome-extension://abcdef", True, id="another-scheme"),
    ],
)
def test_a_regex_covers_what_it_matches_as_a_whole(regex: str, origin: bytes, covered: bool) -> None:
    """Only a serialized origin is asked about; nothing that a browser would not send is ever granted."""
    for origins in (Cors((), allow_origin_regexes=(regex,)), WebSocketOrigins((), allow_origin_regexes=(regex,))):
        assert OriginRule(origins).covers(origin) is covered


def test_plain_http_needs_its_key_whatever_a_regex_matches() -> None:
    """The check at load time knows examples only; this one knows the origin."""
    allowing = OriginRule(Cors((), allow_origin_regexes=(".*",), insecure_by_regex=True))

    assert allowing.covers(b"http://app.example")


def test_null_needs_its_key_whatever_a_regex_matches() -> None:
    assert OriginRule(Cors((), allow_origin_regexes=("null",), allow_null_origin=True)).covers(b"null")
    assert not OriginRule(Cors((), allow_origin_regexes=("null",))).covers(b"null")


def test_a_list_of_anything_covers_nothing_by_itself() -> None:
    """``*`` is no list: who asks decides what it means."""
    assert not OriginRule(Cors(ANY)).covers(b"https://app.example")


@pytest.mark.parametrize(("origin", "granted"), [(b"https://app-1.example", True), (b"https://app-x.example", False)])
def test_an_answer_by_regex_differs_by_origin(origin: bytes, granted: bool) -> None:
    """Also on a list of regexes alone: Vary says so, refused or granted."""
    policy = Policy(cors=Cors((), allow_origin_regexes=REGEXES, allow_credentials=True))
    for _ in range(2):  # the second time from memory
        seen = exchange(table_of(policy), request(b"GET", b"/", b"Origin: " + origin), response(200))

        assert seen.outcome is (CorsOutcome.GRANTED if granted else CorsOutcome.REFUSED)
        assert seen.named(b"access-control-allow-origin") == ([origin] if granted else [])
        assert seen.named(b"vary") == [b"Origin"]


def test_pages_that_a_regex_covers_may_open_websockets() -> None:
    policy = Policy(websocket_origins=WebSocketOrigins((), allow_origin_regexes=REGEXES))
    table = table_of(policy)

    def opens(origin: bytes) -> bool:
        head = request(b"GET", b"/", b"Connection: upgrade", b"Upgrade: websocket", b"Origin: " + origin)
        return exchange(table, head, response(200)).forwarded

    assert opens(b"https://app-1.example")
    assert not opens(b"https://app-x.example")


labels = st.text("abcz019-", min_size=1, max_size=8)
hosts = st.lists(labels, min_size=1, max_size=4).map(".".join)
origins = st.one_of(
    st.sampled_from(ORIGINS),
    st.sampled_from([b"https://app-7.example", b"https://x.partner.example:8443", b"http://nas.lan", b"ftp://a.any"]),
    st.builds(
        lambda scheme, host, tail, port: f"{scheme}://{host}{tail}{port}".encode(),
        st.sampled_from(["https", "http", "HTTPS", "ftp", ""]),
        hosts,
        st.sampled_from(["", ".example", ".partner.example", ".lan", ".any", ".any.evil.test", "/"]),
        st.sampled_from(["", ":80", ":443", ":8443", ":0"]),
    ),
    st.binary(max_size=40),
)


@given(
    origins,
    st.lists(st.sampled_from(PATTERNS), max_size=3, unique=True),
    st.lists(st.sampled_from(REGEXES), max_size=3, unique=True),
    st.booleans(),
)
@example(b"https://app-7.example", [], [REGEXES[0]], False)
@example(b"http://nas.lan", [], [REGEXES[2]], True)
def test_a_granted_origin_is_covered_by_some_entry(
    origin: bytes, patterns: list[OriginPattern], regexes: list[str], insecure: bool
) -> None:
    """A list grants what one of its entries alone grants, and nothing else."""
    together = OriginRule(Cors(tuple(patterns), allow_origin_regexes=tuple(regexes), insecure_by_regex=insecure)).covers(origin)
    alone = [Cors((pattern,)) for pattern in patterns]
    alone += [Cors((), allow_origin_regexes=(regex,), insecure_by_regex=insecure) for regex in regexes]
    event(f"covered={together}")

    assert together is any(OriginRule(entry).covers(origin) for entry in alone)
    if together:
        assert parse_origin(origin) is not None


LISTED = tuple(exact(f"https://app{number}.example") for number in range(10_000))


def test_every_one_of_ten_thousand_origins_is_granted_and_no_other() -> None:
    table = table_of(Policy(cors=Cors((*LISTED, subdomains("partner.example")))))

    def grants(origin: bytes) -> bool:
        return exchange(table, request(b"GET", b"/", b"Origin: " + origin), response(200)).outcome is CorsOutcome.GRANTED

    assert all(grants(pattern.text().encode()) for pattern in LISTED)
    assert not any(grants(b"https://app%d.example" % number) for number in range(10_000, 10_050))
    assert grants(b"https://app0.example")


def test_ten_thousand_origins_take_little_beside_their_names() -> None:
    """A plan for each of them would be some ten times as much; what is remembered of those that came is bounded."""
    tracemalloc.start()
    try:
        table = table_of(Policy(cors=Cors(LISTED)))
        made, _ = tracemalloc.get_traced_memory()
        for pattern in LISTED:
            exchange(table, request(b"GET", b"/", b"Origin: " + pattern.text().encode()), response(200))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert made < 3_000_000
    assert held - made < 1_000_000
