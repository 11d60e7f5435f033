"""Which workers start.  (HTML §10.2.4, §7.1.4.2; WPT html/cross-origin-embedder-policy/require-corp-worker-script*)"""

import pytest
from support.pages import APP, COEP, CORP, OTHER, fields, page

from xoproxy.browser import workers
from xoproxy.browser.fetching import settle
from xoproxy.browser.model import Engine, Verdict, WireRequest, WireResponse

CHROME = Engine.CHROME
SCRIPT = f"{APP}/worker.js"
CHECK = "check a global object's embedder policy"


def started(owner: tuple[str, ...], *lines: str, engine: Engine = CHROME, destination: str = workers.DEDICATED) -> Verdict:
    conclusion = workers.conclude(page(APP, *owner), SCRIPT, engine, destination)
    return settle(conclusion, lambda _: WireResponse(200, fields(*lines)))


@pytest.mark.parametrize(
    ("owner", "script", "why"),
    [
        pytest.param((), (), None, id="nobody-asks"),
        pytest.param((), (f"{COEP}: require-corp",), None, id="script-alone"),
        pytest.param((f"{COEP}: require-corp",), (f"{COEP}: require-corp",), None, id="both"),
        pytest.param((f"{COEP}: require-corp",), (f"{COEP}: credentialless",), None, id="either-will-do"),
        pytest.param((f"{COEP}: credentialless",), (f"{COEP}: require-corp",), None, id="either-way-round"),
        pytest.param(
            (f"{COEP}: require-corp",),
            (),
            f'"{APP}" has require-corp, and {COEP} of the worker\'s script is not require-corp or credentialless',
            id="script-without",
        ),
        pytest.param(
            (f"{COEP}: credentialless",),
            (f"{COEP}: unsafe-none", f"{CORP}: cross-origin"),
            f'"{APP}" has credentialless, and {COEP} of the worker\'s script is not require-corp or credentialless',
            id="consent-is-not-enough",
        ),
        pytest.param(
            (f"{COEP}: require-corp",),
            (f"{COEP}: require-corp;",),
            f'"{APP}" has require-corp, and {COEP} of the worker\'s script counts for nothing: '
            '"require-corp;" has a trailing semicolon',
            id="malformed",
        ),
        pytest.param((f"{COEP}-Report-Only: require-corp",), (), None, id="report-only"),
    ],
)
def test_a_dedicated_worker_needs_an_embedder_policy_where_its_page_has_one(
    owner: tuple[str, ...], script: tuple[str, ...], why: str | None
) -> None:
    verdict = started(owner, *script)

    assert verdict.allowed is (why is None)
    assert (verdict.decisive.why if verdict.decisive else None) == why
    assert verdict.steps[-1].name == CHECK


@pytest.mark.parametrize("destination", [workers.SHARED, "serviceworker"])
def test_workers_that_are_shared_start_without(destination: str) -> None:
    """HTML §7.1.4.2 step 1: only a DedicatedWorkerGlobalScope is checked."""
    assert started((f"{COEP}: require-corp",), destination=destination).allowed


def test_a_policy_that_the_engine_does_not_know_is_none() -> None:
    """Safari takes neither the page's nor the script's credentialless for a policy."""
    assert started((f"{COEP}: credentialless",), engine=Engine.SAFARI).allowed
    assert not started((f"{COEP}: require-corp",), f"{COEP}: credentialless", engine=Engine.SAFARI).allowed


def test_a_script_of_another_origin_is_not_fetched() -> None:
    """HTML §10.2.4: the mode is same-origin."""
    verdict = settle(workers.conclude(page(APP), f"{OTHER}/worker.js", CHROME), lambda _: WireResponse(200))

    assert not verdict.allowed
    assert verdict.exchanges == ()


def test_the_request_says_what_it_is_for() -> None:
    asked: list[WireRequest] = []

    def answer(wire: WireRequest) -> WireResponse:
        asked.append(wire)
        return WireResponse(200)

    settle(workers.conclude(page(APP), SCRIPT, CHROME), answer)

    assert dict(asked[0].fields) == {
        b"Sec-Fetch-Site": b"same-origin",
        b"Sec-Fetch-Mode": b"same-origin",
        b"Sec-Fetch-Dest": b"worker",
    }
