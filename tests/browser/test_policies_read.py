"""What a browser takes a field for, and why it takes it for nothing.  (HTML §7.1.3.1, §7.1.4.1; WPT header-parsing tests)"""

from collections.abc import Callable

import pytest
from support.pages import COEP, COOP, CORP, DIP, fields

from xoproxy.browser import policies
from xoproxy.browser.model import Engine, Fields
from xoproxy.browser.policies import Read
from xoproxy.policy.model import DocumentIsolation, EmbedderPolicy, OpenerPolicy, ResourcePolicy

CHROME = Engine.CHROME


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"require-corp", id="plain"),
        pytest.param(b" require-corp ", id="spaces-around"),
        pytest.param(b"\trequire-corp\t", id="tabs-around"),
        pytest.param(b"require-corp; foo=bar", id="parameter"),
        pytest.param(b"require-corp;require-corp", id="parameter-of-that-name"),
        pytest.param(b'require-corp; report-to="endpoint"', id="endpoint"),
    ],
)
def test_a_token_with_parameters_is_the_policy(value: bytes) -> None:
    read = policies.embedder_policy(((b"cross-origin-EMBEDDER-policy", value),), CHROME)

    assert (read.value, read.ignored) == (EmbedderPolicy.REQUIRE_CORP, None)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        pytest.param((b"require-corp;",), '"require-corp;" has a trailing semicolon', id="trailing-semicolon"),
        pytest.param((b"require-corp; foo=bar;",), '"require-corp; foo=bar;" has a trailing semicolon', id="after-parameter"),
        pytest.param((b"Require-corp",), '"Require-corp" is in upper case; write require-corp', id="upper-case"),
        pytest.param((b'"require-corp"',), '""require-corp"" is quoted; write require-corp', id="quoted"),
        pytest.param((b"require-corp,require-corp",), '"require-corp,require-corp" is a list; write one value', id="list"),
        pytest.param((b"require-corp", b"require-corp"), "two lines, which void each other; send one", id="two-lines"),
        pytest.param((b"a", b"b", b"c"), "three lines, which void each other; send one", id="three-lines"),
        pytest.param((b"a", b"b", b"c", b"d"), "4 lines, which void each other; send one", id="four-lines"),
        pytest.param((b"", b"require-corp"), "two lines, which void each other; send one", id="empty-line-and-value"),
        pytest.param((b"",), "the value is empty", id="empty"),
        pytest.param((b"require-corp require-corp",), '"require-corp require-corp" is more than one word', id="words"),
        pytest.param(
            (b"require-corp;\tfoo=bar",), '"require-corp;\tfoo=bar" has a tab inside; write a space or nothing', id="tab"
        ),
        pytest.param((b"require-corp ;foo=bar",), '"require-corp ;foo=bar" has a space before the semicolon', id="space"),
        pytest.param((b"require-corp; Foo=bar",), '"require-corp; Foo=bar" is no structured-field item', id="upper-case-key"),
        pytest.param((b"require\xe2corp",), '"requireâcorp" is no structured-field item', id="not-ascii"),
        pytest.param(
            (b"require-corp; foo=@1659578233",),
            '"require-corp; foo=@1659578233" has a parameter that chrome cannot read',
            id="date-of-rfc-9651",
        ),
        pytest.param(
            (b"?1",), '"?1" is no token; write one of unsafe-none, require-corp, credentialless', id="structured-boolean"
        ),
        pytest.param(
            (b'"nonsense"',), '""nonsense"" is no token; write one of unsafe-none, require-corp, credentialless', id="string"
        ),
        pytest.param(
            (b"same-origin",), '"same-origin" is none of unsafe-none, require-corp, credentialless', id="other-field's"
        ),
    ],
)
def test_a_value_that_counts_for_nothing_says_why(values: tuple[bytes, ...], why: str) -> None:
    read = policies.embedder_policy(tuple((COEP.encode(), value) for value in values), CHROME)

    assert read == Read(EmbedderPolicy.UNSAFE_NONE, why)


@pytest.mark.parametrize(
    ("engine", "read"),
    [
        pytest.param(Engine.CHROME, Read(EmbedderPolicy.CREDENTIALLESS), id="chrome"),
        pytest.param(Engine.FIREFOX, Read(EmbedderPolicy.CREDENTIALLESS), id="firefox"),
        pytest.param(
            Engine.SAFARI,
            Read(EmbedderPolicy.UNSAFE_NONE, 'safari does not know "credentialless" (as of 2026-08)'),
            id="safari",
        ),
    ],
)
def test_a_value_that_the_engine_does_not_know_counts_for_nothing(engine: Engine, read: Read[EmbedderPolicy]) -> None:
    assert policies.embedder_policy(fields(f"{COEP}: credentialless"), engine) == read


@pytest.mark.parametrize(
    ("value", "endpoint"),
    [
        pytest.param('require-corp; report-to="coep"', "coep", id="string"),
        pytest.param("require-corp; report-to=coep", None, id="token"),
        pytest.param("require-corp; report-to", None, id="boolean"),
        pytest.param("require-corp", None, id="none"),
    ],
)
def test_reports_go_to_an_endpoint_that_is_a_string(value: str, endpoint: str | None) -> None:
    """HTML §7.1.3.1 step 4.4: "exists and it is a string"."""
    assert policies.embedder_policy(fields(f"{COEP}: {value}"), CHROME).report_to == endpoint


@pytest.mark.parametrize(
    ("read", "name", "value", "found"),
    [
        pytest.param(policies.opener_policy, COOP, "same-origin", OpenerPolicy.SAME_ORIGIN, id="opener"),
        pytest.param(policies.opener_policy, COOP, "noopener-allow-popups", OpenerPolicy.NOOPENER_ALLOW_POPUPS, id="noopener"),
        pytest.param(policies.opener_policy, COOP, "same-origin-plus-COEP", OpenerPolicy.UNSAFE_NONE, id="internal-value"),
        pytest.param(policies.embedder_policy, COEP, "unsafe-none", EmbedderPolicy.UNSAFE_NONE, id="embedder"),
        pytest.param(policies.embedder_policy, COEP, "auto", EmbedderPolicy.UNSAFE_NONE, id="no-value-of-browsers"),
        pytest.param(
            policies.document_isolation_policy,
            DIP,
            "isolate-and-credentialless",
            DocumentIsolation.ISOLATE_AND_CREDENTIALLESS,
            id="document-isolation",
        ),
    ],
)
def test_each_field_has_its_values_and_a_twin_that_reports(
    read: Callable[..., Read[object]], name: str, value: str, found: object
) -> None:
    default = read((), CHROME).value
    enforced, observed = fields(f"{name}: {value}"), fields(f"{name}-Report-Only: {value}")

    assert read(enforced, CHROME).value is found
    assert read(observed, CHROME, observed=True).value is found
    assert read(observed, CHROME) == Read(default)
    assert read(enforced, CHROME, observed=True) == Read(default)


@pytest.mark.parametrize(
    ("values", "read"),
    [
        pytest.param((), Read(None), id="absent"),
        pytest.param(("same-origin",), Read(ResourcePolicy.SAME_ORIGIN), id="same-origin"),
        pytest.param(("same-site",), Read(ResourcePolicy.SAME_SITE), id="same-site"),
        pytest.param(("cross-origin",), Read(ResourcePolicy.CROSS_ORIGIN), id="cross-origin"),
        pytest.param(("SAME-ORIGIN",), Read(None, '"SAME-ORIGIN" is in upper case; write same-origin'), id="upper-case"),
        pytest.param(("same",), Read(None, '"same" is none of same-origin, same-site, cross-origin'), id="unknown"),
        pytest.param(
            ("same-origin; a=b",),
            Read(None, '"same-origin; a=b" is none of same-origin, same-site, cross-origin'),
            id="parameter",
        ),
        pytest.param(("same-origin", "same-origin"), Read(None, "two lines, which void each other; send one"), id="twice"),
    ],
)
def test_resource_policy_is_compared_by_bytes(values: tuple[str, ...], read: Read[ResourcePolicy | None]) -> None:
    """WPT fetch/cross-origin-resource-policy/syntax.any.js: what is not one of the three, exactly, is not there."""
    assert policies.resource_policy(fields(*(f"{CORP}: {value}" for value in values))) == read


@pytest.mark.parametrize(
    ("values", "engine", "read"),
    [
        pytest.param((), CHROME, Read(None), id="absent"),
        pytest.param(("?1",), CHROME, Read(True), id="true"),
        pytest.param(("?0",), CHROME, Read(False), id="false"),
        pytest.param(("1",), CHROME, Read(None, '"1" is no boolean; write ?1 or ?0'), id="integer"),
        pytest.param(("true",), CHROME, Read(None, '"true" is no boolean; write ?1 or ?0'), id="token"),
        pytest.param(("?1;",), CHROME, Read(None, '"?1;" has a trailing semicolon'), id="no-item"),
        pytest.param(("?1",), Engine.SAFARI, Read(None, "safari does not know the field (as of 2026-08)"), id="safari"),
    ],
)
def test_origin_agent_cluster_is_a_boolean(values: tuple[str, ...], engine: Engine, read: Read[bool | None]) -> None:
    assert policies.origin_agent_cluster(fields(*(f"Origin-Agent-Cluster: {value}" for value in values)), engine) == read


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        pytest.param((), None, id="none"),
        pytest.param(((b"X", b"a"),), b"a", id="one"),
        pytest.param(((b"X", b"a"), (b"Y", b"b"), (b"x", b"c")), b"a, c", id="several"),
    ],
)
def test_several_lines_are_one_value(sent: Fields, value: bytes | None) -> None:
    """Fetch §2.2.2, "get": joined with a comma and a space."""
    assert policies.combined(sent, b"X") == value


@pytest.mark.parametrize(
    ("lines", "engine", "counts"),
    [
        pytest.param(("", "require-corp"), Engine.CHROME, False, id="empty-line-chrome"),
        pytest.param(("", "require-corp"), Engine.FIREFOX, True, id="empty-line-firefox"),
        pytest.param(("require-corp", "", ""), Engine.FIREFOX, True, id="empty-lines-firefox"),
        pytest.param(("require-corp", "require-corp"), Engine.FIREFOX, False, id="twice-firefox"),
        pytest.param(("", ""), Engine.FIREFOX, False, id="nothing-but-empty-lines"),
        pytest.param(("require-corp; a=@5",), Engine.CHROME, False, id="date-chrome"),
        pytest.param(("require-corp; a=@5",), Engine.FIREFOX, True, id="date-firefox"),
        pytest.param(('require-corp; a=%"x"',), Engine.FIREFOX, True, id="display-string-firefox"),
        pytest.param(("require-corp; a=1.",), Engine.FIREFOX, False, id="decimal-firefox"),
    ],
)
def test_firefox_reads_more_than_it_should(lines: tuple[str, ...], engine: Engine, counts: bool) -> None:
    """Seen with Firefox 153, November 2026."""
    read = policies.embedder_policy(fields(*(f"{COEP}: {value}" for value in lines)), engine)

    assert (read.value is EmbedderPolicy.REQUIRE_CORP) is counts
    assert (read.ignored is None) is counts
