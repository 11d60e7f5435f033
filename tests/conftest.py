"""Make `tests/support` importable as `support` from every floor's tests."""

import sys
from pathlib import Path

from hypothesis import settings

# How long an example takes says how busy the machine is.
settings.register_profile("xoproxy", deadline=None)
settings.load_profile("xoproxy")

sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ["support.fixtures"]
