"""Bytes of one connection in, events out.

    frame   = type:u8  channel:u16  size:u32  payload[size]  0xCE
    content = basic.publish frame, header frame, body frames until the announced body size is there

The decoder walks the frames and dispatches on type and on the state of the `Channel`. Which violation gets which code
and text follows what RabbitMQ's reader and command assembler answer.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import TYPE_CHECKING, Final

from ...limits import FRAME_FUDGE, MESSAGE_SIZE_HARD_MAX
from .batch import Batch
from .channel import AWAIT_BODY, AWAIT_HEADER, AWAIT_METHOD, Channel
from .constants import (
    ACK,
    BASIC,
    BASIC_ACK,
    BASIC_NACK,
    BASIC_PUBLISH,
    BASIC_REJECT,
    FRAME_BODY,
    FRAME_END,
    FRAME_HEADER,
    FRAME_HEARTBEAT,
    FRAME_METHOD,
    FRAME_OVERHEAD,
    REJECT,
    REQUEUE,
)
from .erlang import octets
from .events import Command, ProtocolHeader, Settlement, Violation
from .keys import KeyTable, parse_publish
from .pool import Arena, Pool
from .properties import MalformedError, features_of
from .violations import StopReading, cannot_decode, unexpected, unknown_frame

if TYPE_CHECKING:
    from typing_extensions import Buffer

Event = Batch | Settlement | Command | ProtocolHeader | Violation

_FRAME: Final = Struct(">BHI")
_METHOD: Final = Struct(">I")
_HEADER: Final = Struct(">HHQ")
_HEADER_FRAME: Final = Struct(">BHIHHQ")
_TAG: Final = Struct(">QB")

_PROTOCOL_HEADER_SIZE: Final = 8
_HEAD_SIZE: Final = 7
_PROPERTIES_CACHED_MAX: Final = 1024
_PROPERTIES_CACHED_SIZE: Final = 256


class Decoder:
    """Before `open` one frame per `next`; after it `push` decodes all complete frames at once."""

    __slots__ = (
        "_arena",
        "_channel_max",
        "_channels",
        "_closed",
        "_events",
        "_features",
        "_frame_max",
        "_held",
        "_keys",
        "_needed",
        "_opened",
        "_partial_max",
        "_payload_max",
        "_pool",
        "_position",
        "_rest",
        "_size_max",
        "_started",
    )

    def __init__(
        self, pool: Pool, *, frame_max: int = 8192, max_message_size: int = 16777216, max_partial_size: int = 268435456
    ) -> None:
        self._pool = pool
        self._partial_max = max_partial_size
        self._channel_max = 0
        self._limit(frame_max)
        self._size_max = min(max_message_size, MESSAGE_SIZE_HARD_MAX)
        self._started = False
        """The protocol header was read."""
        self._opened = False
        self._closed = False
        self._position = 0
        self._rest = bytearray()
        """What was received and not decoded yet: part of a frame, before `open` anything."""
        self._needed = 0
        """Decoding is useless while `_rest` is shorter."""
        self._events: deque[Event] = deque()
        self._channels: dict[int, Channel] = {}
        self._held = 0
        self._keys = KeyTable()
        self._features: dict[bytes, int] = {}
        self._arena = Arena(pool)

    def push(self, data: Buffer, size: int = -1) -> None:
        """Take the first `size` bytes of `data` (all when -1). Raises ValueError when there are fewer."""
        view = memoryview(data).cast("B")
        if size > len(view):
            raise ValueError("size is larger than the data")
        if self._closed:
            return
        self._rest += view if size < 0 else view[:size]
        if self._opened and len(self._rest) >= self._needed:
            self._read()

    def next(self) -> Event | None:
        if not self._events and not self._opened and not self._closed:
            self._read_one()
        return self._events.popleft() if self._events else None

    def open(self, frame_max: int, channel_max: int = 0) -> None:
        """The connection is open; from here frames up to `frame_max` (0: no limit) are read eagerly.

        More than `channel_max` (0: no limit) channels with an incomplete content after a push are a violation.
        """
        self._limit(frame_max)
        self._channel_max = channel_max
        self._opened = True
        if not self._closed:
            self._read()

    def close(self) -> None:
        """Drop everything, read nothing more."""
        self._events.clear()
        self._stop()

    def discard_channel(self, channel: int) -> None:
        """Forget a content that is half received: its remaining frames are skipped when they come."""
        state = self._channels.get(channel)
        if state is not None:
            state.skip = state.abandoned = True
            state.forget()
            self._count_held()

    @property
    def held_bytes(self) -> int:
        """Bytes of partial frames and partial contents kept inside."""
        return len(self._rest) + self._held

    def _limit(self, frame_max: int) -> None:
        """Whatever is negotiated, nothing that is legal comes in frames larger than the largest message."""
        self._frame_max = frame_max
        most = frame_max - FRAME_OVERHEAD + FRAME_FUDGE if frame_max else MESSAGE_SIZE_HARD_MAX
        self._payload_max = min(most, MESSAGE_SIZE_HARD_MAX)

    def _count_held(self) -> None:
        self._held = sum(channel.held_bytes for channel in self._channels.values())

    def _stop(self) -> None:
        self._closed = True
        self._rest = bytearray()
        self._channels = {}
        self._held = 0
        self._arena = Arena(self._pool)

    # -- frames --------------------------------------------------------------------------------------------------

    def _read_one(self) -> None:
        """Before the connection is open: one frame that says something, or the protocol header."""
        while not self._events and not self._closed:
            if not self._started:
                if len(self._rest) < _PROTOCOL_HEADER_SIZE:
                    return
                self._events.append(ProtocolHeader(bytes(self._rest[:_PROTOCOL_HEADER_SIZE])))
                del self._rest[:_PROTOCOL_HEADER_SIZE]
                self._started = True
                return
            try:
                size = self._frame_size(self._rest, 0)
                if not size:
                    return
                kind, channel, _ = _FRAME.unpack_from(self._rest)
                payload = bytes(self._rest[_HEAD_SIZE : size - 1])
                del self._rest[:size]
                if channel:
                    raise StopReading(505, f"type {kind}, {octets(payload)}")
                self._channel_zero(kind, payload)
            except StopReading as stop:
                self._violated(stop)

    def _read(self) -> None:
        """All complete frames of what was received."""
        if not self._started:
            self._read_one()
            if not self._started:
                return
        if self._keys.full:
            self._keys = KeyTable()
        self._arena = Arena(self._pool)
        data = bytes(self._rest)
        self._position = 0
        try:
            self._read_frames(data)
        except StopReading as stop:
            self._finish_push()
            self._violated(stop)
        else:
            self._finish_push()
            self._check_partial()

    def _check_partial(self) -> None:
        """Contents stay here until they are complete, so how many and how large they are is bounded."""
        count, most = len(self._channels), self._channel_max
        if most and count > most:
            text = f"number of channels opened ({most}) has reached the negotiated channel_max ({most})"
            self._violated(StopReading(530, text))
        elif self._held > self._partial_max:
            text = f"{count} incomplete messages take more than {self._partial_max} bytes"
            self._violated(StopReading(506, text))

    def _read_frames(self, data: bytes) -> None:
        """The loop over complete frames; `_position` is where the next one begins."""
        seen = self._keys.seen
        channel = Channel(0)
        end = len(data)
        position = 0
        self._needed = _HEAD_SIZE
        while position + _HEAD_SIZE <= end:
            kind, number, size = _FRAME.unpack_from(data, position)
            stop = position + _HEAD_SIZE + size
            if size > self._payload_max or stop >= end or data[stop] != FRAME_END:
                self._frame_size(data, position)  # incomplete, or a violation
                return
            payload = data[position + _HEAD_SIZE : stop]
            self._position = stop + 1
            if number != channel.number:
                found = self._channels.get(number)
                if found is None:
                    found = self._channels[number] = Channel(number)
                channel = found
            if kind == FRAME_METHOD:
                simple = number and payload in seen and channel.state == AWAIT_METHOD
                if not (simple and self._read_whole(channel, payload, data)):
                    self._method(channel, payload)
            elif number == 0:
                self._channel_zero(kind, payload)
            elif kind == FRAME_HEADER:
                self._header(channel, payload)
            elif kind == FRAME_BODY:
                self._body(channel, payload)
            elif kind == FRAME_HEARTBEAT and not payload:
                raise StopReading(505, f"type {kind}, {octets(payload)}")
            else:
                raise unknown_frame(kind, payload)
            position = self._position

    def _read_whole(self, channel: Channel, method: bytes, data: bytes) -> bool:
        """The usual case at once: header and only body frame lie complete behind a method frame that was seen before.

        False, and nothing done, when anything is unusual: then the frames are taken one by one.
        """
        position = self._position
        if position + 27 > len(data):
            return False
        kind, number, size, class_id, weight, body_size = _HEADER_FRAME.unpack_from(data, position)
        stop = position + _HEAD_SIZE + size
        properties = data[position + 19 : stop]
        features = self._features.get(properties)
        if (
            features is None
            or (kind, number, class_id, weight) != (FRAME_HEADER, channel.number, BASIC, 0)
            or body_size > self._size_max
            or max(size, body_size) > self._payload_max
            or stop + body_size + FRAME_OVERHEAD >= len(data)
            or data[stop] != FRAME_END
        ):
            return False
        body = b""
        if body_size:
            start = stop + FRAME_OVERHEAD
            if _FRAME.unpack_from(data, stop + 1) != (FRAME_BODY, number, body_size):
                return False
            stop = start + body_size
            if data[stop] != FRAME_END:
                return False
            body = data[start:stop]
        self._position = stop + 1
        self._append(channel, self._keys.seen[method], properties, body, features)
        return True

    def _append(self, channel: Channel, key: int, properties: bytes, body: bytes, features: int) -> None:
        """A row of the channel's batch of this push."""
        keys = self._keys
        batch = channel.batch
        if batch is None:
            batch = channel.batch = Batch(channel.number, keys)
            channel.settlement = None
            self._events.append(batch)
        batch.ids.append(key)
        batch.rows.append((keys.names[key], properties, body, features | keys.features[key], self._arena))

    def _frame_size(self, data: bytes | bytearray, position: int) -> int:
        """Bytes of the frame at `position`, with its envelope; 0 while it is incomplete."""
        if position + _HEAD_SIZE > len(data):
            return 0
        kind, _, size = _FRAME.unpack_from(data, position)
        if size > self._payload_max:
            limit = max(self._frame_max - FRAME_OVERHEAD, 0)
            raise StopReading(501, f"type {kind}, {octets(b'')}: {{frame_too_large,{size},{limit}}}")
        stop: int = position + _HEAD_SIZE + size
        if stop >= len(data):
            self._needed = size + FRAME_OVERHEAD
            return 0
        if data[stop] != FRAME_END:
            payload = bytes(data[position + _HEAD_SIZE : stop])
            raise StopReading(501, f"type {kind}, {octets(payload)}: {{invalid_frame_end_marker,{data[stop]}}}")
        return stop + 1 - position

    def _finish_push(self) -> None:
        """Batches and settlements end with the push; a channel is kept only while its content is incomplete."""
        del self._rest[: self._position]
        kept = {}
        for number, channel in self._channels.items():
            self._close_batch(channel)
            channel.settlement = None
            if channel.state != AWAIT_METHOD:
                kept[number] = channel
        self._channels = kept
        self._count_held()

    def _violated(self, stop: StopReading) -> None:
        self._stop()
        self._events.append(stop.violation)

    def _channel_zero(self, kind: int, payload: bytes) -> None:
        """A frame of the connection itself. Contents and settlements do not belong here: the session says so."""
        if kind == FRAME_METHOD and len(payload) >= 4:
            self._events.append(Command(0, _METHOD.unpack_from(payload)[0], payload[4:]))
        elif kind == FRAME_HEARTBEAT and not payload:
            return
        elif kind == FRAME_BODY or (kind == FRAME_HEADER and len(payload) >= 12):
            raise StopReading(505, f"type {kind}, {octets(payload)}")
        else:
            raise unknown_frame(kind, payload)

    # -- one channel ---------------------------------------------------------------------------------------------

    def _method(self, channel: Channel, payload: bytes) -> None:
        if len(payload) < 4:
            raise unknown_frame(FRAME_METHOD, payload)
        if channel.state != AWAIT_METHOD:
            if not channel.abandoned:
                raise unexpected(channel)
            channel.state = AWAIT_METHOD
        method = _METHOD.unpack_from(payload)[0]
        if channel.number == 0:
            self._events.append(Command(0, method, payload[4:]))
        elif method == BASIC_PUBLISH:
            channel.method = payload
            self._check_publish(payload)
            channel.state = AWAIT_HEADER
            channel.skip = channel.abandoned = False
        elif method in (BASIC_ACK, BASIC_NACK, BASIC_REJECT):
            self._settle(channel, method, payload[4:])
        else:
            self._close_batch(channel)
            channel.settlement = None
            self._events.append(Command(channel.number, method, payload[4:]))

    def _check_publish(self, payload: bytes) -> None:
        try:
            parse_publish(payload)
        except UnicodeDecodeError:
            raise StopReading(501, "Malformed UTF-8 in shortstr", BASIC_PUBLISH) from None
        except ValueError:
            raise cannot_decode(501, payload[4:], BASIC_PUBLISH) from None

    def _settle(self, channel: Channel, method: int, arguments: bytes) -> None:
        if len(arguments) != 9:
            raise cannot_decode(501, arguments, method)
        tag, bits = _TAG.unpack(arguments)
        if method == BASIC_ACK:
            kind, multiple = ACK, bool(bits & 1)
        elif method == BASIC_NACK:
            kind, multiple = REQUEUE if bits & 2 else REJECT, bool(bits & 1)
        else:
            kind, multiple = REQUEUE if bits & 1 else REJECT, False
        settlement = channel.settlement
        if settlement is None or settlement.method != method or settlement.kind != kind:
            self._close_batch(channel)
            settlement = channel.settlement = Settlement(channel.number, kind, [], method)
            self._events.append(settlement)
        settlement.items.append((tag, multiple))

    def _header(self, channel: Channel, payload: bytes) -> None:
        if len(payload) < 12:
            raise unknown_frame(FRAME_HEADER, payload)
        class_id, weight, size = _HEADER.unpack_from(payload)
        if channel.state != AWAIT_HEADER or weight:
            raise unexpected(channel)
        if class_id != BASIC:
            text = f"expected content header for class {BASIC}, got one for class {class_id} instead"
            raise StopReading(505, text, BASIC_PUBLISH)
        if size > MESSAGE_SIZE_HARD_MAX:
            text = f"content body size {size} exceeds maximum allowed size {MESSAGE_SIZE_HARD_MAX}"
            raise StopReading(501, text, BASIC_PUBLISH)
        properties = payload[12:]
        features = self._features.get(properties)
        channel.features = self._check(properties) if features is None else features
        if size > self._size_max and not channel.skip:
            self._too_large(channel, size)
        channel.remaining = size
        if not channel.skip:
            channel.properties = properties
        if size:
            channel.state = AWAIT_BODY
        else:
            self._complete(channel, b"")

    def _check(self, properties: bytes) -> int:
        try:
            features = features_of(properties)
        except MalformedError:
            raise cannot_decode(502, properties, BASIC_PUBLISH) from None
        if len(properties) <= _PROPERTIES_CACHED_SIZE:
            if len(self._features) >= _PROPERTIES_CACHED_MAX:
                self._features.clear()
            self._features[properties] = features
        return features

    def _too_large(self, channel: Channel, size: int) -> None:
        """Only this channel's error: its content is skipped, the connection goes on."""
        text = f"message size {size} is larger than configured max size {self._size_max}"
        self._close_batch(channel)
        channel.settlement = None
        self._events.append(Violation(channel.number, 406, text, BASIC, BASIC_PUBLISH & 0xFFFF))
        channel.skip = True
        channel.forget()

    def _body(self, channel: Channel, payload: bytes) -> None:
        if channel.state != AWAIT_BODY:
            raise unexpected(channel)
        channel.remaining -= len(payload)
        if channel.remaining < 0:
            raise StopReading(501, "content body frame exceeds remaining content size", BASIC_PUBLISH)
        if not channel.skip:
            channel.body += payload
        if not channel.remaining:
            self._complete(channel, bytes(channel.body))

    def _complete(self, channel: Channel, body: bytes) -> None:
        """The content is all there: a row of the channel's batch, unless nobody wants it."""
        channel.state = AWAIT_METHOD
        if not channel.skip:
            key = self._keys.intern_publish(channel.method)
            self._append(channel, key, channel.properties, body, channel.features)
        channel.forget()

    def _close_batch(self, channel: Channel) -> None:
        if channel.batch is not None:
            batch = channel.batch.finish()
            self._arena.add(batch.body_bytes + sum(len(row[0]) + len(row[1]) for row in batch.rows))
            channel.batch = None
