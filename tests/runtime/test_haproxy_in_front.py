"""Behind a real HAProxy that speaks the PROXY protocol: text and binary, TLS ended by it or passed on, its health checks."""

import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from support.backends import Backend, Reply, plain_backend
from support.ports import free_port
from support.processes import XoproxyProcess

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
LIMIT_S = 20.0
CLIENT = "127.0.0.2"  # loopback has more addresses than one: so the client's is not the balancer's
GET = b"GET / HTTP/1.1\r\nHost: front.example\r\nConnection: close\r\n\r\n"

CONFIG = """
version: 1
upstream: {backend}
admin: off
trusted_proxies: [127.0.0.1]
listen:
  - {{address: "127.0.0.1:{plain}", proxy_protocol: true}}
  - {{address: "127.0.0.1:{secure}", proxy_protocol: true, tls: {{certificate: {pem}, key: {pem}}}}}
"""
# name: how the client comes, where it goes, how HAProxy says so
ROUTES = {
    "text": ("", "plain", "send-proxy"),
    "binary": ("", "plain", "send-proxy-v2"),
    "binary-with-values": ("", "plain", "send-proxy-v2 proxy-v2-options ssl,cert-cn,crc32c,unique-id"),
    "tls-ended": ("ssl crt {pem}", "plain", "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,crc32c"),
    "tls-ended-not-said": ("ssl crt {pem}", "plain", "send-proxy-v2"),
    "tls-passed-on-text": ("", "secure", "send-proxy"),
    "tls-passed-on-binary": ("", "secure", "send-proxy-v2 proxy-v2-options crc32c"),
    "tls-again": ("ssl crt {pem}", "secure", "send-proxy-v2-ssl ssl verify none"),
}


@dataclass
class Installation:
    """What runs: a backend, xoproxy, HAProxy with a port for each route."""

    backend: Backend
    ports: dict[str, int]
    xoproxy: XoproxyProcess
    authority: trustme.CA

    def ask(self, route: str) -> bytes:
        """Send a request, by TLS if the route wants it; return all that comes."""
        is_tls = route.startswith("tls")
        with socket.create_connection(("127.0.0.1", self.ports[route]), LIMIT_S, (CLIENT, 0)) as sock:
            context = ssl.create_default_context()
            self.authority.configure_trust(context)
            stream = context.wrap_socket(sock, server_hostname="front.example") if is_tls else sock
            with stream:
                stream.sendall(GET)
                return stream.makefile("rb").read()


def haproxy_config(ports: dict[str, int], listeners: dict[str, int], pem: Path) -> str:
    lines = ["global", "  maxconn 100", "defaults", "  mode tcp"]
    lines += [f"  timeout {what} 20s" for what in ("connect", "client", "server")]
    for name, (come, target, say) in ROUTES.items():
        lines += [
            f"listen {name}",
            "  unique-id-format %Ts",
            f"  bind 127.0.0.1:{ports[name]} {come.format(pem=pem)}",
            f"  server xoproxy 127.0.0.1:{listeners[target]} {say} check inter 50ms",
        ]
    return "\n".join(lines) + "\n"


def wait_for_port(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + LIMIT_S
    while True:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Start them all; at the end nothing may have gone wrong unseen."""
    if HAPROXY is None:
        pytest.skip("haproxy is not here")
    directory, authority = tmp_path_factory.mktemp("haproxy"), trustme.CA()
    pem = directory / "front.pem"
    authority.issue_cert("front.example").private_key_and_cert_chain_pem.write_to_path(str(pem))
    listeners = {"plain": free_port(), "secure": free_port()}
    ports = {name: free_port() for name in ROUTES}
    with plain_backend({}, Reply(b"body")) as backend:
        config = directory / "xoproxy.yaml"
        config.write_text(CONFIG.format(backend=backend.url, pem=pem, **listeners))
        xoproxy = XoproxyProcess(["run", "-c", str(config), "--no-watch"], directory / "xoproxy.log")
        log = directory / "haproxy.log"
        (directory / "haproxy.cfg").write_text(haproxy_config(ports, listeners, pem))
        try:
            for port in listeners.values():
                xoproxy.wait_for_port(port)
            with log.open("wb") as output:
                process = subprocess.Popen([HAPROXY, "-db", "-f", str(directory / "haproxy.cfg")], stdout=output, stderr=output)
            try:
                for port in ports.values():
                    wait_for_port(process, port, log)
                yield Installation(backend, ports, xoproxy, authority)
            finally:
                process.kill()
                process.wait()
        finally:
            xoproxy.stop()


@pytest.mark.parametrize("route", ROUTES)
def test_upstream_is_told_of_the_client_behind_haproxy(installation: Installation, route: str) -> None:
    installation.backend.seen.clear()
    answer = installation.ask(route)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\nbody")
    [seen] = installation.backend.seen
    assert seen.fields.get_all("X-Forwarded-For") == [CLIENT]
    is_https = route.startswith("tls") and route != "tls-ended-not-said"
    assert seen.fields.get_all("X-Forwarded-Proto") == ["https" if is_https else "http"]


def test_log_names_the_client_and_no_check_of_haproxy_is_a_fault(installation: Installation) -> None:
    """It checks each route twenty times a second, and finds all of them up."""
    answer = installation.ask("text")
    assert answer.startswith(b"HTTP/1.1 200 ")
    installation.xoproxy.wait_for_output(f'"client":"{CLIENT}"')
    lines = [json.loads(line) for line in installation.xoproxy.output.splitlines() if line.startswith("{")]

    assert {line["client"] for line in lines if "client" in line} == {CLIENT}
    assert [line for line in lines if line["level"] in ("warning", "error")] == []
