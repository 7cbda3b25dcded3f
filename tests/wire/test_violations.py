"""What a peer gets for breaking the protocol: codes and texts as RabbitMQ's, and what still works afterwards."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from .support import (
    BODY,
    HEADER,
    HEARTBEAT,
    METHOD,
    PROTOCOL_HEADER,
    ack,
    bodies,
    events,
    feed,
    field,
    frame,
    header,
    headers,
    messages,
    method,
    nested,
    opened,
    plain,
    publish,
    publish_method,
)

PUBLISH = (60, 40)
NOTHING = (0, 0)
HARD_MAX = 512 * 1024 * 1024


def frame_header(kind: int, channel: int, size: int) -> bytes:
    return struct.pack(">BHI", kind, channel, size)


HARD = [
    # Frames that are none.
    (frame(4, 1, b"abc"), 501, 'type 4, all octets = <<"abc">>: unknown_frame', NOTHING),
    (frame(0, 0, b""), 501, "type 0, all octets = <<>>: unknown_frame", NOTHING),
    (frame(9, 1, bytes(17)), 501, f"type 9, first 16 octets = <<{','.join('0' * 16)}>>: unknown_frame", NOTHING),
    (frame(METHOD, 1, b"\x00\x3c\x00"), 501, "type 1, all octets = <<0,60,0>>: unknown_frame", NOTHING),
    (frame(METHOD, 0, b""), 501, "type 1, all octets = <<>>: unknown_frame", NOTHING),
    (frame(HEADER, 0, b"1234567890\n"), 501, 'type 2, all octets = <<"1234567890\\n">>: unknown_frame', NOTHING),
    (frame(HEADER, 1, b'0123456789"') + b"", 501, 'type 2, all octets = <<"0123456789\\"">>: unknown_frame', NOTHING),
    (frame(HEARTBEAT, 0, b"x"), 501, 'type 8, all octets = <<"x">>: unknown_frame', NOTHING),
    (frame(HEARTBEAT, 7, b"x"), 501, 'type 8, all octets = <<"x">>: unknown_frame', NOTHING),
    # A wrong end.
    (
        frame(METHOD, 1, b"abcdefgh")[:-1] + b"\x00",
        501,
        'type 1, all octets = <<"abcdefgh">>: {invalid_frame_end_marker,0}',
        NOTHING,
    ),
    (
        frame(BODY, 1, b"0123456789abcdefg")[:-1] + b"\xcf",
        501,
        'type 3, first 16 octets = <<"0123456789abcdef">>: {invalid_frame_end_marker,207}',
        NOTHING,
    ),
    # Frames where they do not belong.
    (frame(HEARTBEAT, 1, b""), 505, "type 8, all octets = <<>>", NOTHING),
    (frame(BODY, 0, b"abc"), 505, 'type 3, all octets = <<"abc">>', NOTHING),
    (header(0, 0)[:-1] + b"\xce", 505, f"type 2, all octets = <<0,60,{','.join('0' * 12)}>>", NOTHING),
    (header(1, 0), 505, "expected method frame, got non method frame instead", NOTHING),
    (bodies(1, b"x"), 505, "expected method frame, got non method frame instead", NOTHING),
    (publish() + bodies(1, b"x"), 505, "expected method frame, got non method frame instead", NOTHING),
    *[
        (
            publish_method() + data,
            505,
            "expected content header for class 60, got non content header frame instead",
            PUBLISH,
        )
        for data in (bodies(1, b"x"), publish_method(), ack(1, 1), method(1, 20, 10), header(1, 0, weight=1))
    ],
    (
        publish_method() + header(1, 0, class_id=50),
        505,
        "expected content header for class 60, got one for class 50 instead",
        PUBLISH,
    ),
    *[
        (
            publish_method() + header(1, 5) + data,
            505,
            "expected content body, got non content body frame instead",
            PUBLISH,
        )
        for data in (header(1, 5), publish_method(), ack(1, 1), method(1, 20, 40), bodies(1, b"abc") + header(1, 0))
    ],
    # Bodies that are not as announced.
    (
        publish_method() + header(1, 5) + bodies(1, b"123456"),
        501,
        "content body frame exceeds remaining content size",
        PUBLISH,
    ),
    (
        publish_method() + header(1, 5) + bodies(1, b"123456", 3),
        501,
        "content body frame exceeds remaining content size",
        PUBLISH,
    ),
    *[
        (
            publish_method() + header(1, size),
            501,
            f"content body size {size} exceeds maximum allowed size {HARD_MAX}",
            PUBLISH,
        )
        for size in (HARD_MAX + 1, (1 << 64) - 1)
    ],
    # Methods that cannot be read.
    (method(1, 60, 40), 501, "cannot decode <<>>", PUBLISH),
    (method(1, 60, 40, b"\x00\x00\x00\x01q"), 501, "cannot decode <<0,0,0,1,113>>", PUBLISH),
    (method(1, 60, 40, b"\x00\x00\x00\x01q\x00\x00"), 501, "cannot decode <<0,0,0,1,113,0,0>>", PUBLISH),
    (method(1, 60, 40, b"\x00\x00\x00\x03q\x00"), 501, "cannot decode <<0,0,0,3,113,0>>", PUBLISH),
    (method(1, 60, 40, b"\x00\x00\xff\x03q\x00"), 501, "cannot decode <<0,0,255,3,113,0>>", PUBLISH),
    (method(1, 60, 80, b"\x00"), 501, "cannot decode <<0>>", (60, 80)),
    (method(1, 60, 80, bytes(10)), 501, f"cannot decode <<{','.join('0' * 10)}>>", (60, 80)),
    (method(1, 60, 90, bytes(8)), 501, f"cannot decode <<{','.join('0' * 8)}>>", (60, 90)),
    (method(1, 60, 120), 501, "cannot decode <<>>", (60, 120)),
    (publish_method(1, b"\xff"), 501, "Malformed UTF-8 in shortstr", PUBLISH),
    (publish_method(1, b"", b"a\xc3"), 501, "Malformed UTF-8 in shortstr", PUBLISH),
    (publish_method(1, b"\xed\xa0\x80", b"q"), 501, "Malformed UTF-8 in shortstr", PUBLISH),
]

MALFORMED = [
    b"",
    b"\x00",
    b"\x80\x00",
    b"\x00\x00x",
    b"\x00\x01",
    b"\x00\x02",
    b"\x20\x00\xff\xff\xff\xff",
    headers(field("a", b"Z")),
    headers(field("a", b"S\xff\xff\xff\xff")),
    nested(b"F", 32),
    nested(b"A", 32),
    nested(b"F", 10_000),
    nested(b"A", 10_000),
]


class TestHardViolations:
    @pytest.mark.parametrize(("data", "code", "text", "ids"), HARD)
    def test_said_on_channel_0_and_nothing_more_is_read(
        self, impl: Any, data: bytes, code: int, text: str, ids: tuple[int, int]
    ) -> None:
        decoder = opened(impl)
        found = feed(decoder, data + publish(2), publish(1), PROTOCOL_HEADER)
        assert found[-1] == ("Violation", 0, code, text, *ids)
        assert [event[0] for event in found[:-1]] in ([], ["Batch"])
        assert decoder.held_bytes == 0

    @pytest.mark.parametrize(("data", "code", "text", "ids"), HARD)
    def test_byte_by_byte(self, impl: Any, data: bytes, code: int, text: str, ids: tuple[int, int]) -> None:
        found = feed(opened(impl), *[bytes([byte]) for byte in data])
        assert found[-1] == ("Violation", 0, code, text, *ids)

    @pytest.mark.parametrize("size", [0, 100])
    @pytest.mark.parametrize("raw", MALFORMED)
    def test_malformed_properties(self, impl: Any, raw: bytes, size: int) -> None:
        decoder = opened(impl, 0)
        (found,) = feed(decoder, publish_method() + header(1, size, raw) + bodies(1, bytes(size)))
        assert found[:3] == ("Violation", 0, 502)
        assert found[4:] == PUBLISH
        assert found[3].startswith("cannot decode <<")
        assert len(found[3]) < 1200

    def test_what_came_before_is_said_first(self, impl: Any) -> None:
        data = publish(1, body=b"a") + publish(2, body=b"b") + ack(3, 1) + publish(1, body=b"c") + frame(9, 1, b"")
        found = feed(opened(impl), data)
        assert [event[:2] for event in found] == [("Batch", 1), ("Batch", 2), ("Settlement", 3), ("Violation", 0)]
        assert [row[5] for row in found[0][3]] == [b"a", b"c"]

    def test_a_text_is_no_longer_than_it_has_to_be(self, impl: Any) -> None:
        (found,) = feed(opened(impl), method(1, 60, 40, bytes(100_000)))
        assert len(found[3]) < 1200


class TestFrameSize:
    @pytest.mark.parametrize("frame_max", [4096, 8192, 131072])
    def test_eight_bytes_too_many_are_forgiven(self, impl: Any, frame_max: int) -> None:
        decoder = opened(impl, frame_max)
        assert [event[0] for event in feed(decoder, method(1, 20, 10, bytes(frame_max - 4)))] == ["Command"]
        body = bytes(frame_max)
        assert messages(feed(decoder, publish(body=body) * 2))[1][6] == body

    @pytest.mark.parametrize(("kind", "channel"), [(METHOD, 1), (HEADER, 1), (BODY, 0), (HEARTBEAT, 0), (77, 9)])
    def test_more_are_not_and_its_header_is_enough_to_know(self, impl: Any, kind: int, channel: int) -> None:
        for size in (8193, 1 << 31, (1 << 32) - 1):
            decoder = opened(impl, 8192)
            (found,) = feed(decoder, frame_header(kind, channel, size))
            text = f"type {kind}, all octets = <<>>: {{frame_too_large,{size},8184}}"
            assert found == ("Violation", 0, 501, text, 0, 0)

    def test_a_body_frame_over_the_limit_behind_a_known_method(self, impl: Any) -> None:
        decoder = opened(impl, 4096)
        found = feed(decoder, publish(body=b"x") * 2 + publish(body=bytes(4097)))
        assert [event[0] for event in found] == ["Batch", "Violation"]
        assert len(found[0][3]) == 2
        assert "{frame_too_large,4097,4088}" in found[1][3]

    def test_no_limit(self, impl: Any) -> None:
        decoder = opened(impl, 0)
        body = bytes(3_000_000)
        assert messages(feed(decoder, publish(body=body)))[0][6] == body

    def test_before_open_the_initial_limit(self, impl: Any) -> None:
        decoder = impl.Decoder(impl.Pool(), frame_max=4096)
        found = feed(decoder, PROTOCOL_HEADER + frame_header(METHOD, 0, 4097))
        assert found[1] == ("Violation", 0, 501, "type 1, all octets = <<>>: {frame_too_large,4097,4088}", 0, 0)

    def test_what_is_announced_is_not_allocated(self, impl: Any) -> None:
        pool = impl.Pool()
        decoder = impl.Decoder(pool, max_message_size=HARD_MAX)
        feed(decoder, PROTOCOL_HEADER)
        decoder.open(0)
        feed(decoder, publish_method() + header(1, HARD_MAX) + frame_header(BODY, 1, HARD_MAX) + b"x")
        assert decoder.held_bytes < 200
        assert pool.allocated < 2_000_000


class TestBeforeOpen:
    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (method(1, 20, 10, b"\x00"), "type 1, all octets = <<0,20,0,10,0>>"),
            (frame(HEARTBEAT, 1, b""), "type 8, all octets = <<>>"),
            (frame(99, 65535, b"hello"), 'type 99, all octets = <<"hello">>'),
            (bodies(3, bytes(16)), f"type 3, all octets = <<{','.join('0' * 16)}>>"),
        ],
    )
    def test_only_channel_0_may_speak(self, impl: Any, data: bytes, text: str) -> None:
        decoder = impl.Decoder(impl.Pool())
        found = feed(decoder, PROTOCOL_HEADER + method(0, 10, 11) + data + method(0, 10, 31))
        assert [event[0] for event in found] == ["ProtocolHeader", "Command", "Violation"]
        assert found[2] == ("Violation", 0, 505, text, 0, 0)
        assert decoder.held_bytes == 0

    @pytest.mark.parametrize("data", [frame(4, 0, b""), frame(HEARTBEAT, 0, b"x"), frame(METHOD, 0, b"abc")])
    def test_unknown_frames(self, impl: Any, data: bytes) -> None:
        found = feed(impl.Decoder(impl.Pool()), PROTOCOL_HEADER + data)
        assert found[1][2] == 501
        assert found[1][3].endswith(": unknown_frame")

    def test_is_only_found_when_it_is_its_turn(self, impl: Any) -> None:
        decoder = impl.Decoder(impl.Pool())
        decoder.push(PROTOCOL_HEADER + method(0, 10, 11) + b"\xff" * 20)
        assert plain(decoder.next())[0] == "ProtocolHeader"
        assert plain(decoder.next())[0] == "Command"
        assert plain(decoder.next())[:3] == ("Violation", 0, 501)
        assert decoder.next() is None


class TestTooMuchIncomplete:
    """Contents that are half received are nobody's but the decoder's; their channels need not even be open."""

    CHANNELS = "number of channels opened (3) has reached the negotiated channel_max (3)"

    @pytest.mark.parametrize("begun", [publish_method, lambda channel: publish_method(channel) + header(channel, 9)])
    def test_on_more_channels_than_there_may_be(self, impl: Any, begun: Any) -> None:
        decoder = opened(impl, channel_max=3)
        assert feed(decoder, *[begun(channel) for channel in (1, 7, 65535)]) == []
        found = feed(decoder, publish(8, body=b"x") + begun(2) + publish(9, body=b"y"), publish(10))
        assert [event[:2] for event in found] == [("Batch", 8), ("Batch", 9), ("Violation", 0)]
        assert found[2] == ("Violation", 0, 530, self.CHANNELS, 0, 0)
        assert decoder.held_bytes == 0

    def test_channels_that_are_done_do_not_count(self, impl: Any) -> None:
        decoder = opened(impl, channel_max=3)
        for channel in range(1, 20):
            found = feed(decoder, publish_method(channel), header(channel, 1), bodies(channel, b"x"))
            assert len(messages(found)) == 1
        assert len(messages(feed(decoder, *[publish(channel) for channel in range(1, 20)]))) == 19

    def test_interleaved_in_one_push_they_do_not_count(self, impl: Any) -> None:
        decoder = opened(impl, channel_max=3)
        channels = range(1, 20)
        begun = [publish_method(channel) for channel in channels] + [header(channel, 1) for channel in channels]
        data = b"".join(begun + [bodies(channel, b"x") for channel in channels])
        assert len(messages(feed(decoder, data))) == 19

    def test_without_a_limit_all_channels_may(self, impl: Any) -> None:
        decoder = opened(impl)
        assert feed(decoder, b"".join(publish_method(channel) for channel in range(1, 65536))) == []
        assert decoder.held_bytes == 65535 * 3

    def test_more_bytes_than_there_may_be(self, impl: Any) -> None:
        decoder = opened(impl, max_partial_size=1000)
        begun = [publish_method(channel) + header(channel, 400) + bodies(channel, bytes(300)) for channel in (1, 2, 3)]
        assert feed(decoder, *begun) == []
        assert feed(decoder, publish(4, body=bytes(5000))) != []
        assert feed(decoder, bodies(1, bytes(1000 - decoder.held_bytes))) == []
        assert decoder.held_bytes == 1000
        text = "3 incomplete messages take more than 1000 bytes"
        assert feed(decoder, publish(5) + bodies(2, b"x"), publish(6))[1:] == [("Violation", 0, 506, text, 0, 0)]
        assert decoder.held_bytes == 0

    def test_bytes_that_nobody_keeps_do_not_count(self, impl: Any) -> None:
        decoder = opened(impl, max_partial_size=1000, max_message_size=500)
        (found,) = feed(decoder, publish_method(1) + header(1, 5000) + bodies(1, bytes(4000)))
        assert found[2] == 406
        feed(decoder, publish_method(2) + header(2, 500) + bodies(2, bytes(400)))
        decoder.discard_channel(2)
        assert feed(decoder, publish_method(3) + header(3, 500) + bodies(3, bytes(499))) == []
        assert decoder.held_bytes < 1000

    def test_contents_that_came_with_the_handshake_count_too(self, impl: Any) -> None:
        decoder = impl.Decoder(impl.Pool())
        decoder.push(PROTOCOL_HEADER + b"".join(publish_method(channel) for channel in range(1, 6)))
        decoder.next()
        decoder.open(131072, 3)
        assert [plain(event)[2] for event in events(decoder)] == [530]


class TestMessagesTooLarge:
    TEXT = "message size 11 is larger than configured max size 10"

    @pytest.mark.parametrize("part", [0, 1, 4])
    def test_only_its_channel_is_told_and_all_goes_on(self, impl: Any, part: int) -> None:
        decoder = opened(impl, max_message_size=10)
        large = publish(1, body=bytes(11), part=part)
        data = publish(1, body=b"a") + publish(2, body=b"b") + large + publish(2, body=b"c") + publish(1, body=b"d")
        found = feed(decoder, data)
        assert [event[:2] for event in found] == [("Batch", 1), ("Batch", 2), ("Violation", 1), ("Batch", 1)]
        assert found[2] == ("Violation", 1, 406, self.TEXT, 60, 40)
        assert [row[5] for row in found[1][3]] == [b"b", b"c"]
        assert [row[5] for row in found[3][3]] == [b"d"]

    @pytest.mark.parametrize("cut", range(len(publish(1, body=bytes(11), part=4)) + 1))
    def test_cut_anywhere(self, impl: Any, cut: int) -> None:
        decoder = opened(impl, max_message_size=10)
        large = publish(1, body=bytes(11), part=4)
        found = feed(decoder, large[:cut], large[cut:] + publish(1, body=bytes(10)))
        assert [event[0] for event in found] == ["Violation", "Batch"]
        assert decoder.held_bytes == 0

    def test_nothing_of_it_is_held(self, impl: Any) -> None:
        decoder = opened(impl, max_message_size=10)
        feed(decoder, publish_method() + header(1, 1_000_000) + bodies(1, bytes(100_000)))
        assert decoder.held_bytes == 0

    def test_exactly_the_limit_is_fine(self, impl: Any) -> None:
        decoder = opened(impl, max_message_size=10)
        assert len(messages(feed(decoder, publish(body=bytes(10)) * 2))) == 2

    def test_of_a_channel_that_is_closed_nobody_is_told(self, impl: Any) -> None:
        decoder = opened(impl, max_message_size=10)
        decoder.push(publish_method(1))
        decoder.discard_channel(1)
        assert feed(decoder, publish(1, body=bytes(11))[len(publish_method(1)) :]) == []

    def test_a_command_ends_it_once_the_channel_is_closed(self, impl: Any) -> None:
        decoder = opened(impl, max_message_size=10)
        feed(decoder, publish_method(1) + header(1, 11) + bodies(1, b"abc"))
        decoder.discard_channel(1)
        assert [event[0] for event in feed(decoder, method(1, 20, 41))] == ["Command"]

    def test_it_has_to_be_as_long_as_announced(self, impl: Any) -> None:
        decoder = opened(impl, max_message_size=10)
        found = feed(decoder, publish_method(1) + header(1, 11) + bodies(1, bytes(12)))
        assert [event[2] for event in found] == [406, 501]

    def test_limits_over_the_hard_one_are_that(self, impl: Any) -> None:
        decoder = opened(impl, max_message_size=1 << 62)
        (found,) = feed(decoder, publish_method(1) + header(1, HARD_MAX + 1))
        assert found[2] == 501
        assert list(events(decoder)) == []
