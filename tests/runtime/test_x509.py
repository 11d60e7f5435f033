"""What is read of certificates is what `cryptography` reads; and nothing that is no certificate does harm."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from xoproxy.runtime.listening.x509 import CertificateFacts, read_certificate

KEY = ec.generate_private_key(ec.SECP256R1())
START = datetime(2020, 1, 1, tzinfo=UTC)
LABELS = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?", fullmatch=True)
DNS = st.builds(
    lambda star, labels: ("*." if star else "") + ".".join(labels), st.booleans(), st.lists(LABELS, min_size=1, max_size=4)
)
GENERAL_NAMES = st.lists(
    st.one_of(
        DNS.map(x509.DNSName),
        st.ip_addresses().map(x509.IPAddress),
        LABELS.map(lambda label: x509.UniformResourceIdentifier(f"https://{label}/")),
        LABELS.map(lambda label: x509.RFC822Name(f"{label}@example.com")),
    ),
    min_size=1,
    max_size=200,
)
MOMENTS = st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


def certificate(
    names: list[x509.GeneralName] | None,
    not_after: datetime = START,
    not_before: datetime | None = None,
    *more: x509.ExtensionType,
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "not.a.dns.name.here")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(1000)
        .not_valid_before(not_before or not_after - timedelta(seconds=1))
        .not_valid_after(not_after)
    )
    for extension in more:
        builder = builder.add_extension(extension, critical=True)
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def by_cryptography(der: bytes) -> CertificateFacts:
    read = x509.load_der_x509_certificate(der)
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    return CertificateFacts(
        tuple(name.lower() for name in names), read.not_valid_before_utc.timestamp(), read.not_valid_after_utc.timestamp()
    )


@settings(max_examples=60, deadline=None)
@given(names=st.one_of(st.none(), GENERAL_NAMES), moments=st.tuples(MOMENTS, MOMENTS).filter(lambda pair: pair[0] != pair[1]))
def test_facts_are_those_that_cryptography_reads(
    names: list[x509.GeneralName] | None, moments: tuple[datetime, datetime]
) -> None:
    """Years before and after 2050 are written in two ways, and lengths in four."""
    der = certificate(names, max(moments), min(moments))

    assert read_certificate(der) == by_cryptography(der)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param((x509.BasicConstraints(ca=True, path_length=None),), id="critical"),
        pytest.param((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\xff" * 70_000),), id="large"),
        pytest.param((x509.KeyUsage(*[True] * 7, True, False), x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH])), id="several"),
    ],
)
def test_names_are_found_among_other_extensions(more: tuple[x509.ExtensionType, ...]) -> None:
    der = certificate([x509.DNSName("a.example"), x509.IPAddress(ipaddress.ip_address("::1"))], START, None, *more)

    found = read_certificate(der)
    assert found == by_cryptography(der)
    assert found is not None
    assert found.dns_names == ("a.example",)


def test_certificate_of_an_authority_is_read() -> None:
    for made in (
        trustme.CA().issue_cert("*.a.example", "127.0.0.1", "b.example"),
        trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("c.d"),
    ):
        der = ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())

        assert read_certificate(der) == by_cryptography(der)


DER = certificate(
    [x509.DNSName("a.example"), x509.DNSName("*.b.example")], START, None, x509.BasicConstraints(ca=True, path_length=0)
)


def test_truncated_certificate_is_none() -> None:
    assert read_certificate(DER) is not None
    for size in range(len(DER)):
        assert read_certificate(DER[:size]) is None
    assert read_certificate(DER + b"\0") is None


def test_certificate_with_any_byte_changed_never_raises() -> None:
    """It is none, or one with other facts: a changed key or signature is not ours to notice."""
    for at in range(len(DER)):
        for value in (0x00, 0x01, 0x1F, 0x30, 0x7F, 0x80, 0x81, 0x84, 0xFF):
            changed = read_certificate(DER[:at] + bytes((value,)) + DER[at + 1 :])

            assert changed is None or isinstance(changed, CertificateFacts)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_none(data: bytes) -> None:
    assert read_certificate(data) is None


def value(tag: int, *content: bytes) -> bytes:
    inner = b"".join(content)
    size = b"" if len(inner) < 0x80 else len(inner).to_bytes(2, "big").lstrip(b"\0")
    return bytes((tag, 0x80 | len(size) if size else len(inner))) + size + inner


def made(not_after: bytes, *parts: bytes) -> bytes:
    """Return a certificate by hand: what `cryptography` would not sign."""
    validity = value(0x30, value(0x17, b"500101000000Z"), not_after)
    signed = value(0x30, value(0x02, b"\x01"), value(0x30), value(0x30), validity, value(0x30), value(0x30), *parts)
    return value(0x30, signed, value(0x30), value(0x03, b"\0"))


def extension(*general_names: bytes) -> bytes:
    inner = value(0x30, value(0x06, bytes.fromhex("551d11")), value(0x04, value(0x30, *general_names)))
    return value(0xA3, value(0x30, inner))


END = value(0x18, b"20991231235959Z")


def test_certificate_made_by_hand_is_read() -> None:
    """Of version 1, with a unique identifier, and with the first year that two digits can write."""
    read = read_certificate(made(END, value(0x81, b"\0x"), extension(value(0x82, b"A.example"))))

    assert read == CertificateFacts(
        ("a.example",), datetime(1950, 1, 1, tzinfo=UTC).timestamp(), datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    )


@pytest.mark.parametrize(
    "der",
    [
        pytest.param(made(value(0x18, b"20991231235960Z")), id="no-such-second"),
        pytest.param(made(value(0x18, b"20990229000000Z")), id="no-such-day"),
        pytest.param(made(value(0x18, b"00000101000000Z")), id="no-such-year"),
        pytest.param(made(value(0x18, b"20991231235959+")), id="no-zone"),
        pytest.param(made(value(0x18, b"20991231235959.5Z")), id="fraction"),
        pytest.param(made(value(0x18, b"2099 231235959Z")), id="space"),
        pytest.param(made(value(0x17, b"9912312359Z")), id="no-seconds"),
        pytest.param(made(value(0x13, b"20991231235959Z")), id="another-type"),
        pytest.param(made(END, extension(value(0x82, b"\xe4.example"))), id="name-beyond-ascii"),
        pytest.param(made(END, extension(b"\x82\x81\x01a")), id="length-in-two-bytes-that-fits-one"),
        pytest.param(made(END, extension(b"\x82\x82\x00\x81" + b"a" * 129)), id="length-with-a-leading-zero"),
        pytest.param(made(END, extension(b"\x82\x80a\0\0")), id="length-without-end"),
        pytest.param(made(END, extension(b"\x82\x84\x00\x00\x00\x81" + b"a" * 129)), id="length-in-four-bytes"),
        pytest.param(made(END, extension(b"\x9f\x22\x01a")), id="tag-of-several-bytes"),
        pytest.param(made(END, extension(b"\x82")), id="tag-alone"),
        pytest.param(made(END, value(0xA3, value(0x30), value(0x30))), id="two-lists-of-extensions"),
        pytest.param(value(0x30, value(0x30)), id="no-signature"),
    ],
)
def test_what_der_or_the_profile_forbid_is_none(der: bytes) -> None:
    assert read_certificate(der) is None
