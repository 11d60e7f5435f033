"""Hosts: names in their ASCII form, addresses in every spelling, and what always means this machine."""

import pytest

from xoproxy.semantics.hosts import ends_in_a_number, ipv4, is_loopback, punycode


@pytest.mark.parametrize(
    ("host", "ascii_form"),
    [
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("B\u00dcCHER.example", "xn--bcher-kva.example"),
        ("stra\u00dfe.example", "xn--strae-oqa.example"),
        ("\uff41\uff0eexample", "a.example"),
        ("\u4f8b\u5b50\u3002\u6d4b\u8bd5", "xn--fsqu00a.xn--0zwm56d"),
    ],
)
def test_ascii_form_of_a_host_is_that_of_browsers(host: str, ascii_form: str) -> None:
    assert punycode(host) == ascii_form


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("localhost.", True),
        ("app.localhost.", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("[::1]", True),
        ("::1", True),
        ("", False),
        ("localhost.example", False),
        ("mylocalhost", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_loopback_hosts_are_trusted_in_plain_http(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("host", "address"),
    [
        pytest.param("127.0.0.1", "127.0.0.1", id="usual"),
        pytest.param("127.1", "127.0.0.1", id="the last part fills up"),
        pytest.param("0x7f.0.0.1.", "127.0.0.1", id="hexadecimal, final dot"),
        pytest.param("0X", "0.0.0.0", id="0x alone is zero"),
        pytest.param("017700000001", "127.0.0.1", id="octal"),
        pytest.param("4294967295", "255.255.255.255", id="largest"),
        pytest.param("4294967296", None, id="too large"),
        pytest.param("9" * 5000, None, id="far too large"),
        pytest.param("256.1", None, id="a high part too large"),
        pytest.param("1.2.3.4.5", None, id="five parts"),
        pytest.param("08", None, id="no octal digit"),
        pytest.param("1..2", None, id="empty part"),
        pytest.param("a.1", None, id="a name"),
        pytest.param("\u0661", None, id="a digit of another script"),
    ],
)
def test_ipv4_addresses_are_read_as_browsers_read_them(host: str, address: str | None) -> None:
    read = ipv4(host)

    assert (None if read is None else str(read)) == address


@pytest.mark.parametrize(
    ("host", "expected"),
    [("a.1", True), ("a.0x1f.", True), ("1.a", False), ("a.1b", False), ("a.09", True), ("a.0xg", False), ("", False)],
)
def test_a_host_that_ends_in_a_number_is_meant_as_an_address(host: str, *, expected: bool) -> None:
    assert ends_in_a_number(host) is expected
