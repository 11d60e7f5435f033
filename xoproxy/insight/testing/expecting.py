"""Read `expect`: what a policy test wants to see, and whether the test can show it."""

from typing import Final

from xoproxy.config import values
from xoproxy.config.nodes import Mapping as MappingNode
from xoproxy.config.problems import Id, Refused, quoted
from xoproxy.config.reader import Reader, Spot
from xoproxy.insight.testing import keys
from xoproxy.insight.testing.cases import Comparing, Deed, Expected, Fetched, FieldExpected, Opened, PoppedUp

_OUTCOMES: Final = {"allowed": True, "blocked": False}
_OPENERS: Final = {"kept": True, "severed": False}


def read_expected(reader: Reader, test: Spot, spot: Spot | None, deed: Deed | None) -> Expected | None:
    """Read what is expected; None if that cannot be said."""
    if spot is None:
        if reader.lacks(test, "expect", keys.TEST):
            reader.report(
                test.place, Id.TEST_EXPECTATION, "nothing is expected of this test; write expect: allowed, or expect: blocked"
            )
        return None
    if not isinstance(spot.node, MappingNode):
        allowed = reader.value(spot, _outcome)
        expected = None if allowed is None else Expected(allowed=allowed)
    else:
        expected = _read_mapping(reader, spot)
    if expected is not None and deed is not None:
        _check(reader, spot, expected, deed)
    return expected


def _read_mapping(reader: Reader, spot: Spot) -> Expected:
    found = reader.mapping(spot, keys.EXPECT)
    readable = reader.values(found.get("readable"), values.field_name)
    if not found:
        reader.report(
            spot.place, Id.TEST_EXPECTATION, "nothing is expected of this test; write expect: allowed, or expect: blocked"
        )
    return Expected(
        allowed=reader.value(found.get("outcome"), _outcome),
        isolated=reader.value(found.get("cross_origin_isolated"), values.boolean),
        opener_kept=reader.value(found.get("opener"), _opener),
        preflight=reader.value(found.get("preflight"), values.boolean),
        status=reader.value(found.get("status"), _status),
        route=reader.value(found.get("route"), str.strip),
        step=reader.value(found.get("step"), str.strip),
        fields=_read_fields(reader, found.get("fields")),
        readable=tuple(name.lower() for name in readable or ()),
    )


def _read_fields(reader: Reader, spot: Spot | None) -> tuple[FieldExpected, ...]:
    read: list[FieldExpected] = []
    for key, value in reader.named(spot) if spot is not None else ():
        name = reader.value(Spot(key, value.path, key.mark), values.field_name)
        if isinstance(value.node, MappingNode):
            found = reader.mapping(value, keys.FIELD)
            for word, at in found.items():
                text = reader.text(at)
                if name is not None and text is not None:
                    read.append(FieldExpected(name, Comparing(word), text))
            continue
        text = reader.text(value)
        if name is not None and text is not None:
            comparing = {"absent": Comparing.ABSENT, "present": Comparing.PRESENT}.get(text, Comparing.IS)
            read.append(FieldExpected(name, comparing, text if comparing is Comparing.IS else ""))
    return tuple(read)


def _check(reader: Reader, spot: Spot, expected: Expected, deed: Deed) -> None:
    """What a test cannot show it must not expect: it would pass for ever."""
    if expected.isolated is not None and not isinstance(deed, Opened):
        _refuse(reader, spot, "cross_origin_isolated", "is about a page; write page: URL alone")
    if expected.opener_kept is not None and not isinstance(deed, PoppedUp):
        _refuse(reader, spot, "opener", "is about a popup; write popup: URL")
    if isinstance(deed, PoppedUp) and (expected.allowed is not None or expected.step is not None):
        _refuse(reader, spot, "outcome", "says nothing about a popup; write expect: {opener: kept}, or severed")
    if not isinstance(deed, Fetched):
        if expected.preflight is not None:
            _refuse(reader, spot, "preflight", "is about a request; write request: {url: ...}")
        if expected.readable:
            _refuse(reader, spot, "readable", "is about a request; write request: {url: ...}")
    if expected.allowed is True and expected.step is not None:
        _refuse(reader, spot, "step", "names what blocks, and this test expects allowed; remove one of the two")


def _refuse(reader: Reader, spot: Spot, key: str, why: str) -> None:
    reader.report(spot.place, Id.TEST_EXPECTATION, f"`{key}` {why}")


def _outcome(text: str) -> bool:
    if text not in _OUTCOMES:
        raise Refused(Id.NOT_A_CHOICE, f"{quoted(text)} is not an outcome; write allowed or blocked")
    return _OUTCOMES[text]


def _opener(text: str) -> bool:
    if text not in _OPENERS:
        raise Refused(Id.NOT_A_CHOICE, f"{quoted(text)} is nothing that becomes of an opener; write kept or severed")
    return _OPENERS[text]


def _status(text: str) -> int:
    if not (len(text) == 3 and text.isdigit() and "100" < text < "600"):
        raise Refused(Id.TEST_STATUS, f"{quoted(text)} is not a status; write one as 200 or 403")
    return int(text)
