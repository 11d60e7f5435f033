"""A query's value is read as what is meant, or refused with what to write instead."""

from collections.abc import Callable

import pytest

from xoproxy.admin import queries
from xoproxy.admin.answers import UnusableError


@pytest.mark.parametrize(
    ("read", "query", "value"),
    [
        pytest.param(lambda q: queries.number(q, "limit", 100, 1000), {}, 100, id="number-unsaid"),
        pytest.param(lambda q: queries.number(q, "limit", 100, 50), {}, 50, id="number-default-too-many"),
        pytest.param(lambda q: queries.number(q, "limit", 100, 1000), {"limit": "0"}, 0, id="number-none"),
        pytest.param(lambda q: queries.number(q, "limit", 100, 1000), {"limit": "1000"}, 1000, id="number-most"),
        pytest.param(lambda q: queries.age_s(q, "since", "24h"), {}, 86400, id="age-unsaid"),
        pytest.param(lambda q: queries.age_s(q, "since", "24h"), {"since": "90s"}, 90, id="age-seconds"),
        pytest.param(lambda q: queries.age_s(q, "since", "24h"), {"since": "7d"}, 7 * 86400, id="age-days"),
        pytest.param(lambda q: queries.text(q, "origin"), {"origin": "https://a.example"}, "https://a.example", id="text"),
        pytest.param(lambda q: queries.flag(q, "outlook", default=True), {}, True, id="flag-unsaid"),
        pytest.param(lambda q: queries.flag(q, "outlook", default=True), {"outlook": "false"}, False, id="flag"),
    ],
)
def test_value_is_read(read: Callable[[dict[str, str]], object], query: dict[str, str], value: object) -> None:
    assert read(query) == value


@pytest.mark.parametrize(
    ("read", "query", "told"),
    [
        pytest.param(lambda q: queries.number(q, "limit", 100, 1000), {"limit": "-1"}, "as limit=100", id="negative"),
        pytest.param(lambda q: queries.number(q, "limit", 100, 1000), {"limit": "1001"}, "from 0 to 1000", id="too-many"),
        pytest.param(lambda q: queries.number(q, "limit", 100, 1000), {"limit": "\u0661"}, "as limit=100", id="other-digits"),
        pytest.param(lambda q: queries.number(q, "limit", 100, 1000), {"limit": "9" * 5000}, "as limit=100", id="huge"),
        pytest.param(lambda q: queries.age_s(q, "since", "24h"), {"since": "24"}, "as since=24h", id="no-unit"),
        pytest.param(lambda q: queries.age_s(q, "since", "24h"), {"since": "1w"}, "s, m, h or d", id="week"),
        pytest.param(lambda q: queries.text(q, "origin"), {"origin": "x" * 2049}, "2048 at most", id="long"),
        pytest.param(lambda q: queries.flag(q, "outlook", default=True), {"outlook": "no"}, "one of the two", id="flag"),
        pytest.param(lambda q: queries.known(q, ("limit", "since")), {"lmit": "1"}, "some of limit, since", id="unknown"),
    ],
)
def test_value_that_means_nothing_is_refused(
    read: Callable[[dict[str, str]], object], query: dict[str, str], told: str
) -> None:
    with pytest.raises(UnusableError, match=told):
        read(query)
