"""Frames: how contents may be cut, what else may come between, and what each mistake costs."""

from __future__ import annotations

import struct
from functools import reduce

import pytest

from leveret.wire.frames import HEARTBEAT_FRAME, content_frames, method_frame
from leveret.wire.methods import (
    BasicConsume,
    BasicGet,
    BasicPublish,
    BasicQos,
    BasicQosOk,
    ChannelClose,
    ChannelCloseOk,
    ChannelOpen,
    ChannelOpenOk,
    ConnectionClose,
    ConnectionCloseOk,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    QueueDeleteOk,
    QueuePurge,
)

from ..amqp.support import TRANSIENT, Content, Link, World
from .support import bodies_in, client

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
PUBLISH = method_frame(1, BasicPublish("", "q"))
FUDGE = 8


def frame(kind: int, payload: bytes, channel: int = 1, end: int = 0xCE) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + bytes((end,))


def header(size: int, properties: bytes = TRANSIENT, *, class_id: int = 60, weight: int = 0) -> bytes:
    return frame(HEADER, struct.pack(">HHQ", class_id, weight, size) + properties)


def with_queue(frame_max: int = 131072) -> Link:
    link = World().channel(frame_max=frame_max)
    link.send(QueueDeclare("q"))
    link.received.clear()
    return link


# -- contents ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"ab"],
        [b"", b"a", b"", b"b"],
        [b"x"] * 300,
        [b"x" * 131064, b"y" * 131064, b"z"],
        [b"x" * (131064 + FUDGE)],
    ],
    ids=["none", "one", "empty ones between", "bytes", "large", "a little over the maximum"],
)
def test_a_body_may_be_cut_anywhere(pieces: list[bytes]) -> None:
    link = with_queue()
    link.feed(PUBLISH + header(sum(map(len, pieces))) + b"".join(frame(BODY, piece) for piece in pieces))
    assert bodies_in(link, "q") == [b"".join(pieces)]


def test_other_channels_and_heartbeats_may_come_between() -> None:
    link = with_queue()
    link.open_channel(2)
    between = HEARTBEAT_FRAME + method_frame(2, BasicQos(0, 1))
    link.feed(PUBLISH + between + header(2) + between + frame(BODY, b"a") + between + frame(BODY, b"b"))
    assert link.take(2) == [BasicQosOk()] * 3
    assert bodies_in(link, "q") == [b"ab"]


def test_contents_of_channels_may_be_mixed() -> None:
    link = with_queue()
    link.open_channel(2)
    one = content_frames(1, BasicPublish("", "q"), TRANSIENT, b"one", 131072)
    two = content_frames(2, BasicPublish("", "q"), TRANSIENT, b"two", 131072)
    cut = len(PUBLISH)
    link.feed(one[:cut] + two[:cut] + one[cut:] + two[cut:])
    assert bodies_in(link, "q") == [b"one", b"two"]


@pytest.mark.parametrize("frame_max", [8192, 131072])
def test_what_is_delivered_keeps_to_the_negotiated_maximum(frame_max: int) -> None:
    link = with_queue(frame_max)  # which asserts the size of each frame that comes
    body = bytes(range(256)) * 1000
    link.publish(body)
    assert bodies_in(link, "q") == [body]


@pytest.mark.parametrize(
    ("data", "code", "text"),
    [
        (header(1), 505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead"),
        (frame(BODY, b"a"), 505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead"),
        (
            PUBLISH + header(0) + frame(BODY, b""),
            505,
            "UNEXPECTED_FRAME - expected method frame, got non method frame instead",
        ),
        (
            PUBLISH + header(1, class_id=50),
            505,
            "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead",
        ),
        (
            PUBLISH + frame(BODY, b"a"),
            505,
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
        ),
        (
            PUBLISH + PUBLISH,
            505,
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
        ),
        (
            PUBLISH + method_frame(1, ChannelClose(200)),
            505,
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
        ),
        (
            PUBLISH + header(2) + method_frame(1, QueueDeclare("x")),
            505,
            "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
        ),
        (
            PUBLISH + header(2) + header(2),
            505,
            "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
        ),
        (
            PUBLISH + header(2) + frame(BODY, b"abc"),
            501,
            "FRAME_ERROR - content body frame exceeds remaining content size",
        ),
        (
            PUBLISH + header(1 << 40),
            501,
            "FRAME_ERROR - content body size 1099511627776 exceeds maximum allowed size 536870912",
        ),
        (frame(HEARTBEAT, b""), 505, "UNEXPECTED_FRAME - type 8, all octets = <<>>"),
        (frame(HEARTBEAT, b"x", 0), 501, 'FRAME_ERROR - type 8, all octets = <<"x">>: unknown_frame'),
        (frame(BODY, b"abc", 0), 505, 'UNEXPECTED_FRAME - type 3, all octets = <<"abc">>'),
        (frame(5, b"\0\1\2"), 501, "FRAME_ERROR - type 5, all octets = <<0,1,2>>: unknown_frame"),
        (
            frame(5, b"abcdefghijklmnopqrstu"),
            501,
            'FRAME_ERROR - type 5, first 16 octets = <<"abcdefghijklmnop">>: unknown_frame',
        ),
        (frame(METHOD, b"ab"), 501, 'FRAME_ERROR - type 1, all octets = <<"ab">>: unknown_frame'),
        (
            frame(BODY, b"abc", end=0x41),
            501,
            'FRAME_ERROR - type 3, all octets = <<"abc">>: {invalid_frame_end_marker,65}',
        ),
        (
            frame(BODY, b"x" * (131064 + FUDGE + 1)),
            501,
            "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,131073,131064}",
        ),
    ],
)
def test_what_a_mistake_costs(data: bytes, code: int, text: str) -> None:
    link = client()
    link.feed(data)
    ((number, close),) = link.received
    assert number == 0
    assert isinstance(close, ConnectionClose)
    assert (close.reply_code, close.reply_text) == (code, text)


# -- methods that say nothing that can be understood -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "arguments", "code", "text"),
    [
        ((50, 10), b"ab", 501, "FRAME_ERROR - cannot decode <<97,98>>"),
        ((20, 10), b"\0xx", 501, "FRAME_ERROR - cannot decode <<0,120,120>>"),
        ((60, 80), b"\0\0\0", 501, "FRAME_ERROR - cannot decode <<0,0,0>>"),
        ((50, 10), b"\0\0\x02\xff\xfe\0\0\0\0\0", 501, "FRAME_ERROR - Malformed UTF-8 in shortstr"),
    ],
)
def test_arguments_that_do_not_fit(method: tuple[int, int], arguments: bytes, code: int, text: str) -> None:
    link = client()
    link.feed(frame(METHOD, struct.pack(">HH", *method) + arguments))
    assert link.received == [(0, ConnectionClose(code, text, *method))]


TOLD = "SYNTAX_ERROR - malformed field table: "


@pytest.mark.parametrize(
    ("method", "arguments", "code", "text"),
    [
        ((99, 99), b"", 503, "COMMAND_INVALID - unimplemented method"),
        ((60, 999), b"", 503, "COMMAND_INVALID - unimplemented method"),
        ((50, 10), b"\0\0\x01q\0\0\0\0\x04\x01aZ\0", 502, TOLD + "unknown type tag 0x5a"),
        ((50, 10), b"\0\0\x01q\0\0\0\0\x04\x01aI\0", 502, TOLD + "truncated"),
    ],
    ids=["class", "method", "type tag", "short table"],
)
def test_what_rabbitmq_drops_the_connection_for_is_answered(
    method: tuple[int, int], arguments: bytes, code: int, text: str
) -> None:
    link = client()
    link.feed(frame(METHOD, struct.pack(">HH", *method) + arguments))
    assert link.received == [(0, ConnectionClose(code, text, *method))]


@pytest.mark.parametrize(
    "properties", [b"", b"\x80\0\xff", b"\x20\0\0\0\0\x04abcd", b"\x20\0\0\0\0\x04\x01aZ\0", b"\0\0abc"]
)
def test_properties_that_cannot_be_read(properties: bytes) -> None:
    """502 with the octets; RabbitMQ has no other word for it than 541."""
    link = client()
    link.feed(PUBLISH + header(0, properties))
    text = f"SYNTAX_ERROR - cannot decode <<{','.join(map(str, properties))}>>"
    assert link.received == [(0, ConnectionClose(502, text, 60, 40))]


def test_routing_keys_are_utf8() -> None:
    """RabbitMQ does not look at the names of basic.publish, and so lets any bytes pass."""
    link = with_queue()
    link.feed(frame(METHOD, struct.pack(">HH", 60, 40) + b"\0\0\0\x01\xff\0") + header(0))
    assert link.received == [(0, ConnectionClose(501, "FRAME_ERROR - Malformed UTF-8 in shortstr", 60, 40))]


def test_tables_have_a_depth() -> None:
    """32; RabbitMQ takes any, and spends what it takes."""
    table = reduce(lambda inner, _: b"\x01aF" + struct.pack(">I", len(inner)) + inner, range(32), b"")
    link = client()
    link.feed(frame(METHOD, struct.pack(">HHHB", 50, 10, 0, 1) + b"q\0" + struct.pack(">I", len(table)) + table))
    assert link.received == [(0, ConnectionClose(502, TOLD + "nested deeper than 32", 50, 10))]


# -- ends --------------------------------------------------------------------------------------------------------------


def test_a_connection_may_end_in_the_middle_of_a_content() -> None:
    link = with_queue()
    link.feed(PUBLISH + method_frame(0, ConnectionClose(200)))
    assert link.received == [(0, ConnectionCloseOk())]
    assert link.session.finished


def test_a_closing_channel_ignores_what_it_cannot_understand() -> None:
    """RabbitMQ reads the arguments, and drops or closes the connection if it cannot."""
    link = client()
    link.send(QueuePurge("missing"))
    link.received.clear()
    link.feed(frame(METHOD, struct.pack(">HH", 50, 10) + b"ab") + frame(METHOD, struct.pack(">HH", 99, 99)))
    assert link.take() == []
    link.send(ChannelCloseOk(), ChannelOpen())
    assert link.take() == [ChannelOpenOk()]


def test_who_deletes_the_queue_of_their_own_consumer_hears_of_the_consumer_first() -> None:
    """In RabbitMQ the order is not fixed, and mostly the other."""
    link = with_queue()
    link.send(BasicConsume("q", "t"))
    link.received.clear()
    link.send(QueueDelete("q"))
    assert [type(what).__name__ for what in link.take()] == ["BasicCancel", "QueueDeleteOk"]


def test_nothing_after_a_channels_error_is_done() -> None:
    link = with_queue()
    link.feed(
        method_frame(1, QueuePurge("missing"))
        + content_frames(1, BasicPublish("", "q"), TRANSIENT, b"late", 131072)
        + method_frame(1, QueueDeclare("late"))
        + method_frame(1, BasicGet("q"))
    )
    assert [type(what) for what in link.take()] == [ChannelClose]
    link.open_channel(2)
    assert link.call(QueueDeclare("q", passive=True), 2) == QueueDeclareOk("q", 0, 0)
    assert link.call(QueueDelete("late"), 2) == QueueDeleteOk(0)


def test_get_ok_counts_what_stays_ready() -> None:
    link = with_queue()
    link.publish(b"1", b"2", b"3")
    for left in (2, 1, 0):
        got = link.call(BasicGet("q"))
        assert isinstance(got, Content)
        assert got.method.message_count == left  # type: ignore[attr-defined]
