"""Hostile bytes: whatever comes in, only documented events come out, never an exception, and nothing is held for free.

Sound streams are cut at every byte and split at every byte; every bit of them is flipped; garbage is thrown in.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from ..wire.support import (
    HEARTBEAT_FRAME,
    LONG,
    PERSISTENT_PROPERTIES,
    PROTOCOL_HEADER,
    ack,
    bodies,
    events,
    feed,
    field,
    frame,
    header,
    headers,
    longstr,
    merged,
    method,
    nack,
    nested,
    opened,
    plain,
    publish,
    publish_method,
    reject,
)

STREAM = (
    method(1, 20, 10, b"\x00")
    + publish(1, "ex", "a.b", b"hello", PERSISTENT_PROPERTIES, bits=1)
    + publish(1, "ex", "a.b", b"hello", PERSISTENT_PROPERTIES, bits=1)
    + HEARTBEAT_FRAME
    + publish_method(2, "", "q")
    + publish(1, "", "q", b"in between")
    + header(2, 6, headers(field("CC", b"A\x00\x00\x00\x06" + longstr(b"x")), field("n", b"V")))
    + ack(1, 7)
    + ack(1, 9, multiple=True)
    + bodies(2, b"abcdef", 4)
    + nack(2, 1, requeue=True)
    + reject(2, 2)
    + publish(3, "", "")
    + publish(3, "", "large", bytes(200))
)
SIZE_MAX = 100

# code: (must be on channel 0, class and method ids that may come with it)
DOCUMENTED = {
    406: (False, {(60, 40)}),
    501: (True, {(0, 0), (60, 40), (60, 80), (60, 90), (60, 120)}),
    502: (True, {(60, 40)}),
    505: (True, {(0, 0), (60, 40)}),
    506: (True, {(0, 0)}),
    530: (True, {(0, 0)}),
}


def swallow(
    impl: Any,
    pieces: list[bytes],
    *,
    frame_max: int = 4096,
    channel_max: int = 3,
    partial_max: int = 2 * SIZE_MAX,
    before_open: bool = False,
) -> list[tuple[Any, ...]]:
    """Feed the pieces; check everything that comes out and what is held after each."""
    pool = impl.Pool()
    decoder = impl.Decoder(pool, frame_max=frame_max, max_message_size=SIZE_MAX, max_partial_size=partial_max)
    decoder.push(PROTOCOL_HEADER)
    decoder.next()
    if not before_open:
        decoder.open(frame_max, channel_max)
    found: list[tuple[Any, ...]] = []
    received = 0
    for piece in pieces:
        decoder.push(piece)
        received += len(piece)
        found += [plain(event) for event in events(decoder)]
        assert 0 <= decoder.held_bytes <= received
    if found:
        check_documented(found)
    if found and found[-1][0] == "Violation" and found[-1][1] == 0:
        assert decoder.held_bytes == 0
    return found


def check_documented(found: list[tuple[Any, ...]]) -> None:
    for number, event in enumerate(found):
        if event[0] != "Violation":
            assert event[0] in ("Batch", "Settlement", "Command")
            continue
        _, channel, code, text, *ids = event
        hard, allowed = DOCUMENTED[code]
        assert tuple(ids) in allowed
        assert text.isprintable()
        assert len(text) < 1200
        assert (channel == 0) is hard
        if hard:
            assert number == len(found) - 1


def test_the_stream_is_sound(impl: Any) -> None:
    found = swallow(impl, [STREAM])
    assert [event[0] for event in found].count("Violation") == 1
    assert next(event for event in found if event[0] == "Violation")[1:3] == (3, 406)


def test_truncated_at_every_byte(impl: Any) -> None:
    """What is complete comes out, the rest is held, and more never takes back what was said."""
    before: list[Any] = []
    for size in range(len(STREAM) + 1):
        decoder = opened(impl, 4096, max_message_size=SIZE_MAX)
        found = merged(feed(decoder, STREAM[:size]))
        assert decoder.held_bytes <= size
        for channel in range(4):
            said = [event for event in found if event[1] == channel]
            said_before = [event for event in before if event[1] == channel]
            assert said[: len(said_before)] == said_before
        before = found


def test_split_at_every_byte(impl: Any) -> None:
    whole = merged(swallow(impl, [STREAM]))
    for at in range(len(STREAM) + 1):
        assert merged(swallow(impl, [STREAM[:at], STREAM[at:]])) == whole


def test_byte_by_byte(impl: Any) -> None:
    pieces = [STREAM[at : at + 1] for at in range(len(STREAM))]
    assert merged(swallow(impl, pieces)) == merged(swallow(impl, [STREAM]))


@pytest.mark.parametrize("bit", range(8))
def test_every_bit_flipped(impl: Any, bit: int) -> None:
    for at in range(0, len(STREAM)):
        stream = bytearray(STREAM)
        stream[at] ^= 1 << bit
        data = bytes(stream)
        whole = swallow(impl, [data])
        if LONG or at % 3 == 0:
            parts = swallow(impl, [data[:at], data[at : at + 1], data[at + 1 :]])
            assert merged(parts) == merged(whole)


@pytest.mark.parametrize("seed", range(200 if LONG else 10))
def test_garbage(impl: Any, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        pieces = [chance.randbytes(chance.randrange(60)) for _ in range(chance.randrange(1, 8))]
        swallow(impl, pieces)
        swallow(impl, pieces, before_open=True)
        swallow(impl, pieces, frame_max=0)


@pytest.mark.parametrize("seed", range(200 if LONG else 10))
def test_frames_with_garbage_in_them(impl: Any, seed: int) -> None:
    """Past the frame layer: sound frames, their payloads anything."""
    chance = random.Random(seed)
    for _ in range(100):
        data = b""
        for _ in range(chance.randrange(1, 10)):
            payload = chance.randbytes(chance.randrange(30))
            match chance.randrange(6):
                case 0:
                    data += frame(chance.randrange(10), chance.randrange(4), payload)
                case 1:
                    data += method(chance.randrange(4), 60, chance.choice((40, 80, 90, 120)), payload)
                case 2:
                    data += publish_method(1) + header(1, chance.randrange(120), payload)
                case 3:
                    data += bodies(1, payload)
                case 4:
                    data += publish(chance.randrange(1, 4), body=payload)
                case _:
                    data += publish_method(chance.randrange(1, 4), payload[:9], payload[9:])
        at = chance.randrange(len(data) + 1)
        assert merged(swallow(impl, [data])) == merged(swallow(impl, [data[:at], data[at:]]))


@pytest.mark.parametrize("seed", range(100 if LONG else 5))
def test_tables_with_garbage_in_them(impl: Any, seed: int) -> None:
    """Properties are walked again later: what was let in can be looked at."""
    chance = random.Random(seed)
    sound = headers(
        field("a", longstr(b"text")), field("CC", b"A\x00\x00\x00\x02tV"), field("f", b"F\x00\x00\x00\x03\x01xV")
    )
    for _ in range(300):
        raw = bytearray(sound)
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        decoder = opened(impl)
        decoder.push(publish(properties=bytes(raw)))
        for event in events(decoder):
            if type(event).__name__ != "Batch":
                continue
            event.partition(impl.COLUMN_HEADERS)
            event.partition(impl.COLUMN_HEADER, None, "a")
            event.partition(impl.COLUMN_PROPERTY, None, "priority")


@pytest.mark.parametrize("tag", [b"F", b"A"])
@pytest.mark.parametrize("depth", [32, 33, 1000, 10_000])
def test_deep_nesting(impl: Any, tag: bytes, depth: int) -> None:
    found = swallow(impl, [publish(properties=nested(tag, depth))], frame_max=0)
    assert [event[:3] for event in found] == [("Violation", 0, 502)]


def test_many_half_contents_hold_no_more_than_was_sent(impl: Any) -> None:
    half = [publish_method, lambda channel: header(channel, 90), lambda channel: bodies(channel, bytes(50))]
    pieces = [b"".join(make(channel) for make in half) for channel in range(1, 500)]
    assert swallow(impl, pieces, channel_max=0, partial_max=1 << 20) == []


def test_many_tiny_pushes(impl: Any) -> None:
    """A large frame in small pieces takes time linear in its size."""
    body = bytes(2_000_000 if LONG else 300_000)
    decoder = opened(impl, 0)
    data = publish(body=body)
    for at in range(0, len(data), 10):
        decoder.push(data[at : at + 10])
    assert [event[0] for event in feed(decoder, b"")] == ["Batch"]
