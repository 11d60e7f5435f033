"""Make `tests/support` importable as `support` from every floor's tests."""

import gc
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is.  `--hypothesis-profile=long` is for hours in which nobody waits.
settings.register_profile("ci", deadline=None, database=None)
settings.register_profile("long", deadline=None, max_examples=10_000)
settings.load_profile("ci")

sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ["support.fixtures"]

# Of few tests, which take long.
LONG = (
    "tests/stress/",
    "tests/runtime/workers/",
    "tests/browser/",
    "tests/docs/test_login_popup",
    "tests/admin/test_dashboard",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no process waits for another at the end: xdist alone goes by the number of tests."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_collection_finish() -> None:
    """Let collections pass over what was imported: many tests make one, to see what they left behind."""
    gc.collect()
    gc.freeze()
