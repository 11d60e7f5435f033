"""Make one tree of the texts of a configuration.

Rule 1: nothing overrides anything.  Names under `policies`, `upstreams` and `reporting.endpoints` are united, routes follow
each other in the order of the files; every other key stands in one file only.
Rule 2: a conflict is told at the later place and names the earlier.
Rule 3: everything keeps the place that it has in its file.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from functools import reduce
from types import MappingProxyType
from typing import Final, TypeAlias, Union

from xoproxy.config.nodes import Mapping as MappingNode
from xoproxy.config.nodes import Node, Scalar, Sequence, compose
from xoproxy.config.problems import ConfigInvalid, Id, Mark, Place, Problem, child_path, problem_at, quoted
from xoproxy.config.silencing import Allowance, read_allowances
from xoproxy.config.texts import Texts


class Way(Enum):
    """How the values of a key in two files are put together; a mapping of ways: key by key."""

    SAME = "same"  # both must say the same
    CHAIN = "chain"  # one list behind the other


Ways: TypeAlias = Mapping[str, Union[Way, "Ways"]]
_NAMES: Final[Ways] = MappingProxyType({})  # any name, each once
_TOP: Final[Ways] = MappingProxyType(
    {
        "version": Way.SAME,
        "policies": _NAMES,
        "upstreams": _NAMES,
        "routes": Way.CHAIN,
        "reporting": MappingProxyType({"endpoints": _NAMES}),
    }
)


def read_parts(texts: Texts) -> tuple[MappingNode, list[Problem], tuple[Allowance, ...]]:
    """Return the tree of the texts, of which there is one at least, what is wrong so far, and the comments that silence.

    Raises ConfigInvalid with what is wrong with every text if one of them is no tree.
    """
    roots: list[MappingNode] = []
    problems: list[Problem] = []
    allowances: list[Allowance] = []
    for part in texts.parts:
        try:
            root, found = compose(part.text, part.name)
        except ConfigInvalid as invalid:
            problems += invalid.problems
            continue
        said, faults = read_allowances(part.text, part.name, root)
        problems += [*found, *faults]
        allowances += said
        roots.append(root)
    if len(roots) < len(texts.parts):
        raise ConfigInvalid(problems)
    return _merge(roots, problems), problems, tuple(allowances)


def _merge(roots: Iterable[MappingNode], problems: list[Problem]) -> MappingNode:
    return reduce(lambda first, second: _unite(first, second, _TOP, "", problems), roots)


def _unite(first: MappingNode, second: MappingNode, ways: Ways, path: str, problems: list[Problem]) -> MappingNode:
    """Return both mappings as one, which stands where the first does."""
    entries = {key.text: (key, value) for key, value in first.entries}
    for key, value in second.entries:
        if key.text not in entries:
            entries[key.text] = (key, value)
            continue
        earlier, standing = entries[key.text]
        place = Place(key.mark, child_path(path, key.text))
        way = ways.get(key.text)
        match way:
            case None:
                what = f"{quoted(key.text)} stands in {_where(earlier.mark)} already; keep one of the two"
                problems.append(problem_at(place, Id.CONFLICT, what))
            case Way.SAME:
                if not (isinstance(standing, Scalar) and isinstance(value, Scalar) and standing.text == value.text):
                    what = f"{quoted(key.text)} is another in {_where(earlier.mark)}; write the same in all files, or in one"
                    problems.append(problem_at(place, Id.CONFLICT, what))
            case Way.CHAIN:
                if isinstance(standing, Sequence) and isinstance(value, Sequence):
                    entries[key.text] = (earlier, Sequence((*standing.items, *value.items), standing.mark))
                else:
                    problems.append(_of_other_kinds(place, standing, value, "a list"))
            case _:
                if isinstance(standing, MappingNode) and isinstance(value, MappingNode):
                    entries[key.text] = (earlier, _unite(standing, value, way, place.path, problems))
                else:
                    problems.append(_of_other_kinds(place, standing, value, "a mapping"))
    return MappingNode(tuple(entries.values()), first.mark)


def _of_other_kinds(place: Place, standing: Node, value: Node, wanted: str) -> Problem:
    message = f"{wanted} is wanted here and in {_where(standing.mark)}, so that the files can be put together"
    return problem_at(Place(value.mark, place.path), Id.WRONG_KIND, message)


def _where(mark: Mark) -> str:
    return f"{mark.source}:{mark.line}"
