"""Nothing on the network, and no page in the operator's browser, gets past the guard."""

import base64

import pytest

from xoproxy.admin.guard import Guard, is_loopback
from xoproxy.config.settings import Address, TcpAddress, UnixAddress


def basic(credentials: str) -> str:
    """Return what a browser sends for a user name and a password."""
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


LOOPBACK = TcpAddress("127.0.0.1", 9464)
OPEN = TcpAddress("0.0.0.0", 9464)
UNIX = UnixAddress("/run/x.sock")


@pytest.mark.parametrize(
    ("address", "authority", "status"),
    [
        pytest.param(LOOPBACK, "127.0.0.1:9464", None, id="address"),
        pytest.param(LOOPBACK, "127.8.8.8", None, id="loopback-network"),
        pytest.param(LOOPBACK, "localhost:9464", None, id="localhost"),
        pytest.param(LOOPBACK, "LOCALHOST", None, id="upper-case"),
        pytest.param(LOOPBACK, "[::1]:9464", None, id="ipv6"),
        pytest.param(TcpAddress("localhost", 9464), "localhost", None, id="listens-on-a-name"),
        pytest.param(LOOPBACK, "evil.example:9464", 403, id="rebound-name"),
        pytest.param(LOOPBACK, "localhost.evil.example", 403, id="name-that-begins-well"),
        pytest.param(LOOPBACK, "127.0.0.1.evil.example:9464", 403, id="address-that-begins-well"),
        pytest.param(LOOPBACK, "192.0.2.1", 403, id="other-address"),
        pytest.param(LOOPBACK, "", 403, id="none"),
        pytest.param(OPEN, "xoproxy:9464", 401, id="name-where-the-token-counts"),
        pytest.param(UNIX, "whatever", None, id="unix"),
    ],
)
def test_host_must_name_this_machine(address: Address, authority: str, status: int | None) -> None:
    """A name that an attacker rebinds to 127.0.0.1 still stands in Host."""
    refusal = Guard(address, None).refusal("/-/config", {"Host": authority})

    assert (refusal.status if refusal else None) == status


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        pytest.param({}, False, id="no-browser"),
        pytest.param({"Sec-Fetch-Site": "none"}, False, id="typed"),
        pytest.param({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:9464"}, False, id="same-origin"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, True, id="same-site"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, True, id="cross-site"),
        pytest.param({"Sec-Fetch-Site": "nonsense"}, True, id="unknown"),
        pytest.param({"Origin": "http://localhost:9464"}, False, id="own-origin"),
        pytest.param({"Origin": "http://localhost:3000"}, True, id="other-port"),
        pytest.param({"Origin": "https://evil.example"}, True, id="other-origin"),
        pytest.param({"Origin": "null"}, True, id="null"),
        pytest.param({"Origin": ""}, True, id="empty"),
    ],
)
@pytest.mark.parametrize("path", ["/-/healthy", "/-/reload"])
def test_pages_of_other_origins_are_refused(path: str, fields: dict[str, str], refused: bool) -> None:
    refusal = Guard(LOOPBACK, None).refusal(path, {"Host": "localhost:9464", **fields})

    assert (refusal is not None and refusal.status == 403) is refused


@pytest.mark.parametrize(
    ("path", "token", "authorization", "granted"),
    [
        pytest.param("/-/config", "secret", "Bearer secret", True, id="right"),
        pytest.param("/-/config", "secret", "bearer  secret", True, id="scheme-in-any-case"),
        pytest.param("/-/config", "secret", None, False, id="none"),
        pytest.param("/-/config", "secret", "Bearer secre", False, id="short"),
        pytest.param("/-/config", "secret", "Bearer Secret", False, id="wrong-case"),
        pytest.param("/-/config", "secret", "Basic secret", False, id="other-scheme"),
        pytest.param("/-/config", "secret", "Bearer s\udce9cret", False, id="odd-bytes"),
        pytest.param("/-/config", "secret", "secret", False, id="no-scheme"),
        pytest.param("/", "secret", basic("operator:secret"), True, id="password"),
        pytest.param("/", "secret", basic(":secret"), True, id="password-of-nobody"),
        pytest.param("/", "se:cret", basic("a:se:cret"), True, id="password-with-colon"),
        pytest.param("/", "secret", basic("secret:"), False, id="user-name"),
        pytest.param("/", "secret", basic("secret"), False, id="no-colon"),
        pytest.param("/", "secret", basic("a:Secret"), False, id="wrong-password"),
        pytest.param("/", "secret", "Basic a\xe9", False, id="no-base64"),
        pytest.param("/", "secret", "Basic ====", False, id="padding"),
        pytest.param("/", None, basic("a:"), False, id="unset-and-empty-password"),
        pytest.param("/", "secret", None, False, id="dashboard-needs-it"),
        pytest.param("/-/config", None, None, False, id="unset-and-open"),
        pytest.param("/-/config", None, "Bearer ", False, id="unset-and-empty"),
        pytest.param("/-/config", None, "Bearer None", False, id="unset-and-guessed"),
        pytest.param("/-/healthy", "secret", None, True, id="healthy-needs-none"),
        pytest.param("/-/ready", None, None, True, id="ready-needs-none"),
        pytest.param("/-/ready/", "secret", None, False, id="almost-ready"),
    ],
)
def test_network_needs_the_token(path: str, token: str | None, authorization: str | None, granted: bool) -> None:
    fields = {"Host": "xoproxy:9464"} | ({"Authorization": authorization} if authorization is not None else {})
    refusal = Guard(OPEN, token).refusal(path, fields)

    assert (refusal is None) is granted
    assert refusal is None or refusal.status == 401


def test_token_that_is_set_counts_on_loopback_too() -> None:
    assert Guard(LOOPBACK, "secret").refusal("/-/config", {"Host": "localhost"}) is not None
    assert Guard(LOOPBACK, "secret").refusal("/-/config", {"Host": "localhost", "Authorization": "Bearer secret"}) is None


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        (LOOPBACK, True),
        (TcpAddress("::1", 1), True),
        (TcpAddress("localhost", 1), True),
        (UNIX, True),
        (OPEN, False),
        (TcpAddress("", 1), False),
        (TcpAddress("::", 1), False),
        (TcpAddress("192.0.2.1", 1), False),
        (TcpAddress("myhost", 1), False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(address: Address, loopback: bool) -> None:
    assert is_loopback(address) is loopback
