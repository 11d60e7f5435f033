"""Reloads under load: nobody's request fails, and no response mixes two policies."""

import http.client
import threading
import time
from pathlib import Path

from support.backends import Reply
from support.fixtures import PlainFactory, ProxyFactory

PATIENCE_S = 20.0
FIELDS = ("Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy", "Cross-Origin-Resource-Policy")
POLICIES = (
    ("same-origin", "require-corp", "same-origin"),
    ("same-origin-allow-popups", "credentialless", "cross-origin"),
)


class Client(threading.Thread):
    """Asks again and again on one connection, and keeps what came."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.ending = threading.Event()
        self.seen: list[tuple[str | None, ...]] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            while not self.ending.is_set():
                connection.request("GET", "/")
                response = connection.getresponse()
                assert (response.status, response.read()) == (200, b"hello")
                self.seen.append(tuple(response.getheader(name) for name in FIELDS))
        except Exception as exc:  # noqa: BLE001  told to the test
            self.failure = exc
        finally:
            connection.close()


def test_fifty_reloads_under_load_lose_nothing_and_mix_nothing(plain: PlainFactory, proxy: ProxyFactory) -> None:
    backend = plain({"/": Reply(b"hello")})

    def config(policy: tuple[str, str, str]) -> str:
        opener, embedder, resource = policy
        return f"version: 1\nupstream: {backend.url}\npolicy: {{coop: {opener}, coep: {embedder}, corp: {resource}}}\n"

    running = proxy(config(POLICIES[0]))
    clients = [Client(running.port), Client(running.port)]
    for client in clients:
        client.start()
    for number in range(1, 51):
        save(running.config, config(POLICIES[number % 2]))
        wait_until_seen(clients, POLICIES[number % 2])
    for client in clients:
        client.ending.set()
        client.join(PATIENCE_S)

    assert [client.failure for client in clients] == [None, None]
    assert {fields for client in clients for fields in client.seen} == set(POLICIES)
    for client in clients:
        changes = sum(before != after for before, after in zip(client.seen, client.seen[1:], strict=False))
        assert changes == 50


def save(path: Path, text: str) -> None:
    """Save as editors do."""
    draft = path.with_suffix(".tmp")
    draft.write_text(text)
    draft.replace(path)


def wait_until_seen(clients: list[Client], policy: tuple[str, str, str]) -> None:
    """Return once every client's last answer was by `policy`."""
    deadline = time.monotonic() + PATIENCE_S
    while not all(client.seen and client.seen[-1] == policy for client in clients):
        assert all(client.failure is None for client in clients), clients[0].failure or clients[1].failure
        assert time.monotonic() < deadline
        time.sleep(0.001)
