"""Read `websocket_origins`: a list of origins, or the mapping that may also hold dangerous keys."""

from typing import Final

from xoproxy.config import keys
from xoproxy.config.cors import read_escape, read_origins, read_regexes
from xoproxy.config.drafts import OriginsDraft, Placed
from xoproxy.config.nodes import Mapping
from xoproxy.config.problems import Id, quoted
from xoproxy.config.reader import Reader, Spot

_NOBODY: Final = frozenset({"off", "no", "false", "none", "any", "all"})
_OWN: Final = frozenset({"self", "same_origin", "sameorigin", "own"})
SAME_ORIGIN: Final = "same-origin"  # the request's own, which is always allowed, and no other


def read_websocket(reader: Reader, spot: Spot | None) -> OriginsDraft | None:
    """Read `websocket_origins`; None if it is absent."""
    if spot is None:
        return None
    if not isinstance(spot.node, Mapping):
        text = reader.peek(spot)
        if text == SAME_ORIGIN:
            return OriginsDraft(spot.key_place, Placed((), spot.place))
        folded = (text or "").lower()
        if folded in _NOBODY or folded in _OWN:
            hint = "same-origin" if folded in _OWN else 'a list of origins, same-origin, or "*" for any page'
            reader.report(spot.place, Id.NOT_A_CHOICE, f"{quoted(folded)} is not a value of `websocket_origins`; write {hint}")
            return None
        return OriginsDraft(spot.key_place, read_origins(reader, spot))
    found = reader.mapping(spot, keys.WEBSOCKET)
    if all(reader.lacks(spot, name, keys.WEBSOCKET) for name in ("allow_origins", "allow_origin_regexes")):
        reader.report(
            spot.key_place, Id.NO_ORIGINS, "`websocket_origins` needs allow_origins; write a list of origins, or same-origin"
        )
    return OriginsDraft(
        spot.key_place,
        read_origins(reader, found.get("allow_origins")),
        read_regexes(reader, found.get("allow_origin_regexes")),
        read_escape(reader, found.get("dangerously_allow_insecure_origins")),
        read_escape(reader, found.get("dangerously_allow_public_suffixes")),
        read_escape(reader, found.get("dangerously_allow_null_origin")),
    )
