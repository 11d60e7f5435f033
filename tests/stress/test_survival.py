"""Attacks, aborts, large bodies and many connections: others are served meanwhile, and nothing is left afterwards.

The scenarios are those of `python -m benchmarks.soak`, in small.  Each runs a real process; the kernel says what it holds.
"""

import sys
from pathlib import Path

import pytest

from benchmarks.soak.aborts import KINDS, aborts
from benchmarks.soak.floods import connection_flood, head_flood
from benchmarks.soak.memory import download, idle_connections, upload
from benchmarks.soak.scenario import Scenario, Sizes
from benchmarks.soak.slow import slow_bodies, slow_heads, slow_readers
from benchmarks.soak.starved import starved

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and descriptors are read from /proc")

SMALL = Sizes(peers=500, heads=60, connections=300, aborts=50 * 2 * len(KINDS), body_bytes=64 << 20, idle=2000, starved=100)

# Of memory.  A slow reader may fill our buffer (64 KiB) and leave one read (256 KiB) behind it; a kept connection and a body
# past a slow peer have the budgets of the design.
SLOW_SENDER_KIB = 24  # two connections and an exchange
SLOW_READER_KIB = 384
BODY_KIB = 16 * 1024
KEPT_BYTES = 8 * 1024
LEFT_KIB = 2 * 1024


@pytest.mark.parametrize(
    ("scenario", "most_kib"),
    [
        pytest.param(slow_heads, SLOW_SENDER_KIB * SMALL.peers, id="heads"),
        pytest.param(slow_bodies, SLOW_SENDER_KIB * SMALL.peers, id="bodies"),
        pytest.param(slow_readers, SLOW_READER_KIB * SMALL.peers, id="readers"),
        pytest.param(head_flood, 16 * 1024, id="a flood of heads"),
        pytest.param(connection_flood, 8 * 1024, id="a flood of connections"),
    ],
)
async def test_attack_harms_nobody_else(tmp_path: Path, scenario: Scenario, most_kib: int) -> None:
    """Every attacker gets the end it deserves; beside it every normal request is answered, and memory is bounded."""
    outcome = await scenario(tmp_path, SMALL)

    assert outcome.failures == ()
    assert outcome.peak_growth_kib < most_kib


async def test_nothing_is_left_of_exchanges_that_were_broken_off(tmp_path: Path) -> None:
    """By client or backend, by a close or a reset, at ten points: no descriptor, no task, no memory."""
    outcome = await aborts(tmp_path, SMALL)

    assert outcome.failures == ()
    assert outcome.growth_kib < LEFT_KIB


@pytest.mark.parametrize("way", [download, upload])
async def test_body_past_a_slow_peer_stays_within_the_budget(tmp_path: Path, way: Scenario) -> None:
    outcome = await way(tmp_path, SMALL)

    assert outcome.failures == ()
    assert outcome.peak_growth_kib < BODY_KIB


async def test_kept_connection_stays_within_the_budget(tmp_path: Path) -> None:
    outcome = await idle_connections(tmp_path, SMALL)

    assert outcome.failures == ()
    assert outcome.bytes_each < KEPT_BYTES


async def test_process_without_descriptors_goes_on_and_recovers(tmp_path: Path) -> None:
    """It does not spin, serves whom it knows, answers readably where it cannot reach the backend."""
    outcome = await starved(tmp_path, SMALL)

    assert outcome.failures == ()
