"""Origins and the patterns that name sets of them.  (RFC 6454 §6.2; Fetch, "serialize a request origin")

An *origin* is scheme, host and port; a serialized origin is ASCII, lower case, without the scheme's default port, without path,
query, fragment and userinfo.  Browsers send nothing else, so nothing else is ever granted: comparison is by bytes.

``null`` is an opaque origin.  It parses to None here like any value that is no origin; who wants to grant it must say so.
"""

import re
from collections.abc import Iterable
from typing import Final
from weakref import WeakValueDictionary

from xoproxy.slotted import dataclass

DEFAULT_PORTS: Final = {b"http": 80, b"https": 443}

# A label has at most 63 bytes, and no hyphen at either end.
_LABEL: Final = rb"(?![a-z0-9_-]{64})[a-z0-9_]++(?:-++[a-z0-9_]++)*"
_ORIGIN: Final = re.compile(
    rb"([a-z][a-z0-9+.\-]*+)://(" + _LABEL + rb"(?:\." + _LABEL + rb")*|\[[0-9a-f:.]++\])(?::([1-9][0-9]{0,4}))?"
)
# The longest origin a browser can send: scheme, "://", a 253 byte name, ":65535".
MAX_ORIGIN_BYTES: Final = 300


@dataclass(frozen=True, slots=True)
class Origin:
    """A tuple origin.  `port` is always given: the scheme's default where the serialization leaves it out, else 0."""

    scheme: bytes
    host: bytes
    port: int

    def serialize(self) -> bytes:
        """Return the ASCII serialization.  (RFC 6454 §6.2)"""
        if self.port == DEFAULT_PORTS.get(self.scheme, 0):
            return self.scheme + b"://" + self.host
        return b"%s://%s:%d" % (self.scheme, self.host, self.port)


def parse_origin(value: bytes) -> Origin | None:
    """Parse a serialized origin strictly: None for ``null``, a default port written out, upper case, or anything else."""
    match = _ORIGIN.fullmatch(value) if len(value) <= MAX_ORIGIN_BYTES else None
    if match is None:
        return None
    default = DEFAULT_PORTS.get(match[1], 0)
    if match[3] is None:
        return Origin(match[1], match[2], default)
    port = int(match[3])
    return None if port > 65535 or port == default else Origin(match[1], match[2], port)


def own_origin(scheme: bytes, authority: bytes) -> bytes:
    """Return the serialized origin of a request to `authority` (a Host field value) over `scheme`."""
    host = authority.lower()
    default = DEFAULT_PORTS.get(scheme)
    suffix = b":%d" % default if default is not None else b""
    if suffix and host.endswith(suffix):
        host = host[: -len(suffix)]
    return scheme + b"://" + host


@dataclass(frozen=True, slots=True)
class OriginPattern:
    """A set of origins: one exactly, or by wildcards.

    `any_subdomain`: the host is one or more whole labels before ``.host``.  `port` None: any port (``:*``).
    """

    scheme: bytes
    host: bytes
    port: int | None
    any_subdomain: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether the pattern stands for one origin only."""
        return not self.any_subdomain and self.port is not None

    def text(self) -> str:
        """Return the pattern as the policy file would write it."""
        host = (b"*." if self.any_subdomain else b"") + self.host
        if self.port is None:
            return (self.scheme + b"://" + host + b":*").decode("ascii")
        return Origin(self.scheme, host, self.port).serialize().decode("ascii")


class OriginSet:
    """Answers whether an origin is covered by any of some patterns, in time that does not depend on their number."""

    __slots__ = ("__weakref__", "_exact", "_hosts", "_patterns", "_suffixes")

    @classmethod
    def shared(cls, patterns: tuple[OriginPattern, ...]) -> "OriginSet":
        """Return the set of this very tuple, the same one while it is in use: a thousand routes may share a long list."""
        found = _SHARED.get(id(patterns))
        if found is None:
            found = _SHARED[id(patterns)] = cls(patterns)
        return found

    def __init__(self, patterns: Iterable[OriginPattern]) -> None:
        exact: set[bytes] = set()
        hosts: set[tuple[bytes, bytes]] = set()  # scheme and host, any port
        suffixes: set[tuple[bytes, bytes, int | None]] = set()
        for pattern in patterns:
            if pattern.any_subdomain:
                suffixes.add((pattern.scheme, pattern.host, pattern.port))
            elif pattern.port is None:
                hosts.add((pattern.scheme, pattern.host))
            else:
                exact.add(Origin(pattern.scheme, pattern.host, pattern.port).serialize())
        self._exact = frozenset(exact)
        self._hosts = frozenset(hosts)
        self._suffixes = frozenset(suffixes)
        self._patterns = patterns  # kept, so that no other tuple can have its identity while this set is known by it

    def covers(self, serialized: bytes) -> bool:
        """Whether `serialized`, as it came in an Origin field, is one of these origins."""
        if serialized in self._exact:
            return True
        if not self._hosts and not self._suffixes:
            return False
        origin = parse_origin(serialized)
        if origin is None:
            return False
        if (origin.scheme, origin.host) in self._hosts:
            return True
        return bool(self._suffixes) and self._covers_subdomain(origin)

    def _covers_subdomain(self, origin: Origin) -> bool:
        """Walk up the host's labels: at most 127 steps for the longest name."""
        parent = origin.host.partition(b".")[2]
        while parent:
            for port in (origin.port, None):
                if (origin.scheme, parent, port) in self._suffixes:
                    return True
            parent = parent.partition(b".")[2]
        return False


_SHARED: Final = WeakValueDictionary[int, OriginSet]()  # by the identity of its patterns
