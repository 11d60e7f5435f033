"""Load a configuration from where it is: the one place where reading and compiling meet."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from xoproxy.config.compiler import Loaded, compile_options, compile_text
from xoproxy.config.options import Overrides
from xoproxy.config.source import read_text

__all__ = ["Loaded", "Overrides", "compile_options", "compile_text", "load", "read_text"]


def load(source: Path | None, overrides: Overrides, *, environ: Mapping[str, str], today: date, number: int) -> Loaded:
    """Load the file `source`, or options alone.  Raises ConfigInvalid with every problem."""
    if source is None:
        return compile_options(overrides, environ=environ, today=today, number=number)
    return compile_text(read_text(source), str(source), overrides, environ=environ, today=today, number=number)
