"""Same origin, same site, schemelessly same site."""

import pytest

from xoproxy.browser.sites import host_of, registrable_domain, same_origin, same_site, scheme_of, schemelessly_same_site


@pytest.mark.parametrize(
    ("one", "other", "origin", "site", "schemelessly"),
    [
        pytest.param(b"https://a.example", b"https://a.example", True, True, True, id="same"),
        pytest.param(b"https://a.example", b"https://a.example:8443", False, True, True, id="another-port"),
        pytest.param(b"https://a.example", b"http://a.example", False, False, True, id="another-scheme"),
        pytest.param(b"https://a.site.example", b"https://b.site.example", False, True, True, id="siblings"),
        pytest.param(b"https://a.example", b"https://b.example", False, False, False, id="another-domain"),
        pytest.param(b"https://one.co.uk", b"https://two.co.uk", False, False, False, id="under-a-public-suffix"),
        pytest.param(b"https://one.github.io", b"https://two.github.io", False, False, False, id="under-a-private-suffix"),
        pytest.param(b"https://co.uk", b"https://one.co.uk", False, False, False, id="the-suffix-itself"),
        pytest.param(b"https://co.uk", b"https://co.uk:8443", False, True, True, id="the-suffix-with-another-port"),
        pytest.param(b"http://localhost:3000", b"http://localhost:8000", False, True, True, id="localhost"),
        pytest.param(b"http://a.localhost", b"http://b.localhost", False, False, False, id="names-under-localhost"),
        pytest.param(b"http://10.0.0.1:1", b"http://10.0.0.1:2", False, True, True, id="one-address"),
        pytest.param(b"http://10.0.0.1", b"http://11.0.0.1", False, False, False, id="two-addresses"),
        pytest.param(b"null", b"null", False, False, False, id="opaque"),
        pytest.param(b"null", b"https://a.example", False, False, False, id="opaque-and-tuple"),
    ],
)
def test_origins_are_compared(one: bytes, other: bytes, origin: bool, site: bool, schemelessly: bool) -> None:
    """HTML §7.1.1: "same origin", "same site", "schemelessly same site"."""
    assert same_origin(one, other) is same_origin(other, one) is origin
    assert same_site(one, other) is same_site(other, one) is site
    assert schemelessly_same_site(one, other) is schemelessly_same_site(other, one) is schemelessly


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("a.b.example", "b.example"),
        ("a.b.co.uk.", "b.co.uk"),
        ("co.uk", None),
        ("127.0.0.1", None),
        ("[::1]", None),
        ("localhost", None),
    ],
)
def test_a_registrable_domain_is_what_someone_registered(host: str, domain: str | None) -> None:
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        (b"https://a.example:8443", "a.example", "https"),
        (b"http://[::1]:80", "[::1]", "http"),
        (b"http://[::1]", "[::1]", "http"),
    ],
)
def test_a_serialized_origin_has_scheme_and_host(origin: bytes, host: str, scheme: str) -> None:
    assert (host_of(origin), scheme_of(origin)) == (host, scheme)
