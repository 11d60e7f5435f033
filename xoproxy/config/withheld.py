"""What of a configuration is told as the file writes it: conditions on request fields whose values the environment filled in.

Whoever keeps a value out of the file does not want it in a log, a dashboard or the output of a pipeline either.
"""

from collections.abc import Iterator

from xoproxy.config.compiler import Loaded
from xoproxy.config.problems import child_path

Withheld = tuple[tuple[str, str], ...]  # ``name: value``, and what is told instead


def withheld(loaded: Loaded) -> Withheld:
    """Return each condition that is not to be told, with how the file writes it."""
    return tuple(_conditions(loaded)) if loaded.written else ()


def as_written(text: str, conditions: Withheld) -> str:
    """Return a text with conditions as the file writes them."""
    for said, written in conditions:
        text = text.replace(said, written)
    return text


def _conditions(loaded: Loaded) -> Iterator[tuple[str, str]]:
    written = {(place.mark.source, place.path): text for place, text in loaded.written.items()}
    for draft in loaded.routes:
        for name, value in draft.route.match.headers:
            at = draft.places["match.headers"]
            text = written.get((at.mark.source, child_path(at.path, name)))
            if text is not None:
                yield f"{name}: {value}", f"{name}: {text}"
