"""How old what a channel delivered is, for those who must settle it in time.

Nothing is noted per delivery. A channel with a timeout is looked at every so often, and each look leaves a mark: which
delivery tag was the next one at that time. What is outstanding below an old enough mark is overdue. So nobody is timed
out too early, nor much too late: a look comes every eighth of the timeout.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from ..limits import (
    TIMEOUT_LOOK_MAX_MS,
    TIMEOUT_LOOK_MIN_MS,
    TIMEOUT_LOOKS,
    TIMEOUT_MARKS_MAX,
    TIMEOUT_OWNERS_PER_LOOK,
    TIMEOUTS_PER_LOOK,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..broker.consumer import Consumer
    from ..wire import Ledger

    Overdue = tuple[Consumer, int]
    """Whose delivery it is, and how many milliseconds it had."""


class Watch:
    """The marks of one channel. Times are monotonic milliseconds."""

    __slots__ = ("_marks", "next_ms", "seen", "shortest_ms")

    def __init__(self) -> None:
        self._marks: list[tuple[int, int]] = []  # (time, next tag), both ascending
        self.shortest_ms: int | None = None
        """The shortest timeout on the channel; None: not known, see who is there."""
        self.next_ms = 0
        """When to look again."""
        self.seen = 0
        """Of those who have something for longer than that, so many were looked at."""

    def shorten(self, timeout_ms: int) -> None:
        """Somebody has this timeout."""
        if self.shortest_ms is not None and timeout_ms < self.shortest_ms:
            self.shortest_ms = timeout_ms
            self.next_ms = 0

    def mark(self, now_ms: int, oldest: int, next_tag: int) -> None:
        """What is below `next_tag` was delivered by now; nothing is outstanding below `oldest` (0: nothing at all)."""
        marks = self._marks
        useless = bisect_right(marks, oldest or next_tag, key=_tag)
        del marks[:useless]
        if oldest and (not marks or marks[-1][1] < next_tag):
            marks.append((now_ms, next_tag))
            if len(marks) > TIMEOUT_MARKS_MAX:
                del marks[: TIMEOUT_MARKS_MAX // 2 : 2]  # what is old is timed less exactly

    def delivered_by(self, time_ms: int) -> int:
        """The tags below this one were delivered by then; 0: none is known to have been."""
        found = bisect_right(self._marks, time_ms, key=_time)
        return self._marks[found - 1][1] if found else 0


class Timeouts:
    """The channels of one connection that are watched, by number."""

    __slots__ = ("_ask", "default_ms", "watched")

    def __init__(self, default_ms: int | None, ask: Callable[[], None]) -> None:
        """`default_ms` holds for everybody; `ask` for a tick soon: there is something new to look at."""
        self.default_ms = default_ms
        self._ask = ask
        self.watched: dict[int, Watch] = {}

    def of(self, consumer: Consumer) -> int | None:
        """Milliseconds that it has to settle what it gets: the least that node, queue and consumer say."""
        queue = consumer.queue
        said = (self.default_ms, consumer.timeout_ms, None if queue is None else queue.settings.consumer_timeout_ms)
        return min((timeout_ms for timeout_ms in said if timeout_ms is not None), default=None)

    def watch(self, number: int, consumer: Consumer) -> None:
        """The consumer is new on this channel, if it has a timeout."""
        timeout_ms = self.of(consumer)
        if timeout_ms is None or consumer.no_ack:
            return
        watch = self.watched.get(number)
        if watch is None:
            watch = self.watched[number] = Watch()
        watch.shorten(timeout_ms)
        if not watch.next_ms:
            self._ask()

    def changed(self, number: int, consumer: Consumer) -> None:
        """The timeout of its queue is another one."""
        if number in self.watched:
            self.watched[number].shortest_ms = None
            self.watched[number].next_ms = 0
            self._ask()
        else:
            self.watch(number, consumer)

    def forget(self, number: int) -> None:
        """The channel is gone."""
        self.watched.pop(number, None)

    def look(
        self, number: int, now_ms: int, ledger: Ledger, next_tag: int, consumers: Mapping[str, Consumer]
    ) -> list[Overdue]:
        """Who has been given something too long ago; some of them, if there are many, and the others soon. When nobody
        has a timeout any more it is the last look.
        """
        watch = self.watched[number]
        watch.mark(now_ms, ledger.oldest, next_tag)
        if watch.shortest_ms is None or not (consumers or ledger.oldest):
            there: list[Any] = [*consumers.values(), *ledger.owners_before(next_tag)]
            said = [timeout_ms for owner in there if (timeout_ms := self.of(owner)) is not None]
            if not said:
                self.forget(number)
                return []
            watch.shortest_ms = min(said)
        owners: list[Any] = ledger.owners_before(watch.delivered_by(now_ms - watch.shortest_ms))
        first = watch.seen if watch.seen < len(owners) else 0
        behind: dict[int, int] = {}  # by limit: so many of the owners have a tag below it, for they are in tag order
        overdue: list[Overdue] = []
        for place, owner in enumerate(owners[first : first + TIMEOUT_OWNERS_PER_LOOK], first):
            timeout_ms = self.of(owner)
            if timeout_ms is None:
                continue
            limit = watch.delivered_by(now_ms - timeout_ms)
            if limit not in behind:
                behind[limit] = len(ledger.owners_before(limit))
            if place < behind[limit]:
                overdue.append((owner, timeout_ms))
        watch.seen = first + TIMEOUT_OWNERS_PER_LOOK
        more = watch.seen < len(owners)
        if len(overdue) > TIMEOUTS_PER_LOOK:
            del overdue[TIMEOUTS_PER_LOOK:]
            watch.seen, more = first, True
        every_ms = 0 if more else watch.shortest_ms // TIMEOUT_LOOKS
        watch.next_ms = now_ms + min(max(every_ms, TIMEOUT_LOOK_MIN_MS), TIMEOUT_LOOK_MAX_MS)
        return overdue


def _time(mark: tuple[int, int]) -> int:
    return mark[0]


def _tag(mark: tuple[int, int]) -> int:
    return mark[1]
