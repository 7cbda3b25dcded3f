"""Restoring: the steps of a log, applied to a new broker.

What was decided live is applied by the same `apply_*` as live. A checkpoint in the log is a second telling of what is
there, object by object, while others go on changing it. It is *ours* if recovery begins with it: then what is said of
an object counts from where the checkpoint told of it, and before that is skipped. Any other checkpoint is skipped
itself.

    BeginCheckpoint | PolicyState, ExchangeState, QueueState, EXTENT ..., QueueEnd | BindingState | EndCheckpoint

When a log is repaired records are missing, anywhere (`damaged`). Then what is said of objects that nobody knows is
skipped, what is said twice counts once, and every checkpoint is ours: each is the truth about the queues of which it
tells to the end, whatever is missing before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..wire import Extent
from ..wire.records import (
    DEFINITION,
    EXPIRY,
    EXTENT,
    PUBLISH,
    RELOCATE,
    SETTLE,
    BeginCheckpoint,
    Bind,
    BindingState,
    BrokerState,
    DeclareExchange,
    DeclareQueue,
    DeleteExchange,
    DeletePolicy,
    DeleteQueue,
    EndCheckpoint,
    ExchangeState,
    Mark,
    PauseQueue,
    PolicyState,
    QueueEnd,
    QueueState,
    SetPolicy,
    Unbind,
    decode_definition,
)
from .queue import Queue

if TYPE_CHECKING:
    from ..wire import Step
    from ..wire.records import CheckpointOp, DefinitionOp, StateOp
    from .binding import Destination
    from .broker import Broker


class Restoring:
    """Applies steps in their order; `begin` is the position of the record that recovery begins with. `damaged`: records
    may be missing before it.
    """

    __slots__ = ("_begin", "_broker", "_clean", "_damaged", "_incomplete", "_objects", "_ours", "_told", "_torn")

    def __init__(self, broker: Broker, begin: int, *, damaged: bool = False) -> None:
        self._broker = broker
        self._begin = begin
        self._objects: dict[int, Destination] = broker.objects
        self._ours = damaged  # in the checkpoint that recovery begins with
        self._damaged = damaged
        self._torn = False  # something is missing in what the checkpoint tells of a queue
        self._told = 0  # so far its numbers were told
        self._clean = False  # the last thing said was that the broker stopped in good order
        self._incomplete: set[int] = set()  # lanes whose checkpoint has begun and not ended

    def damaged(self) -> None:
        """Records are missing between the last step and the next one."""
        self._damaged = self._torn = True

    def apply(self, step: Step) -> None:
        """One step. Raises ValueError for a definition that cannot be read."""
        kind = step[0]
        detail: Any = step
        if kind == DEFINITION:
            op = decode_definition(detail[2])
            if not isinstance(op, Mark):
                self._clean = False
                self._definition(op, detail[1])
            return
        self._clean = False
        lane = self._broker.lanes.get(detail[1])
        if lane is None:
            return  # deleted later, or not told of yet
        if kind == PUBLISH:
            # While its checkpoint goes on the extents say it, too, unless they are lost.
            if self._damaged or lane.id not in self._incomplete:
                lane.restore(detail[2])
        elif kind == SETTLE:
            lane.drop_numbers(detail[2], detail[3])
        elif kind == RELOCATE:
            lane.relocate(detail[2], detail[3], (detail[4], detail[5]))
        elif kind == EXPIRY:
            for first, expiries in detail[2]:
                lane.expire_numbers(first, expiries)
        elif lane.id in self._incomplete:
            assert kind == EXTENT
            extent = Extent.from_state(detail[2], lane.id)
            if self._damaged:
                lane.drop_from(extent.base if self._torn else self._told)
                self._told = extent.base + len(extent)
            lane.restore_extent(extent)

    def _definition(self, op: DefinitionOp | CheckpointOp, position: int) -> None:
        match op:
            case BeginCheckpoint():
                self._ours = self._damaged or position == self._begin
            case EndCheckpoint():
                self._ours = False
                self._incomplete.clear()
                self._broker.skip_ids(op.last_id)
                self._clean = op.clean
            case BrokerState() | PolicyState() | ExchangeState() | QueueState() | QueueEnd() | BindingState():
                if self._ours:
                    self._state(op)
            case DeclareExchange() | DeclareQueue():
                self._declare(op)
            case DeleteExchange() | DeleteQueue():
                if op.id in self._objects:
                    self._incomplete.discard(op.id)
                    self._broker.apply(op)
            case PauseQueue():
                if op.id in self._objects:
                    self._broker.apply(op)
            case Bind() | Unbind():
                if op.source in self._objects and op.destination in self._objects:
                    self._broker.apply(op)
            case SetPolicy() | DeletePolicy():
                if op.vhost in self._broker.vhosts:
                    self._broker.apply(op)
            case _:
                self._broker.apply(op)

    def _state(self, op: StateOp) -> None:
        match op:
            case BrokerState():
                self._broker.apply(op.op)
            case PolicyState():
                if op.policy.vhost in self._broker.vhosts:
                    self._broker.apply(op.policy)
            case ExchangeState():
                self._declare(op.declaration)
            case BindingState():
                if op.binding.source in self._objects and op.binding.destination in self._objects:
                    self._broker.apply(op.binding)
            case QueueState():
                self._declare(op.declaration)
                self._incomplete.clear()  # the end of the one before is lost, if there is one
                queue = self._objects.get(op.declaration.id)
                if queue is None:
                    return  # its virtual host is lost
                assert isinstance(queue, Queue)
                queue.pause(op.paused)
                self._incomplete.update(lane.id for lane in queue.lanes)
                self._told, self._torn = 0, False
            case QueueEnd():
                lane = self._broker.lanes.get(op.id)
                if lane is not None:
                    if self._damaged and not self._torn and op.id in self._incomplete:
                        lane.drop_from(self._told)
                    self._incomplete.discard(op.id)
                    lane.skip_to(op.next_sequence)
                self._told, self._torn = 0, False

    def _declare(self, op: DeclareExchange | DeclareQueue) -> None:
        if op.vhost not in self._broker.vhosts:
            assert self._damaged
            return  # what made it is lost
        if self._damaged:
            if op.id in self._objects:
                return
            vhost = self._broker.vhosts[op.vhost]  # who had the name was deleted in what is missing
            if isinstance(op, DeclareQueue):
                if (queue := vhost.queues.get(op.name)) is not None:
                    self._broker.apply(DeleteQueue(queue.id, op.vhost))
            elif (exchange := vhost.router.exchanges.get(op.name)) is not None:
                self._broker.apply(DeleteExchange(exchange.id, op.vhost))
        self._broker.apply(op)

    def finish(self) -> int:
        """The log is at its end: what was outstanding in an unclean stop may have been delivered. Messages restored."""
        self._broker.reapplying.finish()
        messages = 0
        for lane in self._broker.lanes.values():
            lane.restored(exact=self._clean and not self._damaged)
            messages += lane.ready
        return messages
