"""Find the routes that a host and a path could belong to, at a cost that does not grow with the number of routes.

The index leaves out only what cannot match; who asks tests each candidate as if there were no index, in the order of the file.
Hosts are found by their name and by each of their suffixes, paths by a tree of the literal segments at a glob's beginning, with
a branch for ``*`` as a whole segment.  Below a node stand the routes whose globs go on with another wildcard: by the literal
text before it, where there is one.  A glob that begins with a wildcard in its first segment, as ``/**.js``, is a candidate for
every path.
"""

from collections.abc import Iterable, Iterator
from dataclasses import field

from xoproxy.policy.matching import Match
from xoproxy.slotted import dataclass


@dataclass(slots=True)
class _Node:
    """What globs have after some segments.  Numbers of routes, ascending."""

    ending: list[int] = field(default_factory=list[int])  # the glob ends here
    below: list[int] = field(default_factory=list[int])  # the rest of the path could be anything
    prefixed: dict[int, dict[bytes, list[int]]] = field(default_factory=dict[int, dict[bytes, list[int]]])  # by length, text
    children: "dict[bytes, _Node]" = field(default_factory=dict[bytes, "_Node"])
    any_child: "_Node | None" = None


class _Paths:
    """The routes of one host."""

    __slots__ = ("_depth", "_root", "_whatever")

    def __init__(self) -> None:
        self._whatever: list[int] = []  # routes without a path
        self._root = _Node()
        self._depth = 0

    def add(self, glob: str | None, number: int) -> None:
        """Add a route, behind those before."""
        if glob is None:
            self._whatever.append(number)
            return
        is_subtree = glob.endswith("/**")
        literal = glob[:-3] if is_subtree else glob
        node = self._root
        for depth, segment in enumerate(literal.split("/")[1:], start=1):
            prefix, wildcard, _ = segment.partition("*")
            if segment == "*":
                node.any_child = node.any_child or _Node()
                node = node.any_child
            elif wildcard:
                text = prefix.encode("utf-8")
                (node.prefixed.setdefault(len(text), {}).setdefault(text, []) if text else node.below).append(number)
                return
            else:
                node = node.children.setdefault(segment.encode("utf-8"), _Node())
            self._depth = max(self._depth, depth)
        (node.below if is_subtree else node.ending).append(number)

    def parts(self) -> Iterator[object]:
        """Yield all nodes."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            yield node
            nodes += node.children.values()
            if node.any_child is not None:
                nodes.append(node.any_child)

    def find(self, path: bytes, found: list[int]) -> None:
        """Add the numbers of all routes that could match a path to `found`."""
        found += self._whatever
        nodes = [self._root]
        for segment in path.split(b"/", self._depth + 1)[1:]:  # the last may hold more than one, where no child is left
            following: list[_Node] = []
            for node in nodes:
                found += node.below
                for length, texts in node.prefixed.items():
                    found += texts.get(segment[:length], ())
                child = node.children.get(segment)
                if child is not None:
                    following.append(child)
                if node.any_child is not None:
                    following.append(node.any_child)
            if not following:
                return
            nodes = following
        for node in nodes:
            found += node.below
            found += node.ending


class RouteIndex:
    """Which routes could be meant, by host and path."""

    __slots__ = ("_any_host", "_hosts", "_suffixes")

    def __init__(self, matches: Iterable[Match] = ()) -> None:
        self._any_host: _Paths | None = None
        self._hosts: dict[bytes, _Paths] = {}
        self._suffixes: dict[bytes, _Paths] = {}  # ".example.com"
        for number, match in enumerate(matches):
            self.add(match, number)

    def add(self, match: Match, number: int) -> None:
        """Add a route, behind those before."""
        self._paths_of(match.host).add(match.path, number)

    def parts(self) -> Iterator[object]:
        """Yield all that the index is made of."""
        for paths in (self._any_host, *self._hosts.values(), *self._suffixes.values()):
            if paths is not None:
                yield from paths.parts()

    def _paths_of(self, host: str | None) -> _Paths:
        if host is None:
            self._any_host = self._any_host or _Paths()
            return self._any_host
        if host.startswith("*."):
            return self._suffixes.setdefault(host[1:].encode("ascii"), _Paths())
        return self._hosts.setdefault(host.encode("ascii"), _Paths())

    def candidates(self, host: bytes, path: bytes) -> list[int]:
        """Return the numbers of all routes that could match, ascending.  `host` and `path` as `Matcher.covers` takes them."""
        found: list[int] = []
        if self._any_host is not None:
            self._any_host.find(path, found)
        paths = self._hosts.get(host)
        if paths is not None:
            paths.find(path, found)
        if self._suffixes:
            dot = host.find(b".", 1)
            while dot > 0:  # at most 130 times: a host is not longer
                paths = self._suffixes.get(host[dot:])
                if paths is not None:
                    paths.find(path, found)
                dot = host.find(b".", dot + 1)
        if len(found) > 1:
            found.sort()
        return found
