"""Deliveries of reports, as they go over the wire: taken whole or refused, and never shown to a backend."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.generations import generation, upstream
from support.planes import Proxy, Serve
from support.wire import Backend, Message, Peer, until

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Collecting, Timeouts
from xoproxy.dataplane.collecting import MAX_CLIENTS, MAX_GATHERED_BYTES, Outcome, Rates
from xoproxy.policy.model import Policy
from xoproxy.policy.routes import Match, Route

PATH = b"/.well-known/xoproxy/reports"
COLLECTING = Collecting((PATH,), max_body_bytes=4096, deliveries_per_minute=1000)
REPORTS = json.dumps(
    [
        {
            "type": "coep",
            "age": 10,
            "url": "https://app.example/page?secret=1#top",
            "user_agent": "Mozilla/5.0 Chrome/156.0.0.0 Safari/537.36",
            "body": {
                "type": "corp",
                "blockedURL": "https://cdn.example/a.png",
                "destination": "image",
                "disposition": "reporting",
            },
        }
    ]
).encode()
TYPE = b"Content-Type: application/reports+json\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def head(*lines: bytes, method: bytes = b"POST", target: bytes = PATH, host: bytes = b"h", minor: int = 1) -> bytes:
    """Return a head; `lines` are without their ends."""
    fields = b"".join(line + b"\r\n" for line in (b"Host: " + host, *lines))
    return b"%b %b HTTP/1.%d\r\n%b\r\n" % (method, target, minor, fields)


def delivery(body: bytes = REPORTS, *lines: bytes, content_type: bytes = b"application/reports+json") -> bytes:
    return head(b"Content-Type: " + content_type, b"Content-Length: %d" % len(body), *lines) + body


def chunked(body: bytes, size: int = 7) -> bytes:
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head(TYPE[:-2], b"Transfer-Encoding: chunked") + framed + b"0\r\n\r\n"


def collecting(backend: Backend, settings: Collecting = COLLECTING, **options: object) -> Generation:
    return generation(upstream(backend.endpoint), collecting=settings, **options)  # type: ignore[arg-type]  passed on


@pytest.fixture
async def collector(serve: Serve, backend: Backend) -> Proxy:
    """Return a proxy that collects at PATH."""
    return await serve(collecting(backend))


async def outcome(proxy: Proxy, count: int = 1) -> Outcome:
    """Return what became of the delivery, of which there were `count`."""
    await until(lambda: len(proxy.deliveries) >= count)
    assert len(proxy.deliveries) == count
    return proxy.deliveries[-1][0]


def check_refusal(response: Message, status: int, kind: str) -> None:
    """Check that a refusal is a problem that pages of any origin may read."""
    document = json.loads(response.body)

    assert (response.status, document["status"]) == (status, status)
    assert document["type"] == f"urn:xoproxy:error:{kind}"
    assert response.values(b"content-type") == [b"application/problem+json"]
    assert response.values(b"access-control-allow-origin") == [b"*"]
    assert response.values(b"cross-origin-resource-policy") == [b"cross-origin"]


# What is taken.


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(delivery(), id="length"),
        pytest.param(chunked(REPORTS), id="chunked"),
        pytest.param(delivery(content_type=b"Application/Reports+JSON; charset=utf-8"), id="parameters"),
        pytest.param(delivery(REPORTS, b"Origin: https://elsewhere.example"), id="other origin"),
        pytest.param(
            head(*TYPE.split(b"\r\n")[:1], b"Content-Length: %d" % len(REPORTS), target=b"http://h" + PATH) + REPORTS,
            id="absolute",
        ),
    ],
)
@pytest.mark.parametrize("dripped", [False, True])
async def test_delivery_is_taken_and_its_connection_kept(
    collector: Proxy, backend: Backend, sent: bytes, dripped: bool
) -> None:
    client = await collector.connect()
    await (client.drip(sent) if dripped else client.send(sent))
    response = await client.read_response(b"POST")
    await client.send(delivery())

    assert (response.status, response.body) == (204, b"")
    assert response.values(b"access-control-allow-origin") == [b"*"]
    assert response.values(b"cross-origin-resource-policy") == [b"cross-origin"]
    assert response.values(b"content-length") == response.values(b"connection") == []
    assert (await client.read_response(b"POST")).status == 204
    assert await outcome(collector, 2) is Outcome.TAKEN
    ((_, (report,)), _) = collector.deliveries
    assert (report.type, report.kind, report.document) == ("coep", "corp", "https://app.example/page")
    assert not backend.is_called()


async def test_record_of_a_delivery_is_that_of_an_answer_of_our_own(collector: Proxy) -> None:
    await (await collector.ask(delivery())).read_response(b"POST")
    record = await collector.record()

    assert (record.status, record.route, record.upstream, record.error) == (204, "", "", "")
    assert (record.target, record.request_bytes, record.client) == (PATH, len(REPORTS), "127.0.0.1")


async def test_next_request_may_be_sent_ahead(collector: Proxy, backend: Backend) -> None:
    client = await collector.ask(delivery() + chunked(REPORTS) + GET + delivery())
    first, second = await client.read_response(b"POST"), await client.read_response(b"POST")
    await backend.answer_once(OK)
    third, fourth = await client.read_response(), await client.read_response(b"POST")

    assert [each.status for each in (first, second, third, fourth)] == [204, 204, 200, 204]


async def test_client_that_waits_for_it_is_told_to_continue(collector: Proxy) -> None:
    client = await collector.ask(head(TYPE[:-2], b"Content-Length: %d" % len(REPORTS), b"Expect: 100-continue"))
    await client.expect(b"HTTP/1.1 100 Continue\r\n\r\n")
    await client.send(REPORTS)

    assert (await client.read_response(b"POST")).status == 204


async def test_http_1_0_is_answered_and_closed(collector: Proxy) -> None:
    client = await collector.ask(head(TYPE[:-2], b"Content-Length: %d" % len(REPORTS), minor=0) + REPORTS)

    assert (await client.read_head()).startswith(b"HTTP/1.1 204 ")
    assert await client.read_rest() == b""


async def test_deliveries_belong_to_no_route_whatever_their_host(serve: Serve, backend: Backend) -> None:
    """Nor does the policy of one apply; a route may be named for the path, and another may take no POST."""
    app = upstream(backend.endpoint)
    routes = (
        Route("routes[0]", Match(host="a.example", path=PATH.decode()), "app", Policy(), "page"),
        Route("routes[1]", Match(host="b.example", methods=frozenset({b"GET"})), "app", Policy(), "page"),
    )
    proxy = await serve(generation(app, routes=routes, collecting=COLLECTING))
    for count, host in enumerate((b"a.example", b"b.example", b"nobody.example"), 1):
        client = await proxy.ask(head(TYPE[:-2], b"Content-Length: %d" % len(REPORTS), host=host) + REPORTS)
        assert (await client.read_response(b"POST")).status == 204
        assert await outcome(proxy, count) is Outcome.TAKEN

    assert not backend.is_called()


@pytest.mark.parametrize("target", [PATH + b"?x", PATH + b"/", PATH[:-1], b"//h" + PATH])
async def test_other_targets_are_forwarded(collector: Proxy, backend: Backend, target: bytes) -> None:
    client = await collector.ask(head(TYPE[:-2], b"Content-Length: 2", target=target) + b"[]")
    await backend.answer_once(OK)

    assert (await client.read_response(b"POST")).body == b"ok"
    assert collector.deliveries == []


async def test_nothing_is_collected_where_no_endpoint_is_a_path(proxy: Proxy, backend: Backend) -> None:
    client = await proxy.ask(delivery())
    await backend.answer_once(OK)

    assert (await client.read_response(b"POST")).body == b"ok"


async def test_delivery_under_way_outlives_a_reload_that_ends_collecting(collector: Proxy, backend: Backend) -> None:
    client = await collector.ask(delivery()[:-5])
    await until(lambda: collector.plane.desk.gathered_bytes)
    collector.plane.adopt(collecting(backend, Collecting(), number=2))
    await client.send(delivery()[-5:])
    taken = await client.read_response(b"POST")
    await client.send(delivery())
    await backend.answer_once(OK)

    assert taken.status == 204
    assert (await client.read_response(b"POST")).body == b"ok"


# Requests that deliver nothing.


async def test_preflight_of_any_origin_is_granted(collector: Proxy, backend: Backend) -> None:
    client = await collector.ask(
        head(
            b"Origin: https://elsewhere.example",
            b"Access-Control-Request-Method: POST",
            b"Access-Control-Request-Headers: content-type",
            method=b"OPTIONS",
        )
    )
    response = await client.read_response(b"OPTIONS")

    assert response.status == 204
    assert response.values(b"access-control-allow-origin") == [b"*"]
    assert response.values(b"access-control-allow-methods") == [b"POST"]
    assert response.values(b"access-control-allow-headers") == [b"content-type"]
    assert response.values(b"access-control-max-age") == [b"7200"]
    assert not backend.is_called()


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"DELETE", b"post"])
async def test_other_methods_are_told_which_are_allowed(collector: Proxy, backend: Backend, method: bytes) -> None:
    client = await collector.ask(head(method=method))
    response = await client.read_response(method)

    assert (response.status, response.values(b"allow")) == (405, [b"POST, OPTIONS"])
    assert (response.body == b"") is (method == b"HEAD")
    assert collector.deliveries == []
    assert not backend.is_called()


async def test_options_that_is_no_preflight_tells_what_is_allowed(collector: Proxy) -> None:
    response = await (await collector.ask(head(method=b"OPTIONS"))).read_response(b"OPTIONS")

    assert (response.status, response.values(b"allow")) == (204, [b"POST, OPTIONS"])


async def test_head_that_is_refused_is_answered_as_a_delivery_is(collector: Proxy) -> None:
    client = await collector.ask(head(b"Origin: https://elsewhere.example", b"X : y"))

    check_refusal(await client.read_response(b"POST"), 400, "http_request_error")


# What is refused.


@pytest.mark.parametrize(
    "body", [b"", b"[", b"{}", b"[]", b"null", b"[1]", b'{"type": 1}', b"\xff\xfe", b"[" * 4000, b'"' + b"\\u0000" * 600 + b'"']
)
async def test_content_without_a_report_is_a_400_and_the_connection_stays(collector: Proxy, body: bytes) -> None:
    client = await collector.ask(delivery(body) + delivery())

    check_refusal(await client.read_response(b"POST"), 400, "unreadable_reports")
    assert (await client.read_response(b"POST")).status == 204
    assert [each for each, _ in collector.deliveries] == [Outcome.UNREADABLE, Outcome.TAKEN]
    assert collector.records[0].error == "unreadable_reports"


@pytest.mark.parametrize("content_type", [b"application/json", b"text/plain", b"", b"application/reports+jsonx"])
async def test_other_media_types_are_a_415_before_any_content(collector: Proxy, content_type: bytes) -> None:
    client = await collector.ask(head(b"Content-Type: " + content_type, b"Content-Length: 10"))

    check_refusal(await client.read_response(b"POST"), 415, "not_reports")
    assert await client.read_rest() == b""
    assert await outcome(collector) is Outcome.WRONG_TYPE


async def test_content_without_a_media_type_is_a_415(collector: Proxy) -> None:
    client = await collector.ask(head())

    check_refusal(await client.read_response(b"POST"), 415, "not_reports")


@pytest.mark.parametrize("length", [4097, 10**15])
async def test_length_that_is_too_large_is_a_413_before_any_content(collector: Proxy, length: int) -> None:
    client = await collector.ask(head(TYPE[:-2], b"Content-Length: %d" % length, b"Expect: 100-continue"))
    response = await client.read_response(b"POST")

    check_refusal(response, 413, "request_too_large")
    assert "reporting.max_body" in json.loads(response.body)["detail"]
    assert response.interim == []
    assert await outcome(collector) is Outcome.TOO_LARGE


@pytest.mark.parametrize("behind", [b"", GET])
async def test_chunks_that_are_too_much_are_a_413_and_the_connection_ends(collector: Proxy, behind: bytes) -> None:
    client = await collector.ask(chunked(b" " * 4097, size=1000) + behind)

    check_refusal(await client.read_response(b"POST"), 413, "request_too_large")
    assert await client.read_rest() == b""
    assert await outcome(collector) is Outcome.TOO_LARGE


@pytest.mark.parametrize("size", [1, 4096])
async def test_as_much_as_the_limit_is_taken(collector: Proxy, size: int) -> None:
    body = REPORTS + b" " * (4096 - len(REPORTS))
    client = await collector.ask(chunked(body, size))

    assert (await client.read_response(b"POST")).status == 204


async def test_broken_chunks_are_a_400(collector: Proxy) -> None:
    client = await collector.ask(head(TYPE[:-2], b"Transfer-Encoding: chunked") + b"x\r\n")

    check_refusal(await client.read_response(b"POST"), 400, "http_request_error")
    assert await outcome(collector) is Outcome.UNREADABLE


async def test_content_that_does_not_arrive_in_time_is_a_408(serve: Serve, backend: Backend) -> None:
    """The time is for all of it: bytes that drip do not prolong it."""
    proxy = await serve(collecting(backend, timeouts=Timeouts(idle_s=60.0, body_s=0.05)))
    client = await proxy.ask(delivery()[:-5])

    check_refusal(await client.read_response(b"POST"), 408, "client_timeout")
    assert await outcome(proxy) is Outcome.INCOMPLETE
    assert proxy.plane.desk.gathered_bytes == 0


async def test_client_that_goes_away_is_counted_and_forgotten(collector: Proxy) -> None:
    client = await collector.ask(delivery()[:-5])
    await until(lambda: collector.plane.desk.gathered_bytes)
    client.reset()

    assert await outcome(collector) is Outcome.INCOMPLETE
    assert (await collector.record()).error == "client_disconnected"
    assert collector.plane.desk.gathered_bytes == 0


async def test_client_that_sends_no_more_gets_its_answer(collector: Proxy) -> None:
    client = await collector.ask(delivery())
    client.half_close()

    assert (await client.read_response(b"POST")).status == 204


async def test_delivery_in_flight_is_finished_when_the_process_ends(collector: Proxy) -> None:
    client = await collector.ask(delivery()[:-5])
    await until(lambda: collector.plane.desk.gathered_bytes)
    collector.plane.start_draining()
    await client.send(delivery()[-5:])
    response = await client.read_response(b"POST")

    assert (response.status, response.values(b"connection")) == (204, [b"close"])
    assert await outcome(collector) is Outcome.TAKEN


# Rates.


async def answer(client: Peer) -> Message:
    await client.send(delivery())
    return await client.read_response(b"POST")


async def test_client_that_delivers_too_often_is_told_when_to_come_again(
    serve: Serve, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await serve(collecting(backend, replace(COLLECTING, deliveries_per_minute=2)))
    now = 1000.0
    monkeypatch.setattr(proxy.plane.desk, "_clock", lambda: now)
    statuses = [(await answer(await proxy.connect())).status for _ in range(2)]
    refused = await answer(await proxy.connect())
    now += 31.0
    recovered = await answer(await proxy.connect())

    assert statuses == [204, 204]
    check_refusal(refused, 429, "too_many_deliveries")
    assert refused.values(b"retry-after") == [b"30"]
    assert recovered.status == 204
    assert [each for each, _ in proxy.deliveries].count(Outcome.LIMITED) == 1


async def test_clients_behind_a_trusted_proxy_are_told_apart(serve: Serve, backend: Backend) -> None:
    settings = replace(COLLECTING, deliveries_per_minute=1)
    proxy = await serve(collecting(backend, settings, trusts_loopback=True))
    client = await proxy.connect()
    statuses: list[int] = []
    for address in (b"192.0.2.1", b"192.0.2.2", b"2001:db8::1", b"2001:db8::2"):
        await client.send(delivery(REPORTS, b"X-Forwarded-For: " + address))
        statuses.append((await client.read_response(b"POST")).status)

    assert statuses == [204, 204, 204, 429]


async def test_deliveries_under_way_are_bounded_in_all(collector: Proxy) -> None:
    collector.plane.desk.gathered_bytes = MAX_GATHERED_BYTES + 1
    response = await answer(await collector.connect())
    collector.plane.desk.gathered_bytes = 0

    check_refusal(response, 429, "too_many_deliveries")


def test_no_client_is_remembered_but_the_last() -> None:
    rates = Rates()
    for number in range(MAX_CLIENTS + 5):
        rates.take(str(number), 1, 0.0)

    assert len(rates._left) == MAX_CLIENTS
    assert rates.take(str(MAX_CLIENTS), 1, 0.0) > 0
    assert rates.take("0", 1, 0.0) == 0


@given(st.integers(1, 100), st.lists(st.floats(0.0, 30.0), max_size=200))
def test_no_window_takes_more_than_its_length_allows(per_minute: int, pauses: list[float]) -> None:
    """A minute's deliveries at once, and then as many per minute."""
    rates, now, taken = Rates(), 0.0, 0
    for pause in pauses:
        now += pause
        wait_s = rates.take("client", per_minute, now)
        taken += not wait_s
        if wait_s:
            assert rates.take("client", per_minute, now + wait_s + 1e-6) == 0
            taken += 1
            now += wait_s + 1e-6

        assert taken <= per_minute * (1 + now / 60.0) + 1e-3


# Whatever comes.


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["type", "url", "body", "age", "csp-report"]), inner, max_size=4)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
async def test_any_content_is_answered_and_the_connection_stays(collector: Proxy, body: bytes) -> None:
    client = await collector.ask(delivery(body) + delivery())
    first, second = await client.read_response(b"POST"), await client.read_response(b"POST")
    client.close()

    assert first.status in (204, 400)
    assert second.status == 204
