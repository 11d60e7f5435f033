"""The certificate files of upstreams are tried before anything is served by them."""

from pathlib import Path

import pytest
import trustme

from xoproxy.config.settings import Endpoint, KeyPair, UpstreamSettings, UpstreamTls
from xoproxy.runtime.listening.sockets import ListenError, check_upstream_trust


def of(tls: UpstreamTls) -> UpstreamSettings:
    return UpstreamSettings("app", (Endpoint("app", 443, secure=True),), 1.0, 1.0, tls)


@pytest.fixture
def pair(tmp_path: Path) -> KeyPair:
    own = trustme.CA().issue_cert("xoproxy.example")
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "own.pem"))
    own.private_key_pem.write_to_path(str(tmp_path / "own.key"))
    return KeyPair(str(tmp_path / "own.pem"), str(tmp_path / "own.key"))


def test_a_certificate_and_its_key_can_be_shown(pair: KeyPair) -> None:
    check_upstream_trust([of(UpstreamTls(key_pair=pair))])


@pytest.mark.parametrize(
    ("certificate", "key"),
    [
        pytest.param("own.pem", "none.key", id="a key that is not there"),
        pytest.param("none.pem", "own.key", id="a certificate that is not there"),
        pytest.param("own.pem", "own.pem", id="a certificate for a key"),
        pytest.param("own.pem", "other.key", id="another certificate's key"),
    ],
)
def test_what_cannot_be_shown_is_said_with_its_name(pair: KeyPair, tmp_path: Path, certificate: str, key: str) -> None:
    trustme.CA().issue_cert("other").private_key_pem.write_to_path(str(tmp_path / "other.key"))
    shown = KeyPair(str(tmp_path / certificate), str(tmp_path / key))

    with pytest.raises(ListenError, match=r"cannot use .*, which the upstream app is to be shown: .+"):
        check_upstream_trust([of(UpstreamTls(key_pair=shown))])
