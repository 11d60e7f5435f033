"""What ends soon: on the day after, an origin or a route is no longer there, and whoever still needs it finds out then."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from xoproxy.config.lint.view import View
from xoproxy.config.nodes import Mapping, Node, Scalar
from xoproxy.config.problems import Id, Place, Problem, Refused, child_path, problem_at
from xoproxy.config.values import day

NOTICE: Final = timedelta(days=14)  # as the log gives for certificates


def _soon(view: View) -> Iterator[Problem]:
    today = view.loaded.today
    for node, path in _dates("", view.loaded.tree):
        try:
            last = day(node.text)
        except Refused:  # filled in from the environment
            continue
        if today <= last <= today + NOTICE:
            message = f"this ends with {last}; remove it by then, or set a new date"
            yield problem_at(Place(node.mark, path), Id.ENDS_SOON, message)


def _dates(path: str, node: Node) -> Iterator[tuple[Scalar, str]]:
    """Yield every value of a key `expires`, with its path."""
    if isinstance(node, Scalar):
        return
    if isinstance(node, Mapping):
        for key, value in node.entries:
            below = child_path(path, key.text)
            if key.text == "expires" and isinstance(value, Scalar):
                yield value, below
            else:
                yield from _dates(below, value)
        return
    for index, item in enumerate(node.items):
        yield from _dates(f"{path}[{index}]", item)


CHECKS: Final = (_soon,)
