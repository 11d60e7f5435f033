"""What the data plane tells the counters: connections, what the backend sent of the policy's own, ejected addresses."""

from dataclasses import replace

import pytest
from support.generations import APP, READABLE, generation, upstream
from support.planes import Serve
from support.ports import free_port
from support.wire import Backend, until

from xoproxy.config.settings import Ejection, Endpoint
from xoproxy.policy.model import FieldEdits, Policy, UpstreamFields

GET = b"GET / HTTP/1.1\r\nHost: h\r\nOrigin: " + APP + b"\r\n\r\n"
OURS = b"Cross-Origin-Resource-Policy: same-origin\r\naccess-control-allow-ORIGIN: *\r\nAccess-Control-Allow-Origin: *\r\n"
COUNTED = (b"cross-origin-resource-policy", b"access-control-allow-origin", b"access-control-allow-origin")


@pytest.mark.parametrize(
    ("policy", "lines", "conflicts"),
    [
        pytest.param(READABLE, OURS, COUNTED, id="each-line"),
        pytest.param(replace(READABLE, upstream_fields=UpstreamFields.PASSTHROUGH), OURS, COUNTED, id="whoever-wins"),
        pytest.param(READABLE, b"Cross-Origin-Opener-Policy: same-origin\r\nVary: Accept\r\n", (), id="left-to-the-backend"),
        pytest.param(READABLE, b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n", (), id="of-the-connection"),
        pytest.param(Policy(), OURS, (), id="no-policy"),
        pytest.param(Policy(fields=FieldEdits(set=((b"X-A", b"1"),))), b"X-A: 2\r\n", (), id="set-by-headers"),
    ],
)
async def test_backend_fields_that_the_policy_owns_are_told(
    serve: Serve, backend: Backend, policy: Policy, lines: bytes, conflicts: tuple[bytes, ...]
) -> None:
    proxy = await serve(generation(upstream(backend.endpoint), policy=policy))
    client = await proxy.ask(GET)
    await backend.answer_once(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n")
    await client.read_head()

    assert (await proxy.record()).conflicts == conflicts


async def test_accepted_connections_are_counted(serve: Serve, backend: Backend) -> None:
    proxy = await serve(generation(upstream(backend.endpoint)))
    for _ in range(3):
        await proxy.connect()
    await until(lambda: proxy.plane.connections == 3)

    assert proxy.plane.counters.accepted == 3


async def test_ejections_are_counted_by_upstream_and_address(serve: Serve) -> None:
    gone = Endpoint("127.0.0.1", free_port())
    proxy = await serve(generation(replace(upstream(gone), ejection=Ejection(1, 60.0, 60.0))))
    client = await proxy.ask(GET)
    await client.read_head()

    assert proxy.plane.counters.ejections == {("app", str(gone)): 1}
    assert [view.ejections for view in proxy.plane.addresses] == [1]
    assert proxy.plane.waiting == {"app": 0}
    assert (await proxy.record()).forward_to == "app"
