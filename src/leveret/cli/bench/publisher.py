"""Publishes blocks of messages, made by joining ready pieces with the time; counts what is confirmed.

piece   ...header frame, begin of body frame | 8 bytes: when | rest of body, next message's frames ... | when | ...
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Final

from ...wire import methods
from ...wire.frames import content_frames, method_frame
from ...wire.properties import Properties, encode_properties
from ...wire.spec import FRAME_END
from .connection import CHANNEL, Connection
from .histogram import Histogram
from .plan import STAMP_BYTES, Plan

NEVER: Final = 1 << 62
"""Nothing to do before the socket or a confirm says so."""

_WRITE_BYTES: Final = 64 * 1024
_TICK_NS: Final = 1_000_000
_STAMP: Final = struct.Struct(">Q")

_ACK: Final = method_frame(CHANNEL, methods.BasicAck(0))
_ACKS: Final = struct.Struct(">11xQBx")
_ACK_FIXED: Final = tuple((at, _ACK[at : at + 1]) for at in (0, 2, 6, 8, 10, 20))
"""Bytes by which an ack is known among frames of its size."""
assert _ACKS.size == len(_ACK) == 21
assert _ACK[-1] == FRAME_END


class Publisher(Connection):
    """A connection that publishes."""

    def __init__(self, plan: Plan, number: int) -> None:
        super().__init__(plan.address)
        self.sent = self.confirmed = self.nacked = self.returned = 0
        self.latency = Histogram()
        self.last_ns = 0
        """When something was sent or confirmed last."""
        self._window = plan.confirm
        self._quota = plan.quota_of(number)
        self._counted = bool(plan.count)
        self._waited_ns = 0
        self._waiting_ns = 0
        self._runs: deque[_Run] = deque()
        if plan.confirm:
            self.call(methods.ConfirmSelect(), methods.ConfirmSelectOk)

        messages = _messages(plan, plan.keys_of(number), self.frame_max)
        unit = sum(len(before) + len(after) for before, after in messages) // len(messages) + STAMP_BYTES
        self._batch = plan.batch or max(1, _WRITE_BYTES // unit)
        if plan.confirm:
            self._batch = min(self._batch, max(1, plan.confirm // 4))
        self._stamped = plan.stamped
        self._keys = len(messages)
        self._turn = 0
        gaps = [messages[i][1] + messages[(i + 1) % self._keys][0] for i in range(self._keys)]
        self._gaps = [*islice(cycle(gaps), self._keys + self._batch)]
        self._before = [before for before, _ in messages]
        self._after = [after for _, after in messages]

        self._rate_ns = plan.rate / plan.publishers / 1e9
        self._tick_ns = max(_TICK_NS, int(1 / self._rate_ns)) if self._rate_ns else 0
        self._start_ns = 0
        self._next_ns = 0
        self._offset_ns = self._tick_ns * number // max(1, plan.publishers)

    def begin(self, start_ns: int) -> None:
        """When the first message is due."""
        self._start_ns = start_ns + self._offset_ns
        self._next_ns = self._start_ns + self._tick_ns

    @property
    def finished(self) -> bool:
        """Whether all that it had to publish is published, and confirmed."""
        done = self._counted and self.sent >= self._quota and not self.stuck
        return done and (not self._window or self.confirmed + self.nacked >= self.sent)

    @property
    def late_ns(self) -> int:
        """How far it is behind its rate."""
        return max(0, self.now_ns - self._next_ns) if self._rate_ns and not self._over() else 0

    def _over(self) -> bool:
        return self._counted and self.sent >= self._quota

    def waited_ns(self, now_ns: int) -> int:
        """How long it waited for the broker since the last time: to take bytes, or to confirm."""
        if self._waiting_ns:
            self._waited_ns += now_ns - self._waiting_ns
            self._waiting_ns = now_ns
        waited, self._waited_ns = self._waited_ns, 0
        return waited

    # -- publishing ----------------------------------------------------------------------------------------------------

    def publish(self, now_ns: int) -> int:
        """Publish what can and should be now; when to come again."""
        self.now_ns = now_ns
        if self._over():
            self._wait(0)
            return NEVER
        room = self._room()
        if not room:
            self._wait(now_ns)
            return NEVER
        self._wait(0)
        if not self._rate_ns:
            self._send(min(self._batch, room), now_ns)
            return now_ns
        while self._next_ns <= now_ns:
            # What is due at a tick carries the tick's time, however late it is sent: waiting counts as latency.
            due = int((self._next_ns - self._start_ns) * self._rate_ns) - self.sent
            while due > 0:
                room = self._room()
                if self._over():
                    return NEVER
                if not room:
                    self._wait(now_ns)
                    return NEVER
                count = min(due, room, self._batch)
                self._send(count, self._next_ns)
                due -= count
            self._next_ns += self._tick_ns
        return self._next_ns

    def _room(self) -> int:
        """How many messages may go out."""
        if self._unsent:
            return 0
        room = NEVER
        if self._window:
            room = self._window - (self.sent - self.confirmed - self.nacked)
            if room < self._batch and not self._rate_ns:
                return 0  # few large writes instead of one for each confirm
        return min(room, self._quota - self.sent) if self._counted else room

    def _send(self, count: int, stamp_ns: int) -> None:
        turn = self._turn
        last = (turn + count - 1) % self._keys
        pieces = (self._before[turn], *self._gaps[turn : turn + count - 1], self._after[last])
        stamp = _STAMP.pack(stamp_ns) if self._stamped else b""
        self._turn = (last + 1) % self._keys
        if self._window:
            self._runs.append(_Run(self.sent + 1, self.sent + count, stamp_ns))
        self.sent += count
        self.last_ns = self.now_ns
        self.write(stamp.join(pieces))

    def _wait(self, since_ns: int) -> None:
        if since_ns:
            self._waiting_ns = self._waiting_ns or since_ns
        elif self._waiting_ns:
            self._waited_ns += self.now_ns - self._waiting_ns
            self._waiting_ns = 0

    # -- confirms ------------------------------------------------------------------------------------------------------

    def take(self, data: bytes) -> bytes:
        at, size = 0, len(data)
        while at < size:
            count = _acks(data, at) if self._window else 0
            if count:
                end = at + count * _ACKS.size
                for tag, multiple in _ACKS.iter_unpack(memoryview(data)[at:end]):
                    self.confirmed += self._confirm(tag, multiple)
                at = end
            elif (after := self.frame(data, at)) > at:
                at = after
            else:
                break
        return data[at:]

    def method(self, number: int, arguments: bytes) -> None:
        if number == methods.BasicAck.id:
            ack = methods.BasicAck.decode(arguments)
            self.confirmed += self._confirm(ack.delivery_tag, ack.multiple)
        elif number == methods.BasicNack.id:
            nack = methods.BasicNack.decode(arguments)
            self.nacked += self._confirm(nack.delivery_tag, nack.multiple)
        elif number == methods.BasicReturn.id:
            self.returned += 1
        else:
            super().method(number, arguments)

    def _confirm(self, tag: int, multiple: bool) -> int:
        """How many messages that are."""
        runs, now_ns, total = self._runs, self.now_ns, 0
        self.last_ns = now_ns
        while runs and multiple and runs[0].last <= tag:
            run = runs.popleft()
            count = run.last - run.first + 1 - len(run.done)
            self._measure(run, count, now_ns)
            total += count
        if not multiple:
            for run in runs:
                if run.first <= tag <= run.last:
                    total += run.single(tag)
                    self._measure(run, total, now_ns)
                    break
            while runs and runs[0].first > runs[0].last:
                runs.popleft()
        elif runs and runs[0].first <= tag:
            count = runs[0].until(tag)
            self._measure(runs[0], count, now_ns)
            total += count
        return total

    def _measure(self, run: _Run, count: int, now_ns: int) -> None:
        if count:
            self.latency.add((now_ns - run.stamp_ns) // 1000, count)


class _Run:
    """Messages of one write that are not all confirmed."""

    __slots__ = ("done", "first", "last", "stamp_ns")

    def __init__(self, first: int, last: int, stamp_ns: int) -> None:
        self.first = first
        self.last = last
        self.stamp_ns = stamp_ns
        self.done: set[int] = set()
        """Confirmed ones after `first`."""

    def single(self, tag: int) -> int:
        """This one is confirmed; 0 if it was already."""
        if tag in self.done:
            return 0
        self.done.add(tag)
        while self.first in self.done:
            self.done.remove(self.first)
            self.first += 1
        return 1

    def until(self, tag: int) -> int:
        """Up to this one all are confirmed; how many were not yet."""
        already = {one for one in self.done if one <= tag}
        count = tag - self.first + 1 - len(already)
        self.done -= already
        self.first = tag + 1
        return count


def _acks(data: bytes, at: int) -> int:
    """How many basic.ack follow each other there."""
    size = _ACKS.size
    count = (len(data) - at) // size
    if not count or data[at + 10] != _ACK[10]:
        return 0
    end = at + count * size
    for offset, byte in _ACK_FIXED:
        column = data[at + offset : end : size]
        count = min(count, len(column) - len(column.lstrip(byte)))
    return count


def _messages(plan: Plan, keys: Sequence[str], frame_max: int) -> list[tuple[bytes, bytes]]:
    """For each routing key all frames of a message: those bytes before the time, and those after it."""
    properties = encode_properties(Properties(delivery_mode=2 if plan.persistent else None))
    body = b"x" * plan.size
    messages = []
    for key in keys:
        publish = methods.BasicPublish(plan.exchange, key, plan.mandatory)
        frames = content_frames(CHANNEL, publish, properties, body, frame_max)
        if not plan.stamped:
            messages.append((frames, b""))
            continue
        # The method frame, the header frame (7 + 14 bytes before the properties, 1 after), 7 of the body frame.
        at = len(method_frame(CHANNEL, publish)) + 7 + 12 + len(properties) + 1 + 7
        messages.append((frames[:at], frames[at + STAMP_BYTES :]))
    return messages
