"""What the part `policies` compares is what it says: each variant loads, hits its last route, and grants the page that asks."""

import pytest

from benchmarks.load import Round
from benchmarks.policies import ORIGINS, ROUTES, VARIANTS, Cost, ratios
from benchmarks.policies import _work as work_of
from benchmarks.report import costs_table


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_variant_grants_the_page_that_asks(variant: object) -> None:
    work, load_s = work_of(variant)  # type: ignore[arg-type]
    head = work()

    assert isinstance(head, bytes)
    assert head.count(b"Access-Control-Allow-Origin: " + variant.origin.encode()) == 1  # type: ignore[attr-defined]
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert load_s > 0


def test_variants_are_as_large_as_they_say() -> None:
    texts = {variant.name: variant.policy for variant in VARIANTS}

    assert texts[f"{ROUTES} routes"].count("match:") == ROUTES
    assert texts[f"{ORIGINS} origins"].count("https://tenant") == ORIGINS
    assert len(texts) == len(VARIANTS)


def test_ratios_are_to_the_first_round_by_round() -> None:
    def cost(name: str, *user_s: float) -> Cost:
        rounds = tuple(Round(name, name, 1_000_000, 1.0, user, 0.0, 0.0, 0.0) for user in user_s)
        return Cost(name, rounds, tuple(2 * user for user in user_s), 0.5)

    costs = [cost("plain", 1.0, 2.0), cost("large", 2.0, 2.0)]

    assert list(ratios(costs)) == [("plain", [1.0, 1.0], [1.0, 1.0]), ("large", [2.0, 1.0], [2.0, 1.0])]
    assert [line.split()[0] for line in costs_table(costs).splitlines()] == ["policy", "plain", "large"]
