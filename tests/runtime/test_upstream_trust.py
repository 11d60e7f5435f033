"""The certificate files of upstreams are tried before anything is served by them."""

import os
from pathlib import Path

import pytest
import trustme

from xoproxy.config.generation import Generation
from xoproxy.config.settings import Endpoint, KeyPair, Settings, UpstreamSettings, UpstreamTls
from xoproxy.policy.model import Policy, ReportingEndpoints
from xoproxy.policy.routes import RouteTable
from xoproxy.runtime.listening.sockets import ListenError, check_upstream_trust
from xoproxy.runtime.local import LocalEngine
from xoproxy.telemetry.counters import Counters
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.journal import Journal


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


async def test_a_renewal_that_cannot_be_used_is_said_and_changes_nothing(pair: KeyPair, tmp_path: Path) -> None:
    settings = Settings((), (of(UpstreamTls(key_pair=pair)),), None)
    events: list[Event] = []
    output = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    journal = Journal(output, settings.log, Counters())
    engine = LocalEngine(
        Generation(1, "test", "", settings, RouteTable((), Policy(), ReportingEndpoints())), journal, emit=events.append
    )
    fine = await engine.renew_certificates()
    Path(pair.key).write_text("half of a key")
    [problem] = await engine.renew_certificates()
    engine.abort()
    journal.close()
    os.close(output)

    assert fine == []
    assert "which the upstream app is to be shown" in problem
    assert [(event.name, event.message) for event in events] == [("certificate", problem)]
