"""What seeing what happens costs a request: everything off, each part alone, everything on.

The admin endpoint is asked for its metrics once a second, as Prometheus would at its most eager, spans go to a collector that
takes them, and the requests are page loads of a browser that reports, on a route that observes.
"""

import contextlib
import importlib.util
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from benchmarks.errors import MissingError
from benchmarks.load import Load, Round, load_once
from benchmarks.policy import Policy
from benchmarks.proxies import Place
from benchmarks.proxies.xoproxy import Xoproxy
from benchmarks.running import Running, Stage, running
from benchmarks.wire import LOOPBACK, ask, free_port
from benchmarks.workloads import Request

OFF: Final = "everything off"
SCRAPE_INTERVAL_S: Final = 1.0

_PAGE_LOAD: Final = Request(
    "page load",
    "GET of a page by a browser that reports",
    {
        "Host": "www.example.com",  # loads from this machine are no evidence, and would not be counted
        "Sec-CH-UA": '"Chromium";v="156", "Not:A-Brand";v="8"',
        "Sec-Fetch-Site": "none",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    },
    target="/small",
)


@dataclass(frozen=True, slots=True)
class Watched(Xoproxy):
    """xoproxy with some of what there is for watching it.  `admin_port` 0: no admin endpoint."""

    logs: bool = False
    collects: bool = False
    keys: str = ""  # further top-level keys of the file
    admin_port: int = 0

    def config(self, place: Place, policy: Policy) -> str:  # noqa: ARG002  the policy is the same for all
        """Return the policy file's text."""
        endpoint = "/.well-known/xoproxy/reports" if self.collects else "https://reports.example.com/"
        return f"""version: 1
listen: {LOOPBACK}:{place.port}
admin: {f"{LOOPBACK}:{self.admin_port}" if self.admin_port else "off"}
upstream: http://{LOOPBACK}:{place.backend_port}
policy: {{coop: same-origin, report_to: isolation, observe: {{coep: require-corp}}}}
reporting: {{endpoints: {{isolation: "{endpoint}"}}}}
log: {{level: {"info" if self.logs else "warning"}{", request_fields: [User-Agent]" if self.keys else ""}}}
{self.keys}"""


def variants(collector: str) -> tuple[Watched, ...]:
    """Return what is compared; `collector`: the URL to which spans go."""
    tracing = "tracing: propagate\n"
    exporting, sampled = (f'tracing: {{export: "{collector}", sample: {share}%}}\n' for share in (100, 10))
    return (
        Watched(OFF),
        Watched("access log", logs=True),
        Watched("admin endpoint", admin_port=free_port()),
        Watched("reports", collects=True),
        Watched("traces begun", keys=tracing),
        Watched("traces exported", keys=exporting),
        Watched("everything on", logs=True, collects=True, keys=exporting, admin_port=free_port()),
        Watched("everything on, 10 % of traces", logs=True, collects=True, keys=sampled, admin_port=free_port()),
    )


def measure_watching(stage: Stage, load: Load, tell: Callable[[str], None]) -> list[Round]:
    """Return `load.rounds` rounds of each variant, in turns.

    Raises:
        MissingError: the exporter of traces is not installed.
        BenchmarkError: a request failed.
    """
    if importlib.util.find_spec("opentelemetry") is None:
        raise MissingError("the part `watching` exports traces: pip install 'xoproxy[otel]'")
    found: list[Round] = []
    script = stage.directory / "load.lua"
    with ExitStack() as stack:
        collector = stack.enter_context(_collector())
        stood = [stack.enter_context(running(variant, stage)) for variant in variants(collector)]
        stack.enter_context(_scraping(stood))
        for one in stood:
            load_once(one, _PAGE_LOAD, replace(load, seconds=1), script)
        for number in range(load.rounds):
            tell(f"watching: round {number + 1} of {load.rounds}")
            found += [load_once(one, _PAGE_LOAD, load, script) for one in (stood[::-1] if number % 2 else stood)]
    return found


@contextmanager
def _collector() -> Iterator[str]:
    """Run something that takes spans; return its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response_only(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}/v1/traces"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _scraping(stood: list[Running]) -> Iterator[None]:
    """Ask every admin endpoint for its metrics, once a second."""
    ports = [one.proxy.admin_port for one in stood if isinstance(one.proxy, Watched) and one.proxy.admin_port]
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(SCRAPE_INTERVAL_S):
            for port in ports:
                with contextlib.suppress(OSError):
                    ask(port, "/-/metrics")

    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
