"""Start fresh interpreters that run modules of this program."""

import sys
from typing import Final

# The modules must be those of this process, wherever it has them from; and never what lies in the working directory.
_PROGRAM: Final = "import sys; sys.path[:] = sys.argv[2:]; from {} import main; main()"


def command(module: str, argument: str = "") -> list[str]:
    """Return the command that calls `main` of a module, with this in `sys.argv[1]`."""
    return [sys.executable, "-P", "-c", _PROGRAM.format(module), argument, *sys.path]
