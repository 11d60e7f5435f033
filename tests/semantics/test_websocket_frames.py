"""Where WebSocket frames end.  (RFC 6455 §5.2)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode

from xoproxy.semantics.websocket import GOING_AWAY, FrameFollower, close_frame


class Feed:
    """A reader of whole frames, as `websockets` wants it: a generator that is sent bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int):  # type: ignore[no-untyped-def]
        data, self._data = self._data[:size], self._data[size:]
        return data
        yield


def parsed(data: bytes, *, mask: bool) -> Frame:
    """Read one frame with `websockets`."""
    steps = Frame.parse(Feed(data).read, mask=mask, max_size=None)
    try:
        next(steps)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("the frame is not whole")


def serialized(opcode: Opcode, data: bytes, fin: bool, mask: bool) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=mask)


frames = st.lists(
    st.one_of(
        st.builds(
            serialized,
            st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
            st.one_of(st.binary(max_size=125), st.integers(126, 70_000).map(bytes)),
            st.booleans(),
            st.booleans(),
        ),
        st.builds(
            serialized, st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125), st.just(True), st.booleans()
        ),
    ),
    max_size=6,
)


@given(frames, st.lists(st.integers(1, 5000), min_size=1, max_size=20))
def test_boundaries_are_found_however_the_bytes_come(sent: list[bytes], sizes: list[int]) -> None:
    """Exactly after each whole frame, and nowhere else."""
    data = b"".join(sent)
    boundaries = {sum(map(len, sent[:count])) for count in range(len(sent) + 1)}
    follower = FrameFollower()
    at = turn = 0

    while at < len(data):
        size = sizes[turn % len(sizes)]
        follower.feed(data[at : at + size])
        at, turn = min(len(data), at + size), turn + 1

        assert follower.at_boundary is (at in boundaries)
    assert not follower.closing


def test_every_byte_of_a_long_frames_header_may_come_alone() -> None:
    frame = Frame(Opcode.BINARY, bytes(70_000)).serialize(mask=True)
    follower = FrameFollower()
    for at in range(14):
        follower.feed(frame[at : at + 1])

        assert not follower.at_boundary
    follower.feed(frame[14:])

    assert follower.at_boundary


@pytest.mark.parametrize("mask", [b"", b"\x01\x02\x03\x04", b"\0\0\0\0", b"\xff\xfe\xfd\xfc"])
def test_our_close_frame_is_one(mask: bytes) -> None:
    """`websockets` reads the code; ours is seen as a close too, so that no second one is sent."""
    frame = parsed(close_frame(GOING_AWAY, mask), mask=bool(mask))
    follower = FrameFollower()
    follower.feed(close_frame(GOING_AWAY, mask))

    assert frame.opcode is Opcode.CLOSE
    assert Close.parse(frame.data).code == 1001
    assert follower.closing
    assert follower.at_boundary


@given(st.binary(max_size=200), st.integers(1, 50))
def test_bytes_that_are_no_frames_do_no_harm(data: bytes, size: int) -> None:
    """Whole or in pieces, the same is concluded, and nothing raised."""
    whole, pieces = FrameFollower(), FrameFollower()
    whole.feed(data)
    for at in range(0, len(data), size):
        pieces.feed(data[at : at + size])

    assert (whole.at_boundary, whole.closing) == (pieces.at_boundary, pieces.closing)
