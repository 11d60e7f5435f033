"""Active checks: what is asked, what counts as healthy, and what follows from it."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from support.answering import Answering
from support.generations import generation, upstream
from support.names import Names
from support.planes import Proxy, Serve
from support.wire import Backend, TlsBackend, until

from xoproxy.config.settings import Endpoint, HealthCheck, LogLevel, Resolving, UpstreamSettings, UpstreamTls
from xoproxy.dataplane.upstreams.standing import Standing

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OFTEN = HealthCheck("/healthz?a=b", interval_s=0.02, timeout_s=5.0, healthy_after=2, unhealthy_after=2)


def checked(settings: UpstreamSettings, check: HealthCheck = OFTEN) -> UpstreamSettings:
    return replace(settings, health_check=check)


def health(proxy: Proxy) -> list[bool]:
    return [state.is_healthy for state in proxy.upstream.states()]


# The rule.


@pytest.mark.parametrize(
    ("checks", "changes"),
    [
        pytest.param("pppp", "....", id="healthy from the start"),
        pytest.param("fff", "..-", id="unhealthy after three"),
        pytest.param("ffpfff", ".....-", id="three in a row"),
        pytest.param("fffpp", "..-.+", id="healthy again after two"),
        pytest.param("fffpfpp", "..-...+", id="two in a row"),
        pytest.param("fffffpp", "..-...+", id="further failures change nothing"),
    ],
)
def test_so_many_checks_in_a_row_change_what_an_address_counts_as(checks: str, changes: str) -> None:
    standing, check = Standing(None), HealthCheck("/", healthy_after=2, unhealthy_after=3)
    for step, change in zip(checks, changes, strict=True):
        assert standing.checked(check, 0.0, passed=step == "p") is (change != ".")
        assert change == "." or standing.is_healthy is (change == "+")
        assert (standing.avoided_until > 0.0) is not standing.is_healthy


# On the wire.


async def test_a_check_is_a_get_that_says_who_asks(serve: Serve, backend: Backend) -> None:
    await serve(generation(checked(upstream(backend.endpoint))))
    origin = await backend.accept()

    assert (await origin.read_request()).head == (
        b"GET /healthz?a=b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: xoproxy/health-check\r\nConnection: close\r\n\r\n"
        % backend.port
    )
    await origin.send(b"HTTP/1.1 200 OK\r\n\r\n")
    await origin.gone()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", id="4xx"),
        pytest.param(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", id="5xx"),
        pytest.param(b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 500 No\r\n\r\n", id="after an interim response"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", id="no valid HTTP"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 70000, id="a head without end"),
        pytest.param(None, id="nothing"),
    ],
)
async def test_an_address_that_answers_badly_is_unhealthy_until_it_answers_well(serve: Serve, answer: bytes | None) -> None:
    server, other = Answering(answer), Answering()
    await server.start()
    await other.start()
    endpoints = (Endpoint("127.0.0.1", server.port), Endpoint("127.0.0.1", other.port))
    proxy = await serve(generation(checked(upstream(*endpoints))))
    await until(lambda: health(proxy) == [False, True])
    asked = [request for request in server.requests if b"health-check" not in request]
    clients = [await proxy.ask(GET) for _ in range(6)]

    assert [(await client.read_response()).status for client in clients] == [200] * 6
    assert [request for request in server.requests if b"health-check" not in request] == asked == []
    (event,) = proxy.told("health")
    assert (event.level, event.values) == (
        LogLevel.WARNING, {"upstream": "app", "address": str(endpoints[0]), "healthy": False},
    )  # fmt: skip
    server.answer = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    await until(lambda: health(proxy) == [True, True])
    assert [event.values["healthy"] for event in proxy.told("health")] == [False, True]
    server.stop()
    other.stop()


async def test_an_address_that_refuses_is_unhealthy(serve: Serve, backend: Backend) -> None:
    backend.stop()
    proxy = await serve(generation(checked(upstream(backend.endpoint))))

    await until(lambda: health(proxy) == [False])


async def test_an_address_that_does_not_answer_in_time_is_unhealthy(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(checked(upstream(backend.endpoint), replace(OFTEN, timeout_s=0.05))))

    await until(lambda: health(proxy) == [False])
    assert "did not answer in time" in proxy.told("health")[0].message


async def test_an_unhealthy_address_is_asked_where_there_is_no_other(serve: Serve, backend: Backend) -> None:
    backend.stop()
    proxy = await serve(generation(checked(upstream(backend.endpoint), replace(OFTEN, interval_s=0.2, unhealthy_after=1))))
    await until(lambda: health(proxy) == [False])
    backend.start()
    client = await proxy.ask(GET)
    while True:
        origin = await backend.accept()
        request = await origin.read_request()
        await origin.send(OK)
        if request.target == b"/":
            break

    assert (await client.read_response()).status == 200


async def test_every_address_of_a_name_is_checked(serve: Serve, backend: Backend) -> None:
    other = Backend(host="::1", port=backend.port)
    names = Names(app=["127.0.0.1", "::1"])
    settings = replace(upstream(Endpoint("app", backend.port)), resolving=Resolving(60.0, 60.0))
    await serve(generation(checked(settings)), look_up=names.look_up)
    for each in (backend, other):
        request = await (await each.accept()).read_request()
        assert request.values(b"host") == [b"app:%d" % backend.port]

    assert names.asked == ["app"]
    other.close()


async def test_checks_end_with_the_generation_that_wants_them(serve: Serve) -> None:
    server = Answering()
    await server.start()
    settings = upstream(Endpoint("127.0.0.1", server.port))
    proxy = await serve(generation(checked(settings)))
    await until(lambda: len(server.requests) >= 3)
    proxy.plane.adopt(generation(settings, number=2))
    await until(lambda: not any(task.get_name().startswith("health") for task in asyncio.all_tasks()))
    await until(lambda: not server.open)
    asked = len(server.requests)
    client = await proxy.ask(GET)

    assert (await client.read_response()).status == 200
    assert len(server.requests) == asked + 1
    server.stop()


async def test_checks_go_on_with_a_generation_that_changes_something_else(serve: Serve) -> None:
    server = Answering(None)
    await server.start()
    settings = checked(upstream(Endpoint("127.0.0.1", server.port)))
    proxy = await serve(generation(settings))
    await until(lambda: health(proxy) == [False])
    proxy.plane.adopt(generation(settings, number=2))

    assert health(proxy) == [False]
    server.answer = OK
    await until(lambda: health(proxy) == [True])
    server.stop()


async def test_a_socket_in_the_file_system_is_checked(serve: Serve, tmp_path: Path) -> None:
    backend = Backend(path=str(tmp_path / "app.sock"))
    await serve(generation(checked(upstream(backend.endpoint))))
    request = await (await backend.accept()).read_request()

    assert request.values(b"host") == [b"localhost"]
    backend.close()


async def test_checks_of_an_https_upstream_verify_it(serve: Serve, tmp_path: Path) -> None:
    """With the same trust as requests: what they could not use is not healthy."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()

    backend = TlsBackend(script)
    await backend.start(context)
    endpoint = Endpoint("127.0.0.1", backend.port, secure=True)
    trusting = checked(upstream(endpoint, tls=UpstreamTls(ca=str(tmp_path / "ca.pem"))), replace(OFTEN, unhealthy_after=1))
    proxy = await serve(generation(trusting))
    doubting = await serve(generation(checked(upstream(endpoint))))
    await until(lambda: health(doubting) == [False])

    assert health(proxy) == [True]
    assert "certificate" in doubting.told("health")[0].message
    for each in (proxy, doubting):
        each.plane.abort()
    await backend.stop()
