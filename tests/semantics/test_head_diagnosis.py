"""A refused head is told why, in words that name the fault and never the value.  (RFC 9112 §2.2, §3, §5)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoproxy.semantics.diagnosis import HeadFault, diagnose_request, diagnose_response

START = b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        pytest.param(b"A: b\nC: d\r\n\r\n", "line feed without a carriage return", id="bare-lf"),
        pytest.param(b"A: b\rC: d\r\n\r\n", "carriage return without a line feed", id="bare-cr"),
        pytest.param(b"A: b\0\r\n\r\n", "NUL", id="nul"),
        pytest.param(b"A: b\r\n c\r\n\r\n", "line 2 continues the line before", id="obs-fold"),
        pytest.param(b"A: b\r\n\tc\r\n\r\n", "line 2 continues the line before", id="obs-fold-tab"),
        pytest.param(b"A: b\r\nC: d\r\nE : f\r\n\r\n", "line 3 has white space before the colon", id="space-before-colon"),
        pytest.param(b"E\t: f\r\n\r\n", "line 1 has white space before the colon", id="tab-before-colon"),
        pytest.param(b"A: b\x01\r\n\r\n", "line 1 has a control byte in its value", id="control-byte"),
        pytest.param(b"A\r\n\r\n", "line 1 has no valid field name", id="no-colon"),
        pytest.param(b": a\r\n\r\n", "line 1 has no valid field name", id="empty-name"),
        pytest.param(b"(: a\r\n\r\n", "line 1 has no valid field name", id="no-token"),
        pytest.param(b"A: b\r\n\xff: c\r\n\r\n", "line 2 has no valid field name", id="not-ascii"),
        pytest.param(b"A: b\r\n\r\nB: c\r\n\r\n", "line 2 has no valid field name", id="empty-line-within"),
    ],
)
def test_each_fault_has_its_words(section: bytes, words: str) -> None:
    """The same words for both directions; the status says whose fault it is."""
    request, response = diagnose_request(START + section), diagnose_response(b"HTTP/1.1 200 OK\r\n" + section)

    assert words in request.reason
    assert words in response.reason
    assert (request.status, response.status) == (400, 502)


@pytest.mark.parametrize(
    ("block", "status", "words"),
    [
        pytest.param(b"GET / HTTP/3.0\r\n\r\n", 505, "version", id="version"),
        pytest.param(b"GET / HTTP/2.0\n\n", 400, "line feed", id="line-ends-first"),
        pytest.param(b"GET /\r\n\r\n", 400, "request line", id="no-version"),
        pytest.param(b"", 400, "request line", id="empty"),
        pytest.param(b"GET / HTTP/1.1\r\nA: b\r\n", 400, "request line", id="no-end"),
    ],
)
def test_request_lines(block: bytes, status: int, words: str) -> None:
    """Another major version is 505 (RFC 9110 §15.6.6), anything else 400."""
    fault = diagnose_request(block)

    assert (fault.status, words in fault.reason) == (status, True)


def test_status_lines() -> None:
    """A field section without fault leaves the status line."""
    assert "status line" in diagnose_response(b"HTTP/1.1 2x0 OK\r\nA: b\r\n\r\n").reason


def test_values_are_never_repeated() -> None:
    """The reason is for whoever sent it, and for the log: no secret is copied into it."""
    for section in (b"Authorization: s3cret\x01\r\n\r\n", b"Cookie : s3cret\r\n\r\n", b" s3cret\r\n\r\n", b"s3cret\r\n\r\n"):
        assert "s3cret" not in diagnose_request(START + section).reason


@given(st.binary(max_size=300) | st.text(alphabet="GET /HTP1.0: ab\r\n\t\0", max_size=100).map(str.encode))
def test_any_bytes_have_a_reason(block: bytes) -> None:
    """Diagnosis never fails, whatever it is given."""
    assert diagnose_request(block).reason
    assert diagnose_response(block).reason


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2", "a PROXY protocol header, which this listener does not expect from this peer"),
        (b"GET /a#b HTTP/1.1", "the request target has a fragment"),
        (b"GET /caf\xc3\xa9 HTTP/1.1", "the request target has bytes that are not ASCII: they are percent-encoded there"),
    ],
)
def test_usual_mistakes_in_a_request_line_are_called_by_their_name(line: bytes, said: str) -> None:
    """Also where a field line after it is wrong, as the request line behind a PROXY header is."""
    assert diagnose_request(line + b"\r\nHost: h\r\n\r\n") == HeadFault(400, said)
    assert diagnose_request(line + b"\r\nGET / HTTP/1.1\r\n\r\n") == HeadFault(400, said)
