"""Configurations, and a log that can be read back."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from xoproxy.config import Loaded, Overrides, compile_text
from xoproxy.config.settings import KeyPair
from xoproxy.telemetry.events import Event

TLS_FILES = Path(__file__).parent / "tls"


@pytest.fixture
def compiled() -> Callable[[str], Loaded]:
    """Return `compiled(text)`: the text as generation 1."""

    def compile_it(text: str) -> Loaded:
        return compile_text(text, "xoproxy.yaml", Overrides(), environ={}, today=date(2026, 1, 1), number=1)

    return compile_it


@pytest.fixture
def events() -> list[Event]:
    """Return the list that the code under test reports its events to."""
    return []


@pytest.fixture
def tls(tmp_path: Path) -> Callable[[str], KeyPair]:
    """Return `tls(name)`: puts that certificate and key where the returned paths point, over those before."""

    def put(name: str) -> KeyPair:
        pair = KeyPair(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
        shutil.copy(TLS_FILES / f"{name}-cert.pem", pair.certificate)
        shutil.copy(TLS_FILES / f"{name}-key.pem", pair.key)
        return pair

    return put
