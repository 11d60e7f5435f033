"""The compiled build cannot be reached into as Python can.  (docs/compiled.md)"""

import pytest

from xoproxy.compiled import is_compiled


def attributes_of(cls: type) -> tuple[str, ...]:
    """Return the names of the attributes that objects of a class have.  Compiled, it has no slots."""
    found: tuple[str, ...] = getattr(cls, "__slots__", ()) or getattr(cls, "__mypyc_attrs__", ())
    return found


# For a test that puts something of its own in the place of what is compiled: a subclass, another object, another constant.
pure_only = pytest.mark.skipif(is_compiled(), reason="this puts something of its own in the place of what is compiled")
