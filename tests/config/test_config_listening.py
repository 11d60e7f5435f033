"""What `listen` means: where, with which certificates, and who speaks the PROXY protocol."""

from pathlib import Path

import pytest
from support.configs import compiled, problems_of

from xoproxy.config.settings import KeyPair, Listener, PassedAddress, TcpAddress, UnixAddress
from xoproxy.insight.effective import as_json

CASES = Path(__file__).parent / "cases/valid"
HEAD = "version: 1\nupstream: http://app:5000\ntrusted_proxies: 10.0.0.1\n"


def listeners(listen: str) -> tuple[Listener, ...]:
    return compiled(f"{HEAD}listen: {listen}\n").generation.settings.listeners


A, B = KeyPair("a.pem", "a-key.pem"), KeyPair("b.pem", "b-key.pem")


def test_all_forms_of_an_entry_are_read() -> None:
    settings = compiled((CASES / "listeners.yaml").read_text("utf-8")).generation.settings

    assert settings.listeners == (
        Listener(PassedAddress("web")),
        Listener(PassedAddress("tls"), (A, B)),
        Listener(TcpAddress("127.0.0.1", 8080), proxy_protocol=True),
        Listener(TcpAddress("::1", 8443), (A,), proxy_protocol=True),
        Listener(UnixAddress("/run/xoproxy.sock")),
        Listener(TcpAddress("", 0)),
        Listener(TcpAddress("", 0)),
    )


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("systemd", Listener(PassedAddress(""))),
        ("systemd:8080", Listener(PassedAddress("8080"))),
        ('"systemd:web.socket!~"', Listener(PassedAddress("web.socket!~"))),
        ("system:80", Listener(TcpAddress("system", 80))),
        ("{address: ':1', tls: {certificate: a.pem, key: a-key.pem}}", Listener(TcpAddress("", 1), (A,))),
        (
            "{address: ':1', tls: [{certificate: b.pem, key: b-key.pem}, {certificate: a.pem, key: a-key.pem}]}",
            Listener(TcpAddress("", 1), (B, A)),
        ),
        (
            "{address: ':1', tls: [{certificate: a.pem, key: a-key.pem}, {certificate: a.pem, key: a-key.pem}]}",
            Listener(TcpAddress("", 1), (A,)),
        ),
        ("{address: ':1', proxy_protocol: true}", Listener(TcpAddress("", 1), (), proxy_protocol=True)),
        ("{address: ':1', proxy_protocol: false}", Listener(TcpAddress("", 1))),
        ("{address: ':1'}", Listener(TcpAddress("", 1))),
    ],
)
def test_entry_means_this_listener(listen: str, expected: Listener) -> None:
    assert listeners(listen) == (expected,)


@pytest.mark.parametrize(
    ("listen", "is_same"),
    [
        ("[systemd:a, systemd:b]", False),
        ("[systemd:a, systemd:a]", True),
        ("[systemd:a, systemd]", True),
        ("[systemd, systemd:a]", True),
        ("[systemd, systemd]", True),
        ("[systemd, ':80']", False),
        ("[':0', ':0']", False),
        ("[unix:/a, unix:/a]", True),
    ],
)
def test_socket_is_listened_on_once(listen: str, is_same: bool) -> None:
    assert [problem.id for problem in problems_of(f"{HEAD}listen: {listen}\n")] == (["XO214"] if is_same else [])


def test_shown_as_written() -> None:
    shown = as_json(listeners("[systemd:a, {address: unix:/a, proxy_protocol: true}]"))

    assert shown == [
        {"address": "systemd:a", "key_pairs": [], "proxy_protocol": False},
        {"address": "unix:/a", "key_pairs": [], "proxy_protocol": True},
    ]


def test_message_says_whom_to_trust() -> None:
    [problem] = problems_of("version: 1\nupstream: http://app:5000\nlisten: {address: ':1', proxy_protocol: true}\n")

    assert "write trusted_proxies: [10.0.0.0/8]" in problem.message
