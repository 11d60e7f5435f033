"""Where configurations come from: a file with the command line over it, or the command line alone."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime

from xoproxy.config.generation import Generation
from xoproxy.config.loading import Overrides, compile_text, read_text

OPTIONS: str = "options"


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """`path` None: the options are the whole configuration."""

    path: str | None
    overrides: Overrides

    def read(self) -> str:
        """Return the text as it is now.  Raises: `ConfigInvalid`."""
        return "" if self.path is None else read_text(self.path)

    def compile(self, text: str, number: int) -> Generation:
        """Return the text as generation `number`.  Raises: `ConfigInvalid`."""
        today = datetime.now(UTC).date()
        return compile_text(text, self.path or OPTIONS, self.overrides, environ=os.environ, today=today, number=number)
