"""What the tests of kernel and twin share: frames made by hand, properties, events that can be compared."""

from __future__ import annotations

import ast
import importlib
import os
import struct
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import pytest

from leveret.wire import Expiries, Pool, Selection, unpack_block
from leveret.wire.records import Expire, ExtentState, Op, Publish, Relocate, Settle, decode_definition, encode_op
from leveret.wire.twin import ops

LONG = os.environ.get("LEVERET_LONG") == "1" or os.environ.get("HYPOTHESIS_PROFILE") == "long"
"""Bigger sizes."""

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
NO_PROPERTIES = b"\x00\x00"
PERSISTENT_PROPERTIES = b"\x10\x00\x02"

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
HEARTBEAT_FRAME = b"\x08\x00\x00\x00\x00\x00\x00\xce"


def implementation(name: str) -> ModuleType | None:
    """`leveret._kernel` or `leveret.wire.twin`; None when the kernel is not built."""
    if name == "twin":
        return importlib.import_module("leveret.wire.twin")
    try:
        return importlib.import_module("leveret._kernel")
    except ImportError:
        if os.environ.get("LEVERET_REQUIRE_KERNEL") == "1":
            raise
        return None


def refused() -> pytest.RaisesExc[ValueError]:
    """What is inside raises ValueError, and says why."""
    return pytest.raises(ValueError, match=r"\w")


# -- frames ------------------------------------------------------------------------------------------------------------


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def shortstr(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return bytes([len(raw)]) + raw


def method(channel: int, class_id: int, method_id: int, arguments: bytes = b"") -> bytes:
    return frame(METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments)


def publish_method(
    channel: int = 1, exchange: str | bytes = "", routing_key: str | bytes = "q", bits: int = 0, reserved: int = 0
) -> bytes:
    names = shortstr(exchange) + shortstr(routing_key)
    return method(channel, 60, 40, struct.pack(">H", reserved) + names + bytes([bits]))


def header(channel: int, size: int, properties: bytes = NO_PROPERTIES, class_id: int = 60, weight: int = 0) -> bytes:
    return frame(HEADER, channel, struct.pack(">HHQ", class_id, weight, size) + properties)


def bodies(channel: int, body: bytes, part: int = 0) -> bytes:
    """The body in frames of `part` bytes (0: one frame, none for an empty body)."""
    part = part or len(body) or 1
    return b"".join(frame(BODY, channel, body[at : at + part]) for at in range(0, len(body), part))


def publish(
    channel: int = 1,
    exchange: str | bytes = "",
    routing_key: str | bytes = "q",
    body: bytes = b"",
    properties: bytes = NO_PROPERTIES,
    bits: int = 0,
    part: int = 0,
) -> bytes:
    return (
        publish_method(channel, exchange, routing_key, bits)
        + header(channel, len(body), properties)
        + bodies(channel, body, part)
    )


def ack(channel: int, tag: int, multiple: bool = False) -> bytes:
    return method(channel, 60, 80, struct.pack(">QB", tag, multiple))


def reject(channel: int, tag: int, requeue: bool = False) -> bytes:
    return method(channel, 60, 90, struct.pack(">QB", tag, requeue))


def nack(channel: int, tag: int, multiple: bool = False, requeue: bool = False) -> bytes:
    return method(channel, 60, 120, struct.pack(">QB", tag, multiple | requeue << 1))


# -- properties --------------------------------------------------------------------------------------------------------


def field(name: str, value: bytes) -> bytes:
    """One entry of a table; `value` begins with its type tag."""
    return shortstr(name) + value


def longstr(text: bytes) -> bytes:
    """A field value of type S."""
    return b"S" + struct.pack(">I", len(text)) + text


def table(*fields: bytes) -> bytes:
    raw = b"".join(fields)
    return struct.pack(">I", len(raw)) + raw


def headers(*fields: bytes) -> bytes:
    """Properties with nothing but headers."""
    return b"\x20\x00" + table(*fields)


def nested(tag: bytes, depth: int) -> bytes:
    """Properties whose headers hold `depth` tables or arrays, one inside the other (the headers not counted)."""
    value = b"V"
    for _ in range(depth):
        inner = field("a", value) if tag == b"F" else value
        value = tag + struct.pack(">I", len(inner)) + inner
    return headers(field("a", value))


# -- decoders and their events -----------------------------------------------------------------------------------------


def opened(impl: Any, frame_max: int = 131072, channel_max: int = 0, **options: int) -> Any:
    """A decoder of an open connection."""
    decoder = impl.Decoder(impl.Pool(), **options)
    decoder.push(PROTOCOL_HEADER)
    assert type(decoder.next()).__name__ == "ProtocolHeader"
    decoder.open(frame_max, channel_max)
    return decoder


def events(decoder: Any) -> Iterator[Any]:
    """What the decoder has to say now."""
    while (event := decoder.next()) is not None:
        yield event


def rows(batch: Any) -> list[tuple[str, str, bool, bool, bytes, bytes, int]]:
    """Exchange, routing key, mandatory, immediate, properties, body, features of each message."""
    found = []
    for key, selection in batch.partition():
        for row in selection:
            message = batch[row]
            exchange, routing_key, mandatory, immediate = batch.keys[key]
            assert (message.exchange, message.routing_key) == (exchange, routing_key)
            found.append(
                (row, exchange, routing_key, mandatory, immediate, message.properties, message.body, message.features)
            )
    return [row[1:] for row in sorted(found)]


def plain(event: Any) -> tuple[Any, ...]:
    """An event as a tuple, the same for both implementations."""
    kind = type(event).__name__
    if kind == "Batch":
        found = rows(event)
        assert event.body_bytes == sum(len(row[5]) for row in found)
        assert len(event) == len(found) > 0
        return (kind, event.channel, event.features, found)
    if kind == "Settlement":
        return (kind, event.channel, event.kind, event.method, event.items)
    if kind == "Command":
        return (kind, event.channel, event.method, event.arguments)
    if kind == "ProtocolHeader":
        return (kind, event.data)
    assert kind == "Violation"
    return (kind, event.channel, event.code, event.text, event.class_id, event.method_id)


def feed(decoder: Any, *pieces: bytes) -> list[tuple[Any, ...]]:
    """Push the pieces one by one; all events."""
    found = []
    for piece in pieces:
        decoder.push(piece)
        found += [plain(event) for event in events(decoder)]
    return found


def messages(found: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows of all batches, each with its channel: what remains the same however a stream is split."""
    return [(event[1], *row) for event in found if event[0] == "Batch" for row in event[3]]


def merged(found: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Events with batches and settlements taken apart, by channel: what splitting a stream leaves alone."""
    single: list[tuple[Any, ...]] = []
    for event in found:
        if event[0] == "Batch":
            single += [("Message", event[1], row) for row in event[3]]
        elif event[0] == "Settlement":
            single += [("Settled", event[1], *event[2:4], item) for item in event[4]]
        else:
            single.append(event)
    return sorted(single, key=lambda event: event[1] if isinstance(event[1], int) else -1)


def build(impl: Any, *bodies: bytes, pool: Any = None, properties: bytes = NO_PROPERTIES) -> Any:
    """A batch of messages with these bodies, to the default exchange and routing key `q`."""
    return impl.Batch.build(pool or impl.Pool(), [("", "q", properties, body, False) for body in bodies])


def filled(impl: Any, *bodies: bytes, base: int = 0, properties: bytes = NO_PROPERTIES) -> Any:
    """An extent with messages of these bodies."""
    extent = impl.Extent(base)
    assert extent.append(build(impl, *bodies, properties=properties)) == len(bodies)
    return extent


# -- logs --------------------------------------------------------------------------------------------------------------


def encode_record(record: list[Op]) -> bytes:
    """The body of a record."""
    return b"".join([encode_op(op)[0] for op in record])


def decode_record(pool: Pool, data: bytes) -> Iterator[Op]:
    """The ops of a record's body, rows too. Raises ValueError for anything malformed."""
    for op, end in ops.decode_ops(data):
        match op:
            case ops.Publish(targets, offsets, _, _, block):
                batch = unpack_block(pool, data[end - block.length : end])
                yield Publish(targets, batch, None, Selection(offsets) if len(offsets) else None)
            case ops.Settle(queue, base, reason, selection):
                yield Settle(queue, base, Selection(selection), reason)
            case ops.Relocate(queue, base, selection, block):
                batch = unpack_block(pool, data[end - block.length : end])
                yield Relocate(queue, base, Selection(selection), batch)
            case ops.Extent(queue, state):
                yield ExtentState(queue, state)
            case ops.Expiry(lane, first, expiries):
                yield Expire(lane, first, Expiries(expiries.runs))
            case ops.Definition(definition):
                yield decode_definition(definition)


def log_of(impl: Any, position: int, records: Iterable[Iterable[bytes]], synced: int = 0) -> bytes:
    """Records of these ops, one behind the other from this position on."""
    log = b""
    for record in records:
        log += impl.seal_record(position + len(log), synced, list(record))
    return log


def plain_steps(steps: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Steps as tuples, the same for both implementations; of pieces all that is known."""
    plain = {
        "list": lambda items: [(first, expiries.runs) for first, expiries in items],
        "Selection": list,
        "Pieces": lambda pieces: ast.literal_eval(repr(pieces).removeprefix("Pieces")),
    }
    return [tuple(plain.get(type(item).__name__, lambda item: item)(item) for item in step) for step in steps]


def replayed(impl: Any, data: Any, position: int, start: int | None = None) -> tuple[Any, ...]:
    """All that reading once says: steps, why it ended, position, synced, need."""
    replay = impl.Replay(position)
    steps = plain_steps(replay.read(data, position if start is None else start))
    return steps, replay.stop, replay.position, replay.synced, replay.need


# -- blocks of messages on disk ----------------------------------------------------------------------------------------

SPILL = 1 << 63


class Files:
    """Log and spill as they would be on disk: blocks one after the other, something else in between."""

    def __init__(self, impl: Any, begin: int = 0) -> None:
        self.impl = impl
        self.begin = begin
        self.log = bytearray()
        self.spill = bytearray()

    def write(self, batch: Any, selection: Any = None, *, gap: int = 16, spill: bool = False) -> tuple[int, int]:
        """Write these rows as a block; its place."""
        file = self.spill if spill else self.log
        file += b"\xee" * gap
        position = (SPILL if spill else self.begin) + len(file)
        block = self.impl.encode_block(batch, selection)
        file += block
        return position, len(block)

    def read(self, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, bytes]]:
        """What `Extent.load` asks for."""
        found = []
        for position, size in ranges:
            file, begin = (self.spill, SPILL) if position >= SPILL else (self.log, self.begin)
            data = bytes(file[position - begin :][:size])
            assert len(data) == size
            found.append((position, data))
        return found

    def append(self, extent: Any, *bodies: bytes, properties: bytes = PERSISTENT_PROPERTIES) -> tuple[int, int]:
        """Messages go to log and extent; the place of their block."""
        batch = build(self.impl, *bodies, properties=properties)
        place = self.write(batch, batch.select(self.impl.PERSISTENT))
        assert extent.append(batch, None, 0, *place) == len(bodies)
        return place

    def load(self, extent: Any, gap: int = 0) -> None:
        extent.load(self.impl.Pool(), self.read(extent.ranges(gap, 1 << 20)))


def alive(extent: Any) -> dict[int, bytes]:
    """The bodies of live rows."""
    found = {}
    for row in range(len(extent)):
        try:
            found[row] = extent[row].body
        except IndexError:
            continue
    return found


def mixed(impl: Any, kinds: str) -> Any:
    """A batch with a persistent message for each p, a transient one for each t."""
    properties = {"p": PERSISTENT_PROPERTIES, "t": NO_PROPERTIES}
    messages = [("", "q", properties[kind], b"%d" % number, False) for number, kind in enumerate(kinds)]
    return impl.Batch.build(impl.Pool(), messages)
