"""Which build this is: the modules that every exchange runs through may be compiled.  (docs/compiled.md)"""

from importlib.util import find_spec
from typing import Final

from xoproxy import __version__

_ONE_OF_THEM: Final = "xoproxy.semantics.heads"  # the build compiles all of them or none


def is_compiled() -> bool:
    """Whether those modules run as machine code."""
    spec = find_spec(_ONE_OF_THEM)
    return spec is not None and spec.origin is not None and not spec.origin.endswith(".py")


def version() -> str:
    """Return the version, and whether modules are compiled, as people are told."""
    return f"{__version__}, compiled" if is_compiled() else __version__
