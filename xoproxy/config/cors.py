"""Read the mapping under `cors` into a draft."""

from typing import Final

from xoproxy.config import keys, values
from xoproxy.config.drafts import CorsDraft, Escape, Names, Origins, Placed
from xoproxy.config.entries import read_entry
from xoproxy.config.lists import is_any, read_list
from xoproxy.config.nodes import Mapping, Scalar
from xoproxy.config.origins import NULL, Null, origin_pattern
from xoproxy.config.problems import Id, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.regexes import origin_regex
from xoproxy.policy.model import ANY, OFF, Off, PreflightHandling, Refusal
from xoproxy.semantics.origins import OriginPattern

MAX_AGE_S: Final = 86400  # Firefox; no browser keeps an answer longer
USUAL_MAX_AGE_S: Final = 7200  # Chromium; WebKit 600


def read_cors(reader: Reader, spot: Spot) -> CorsDraft | Placed[Off] | None:
    """Read `cors`; None if it is neither a mapping nor ``off``."""
    node = spot.node
    if isinstance(node, Scalar):
        text = reader.text(spot)
        if text == "off":
            return Placed(OFF, spot.place)
        if text is not None:
            hint = "off" if text.lower() in ("off", "no", "false", "none") else "{allow_origins: [...]} or off"
            reader.report(spot.place, Id.NOT_A_CHOICE, f"{quoted(text)} is not a value of `cors`; write {hint}")
        return None
    found = reader.mapping(spot, keys.CORS)
    origins = read_origins(reader, found.get("allow_origins"))
    if origins is None and not reader.lacks(spot, "allow_origins", keys.CORS):
        origins = _no_origins(spot)
    regexes = read_regexes(reader, found.get("allow_origin_regexes"))
    if regexes is None and not reader.lacks(spot, "allow_origin_regexes", keys.CORS):
        regexes = Placed((), spot.place)
    return CorsDraft(
        place=spot.key_place,
        allow_origins=origins,
        allow_methods=_read_methods(reader, found.get("allow_methods")),
        allow_headers=read_list(reader, found.get("allow_headers"), values.field_name),
        expose_headers=read_list(reader, found.get("expose_headers"), values.exposable_name),
        allow_credentials=reader.placed(found.get("allow_credentials"), values.boolean),
        max_age_s=_read_max_age(reader, found.get("max_age")),
        allow_origin_regexes=regexes,
        preflight=reader.placed(found.get("preflight"), values.choice("preflight", PreflightHandling)),
        refuse=reader.placed(found.get("refuse"), values.choice("refuse", Refusal)),
        legacy_private_network=reader.placed(found.get("legacy_private_network"), values.boolean),
        any_with_credentials=read_escape(reader, found.get("dangerously_allow_any_origin_with_credentials")),
        insecure_origins=read_escape(reader, found.get("dangerously_allow_insecure_origins")),
        public_suffixes=read_escape(reader, found.get("dangerously_allow_public_suffixes")),
        null_origin=read_escape(reader, found.get("dangerously_allow_null_origin")),
    )


def read_origins(reader: Reader, spot: Spot | None) -> Placed[Origins] | None:
    """Read `allow_origins`.  A list whose members are all refused is there all the same.

    ``null`` is an origin here, though YAML reads it as no value: which key it needs is told when the policy is sealed.
    """
    if spot is None:
        return None
    is_one = isinstance(spot.node, Mapping) or reader.peek(spot) == NULL.value
    items = (spot,) if is_one else reader.items(spot)
    if items is None:
        return _no_origins(spot)
    if is_any(reader, spot, items):
        return Placed(ANY, spot.place)

    def parse(at: Spot) -> OriginPattern | Null | None:
        return NULL if reader.peek(at) == NULL.value else reader.value(at, origin_pattern)

    read: list[Placed[OriginPattern | Null] | None] = [read_entry(reader, item, keys.TIMED_ORIGIN, parse) for item in items]
    return Placed(tuple(origin for origin in read if origin is not None), spot.place)


def read_regexes(reader: Reader, spot: Spot | None) -> Placed[tuple[Placed[str], ...]] | None:
    """Read `allow_origin_regexes`.  A list whose members are all refused is there all the same."""
    if spot is None:
        return None
    items = (spot,) if isinstance(spot.node, Mapping) else reader.items(spot) or ()
    read = [read_entry(reader, item, keys.TIMED_REGEX, lambda at: reader.value(at, origin_regex)) for item in items]
    return Placed(tuple(regex for regex in read if regex is not None), spot.place)


def _no_origins(spot: Spot) -> Placed[Origins]:
    """Return the origins of a list that is there and could not be read."""
    return Placed((), spot.place)


def _read_methods(reader: Reader, spot: Spot | None) -> Placed[Names] | None:
    read = read_list(reader, spot, values.method)
    if spot is not None and read is not None and read.value is not ANY and b"PATCH" not in read.value:
        for spelled in read.value:
            if spelled.upper() == b"PATCH":
                reader.report(
                    spot.place,
                    Id.METHOD_CASE,
                    f"{quoted(spelled.decode('ascii'))} is not PATCH, and browsers do not make it so; write PATCH, or both",
                )
    return read


def _read_max_age(reader: Reader, spot: Spot | None) -> Placed[int] | None:
    """Read `max_age`.  (Fetch, "CORS-preflight cache"; the caps are the browsers')"""
    seconds = reader.value(spot, values.whole_seconds)
    if spot is None or seconds is None:
        return None
    if seconds > MAX_AGE_S:
        reader.report(
            spot.place,
            Id.MAX_AGE,
            "no browser keeps a preflight answer for more than 24h; write 2h, the most that Chromium keeps",
        )
    elif seconds > USUAL_MAX_AGE_S:
        reader.report(spot.place, Id.LONG_MAX_AGE, "Chromium keeps preflight answers for 2h at most, Safari for 10m; write 2h")
    return Placed(seconds, spot.place)


def read_escape(reader: Reader, spot: Spot | None) -> Placed[Escape] | None:
    """Read a dangerous key: it wants a reason, and may carry the day by which it is to go."""
    if spot is None:
        return None
    key = spot.path.rpartition(".")[2]
    if isinstance(spot.node, Scalar):
        reader.report(
            spot.place, Id.UNREASONED, f'a dangerous key wants its reason; write {key}: {{reason: "why", expires: 2027-01-31}}'
        )
        return Placed(Escape(""), spot.place)
    found = reader.mapping(spot, keys.ESCAPE)
    if reader.lacks(spot, "reason", keys.ESCAPE):
        reader.report(spot.key_place, Id.UNREASONED, f'a dangerous key wants its reason; write {key}: {{reason: "why"}}')
    reason = reader.value(found.get("reason"), str.strip)
    expires = reader.value(found.get("expires"), values.day)
    if expires is not None and expires < reader.today:
        reader.report(found["expires"].place, Id.EXPIRED, f"{key} was to go by {expires}; remove it, or set a new date")
    return Placed(Escape(reason or ""), spot.place)
