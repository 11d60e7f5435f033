"""Load a configuration from where it is: the one place where reading and compiling meet."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from xoproxy.config.compiler import Loaded, compile_texts
from xoproxy.config.options import Overrides
from xoproxy.config.source import read_texts
from xoproxy.config.texts import FROM_OPTIONS

__all__ = ["load"]


def load(source: Path | None, overrides: Overrides, *, environ: Mapping[str, str], today: date, number: int) -> Loaded:
    """Load the file or directory `source`, or options alone.  Raises ConfigInvalid with every problem."""
    texts = FROM_OPTIONS if source is None else read_texts(source)
    return compile_texts(texts, overrides, environ=environ, today=today, number=number)
