"""The CORS protocol's server side.  (Fetch §3.3)

Rule 1: a refused origin gets no Access-Control field at all.
Rule 2: what could differ by Origin says so on every response (`varies`), for whatever origin it was made, or none.
Rule 3: a preflight's answer lists all methods and field names of the route, not those it was asked about: browsers cache it by
method and name, and an answer cut to the question would be asked for again.
Rule 4: ``*`` is never sent where a browser would read it as a name: with credentials, names asked for are echoed instead.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from xoproxy.policy.model import ANY, Cors
from xoproxy.policy.origins import OriginRule
from xoproxy.semantics.grammar import TOKEN_ONLY
from xoproxy.semantics.heads import RequestHead
from xoproxy.semantics.lists import tokens
from xoproxy.semantics.origins import parse_origin
from xoproxy.slotted import dataclass

ALLOW_ORIGIN: Final = b"Access-Control-Allow-Origin"
ALLOW_CREDENTIALS: Final = b"Access-Control-Allow-Credentials"
ALLOW_METHODS: Final = b"Access-Control-Allow-Methods"
ALLOW_HEADERS: Final = b"Access-Control-Allow-Headers"
EXPOSE_HEADERS: Final = b"Access-Control-Expose-Headers"
MAX_AGE: Final = b"Access-Control-Max-Age"
# Of Private Network Access (WICG drafts of 2021 to 2024), which gave way to Local Network Access: no field grants that.
REQUEST_PRIVATE_NETWORK: Final = b"Access-Control-Request-Private-Network"
ALLOW_PRIVATE_NETWORK: Final = b"Access-Control-Allow-Private-Network"
_REQUEST_PRIVATE_NETWORK: Final = REQUEST_PRIVATE_NETWORK.lower()

# Never need listing (Fetch, "CORS-safelisted method").
SAFELISTED_METHODS: Final = (b"GET", b"HEAD", b"POST")

# Bounds on Access-Control-Request-Headers.  Browsers send some hundred bytes; whoever sends more gets no echo.
MAX_REQUEST_HEADERS_BYTES: Final = 4096
MAX_REQUEST_HEADERS: Final = 128


class CorsOutcome(StrEnum):
    """What became of a request in the CORS protocol."""

    NONE = "none"
    GRANTED = "granted"
    REFUSED = "refused"
    PREFLIGHT_GRANTED = "preflight-granted"
    PREFLIGHT_REFUSED = "preflight-refused"
    PREFLIGHT_FORWARDED = "preflight-forwarded"  # of a granted origin; what else it asks is for the backend to judge

    __hash__ = str.__hash__  # an enumeration's own is written in Python, and each exchange is counted under its outcome


class Preflight(NamedTuple):
    """What a CORS-preflight request asks.  A tuple, because answers are remembered by it."""

    origin: bytes
    method: bytes  # as in Access-Control-Request-Method
    header_values: tuple[bytes, ...]  # of Access-Control-Request-Headers, one for each line
    private_network: bool = False  # whether it is one of Private Network Access too


@dataclass(frozen=True, slots=True)
class PreflightVerdict:
    """The answer to a preflight of a granted origin: its field lines, and what the browser will object to, if anything."""

    lines: bytes
    objection: str | None  # "method", "headers" or None


def read_preflight(head: RequestHead, origin: bytes, method: bytes) -> Preflight:
    """Return what a preflight asks, of which `origin` and `method` are known."""
    header_values = tuple(head.values(b"access-control-request-headers"))
    return Preflight(origin, method, header_values, b"true" in head.values(_REQUEST_PRIVATE_NETWORK))


def requested_names(values: Sequence[bytes]) -> tuple[bytes, ...] | None:
    """Return the field names of Access-Control-Request-Headers, lower case, each once, in the order sent.

    Lines may be split, unsorted, padded, with empty members: intermediaries do that.  None if a member is no token or
    there are more than a browser sends.
    """
    if sum(map(len, values)) > MAX_REQUEST_HEADERS_BYTES:
        return None
    names = tuple(dict.fromkeys(name for value in values for name in tokens(value.lower())))
    if len(names) > MAX_REQUEST_HEADERS or any(TOKEN_ONLY.fullmatch(name) is None for name in names):
        return None
    return names


def _listed(names: Sequence[bytes]) -> bytes:
    """Return a list of field names as the file writes them, each once whatever its case."""
    return b", ".join({name.lower(): name for name in reversed(names)}[name] for name in dict.fromkeys(map(bytes.lower, names)))


class CorsRule:
    """A `Cors`, compiled."""

    __slots__ = (
        "_any",
        "_credentialed",
        "_headers",
        "_headers_line",
        "_methods",
        "_methods_line",
        "_origins",
        "_preflight_tail",
        "_tail",
        "exposes_all",
        "grants_private_network",
        "varies",
    )

    def __init__(self, cors: Cors) -> None:
        self._any = cors.allow_origins is ANY
        self._credentialed = cors.allow_credentials
        self._origins = OriginRule(cors)
        self.grants_private_network = cors.legacy_private_network
        self._methods = None if cors.allow_methods is ANY else frozenset((*cors.allow_methods, *SAFELISTED_METHODS))
        self._headers = None if cors.allow_headers is ANY else frozenset(name.lower() for name in cors.allow_headers)
        self.varies = not self._any or self._credentialed  # else the answer is one constant (Fetch §3.3.5)
        self.exposes_all = cors.expose_headers is ANY
        credentials = ALLOW_CREDENTIALS + b": true\r\n" if self._credentialed else b""
        expose = b""
        if cors.expose_headers is not ANY and cors.expose_headers:
            expose = EXPOSE_HEADERS + b": " + _listed(cors.expose_headers) + b"\r\n"
        self._tail = credentials + expose
        max_age = b"" if cors.max_age_s is None else b"%s: %d\r\n" % (MAX_AGE, cors.max_age_s)
        self._preflight_tail = credentials + max_age
        listed = cors.allow_methods or SAFELISTED_METHODS
        if listed is ANY:
            listed = SAFELISTED_METHODS if self._credentialed else (b"*",)
        self._methods_line = ALLOW_METHODS + b": " + b", ".join(listed) + b"\r\n"
        names = cors.allow_headers if cors.allow_headers is not ANY else ()
        self._headers_line = ALLOW_HEADERS + b": " + _listed(names) + b"\r\n" if names else b""

    def grants(self, origin: bytes) -> bool:
        """Whether `origin`, as it came in an Origin field, may read.  ``null`` only if that was asked for by name."""
        if self._any and (not self._credentialed or parse_origin(origin) is not None):
            return True
        return self._origins.covers(origin)

    def lines(self, origin: bytes) -> bytes:
        """Return the field lines of an actual response to a granted origin; where the answer is constant, to anyone."""
        return self._allow_origin(origin) + self._tail

    def answer_preflight(self, asked: Preflight) -> PreflightVerdict:
        """Return the answer to a preflight from a granted origin."""
        names = requested_names(asked.header_values)
        objection = None
        is_token = TOKEN_ONLY.fullmatch(asked.method) is not None
        if not is_token or (self._methods is not None and asked.method not in self._methods):
            objection = "method"
        elif names is None or (self._headers is not None and not self._headers.issuperset(names)):
            objection = "headers"
        methods_line = self._methods_line
        if self._methods is None and self._credentialed and is_token:
            methods_line = ALLOW_METHODS + b": " + asked.method + b"\r\n"
        headers_line = self._headers_line
        if self._headers is None and names:
            headers_line = ALLOW_HEADERS + b": " + b", ".join(names) + b"\r\n"
        lines = self._allow_origin(asked.origin) + methods_line + headers_line + self._preflight_tail
        if self.grants_private_network and asked.private_network:
            lines += ALLOW_PRIVATE_NETWORK + b": true\r\n"
        return PreflightVerdict(lines, objection)

    def _allow_origin(self, origin: bytes) -> bytes:
        return ALLOW_ORIGIN + b": " + (origin if self.varies else b"*") + b"\r\n"
