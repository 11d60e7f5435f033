"""A certificate for the time of a run."""

import subprocess
from pathlib import Path

from benchmarks.errors import MissingError
from benchmarks.tools import find


def make_certificate(directory: Path) -> Path | None:
    """Return a PEM file with a certificate (ECDSA, P-256: cheap, and all proxies have it) and its key; None without openssl."""
    try:
        openssl = find("openssl")
    except MissingError:
        return None
    key, certificate, both = (directory / name for name in ("key.pem", "certificate.pem", "tls.pem"))
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = [openssl, "req", "-x509", *kind, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, capture_output=True, check=True)
    both.write_text(certificate.read_text(encoding="ascii") + key.read_text(encoding="ascii"), encoding="ascii")
    return both
