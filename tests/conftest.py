"""Make `tests/support` importable as `support` from every floor's tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ["support.fixtures"]
