"""Forwarded preflights, rejected origins and resource isolation, byte by byte."""

import json

import pytest
from support.generations import APP, generation, upstream
from support.planes import Serve
from support.wire import Backend

from xoproxy.policy.model import Cors, Policy, PreflightHandling, Refusal, ResourcePolicy
from xoproxy.semantics.origins import OriginPattern

EVIL = b"https://evil.example"
ONE = (OriginPattern(b"https", b"app.example", 443),)
FORWARDING = Policy(corp=ResourcePolicy.SAME_SITE, cors=Cors(ONE, preflight=PreflightHandling.FORWARD))
REJECTING = Policy(corp=ResourcePolicy.SAME_SITE, cors=Cors(ONE, refuse=Refusal.REJECT))
ISOLATED = Policy(corp=ResourcePolicy.SAME_SITE, resource_isolation=True)

ASKED = b"Access-Control-Request-Method: PATCH\r\nAccess-Control-Request-Headers: x-a\r\n\r\n"
THEIRS = (
    b"HTTP/1.1 200 Yes\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\naccess-control-allow-ORIGIN:https://app.example\r\n"
    b"Access-Control-Allow-Methods: PATCH\r\nAccess-Control-Allow-Methods: DELETE\r\nVary: Accept\r\nX-Own:  1\r\n"
)
END = b"Content-Length: 2\r\n\r\n"


def preflight(origin: bytes) -> bytes:
    return b"OPTIONS /x HTTP/1.1\r\nHost: h\r\nOrigin: " + origin + b"\r\n" + ASKED


async def test_a_forwarded_preflight_and_its_answer_pass_as_they_came(serve: Serve, backend: Backend) -> None:
    """Each line of the backend in its place and its spelling; the policy's other fields and Vary behind them."""
    proxy = await serve(generation(upstream(backend.endpoint), policy=FORWARDING))
    client = await proxy.ask(preflight(APP))
    peer = await backend.accept()
    sent = await peer.read_head()
    await peer.send(THEIRS + END + b"ok")
    received = await client.read_head()

    assert sent.startswith(b"OPTIONS /x HTTP/1.1\r\nHost: h\r\nOrigin: https://app.example\r\n" + ASKED[:-2])
    vary = b"Vary: Accept, Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
    ours = b"Cross-Origin-Resource-Policy: same-site\r\n" + vary
    assert received == THEIRS.replace(b"Vary: Accept\r\n", b"") + END[:-2] + ours + b"\r\n"
    assert (await proxy.record()).cors == "preflight-forwarded"


async def test_a_forwarded_preflight_of_a_refused_origin_loses_every_cors_field(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), policy=FORWARDING))
    client = await proxy.ask(preflight(EVIL))
    await backend.answer_once(THEIRS + END + b"ok")
    received = await client.read_head()

    assert received.startswith(b"HTTP/1.1 200 Yes\r\n")
    assert b"access-control-allow" not in received.lower()
    assert ((await proxy.record()).cors, (await proxy.record()).reason) == ("preflight-refused", "origin")


@pytest.mark.parametrize(
    ("policy", "lines", "detail", "reason"),
    [
        pytest.param(
            REJECTING,
            b"Origin: " + EVIL + b"\r\n",
            "this origin is not allowed to make cross-origin requests here",
            "origin",
            id="rejected",
        ),
        pytest.param(
            ISOLATED,
            b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n",
            "pages of other sites may not ask for this: resource_isolation is on, and Sec-Fetch-Site is cross-site",
            "pages of other sites may not ask for this: resource_isolation is on, and Sec-Fetch-Site is cross-site",
            id="cross-site",
        ),
    ],
)
async def test_a_refused_request_does_not_arrive(
    serve: Serve, backend: Backend, policy: Policy, lines: bytes, detail: str, reason: str
) -> None:
    """The answer is a problem document with the policy's fields and none of CORS; the connection goes on."""
    proxy = await serve(generation(upstream(backend.endpoint), policy=policy))
    client = await proxy.ask(b"GET / HTTP/1.1\r\nHost: h\r\n" + lines + b"\r\n")
    response = await client.read_response()
    document = json.loads(response.body)

    assert (response.status, document["detail"]) == (403, detail)
    assert document["type"] == "urn:xoproxy:error:http_request_denied"
    assert response.values(b"cross-origin-resource-policy") == [b"same-site"]
    assert response.values(b"vary") == [
        b"Origin, Sec-Fetch-Site" if policy is REJECTING else b"Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest"
    ]
    assert b"access-control" not in response.head.lower()
    assert not backend.is_called()
    record = await proxy.record()
    assert (record.status, record.reason, record.error) == (403, reason, "http_request_denied")

    await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await backend.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert (await client.read_response()).body == b"ok"


async def test_a_rejected_request_with_content_ends_the_connection(serve: Serve, backend: Backend) -> None:
    """What it carries is not read, and never taken for the next request."""
    proxy = await serve(generation(upstream(backend.endpoint), policy=REJECTING))
    smuggled = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
    length = b"Content-Length: %d\r\n\r\n" % len(smuggled)
    client = await proxy.ask(b"POST / HTTP/1.1\r\nHost: h\r\nOrigin: " + EVIL + b"\r\n" + length + smuggled)
    response = await client.read_response(b"POST")

    assert (response.status, response.values(b"connection")) == (403, [b"close"])
    assert await client.read_rest() == b""
    assert not backend.is_called()
