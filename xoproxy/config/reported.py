"""Read the values of policy keys whose violations browsers report: each may have the form ``{value:, report_to:}``."""

from collections.abc import Callable, Collection, Iterator
from enum import Enum
from typing import Final, TypeVar

from xoproxy.config import features, keys, values
from xoproxy.config.drafts import IntegrityDraft, PermissionsDraft, Placed
from xoproxy.config.nodes import Mapping, Sequence
from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.policy.model import ANY, OFF, IntegrityPolicy, Off, PermissionsPolicy
from xoproxy.slotted import dataclass

T = TypeVar("T")
P = TypeVar("P")

_VALUE: Final = "value"
_REPORT_TO: Final = "report_to"


class Destination(Enum):
    """What `blocked_destinations` may name.  (SRI §3.7, "blocked destinations")"""

    SCRIPT = "script"
    STYLE = "style"


class IntegritySource(Enum):
    """What `sources` may name.  (SRI §3.7, "sources")"""

    INLINE = "inline"


@dataclass(frozen=True, slots=True)
class Reports:
    """Reads such values; `known` parses the name of an endpoint."""

    reader: Reader
    endpoints: Collection[str]

    def known(self, text: str) -> str:
        """Parse the name of an endpoint that the file declares."""
        if text not in self.endpoints:
            have = f"there are {', '.join(sorted(self.endpoints)[:8])}" if self.endpoints else "none is declared yet"
            raise Refused(
                Id.UNKNOWN_ENDPOINT,
                f"{quoted(text)} is not an endpoint under `reporting: {{endpoints: ...}}`; {have}",
            )
        return text

    def endpoint(self, spot: Spot | None) -> Placed[str] | None:
        """Read the name of an endpoint."""
        return self.reader.placed(spot, self.known)

    def item(
        self, spot: Spot | None, parse: Callable[[str], T | Off], make: Callable[[T, str | None], P]
    ) -> Placed[P | Off] | None:
        """Read one word, or ``off`` where `parse` takes it."""
        at, endpoint = self._long_form(spot)
        read = self.reader.placed(at, parse)
        if read is None:
            return None
        return Placed(OFF if isinstance(read.value, Off) else make(read.value, endpoint), read.place)

    def observed(self, spot: Spot | None, parse: Callable[[str], T], make: Callable[[T, str | None], P]) -> Placed[P] | None:
        """Read one word of a Report-Only twin, which has no ``off``."""
        at, endpoint = self._long_form(spot)
        read = self.reader.placed(at, parse)
        return None if read is None else Placed(make(read.value, endpoint), read.place)

    def permissions(self, spot: Spot | None) -> PermissionsDraft | None:
        """Read `permissions_policy`: feature to allowlist.  (Permissions Policy §5)"""
        at, endpoint = self._long_form_of_mapping(spot)
        if at is None:
            return None
        read = tuple(self._features(at))
        if not read:
            if isinstance(at.node, Mapping) and not at.node.entries:
                self.reader.report(
                    at.place, Id.EMPTY_VALUE, "no feature is named; write one, as camera: none, or remove the key"
                )
            return None
        allowed = PermissionsPolicy(tuple((name, allowlist.value) for name, allowlist in read), endpoint)
        return PermissionsDraft(allowed, at.key_place, read)

    def _features(self, spot: Spot) -> Iterator[tuple[str, Placed[features.Allowlist]]]:
        """Yield the features that could be read."""
        for key, value in self.reader.named(spot):
            if key.text == _REPORT_TO:
                hint = "report_to stands beside the features; write {value: {camera: none}, report_to: NAME}"
                self.reader.report(value.key_place, Id.FEATURE, hint)
                continue
            name = self.reader.value(Spot(key, value.path), features.feature)
            allowlist = self._allowlist(value)
            if name is None or allowlist is None:
                continue
            if doubt := features.doubt(name):
                self.reader.report(value.key_place, Id.UNKNOWN_FEATURE, doubt)
            yield name, Placed(allowlist, value.place)

    def _allowlist(self, spot: Spot) -> features.Allowlist | None:
        """Read who may use a feature: `none`, `self`, origins, or ``"*"``."""
        if isinstance(spot.node, Sequence) and not spot.node.items:
            self.reader.report(spot.place, Id.ALLOWLIST, "an empty list says too little; write none, if nobody is meant")
            return None
        items = self.reader.items(spot)
        if items is None:
            return None
        alone = self._alone(spot, items)
        if alone is not None:
            return ANY if alone == features.ANYBODY else ()
        read = [self.reader.value(item, features.allowed) for item in items]
        return tuple(dict.fromkeys(member for member in read if member is not None))

    def _alone(self, spot: Spot, items: tuple[Spot, ...]) -> str | None:
        """Return ``"*"`` or ``none`` if a list holds it; reports it where it stands beside others."""
        found = [item for item in items if self.reader.peek(item) in (features.ANYBODY, features.NOBODY)]
        if not found:
            return None
        word = str(self.reader.peek(found[0]))
        if len(items) > 1:
            shown = quoted(word) if word == features.ANYBODY else word
            meaning = "everybody" if word == features.ANYBODY else "nobody"
            self.reader.report(
                found[0].place,
                Id.ANY_AND_MORE,
                f"{shown} stands for {meaning}: write `{spot.path.rpartition('.')[2]}: {shown}` alone, or leave it out",
            )
        return word

    def integrity(self, spot: Spot | None) -> IntegrityDraft | None:
        """Read `integrity_policy`.  (SRI §3.7)"""
        at, endpoint = self._long_form_of_mapping(spot)
        if at is None:
            return None
        found = self.reader.mapping(at, keys.INTEGRITY)
        destinations = self._words(found.get("blocked_destinations"), "blocked_destinations", Destination)
        sources = self._words(found.get("sources"), "sources", IntegritySource)
        parts = {"blocked_destinations": destinations, "sources": sources}
        return IntegrityDraft(
            IntegrityPolicy(destinations.value if destinations else (), sources.value if sources else (), endpoint),
            at.key_place,
            tuple((key, part) for key, part in parts.items() if part is not None),
            is_complete="blocked_destinations" in found or not self.reader.lacks(at, "blocked_destinations", keys.INTEGRITY),
        )

    def _words(self, spot: Spot | None, key: str, kind: type[Enum]) -> Placed[tuple[str, ...]] | None:
        """Read a list of words."""
        read = self.reader.values(spot, values.choice(key, kind))
        if spot is None or read is None:
            return None
        return Placed(tuple(dict.fromkeys(str(member.value) for member in read)), spot.place)

    def _long_form(self, spot: Spot | None) -> tuple[Spot | None, str | None]:
        """Return where the value of a key stands that may have the form ``{value:, report_to:}``, and the endpoint."""
        if spot is None or not isinstance(spot.node, Mapping):
            return spot, None
        found = self.reader.mapping(spot, keys.LONG_FORM)
        if self.reader.lacks(spot, _VALUE, keys.LONG_FORM):
            self.reader.report(
                spot.key_place, Id.MISSING_KEY, "the long form needs a value; write {value: ..., report_to: ...}"
            )
        return found.get(_VALUE), self.reader.value(found.get(_REPORT_TO), self.known)

    def _long_form_of_mapping(self, spot: Spot | None) -> tuple[Spot | None, str | None]:
        """As `_long_form`, for a key whose value is a mapping itself: `value` is a key of none of those."""
        if spot is None:
            return None, None
        names = set(spot.key_names())
        return self._long_form(spot) if _VALUE in names or names == {_REPORT_TO} else (spot, None)
