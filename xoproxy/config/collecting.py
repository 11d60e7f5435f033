"""Read `reporting`: where browsers send reports, and how those that come to a path of ours are taken and kept.

Rule: the URL of a store may hold a password, so no message repeats it.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from xoproxy.browser.urls import parse
from xoproxy.config import addresses, values
from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.config.settings import Collecting, StoreKind, StoreSettings
from xoproxy.policy.model import ReportingEndpoints

STORE_PATH: Final = re.compile(r"/(?:[^\s\0/][^\s\0]*)?[^\s\0/]")
# What is special in a user name or password is percent-encoded: else nobody could tell where the password ends.
POSTGRESQL: Final = re.compile(
    r"postgresql://(?:[^\s@/?#:\[\]]+(?::[^\s@/?#\[\]]*)?@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]*)(?::([0-9]{1,5}))?"
    r"/[^\s@/?#:]+(?:\?[^\s?#]*)?"
)
_WORD: Final = re.compile(r"[A-Za-z0-9_.\-/]+")  # what a message may repeat: no URL is one

_KEEP: Final = re.compile(r"(0|[1-9][0-9]{0,9})(s|m|h|d)?")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}
_LOOSE_KEEP: Final = re.compile(r"0*([1-9][0-9]{0,3}) *([smhdw])[a-z]*", re.IGNORECASE)
MIN_KEEP_S: Final = 60
MAX_KEEP_DAYS: Final = 400

MIN_DELIVERY_BYTES: Final = 1024
MAX_DELIVERY_BYTES: Final = 4 * 1024**2
MAX_GROUPS: Final = 10_000_000  # some 5 GB

_ANY_PAGE: Final = parse("https://page.example/")


def read_endpoints(reader: Reader, spot: Spot | None) -> ReportingEndpoints:
    """Read `reporting.endpoints`."""
    urls: list[tuple[str, str | None]] = []
    for key, value in reader.named(spot) if spot is not None else ():
        name = reader.value(Spot(key, value.path), values.endpoint_name)
        url = reader.value(value, _endpoint)
        if name is not None and url is not None:
            urls.append((name, None if url == addresses.BY_UPSTREAM else url))
    return ReportingEndpoints(tuple(urls))


def _endpoint(text: str) -> str:
    place = addresses.collector(text)
    if place.startswith("/") and target_of(place) == b"/":
        example = quoted("/.well-known/xoproxy/reports")
        raise Refused(Id.ENDPOINT_URL, f"{quoted(text)} is the front page, which nobody could see then; write {example}")
    return place


def target_of(path: str) -> bytes:
    """Return the request target with which browsers report to an endpoint that is a path: normalised, with its query."""
    url = parse(path, _ANY_PAGE)
    assert url is not None  # what begins with one slash always is one
    return f"{url.path}{url.query}".encode("ascii")


def read_collecting(reader: Reader, found: Mapping[str, Spot], endpoints: ReportingEndpoints) -> Collecting:
    """Read the other keys of `reporting`."""
    default = Collecting()
    keep_s = reader.value(found.get("keep"), keep)
    return Collecting(
        tuple(dict.fromkeys(target_of(url) for _, url in endpoints.urls if url is not None and url.startswith("/"))),
        reader.value(found.get("store"), store) or default.store,
        default.keep_s if keep_s is None else keep_s,
        reader.value(found.get("max_groups"), groups) or default.max_groups,
        reader.value(found.get("max_body"), delivery_size) or default.max_body_bytes,
        reader.value(found.get("rate"), values.count) or default.deliveries_per_minute,
        reader.value(found.get("keep_queries"), values.boolean) is True,
    )


def store(text: str) -> StoreSettings:
    """Parse ``memory``, an absolute path, or ``postgresql://...``."""
    if text == StoreKind.MEMORY.value:
        return StoreSettings()
    if STORE_PATH.fullmatch(text) is not None:
        return StoreSettings(StoreKind.SQLITE, text)
    url = POSTGRESQL.fullmatch(text)
    if url is not None and _is_server(url[1] or "", url[2]) and (url[1] or "host=" in text):
        return StoreSettings(StoreKind.POSTGRESQL, text)
    raise Refused(Id.STORE, _store_hint(text))


def _is_server(host: str, port: str | None) -> bool:
    """Whether there can be a server there; `host` empty: its parameters say which."""
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return False
    return port is None or int(port) <= 65535


def _store_hint(text: str) -> str:
    """Say what to write instead of a store, without repeating what may be a password."""
    if re.match(r"postgres(?:ql)?(?:\+[a-z0-9]+)?:", text):
        what = "user name and password percent-encoded" if text.startswith("postgresql://") else "without the name of a driver"
        return f"this URL is not one of a PostgreSQL database; write postgresql://USER:PASSWORD@HOST/DATABASE, {what}"
    if ":memory:" in text:
        return "SQLite's name for memory is not used here; write memory"
    what = quoted(text) if _WORD.fullmatch(text) else "this"
    return f"{what} is no place for reports; write memory, an absolute path, or postgresql://USER:PASSWORD@HOST/DATABASE"


def keep(text: str) -> float:
    """Parse a duration that may have days: ``30d``, ``12h``, from a minute to `MAX_KEEP_DAYS`.  Returns seconds."""
    match = _KEEP.fullmatch(text)
    if match is None:
        raise Refused(Id.DURATION, f"{quoted(text)} is not a duration; write {_keep_hint(text)}")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not MIN_KEEP_S <= seconds <= MAX_KEEP_DAYS * 86400:
        raise Refused(Id.DURATION, f"{quoted(text)} is out of bounds for what is kept; write 1m to {MAX_KEEP_DAYS}d")
    return float(seconds)


def _keep_hint(text: str) -> str:
    loose = _LOOSE_KEEP.fullmatch(text)
    if loose is None:
        return "a number with its unit, as 30d or 12h"
    number, unit = int(loose[1]), loose[2].lower()
    return f"{number * 7}d" if unit == "w" else f"{number}{unit}"


def groups(text: str) -> int:
    """Parse how many groups are kept."""
    number = values.count(text)
    if number > MAX_GROUPS:
        raise Refused(Id.COUNT, f"{quoted(text)} groups are more than anybody looks at; write {MAX_GROUPS} or less")
    return number


def delivery_size(text: str) -> int:
    """Parse the largest size of a delivery: 1 KiB to 4 MiB."""
    octets = values.size(text)
    if not MIN_DELIVERY_BYTES <= octets <= MAX_DELIVERY_BYTES:
        raise Refused(Id.SIZE, f"{quoted(text)} is out of bounds for a delivery of reports; write 1KiB to 4MiB")
    return octets
