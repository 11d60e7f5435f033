"""Run a proxy with a policy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.policy import POLICY, Policy
from benchmarks.processes import Server
from benchmarks.proxies import Place, Proxy
from benchmarks.wire import free_port


@dataclass(frozen=True, slots=True)
class Stage:
    """What all runs have in common: a temporary directory, the backend, the proxy's core."""

    directory: Path
    backend_port: int
    cores: frozenset[int]
    certificate: Path | None = None  # without, no proxy speaks TLS


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that answers."""

    proxy: Proxy
    place: Place
    server: Server
    start_s: float  # from its start to its first answer through to the backend

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.place.port


@contextmanager
def running(proxy: Proxy, stage: Stage, policy: Policy = POLICY, workers: int = 1) -> Iterator[Running]:
    """Run `proxy` with a policy until the end of the block."""
    port = free_port()
    tls_port, certificate = (free_port(), stage.certificate) if stage.certificate else (0, Path())
    place = Place(stage.directory / f"{proxy.name}-{port}", port, stage.backend_port, tls_port, certificate, workers)
    config = proxy.config_file(place)
    config.parent.mkdir(parents=True, exist_ok=True)  # the port may be one that was used before
    config.write_text(proxy.config(place, policy), encoding="utf-8")
    with Server(proxy.command(place), place.output, stage.cores, proxy.environment()) as server:
        yield Running(proxy, place, server, server.wait_until_answering(port, "/small"))
