"""The decoder: handshake frame by frame, then batches per channel and push, settlements, commands."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from .support import (
    HEARTBEAT_FRAME,
    NO_PROPERTIES,
    PERSISTENT_PROPERTIES,
    PROTOCOL_HEADER,
    ack,
    bodies,
    events,
    feed,
    header,
    messages,
    method,
    nack,
    opened,
    plain,
    publish,
    publish_method,
    refused,
    reject,
    rows,
)

CHANNEL_OPEN = (20, 10)


class TestBeforeOpen:
    @pytest.mark.parametrize(
        "first", [PROTOCOL_HEADER, b"GET / HT", b"\x16\x03\x01\x02\x00\x01\x00\x01", b"AMQP\3\1\0\0"]
    )
    def test_the_first_8_bytes_are_a_protocol_header_whatever_they_are(self, impl: Any, first: bytes) -> None:
        decoder = impl.Decoder(impl.Pool())
        decoder.push(first[:7])
        assert decoder.next() is None
        assert decoder.held_bytes == 7
        decoder.push(first[7:])
        assert plain(decoder.next()) == ("ProtocolHeader", first)
        assert decoder.next() is None
        assert decoder.held_bytes == 0

    def test_one_frame_per_next(self, impl: Any) -> None:
        decoder = impl.Decoder(impl.Pool())
        decoder.push(PROTOCOL_HEADER + method(0, 10, 11, b"abc") + method(0, 10, 31) + b"rest")
        assert plain(decoder.next()) == ("ProtocolHeader", PROTOCOL_HEADER)
        assert plain(decoder.next()) == ("Command", 0, 10 << 16 | 11, b"abc")
        assert plain(decoder.next()) == ("Command", 0, 10 << 16 | 31, b"")
        assert decoder.next() is None
        assert decoder.held_bytes == 4

    def test_heartbeats_are_swallowed(self, impl: Any) -> None:
        decoder = impl.Decoder(impl.Pool())
        found = feed(decoder, PROTOCOL_HEADER + HEARTBEAT_FRAME * 3 + method(0, 10, 11) + HEARTBEAT_FRAME)
        assert [event[0] for event in found] == ["ProtocolHeader", "Command"]
        assert decoder.held_bytes == 0

    def test_nothing_is_parsed_under_limits_that_are_about_to_change(self, impl: Any) -> None:
        decoder = impl.Decoder(impl.Pool(), frame_max=8192)
        large = method(1, 20, 10, bytes(20_000))
        decoder.push(PROTOCOL_HEADER + method(0, 10, 40) + large)
        assert plain(decoder.next())[0] == "ProtocolHeader"
        assert plain(decoder.next())[:3] == ("Command", 0, 10 << 16 | 40)
        decoder.open(131072)
        assert plain(decoder.next()) == ("Command", 1, 20 << 16 | 10, bytes(20_000))

    def test_contents_that_came_with_the_handshake_are_one_batch_after_it(self, impl: Any) -> None:
        decoder = impl.Decoder(impl.Pool())
        decoder.push(PROTOCOL_HEADER + method(0, 10, 40) + publish(body=b"a") + publish(body=b"b"))
        decoder.next()
        decoder.next()
        decoder.open(131072)
        assert [(plain(event)[0], len(event)) for event in events(decoder)] == [("Batch", 2)]


class TestContents:
    def test_a_message_as_it_came(self, impl: Any) -> None:
        decoder = opened(impl)
        found = feed(decoder, publish(3, "ex", "a.b", b"body", PERSISTENT_PROPERTIES, bits=1))
        features = impl.PERSISTENT | impl.MANDATORY
        row = ("ex", "a.b", True, False, PERSISTENT_PROPERTIES, b"body", features)
        assert found == [("Batch", 3, features, [row])]

    def test_an_empty_body_has_no_body_frame(self, impl: Any) -> None:
        (batch,) = feed(opened(impl), publish() + publish(body=b"x"))
        assert [row[5] for row in batch[3]] == [b"", b"x"]

    @pytest.mark.parametrize("part", [1, 2, 3, 7, 100])
    def test_a_body_in_parts(self, impl: Any, part: int) -> None:
        body = bytes(range(100))
        (batch,) = feed(opened(impl), publish(body=body, part=part) * 2)
        assert [row[5] for row in batch[3]] == [body, body]

    def test_empty_body_frames_are_harmless(self, impl: Any) -> None:
        empty = b"\x03\x00\x01\x00\x00\x00\x00\xce"
        decoder = opened(impl)
        data = publish_method() + header(1, 2) + empty * 3 + bodies(1, b"a") + empty + bodies(1, b"b")
        assert messages(feed(decoder, data)) == [(1, "", "q", False, False, NO_PROPERTIES, b"ab", 0)]

    def test_large_bodies(self, impl: Any) -> None:
        body = bytes(range(256)) * 8192
        decoder = opened(impl)
        data = publish(body=body, part=131064) + publish(body=b"small")
        pieces = [data[at : at + 70_001] for at in range(0, len(data), 70_001)]
        assert [row[6] for row in messages(feed(decoder, *pieces))] == [body, b"small"]
        assert decoder.held_bytes == 0

    def test_one_batch_per_channel_and_push(self, impl: Any) -> None:
        decoder = opened(impl)
        found = feed(decoder, publish(body=b"a") * 3, publish(body=b"b") * 2)
        assert [(event[0], len(event[3])) for event in found] == [("Batch", 3), ("Batch", 2)]

    def test_other_channels_in_between_do_not_split_a_batch(self, impl: Any) -> None:
        decoder = opened(impl)
        one, two = publish_method(1) + header(1, 2), publish_method(2) + header(2, 2)
        data = one + bodies(1, b"a") + two + bodies(2, b"c") + bodies(1, b"b") + publish(3) + bodies(2, b"d")
        data += publish(1, body=b"e") + ack(4, 1) + method(5, 20, 10) + publish(1, body=b"f")
        found = feed(decoder, data)
        # A batch stands where its first row was complete.
        assert [event[:2] for event in found] == [
            ("Batch", 1),
            ("Batch", 3),
            ("Batch", 2),
            ("Settlement", 4),
            ("Command", 5),
        ]
        assert [row[5] for row in found[0][3]] == [b"ab", b"e", b"f"]
        assert [row[5] for row in found[2][3]] == [b"cd"]

    def test_a_command_or_settlement_on_the_channel_ends_it(self, impl: Any) -> None:
        decoder = opened(impl)
        data = publish(body=b"a") + method(1, 50, 10) + publish(body=b"b") + ack(1, 1) + publish(body=b"c")
        assert [event[0] for event in feed(decoder, data)] == ["Batch", "Command", "Batch", "Settlement", "Batch"]

    def test_a_content_over_several_pushes_belongs_to_the_last(self, impl: Any) -> None:
        decoder = opened(impl)
        late = publish(body=b"late")
        found = feed(decoder, publish(body=b"a") + late[:-3], late[-3:] + publish(body=b"b"))
        assert [[row[5] for row in event[3]] for event in found] == [[b"a"], [b"late", b"b"]]

    def test_keys_alternate_within_a_batch(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.push(b"".join(publish(routing_key=key) for key in "abcab"))
        (batch,) = events(decoder)
        assert [row[1] for row in rows(batch)] == list("abcab")
        assert batch.key == -1
        assert len(batch.keys) == 3

    def test_the_pushed_buffer_is_not_kept(self, impl: Any) -> None:
        decoder = opened(impl)
        buffer = bytearray(publish(body=b"first"))
        decoder.push(buffer)
        buffer[:] = bytes(len(buffer))
        (batch,) = events(decoder)
        assert batch[0].body == b"first"
        buffer.clear()  # raises BufferError while somebody holds on to it

    def test_only_so_much_of_the_buffer(self, impl: Any) -> None:
        decoder = opened(impl)
        data = publish(body=b"one")
        buffer = bytearray(4096)
        buffer[: len(data)] = data
        decoder.push(buffer, len(data))
        decoder.push(memoryview(buffer), len(data))
        decoder.push(buffer, 0)
        assert len(messages(map(plain, events(decoder)))) == 2
        assert decoder.held_bytes == 0

    def test_not_more_than_the_buffer_has(self, impl: Any) -> None:
        with refused():
            opened(impl).push(b"abc", 4)


class TestSettlements:
    def test_kinds(self, impl: Any) -> None:
        found = feed(
            opened(impl),
            ack(1, 1),
            ack(1, 2, multiple=True),
            reject(1, 3),
            reject(1, 4, requeue=True),
            nack(1, 5),
            nack(1, 6, multiple=True),
            nack(1, 7, requeue=True),
            nack(1, 8, multiple=True, requeue=True),
        )
        basic_ack, basic_reject, basic_nack = 60 << 16 | 80, 60 << 16 | 90, 60 << 16 | 120
        assert found == [
            ("Settlement", 1, impl.ACK, basic_ack, [(1, False)]),
            ("Settlement", 1, impl.ACK, basic_ack, [(2, True)]),
            ("Settlement", 1, impl.REJECT, basic_reject, [(3, False)]),
            ("Settlement", 1, impl.REQUEUE, basic_reject, [(4, False)]),
            ("Settlement", 1, impl.REJECT, basic_nack, [(5, False)]),
            ("Settlement", 1, impl.REJECT, basic_nack, [(6, True)]),
            ("Settlement", 1, impl.REQUEUE, basic_nack, [(7, False)]),
            ("Settlement", 1, impl.REQUEUE, basic_nack, [(8, True)]),
        ]

    def test_adjacent_ones_of_a_method_and_kind_merge(self, impl: Any) -> None:
        data = ack(1, 1) + ack(1, 2) + ack(1, 9, True) + reject(1, 10) + reject(1, 11) + nack(1, 12)
        data += nack(1, 13, requeue=True) + nack(1, 14, multiple=True, requeue=True) + ack(1, 15)
        found = feed(opened(impl), data)
        assert [event[4] for event in found] == [
            [(1, False), (2, False), (9, True)],
            [(10, False), (11, False)],
            [(12, False)],
            [(13, False), (14, True)],
            [(15, False)],
        ]

    def test_other_channels_in_between_do_not_split_them(self, impl: Any) -> None:
        found = feed(opened(impl), ack(1, 1) + ack(2, 1) + publish(3) + ack(1, 2) + method(2, 20, 40) + ack(2, 2))
        assert [event[:2] for event in found] == [
            ("Settlement", 1),
            ("Settlement", 2),
            ("Batch", 3),
            ("Command", 2),
            ("Settlement", 2),
        ]
        assert found[0][4] == [(1, False), (2, False)]

    def test_a_content_of_the_channel_does(self, impl: Any) -> None:
        found = feed(opened(impl), ack(1, 1) + publish(1) + ack(1, 2))
        assert [event[0] for event in found] == ["Settlement", "Batch", "Settlement"]

    def test_large_tags(self, impl: Any) -> None:
        top = (1 << 64) - 1
        (found,) = feed(opened(impl), ack(65535, top, True))
        assert found == ("Settlement", 65535, impl.ACK, 60 << 16 | 80, [(top, True)])

    def test_made_by_hand(self, impl: Any) -> None:
        settlement = impl.Settlement(7, impl.REQUEUE, [(1, False), (5, True)])
        assert plain(settlement) == ("Settlement", 7, impl.REQUEUE, 60 << 16 | 80, [(1, False), (5, True)])
        assert len(settlement) == 2
        assert impl.Settlement(1, impl.REJECT, [], 60 << 16 | 120).method == 60 << 16 | 120
        with refused():
            impl.Settlement(1, 3, [])


class TestCommands:
    def test_any_other_method_is_a_command(self, impl: Any) -> None:
        data = method(1, *CHANNEL_OPEN, b"\x00") + method(1, 50, 10, bytes(5000)) + method(1, 999, 999)
        assert feed(opened(impl), data) == [
            ("Command", 1, 20 << 16 | 10, b"\x00"),
            ("Command", 1, 50 << 16 | 10, bytes(5000)),
            ("Command", 1, 999 << 16 | 999, b""),
        ]

    @pytest.mark.parametrize("data", [publish_method(0), ack(0, 1), nack(0, 1), reject(0, 1)])
    def test_on_channel_0_all_methods_are_for_the_session_to_refuse(self, impl: Any, data: bytes) -> None:
        (found,) = feed(opened(impl), data)
        assert found[:2] == ("Command", 0)

    def test_publish_on_channel_0_is_no_message_even_if_known(self, impl: Any) -> None:
        found = feed(opened(impl), publish(1, body=b"x") + publish(1, body=b"x") + publish(0, body=b"x"))
        assert [event[:2] for event in found] == [("Batch", 1), ("Command", 0), ("Violation", 0)]


class TestHeartbeats:
    def test_are_swallowed(self, impl: Any) -> None:
        found = feed(opened(impl), HEARTBEAT_FRAME + publish() + HEARTBEAT_FRAME + publish())
        assert [(event[0], len(event[3])) for event in found] == [("Batch", 2)]


class TestSplitting:
    """However a stream is cut, the same is said of each channel."""

    STREAM = (
        publish(1, "ex", "a", b"0123456789", PERSISTENT_PROPERTIES, bits=1, part=4)
        + ack(1, 1)
        + ack(1, 2)
        + HEARTBEAT_FRAME
        + publish_method(2, "", "b")
        + publish(1, "", "a")
        + header(2, 3)
        + method(1, *CHANNEL_OPEN, b"\x00")
        + bodies(2, b"xyz", 2)
    )

    @pytest.mark.parametrize("cut", range(len(STREAM) + 1))
    def test_at_every_byte(self, impl: Any, cut: int) -> None:
        decoder = opened(impl)
        found = feed(decoder, self.STREAM[:cut], self.STREAM[cut:])
        assert [row[:3] + row[6:7] for row in sorted(messages(found))] == [
            (1, "", "a", b""),
            (1, "ex", "a", b"0123456789"),
            (2, "", "b", b"xyz"),
        ]
        tags = itertools.chain.from_iterable(event[4] for event in found if event[0] == "Settlement")
        assert list(tags) == [(1, False), (2, False)]
        first = [event[0] for event in found if event[1] == 1]
        assert first[0] == "Batch"
        assert first[-2:] == ["Batch", "Command"]
        assert decoder.held_bytes == 0

    def test_byte_by_byte(self, impl: Any) -> None:
        decoder = opened(impl)
        found = feed(decoder, *[bytes([byte]) for byte in self.STREAM])
        assert [event[:2] for event in found] == [
            ("Batch", 1),
            ("Settlement", 1),
            ("Settlement", 1),
            ("Batch", 1),
            ("Command", 1),
            ("Batch", 2),
        ]


class TestClose:
    def test_drops_everything_and_reads_nothing_more(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.push(publish(body=b"a") + publish(body=b"b")[:-3])
        decoder.close()
        assert decoder.next() is None
        assert decoder.held_bytes == 0
        decoder.push(publish(body=b"c"))
        assert decoder.next() is None
        assert decoder.held_bytes == 0

    def test_before_open(self, impl: Any) -> None:
        decoder = impl.Decoder(impl.Pool())
        decoder.push(PROTOCOL_HEADER + method(0, 10, 11))
        decoder.close()
        assert decoder.next() is None
        decoder.push(PROTOCOL_HEADER)
        assert decoder.next() is None


class TestDiscardChannel:
    """A channel closed with an error: what its publisher still sends of a content must not close the connection."""

    CONTENT = publish(1, body=b"abcdef", part=2)

    @pytest.mark.parametrize("cut", [len(publish_method()), len(publish_method() + header(1, 6)), -20, -10, -5, -1])
    def test_the_rest_of_the_content_is_skipped(self, impl: Any, cut: int) -> None:
        decoder = opened(impl)
        assert len(messages(feed(decoder, publish(1, body=b"first") + self.CONTENT[:cut]))) == 1
        decoder.discard_channel(1)
        found = feed(decoder, self.CONTENT[cut:], publish(1, body=b"next"))
        assert [row[6] for row in messages(found)] == [b"next"]

    def test_other_channels_go_on(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.push(publish_method(2) + header(2, 5) + self.CONTENT[:-20])
        decoder.discard_channel(1)
        found = feed(decoder, self.CONTENT[-20:] + bodies(2, b"other"))
        assert [row[6] for row in messages(found)] == [b"other"]

    def test_nothing_half_received(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.discard_channel(1)
        decoder.discard_channel(65535)
        assert len(messages(feed(decoder, publish(1)))) == 1

    def test_the_peer_may_give_the_content_up(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.push(self.CONTENT[:-10])
        decoder.discard_channel(1)
        found = feed(decoder, method(1, 20, 41) + method(1, *CHANNEL_OPEN, b"\x00") + publish(1, body=b"next"))
        assert [event[0] for event in found] == ["Command", "Command", "Batch"]
        assert [row[6] for row in messages(found)] == [b"next"]
