"""Make `tests/support` importable as `support` from every floor's tests."""

import sys
from pathlib import Path

from hypothesis import settings

# How long an example takes says how busy the machine is.  `--hypothesis-profile=long` is for hours in which nobody waits.
settings.register_profile("ci", deadline=None, database=None)
settings.register_profile("long", deadline=None, max_examples=10_000)
settings.load_profile("ci")

sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ["support.fixtures"]
