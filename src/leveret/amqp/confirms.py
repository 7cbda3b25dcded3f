"""Publisher confirms of one channel: a FIFO of ranges of publish sequence numbers (RabbitMQ "Publisher confirms").

Outcomes leave in publishing order, once durable. All that was decided since the output was last taken leaves as runs of
acks and nacks, one frame each: a frame with `multiple` speaks for everything after the run before it.

    published:   1..40 durable at 7     41..90 durable at 9, 50 rejected     91 durable now
    at 9:        ack 49 multiple | nack 50 | ack 91 multiple
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import TYPE_CHECKING, Final

from ..wire.methods import BasicAck, BasicNack
from ..wire.spec import FRAME_END, FRAME_METHOD

if TYPE_CHECKING:
    from ..ports import Log, Position
    from ..wire import Selection
    from .output import Output

_FRAME: Final = Struct(">BHIIQBB")
"""Frame type, channel, payload size, class and method, delivery tag, bits (multiple), frame end."""
_PAYLOAD_SIZE: Final = 13


class Confirms:
    """What a channel in confirm mode still owes its publisher."""

    __slots__ = ("_channel", "_last", "_listening", "_log", "_output", "_runs", "_sent", "_waiting")

    def __init__(self, channel: int, output: Output, log: Log) -> None:
        self._channel = channel
        self._output = output
        self._log = log
        self._last = 0  # sequence number of the newest message published
        self._sent = 0  # up to here the publisher was told
        self._runs: list[tuple[int, bool]] = []  # decided and not told: (last of the run, nack)
        self._waiting: deque[tuple[int, int, Position | None, Selection | None]] | None = None
        self._listening = False

    def __len__(self) -> int:
        """Messages whose outcome the publisher was not told yet."""
        return self._last - self._sent

    def add(self, count: int, position: Position | None, rejected: Selection | None) -> None:
        """The next `count` messages are accepted once `position` is durable (None: now), but for `rejected` rows."""
        first = self._last + 1
        self._last = last = self._last + count
        if not count:
            return
        if not self._waiting and (position is None or position <= self._log.durable):
            self._decide(first, last, rejected)
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append((first, last, position, rejected))
        if not self._listening:
            self._listen()
        elif position is not None:
            self._log.want(position)

    def _listen(self) -> None:
        assert self._waiting
        position = self._waiting[0][2]
        assert position is not None  # what needs no position is decided unless it waits behind one that does
        self._listening = True
        self._log.when_durable(position, self._advance)

    def _advance(self) -> None:
        """More of the log is durable."""
        self._listening = False
        waiting = self._waiting
        durable = self._log.durable
        while waiting and (waiting[0][2] is None or waiting[0][2] <= durable):
            first, last, _, rejected = waiting.popleft()
            self._decide(first, last, rejected)
        if waiting and not self._listening:
            self._listen()

    def _decide(self, first: int, last: int, rejected: Selection | None) -> None:
        runs = self._runs
        if not runs:
            self._output.flush_later(self.flush)
        if rejected is not None:
            for row in rejected:
                self._extend(first + row - 1, False)
                self._extend(first + row, True)
        if runs and not runs[-1][1]:
            runs[-1] = (last, False)
        else:
            self._extend(last, False)

    def _extend(self, last: int, nack: bool) -> None:
        runs = self._runs
        decided = runs[-1][0] if runs else self._sent
        if last <= decided:
            return
        if runs and runs[-1][1] is nack:
            runs[-1] = (last, nack)
        else:
            runs.append((last, nack))

    def flush(self) -> None:
        """Send what is decided."""
        send = self._output.send
        for last, nack in self._runs:
            method = BasicNack.id if nack else BasicAck.id
            multiple = last - self._sent > 1
            send(_FRAME.pack(FRAME_METHOD, self._channel, _PAYLOAD_SIZE, method, last, multiple, FRAME_END))
            self._sent = last
        self._runs.clear()

    def close(self) -> None:
        """The channel closes: say what is decided; what is not will never be said."""
        self.flush()
        if self._waiting is not None:
            self._waiting.clear()
