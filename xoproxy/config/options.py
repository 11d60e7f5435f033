"""Options of the command line: they replace the top-level keys of a file, or are a configuration by themselves."""

from typing import Final

from xoproxy.config.nodes import Mapping, Node, Plain, Scalar, Sequence, node_of
from xoproxy.config.problems import Mark
from xoproxy.slotted import dataclass

# What `--allow-origin` grants besides the origin: what an API is used with.
_OPEN_METHODS: Final[list[Plain]] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Overrides:
    """Options of a command, empty where not given."""

    listen: tuple[str, ...] = ()
    upstream: str | None = None
    policy: str | None = None
    allow_origins: tuple[str, ...] = ()
    admin: str | None = None


def complete(overrides: Overrides) -> Mapping:
    """Return the configuration that options alone are."""
    mark = Mark("options")
    return overlay(Mapping(((Scalar("version", mark), Scalar("1", mark, literal=True)),), mark), overrides)


def overlay(root: Mapping, overrides: Overrides) -> Mapping:
    """Return the tree with the options in the place of its top-level keys."""
    given: dict[str, Node] = {}
    if overrides.listen:
        given["listen"] = node_of([*overrides.listen], Mark("--listen"))
    for key, text in (("upstream", overrides.upstream), ("policy", overrides.policy), ("admin", overrides.admin)):
        if text is not None:
            given[key] = node_of(text, Mark(f"--{key}"))
    if overrides.allow_origins:
        standing = next((value for key, value in root.entries if key.text == "policy"), None)
        given["policy"] = _with_origins(given.get("policy", standing), overrides.allow_origins)
    kept = tuple((key, value) for key, value in root.entries if key.text not in given)
    return Mapping((*kept, *((Scalar(key, value.mark), value) for key, value in given.items())), root.mark)


def _with_origins(policy: Node | None, origins: tuple[str, ...]) -> Node:
    """Compose the origins of `--allow-origin` onto a policy."""
    mark = Mark("--allow-origin")
    keys: dict[str, Plain] = {"allow_origins": [*origins], "allow_methods": _OPEN_METHODS, "allow_headers": "*"}
    granted = node_of({"cors": keys}, mark)
    if isinstance(policy, Sequence):
        return Sequence((*policy.items, granted), policy.mark)
    return Sequence((granted,) if policy is None else (policy, granted), mark)
