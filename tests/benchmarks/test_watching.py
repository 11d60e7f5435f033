"""What the part `watching` compares is what it says."""

from datetime import date
from pathlib import Path

import pytest

from benchmarks.policy import POLICY
from benchmarks.proxies import Place
from benchmarks.watching import OFF, Watched, variants
from xoproxy.config import Overrides, compile_text
from xoproxy.config.settings import LogLevel

VARIANTS = {variant.name: variant for variant in variants("http://127.0.0.1:4318/v1/traces")}


def what_is_on(variant: Watched) -> set[str]:
    """Return what a variant's policy file turns on."""
    text = variant.config(Place(Path(), 1, 2), POLICY)
    loaded = compile_text(text, variant.name, Overrides(), environ={}, today=date(2026, 1, 1), number=1)
    settings = loaded.generation.settings
    tracing = settings.tracing
    on = {
        "admin": settings.admin is not None,
        "log": settings.log.level is LogLevel.INFO,
        "reports": bool(settings.collecting.targets),
        "traces": tracing is not None,
        "export": tracing is not None and tracing.exporting is not None,
    }
    return {name for name, is_on in on.items() if is_on}


@pytest.mark.parametrize(
    ("name", "on"),
    [
        (OFF, set()),
        ("access log", {"log"}),
        ("admin endpoint", {"admin"}),
        ("reports", {"reports"}),
        ("traces begun", {"traces"}),
        ("traces exported", {"traces", "export"}),
        ("everything on", {"admin", "log", "reports", "traces", "export"}),
        ("everything on, 10 % of traces", {"admin", "log", "reports", "traces", "export"}),
    ],
)
def test_a_variant_has_what_its_name_says(name: str, on: set[str]) -> None:
    assert what_is_on(VARIANTS[name]) == on


def test_every_variant_is_told_of_above() -> None:
    assert len(VARIANTS) == 8
