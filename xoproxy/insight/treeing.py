"""Make changes in what a policy file says, whatever way it is written: what a patched text is compared with."""

from collections.abc import Iterable, Sequence
from copy import deepcopy

from xoproxy.config.nodes import Plain
from xoproxy.insight.explaining.placing import Into, Placement, steps_of


def applied(tree: Plain, placements: Iterable[Placement]) -> Plain:
    """Return a tree with changes made, one after the other."""
    tree = deepcopy(tree)
    for placement in placements:
        steps = steps_of(placement.place.path)
        value = deepcopy(placement.value)
        match placement.into:
            case Into.REPLACE:
                _put(_at(tree, steps[:-1]), steps[-1], value)
            case Into.INSERT:
                _lay_over(_at(tree, steps), value)
            case Into.APPEND:
                _list(_at(tree, steps)).extend(_list(value))
            case Into.BEFORE:
                index = steps[-1]
                assert isinstance(index, int)
                _list(_at(tree, steps[:-1]))[index:index] = _list(value)
            case Into.REMOVE:
                _remove(tree, steps)
    return tree


def _at(tree: Plain, steps: Sequence[str | int]) -> Plain:
    for step in steps:
        if isinstance(step, str):
            assert isinstance(tree, dict)
            tree = tree[step]
        elif isinstance(tree, list):
            tree = tree[step]
    return tree


def _put(tree: Plain, step: str | int, value: Plain) -> None:
    if isinstance(step, str):
        assert isinstance(tree, dict)
        tree[step] = value
    else:
        _list(tree)[step] = value


def _list(value: Plain) -> list[Plain]:
    assert isinstance(value, list)
    return value


def _lay_over(mapping: Plain, keys: Plain) -> None:
    assert isinstance(mapping, dict)
    assert isinstance(keys, dict)
    for key, value in keys.items():
        standing = mapping.get(key)
        if isinstance(value, dict) and isinstance(standing, dict):
            _lay_over(standing, value)
        else:
            mapping[key] = value


def _remove(tree: Plain, steps: Sequence[str | int]) -> None:
    """Remove a key; what it was the last of goes with it."""
    parent = _at(tree, steps[:-1])
    if len(parent) > 1 or len(steps) == 1:
        step = steps[-1]
        if isinstance(step, str):
            assert isinstance(parent, dict)
            del parent[step]
        else:
            del _list(parent)[step]
    else:
        _remove(tree, steps[:-1])
