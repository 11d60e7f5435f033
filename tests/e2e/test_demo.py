"""`xoproxy demo`: a backend without cross-origin fields, the proxy in front of it, and two addresses."""

import http.client
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.processes import XoproxyProcess

from xoproxy.cli.demo import ports
from xoproxy.cli.demo.backend import Backend, site

CROSS_ORIGIN_FIELDS = ("access-control-", "cross-origin-", "vary", "timing-allow-origin")


@pytest.fixture
def backend() -> Iterator[Backend]:
    """Run the demo's backend alone."""
    server = Backend(0)
    server.site = site("http://localhost:1", "http://localhost:2")
    with server.serving():
        yield server


def ask(port: int, method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Return status, fields and content of one exchange."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, headers=fields or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "fields", "status"),
    [
        pytest.param("GET", "/", {}, 200, id="page"),
        pytest.param("GET", "/?query", {}, 200, id="page-with-query"),
        pytest.param("HEAD", "/", {}, 200, id="head"),
        pytest.param("GET", "/demo.js", {}, 200, id="script"),
        pytest.param("GET", "/worker.js", {}, 200, id="worker"),
        pytest.param("GET", "/picture.svg", {}, 200, id="picture"),
        pytest.param("GET", "/api/items", {}, 200, id="items"),
        pytest.param("GET", "/api/broken", {}, 500, id="broken"),
        pytest.param("GET", "/api/private", {}, 401, id="unauthorized"),
        pytest.param("GET", "/api/private", {"Authorization": "Bearer demo"}, 200, id="authorized"),
        pytest.param("GET", "/api/nothing", {}, 404, id="unknown"),
        pytest.param("OPTIONS", "/api/private", {"Access-Control-Request-Method": "GET"}, 501, id="preflight"),
    ],
)
def test_demo_backend_sends_no_cross_origin_field(
    backend: Backend, method: str, path: str, fields: dict[str, str], status: int
) -> None:
    """Whatever the backend answers, it says nothing about other origins: what the browser grants is xoproxy's doing."""
    got, headers, content = ask(backend.port, method, path, {"Origin": "http://localhost:2", **fields})

    assert got == status
    assert not [name for name in headers if name.lower().startswith(CROSS_ORIGIN_FIELDS)]
    assert bool(content) is (method != "HEAD")


def test_demo_page_names_both_addresses(backend: Backend) -> None:
    """Whoever opened one address finds the other on the page."""
    content = ask(backend.port, "GET", "/")[2]

    assert b"http://localhost:1" in content
    assert b"http://localhost:2" in content
    assert b"{{" not in content


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., XoproxyProcess]]:
    """Return `demo(arguments...)`: the command, running; ended by SIGINT, as Ctrl-C does, with exit code 0."""
    running: list[XoproxyProcess] = []

    def start(*arguments: str) -> XoproxyProcess:
        process = XoproxyProcess(["demo", *arguments], tmp_path / f"demo-{len(running)}.log")
        running.append(process)
        process.wait_for_output("Ctrl-C")
        return process

    yield start
    for process in running:
        process.stop(signal.SIGINT)


def addresses(process: XoproxyProcess) -> tuple[int, int]:
    """Return the ports of the two printed addresses: direct, through."""
    direct, through = (urlsplit(url).port or 0 for url in re.findall(r"http://localhost:\d+", process.output))
    return direct, through


def test_demo_prints_a_bare_and_an_isolated_address(demo: Callable[..., XoproxyProcess]) -> None:
    """The same page comes from both, with the isolating fields from the second alone."""
    direct, through = addresses(demo("--port", "0", "--backend-port", "0"))

    bare, isolated = ask(direct, "GET", "/"), ask(through, "GET", "/")

    assert bare[2] == isolated[2]
    assert bare[1]["Cross-Origin-Embedder-Policy"] is None
    assert isolated[1]["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert isolated[1]["Cross-Origin-Opener-Policy"] == "same-origin"


def test_demo_answers_the_preflight_its_backend_cannot(demo: Callable[..., XoproxyProcess]) -> None:
    """`Authorization` from the page's other origin is granted, and the 500 can be read there."""
    through = addresses(demo("--port", "0", "--backend-port", "0"))[1]
    origin = f"http://localhost:{through}"
    preflight = {"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}

    granted = ask(through, "OPTIONS", "/api/private", preflight)
    failure = ask(through, "GET", "/api/broken", {"Origin": origin})

    assert granted[0] == 204
    assert "authorization" in granted[1]["Access-Control-Allow-Headers"].lower()
    assert failure[0] == 500
    assert failure[1]["Access-Control-Allow-Origin"] == origin


def test_second_demo_finds_ports_of_its_own(demo: Callable[..., XoproxyProcess]) -> None:
    """The default ports are only where it looks first."""
    first, second = addresses(demo()), addresses(demo())

    assert len({*first, *second}) == 4
    assert ask(second[1], "GET", "/")[0] == 200


def test_demo_on_a_port_in_use_says_so(tmp_path: Path) -> None:
    """A port that was asked for is not exchanged for another: exit code 3, one line, no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for option in ("--port", "--backend-port"):
            process = XoproxyProcess(["demo", option, str(taken.getsockname()[1])], tmp_path / "demo.log")

            assert process.wait() == 3
            assert "in use" in process.output
            assert "Traceback" not in process.output


@pytest.mark.parametrize("port", ["65536", "-1", "http", "", "٣"])
def test_what_is_no_port_is_a_usage_error(tmp_path: Path, port: str) -> None:
    """Exit code 2 and the offending text; 0, any port, is the only odd one that is taken."""
    process = XoproxyProcess(["demo", f"--port={port}"], tmp_path / "demo.log")

    assert process.wait() == 2
    assert "is no port" in process.output


def test_demo_goes_on_after_a_reload(demo: Callable[..., XoproxyProcess]) -> None:
    """SIGHUP finds the policy unchanged."""
    process = demo("--port", "0", "--backend-port", "0")
    process.send(signal.SIGHUP)

    assert ask(addresses(process)[1], "GET", "/")[1]["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_port_is_chosen_on_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can listen where there is no address."""
    unassigned = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "192.0.2.1"))
    monkeypatch.setattr(ports, "LOOPBACK", unassigned)

    assert ports.is_free(ports.choose_port(0, 1))


def test_kernel_is_asked_until_its_port_is_free_under_both_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives out a port of 127.0.0.1; on ::1 somebody may have it."""
    free = iter([False, False, True])
    monkeypatch.setattr(ports, "is_free", lambda port: next(free))

    assert ports.choose_port(0, 1) > 1
    assert list(free) == []


def test_default_port_is_taken_where_it_is_free() -> None:
    """A port nobody has is given as it is; 0 asks the kernel."""
    free = ports.choose_port(0, 1)

    assert ports.choose_port(None, free) == free
    assert ports.choose_port(free, 1) == free
    assert free != 1


@pytest.mark.parametrize("address", [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_port_taken_under_either_name_of_the_machine_is_not_free(address: tuple[str, socket.AddressFamily]) -> None:
    """`localhost` may be 127.0.0.1 or ::1 to a browser; a program on either would be met instead."""
    with socket.socket(address[1]) as taken:
        try:
            taken.bind((address[0], 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        taken.listen()
        port = taken.getsockname()[1]

        assert not ports.is_free(port)
        assert ports.choose_port(None, port) != port
