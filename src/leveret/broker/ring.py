"""Whose turn it is: consumers of one priority that can take messages, in a ring (RabbitMQ "Consumer Priorities").

A queue looks at one ring, that of the highest priority with somebody in it. The rings below come to their turn when
nobody in it can take more; most queues have none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .consumer import Consumer

_priority: Final = attrgetter("priority")


class Ring(deque["Consumer"]):
    """Consumers in the order of their turns. Only the highest ring knows the others, and is empty only without them."""

    __slots__ = ("lower", "priority")

    def __init__(self, priority: int = 0, lower: list[Ring] | None = None) -> None:
        super().__init__()
        self.priority = priority
        self.lower = lower
        """The rings below, the lowest first, none of them empty; None: there are none."""

    def joined(self, consumer: Consumer) -> Ring:
        """Put it at the end of the ring of its priority; which ring is the highest then."""
        priority = consumer.priority
        if priority == self.priority:
            self.append(consumer)
        elif not self:
            self.priority = priority
            self.append(consumer)
        elif priority > self.priority:
            lower, self.lower = self.lower or [], None
            lower.append(self)
            highest = Ring(priority, lower)
            highest.append(consumer)
            return highest
        else:
            lower = self.lower = self.lower or []
            at = bisect_left(lower, priority, key=_priority)
            if at == len(lower) or lower[at].priority != priority:
                lower.insert(at, Ring(priority))
            lower[at].append(consumer)
        return self

    def left(self, consumer: Consumer) -> Ring:
        """Take it out of the ring of its priority; which ring is the highest then."""
        lower = self.lower
        if lower is None:
            self.remove(consumer)
            return self
        highest = self
        if consumer.priority == self.priority:
            self.remove(consumer)
            if not self:
                highest = lower.pop()
        else:
            at = bisect_left(lower, consumer.priority, key=_priority)
            lower[at].remove(consumer)
            if not lower[at]:
                del lower[at]
        self.lower = None
        highest.lower = lower or None
        return highest
