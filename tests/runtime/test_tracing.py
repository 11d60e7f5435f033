"""Traces in real processes: what reaches the backend, the log and the collector is one and the same trace."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.backends import Backend, Reply, plain_backend
from support.otlp import Collector, attributes, collecting
from support.ports import free_port
from support.processes import XoproxyProcess
from support.supervised import config_of, supervised, until

from xoproxy.config.settings import Exporting, TracingSettings
from xoproxy.runtime import tracing
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.runtime.tracing import check_tracing

BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""
MISSING = "tracing.export needs OpenTelemetry, which is not installed: run pip install 'xoproxy[otel]'"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture
def backend() -> Iterator[Backend]:
    with plain_backend({"/a": Reply(b"ok")}) as running:
        yield running


def traced(lines: list[dict[str, object]]) -> list[str]:
    """Return the traces of the requests in the log."""
    return [str(line["trace_id"]) for line in lines if line["event"] == "exchange"]


@pytest.mark.parametrize("workers", [1, 2])
def test_backend_log_and_collector_see_the_same_trace(
    tmp_path: Path, backend: Backend, collector: Collector, workers: int
) -> None:
    """Each worker exports for itself, and at its end what waits."""
    config = config_of(backend.url, workers, f"tracing: {{export: '{collector.url}', service_name: shop}}\n")
    with supervised(tmp_path, config) as proxy:
        for _ in range(12):
            assert proxy.get("/a").read() == b"ok"
    sent = [seen.fields["traceparent"].split("-") for seen in backend.seen]

    assert len(sent) == 12
    assert sorted(traced(proxy.lines)) == sorted(parts[1] for parts in sent)
    assert sorted((span.trace_id.hex(), span.span_id.hex()) for span in collector.spans) == sorted(
        (parts[1], parts[2]) for parts in sent
    )
    assert len({parts[2] for parts in sent}) == 12
    assert {attributes(span)["url.path"] for span in collector.spans} == {"/a"}
    assert {resource["service.name"] for resource in collector.resources} == {"shop"}
    assert "opentelemetry" not in proxy.output


def test_reload_brings_and_ends_the_export(tmp_path: Path, backend: Backend, collector: Collector) -> None:
    """What waits when it ends is sent."""
    with supervised(tmp_path, config_of(backend.url, 1)) as proxy:
        proxy.get("/a").read()
        assert proxy.reload(config_of(backend.url, 1, f"tracing: {{export: '{collector.url}'}}\n"))["outcome"] == "applied"
        proxy.get("/a").read()
        assert proxy.reload(config_of(backend.url, 1, "tracing: propagate\n"))["outcome"] == "applied"
        proxy.get("/a").read()
        until(lambda: len(collector.spans) == 1)
    before, while_on, after = traced(proxy.lines)

    assert before == ""
    assert [span.trace_id.hex() for span in collector.spans] == [while_on]
    assert after not in ("", while_on)
    assert "traceparent" not in backend.seen[0].fields


def test_library_is_not_imported_where_nothing_is_exported() -> None:
    """It takes some tenths of a second and megabytes."""
    said = "import sys, xoproxy.runtime.local; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", said], check=True, capture_output=True, text=True)

    assert done.stdout == "[]\n"


def test_collector_that_is_gone_keeps_nobody_waiting(tmp_path: Path, backend: Backend) -> None:
    """Neither a request nor the end; the log says it once."""
    with supervised(tmp_path, config_of(backend.url, 1, f"tracing: {{export: 'http://127.0.0.1:{free_port()}'}}\n")) as proxy:
        for _ in range(3):
            assert proxy.get("/a").read() == b"ok"
        until(lambda: [line for line in proxy.lines if line["event"] == "export"])
        for _ in range(3):
            assert proxy.get("/a").read() == b"ok"
    told = [line for line in proxy.lines if line["event"] == "export"]

    assert [(line["level"], line["logger"], line["outcome"]) for line in told] == [("warning", "xoproxy.tracing", "failing")]
    assert "refused" in told[0]["message"].lower()


@pytest.fixture
def without(tmp_path: Path) -> Callable[..., XoproxyProcess]:
    """Return what starts xoproxy where OpenTelemetry is not installed."""
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "sitecustomize.py").write_text(BLOCK, encoding="utf-8")

    def start(config: Path, *more: str) -> XoproxyProcess:
        path = os.pathsep.join([str(tmp_path / "blocked"), *filter(None, [os.environ.get("PYTHONPATH")])])
        arguments = ["run", "-c", str(config), "--admin", "off", "--no-watch", *more]
        return XoproxyProcess(arguments, tmp_path / "log", {"PYTHONPATH": path})

    return start


@pytest.mark.parametrize("workers", [1, 2])
def test_start_says_what_is_missing(tmp_path: Path, without: Callable[..., XoproxyProcess], workers: int) -> None:
    config = tmp_path / "x.yaml"
    config.write_text(config_of("http://127.0.0.1:1", workers, "tracing: {export: 'http://otel:4318'}\n"), encoding="utf-8")
    process = without(config, "--listen", f"127.0.0.1:{free_port()}")

    assert process.wait() == 3
    assert MISSING in process.output
    assert "Traceback" not in process.output


def test_reload_that_needs_what_is_missing_is_refused(tmp_path: Path, without: Callable[..., XoproxyProcess]) -> None:
    """Everything of it: the policy in force stays, and what it passes on needs no library."""
    config, port = tmp_path / "x.yaml", free_port()
    config.write_text(config_of("http://127.0.0.1:1", 1, "tracing: propagate\n"), encoding="utf-8")
    process = without(config, "--listen", f"127.0.0.1:{port}")
    process.wait_for_port(port)
    config.write_text(config_of("http://127.0.0.1:1", 1, "tracing: {export: 'http://otel:4318'}\n"), encoding="utf-8")
    process.send(signal.SIGHUP)
    process.wait_for_output(MISSING)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 502 ")
    process.stop()
    lines = [json.loads(line) for line in process.output.splitlines() if line.startswith("{")]

    assert [line["outcome"] for line in lines if line["event"] == "reload"] == ["rejected"]
    assert [len(trace) for trace in traced(lines)] == [32]


def test_what_is_missing_is_looked_for_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> None:
        raise ValueError(f"{name}.__spec__ is None")

    monkeypatch.setattr(tracing, "find_spec", find_spec)
    check_tracing(None)
    check_tracing(TracingSettings())
    with pytest.raises(ListenError, match="pip install"):
        check_tracing(TracingSettings(exporting=Exporting("http://otel:4318")))
