"""Read what a route asks of request fields: `match.destinations` and `match.headers`."""

from typing import Final

from xoproxy.config import values
from xoproxy.config.addresses import MAX_WILDCARDS
from xoproxy.config.policies import FRAMING_FIELDS
from xoproxy.config.problems import Id, Refused, child_path, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.spelling import similar

# Fetch §2.2.5, "destination type"; Fetch Metadata §2.1 writes the empty string as ``empty``.
DESTINATIONS: Final = (
    "audio",
    "audioworklet",
    "document",
    "embed",
    "empty",
    "font",
    "frame",
    "iframe",
    "image",
    "json",
    "manifest",
    "object",
    "paintworklet",
    "report",
    "script",
    "serviceworker",
    "sharedworker",
    "style",
    "text",
    "track",
    "video",
    "webidentity",
    "worker",
    "xslt",
)
# What people call them.
_MEANT: Final = {
    "fetch": "empty",
    "xhr": "empty",
    "xmlhttprequest": "empty",
    "ajax": "empty",
    "beacon": "empty",
    "eventsource": "empty",
    "websocket": "empty",
    "page": "document",
    "html": "document",
    "navigate": "document",
    "navigation": "document",
    "top": "document",
    "subdocument": "iframe",
    "img": "image",
    "picture": "image",
    "css": "style",
    "stylesheet": "style",
    "js": "script",
    "javascript": "script",
    "module": "script",
    "webworker": "worker",
    "media": "video",
}
OTHER_KEYS: Final = {
    b"host": "host",
    b"sec-fetch-dest": "destinations",
    b"access-control-request-method": "methods",
}


def destination(text: str) -> bytes:
    """Parse what a request is for, as Sec-Fetch-Dest says it.  (Fetch Metadata §2.1)"""
    if text in DESTINATIONS:
        return text.encode("ascii")
    bare = text.lower().replace("-", "").replace("_", "").replace(" ", "")
    likely = bare if bare in DESTINATIONS else _MEANT.get(bare) or similar(bare, DESTINATIONS)
    hint = f"write {likely}" if likely is not None else f"write one of {', '.join(DESTINATIONS)}"
    raise Refused(Id.DESTINATION, f"{quoted(text)} is not a destination of requests; {hint}")


def field_to_match(text: str) -> str:
    """Parse the name of a request field by which a route can be chosen."""
    name = values.field_name(text)
    folded = name.lower()
    if folded in OTHER_KEYS:
        key = OTHER_KEYS[folded]
        raise Refused(Id.UNMATCHABLE_FIELD, f"{quoted(text)} has a key of its own under `match`; write {key}")
    if folded in FRAMING_FIELDS:
        raise Refused(Id.UNMATCHABLE_FIELD, f"{quoted(text)} is about the connection, not the request; remove it")
    if folded == b"access-control-request-headers":
        message = "preflights are matched as the requests that they ask for; name the field that the request will have"
        raise Refused(Id.UNMATCHABLE_FIELD, message)
    return name.decode("ascii")


def value_glob(text: str) -> str:
    """Parse a glob over a field value: ``*`` is any number of characters."""
    values.field_value(text)
    if text.count("*") > MAX_WILDCARDS:
        raise Refused(Id.FIELD_VALUE, f"{quoted(text)} has too many wildcards; use {MAX_WILDCARDS} at most")
    return text


def read_destinations(reader: Reader, spot: Spot | None) -> frozenset[bytes] | None:
    """Read `destinations`; None if any will do."""
    read = reader.values(spot, destination)
    return frozenset(read) if read else None


def read_fields(reader: Reader, spot: Spot | None) -> tuple[tuple[str, str], ...]:
    """Read `headers`: names and globs, in the order of the file."""
    read: dict[str, tuple[str, str]] = {}
    for key, value in reader.named(spot) if spot is not None else ():
        name = reader.value(Spot(key, child_path(spot.path, key.text) if spot else ""), field_to_match)
        glob = reader.value(value, value_glob)
        if name is None or glob is None:
            continue
        if name.lower() in read:
            reader.report(
                value.key_place, Id.FIELD_TWICE, f"{quoted(key.text)} stands here already in another case; keep one of the two"
            )
            continue
        read[name.lower()] = (name, glob)
    return tuple(read.values())
