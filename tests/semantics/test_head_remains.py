"""What is read of a head that was refused: only what chooses the answer, and only if it stands there once."""

import pytest

from xoproxy.semantics.diagnosis import HeadFault
from xoproxy.semantics.heads import read_remains, read_request_head

START = b"OPTIONS /a?b HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("block", "remains"),
    [
        pytest.param(b"", (b"", b"", b"", None, None), id="empty"),
        pytest.param(b"rubbish\r\nOrigin: a\r\n\r\n", (b"", b"", b"", b"a", None), id="no-request-line"),
        pytest.param(START + b"A : b\r\n\r\n", (b"OPTIONS", b"/a?b", b"", None, None), id="request-line"),
        pytest.param(START + b"HOST: a \r\nA : b\r\n\r\n", (b"OPTIONS", b"/a?b", b"a", None, None), id="host"),
        pytest.param(START + b"Host: a b\r\n\r\n", (b"OPTIONS", b"/a?b", b"", None, None), id="bad-host"),
        pytest.param(START + b"Host: a\r\nHost: a\r\n\r\n", (b"OPTIONS", b"/a?b", b"", None, None), id="two-hosts"),
        pytest.param(START + b"origin:a\t\r\nA : b\r\n\r\n", (b"OPTIONS", b"/a?b", b"", b"a", None), id="origin"),
        pytest.param(START + b"Origin: a\r\nOrigin: a\r\n\r\n", (b"OPTIONS", b"/a?b", b"", None, None), id="two-origins"),
        pytest.param(
            START + b"Access-Control-Request-Method: PUT\r\n\r\n",
            (b"OPTIONS", b"/a?b", b"", None, b"PUT"),
            id="method",
        ),
    ],
)
def test_remains(block: bytes, remains: tuple[bytes, bytes, bytes, bytes | None, bytes | None]) -> None:
    """Method, target, host, origin, and the method that a preflight asks for."""
    head = read_remains(block)

    assert isinstance(read_request_head(block), HeadFault)
    assert (head.method, head.target, head.host, head.origin, head.preflight_method) == remains


def test_two_preflight_methods_are_none() -> None:
    """As with Host and Origin: who says two things has said nothing."""
    lines = b"Access-Control-Request-Method: A\r\naccess-control-request-method: B\r\n"

    assert read_remains(START + lines + b"A : b\r\n\r\n").preflight_method is None
