"""Times as text are what the standard library makes of them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xoproxy.telemetry.clock import milliseconds, timestamp


@given(st.floats(0, 4e9))
@example(1_799_999_999.9999998)
@example(0.9999)
def test_a_time_is_cut_to_milliseconds(unix_time: float) -> None:
    """Never rounded up to a second that has not begun."""
    text = timestamp(unix_time)

    shown = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    late = Decimal(unix_time) - Decimal(round(shown.timestamp() * 1000)) / 1000
    assert Decimal("-0.000001") < late < Decimal("0.001001")
    assert len(text) == len("2027-01-31T09:05:00.250Z")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0.000"),
        (0.0000004, "0.000"),
        (0.0000006, "0.001"),
        (0.0125, "12.500"),
        (0.0999999, "100.000"),
        (3600.0, "3600000.000"),
    ],
)
def test_a_duration_has_three_decimals(seconds: float, shown: str) -> None:
    assert milliseconds(seconds) == shown


@given(st.floats(0, 1e6))
def test_a_duration_is_rounded_to_the_nearest(seconds: float) -> None:
    assert abs(Decimal(milliseconds(seconds)) - Decimal(seconds) * 1000) <= Decimal("0.000501")
