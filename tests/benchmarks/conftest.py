"""Make the package `benchmarks`, which is no part of the installed program, importable from where the tests are started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
