"""Which certificate a client is shown, when a renewed one is, and when somebody is told to see to it."""

import asyncio
import gc
import shutil
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from support.generations import generation, upstream
from support.wire import Backend, soon, until

from xoproxy.config.settings import KeyPair, Listener, LogLevel, TcpAddress
from xoproxy.runtime.listening import listeners as listeners_module
from xoproxy.runtime.listening.certificates import Certificates, _ignore_unreadable_names
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.telemetry.events import Event

if TYPE_CHECKING:
    from tests.runtime.listeners.conftest import Front, Open
else:
    Front = Open = Any

AUTHORITY = trustme.CA()
RSA, ECDSA = trustme.KeyType.RSA, trustme.KeyType.ECDSA
ANY = TcpAddress("127.0.0.1", 0)
END = datetime(2030, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Issue = Callable[..., KeyPair]


def write(pair: KeyPair, *names: str, **options: Any) -> KeyPair:
    """Put a new certificate and key where `pair` points."""
    issued = AUTHORITY.issue_cert(*names, **options)
    Path(pair.certificate).write_bytes(issued.cert_chain_pems[0].bytes())
    Path(pair.key).write_bytes(issued.private_key_pem.bytes())
    return pair


@pytest.fixture
def issue(tmp_path: Path) -> Issue:
    """Return `issue(*names)`: a certificate for these names, in files of its own."""
    made: list[KeyPair] = []

    def issue_one(*names: str, **options: Any) -> KeyPair:
        made.append(KeyPair(str(tmp_path / f"{len(made)}-cert.pem"), str(tmp_path / f"{len(made)}-key.pem")))
        return write(made[-1], *names, **options)

    return issue_one


def der(pair: KeyPair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(Path(pair.certificate).read_text())


def client(alpn: tuple[str, ...] = ("h2", "http/1.1")) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    AUTHORITY.configure_trust(context)
    context.set_alpn_protocols([*alpn])
    return context


async def tls(front: Front, name: str | None, context: ssl.SSLContext | None = None, at: int = 0) -> ssl.SSLObject:
    """Return a finished handshake in which `name` was asked for."""
    port = int(front.listeners.opened[at].names()[0].rpartition(":")[2])
    _, writer = await soon(asyncio.open_connection("127.0.0.1", port, ssl=context or client(), server_hostname=name or ""))
    done: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return done


async def shown(front: Front, name: str | None, context: ssl.SSLContext | None = None, at: int = 0) -> bytes:
    """Return the certificate that a client is shown who asks for `name`."""
    certificate = (await tls(front, name, context, at)).getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


@pytest.fixture
async def open_tls(open_front: Open, backend: Backend) -> Callable[..., Any]:
    async def start(*pairs: KeyPair) -> Front:
        return await open_front(generation(upstream(backend.endpoint)), Listener(ANY, pairs))

    return start


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["tls1.2", "tls1.3"])
async def test_name_decides_which_certificate_is_shown(open_tls: Any, issue: Issue, version: ssl.TLSVersion) -> None:
    """Its own before a wildcard's, one label for the star, the first for all others; keys of both kinds."""
    first = issue("first.example", key_type=RSA)
    wild = issue("*.wild.example", "second.wild.example")
    exact = issue("exact.wild.example", "10.0.0.1", "second.wild.example", key_type=RSA)
    front = await open_tls(first, wild, exact)
    context = client()
    context.minimum_version = context.maximum_version = version

    table = {
        None: first,
        "first.example": first,
        "other.example": first,
        "wild.example": first,
        "a.b.wild.example": first,
        "x.wild.example": wild,
        "X.Wild.EXAMPLE": wild,
        "exact.wild.example": exact,
        "EXACT.wild.example": exact,
        "second.wild.example": wild,
    }
    for name, pair in table.items():
        assert await shown(front, name, context) == der(pair), name


async def test_handshake_agrees_on_http_1_1_without_compression(open_tls: Any, issue: Issue) -> None:
    """A client that offers h2 alone is served without ALPN: Python's ssl has no way to refuse it."""
    front = await open_tls(issue("a.example"))
    both, only_h2 = await tls(front, "a.example"), await tls(front, "a.example", client(("h2",)))

    assert both.selected_alpn_protocol() == "http/1.1"
    assert only_h2.selected_alpn_protocol() is None
    assert both.version() == "TLSv1.3"
    assert both.compression() is None
    for context in (front.listeners.opened[0].context, front.listeners.opened[0].certificates.credentials[0].context):
        assert context.options & ssl.OP_NO_RENEGOTIATION
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_sessions_are_resumed(open_tls: Any, issue: Issue) -> None:
    """Although another context takes over than the connection began with."""
    front = await open_tls(issue("a.example"), issue("b.example"))
    port = int(front.name.rpartition(":")[2])
    context = client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def twice() -> list[bool | None]:
        session, reused = None, list[bool | None]()
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), 10) as sock:
                wrapped = context.wrap_socket(sock, server_hostname="b.example", session=session)
                session = wrapped.session
                reused.append(wrapped.session_reused)
                wrapped.close()
        return reused

    assert await asyncio.to_thread(twice) == [False, True]


async def test_name_that_is_not_ascii_is_refused_without_a_word(
    open_tls: Any, issue: Issue, capfd: pytest.CaptureFixture[str]
) -> None:
    """The interpreter would print a traceback for each."""
    front = await open_tls(issue("a.example"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        client().wrap_bio(incoming, outgoing, server_hostname="xx.example").do_handshake()
    hello = outgoing.read()
    assert b"xx.example" in hello
    peer = await front.connect()
    await peer.send(hello.replace(b"xx.example", b"x\xe4.example"))

    answer, _ = await peer.read_until_ended()
    assert answer[:1] in (b"", b"\x15")  # an alert
    assert capfd.readouterr().err == ""
    assert await shown(front, "a.example")


async def test_renewed_files_are_noticed(open_tls: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody's word, for connections to come."""
    monkeypatch.setattr(listeners_module, "LOOK_INTERVAL_S", 0.01)
    pair = issue("a.example", key_type=RSA)
    front = await open_tls(issue("first.example"), pair)
    before = await shown(front, "a.example")
    write(pair, "a.example", "b.example", key_type=ECDSA)
    await until(lambda: front.events)

    assert before != await shown(front, "a.example") == await shown(front, "b.example") == der(pair)
    [event] = front.events
    assert (event.level, event.name, event.values["outcome"]) == (LogLevel.INFO, "certificate", "renewed")
    assert event.values["certificate"] == pair.certificate


async def test_certificate_of_another_kind_of_key_replaces_the_old_one(open_tls: Any, issue: Issue) -> None:
    """An RSA certificate does not stay beside the ECDSA one that follows it, for clients that prefer it."""
    pair = issue("a.example", key_type=RSA)
    front = await open_tls(pair)
    write(pair, "a.example", key_type=ECDSA)
    only_rsa = client()
    only_rsa.maximum_version = ssl.TLSVersion.TLSv1_2
    only_rsa.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    assert await shown(front, "a.example", only_rsa)

    assert front.listeners.renew_certificates() == []
    assert await shown(front, "a.example") == der(pair)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await tls(front, "a.example", only_rsa)


async def test_tls_that_goes_is_looked_at_no_more(open_tls: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners_module, "LOOK_INTERVAL_S", 0.01)
    pair, other = issue("a.example"), issue("b.example")
    front = await open_tls(pair)
    assert await front.listeners.change_to((Listener(ANY, (other,)),)) == []
    Path(pair.key).unlink()
    write(other, "b.example")
    await until(lambda: front.events)

    assert [event.values["certificate"] for event in front.events] == [other.certificate]
    assert await front.listeners.change_to((Listener(ANY),)) == []
    assert front.listeners._next_look is None


# Without sockets: what is read when, and what is said.


class Clock:
    """A time that tests move."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock(END - 60 * DAY)


@pytest.fixture
def certificates(events: list[Event], clock: Clock) -> Certificates:
    return Certificates(events.append, clock)


def outcomes(events: list[Event]) -> list[object]:
    """Return what was said, and forget it."""
    said = [event.values["outcome"] for event in events]
    events.clear()
    return said


def look_twice(certificates: Certificates) -> None:
    certificates.look()
    certificates.look()


async def test_files_are_read_when_they_have_settled(certificates: Certificates, issue: Issue, events: list[Event]) -> None:
    """A certificate is written before its key, or after."""
    pair = issue("a.example", not_after=END)
    names = certificates.use((pair,))
    before = names.credentials[0].facts
    certificates.look()
    assert outcomes(events) == []

    write(pair, "b.example", not_after=END + DAY)
    certificates.look()
    assert outcomes(events) == []
    assert names.credentials[0].facts == before
    certificates.look()
    assert outcomes(events) == ["renewed"]
    assert names.choose("b.example").facts != before
    look_twice(certificates)
    assert outcomes(events) == []


async def test_pair_that_does_not_fit_keeps_the_old_one_and_is_said_once(
    certificates: Certificates, issue: Issue, events: list[Event]
) -> None:
    pair, other = issue("a.example", not_after=END), issue("b.example", not_after=END)
    names = certificates.use((pair,))
    kept = names.credentials[0].context
    shutil.copy(other.certificate, pair.certificate)
    for _ in range(5):
        certificates.look()

    [event] = events
    assert event.level is LogLevel.ERROR
    assert event.message.startswith(f"cannot use certificate {pair.certificate} with key {pair.key}: ")
    assert event.message.endswith("; the old one stays in use")
    assert names.credentials[0].context is kept
    assert outcomes(events) == ["refused"]

    shutil.copy(other.key, pair.key)
    look_twice(certificates)
    assert outcomes(events) == ["renewed"]


@pytest.mark.parametrize("damage", ["gone", "empty", "half", "nonsense", "unreadable"])
async def test_broken_file_keeps_the_old_certificate_until_it_is_mended(
    certificates: Certificates, issue: Issue, events: list[Event], damage: str
) -> None:
    pair = issue("a.example", not_after=END)
    certificates.use((pair,))
    path = Path(pair.certificate)
    content = path.read_bytes()
    path.unlink()
    if damage == "unreadable":
        path.mkdir()
    elif damage != "gone":
        path.write_bytes({"empty": b"", "half": content[:300], "nonsense": b"\xff\xfe"}[damage])
    for _ in range(5):
        certificates.look()
    assert outcomes(events) == ["refused"]

    shutil.rmtree(path) if damage == "unreadable" else path.unlink(missing_ok=True)
    path.write_bytes(content)
    for _ in range(5):
        certificates.look()
    assert outcomes(events) == []  # it is the one in use


async def test_touched_files_are_not_said_to_be_renewed(certificates: Certificates, issue: Issue, events: list[Event]) -> None:
    pair = issue("a.example", not_after=END)
    certificates.use((pair,))
    for path in (pair.certificate, pair.key):
        Path(path).write_bytes(Path(path).read_bytes())
    look_twice(certificates)

    assert certificates.renew() == []
    assert outcomes(events) == []


@pytest.mark.parametrize("whose", ["kubernetes", "certbot"])
async def test_symbolic_links_are_followed(
    certificates: Certificates, issue: Issue, events: list[Event], tmp_path: Path, whose: str
) -> None:
    """Kubernetes swaps the link of a directory; certbot lets links of files lead to the next number."""
    for number in (1, 2):
        (tmp_path / f"v{number}").mkdir()
        made = issue("a.example", not_after=END + number * DAY)
        shutil.move(made.certificate, tmp_path / f"v{number}/tls.crt")
        shutil.move(made.key, tmp_path / f"v{number}/tls.key")
    pair = KeyPair(str(tmp_path / "tls.crt"), str(tmp_path / "tls.key"))
    links = {"..data": "{v}"} if whose == "kubernetes" else {"tls.crt": "{v}/tls.crt", "tls.key": "{v}/tls.key"}
    if whose == "kubernetes":
        for name in ("tls.crt", "tls.key"):
            (tmp_path / name).symlink_to(f"..data/{name}")

    def lead_to(version: str) -> None:
        for name, target in links.items():
            (tmp_path / "new").symlink_to(target.format(v=version))
            (tmp_path / "new").rename(tmp_path / name)

    lead_to("v1")
    names = certificates.use((pair,))
    lead_to("v2")
    look_twice(certificates)

    assert outcomes(events) == ["renewed"]
    assert names.credentials[0].facts is not None
    assert names.credentials[0].facts.not_after == (END + 2 * DAY).timestamp()


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=60), []),
        (timedelta(days=14, seconds=1), []),
        (timedelta(days=14), ["expiring"]),
        (timedelta(seconds=1), ["expiring"]),
        (timedelta(0), ["expired"]),
        (timedelta(days=-400), ["expired"]),
    ],
)
async def test_expiry_is_said_at_the_start_and_once_a_day(
    certificates: Certificates, issue: Issue, events: list[Event], clock: Clock, left: timedelta, said: list[str]
) -> None:
    start = END - left
    clock.now = start
    certificates = Certificates(events.append, clock)
    certificates.use((issue("a.example", not_after=END),))
    assert outcomes(events) == said
    clock.now = start + timedelta(hours=23)
    look_twice(certificates)
    assert outcomes(events) == []

    for day in range(1, 4):
        clock.now = start + day * DAY
        look_twice(certificates)
        expected = ["expired"] if clock.now >= END else ["expiring"] if END - clock.now <= 14 * DAY else []
        assert outcomes(events) == expected


async def test_message_says_when_and_what_to_do(
    certificates: Certificates, issue: Issue, events: list[Event], clock: Clock
) -> None:
    clock.now = END - timedelta(days=3, hours=2)
    pair = issue("a.example", not_after=END)
    certificates.use((pair,))
    clock.now = END + DAY
    certificates.look()

    assert [event.message for event in events] == [
        f"certificate {pair.certificate} expires in 3 days, at 2030-01-31T12:00:00.000Z; renew it",
        f"certificate {pair.certificate} has expired, at 2030-01-31T12:00:00.000Z: clients refuse it",
    ]
    assert {event.level for event in events} == {LogLevel.WARNING}
    assert {event.values["expires"] for event in events} == {"2030-01-31T12:00:00.000Z"}


async def test_renewal_that_expires_soon_or_is_not_valid_yet_is_said(
    certificates: Certificates, issue: Issue, events: list[Event], clock: Clock
) -> None:
    pair = issue("a.example", not_after=END)
    certificates.use((pair,))
    write(pair, "a.example", not_after=clock.now + 2 * DAY)
    assert certificates.renew() == []
    assert outcomes(events) == ["renewed", "expiring"]
    clock.now = datetime(1999, 12, 31, tzinfo=UTC)
    write(pair, "a.example", not_after=END)
    assert certificates.renew() == []
    assert outcomes(events) == ["renewed", "early"]


async def test_listeners_that_name_the_same_files_share_them(
    certificates: Certificates, issue: Issue, events: list[Event]
) -> None:
    pair = issue("a.example", not_after=END)
    first, second = certificates.use((pair,)), certificates.use((pair,))
    write(pair, "a.example", "b.example", not_after=END)
    look_twice(certificates)

    assert outcomes(events) == ["renewed"]
    assert first.choose("b.example") is second.choose("b.example")
    certificates.release(first)
    assert certificates.are_used
    certificates.release(second)
    assert not certificates.are_used
    Path(pair.key).unlink()
    look_twice(certificates)
    assert certificates.renew() == outcomes(events) == []


async def test_certificate_that_no_client_would_be_shown_is_refused(certificates: Certificates, issue: Issue) -> None:
    """The first needs no name: it is shown to whoever asks for none."""
    nameless, named = issue("10.0.0.1"), issue("a.example")

    assert certificates.use((nameless, named)).choose("b.example").pair == nameless
    with pytest.raises(ListenError, match=f"no client would ever be shown {nameless.certificate}: it has no DNS name"):
        certificates.use((named, nameless))


async def test_file_of_several_things_is_read_at_its_first_certificate(
    certificates: Certificates, issue: Issue, tmp_path: Path
) -> None:
    """A chain, a key in the same file, and text around."""
    pair = issue("a.example", not_after=END)
    path = tmp_path / "all.pem"
    parts = (Path(pair.key).read_bytes(), b"subject=...\n", Path(pair.certificate).read_bytes(), AUTHORITY.cert_pem.bytes())
    path.write_bytes(b"".join(parts))
    [credential] = certificates.use((KeyPair(str(path), str(path)),)).credentials

    assert credential.facts is not None
    assert credential.facts.dns_names == ("a.example",)


async def test_certificate_whose_names_cannot_be_read_serves_as_the_first_only(
    certificates: Certificates, issue: Issue, events: list[Event]
) -> None:
    """OpenSSL takes labels of old times too; then nothing is known of names and dates."""
    pair, named = issue("a.example", not_after=END), issue("b.example", not_after=END)
    path = Path(pair.certificate)
    path.write_bytes(path.read_bytes().replace(b" CERTIFICATE-", b" X509 CERTIFICATE-"))
    names = certificates.use((pair, named))
    certificates.look()

    assert names.credentials[0].facts is None
    assert names.choose("a.example").pair == names.choose(None).pair == pair
    assert names.choose("b.example").pair == named
    assert events == []
    with pytest.raises(ListenError, match="no client would ever be shown"):
        certificates.use((named, pair))


def test_other_exceptions_that_nobody_can_catch_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: passed.append(unraisable.exc_type))
    _ignore_unreadable_names()
    _ignore_unreadable_names()

    class Broken:
        def __del__(self) -> None:
            b"\xff".decode("ascii")

    Broken()
    gc.collect()
    assert passed == [UnicodeDecodeError]
