"""Where configurations come from: a file or directory with the options over it, or options alone."""

import os
from datetime import date
from pathlib import Path

from xoproxy.config import FROM_OPTIONS, Loaded, Overrides, Texts, compile_texts, read_texts
from xoproxy.config.generation import Generation
from xoproxy.config.withheld import Withheld, withheld
from xoproxy.slotted import dataclass


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """`path` None: the options are the whole configuration, and it never changes."""

    path: Path | None
    overrides: Overrides

    def read(self) -> Texts:
        """Return the texts as they are now.  Raises: `ConfigInvalid`."""
        return FROM_OPTIONS if self.path is None else read_texts(self.path)

    def compile(self, texts: Texts, number: int, today: date) -> Loaded:
        """Return the texts as generation `number`, with what still holds `today`.  Raises: `ConfigInvalid`."""
        return compile_texts(texts, self.overrides, environ=os.environ, today=today, number=number)


@dataclass(frozen=True, slots=True)
class Edition:
    """A generation, and what it was made of: the same texts on the same day make the same again.

    `ends`: the first day on which they mean something else, None if there is none.
    """

    generation: Generation
    texts: Texts
    today: date
    ends: date | None
    withheld: Withheld = ()

    @classmethod
    def of(cls, loaded: Loaded, texts: Texts) -> "Edition":
        """Return what `texts` were compiled to."""
        return cls(loaded.generation, texts, loaded.today, loaded.ends, withheld(loaded))
