"""Checkpoints: everything that is there told once more, so that the log before it is not needed.

It is told object by object, a little per turn, while others go on changing things (`restoring` has the rules that make
this right). On the way each extent says in which segments of the log its messages lie: segments in which nothing lies
any more go when the checkpoint is closed. Of those in which little lives the messages are moved: appended once more
(`Relocate`), so that a stuck message does not keep a whole segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from ..limits import CHECKPOINT_LOG_MIN, CHECKPOINT_RECORD_SIZE
from ..wire import Usage
from ..wire.definitions import DeleteVHost
from ..wire.records import (
    Bind,
    BindingState,
    BrokerState,
    DeclareExchange,
    DeclareQueue,
    EndCheckpoint,
    ExchangeState,
    ExtentState,
    Op,
    PolicyState,
    QueueEnd,
    QueueState,
    Relocate,
)
from .names import is_reserved
from .queue import Queue
from .vhosts import DEFAULT

if TYPE_CHECKING:
    from ..ports import CheckpointLog
    from ..wire import Extent
    from ..wire.definitions import BrokerOp
    from .broker import Broker
    from .exchange import Exchange
    from .lane import Lane

_SPARSE: Final = 4
"""A segment of which less than this fraction lives is emptied."""
_SHARE: Final = 4
"""On a full disk this fraction of the room goes to messages that are moved, at the most: settlements need some."""
_DEFINITION_SIZE: Final = 256
"""Of an object and its bindings, as a guess."""
_OPS_PER_RECORD: Final = 64
_EXTENTS_PER_STEP: Final = 16
"""Extents that are looked at between two looks at the clock, when nothing has to be done for them."""


class Checkpointing:
    """One per broker: when a checkpoint is due, and the one that is under way."""

    __slots__ = (
        "_broker",
        "_live",
        "_log",
        "_looked_at",
        "_record_size",
        "_running",
        "_size",
        "_sparse",
        "_told",
        "_tried",
    )

    def __init__(self, broker: Broker, log: CheckpointLog, record_size: int = CHECKPOINT_RECORD_SIZE) -> None:
        """`record_size`: about the bytes of the records in which a long queue is told."""
        self._broker = broker
        self._log = log
        self._record_size = record_size
        self._running: Iterator[bool] | None = None
        self._size = 0  # of the last one
        self._told = 0  # bytes of this one so far
        self._sparse: dict[int, int] = {}  # segments to be emptied: base and size
        self._tried: dict[int, int] = {}  # those that the last one emptied, or could not
        self._live: dict[int, int] = {}  # bytes that live in them
        self._looked_at = (-1, -1)  # the log's end and room when it was last looked for segments without life

    @property
    def due(self) -> bool:
        """Whether the log has grown enough for one."""
        return self._log.end - self._log.checkpoint_end > max(CHECKPOINT_LOG_MIN, 4 * self._size)

    @property
    def worthwhile(self) -> bool:
        """Whether anything was said since the last one, or it found segments that are worth emptying."""
        return self._log.end > self._log.checkpoint_end or not self._sparse.keys() <= self._tried.keys()

    @property
    def running(self) -> bool:
        """Whether one is under way."""
        return self._running is not None

    def step(self, budget_ms: int) -> bool:
        """Go on, or begin one, for about so many milliseconds. True while it is not closed."""
        if self._running is None:
            self._running = self._run(clean=False)
        now_ms = self._broker.clock.monotonic_ms
        end_ms = now_ms() + budget_ms
        for waits in self._running:
            if waits or now_ms() >= end_ms:
                return True
        self._running = None
        return False

    def reclaim(self) -> None:
        """The disk is short of space: begin to give some back, unless one is under way. Segments that recovery does not
        read any more need no checkpoint to go; others get one, if there is room for it.
        """
        if self._running is None and self._looked_at != (looking_at := (self._log.end, self._log.room)):
            self._looked_at = looking_at
            self._running = self._reclaim()

    def finish(self) -> None:
        """The broker stops in good order: one last checkpoint, all at once, after which recovery is exact. Not when the
        disk has no room for it.
        """
        self._running = None
        if not self._fits():
            return
        for _ in self._run(clean=True):
            pass

    # -- when the disk is short ----------------------------------------------------------------------------------

    def _reclaim(self) -> Iterator[bool]:
        log = self._log
        segments = log.segments_before(log.end)
        usage = Usage([*segments, log.end])  # the last one stands for what comes meanwhile
        number = 0
        for lane in [*self._broker.lanes.values()]:
            for extent in _extents(lane) if lane.durable else ():
                if extent.ready or extent.unacked:
                    usage.add(extent)
                number += 1
                if number % _EXTENTS_PER_STEP == 0:
                    yield False
        live = self._note_sparse(segments, usage)
        dead = [base for base in segments if not live[base]]
        dropped = log.drop(dead)
        if not (dropped and self._sparse.keys() <= self._tried.keys()) and self._fits():
            yield from self._run(clean=False)

    def _note_sparse(self, segments: dict[int, int], usage: Usage) -> dict[int, int]:
        """What lives in these segments, and which of them are to be emptied."""
        live = dict(zip(segments, usage.bytes, strict=False))
        self._sparse = {base: size for base, size in segments.items() if 0 < live[base] < size // _SPARSE}
        self._live = live
        return live

    def _fits(self) -> bool:
        """Whether there is room for a checkpoint, and for settlements after it."""
        log = self._log
        if not log.full:
            return True
        queues = [known for known in self._broker.objects.values() if isinstance(known, Queue) and known.durable]
        states = sum(
            len(extent.state())
            for queue in queues
            for lane in queue.lanes
            for extent in _extents(lane)
            if extent.ready or extent.unacked
        )
        told = sum([known.is_queue or not is_reserved(known.name) for known in self._broker.objects.values()])
        return 2 * (states + _DEFINITION_SIZE * told) < log.room

    def _to_empty(self) -> dict[int, int]:
        """Segments in which little lives; on a full disk those that give the most for the room there is."""
        if not self._log.full:
            return self._sparse
        room = self._log.room // _SHARE
        chosen: dict[int, int] = {}
        for base in sorted(self._sparse, key=lambda base: self._live[base]):
            room -= self._live[base]
            if room < 0:
                break
            chosen[base] = self._sparse[base]
        return chosen

    # -- telling -------------------------------------------------------------------------------------------------

    def _run(self, *, clean: bool) -> Iterator[bool]:
        """Step by step; each says whether there is nothing to do before the disk has done something."""
        log = self._log
        self._tried = {} if clean else self._to_empty()
        if self._tried:
            yield from self._empty(self._tried)
        begin = log.begin_checkpoint()
        self._told = 0
        segments = log.segments_before(begin)
        end = max((base + size for base, size in segments.items()), default=0)
        usage = Usage([*segments, end])  # the last one stands for all that come after
        # Who is declared from here on is in what follows the checkpoint's begin: nobody is told of twice.
        exchanges = self._durable_exchanges()
        queues = [queue for queue in self._broker.objects.values() if isinstance(queue, Queue) and queue.durable]
        # All at once: whatever is said of a virtual host from here on, it is there.
        self._tell([BrokerState(op) for op in self._of_broker()])
        # First, so that what is told after them is declared with them.
        yield from self._append(
            PolicyState(policy.op)
            for vhost in [*self._broker.vhosts.values()]
            for policy in vhost.policies.all()
            if vhost.policies.get(policy.name, operator=policy.op.operator) is policy
        )
        yield from self._append(
            ExchangeState(_declaration(exchange))
            for exchange in exchanges
            if self._is_there(exchange) and not is_reserved(exchange.name)
        )
        for queue in queues:
            if not queue.deleted:
                yield from self._tell_queue(queue, usage)
        # Also of exchanges that are newer than this checkpoint: their bindings to queues that were not told of yet are
        # skipped when they are read.
        for exchange in self._durable_exchanges():
            if self._is_there(exchange):
                yield from self._tell_bindings(exchange)
        live = self._note_sparse(segments, usage)
        log.end_checkpoint(EndCheckpoint(begin, self._broker.last_id, clean), live, lambda: None)
        self._size = self._told

    def _of_broker(self) -> Iterator[BrokerOp]:
        broker = self._broker
        if DEFAULT not in broker.vhosts:  # which every broker has from the start
            yield DeleteVHost(DEFAULT)
        yield from [vhost.definition for vhost in broker.vhosts.values()]
        yield from broker.parameters.all()
        yield from broker.accounts.all()

    def _tell(self, record: list[Op]) -> None:
        before = self._log.end
        self._log.append(record)
        self._told += self._log.end - before

    def _append(self, ops: Iterator[Op]) -> Iterator[bool]:
        while record := list(islice(ops, _OPS_PER_RECORD)):
            self._tell(record)
            yield False

    def _durable_exchanges(self) -> list[Exchange]:
        return [known for known in self._broker.objects.values() if not isinstance(known, Queue) and known.durable]

    def _is_there(self, exchange: Exchange) -> bool:
        return exchange.id in self._broker.objects

    def _tell_queue(self, queue: Queue, usage: Usage) -> Iterator[bool]:
        """The queue, and its lanes."""
        record: list[Op] = [QueueState(_queue_declaration(queue), queue.paused)]
        for lane in queue.lanes:
            yield from self._tell_lane(lane, record, usage)
            if queue.deleted:
                return
            record = []

    def _tell_lane(self, lane: Lane, record: list[Op], usage: Usage) -> Iterator[bool]:
        """The lane's extents, after what is in the record. The last extent and the lane's end are one record: what is
        published between them would be lost.
        """
        size = 0
        told = -1
        while extents := [extent for extent in _extents(lane) if extent.base > told]:
            for extent in extents:
                told = extent.base
                if not extent.ready and not extent.unacked:
                    continue
                usage.add(extent)
                state = extent.state()
                record.append(ExtentState(lane.id, state))
                size += len(state)
                if size > self._record_size and extent is not lane.extents[-1]:
                    self._tell(record)
                    record, size = [], 0
                    yield False
                    if lane.deleted:
                        return
        record.append(QueueEnd(lane.id, lane.next_sequence))
        self._tell(record)
        yield False

    def _tell_bindings(self, exchange: Exchange) -> Iterator[bool]:
        router = self._broker.vhosts[exchange.vhost].router
        yield from self._append(
            BindingState(
                Bind(exchange.vhost, exchange.id, binding.destination.id, binding.routing_key, binding.arguments.raw)
            )
            for binding in [*router.bindings_from(exchange)]
            if binding.destination.durable and self._is_there(exchange) and binding in router.bindings_from(exchange)
        )

    # -- moving --------------------------------------------------------------------------------------------------

    def _empty(self, segments: dict[int, int]) -> Iterator[bool]:
        """Append once more what lives in these segments."""
        start, stop = min(segments), max(base + size for base, size in segments.items())
        for lane in [*self._broker.lanes.values()]:
            if not lane.durable:
                continue
            for number, extent in enumerate([*lane.extents]):
                if len(extent.places_in(start, stop)):
                    yield from self._move(lane, extent, segments)
                elif number % _EXTENTS_PER_STEP == 0:
                    yield False

    def _move(self, lane: Lane, extent: Extent, segments: dict[int, int]) -> Iterator[bool]:
        pager = self._broker.pager
        pager.hold(lane, extent)
        try:
            while pager.is_fetching(extent):
                yield True
            for base, size in segments.items():
                rows = extent.places_in(base, base + size)
                if lane.deleted or not extent.resident:
                    return
                if len(rows):
                    op = Relocate(lane.id, extent.base, rows, extent.batch(self._broker.pool, rows))
                    self._log.append([op])
                    assert op.place is not None
                    extent.store(*op.place, rows)
                    yield False
        finally:
            pager.let_go(lane, extent)


def _extents(lane: Lane) -> list[Extent]:
    """Those set aside, too, in the order of their numbers."""
    if not lane.quarantined:
        return [*lane.extents]
    return sorted([*lane.quarantined, *lane.extents], key=lambda extent: extent.base)


def _declaration(exchange: Exchange) -> DeclareExchange:
    return DeclareExchange(
        exchange.id,
        exchange.vhost,
        exchange.name,
        exchange.type,
        exchange.durable,
        exchange.auto_delete,
        exchange.internal,
        exchange.arguments.raw,
    )


def _queue_declaration(queue: Queue) -> DeclareQueue:
    return DeclareQueue(
        queue.id,
        queue.vhost,
        queue.name,
        queue.durable,
        queue.auto_delete,
        queue.exclusive,
        queue.arguments.raw,
    )
