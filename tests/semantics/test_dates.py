"""Dates of HTTP, against the standard library's."""

from email.utils import formatdate

from hypothesis import example, given
from hypothesis import strategies as st

from xoproxy.semantics.dates import http_date


@example(784_111_777)  # the example of RFC 9110 §5.6.7
@example(951_782_400)  # the 29th of February 2000
@given(st.integers(0, 253_402_300_799))
def test_dates_are_written_as_the_standard_library_does(seconds: int) -> None:
    assert http_date(seconds) == formatdate(seconds, usegmt=True).encode("ascii")


def test_the_example_of_the_standard() -> None:
    assert http_date(784_111_777) == b"Sun, 06 Nov 1994 08:49:37 GMT"
