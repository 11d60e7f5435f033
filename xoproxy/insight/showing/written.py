"""Values of a policy as the file would write them.

Rule: a value of `headers`, of a policy or a match, that the environment filled in is shown as the file refers to it, as
``${TOKEN}``: what is shown is pasted into tickets.  Everything else a policy holds is sent to whoever asks the proxy, or is a
name.
"""

from collections.abc import Mapping
from typing import cast

from xoproxy.config.drafts import CorsDraft, Escape, OriginsDraft, Placed
from xoproxy.config.origins import Null
from xoproxy.config.problems import Place, child_path
from xoproxy.config.values import written_duration
from xoproxy.config.websocket import SAME_ORIGIN
from xoproxy.insight.effective import Json, as_json
from xoproxy.policy.model import IntegrityPolicy, PermissionsPolicy


def as_written(key: str, value: object) -> Json:
    """Return the value of a key path; None for a mapping whose keys are told by themselves."""
    written: Json
    match value:
        case CorsDraft() | OriginsDraft():
            written = None
        case PermissionsPolicy() | IntegrityPolicy():
            written = None if value.report_to is None else {"report_to": value.report_to}
        case tuple():
            members = cast("tuple[object, ...]", value)
            written = [_one(key, _bare(member)) for member in members] or _nothing(key)
        case _:
            written = _one(key, value)
    return written


def _nothing(key: str) -> Json:
    """Return how a key writes an empty list: nobody may use a feature, no other origin may open WebSockets."""
    return "none" if "permissions_policy." in key else SAME_ORIGIN if key == "websocket_origins.allow_origins" else []


def _bare(member: object) -> object:
    return cast("Placed[object]", member).value if isinstance(member, Placed) else member


def _one(key: str, value: object) -> Json:
    """Return one value."""
    match value:
        case Null():
            return "null"
        case Escape():
            return {"reason": value.reason}
        case int() if key == "cors.max_age":
            return written_duration(value)
        case _:
            written = as_json(value)
            return written["value"] if isinstance(written, dict) and set(written) == {"value"} else written


class Fills:
    """Which values the environment filled in."""

    def __init__(self, written: Mapping[Place, str]) -> None:
        self._texts = {(place.mark.source, place.path): text for place, text in written.items()}

    def value_glob(self, match: Place | None, name: str, glob: str) -> str:
        """Return what a route at `match` wants of a request field, as the file writes it if the environment filled it in."""
        return glob if match is None else self._texts.get((match.mark.source, child_path(match.path, name)), glob)

    def field_values(self, place: Place, values: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Return the values of one field under `headers`, as the file writes those that the environment filled in."""
        source, path = place.mark.source, place.path
        texts = [self._texts.get((source, at)) for at in (f"{path}[{index}]" for index in range(len(values)))]
        whole = self._texts.get((source, path))
        return tuple(
            value if (text := whole if whole is not None else texts[index]) is None else text.encode("utf-8")
            for index, value in enumerate(values)
        )
