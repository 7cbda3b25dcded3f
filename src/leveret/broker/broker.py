"""The broker: its virtual hosts, the ids of their objects, the turn in which queues deliver, and the log's replay.

It is a state machine over the log: `apply` makes every change of durable state, live and in recovery.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ..errors import DefinitionError
from ..limits import POLICY_STEP_MS, UPKEEP_STEP_MS, VHOST_STEP_MS
from ..wire.definitions import ClearParameter, DeleteVHost, SetParameter, SetVHost
from ..wire.records import (
    Bind,
    DeclareExchange,
    DeclareQueue,
    DeleteExchange,
    DeletePolicy,
    DeleteQueue,
    PauseQueue,
    SetPolicy,
    Unbind,
    require_readable,
)
from .alarms import Alarms
from .connections import Connections
from .counts import Churn, Deaths
from .events import Events
from .notices import Notices
from .paging import Pager
from .parameters import Parameters
from .queue import Queue
from .reapplying import Reapplying
from .ticks import Ticks
from .upkeep import Upkeep
from .vhosts import DEFAULT, VHosts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..ports import Accounts, Clock, Log, Position, Randomness, Scheduler, Spill
    from ..wire import Pool
    from ..wire.definitions import AccountOp, BrokerOp
    from ..wire.records import DefinitionOp, ObjectOp, Op
    from .binding import Destination
    from .lane import Lane

_QUEUES_PER_LOOK: Final = 8
"""Queues that deliver between two looks at the clock."""


class _Nobody:
    """The accounts of a broker that is not told of any."""

    __slots__ = ()

    def apply(self, op: AccountOp | DeleteVHost) -> None:
        """Nobody asks for them."""

    def all(self) -> Iterator[AccountOp]:
        """None."""
        return iter(())

    def user_limit(self, user: str, limit: str) -> int | None:
        """No limit."""
        return None


class Broker:
    """The brain of one node. `pool` counts the payload bytes; over `paging_budget` of them go to disk."""

    __slots__ = (
        "_active",
        "_last_id",
        "_scheduler",
        "accounts",
        "alarms",
        "churn",
        "clock",
        "connections",
        "deaths",
        "events",
        "lanes",
        "log",
        "notices",
        "objects",
        "pager",
        "parameters",
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
        accounts: Accounts | None = None,
    ) -> None:
        """Without `alarms` none is ever set; without a `spill` all messages stay in memory. `accounts`: who may log in,
        which is kept in the same log.
        """
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
        self.accounts: Accounts = accounts or _Nobody()
        self.parameters = Parameters()
        self.churn = Churn()
        self.deaths = Deaths()
        self.connections = Connections(self.parameters, self.accounts, self.churn)
        self.notices = Notices(self)
        self.events = Events(self)
        self.vhosts = VHosts(self)
        self.vhosts.apply(SetVHost(DEFAULT, self.peek_id(), "Default virtual host"))

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
            if self.vhosts.pending:
                self.vhosts.step(VHOST_STEP_MS)
            if self.notices.pending:
                self.notices.step()
            self.pager.step()
        except Exception:
            if active or self.upkeep.pending:  # our own fault, in one queue: nobody else asks for the others' turn
                self._scheduler.wake()
            raise
        return bool(late or active or self.upkeep.pending or self.reapplying.pending or self.vhosts.pending)

    # -- ops -----------------------------------------------------------------------------------------------------

    def commit(self, op: BrokerOp) -> Position:
        """A change of the whole broker: it goes to the log and is made. When it is on disk. Raises DefinitionError for
        one that cannot be kept.
        """
        try:
            require_readable(op)
        except ValueError as error:
            raise DefinitionError(f"this cannot be kept: {error}") from None
        position = self.log.append([op])
        told = self.events.of_op(op) if self.events.wanted else ()
        self.apply(op)
        for name, about in told:
            self.events.emit(name, about)
        return position

    def commit_all(self, changes: Sequence[tuple[DefinitionOp, bool]]) -> Position | None:
        """Many changes that are one record: all of them outlive a crash, or none. Each with whether it outlives the
        process at all.
        """
        kept: list[Op] = [op for op, durable in changes if durable]
        position = self.log.append(kept) if kept else None
        for op, _ in changes:
            told = self.events.of_op(op) if self.events.wanted else ()
            self.apply(op)
            for name, about in told:
                self.events.emit(name, about)
        if position is not None:
            for vhost in self.vhosts.values():
                vhost.defined(position)
        return position

    def apply(self, op: DefinitionOp) -> None:
        """Make the change that an op describes: now, or again after a restart."""
        match op:
            case SetVHost():
                self.vhosts.apply(op)
            case DeleteVHost():
                self.vhosts.apply(op)
                self.accounts.apply(op)
            case SetParameter() | ClearParameter():
                self.parameters.apply(op)
            case (
                DeclareExchange()
                | DeleteExchange()
                | DeclareQueue()
                | DeleteQueue()
                | PauseQueue()
                | Bind()
                | Unbind()
                | SetPolicy()
                | DeletePolicy()
            ):
                self._apply_object(op)
            case _:
                self.accounts.apply(op)

    def _apply_object(self, op: ObjectOp) -> None:
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
            case PauseQueue():
                vhost.apply_pause_queue(op)
            case Bind():
                vhost.apply_bind(op)
            case Unbind():
                vhost.apply_unbind(op)
            case SetPolicy():
                vhost.apply_set_policy(op)
            case DeletePolicy():
                vhost.apply_delete_policy(op)
