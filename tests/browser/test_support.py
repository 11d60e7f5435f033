"""What each engine has.  (browser-compat-data of 2026-08-07)"""

import pytest

from xoproxy.browser.model import Engine
from xoproxy.browser.support import MAX_AGE_CAP_S, USER_AGENT, Feature, has, since

CHROME, FIREFOX, SAFARI = Engine.CHROME, Engine.FIREFOX, Engine.SAFARI


@pytest.mark.parametrize(
    ("feature", "engines"),
    [
        (Feature.COEP, {CHROME, FIREFOX, SAFARI}),
        (Feature.COEP_CREDENTIALLESS, {CHROME, FIREFOX}),
        (Feature.COOP, {CHROME, FIREFOX, SAFARI}),
        (Feature.COOP_NOOPENER_ALLOW_POPUPS, {CHROME, SAFARI}),
        (Feature.CORP, {CHROME, FIREFOX, SAFARI}),
        (Feature.DOCUMENT_ISOLATION, {CHROME}),
        (Feature.CROSS_ORIGIN_ISOLATED_FEATURE, {CHROME}),
        (Feature.CREDENTIALLESS_IFRAME, {CHROME}),
        (Feature.ORIGIN_AGENT_CLUSTER, {CHROME, FIREFOX}),
        (Feature.REPORTING_ENDPOINTS, {CHROME, FIREFOX, SAFARI}),
        (Feature.POLICY_REPORTS, {CHROME}),
        (Feature.INTEGRITY_POLICY, {CHROME, FIREFOX, SAFARI}),
        (Feature.TIMING_ALLOW_ORIGIN, {CHROME, FIREFOX, SAFARI}),
        (Feature.FETCH_METADATA, {CHROME, FIREFOX, SAFARI}),
        (Feature.LOCAL_NETWORK_ACCESS, {CHROME}),
        (Feature.AUTHORIZATION_BY_WILDCARD, {CHROME, FIREFOX, SAFARI}),
        (Feature.STORAGE_ACCESS_HEADERS, {CHROME, FIREFOX}),
        (Feature.NO_VARY_SEARCH, {CHROME}),
    ],
)
def test_engines_have_what_the_table_says(feature: Feature, engines: set[Engine]) -> None:
    assert {engine for engine in Engine if has(engine, feature)} == engines


def test_every_feature_is_in_the_table_with_a_release_where_it_is() -> None:
    for feature in Feature:
        for engine in Engine:
            known = since(feature, engine)
            assert (known is not None) is has(engine, feature)
            assert known is None or known.version[0].isdigit()


def test_preflights_are_kept_no_longer_than_the_engine_will() -> None:
    """Chromium two hours, Firefox a day, WebKit ten minutes."""
    assert dict(MAX_AGE_CAP_S) == {CHROME: 7200, FIREFOX: 86400, SAFARI: 600}


@pytest.mark.parametrize(
    ("engine", "part"), [(CHROME, b" Chrome/"), (FIREFOX, b" Gecko/20100101 Firefox/"), (SAFARI, b" Version/")]
)
def test_each_engine_says_what_it_is(engine: Engine, part: bytes) -> None:
    """Chrome says Safari too, and so does Safari; only one says Chrome."""
    assert part in USER_AGENT[engine]
    assert (b"Chrome/" in USER_AGENT[engine]) is (engine is CHROME)
