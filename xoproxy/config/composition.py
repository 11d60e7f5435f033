"""Policies by name, as a mapping, or as a list of these: left to right, later keys win.

An entry of `policies` is read once, so a problem in it is told once however many routes use it.
"""

from collections.abc import Collection
from collections.abc import Mapping as Map
from typing import Final

from xoproxy.config.drafts import PolicyDraft
from xoproxy.config.nodes import Mapping, Sequence, node_of
from xoproxy.config.policies import read_policy
from xoproxy.config.presets import PRESETS
from xoproxy.config.problems import Id, Mark, Refused, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.spelling import similar
from xoproxy.config.values import name as parse_name
from xoproxy.slotted import dataclass

MAX_STEPS: Final = 16  # policies made of policies made of policies


@dataclass(frozen=True, slots=True)
class Composed:
    """A composed policy, not yet sealed.  `name`: how the file names it, as ``page + {coop}``."""

    draft: PolicyDraft
    name: str


UNTOUCHED: Final = Composed(PolicyDraft(), "untouched")


class Policies:
    """The policies of one file, composed when they are asked for."""

    def __init__(self, reader: Reader, entries: Spot | None, endpoints: Collection[str]) -> None:
        self._reader = reader
        self._endpoints = endpoints
        self._entries: dict[str, Spot] = {
            preset: Spot(node_of(dict(keys), Mark(f"preset {preset}")), preset) for preset, keys in PRESETS.items()
        }
        self._drafts: dict[str, PolicyDraft] = {}
        self._under_way: list[str] = []
        self._used: set[str] = set(PRESETS)
        for key, spot in reader.named(entries) if entries is not None else ():
            if key.text in PRESETS:
                reader.report(
                    spot.key_place, Id.PRESET_NAME, f"{quoted(key.text)} is a preset and keeps its meaning; choose another name"
                )
            elif reader.value(Spot(key, spot.path), parse_name) is not None:
                self._entries[key.text] = spot

    def compose(self, spot: Spot) -> Composed:
        """Compose what stands under a `policy` key."""
        if not isinstance(spot.node, Sequence):
            part = self._part(spot)
            return Composed(part.draft, "{inline}") if isinstance(spot.node, Mapping) else part
        parts = [self._part(item) for item in self._reader.items(spot) or ()]
        draft = PolicyDraft()
        for part in parts:
            draft = part.draft.over(draft)
        return Composed(draft, " + ".join(part.name for part in parts))

    def unused(self) -> Map[str, PolicyDraft]:
        """Compose the policies that nothing has used so far, by name."""
        names = [name for name in self._entries if name not in self._used]
        return {name: self._named(name) for name in names}

    def _part(self, spot: Spot) -> Composed:
        """Compose one name or mapping."""
        if isinstance(spot.node, Mapping):
            return Composed(read_policy(self._reader, spot, self._endpoints), "{" + ", ".join(spot.key_names()) + "}")
        if isinstance(spot.node, Sequence):
            self._reader.report(spot.place, Id.WRONG_KIND, "a list within a list; write the names and mappings in one list")
            return UNTOUCHED
        name = self._reader.value(spot, self._known)
        return Composed(self._named(name), name) if name is not None else UNTOUCHED

    def _named(self, name: str) -> PolicyDraft:
        self._used.add(name)
        if name not in self._drafts:
            self._under_way.append(name)
            self._drafts[name] = self.compose(self._entries[name]).draft
            self._under_way.pop()
        return self._drafts[name]

    def _known(self, text: str) -> str:
        """Parse the name of a policy that can be used here."""
        if text not in self._entries:
            raise Refused(Id.UNKNOWN_POLICY, f"there is no policy {quoted(text)}; {self._suggest(text)}")
        if text in self._under_way:
            circle = " -> ".join([*self._under_way[self._under_way.index(text) :], text])
            raise Refused(Id.POLICY_CYCLE, f"this policy is made of itself: {circle}; remove one of the steps")
        if len(self._under_way) >= MAX_STEPS:
            raise Refused(Id.POLICY_CYCLE, f"this policy is made through more than {MAX_STEPS} others; write its keys out")
        return text

    def _suggest(self, text: str) -> str:
        close = similar(text, self._entries)
        return f"did you mean {close}?" if close else f"there are {', '.join(list(self._entries)[:12])}"
