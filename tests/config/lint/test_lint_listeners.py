"""Plain http where browsers want https, WebSockets for everybody, and proxies that everybody is."""

import pytest
from support.lints import lints, lints_of_policy

TLS = '{address: "10.0.0.1:8443", tls: {certificate: a, key: b}}'


@pytest.mark.parametrize(
    ("listen", "found"),
    [
        ("192.168.1.5:80", ["XO310"]),
        ("app.internal:80", ["XO310"]),
        ("'[2001:db8::1]:80'", ["XO310"]),
        ("[192.168.1.5:80, 10.0.0.1:80]", ["XO310"]),
        ("0.0.0.0:80", []),  # localhost too, as of a container whose port is published there
        ("'[::]:80'", []),
        ("':8080'", []),
        ("127.0.0.1:80", []),
        ("localhost:80", []),
        ("[192.168.1.5:80, 127.0.0.1:80]", []),
        (f"[192.168.1.5:80, {TLS}]", []),
        ("unix:/run/x.sock", []),
        ("systemd", []),
    ],
)
def test_isolation_on_plain_http_of_the_network(listen: str, found: list[str]) -> None:
    assert lints(f"listen: {listen}\npolicy: isolated\n") == found
    assert lints(f"listen: {listen}\npolicy: {{corp: same-origin}}\n") == []


@pytest.mark.parametrize(
    "policy",
    [
        "{coop: same-origin}",
        "{coop: same-origin, coep: require-corp}",
        "{document_isolation: isolate-and-require-corp}",
        "{origin_agent_cluster: true}",
        "{observe: {coop: {value: same-origin, report_to: r}}}",
    ],
)
def test_keys_that_want_https(policy: str) -> None:
    """Reports among them: browsers send them from https pages only."""
    reporting = "reporting: {endpoints: {r: upstream}}\n" if "report_to" in policy else ""

    assert lints(f"{reporting}listen: 192.168.1.5:80\npolicy: {policy}\n") == ["XO310"]


def test_something_in_front_may_have_tls() -> None:
    listen = "listen: 192.168.1.5:80\npolicy: isolated\n"

    assert lints(listen + "trusted_proxies: [192.168.1.1]\n") == []
    assert (
        lints(
            listen.replace("192.168.1.5:80", "{address: '192.168.1.5:80', proxy_protocol: true}")
            + "trusted_proxies: [10.0.0.1]\n"
        )
        == []
    )


@pytest.mark.parametrize(
    ("host", "found"),
    [("www.example.com", ["XO310"]), ("'*.example.com'", ["XO310"]), ("localhost", []), ("'*.localhost'", []), ("'[::1]'", [])],
)
def test_host_of_a_route_tells_what_an_open_address_does_not(host: str, found: list[str]) -> None:
    assert lints(f"listen: 0.0.0.0:80\nroutes: [{{match: {{host: {host}}}, policy: isolated}}]\n") == found


@pytest.mark.parametrize(
    ("networks", "found"),
    [("[0.0.0.0/0]", ["XO336"]), ("'::/0'", ["XO336"]), ("[10.0.0.0/8, '::/0']", ["XO336"]), ("[10.0.0.0/8, unix]", [])],
)
def test_proxies_are_not_everybody(networks: str, found: list[str]) -> None:
    assert lints(f"trusted_proxies: {networks}\n") == found


@pytest.mark.parametrize(
    "path", ["/ws", "/wss/**", "/socket.io/**", "/api/websocket", "/web-sockets/*", "/cable", "/WebSocket"]
)
def test_path_of_websockets_wants_their_origins(path: str) -> None:
    assert lints_of_policy("corp: same-origin", f"{{path: {path}}}") == ["XO326"]
    assert lints_of_policy("websocket_origins: same-origin", f"{{path: {path}}}") == []
    assert lints_of_policy('websocket_origins: "*"', f"{{path: {path}}}") == []  # said, not forgotten


@pytest.mark.parametrize("path", ["/wsdl", "/news/**", "/api/**", "/**"])
def test_path_that_is_none_of_websockets(path: str) -> None:
    assert lints_of_policy("corp: same-origin", f"{{path: {path}}}") == []
