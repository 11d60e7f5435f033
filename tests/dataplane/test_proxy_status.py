"""Our own errors say so.  (RFC 9209)"""

import pytest
from support.generations import generation, upstream
from support.planes import Serve
from support.wire import Backend

from xoproxy.config.settings import Endpoint, Limits
from xoproxy.dataplane.errors import ErrorKind, OwnAnswer, proxy_status
from xoproxy.policy.plan import ResponsePlan

PLAN = ResponsePlan(frozenset(), b"")
# RFC 9209 §2.3
REGISTERED = (
    "dns_timeout", "dns_error", "destination_not_found", "destination_unavailable", "destination_ip_prohibited",
    "destination_ip_unroutable", "connection_refused", "connection_terminated", "connection_timeout", "connection_read_timeout",
    "connection_write_timeout", "connection_limit_reached", "tls_protocol_error", "tls_certificate_error", "tls_alert_received",
    "http_request_error", "http_request_denied", "http_response_incomplete", "http_response_header_section_size",
    "http_response_header_size", "http_response_body_size", "http_response_trailer_section_size", "http_response_trailer_size",
    "http_response_transfer_coding", "http_response_content_coding", "http_response_timeout", "http_upgrade_failed",
    "http_protocol_error", "proxy_internal_response", "proxy_internal_error", "proxy_configuration_error",
    "proxy_loop_detected",
)  # fmt: skip
NEVER_ANSWERED = (ErrorKind.CLIENT_DISCONNECTED, ErrorKind.DRAINING)


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind not in NEVER_ANSWERED])
def test_every_error_has_a_registered_type(kind: ErrorKind) -> None:
    """And says in words what the document says."""
    line = proxy_status(OwnAnswer(500, PLAN, kind))
    name, _, value = line.decode().rstrip("\r\n").partition(": ")
    member, error, details = value.split("; ", 2)

    assert (name, member) == ("Proxy-Status", "xoproxy")
    assert error.removeprefix("error=") in REGISTERED
    assert details == f'details="{OwnAnswer(500, PLAN, kind).words}"'


def test_details_are_a_string_whatever_they_hold() -> None:
    assert b'details="a \\"b\\" \\\\"\r\n' in proxy_status(OwnAnswer(400, PLAN, ErrorKind.HTTP_REQUEST_ERROR, 'a "b" \\'))


async def test_an_error_of_ours_carries_it(serve: Serve) -> None:
    proxy = await serve(generation(upstream(Endpoint("127.0.0.1", 1)), proxy_status=True))
    client = await proxy.ask(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = await client.read_response(b"HEAD")

    assert [value.split(b"; ")[:2] for value in answer.values(b"proxy-status")] == [[b"xoproxy", b"error=connection_refused"]]


@pytest.mark.parametrize("status", [200, 500, 502])
async def test_the_upstreams_errors_are_not_ours(serve: Serve, backend: Backend, status: int) -> None:
    """Its own Proxy-Status goes on."""
    proxy = await serve(generation(upstream(backend.endpoint), proxy_status=True))
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await backend.answer_once(b"HTTP/1.1 %d X\r\nProxy-Status: theirs\r\nContent-Length: 0\r\n\r\n" % status)

    assert (await client.read_response()).values(b"proxy-status") == [b"theirs"]


async def test_it_can_be_switched_off(serve: Serve) -> None:
    proxy = await serve(generation(upstream(Endpoint("127.0.0.1", 1)), proxy_status=False))
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert (await client.read_response()).values(b"proxy-status") == []


async def test_a_granted_preflight_is_no_error(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), proxy_status=True))
    client = await proxy.ask(
        b"OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n\r\n"
    )
    answer = await client.read_response(b"OPTIONS")

    assert (answer.status, answer.values(b"proxy-status")) == (204, [])


async def test_an_unavailable_service_says_when_to_come_again(serve: Serve, backend: Backend) -> None:
    """RFC 9110 §15.6.4."""
    proxy = await serve(generation(upstream(backend.endpoint), limits=Limits(connections=1), proxy_status=True))
    first = await proxy.connect()
    second = await proxy.connect()
    answer = await second.read_response()

    assert (answer.status, answer.values(b"retry-after"), answer.values(b"connection")) == (503, [b"1"], [b"close"])
    assert [value.split(b"; ")[1] for value in answer.values(b"proxy-status")] == [b"error=http_request_denied"]
    first.close()
