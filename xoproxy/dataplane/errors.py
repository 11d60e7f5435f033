"""What can go wrong with an exchange, and how it is told to the client.  (RFC 9209 §2.3, RFC 9457)

Foreign exceptions become an `ErrorKind` in one place, `kind_of`.  Our own answers are problem details and pass through the
response plan like any other response: a browser must be able to read why a request failed.
"""

import json
import socket
import ssl
from enum import Enum
from http import HTTPStatus
from typing import Final

from xoproxy.policy.plan import ResponsePlan
from xoproxy.semantics.heads import RequestHead, ResponseHead
from xoproxy.semantics.structured import serialize_string


class ErrorKind(Enum):
    """Proxy error types by their registered names (RFC 9209 §2.3); those after the blank line are ours."""

    DNS_ERROR = "dns_error"
    CONNECTION_LIMIT_REACHED = "connection_limit_reached"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_TERMINATED = "connection_terminated"
    CONNECTION_TIMEOUT = "connection_timeout"
    DESTINATION_NOT_FOUND = "destination_not_found"
    DESTINATION_IP_UNROUTABLE = "destination_ip_unroutable"
    HTTP_PROTOCOL_ERROR = "http_protocol_error"
    HTTP_REQUEST_DENIED = "http_request_denied"
    HTTP_REQUEST_ERROR = "http_request_error"
    HTTP_RESPONSE_HEADER_SECTION_SIZE = "http_response_header_section_size"
    HTTP_RESPONSE_INCOMPLETE = "http_response_incomplete"
    HTTP_RESPONSE_TIMEOUT = "http_response_timeout"
    HTTP_UPGRADE_FAILED = "http_upgrade_failed"
    PROXY_INTERNAL_ERROR = "proxy_internal_error"
    TLS_CERTIFICATE_ERROR = "tls_certificate_error"
    TLS_PROTOCOL_ERROR = "tls_protocol_error"

    CLIENT_DISCONNECTED = "client_disconnected"
    CLIENT_TIMEOUT = "client_timeout"
    REQUEST_TOO_LARGE = "request_too_large"
    TOO_MANY_CONNECTIONS = "too_many_connections"  # of clients
    TOO_MANY_DELIVERIES = "too_many_deliveries"  # of reports
    NOT_REPORTS = "not_reports"  # by the media type of what is delivered
    UNREADABLE_REPORTS = "unreadable_reports"
    DRAINING = "draining"  # cut off because the process ends


_STATUS: Final = {
    ErrorKind.CONNECTION_LIMIT_REACHED: 503,
    ErrorKind.CONNECTION_TIMEOUT: 504,
    ErrorKind.HTTP_RESPONSE_TIMEOUT: 504,
    ErrorKind.PROXY_INTERNAL_ERROR: 500,
    ErrorKind.CLIENT_TIMEOUT: 408,
    ErrorKind.REQUEST_TOO_LARGE: 413,
    ErrorKind.HTTP_REQUEST_ERROR: 400,
    ErrorKind.TOO_MANY_CONNECTIONS: 503,
    ErrorKind.TOO_MANY_DELIVERIES: 429,
    ErrorKind.NOT_REPORTS: 415,
    ErrorKind.UNREADABLE_REPORTS: 400,
}

# A 503 says when to come again: these shortages pass within moments.  (RFC 9110 §10.2.3)
_RETRY_AFTER_S: Final = 1

_DETAIL: Final = {
    ErrorKind.DNS_ERROR: "the upstream's host name does not resolve",
    ErrorKind.CONNECTION_LIMIT_REACHED: "all connections to the upstream are in use, and none became free in time",
    ErrorKind.CONNECTION_REFUSED: "the upstream refused the connection: is it running, and does it listen on this address",
    ErrorKind.CONNECTION_TERMINATED: "the upstream closed the connection before it answered",
    ErrorKind.CONNECTION_TIMEOUT: "the upstream did not accept the connection in time",
    ErrorKind.DESTINATION_IP_UNROUTABLE: "the upstream's address cannot be reached",
    ErrorKind.HTTP_RESPONSE_TIMEOUT: "the upstream did not answer in time",
    ErrorKind.HTTP_PROTOCOL_ERROR: "the upstream's answer is not valid HTTP/1.1",
    ErrorKind.HTTP_RESPONSE_HEADER_SECTION_SIZE: "the upstream's response head is larger than limits.response_head",
    ErrorKind.TLS_CERTIFICATE_ERROR: "the upstream's certificate could not be verified",
    ErrorKind.TLS_PROTOCOL_ERROR: "the TLS handshake with the upstream failed",
    ErrorKind.CLIENT_TIMEOUT: "the request did not arrive in time",
    ErrorKind.REQUEST_TOO_LARGE: "the request's content is larger than limits.request_body",
    ErrorKind.TOO_MANY_CONNECTIONS: "there are too many connections, in all or from this client",
    ErrorKind.TOO_MANY_DELIVERIES: "there are too many deliveries of reports, in all or from this client",
    ErrorKind.NOT_REPORTS: "reports are of the type application/reports+json, or application/csp-report",
    ErrorKind.PROXY_INTERNAL_ERROR: "xoproxy failed; its log says why",
}


def status_of(kind: ErrorKind) -> int:
    """Return the status that tells a client of this error: 502 unless there is a better one."""
    return _STATUS.get(kind, 502)


def detail_of(kind: ErrorKind) -> str:
    """Return this error in words."""
    return _DETAIL.get(kind, kind.value.replace("_", " "))


def kind_of(error: BaseException) -> ErrorKind:  # noqa: PLR0911  a table, most special first
    """Translate what connecting to an upstream may raise."""
    match error:
        case socket.gaierror() | UnicodeError():  # a name that cannot be one, such as "a..b"
            return ErrorKind.DNS_ERROR
        case ssl.SSLCertVerificationError():
            return ErrorKind.TLS_CERTIFICATE_ERROR
        case ssl.SSLError():
            return ErrorKind.TLS_PROTOCOL_ERROR
        case TimeoutError():
            return ErrorKind.CONNECTION_TIMEOUT
        case ConnectionRefusedError() | FileNotFoundError():  # no file: a unix socket whose server is not there
            return ErrorKind.CONNECTION_REFUSED
        case ConnectionError():
            return ErrorKind.CONNECTION_TERMINATED
        case OSError():
            return ErrorKind.DESTINATION_IP_UNROUTABLE
        case _:
            return ErrorKind.PROXY_INTERNAL_ERROR


_REASON_PHRASES: Final = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}


def reason_phrase(status: int) -> bytes:
    """Return the registered reason phrase."""
    return _REASON_PHRASES[status]


class OwnAnswer:
    """An answer that no upstream gave.  `kind` None: a success without content, else a problem of that kind."""

    __slots__ = ("detail", "kind", "plan", "request_id", "retry_after_s", "status")

    def __init__(  # noqa: PLR0913  what it says
        self,
        status: int,
        plan: ResponsePlan,
        kind: ErrorKind | None = None,
        detail: str = "",
        request_id: str = "",
        *,
        retry_after_s: int = 0,
    ) -> None:
        """`retry_after_s` 0: nothing is said of it, but with a 503."""
        self.status = status
        self.plan = plan
        self.kind = kind
        self.detail = detail
        self.request_id = request_id
        self.retry_after_s = retry_after_s

    @property
    def words(self) -> str:
        """Why, in words."""
        return self.detail or (detail_of(self.kind) if self.kind is not None else "")


# Of our own kinds, what the registry has that says the same.  (RFC 9209 §2.3)
_REGISTERED: Final = {
    ErrorKind.CLIENT_TIMEOUT: ErrorKind.HTTP_REQUEST_ERROR,
    ErrorKind.REQUEST_TOO_LARGE: ErrorKind.HTTP_REQUEST_ERROR,
    ErrorKind.TOO_MANY_CONNECTIONS: ErrorKind.HTTP_REQUEST_DENIED,
    ErrorKind.TOO_MANY_DELIVERIES: ErrorKind.HTTP_REQUEST_DENIED,
    ErrorKind.NOT_REPORTS: ErrorKind.HTTP_REQUEST_ERROR,
    ErrorKind.UNREADABLE_REPORTS: ErrorKind.HTTP_REQUEST_ERROR,
}


def proxy_status(answer: OwnAnswer) -> bytes:
    """Return the Proxy-Status line of a problem.  (RFC 9209 §2)"""
    assert answer.kind is not None
    kind = _REGISTERED.get(answer.kind, answer.kind)
    return b"Proxy-Status: xoproxy; error=%b; details=%b\r\n" % (kind.value.encode("ascii"), serialize_string(answer.words))


def connection_lines(answer: OwnAnswer, head: RequestHead, *, keep: bool, tells_status: bool) -> bytes:
    """Return the lines of an answer that are about the connection to the client, and what Proxy-Status says.

    `head` is the request's; `tells_status`: `proxy_status` of the policy file.
    """
    lines = proxy_status(answer) if tells_status and answer.kind is not None else b""
    if not keep:
        return lines + b"Connection: close\r\n"
    return lines if head.minor else lines + b"Connection: keep-alive\r\n"


def render(answer: OwnAnswer, date: bytes, connection: bytes) -> tuple[bytes, bytes]:
    """Return head and content of an answer of our own.

    `date` is an HTTP-date, `connection` the field lines of the connection.
    """
    status = answer.status
    lines = b"HTTP/1.1 %d %s\r\nDate: %s\r\n" % (status, reason_phrase(status), date)
    body = b""
    if answer.kind is not None:
        document: dict[str, str | int] = {
            "type": f"urn:xoproxy:error:{answer.kind.value}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": answer.words,
        }
        if answer.request_id:
            document["request_id"] = answer.request_id
        body = json.dumps(document).encode("ascii") + b"\n"
        lines += b"Content-Type: application/problem+json\r\nCache-Control: no-store\r\nContent-Length: %d\r\n" % len(body)
        wait_s = answer.retry_after_s or (_RETRY_AFTER_S if status == 503 else 0)
        if wait_s:
            lines += b"Retry-After: %d\r\n" % wait_s
    return answer.plan.apply(ResponseHead(lines + b"\r\n", status, 1), connection), body
