"""Read `websocket_origins`: a list of origins, or the mapping that may also hold dangerous keys."""

from typing import Final

from xoproxy.config import keys
from xoproxy.config.cors import read_escape, read_origins
from xoproxy.config.drafts import OriginsDraft, Placed
from xoproxy.config.nodes import Mapping
from xoproxy.config.problems import Id
from xoproxy.config.reader import Reader, Spot

SAME_ORIGIN: Final = "same-origin"  # the request's own, which is always allowed, and no other


def read_websocket(reader: Reader, spot: Spot | None) -> OriginsDraft | None:
    """Read `websocket_origins`; None if it is absent."""
    if spot is None:
        return None
    if not isinstance(spot.node, Mapping):
        if reader.peek(spot) == SAME_ORIGIN:
            return OriginsDraft(spot.key_place, Placed((), spot.place))
        return OriginsDraft(spot.key_place, read_origins(reader, spot))
    found = reader.mapping(spot, keys.WEBSOCKET)
    if reader.lacks(spot, "allow_origins", keys.WEBSOCKET):
        reader.report(
            spot.key_place, Id.NO_ORIGINS, "`websocket_origins` needs allow_origins; write a list of origins, or same-origin"
        )
    return OriginsDraft(
        spot.key_place,
        read_origins(reader, found.get("allow_origins")),
        read_escape(reader, found.get("dangerously_allow_insecure_origins")),
        read_escape(reader, found.get("dangerously_allow_public_suffixes")),
        read_escape(reader, found.get("dangerously_allow_null_origin")),
    )
