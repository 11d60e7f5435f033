"""Lists that may also be ``"*"``: all of their kind."""

from collections.abc import Callable

from xoproxy.config.drafts import Names, Placed
from xoproxy.config.problems import Id
from xoproxy.config.reader import Reader, Spot
from xoproxy.policy.model import ANY


def is_any(reader: Reader, spot: Spot, items: tuple[Spot, ...]) -> bool:
    """Whether a list is ``"*"``; reports it where it stands beside other values."""
    stars = [item for item in items if reader.peek(item) == "*"]
    if stars and len(items) > 1:
        reader.report(
            stars[0].place,
            Id.ANY_AND_MORE,
            f'"*" stands for all: write `{spot.path.rpartition(".")[2]}: "*"` alone, or leave it out',
        )
    return bool(stars)


def read_list(reader: Reader, spot: Spot | None, parse: Callable[[str], bytes]) -> Placed[Names] | None:
    """Read a list of names, or ``"*"``."""
    items = reader.items(spot) if spot is not None else None
    if spot is None or items is None:
        return None
    if is_any(reader, spot, items):
        return Placed(ANY, spot.place)
    read = [reader.value(item, parse) for item in items]
    return Placed(tuple(dict.fromkeys(value for value in read if value is not None)), spot.place)
