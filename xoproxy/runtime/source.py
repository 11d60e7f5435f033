"""Where configurations come from: a file with the options over it, or options alone."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from xoproxy.config import Loaded, Overrides, compile_options, compile_text, read_text


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """`path` None: the options are the whole configuration, and it never changes."""

    path: Path | None
    overrides: Overrides

    def read(self) -> str:
        """Return the text as it is now.  Raises: `ConfigInvalid`."""
        return "" if self.path is None else read_text(self.path)

    def compile(self, text: str, number: int) -> Loaded:
        """Return the text as generation `number`.  Raises: `ConfigInvalid`."""
        today = datetime.now(UTC).date()
        if self.path is None:
            return compile_options(self.overrides, environ=os.environ, today=today, number=number)
        return compile_text(text, str(self.path), self.overrides, environ=os.environ, today=today, number=number)
