"""Policy tests: what browsers may do under a policy file, as sentences in YAML, without a network.

A *test* is what the file says: who asks for what, and what is expected.  A *case* is a test for one page and one browser; a
test that names several is several cases.
"""

from xoproxy.insight.testing.cases import Case, Suite
from xoproxy.insight.testing.reading import read_tests
from xoproxy.insight.testing.running import Result, run_cases

__all__ = ["Case", "Result", "Suite", "read_tests", "run_cases"]
