"""What was reported, in pages; and the decision by all of it, which is made once for all who ask."""

import json
import time

import pytest
from support.admin_service import Ask, FakeService, Reported, loaded

from xoproxy.reports.model import Group

OBSERVING = """
version: 1
upstream: http://web:3000
reporting: {endpoints: {here: /reports}}
policy: {report_to: here, observe: {coep: require-corp}}
"""


def group(number: int, type: str = "coep", age_s: float = 60.0) -> Group:  # noqa: A002  as the value calls it
    now = time.time()
    page = f"https://app.example/{number}"
    image = "https://cdn.example/a.png"
    detail = '{"disposition": "reporting"}'
    return Group(type, "corp", "report", page, image, "image", 3, now - age_s, now - age_s, {"Chrome 156": 3}, detail)


@pytest.fixture
def service() -> FakeService:
    groups = [*(group(number) for number in range(5)), group(6, "deprecation"), group(7, age_s=7200)]
    return FakeService(configuration=loaded(OBSERVING), collector=Reported(groups))


@pytest.mark.parametrize(
    ("query", "listed", "total", "reports"),
    [
        pytest.param("?since=1h", 6, 6, 18, id="all"),
        pytest.param("?since=24h", 7, 7, 21, id="longer"),
        pytest.param("?since=1h&type=deprecation", 1, 1, 3, id="type"),
        pytest.param("?since=1h&limit=2&offset=5", 1, 6, 18, id="last-page"),
        pytest.param("?since=1h&limit=0", 0, 6, 18, id="numbers-only"),
        pytest.param("?since=1s", 0, 0, 0, id="none"),
    ],
)
async def test_groups_come_in_pages(ask: Ask, query: str, listed: int, total: int, reports: int) -> None:
    answer = await ask(f"GET /-/reports{query}&outlook=false")

    assert answer.status == 200
    assert (len(answer.body["groups"]), answer.body["total"], answer.body["reports"]) == (listed, total, reports)
    assert "outlook" not in answer.body
    assert answer.body["store"]["name"] == "memory"
    assert all(each["detail"] == {"disposition": "reporting"} for each in answer.body["groups"])


async def test_decision_is_by_all_groups_however_few_are_listed(ask: Ask) -> None:
    answer = await ask("GET /-/reports?since=1h&limit=1")
    (observed,) = answer.body["outlook"]["observed"]

    assert (observed["key"], observed["verdict"], observed["reports"]) == ("coep", "blocked", 15)
    assert len(observed["pages"]) == 5


async def test_decision_holds_for_a_moment_but_not_past_a_reload(ask: Ask, service: FakeService) -> None:
    before = (await ask("GET /-/reports?since=1h")).body["outlook"]
    held = (await ask("GET /-/reports?since=1h")).body["outlook"]
    other = (await ask("GET /-/reports?since=24h")).body["outlook"]
    service.configuration = loaded(OBSERVING.replace("require-corp", "credentialless"), number=2)
    after = (await ask("GET /-/reports?since=24h")).body["outlook"]

    assert held == before
    assert other["since"] < before["since"]
    assert after["observed"][0]["value"] == "credentialless"


async def test_without_a_store_there_is_a_decision_and_no_group(ask: Ask, service: FakeService) -> None:
    service.collector = None
    answer = await ask("GET /-/reports")

    assert (answer.body["store"], answer.body["groups"], answer.body["total"]) == (None, [], 0)
    assert answer.body["outlook"]["safe"] is False


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param("?since=yesterday", "as since=24h", id="since"),
        pytest.param("?limit=5000", "from 0 to 1000", id="limit"),
        pytest.param("?outlook=no", "write one of the two", id="outlook"),
        pytest.param("?typ=coep", "some of since, type", id="unknown"),
    ],
)
async def test_query_that_means_nothing_is_told_what_to_write(ask: Ask, query: str, told: str) -> None:
    answer = await ask(f"GET /-/reports{query}")

    assert answer.status == 400
    assert told in answer.body["error"]


async def test_detail_that_was_cut_is_shown_as_it_is(ask: Ask, service: FakeService) -> None:
    assert service.collector is not None
    now = time.time()
    service.collector.groups = [Group("x", "", "", "", "", "", 1, now, now, {}, '{"a": "b')]
    answer = await ask("GET /-/reports?outlook=false")

    assert json.loads(json.dumps(answer.body["groups"][0]["detail"])) == '{"a": "b'
