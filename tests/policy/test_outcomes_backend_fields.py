"""The table of outcomes, part 3: what the backend sends itself.  The policy's fields replace its own; all else stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exchanges import HOST, exact, exchange, request, response, table_of

from xoproxy.policy.model import (
    ANY,
    OFF,
    Cors,
    Embedder,
    EmbedderPolicy,
    FieldEdits,
    Opener,
    OpenerPolicy,
    Policy,
    ResourcePolicy,
)
from xoproxy.semantics.heads import read_response_head

APP = b"https://app.example"
ORIGIN_APP = (b"Origin: " + APP,)
ORIGIN_OTHER = (b"Origin: https://other.example",)

ONE = Policy(cors=Cors(allow_origins=(exact("https://app.example"),)))
ANYONE = Policy(cors=Cors(allow_origins=ANY))
ISOLATED = Policy(
    coop=Opener(OpenerPolicy.SAME_ORIGIN),
    coep=Embedder(EmbedderPolicy.REQUIRE_CORP),
    corp=ResourcePolicy.SAME_ORIGIN,
)
ALL_OFF = Policy(coop=OFF, coep=OFF, corp=OFF, cors=OFF)
UNTOUCHED = Policy()

ACAO_APP = b"Access-Control-Allow-Origin: " + APP


@pytest.mark.parametrize(
    "own",
    [
        pytest.param([], id="none"),
        pytest.param([ACAO_APP], id="same"),
        pytest.param([b"Access-Control-Allow-Origin: https://other.example"], id="other"),
        pytest.param([b"Access-Control-Allow-Origin: *"], id="star"),
        pytest.param([ACAO_APP, ACAO_APP], id="two-identical-lines"),
        pytest.param([b"Access-Control-Allow-Origin: *", ACAO_APP], id="two-lines"),
        pytest.param([b"access-control-allow-origin:null"], id="lower-case-without-space"),
        pytest.param([b"Access-Control-Allow-Origin:"], id="empty"),
        pytest.param(
            [
                b"Access-Control-Allow-Origin: https://other.example",
                b"Access-Control-Allow-Credentials: true",
                b"Access-Control-Allow-Methods: *",
                b"Access-Control-Allow-Headers: *",
                b"Access-Control-Expose-Headers: X-Secret",
                b"Access-Control-Max-Age: 86400",
                b"Access-Control-Allow-Private-Network: true",
            ],
            id="everything",
        ),
        pytest.param([b"Access-Control-Allow-Local-Network: true", b"Access-Control-Allow-Anything: yes"], id="unknown-ones"),
    ],
)
def test_the_backends_cors_fields_are_replaced_for_granted_and_refused(own: list[bytes]) -> None:
    """ACAO goes out at most once, and a refused origin gets no Access-Control field of the backend's (rules 2, 3)."""
    backend = response(200, *own, b"X-Kept: 1")
    table = table_of(ONE)

    assert exchange(table, request(b"GET", b"/", *ORIGIN_APP), backend).decided == [ACAO_APP, b"Vary: Origin"]
    assert exchange(table, request(b"GET", b"/", *ORIGIN_OTHER), backend).decided == [b"Vary: Origin"]
    assert exchange(table, request(), backend).decided == [b"Vary: Origin"]
    assert exchange(table_of(ANYONE), request(), backend).decided == [b"Access-Control-Allow-Origin: *"]
    assert exchange(table_of(Policy(cors=OFF)), request(b"GET", b"/", *ORIGIN_APP), backend).decided == []
    assert exchange(table, request(), backend).others == [b"X-Kept: 1"]


@pytest.mark.parametrize(
    "own",
    [
        pytest.param([b"Cross-Origin-Embedder-Policy: unsafe-none"], id="coep"),
        pytest.param([b"Cross-Origin-Embedder-Policy: require-corp"] * 2, id="coep-twice"),
        pytest.param([b"cross-origin-EMBEDDER-policy: credentialless"], id="coep-odd-case"),
        pytest.param([b"Cross-Origin-Opener-Policy: same-origin-allow-popups"], id="coop"),
        pytest.param([b"Cross-Origin-Opener-Policy: same-origin", b"Cross-Origin-Opener-Policy:"], id="coop-twice"),
        pytest.param([b"Cross-Origin-Resource-Policy: cross-origin"], id="corp"),
        pytest.param([b"Cross-Origin-Resource-Policy: same-origin, same-origin"] * 3, id="corp-three-times"),
    ],
)
def test_the_backends_isolation_fields_are_replaced(own: list[bytes]) -> None:
    """COOP, COEP and CORP are set, never appended: two lines void them, even identical ones (rule 2)."""
    seen = exchange(table_of(ISOLATED), request(), response(200, *own))

    assert seen.decided == [
        b"Cross-Origin-Embedder-Policy: require-corp",
        b"Cross-Origin-Opener-Policy: same-origin",
        b"Cross-Origin-Resource-Policy: same-origin",
    ]
    assert exchange(table_of(ALL_OFF), request(), response(200, *own)).decided == []
    assert exchange(table_of(UNTOUCHED), request(), response(200, *own)).decided == sorted(own)


@pytest.mark.parametrize(
    ("key", "name", "twin_goes"),
    [
        pytest.param("coop", b"Cross-Origin-Opener-Policy", True, id="coop"),
        pytest.param("coep", b"Cross-Origin-Embedder-Policy", True, id="coep"),
        pytest.param("corp", b"Cross-Origin-Resource-Policy", False, id="corp"),
        pytest.param("cors", b"Access-Control-Allow-Origin", False, id="cors"),
    ],
)
def test_off_removes_one_field_and_absent_none(key: str, name: bytes, twin_goes: bool) -> None:
    """``off`` removes the backend's own field and sends none; no other key's field is touched."""
    others = [
        b"Cross-Origin-Opener-Policy: same-origin",
        b"Cross-Origin-Embedder-Policy: require-corp",
        b"Cross-Origin-Resource-Policy: same-site",
        b"Access-Control-Allow-Origin: *",
        b"Timing-Allow-Origin: *",
    ]
    twin = [name + b"-Report-Only: x"] if twin_goes else []
    backend = response(200, *others, *twin)
    policies = {
        "coop": Policy(coop=OFF),
        "coep": Policy(coep=OFF),
        "corp": Policy(corp=OFF),
        "cors": Policy(cors=OFF),
    }

    seen = exchange(table_of(policies[key]), request(), backend)

    assert seen.decided == sorted(line for line in others if not line.startswith(name))
    assert exchange(table_of(UNTOUCHED), request(), backend).decided == sorted(others + twin)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param([], [b"Vary: Origin"], id="absent"),
        pytest.param([b"Vary: Accept-Encoding"], [b"Vary: Accept-Encoding, Origin"], id="other"),
        pytest.param([b"Vary: Accept-Encoding, Accept"], [b"Vary: Accept-Encoding, Accept, Origin"], id="two-others"),
        pytest.param([b"Vary: *"], [b"Vary: *"], id="star"),
        pytest.param([b"Vary: Accept, *"], [b"Vary: Accept, *"], id="star-in-a-list"),
        pytest.param([b"Vary: origin"], [b"Vary: origin"], id="lower-case"),
        pytest.param([b"vary:ORIGIN"], [b"vary:ORIGIN"], id="its-spelling-stays"),
        pytest.param([b"Vary: Accept , Origin"], [b"Vary: Accept , Origin"], id="has-it"),
        pytest.param([b"Vary: X-Origin"], [b"Vary: X-Origin, Origin"], id="a-name-that-ends-in-it"),
        pytest.param([b"Vary: Origin-Trial"], [b"Vary: Origin-Trial, Origin"], id="a-name-that-begins-with-it"),
        pytest.param([b"Vary:"], [b"Vary: Origin"], id="empty"),
        pytest.param([b"Vary: Accept", b"Vary: Origin"], [b"Vary: Accept", b"Vary: Origin"], id="two-lines-have-it"),
        pytest.param([b"Vary: Accept", b"Vary: Cookie"], [b"Vary: Accept, Cookie, Origin"], id="two-lines"),
        pytest.param([b"Vary: ", b"Vary: Cookie"], [b"Vary: Cookie, Origin"], id="two-lines-one-empty"),
    ],
)
def test_vary_is_merged_into_the_backends(own: list[bytes], expected: list[bytes]) -> None:
    """``Vary: Origin`` joins what the backend varies by, on every response, for whatever origin (rule 4)."""
    for lines in ((), ORIGIN_APP, ORIGIN_OTHER, (b"Origin: https://shop.example",)):
        for status in (200, 304, 404, 500):
            seen = exchange(table_of(ONE), request(b"GET", b"/", *lines), response(status, *own))

            assert [line for line in seen.decided if line.lower().startswith(b"vary")] == expected
    assert exchange(table_of(ANYONE), request(), response(200, *own)).named(b"vary") == [
        line.partition(b":")[2].strip() for line in sorted(own)
    ]


def test_a_connection_option_does_not_take_vary_away() -> None:
    """Vary is intended for all recipients; ``Connection: vary`` is mistaken (RFC 9110 §7.6.1), and rule 4 never bends."""
    for own in ((b"Vary: Origin",), (b"Vary: Accept, origin", b"Vary: Cookie"), (b"Vary: Accept",)):
        seen = exchange(table_of(ONE), request(), response(200, b"Connection: vary", *own))

        assert b"origin" in b", ".join(seen.named(b"vary")).lower()


def test_connection_named_fields_go_and_all_others_stay() -> None:
    """Hop-by-hop fields and those that Connection names end here (RFC 9110 §7.6.1)."""
    backend = response(
        200,
        b"Server: x",
        b"Connection: keep-alive, X-Hop,x-other",
        b"Keep-Alive: timeout=5",
        b"X-Hop: 1",
        b"x-hop:2",
        b"X-Hop-Not: 3",
        b"Date: now",
        b"X-OTHER: 4",
        b"Upgrade: h2c",
        b"Proxy-Connection: keep-alive",
        b"Content-Length: 0",
    )

    assert exchange(table_of(UNTOUCHED), request(), backend).others == [
        b"Server: x",
        b"X-Hop-Not: 3",
        b"Date: now",
        b"Content-Length: 0",
    ]


def test_a_connection_option_cannot_take_ours_away() -> None:
    """What the policy sends is put in after the backend's lines are taken out."""
    names = b"Connection: cross-origin-opener-policy, cross-origin-embedder-policy, access-control-allow-origin"
    policy = Policy(coop=ISOLATED.coop, coep=ISOLATED.coep, cors=ANYONE.cors)

    seen = exchange(table_of(policy), request(), response(200, names, b"Cross-Origin-Opener-Policy: unsafe-none"))

    assert seen.decided == [
        b"Access-Control-Allow-Origin: *",
        b"Cross-Origin-Embedder-Policy: require-corp",
        b"Cross-Origin-Opener-Policy: same-origin",
    ]


@pytest.mark.parametrize("status", [200, 404, 500])
def test_everything_else_passes_byte_for_byte(status: int) -> None:
    """Order, case, duplicates, white space and odd bytes stay as the backend sent them (rule 8)."""
    lines = [
        b"server:  nginx ",
        b"X-Odd: caf\xc3\xa9 \xff",
        b"Set-Cookie: a=1; Secure",
        b"SET-COOKIE: b=2",
        b"set-cookie: a=1; Secure",
        b"x-empty:",
        b"!#$%&'*+-.^_`|~: token",
        b'ETag: "x"\t',
        b"Content-Security-Policy: default-src 'self'",
    ]
    own = [b"Access-Control-Allow-Origin: *", b"Cross-Origin-Embedder-Policy: unsafe-none", b"Vary: Accept"]
    mixed = [*lines[:4], own[2], *lines[4:7], own[1], own[0], *lines[7:]]
    policy = Policy(coep=ISOLATED.coep, cors=ONE.cors)

    seen = exchange(table_of(policy), request(b"GET", b"/", *ORIGIN_APP), response(status, *mixed))

    assert seen.others == lines


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200",
        b"HTTP/1.1 299 Fa\xe7on particuli\xe8re",
        b"HTTP/1.1 418 I'm a teapot",
    ],
)
def test_the_status_line_stays(start: bytes) -> None:
    """The reason phrase is the backend's, or its lack of one."""
    head = read_response_head(start + b"\r\nServer: x\r\n\r\n", b"GET")
    decision = table_of(ONE).decide(request(), b"https", b"shop.example")

    assert decision.plan.apply(head).startswith(start + b"\r\nServer: x\r\n")  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", [UNTOUCHED, ONE, ANYONE])
def test_the_status_line_tells_our_own_version(policy: Policy) -> None:
    """The HTTP version is that of each hop's sender (RFC 9110 §6.2)."""
    head = read_response_head(b"HTTP/1.0 200 Fine\r\nServer: x\r\nVary: a\r\n\r\n", b"GET")
    decision = table_of(policy).decide(request(), b"https", b"shop.example")

    assert decision.plan.apply(head).startswith(b"HTTP/1.1 200 Fine\r\nServer: x\r\n")  # type: ignore[arg-type]


def test_lines_of_the_connection_are_added() -> None:
    """The data plane's own lines come with the same edit."""
    decision = table_of(ISOLATED).decide(request(), b"https", b"shop.example")

    block = decision.plan.apply(response(200, b"A: 1"), b"Connection: close\r\n")

    assert block.startswith(b"HTTP/1.1 200 Reason\r\nA: 1\r\n")
    assert block.count(b"\r\nConnection: close\r\n") == 1
    assert block.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("edits", "own", "expected"),
    [
        pytest.param(FieldEdits(set=((b"X-A", b"1"),)), [b"B: 1"], [b"B: 1", b"X-A: 1"], id="set-absent"),
        pytest.param(FieldEdits(set=((b"X-A", b"1"),)), [b"x-a: 2", b"B: 1", b"X-A:3"], [b"B: 1", b"X-A: 1"], id="replace"),
        pytest.param(FieldEdits(add=((b"X-A", b"1"),)), [b"X-A: 2"], [b"X-A: 2", b"X-A: 1"], id="add"),
        pytest.param(FieldEdits(add=((b"L", b"1"), (b"L", b"2"))), [], [b"L: 1", b"L: 2"], id="add-two"),
        pytest.param(FieldEdits(remove=(b"Server",)), [b"SERVER: x", b"server:", b"B: 1"], [b"B: 1"], id="remove"),
        pytest.param(FieldEdits(remove=(b"Server",)), [b"Server-Timing: x"], [b"Server-Timing: x"], id="remove-whole-names"),
        pytest.param(FieldEdits(remove=(b"Server",)), [b"X: server: y"], [b"X: server: y"], id="remove-names-not-values"),
        pytest.param(FieldEdits(remove=(b"X.Y",)), [b"XzY: 1"], [b"XzY: 1"], id="names-are-no-patterns"),
        pytest.param(
            FieldEdits(set=((b"A", b"1"),), add=((b"B", b"2"),), remove=(b"C",)),
            [b"A: 0", b"B: 0", b"C: 0", b"D: 0"],
            [b"B: 0", b"D: 0", b"A: 1", b"B: 2"],
            id="all-three",
        ),
        pytest.param(
            FieldEdits(set=((b"A", b"1"),)),
            [b"Connection: a", b"A: 0", b"D: 0"],
            [b"D: 0", b"A: 1"],
            id="named-too",
        ),
    ],
)
def test_headers_are_set_added_and_removed(edits: FieldEdits, own: list[bytes], expected: list[bytes]) -> None:
    """``headers`` edits any other field: names have no case, and every status is edited."""
    for status in (200, 304, 500):
        assert exchange(table_of(Policy(fields=edits)), request(), response(status, *own)).others == expected


SENT = {
    b"cross-origin-opener-policy": b"unsafe-none",
    b"cross-origin-embedder-policy": b"unsafe-none",
    b"cross-origin-embedder-policy-report-only": b"require-corp",
    b"cross-origin-resource-policy": b"same-site",
    b"access-control-allow-origin": b"*",
    b"access-control-made-up": b"1",
    b"vary": b"Accept",
    b"connection": b"keep-alive",
    b"content-length": b"0",
    b"x-other": b"1",
}


@given(st.lists(st.sampled_from(sorted(SENT)), unique=True), st.sampled_from([ONE, ANYONE, ISOLATED, ALL_OFF, UNTOUCHED]))
def test_conflicts_are_the_lines_that_the_policy_takes_out(names: list[bytes], policy: Policy) -> None:
    """But for those of the connection, which are never the backend's to send on, and for Vary, which is merged."""
    head = response(200, *(b"%b: %b" % (name, SENT[name]) for name in names))
    plan = table_of(policy).decide(request(), b"https", HOST).plan
    sent = plan.apply(head)
    others = (b"connection", b"content-length", b"vary")
    taken_out = [name for name in names if b"\r\n%b: " % name not in sent and name not in others]  # ours have capitals

    assert list(plan.conflicts(head)) == taken_out
