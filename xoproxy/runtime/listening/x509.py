"""Read from a certificate what a server must know of its own: the names it is for, and when it ends.  (RFC 5280 §4, X.690 DER)

Python's ssl shows these of a peer's certificate only.  This reads the few fields that lie on the way, strictly; what it cannot
read is no certificate.  It verifies nothing: whether a certificate and a key work together is OpenSSL's to say.
"""

from datetime import UTC, datetime
from typing import Final

from xoproxy.slotted import dataclass

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_BOOLEAN: Final = 0x01
_OCTET_STRING: Final = 0x04
_OBJECT_IDENTIFIER: Final = 0x06
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_VERSION: Final = 0xA0  # [0] EXPLICIT
_EXTENSIONS: Final = 0xA3  # [3] EXPLICIT
_DNS_NAME: Final = 0x82  # [2] IMPLICIT IA5String
_SUBJECT_ALT_NAME: Final = bytes.fromhex("551d11")  # 2.5.29.17
_LENGTH_BYTES: Final = 3  # of a length; more than 16 MiB is no certificate


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a certificate says of itself."""

    dns_names: tuple[str, ...]  # of subjectAltName, in lower case, in order; "*.example.com" among them
    not_before: float  # in seconds since 1970
    not_after: float


class _Malformed(Exception):  # noqa: N818  never leaves this module
    """The bytes are not what DER or RFC 5280 want in this place."""


class _Values:
    """The values within one constructed value, read from the first to the last."""

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._at = start
        self._end = end

    @property
    def tag(self) -> int | None:
        """The tag of the next value; None at the end."""
        return self._data[self._at] if self._at < self._end else None

    def take(self, tag: int) -> bytes:
        """Return the content of the next value, which must have this tag."""
        start, end = self._take(tag)
        return self._data[start:end]

    def enter(self, tag: int) -> "_Values":
        """Return the values within the next value, which must have this tag."""
        return _Values(self._data, *self._take(tag))

    def skip(self) -> None:
        """Pass over the next value, whatever it is."""
        if self.tag is None:
            raise _Malformed
        self._take(self._data[self._at])

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != self._end:
            raise _Malformed

    def _take(self, tag: int) -> tuple[int, int]:
        """Return start and end of the content of the next value, and go on after it.  At least two bytes are passed over."""
        if self.tag != tag or tag & 0x1F == 0x1F or self._at + 2 > self._end:
            raise _Malformed
        length = self._data[self._at + 1]
        start = self._at + 2
        if length >= 0x80:
            size = length & 0x7F
            if not 0 < size <= _LENGTH_BYTES or start + size > self._end:
                raise _Malformed
            length = int.from_bytes(self._data[start : start + size], "big")
            if length < 0x80 or length >> (8 * (size - 1)) == 0:
                raise _Malformed  # not the shortest form
            start += size
        if start + length > self._end:
            raise _Malformed
        self._at = start + length
        return start, self._at


def read_certificate(der: bytes) -> CertificateFacts | None:
    """Read a certificate; None if it is not one."""
    try:
        return _read(der)
    except (_Malformed, ValueError):
        return None


def _read(der: bytes) -> CertificateFacts:
    outer = _Values(der, 0, len(der))
    certificate = outer.enter(_SEQUENCE)
    outer.end()
    signed = certificate.enter(_SEQUENCE)
    certificate.skip()  # signatureAlgorithm
    certificate.skip()  # signatureValue
    certificate.end()
    if signed.tag == _VERSION:
        signed.skip()
    signed.take(_INTEGER)  # serialNumber
    signed.take(_SEQUENCE)  # signature
    signed.take(_SEQUENCE)  # issuer
    validity = signed.enter(_SEQUENCE)
    not_before, not_after = _time(validity), _time(validity)
    validity.end()
    signed.take(_SEQUENCE)  # subject
    signed.take(_SEQUENCE)  # subjectPublicKeyInfo
    names: tuple[str, ...] = ()
    while signed.tag is not None:
        if signed.tag == _EXTENSIONS:
            names = _names_of_extensions(signed.enter(_EXTENSIONS))
        else:
            signed.skip()  # unique identifiers, which nobody uses
    return CertificateFacts(names, not_before, not_after)


def _time(values: _Values) -> float:
    """Read a time.  Raises ValueError for one that does not exist.  (RFC 5280 §4.1.2.5: in seconds, and Z)"""
    if values.tag == _UTC_TIME:
        text = values.take(_UTC_TIME)
        century = b"19" if text[:2] >= b"50" else b"20"
        text = century + text
    else:
        text = values.take(_GENERALIZED_TIME)
    if len(text) != 15 or text[-1:] != b"Z" or not text[:-1].isdigit():
        raise _Malformed
    year, *rest = (int(text[start:end]) for start, end in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14)))
    month, day, hour, minute, second = rest
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()


def _names_of_extensions(explicit: _Values) -> tuple[str, ...]:
    extensions = explicit.enter(_SEQUENCE)
    explicit.end()
    names: list[str] = []
    while extensions.tag is not None:
        extension = extensions.enter(_SEQUENCE)
        identifier = extension.take(_OBJECT_IDENTIFIER)
        if extension.tag == _BOOLEAN:
            extension.skip()  # critical
        content = extension.take(_OCTET_STRING)
        extension.end()
        if identifier == _SUBJECT_ALT_NAME:
            names += _dns_names(content)
    return tuple(names)


def _dns_names(content: bytes) -> list[str]:
    outer = _Values(content, 0, len(content))
    general_names = outer.enter(_SEQUENCE)
    outer.end()
    names: list[str] = []
    while general_names.tag is not None:
        if general_names.tag == _DNS_NAME:
            names.append(general_names.take(_DNS_NAME).decode("ascii").lower())  # a UnicodeDecodeError is a ValueError
        else:
            general_names.skip()
    return names
