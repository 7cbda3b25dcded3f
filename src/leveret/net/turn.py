"""The turn: what happens once per iteration of the event loop, however many sockets were readable in it.

    sockets ready       each is read once, and what came goes to its session at once (net.connection)
    then                what became durable is told to those who wait for it (log.run_callbacks)
                        sessions with input left over go on, round robin, within the budget
                        queues deliver (broker.pump), within the budget
                        every connection that has something to say writes once

Owns the order of these, the read buffer that all connections share, and the statistics of how long turns take. Whoever
has work for a turn calls `wake`, or hands in a connection to be flushed or stepped.
"""

from __future__ import annotations

import logging
from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from .. import limits
from .lengths import Lengths
from .poller import Poller

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ..ports import Clock
    from .connection import Connection

_STEP_MS: Final = 1
"""How long one session goes on with its left-over input before the next one has its turn."""
_BUSY: Final = 8
"""With so many sockets served, those of the next turn are asked for before this one writes. What the writes provoke
(acks of consumers) then collects until the turn after it: fewer, larger reads and deliveries."""
_READ_NS: Final = limits.READ_MS_PER_TURN * 1_000_000

logger = logging.getLogger("leveret.net")


class Turn:
    """One per event loop. It is the brain's `Scheduler`."""

    __slots__ = (
        "_alarm",
        "_alarm_at_ms",
        "_clock",
        "_dirty",
        "_held",
        "_large_views",
        "_loop",
        "_pump",
        "_ready",
        "_run_callbacks",
        "_running",
        "_unfinished",
        "_views",
        "large_view",
        "lengths",
        "now_ms",
        "poller",
        "scheduled",
        "view",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._run_callbacks: Callable[[], bool] = _nothing_due
        self._pump: Callable[[int], bool] = _nothing_to_pump
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at_ms = 0
        self._dirty: list[Connection] = []
        self._unfinished: deque[Connection] = deque()
        self._held: deque[tuple[int, Connection]] = deque()  # with the time they are held to at the most
        self._ready: list[tuple[int, int]] = []  # sockets that the next turn serves first
        self._running = False  # connections that have something to say are still asked in this turn
        buffer = memoryview(bytearray(limits.READ_BYTES_PER_TURN))
        self._large_views = _views_by_readers(buffer)
        self._views = [view[: limits.READ_SIZE_MAX] for view in self._large_views]
        self.view = self._views[0]
        """Where the next read of any connection goes: its session copies what it keeps before anybody else reads."""
        self.large_view = self._large_views[0]
        """The same for a connection in the middle of a large message."""
        self.scheduled = False
        """Whether what is asked for now is done without waking anybody."""
        self.now_ms = clock.monotonic_ms()
        """Monotonic time at the begin of this turn; older between turns."""
        self.lengths = Lengths()
        self.poller = Poller(loop, self._sockets_ready)

    def start(self, run_callbacks: Callable[[], bool], pump: Callable[[int], bool]) -> None:
        """A turn from now on has `run_callbacks() -> more` of the log, and `pump(budget_ms) -> more` of the brain."""
        self._run_callbacks = run_callbacks
        self._pump = pump

    def stop(self) -> None:
        """No more turns for what sockets bring."""
        if self._alarm is not None:
            self._alarm.cancel()
        self.poller.close()

    def wake(self) -> None:
        """There is work for a turn: one follows after what the loop has at hand."""
        if not self.scheduled:
            self.scheduled = True
            self._loop.call_soon(self._run)

    def wake_at(self, when_ms: int) -> None:
        """There is work for a turn then."""
        if self._alarm is not None:
            if self._alarm_at_ms <= when_ms:
                return
            self._alarm.cancel()
        self._alarm_at_ms = when_ms
        self._alarm = self._loop.call_later(max(when_ms - self._clock.monotonic_ms(), 0) / 1000, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self.wake()

    def flush(self, connection: Connection) -> None:
        """This connection has something to say in this turn or the next. The caller asks once per turn."""
        self._dirty.append(connection)
        if not self._running:
            self.wake()

    def hold(self, connection: Connection) -> None:
        """This connection is not read before others had their turn. The caller asks once until it is released."""
        self._held.append((self.now_ms + limits.FLOW_WAIT_MS, connection))
        self.wake()

    def step(self, connection: Connection) -> None:
        """This connection's session goes on with its input in this turn or the next. The caller asks once until it is
        done.
        """
        self._unfinished.append(connection)
        self.wake()

    def _sockets_ready(self) -> None:
        if not self.scheduled:
            self._run()

    def _run(self) -> None:
        started_ns = perf_counter_ns()
        self.now_ms = self._clock.monotonic_ms()
        self.scheduled = self._running = True
        idle = not self._serve(started_ns + _READ_NS)
        self.scheduled = False  # for what comes from here on there is the next turn
        more = False
        try:
            more = self._run_callbacks()
        except Exception:
            logger.exception("who waited for the log failed")
        if self._unfinished:
            self._go_on()
        try:
            if self._pump(limits.TURN_BUDGET_MS):
                more = True
        except Exception:
            # Our own fault, in one queue of many: the others are served on. Not at once again, it might not end.
            logger.exception("a queue failed to deliver")
        self._running = False
        if self._dirty:
            dirty, self._dirty = self._dirty, []
            for connection in dirty:
                connection.flush()
        if self._held:
            self._release(idle)
        self.lengths.add((perf_counter_ns() - started_ns) // 1000)
        if more or self._ready or self._unfinished or self._held or self.poller.again:
            self.wake()

    def _serve(self, end_ns: int) -> int:
        """The sockets that are ready have their turns, until all had or time is up; how many there were."""
        ready = self._ready or self.poller.poll(0, limits.READERS_PER_TURN)
        if self.poller.again:
            ready = [*ready, *self.poller.again]
            self.poller.again = []
        readers = len(ready)
        sharing = min(readers, len(self._views) - 1)
        self.view, self.large_view = self._views[sharing], self._large_views[sharing]
        watchers = self.poller.watchers
        served = 0
        try:
            for number, events in ready:
                served += 1
                watcher = watchers.get(number)
                if watcher is not None:
                    watcher.ready(events)
                    if perf_counter_ns() >= end_ns:
                        break
        except Exception:
            logger.exception("a socket failed")
        self._ready = ready[served:]
        if served >= _BUSY and not self._ready:
            self._ready = self.poller.poll(0, limits.READERS_PER_TURN)
        return readers

    def _release(self, idle: bool) -> None:
        """Those who were to let others go first are read again: when nobody else had anything to say, or in the end."""
        held = self._held
        while held and (idle or held[0][0] <= self.now_ms):
            held.popleft()[1].release()

    def _go_on(self) -> None:
        """Sessions with input left over, in turns, until nobody has any or the budget is used."""
        unfinished = self._unfinished
        end = self._clock.monotonic_ms() + limits.TURN_BUDGET_MS
        while unfinished:
            connection = unfinished.popleft()
            if connection.go_on(_STEP_MS):
                unfinished.append(connection)
            if self._clock.monotonic_ms() >= end:
                break


def _nothing_due() -> bool:
    return False


def _nothing_to_pump(budget_ms: int) -> bool:
    return False


def _views_by_readers(buffer: memoryview) -> list[memoryview]:
    """Views of one buffer, by how many connections share READ_BYTES_PER_TURN; the last is for that many and more."""
    fewest = limits.READ_BYTES_PER_TURN // limits.READ_SIZE_MIN
    return [buffer, *(buffer[: limits.READ_BYTES_PER_TURN // readers] for readers in range(1, fewest + 1))]
