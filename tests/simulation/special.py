"""Random clients of queues whose messages leave by themselves: they expire, are too many, have priorities, are delayed.

A message may be in one of some queues: where it was sent, or where it went from there. It must be in exactly one of
them, whatever crashes between.
"""

from __future__ import annotations

from collections.abc import Mapping

from leveret.broker.lane import Lane
from leveret.wire import ACK, REJECT, REQUEUE, Batch
from leveret.wire.fields import Arguments
from leveret.wire.properties import Properties, decode_properties, encode_properties

from ..broker.support import Channel
from .clients import _LATER, Clients

LETTERS = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
SPECIAL: dict[str, dict[str, object]] = {
    "ttl": {"x-message-ttl": 700, **LETTERS},
    "limited": {"x-max-length": 15, **LETTERS},
    "levels": {"x-max-priority": 3, **LETTERS},
    "dead": {},
    "late": {},
}
DELAYED = "delayed"
WAYS = {
    "ttl": ("ttl", "dead"),
    "limited": ("limited", "dead"),
    "levels": ("levels", "dead"),
    DELAYED: ("amq.rabbitmq.delayed:delayed", "late"),
}
"""Where a message may be that was sent there."""


class SpecialClients(Clients):
    """They use plain queues as well."""

    elapsed_ms = 0

    def __init__(self, seed: int, *, paging: bool = True) -> None:
        self.way_of: dict[int, str] = {}
        """By number: where it was sent."""
        self.at: dict[int, tuple[int, int | None]] = {}
        """By number: the positions at which it was sent, and settled."""
        self.sent_ms: dict[int, int] = {}
        """By number: when."""
        super().__init__(seed, paging=paging)

    def start(self, files: Mapping[str, bytes]) -> None:
        super().start(files)
        self.world.clock.advance(self.elapsed_ms)
        self.reader = Channel(self.world.vhost)

    def act(self, steps: int) -> None:
        self.declare_special()
        for _ in range(4):
            for _ in range(self.random.choice([1, 5, 10])):
                self.random.choices([self.send, self.take, self.pass_time], [5, 3, 2])[0]()
            super().act(steps // 4)

    def declare_special(self) -> None:
        vhost = self.world.vhost
        for name, arguments in SPECIAL.items():
            if name not in vhost.queues:
                vhost.declare_queue(name, durable=True, arguments=Arguments.of(arguments))
        if DELAYED not in vhost.router.exchanges:
            fanout = Arguments.of({"x-delayed-type": "fanout"})
            vhost.declare_exchange(DELAYED, "x-delayed-message", durable=True, arguments=fanout)
            vhost.bind(DELAYED, "late", "", Arguments.EMPTY, to_queue=True, owner=None)

    def send(self) -> None:
        way = self.random.choice([*WAYS])
        rows = []
        for _ in range(self.random.choice([1, 2, 20])):
            self.number += 1
            self.way_of[self.number] = way
            headers = {"x-delay": self.random.choice([100, 900])} if way == DELAYED else None
            properties = Properties(
                headers=headers,
                delivery_mode=2,
                priority=self.random.choice([None, 0, 1, 3, 9]),
                expiration=self.random.choice([None, None, "300"]) if way == "limited" else None,
            )
            exchange, key = (DELAYED, "") if way == DELAYED else ("", way)
            rows.append((exchange, key, encode_properties(properties), b"%d " % self.number, False))
        self.world.vhost.publish(Batch.build(self.world.pool, rows, 1), Channel(self.world.vhost))
        for number in range(self.number - len(rows) + 1, self.number + 1):
            self.at[number] = (self.world.log.end, None)
            self.sent_ms[number] = self.elapsed_ms

    def take(self) -> None:
        """Get one, and settle it."""
        name = self.random.choice([*SPECIAL])
        queue = self.world.vhost.queues[name]
        lane = queue.first_lane()
        if lane.head_stored:
            queue.when_loaded(lambda: None)
            return
        tag = self.reader.next_tag
        body = self.reader.get(name)
        if body is None:
            return
        kind = self.random.choice([ACK, REJECT, REQUEUE])
        assert self.reader.settle(tag, kind=kind) is None
        number = int(body)
        if kind == ACK or (kind == REJECT and name in ("dead", "late")):
            self.at[number] = (self.at[number][0], _LATER)

    def pass_time(self) -> None:
        step_ms = self.random.choice([10, 150, 800])
        self.elapsed_ms += step_ms
        self.world.clock.advance(step_ms)
        self.turn()

    def turn(self) -> None:
        super().turn()
        if not self.world.log.holding:
            end = self.world.log.end
            self.at = {n: (sent, end if gone == _LATER else gone) for n, (sent, gone) in self.at.items()}

    def check_messages(self, durable: int, clean: bool) -> None:
        self.check_special(durable)
        super().check_messages(durable, clean)

    def check_special(self, durable: int) -> None:
        world = self.world
        budget, world.broker.pager.budget = world.broker.pager.budget, 1 << 40
        world.run(12)
        found: dict[int, list[str]] = {}
        for lane, name in self.lanes():
            numbers = []
            for number, properties in self.contents(lane):
                numbers.append(number)
                found.setdefault(number, []).append(name)
                assert name in WAYS[self.way_of[number]], f"{number} is in {name}"
                if name in ("ttl", WAYS[DELAYED][0]):
                    assert self.elapsed_ms < self.sent_ms[number] + 900, f"{number} is in {name} for too long"
                if name == "dead":
                    assert properties.headers is not None
                    assert properties.headers["x-last-death-queue"] == self.way_of[number]
            if name in ("ttl", "limited", "levels"):
                assert numbers == sorted(set(numbers)), f"{name}: order {numbers}"
        for number, (sent, gone) in self.at.items():
            places = found.get(number, [])
            assert len(places) <= 1, f"{number} is in {places}"
            if places:
                assert gone is None or gone > durable, f"{number} was settled for good, and is in {places}"
            elif sent <= durable:
                assert gone is not None, f"{number} is lost: sent to {self.way_of[number]} at {sent}, durable {durable}"
        self.at = dict.fromkeys(found, (0, None))
        world.broker.pager.budget = budget

    def lanes(self) -> list[tuple[Lane, str]]:
        """Of special queues, and where messages are delayed."""
        stores = [
            queue for queue in self.world.broker.objects.values() if queue.is_queue and queue.name == WAYS[DELAYED][0]
        ]
        queues = [queue for name, queue in self.world.vhost.queues.items() if name in SPECIAL]
        return [(lane, queue.name) for queue in [*stores, *queues] for lane in queue.lanes]  # type: ignore[union-attr]

    def contents(self, lane: Lane) -> list[tuple[int, Properties]]:
        """Number and properties of what is ready, in order."""
        found = []
        for base in [extent.base for extent in lane.extents]:
            extent = lane.at(base)
            assert extent is not None
            if extent.ready and not extent.resident:
                self.world.broker.pager.fetch(lane, extent)
                self.world.run(2)
            for row in extent.select_ready():
                message = extent[row]
                found.append((int(message.body), decode_properties(message.properties)))
        return found
