"""The broker: its virtual hosts, the ids of their objects, the turn in which queues deliver, and the log's replay.

It is a state machine over the log: `apply` makes every change of durable state, live and in recovery.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ..limits import POLICY_STEP_MS, UPKEEP_STEP_MS
from ..wire.records import (
    Bind,
    DeclareExchange,
    DeclareQueue,
    DeleteExchange,
    DeletePolicy,
    DeleteQueue,
    SetPolicy,
    Unbind,
)
from .alarms import Alarms
from .events import Events
from .notices import Notices
from .paging import Pager
from .queue import Queue
from .reapplying import Reapplying
from .ticks import Ticks
from .upkeep import Upkeep
from .vhost import VHost

if TYPE_CHECKING:
    from ..ports import Clock, Log, Randomness, Scheduler, Spill
    from ..wire import Pool
    from ..wire.records import DefinitionOp
    from .binding import Destination
    from .lane import Lane

_QUEUES_PER_LOOK: Final = 8
"""Queues that deliver between two looks at the clock."""


class Broker:
    """The brain of one node. `pool` counts the payload bytes; over `paging_budget` of them go to disk."""

    __slots__ = (
        "_active",
        "_last_id",
        "_scheduler",
        "alarms",
        "clock",
        "events",
        "lanes",
        "log",
        "notices",
        "objects",
        "pager",
        "pool",
        "randomness",
        "reapplying",
        "recorded_bytes",
        "ticks",
        "upkeep",
        "vhosts",
    )

    def __init__(
        self,
        log: Log,
        clock: Clock,
        randomness: Randomness,
        scheduler: Scheduler,
        pool: Pool,
        alarms: Alarms | None = None,
        *,
        spill: Spill | None = None,
        paging_budget: int = 0,
    ) -> None:
        """Without `alarms` none is ever set; without a `spill` all messages stay in memory."""
        self.alarms = alarms or Alarms()
        self.log = log
        self.clock = clock
        self.randomness = randomness
        self.recorded_bytes = 0
        """What exchanges keep of messages, beside the pool."""
        self.pool = pool
        self._scheduler = scheduler
        self._active: deque[Queue] = deque()
        self._last_id = 0
        self.pager = Pager(log, pool, self._all_lanes, spill, paging_budget)
        self.reapplying = Reapplying(clock, scheduler)
        self.ticks = Ticks(clock, scheduler)
        self.upkeep = Upkeep(self, self.ticks)
        self.objects: dict[int, Destination] = {}
        """The exchanges and queues of all virtual hosts by their id."""
        self.lanes: dict[int, Lane] = {}
        """The lanes of all queues by the id that the log knows them by."""
        self.vhosts: dict[str, VHost] = {}
        self.vhosts["/"] = VHost(self, "/")
        self.notices = Notices(self)
        self.events = Events(self)

    # -- ids -----------------------------------------------------------------------------------------------------

    def peek_id(self) -> int:
        """The id that the next object gets; taken when its op is applied."""
        return self._last_id + 1

    def next_id(self) -> int:
        """A new id for an object that every broker has from the start."""
        self._last_id += 1
        return self._last_id

    @property
    def last_id(self) -> int:
        """The highest id in use."""
        return self._last_id

    def skip_ids(self, last: int) -> None:
        """Ids up to this one were used."""
        self._last_id = max(self._last_id, last)

    def queues(self) -> list[Queue]:
        """All queues, in the order of declaration."""
        return [queue for vhost in self.vhosts.values() for queue in vhost.queues.values()]

    def _all_lanes(self) -> list[Lane]:
        return [*self.lanes.values()]

    # -- turns ---------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """There is work for the next turn."""
        self._scheduler.wake()

    def activate(self, queue: Queue) -> None:
        """The queue has messages and somebody to take them: it delivers in this turn or the next."""
        queue.active = True
        if not self._active:
            self._scheduler.wake()
        self._active.append(queue)

    def pump(self, budget_ms: int) -> bool:
        """Let active queues deliver, in turns, until nothing moves or the budget is used. True when more is waiting."""
        active = self._active
        now_ms = self.clock.monotonic_ms()
        end_ms = now_ms + budget_ms
        try:
            late = self.ticks.step(now_ms)
            if self.upkeep.pending:
                self.upkeep.run(UPKEEP_STEP_MS, self.clock.wall_ms())
            while active:
                wall_ms = self.clock.wall_ms()
                for _ in range(min(len(active), _QUEUES_PER_LOOK)):
                    queue = active.popleft()
                    queue.active = False
                    if not queue.deleted:
                        if queue.noted and queue.next_expiry_ms < wall_ms:
                            self.upkeep.expire_head(queue, wall_ms - 1)
                        queue.pump()
                if self.clock.monotonic_ms() >= end_ms:
                    break
            if self.reapplying.pending:
                self.reapplying.step(POLICY_STEP_MS)
            if self.notices.pending:
                self.notices.step()
            self.pager.step()
        except Exception:
            if active or self.upkeep.pending:  # our own fault, in one queue: nobody else asks for the others' turn
                self._scheduler.wake()
            raise
        return bool(late or active or self.upkeep.pending or self.reapplying.pending)

    # -- ops -----------------------------------------------------------------------------------------------------

    def apply(self, op: DefinitionOp) -> None:
        """Make the change that an op describes: now, or again after a restart."""
        vhost = self.vhosts[op.vhost]
        match op:
            case DeclareExchange():
                self.skip_ids(op.id)
                vhost.apply_declare_exchange(op)
            case DeclareQueue():
                self.skip_ids(vhost.apply_declare_queue(op))
            case DeleteExchange():
                vhost.apply_delete_exchange(op)
            case DeleteQueue():
                vhost.apply_delete_queue(op)
            case Bind():
                vhost.apply_bind(op)
            case Unbind():
                vhost.apply_unbind(op)
            case SetPolicy():
                vhost.apply_set_policy(op)
            case DeletePolicy():
                vhost.apply_delete_policy(op)
