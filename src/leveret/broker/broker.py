"""The broker: its virtual hosts, the ids of their objects, the turn in which queues deliver, and the log's replay.

It is a state machine over the log: `apply` makes every change of durable state, live and in recovery.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ..wire import Pool
from ..wire.records import (
    Bind,
    DeclareExchange,
    DeclareQueue,
    DefinitionOp,
    DeleteExchange,
    DeleteQueue,
    Op,
    Publish,
    Settle,
    Unbind,
    decode_record,
)
from .alarms import Alarms
from .queue import Queue
from .vhost import VHost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..ports import Clock, Log, Randomness, Scheduler

_QUEUES_PER_LOOK: Final = 8
"""Queues that deliver between two looks at the clock."""


class Broker:
    """The brain of one node. `pool` counts the payload bytes."""

    __slots__ = ("_active", "_last_id", "_scheduler", "alarms", "clock", "log", "pool", "randomness", "vhosts")

    def __init__(
        self,
        log: Log,
        clock: Clock,
        randomness: Randomness,
        scheduler: Scheduler,
        pool: Pool,
        alarms: Alarms | None = None,
    ) -> None:
        """Without `alarms` none is ever set."""
        self.alarms = alarms or Alarms()
        self.log = log
        self.clock = clock
        self.randomness = randomness
        self.pool = pool
        self._scheduler = scheduler
        self._active: deque[Queue] = deque()
        self._last_id = 0
        self.vhosts: dict[str, VHost] = {}
        self.vhosts["/"] = VHost(self, "/")

    # -- ids -----------------------------------------------------------------------------------------------------

    def peek_id(self) -> int:
        """The id that the next object gets; taken when its op is applied."""
        return self._last_id + 1

    def next_id(self) -> int:
        """A new id for an object that every broker has from the start."""
        self._last_id += 1
        return self._last_id

    # -- turns ---------------------------------------------------------------------------------------------------

    def activate(self, queue: Queue) -> None:
        """The queue has messages and somebody to take them: it delivers in this turn or the next."""
        queue.active = True
        if not self._active:
            self._scheduler.wake()
        self._active.append(queue)

    def pump(self, budget_ms: int) -> bool:
        """Let active queues deliver, in turns, until nothing moves or the budget is used. True when more is waiting."""
        active = self._active
        end = self.clock.monotonic_ms() + budget_ms
        try:
            while active:
                for _ in range(min(len(active), _QUEUES_PER_LOOK)):
                    queue = active.popleft()
                    queue.active = False
                    if not queue.deleted:
                        queue.pump()
                if self.clock.monotonic_ms() >= end:
                    break
        except Exception:
            if active:  # our own fault, in one queue: nobody else will ask for the turn of the others
                self._scheduler.wake()
            raise
        return bool(active)

    # -- ops -----------------------------------------------------------------------------------------------------

    def apply(self, op: Op) -> None:
        """Make the change that an op describes: now, or again after a restart."""
        if isinstance(op, Publish):
            self._vhost_of(op.targets[0][0]).apply_publish(op)
        elif isinstance(op, Settle):
            self._vhost_of(op.queue).apply_settle(op)
        else:
            self._apply_definition(op)

    def _apply_definition(self, op: DefinitionOp) -> None:
        vhost = self.vhosts[op.vhost]
        match op:
            case DeclareExchange():
                self._last_id = max(self._last_id, op.id)
                vhost.apply_declare_exchange(op)
            case DeclareQueue():
                self._last_id = max(self._last_id, op.id)
                vhost.apply_declare_queue(op)
            case DeleteExchange():
                vhost.apply_delete_exchange(op)
            case DeleteQueue():
                vhost.apply_delete_queue(op)
            case Bind():
                vhost.apply_bind(op)
            case Unbind():
                vhost.apply_unbind(op)

    def _vhost_of(self, queue_id: int) -> VHost:
        return next(vhost for vhost in self.vhosts.values() if queue_id in vhost.objects)

    def replay(self, records: Iterable[bytes]) -> None:
        """Apply what a log holds. Raises ValueError for a record that cannot be read."""
        for record in records:
            for op in decode_record(self.pool, record):
                self.apply(op)
