"""Where configurations come from: a file or directory with the options over it, or options alone."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from xoproxy.config import FROM_OPTIONS, Loaded, Overrides, Texts, compile_texts, read_texts
from xoproxy.config.generation import Generation
from xoproxy.config.problems import child_path


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
    withheld: tuple[tuple[str, str], ...] = ()  # conditions on request fields with secrets, and as the file writes them

    @classmethod
    def of(cls, loaded: Loaded, texts: Texts) -> "Edition":
        """Return what `texts` were compiled to."""
        return cls(loaded.generation, texts, loaded.today, loaded.ends, tuple(_withheld(loaded)) if loaded.written else ())


def _withheld(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """Yield each ``name: value`` of `match.headers` whose value the environment filled in, and how the file writes it."""
    written = {(place.mark.source, place.path): text for place, text in loaded.written.items()}
    for draft in loaded.routes:
        for name, value in draft.route.match.headers:
            at = draft.places["match.headers"]
            text = written.get((at.mark.source, child_path(at.path, name)))
            if text is not None:
                yield f"{name}: {value}", f"{name}: {text}"
