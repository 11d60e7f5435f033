"""The compiled build cannot be reached into as Python can.  (docs/compiled.md)"""

import pytest

from xoproxy.compiled import is_compiled

# For a test that puts something of its own in the place of what is compiled: a subclass, another object, another constant.
pure_only = pytest.mark.skipif(is_compiled(), reason="this puts something of its own in the place of what is compiled")
