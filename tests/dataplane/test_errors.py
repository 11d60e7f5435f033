"""What connecting may raise, and what it is called.  (RFC 9209 §2.3)"""

import socket
import ssl

import pytest

from xoproxy.dataplane.errors import ErrorKind, detail_of, kind_of, status_of


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (socket.gaierror(-2, "unknown name"), ErrorKind.DNS_ERROR, 502),
        (UnicodeError("label too long"), ErrorKind.DNS_ERROR, 502),
        (ssl.SSLCertVerificationError(1, "self-signed"), ErrorKind.TLS_CERTIFICATE_ERROR, 502),
        (ssl.SSLError(1, "wrong version number"), ErrorKind.TLS_PROTOCOL_ERROR, 502),
        (TimeoutError(), ErrorKind.CONNECTION_TIMEOUT, 504),
        (ConnectionRefusedError(), ErrorKind.CONNECTION_REFUSED, 502),
        (FileNotFoundError(), ErrorKind.CONNECTION_REFUSED, 502),
        (ConnectionResetError(), ErrorKind.CONNECTION_TERMINATED, 502),
        (BrokenPipeError(), ErrorKind.CONNECTION_TERMINATED, 502),
        (OSError(113, "no route to host"), ErrorKind.DESTINATION_IP_UNROUTABLE, 502),
        (OSError(101, "network is unreachable"), ErrorKind.DESTINATION_IP_UNROUTABLE, 502),
        (RuntimeError(), ErrorKind.PROXY_INTERNAL_ERROR, 500),
    ],
)
def test_an_error_has_one_kind_and_one_status(error: BaseException, kind: ErrorKind, status: int) -> None:
    assert kind_of(error) is kind
    assert status_of(kind) == status


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_can_be_told_in_words(kind: ErrorKind) -> None:
    detail = detail_of(kind)

    assert detail
    assert "_" not in detail.replace("limits.request_body", "").replace("limits.response_head", "")
    assert 400 <= status_of(kind) < 600
