from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import body as pamqp_body
from pamqp import commands, frame, header

from leveret.wire.frames import HEARTBEAT_FRAME, OVERHEAD, PROTOCOL_HEADER, content_frames, method_frame
from leveret.wire.methods import BasicGetOk, BasicReturn, ChannelCloseOk, QueueDeclare


def frames_of(data: bytes) -> list[tuple[int, object]]:
    """(channel, frame) as pamqp reads them."""
    found = []
    while data:
        consumed, channel, read = frame.unmarshal(data)
        found.append((channel, read))
        data = data[consumed:]
    return found


def test_protocol_header() -> None:
    assert PROTOCOL_HEADER == b"AMQP\0\0\x09\x01"
    assert frame.unmarshal(PROTOCOL_HEADER)[0] == 8


def test_heartbeat() -> None:
    assert HEARTBEAT_FRAME == b"\x08\0\0\0\0\0\0\xce"


def test_method_frame() -> None:
    assert method_frame(0x0102, ChannelCloseOk()) == b"\x01\x01\x02\0\0\0\x04\0\x14\0\x29\xce"
    [(channel, read)] = frames_of(method_frame(7, QueueDeclare("q", durable=True)))
    assert channel == 7
    assert isinstance(read, commands.Queue.Declare)
    assert (read.queue, read.durable, read.passive) == ("q", True, False)


@given(st.binary(max_size=300), st.sampled_from([0, 9, 10, 64, 299, 300, 308, 309, 4096]))
def test_content_frames(body: bytes, frame_max: int) -> None:
    method = BasicGetOk(5, True, "x", "key", 9)
    data = content_frames(3, method, b"\x80\0\x01t", body, frame_max)
    (first, get_ok), (second, head), *rest = frames_of(data)
    assert first == second == 3
    assert isinstance(get_ok, commands.Basic.GetOk)
    assert (get_ok.delivery_tag, get_ok.redelivered, get_ok.message_count) == (5, True, 9)
    assert isinstance(head, header.ContentHeader)
    assert head.body_size == len(body)
    assert head.properties.content_type == "t"
    pieces = []
    for channel, read in rest:
        assert channel == 3
        assert isinstance(read, pamqp_body.ContentBody)
        assert read.value is not None
        assert read.value or not body
        pieces.append(read.value)
    assert b"".join(pieces) == body
    if frame_max:
        assert all(len(piece) + OVERHEAD <= frame_max for piece in pieces)
        assert len(pieces) == -(-len(body) // (frame_max - OVERHEAD))
    else:
        assert len(pieces) == bool(body)


def test_an_empty_body_has_no_frame() -> None:
    data = content_frames(1, BasicReturn(312, "NO_ROUTE", "", "q"), b"\0\0", b"", 4096)
    assert len(frames_of(data)) == 2


def test_a_body_may_be_a_view() -> None:
    method = BasicReturn(312, "NO_ROUTE", "", "q")
    assert content_frames(1, method, b"\0\0", memoryview(b"abc"), 9) == content_frames(1, method, b"\0\0", b"abc", 9)


def test_a_frame_max_that_leaves_no_room_is_our_fault() -> None:
    with pytest.raises(AssertionError):
        content_frames(1, BasicReturn(312, "NO_ROUTE", "", "q"), b"\0\0", b"a", OVERHEAD)
