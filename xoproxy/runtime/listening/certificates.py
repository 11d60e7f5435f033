"""The certificates of the listeners: which one a client is shown, when they are read again, when somebody must see to them.

The context that a listener's connections begin with has no certificate: the name that the client asks for decides which
context takes over, before anything was said.  (RFC 6066 §3)  So a renewal replaces a context as a whole.  The road not taken,
reading new files into the context in use, would leave an RSA certificate there beside the ECDSA one that followed it.

Renewed files are noticed by looking at them every few seconds.  Events of the kernel would come sooner, but not everywhere, and
nobody waits for a renewal: it is done days before the old certificate ends.
"""

import hashlib
import re
import ssl
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xoproxy.config.settings import KeyPair, Listener, LogLevel
from xoproxy.runtime.listening.sockets import ListenError
from xoproxy.runtime.listening.x509 import CertificateFacts, read_certificate
from xoproxy.telemetry.clock import timestamp
from xoproxy.telemetry.events import Event

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

LOOK_INTERVAL_S: Final = 2.0
EXPIRY_NOTICE_S: Final = 14 * 86400  # Let's Encrypt's last letter came 7 days before the end; certbot renews 30 days before
_DAY_S: Final = 86400

_FIRST_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

Identity = tuple[tuple[int, int, int, int] | None, ...]


class Credential:
    """One certificate with its key, as last read."""

    __slots__ = ("_content", "_seen", "_tried", "context", "facts", "pair")

    def __init__(self, pair: KeyPair, *, tolerant: bool = False) -> None:
        """`tolerant`: files that cannot be used are waited for, and handshakes fail meanwhile.  Else raises: `ListenError`."""
        self.pair = pair
        self._tried = self._seen = _identity(pair)
        try:
            self._content, self.context, self.facts = _read(pair)
        except ListenError:
            if not tolerant:
                raise
            self._content, self.context, self.facts = b"", _server_context(), None

    def settled_change(self) -> bool:
        """Whether the files are others than those last tried, and have been for a look: two are not replaced at once."""
        seen, self._seen = self._seen, _identity(self.pair)
        return self._seen == seen and self._seen != self._tried

    def renew(self) -> bool:
        """Read the files again, for connections to come.  Returns whether they say something else.

        Raises: `ListenError`; then the old ones stay in use.
        """
        self._tried = _identity(self.pair)
        before = self._content
        self._content, self.context, self.facts = _read(self.pair)
        return self._content != before


class ServerNames:
    """The certificates of one listener.  `context` is what its connections begin with."""

    def __init__(self, credentials: tuple[Credential, ...]) -> None:
        """The first of `credentials` is for clients that ask for none of the names."""
        self.credentials = credentials
        self.index()
        self.context = _server_context()
        self.context.sni_callback = self._take_over

    def index(self) -> None:
        """Look at the names again.  Where two certificates have the same, the first is shown."""
        self._by_name: dict[str, Credential] = {}
        for credential in self.credentials:
            for name in credential.facts.dns_names if credential.facts is not None else ():
                self._by_name.setdefault(name, credential)

    def choose(self, name: str | None) -> Credential:
        """Return the certificate for a name: its own, then one with a wildcard for its first label.  (RFC 9525 §6.3)"""
        if name is None:
            return self.credentials[0]
        name = name.lower()
        wildcard = "*." + name.partition(".")[2]
        return self._by_name.get(name) or self._by_name.get(wildcard) or self.credentials[0]

    def _take_over(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = self.choose(name).context


class Certificates:
    """All certificates in use.  Listeners that name the same files share what was read."""

    def __init__(self, emit: Callable[[Event], None], now: Callable[[], float] = time.time, *, tolerant: bool = False) -> None:
        """`now`: the time in seconds since 1970.  `tolerant`: as `Credential` has it."""
        self._emit = emit
        self._now = now
        self._tolerant = tolerant
        self._used: list[ServerNames] = []
        self._expiries_said_at = now()

    @property
    def are_used(self) -> bool:
        """Whether any listener has a certificate."""
        return bool(self._used)

    def use(self, pairs: tuple[KeyPair, ...]) -> ServerNames:
        """Take the certificates of a listener into use, until `release`.  Raises: `ListenError`."""
        _ignore_unreadable_names()
        present = self._credentials()
        names = ServerNames(tuple(present.get(pair) or Credential(pair, tolerant=self._tolerant) for pair in pairs))
        for credential in names.credentials[1:]:
            if not self._tolerant and (credential.facts is None or not credential.facts.dns_names):
                raise ListenError(
                    f"no client would ever be shown {credential.pair.certificate}: it has no DNS name in subjectAltName, "
                    "and only the first certificate of a listener needs none"
                )
        self._used.append(names)
        for credential in names.credentials:
            if credential.pair not in present:
                self._say_expiry(credential)
        return names

    def release(self, names: ServerNames) -> None:
        """A listener is closed."""
        self._used.remove(names)

    def look(self) -> None:
        """Read again what was replaced, and say once a day what expires."""
        for credential in self._credentials().values():
            if credential.settled_change():
                self._renew(credential)
        if abs(self._now() - self._expiries_said_at) >= _DAY_S:
            self._expiries_said_at = self._now()
            for credential in self._credentials().values():
                self._say_expiry(credential)

    def renew(self) -> list[str]:
        """Read all again, for connections to come.  Returns why, for each that cannot be used."""
        refused = (self._renew(credential) for credential in self._credentials().values())
        return [reason for reason in refused if reason is not None]

    def _credentials(self) -> dict[KeyPair, Credential]:
        return {credential.pair: credential for names in self._used for credential in names.credentials}

    def _renew(self, credential: Credential) -> str | None:
        """Read one again and say so.  Returns why it cannot be used."""
        try:
            has_changed = credential.renew()
        except ListenError as refused:
            self._say(LogLevel.ERROR, credential, "refused", f"{refused}; the old one stays in use")
            return str(refused)
        if has_changed:
            for names in self._used:
                names.index()
            self._say(LogLevel.INFO, credential, "renewed", f"certificate {credential.pair.certificate} was read again")
            self._say_expiry(credential)
        return None

    def _say_expiry(self, credential: Credential) -> None:
        facts = credential.facts
        if facts is None:
            return
        now, path = self._now(), credential.pair.certificate
        ends = timestamp(facts.not_after)
        left_s = facts.not_after - now
        if left_s <= 0:
            self._say(LogLevel.WARNING, credential, "expired", f"certificate {path} has expired, at {ends}: clients refuse it")
        elif left_s <= EXPIRY_NOTICE_S:
            message = f"certificate {path} expires in {int(left_s // _DAY_S)} days, at {ends}; renew it"
            self._say(LogLevel.WARNING, credential, "expiring", message)
        elif facts.not_before > now:
            message = f"certificate {path} is not valid before {timestamp(facts.not_before)}: is the clock right?"
            self._say(LogLevel.WARNING, credential, "early", message)

    def _say(self, level: LogLevel, credential: Credential, outcome: str, message: str) -> None:
        ends = timestamp(credential.facts.not_after) if credential.facts is not None else ""
        values = {"certificate": credential.pair.certificate, "outcome": outcome, "expires": ends}
        self._emit(Event(level, "xoproxy.tls", "certificate", message, {**values}))


def _server_context() -> ssl.SSLContext:
    """Make a context: TLS 1.2 or later, ALPN http/1.1, no compression, no renegotiation; ciphers are the module's choice."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # The module cannot refuse a client that offers h2 alone (RFC 7301 §3.2): it goes on without ALPN, which means HTTP/1.1.
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read(pair: KeyPair) -> tuple[bytes, ssl.SSLContext, CertificateFacts | None]:
    """Read a pair: a digest of it, a context that shows it, and what the certificate says.  Raises: `ListenError`."""
    content = [_content(path) for path in (pair.certificate, pair.key)]
    context = _server_context()
    try:
        context.load_cert_chain(pair.certificate, pair.key, password="")  # never ask a terminal
    except (ssl.SSLError, OSError, ValueError) as exc:
        reason = getattr(exc, "reason", None) or str(exc)
        raise ListenError(
            f"cannot use certificate {pair.certificate} with key {pair.key}: {reason}; both must be PEM, "
            "the key unencrypted and the certificate's own"
        ) from exc
    return hashlib.sha256(b"\0".join(content)).digest(), context, _facts(content[0])


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        raise ListenError(f"cannot read {path}: {(exc.strerror or str(exc)).lower()}") from exc


def _facts(pem: bytes) -> CertificateFacts | None:
    """Read the first certificate of a file: the chain follows it."""
    found = _FIRST_CERTIFICATE.search(pem)
    if found is None:
        return None
    try:
        return read_certificate(ssl.PEM_cert_to_DER_cert(found[0].decode("ascii")))
    except ValueError:  # no ASCII, or no Base64
        return None


def _identity(pair: KeyPair) -> Identity:
    """Look at what the paths lead to, through all links."""
    return tuple(_look_at(path) for path in (pair.certificate, pair.key))


def _look_at(path: str) -> tuple[int, int, int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _ignore_unreadable_names() -> None:
    """Keep the interpreter from printing a traceback for a client whose name is not ASCII: it is refused by an alert.

    Such a name never gets to `sni_callback`; what the interpreter does instead is known as an unraisable exception.
    """
    previous = sys.unraisablehook
    if isinstance(previous, _HookWithoutNames):
        return
    sys.unraisablehook = _HookWithoutNames(previous)


class _HookWithoutNames:
    """A `sys.unraisablehook` that passes on all but the decoding of such a name."""

    def __init__(self, previous: Callable[["UnraisableHookArgs"], object]) -> None:
        self._previous = previous

    def __call__(self, unraisable: "UnraisableHookArgs", /) -> None:
        """Take an exception that nobody can catch."""
        if isinstance(unraisable.exc_value, UnicodeDecodeError) and isinstance(unraisable.object, bytes):
            return
        self._previous(unraisable)


def check_certificates(listeners: Iterable[Listener]) -> None:
    """Try the certificates of listeners.  Raises: `ListenError` if one cannot be used."""
    for listener in listeners:
        for pair in listener.key_pairs:
            Credential(pair)
