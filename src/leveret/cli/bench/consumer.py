"""Receives and acknowledges. Deliveries of one shape are counted by slices over whole reads, not one by one.

| deliver: type channel size class method | tag, key ... | end | header frame | body frame: when ... | end |  next one
  \\__________ the same bytes at the same places in every delivery of that shape, `size` bytes apart _________/
"""

from __future__ import annotations

import struct
from collections import Counter
from functools import lru_cache
from typing import Final

from ...wire import methods
from ...wire.fields import Arguments
from ...wire.frames import OVERHEAD, method_frame
from ...wire.spec import FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_METHOD
from .connection import CHANNEL, FRAME, METHOD, Connection
from .histogram import Histogram
from .plan import STAMP_BYTES, Plan

_STAMP: Final = struct.Struct(">Q")
_TAG: Final = struct.Struct(">Q")
_BODY_SIZE: Final = struct.Struct(">Q")
_GROUP: Final = 64
"""Times that are read at once."""
_FIRST_LOOK: Final = 16
_LOOK: Final = 512
"""Deliveries that are compared at first, and at once: what the processor's cache holds."""
_TELLING: Final = 3
"""Bytes of a time that tell it from others of the same read."""


class Consumer(Connection):
    """A connection that consumes."""

    def __init__(self, plan: Plan, number: int) -> None:
        super().__init__(plan.address)
        self.received = self.received_bytes = self.foreign = 0
        self.latency = Histogram()
        self.last_ns = 0
        self._plan = plan
        self._number = number
        self._stamped = plan.stamped
        self._acks = not plan.auto_ack
        every = plan.ack_every or 1
        self._ack_every = min(every, max(1, plan.prefetch // 2)) if plan.prefetch else every
        self._start_ns = 0
        self._shape: _Shape | None = None
        self._tag = self._unacked = 0
        self._coming = 0
        """The tag of a message that is not complete: it cannot be acknowledged yet."""
        self._stamp = self._missing = 0
        """Bytes of a body that came in part."""
        self._inside = self._stamp_due = False
        if self._acks and plan.prefetch:
            self.call(methods.BasicQos(0, plan.prefetch), methods.BasicQosOk)

    def begin(self, start_ns: int) -> None:
        """Subscribe. What was published before the start is no measure."""
        self._start_ns = start_ns
        arguments = Arguments.of({"x-stream-offset": "first"} if self._plan.streams else {})
        queues = self._plan.queues_of(self._number)
        width = len(str(len(queues)))
        for i, queue in enumerate(queues):
            consume = methods.BasicConsume(queue, f"b{i:0{width}}", False, not self._acks, False, True, arguments)
            self.write(method_frame(CHANNEL, consume))

    def read(self) -> None:
        super().read()
        if self._acks and self._unacked >= self._ack_every:
            self._unacked = 0
            self.write(method_frame(CHANNEL, methods.BasicAck(self._tag, True)))

    def take(self, data: bytes) -> bytes:
        at, size = 0, len(data)
        while at < size:
            if not self._inside:
                shape = self._shape
                if shape is None or not data.startswith(shape.head, at):
                    shape = self._shape = _Shape.at(data, at, self._plan.size) or shape
                if shape is not None and (count := shape.count(data, at)):
                    self._take(data, at, shape, count)
                    at += count * shape.size
                    continue
            if (after := self.frame(data, at)) == at:
                break
            at = after
        return data[at:]

    def _take(self, data: bytes, at: int, shape: _Shape, count: int) -> None:
        self.received += count
        self.received_bytes += count * shape.body
        self.last_ns = self.now_ns
        last = at + (count - 1) * shape.size
        (self._tag,) = _TAG.unpack_from(data, last + shape.tag)
        self._unacked += count
        if self._stamped:
            self._measure(shape.stamps(data, at, count))

    def _measure(self, stamps: dict[int, int]) -> None:
        for stamp, count in stamps.items():
            if self._start_ns <= stamp <= self.now_ns:
                self.latency.add((self.now_ns - stamp) // 1000, count)
            else:
                self.foreign += count

    # -- frame by frame: large messages, and whatever a read cuts in two -----------------------------------------------

    def method(self, number: int, arguments: bytes) -> None:
        if number != methods.BasicDeliver.id:
            super().method(number, arguments)
            return
        self._coming = methods.BasicDeliver.decode(arguments).delivery_tag
        self._inside = True

    def content(self, kind: int, data: bytes, start: int, end: int) -> None:
        if kind == FRAME_HEADER:
            (self._missing,) = _BODY_SIZE.unpack_from(data, start + 4)
            self._stamp_due = self._stamped and self._missing >= STAMP_BYTES
        elif kind == FRAME_BODY:
            self._missing -= end - start
            self.received_bytes += end - start
            if self._stamp_due:
                self._stamp_due = False
                (self._stamp,) = _STAMP.unpack_from(data, start)
        else:
            return
        if self._missing:
            return
        self._inside = False
        self._tag = self._coming
        self.received += 1
        self._unacked += 1
        self.last_ns = self.now_ns
        if self._stamped:
            self._measure({self._stamp: 1})


class _Shape:
    """Deliveries whose frames have the same sizes: one consumer, one length of the routing key, one size of body."""

    __slots__ = ("body", "fixed", "head", "size", "stamp", "tag")

    def __init__(self, head: bytes, size: int, body: int, tag: int, stamp: int, fixed: list[tuple[int, bytes]]) -> None:
        self.head = head
        self.size = size
        self.body = body
        self.tag = tag
        self.stamp = stamp
        self.fixed = fixed

    @classmethod
    def at(cls, data: bytes, at: int, body: int) -> _Shape | None:
        """That of the delivery there; None if there is none, or not all of it in no more than three frames."""
        start, fixed, ends = at, [], []
        for kind in (FRAME_METHOD, FRAME_HEADER, FRAME_BODY)[: 3 if body else 2]:
            if len(data) - at < OVERHEAD or data[at] != kind:
                return None
            size = FRAME.unpack_from(data, at)[2]
            end = at + size + OVERHEAD
            if end > len(data) or data[end - 1] != FRAME_END:
                return None
            places = [at, end - 1]
            if kind == FRAME_METHOD:
                if METHOD.unpack_from(data, at + 7)[0] != methods.BasicDeliver.id:
                    return None
                tag = at + 11 + 1 + data[at + 11]
                exchange = tag + 9
                places += [at + 10, at + 11, exchange, exchange + 1 + data[exchange]]
            elif kind == FRAME_BODY:
                places.append(at + 6)
            fixed += [(place - start, data[place : place + 1]) for place in places]
            ends.append(end)
            at = end
        size = FRAME.unpack_from(data, ends[-2])[2] if body else 0
        (said,) = _BODY_SIZE.unpack_from(data, ends[0] + 11)
        if said != size:
            return None
        return cls(data[start : start + 11], at - start, size, tag - start, ends[-2] + 7 - start, fixed)

    def count(self, data: bytes, at: int) -> int:
        """How many of this shape follow each other there."""
        size = self.size
        there = (len(data) - at) // size
        done, look = 0, min(_FIRST_LOOK, there)
        while look:
            start, found = at + done * size, look
            for offset, byte in self.fixed:
                column = data[start + offset : start + found * size : size]
                if (same := len(column) - len(column.lstrip(byte))) < found:
                    found = same
                    if not found:
                        return done
            done += found
            if found < look:
                return done
            look = min(look * 4, _LOOK, there - done)
        return done

    def _alike(self, data: bytes, at: int, count: int) -> int:
        """How many of these deliveries have the time of the first, as its lowest bytes tell."""
        for place in range(at + self.stamp + STAMP_BYTES - _TELLING, at + self.stamp + STAMP_BYTES):
            column = data[place : place + count * self.size : self.size]
            count = len(column) - len(column.lstrip(column[:1]))
        return count

    def stamps(self, data: bytes, at: int, count: int) -> dict[int, int]:
        """The times in the bodies, and how many have each."""
        found: Counter[int] = Counter()
        gap = self.size - STAMP_BYTES
        while count:
            group = min(count, _GROUP)
            first, last = at + self.stamp, at + (group - 1) * self.size + self.stamp
            (stamp,) = _STAMP.unpack_from(data, first)
            if stamp == _STAMP.unpack_from(data, last)[0]:
                group = self._alike(data, at, min(count, _LOOK))
                found[stamp] += group
            else:
                found.update(_stamps(group, gap).unpack_from(data, first))
            at += group * self.size
            count -= group
        return found


@lru_cache(maxsize=256)
def _stamps(count: int, gap: int) -> struct.Struct:
    return struct.Struct(">" + f"Q{gap}x" * (count - 1) + "Q")
