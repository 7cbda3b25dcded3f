"""What becomes of messages in queues against a naive model: time to live, length limits, priorities, dead letters,
single active consumers, delivery limits.

The model does everything one message at a time, as RabbitMQ's queue process does. Each of three queues may have the
next one as its dead-letter queue, or itself: in a ring it would matter who is served first. Time is manual, and goes
from one expiry to the next; when messages of two queues expire at the same time nothing says which is first, and all
begins anew.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from leveret.broker.consumer import Consumer
from leveret.clock import ManualClock
from leveret.wire import ACK, REJECT, REQUEUE, Batch
from leveret.wire.fields import Arguments
from leveret.wire.properties import Properties, decode_properties, encode_properties

from ..broker.support import Channel, make_broker

pytestmark = pytest.mark.timeout(1800)

NAMES = ("a", "b", "c")
NEXT = {"a": "b", "b": "c", "c": "nobody"}
GRAIN_MS = 12


@dataclass
class Config:
    """The arguments of a queue."""

    ttl_ms: int | None
    max_length: int | None
    max_bytes: int | None
    overflow: str
    levels: int
    dead_letters: str
    """none, next: to the next queue, own: to itself, lost: to an exchange that is not there."""
    delivery_limit: int | None
    single_active: bool

    @property
    def limited(self) -> bool:
        return self.max_length is not None or self.max_bytes is not None

    def arguments(self, name: str) -> Arguments:
        given: dict[str, Any] = {
            "x-overflow": self.overflow,
            "x-message-ttl": self.ttl_ms,
            "x-max-length": self.max_length,
            "x-max-length-bytes": self.max_bytes,
            "x-max-priority": self.levels or None,
            "x-delivery-limit": self.delivery_limit,
            "x-single-active-consumer": self.single_active or None,
        }
        given = {key: value for key, value in given.items() if value is not None}
        if self.dead_letters != "none":
            given["x-dead-letter-exchange"] = "nowhere" if self.dead_letters == "lost" else ""
            given["x-dead-letter-routing-key"] = name if self.dead_letters == "own" else NEXT[name]
        return Arguments.of(given)


CONFIGS = st.builds(
    Config,
    ttl_ms=st.sampled_from([None, None, 0, 1000, 3100]),
    max_length=st.sampled_from([None, None, 0, 1, 3]),
    max_bytes=st.sampled_from([None, None, None, 0, 12]),
    overflow=st.sampled_from(["drop-head", "reject-publish", "reject-publish-dlx"]),
    levels=st.sampled_from([0, 0, 2]),
    dead_letters=st.sampled_from(["none", "next", "next", "own", "lost"]),
    delivery_limit=st.sampled_from([None, None, 0, 1]),
    single_active=st.booleans(),
)


@dataclass
class Message:
    number: int
    size: int
    priority: int
    expiration_ms: int | None = None
    expires_ms: int | None = None
    place: int = 0
    redelivered: bool = False
    returns: int = 0
    deaths: list[tuple[str, str, int]] = field(default_factory=list)
    """(queue, reason, count), the newest first."""


@dataclass
class Taker:
    tag: str
    prefetch: int
    outstanding: int = 0


@dataclass
class Waiting:
    """A queue."""

    name: str
    config: Config
    ready: list[Message] = field(default_factory=list)
    takers: list[Taker] = field(default_factory=list)
    """The first is the active one."""
    count: int = 0

    def insert(self, message: Message) -> None:
        self.ready.append(message)
        self.ready.sort(key=lambda each: (-min(each.priority, self.config.levels), each.place))

    def is_over(self, more: int = 0, size: int = 0) -> bool:
        length, total = len(self.ready) + more, sum(each.size for each in self.ready) + size
        config = self.config
        return (config.max_length is not None and length > config.max_length) or (
            config.max_bytes is not None and total > config.max_bytes
        )


class Model:
    def __init__(self, configs: dict[str, Config], now_ms: int) -> None:
        self.queues = {name: Waiting(name, config) for name, config in configs.items()}
        self.now_ms = now_ms
        self.delivered: list[tuple[str, int, bool]] = []
        self.held: list[tuple[Waiting, Taker | None, Message]] = []
        """Outstanding, in the order of delivery tags."""

    def publish(self, name: str, message: Message) -> bool:
        queue = self.queues[name]
        config = queue.config
        if config.limited and config.overflow != "drop-head" and queue.is_over(1, message.size):
            if config.overflow == "reject-publish-dlx":
                self.die(queue, message, "maxlen")
            return False
        queue.count += 1
        lives = [each for each in (config.ttl_ms, message.expiration_ms) if each is not None]
        message.place = queue.count
        message.expires_ms = self.now_ms + min(lives) if lives else None
        queue.insert(message)
        self.deliver(queue)
        if 0 in (config.max_length, config.max_bytes):
            self.shorten(queue)
        self.expire(queue)
        self.shorten(queue)
        return True

    def shorten(self, queue: Waiting) -> None:
        while queue.config.overflow == "drop-head" and queue.config.limited and queue.ready and queue.is_over():
            self.die(queue, queue.ready.pop(0), "maxlen")

    def expire(self, queue: Waiting) -> None:
        due = [each for each in queue.ready if each.expires_ms is not None and each.expires_ms <= self.now_ms]
        for message in sorted(due, key=lambda each: (min(each.priority, queue.config.levels), each.place)):
            if message in queue.ready:
                queue.ready.remove(message)
                self.die(queue, message, "expired")

    def deliver(self, queue: Waiting) -> None:
        while queue.ready and queue.takers:
            taker = queue.takers[0]
            if taker.outstanding >= taker.prefetch:
                break
            taker.outstanding += 1
            message = queue.ready.pop(0)
            self.delivered.append((taker.tag, message.number, message.redelivered))
            self.held.append((queue, taker, message))

    def die(self, queue: Waiting, message: Message, reason: str) -> None:
        config = queue.config
        if config.dead_letters in ("none", "lost"):
            return
        known = [count for name, why, count in message.deaths if (name, why) == (queue.name, reason)]
        others = [each for each in message.deaths if each[:2] != (queue.name, reason)]
        deaths = [(queue.name, reason, sum(known) + 1), *others]
        target = queue.name if config.dead_letters == "own" else NEXT[queue.name]
        if reason != "rejected":
            for name, why, _ in deaths:
                if why == "rejected":
                    break
                if name == target:
                    return
        if target not in self.queues:
            return
        letter = replace(message, expiration_ms=None, redelivered=False, returns=0, deaths=deaths)
        self.publish(target, letter)

    def get(self, name: str) -> Message | None:
        queue = self.queues[name]
        if not queue.ready:
            return None
        message = queue.ready.pop(0)
        self.held.append((queue, None, message))
        return message

    def settle(self, at: int, kind: int) -> None:
        queue, taker, message = self.held.pop(at)
        if kind == REQUEUE:
            message.returns += 1
            limit = queue.config.delivery_limit
            if limit is not None and message.returns > limit:
                self.die(queue, message, "delivery_limit")
            else:
                message.redelivered = True
                queue.insert(message)
                self.shorten(queue)
                self.expire(queue)
        if taker is not None:
            taker.outstanding -= 1
        if kind == REJECT:
            self.die(queue, message, "rejected")
        self.deliver(queue)

    def due(self) -> list[tuple[int, str]]:
        return sorted(
            (each.expires_ms, queue.name)
            for queue in self.queues.values()
            for each in queue.ready
            if each.expires_ms is not None
        )


class LivesMachine(RuleBasedStateMachine):
    @initialize(a=CONFIGS, b=CONFIGS, c=CONFIGS)
    def declare(self, a: Config, b: Config, c: Config) -> None:
        self.start(a, b, c)

    def start(self, a: Config, b: Config, c: Config) -> None:
        self.broker = make_broker()
        self.vhost = self.broker.vhosts["/"]
        self.channel = Channel(self.vhost)
        configs = {"a": a, "b": b, "c": c}
        for name, config in configs.items():
            self.vhost.declare_queue(name, durable=True, arguments=config.arguments(name))
        self.model = Model(configs, self.broker.clock.wall_ms())
        self.consumers: dict[str, Consumer] = {}
        self.tags: list[int] = []
        self.number = 0
        self.ambiguous = False

    @precondition(lambda self: self.ambiguous)
    @rule()
    def begin_again(self) -> None:
        self.start(**{name: queue.config for name, queue in self.model.queues.items()})

    def pump(self) -> None:
        while self.broker.pump(1000):
            pass
        self.broker.pump(1000)

    def compare(self) -> None:
        """Deliveries since the last time."""
        self.pump()
        found = [(each.consumer, int(each.body.split()[0]), each.redelivered) for each in self.channel.deliveries]
        self.tags += [each.tag for each in self.channel.deliveries]
        self.channel.deliveries.clear()
        wanted, self.model.delivered = self.model.delivered, []
        assert sorted(found) == sorted(wanted)

    def simple(self) -> bool:
        """Whether a batch and its messages one by one come to the same: with levels it matters who is first there, and
        of messages that die in different ways those that are refused are dead letters first.
        """
        configs = [queue.config for queue in self.model.queues.values()]
        return not any(each.levels or (each.limited and each.overflow == "reject-publish-dlx") for each in configs)

    @precondition(lambda self: not self.ambiguous)
    @rule(
        name=st.sampled_from(NAMES),
        sizes=st.lists(st.integers(0, 9), min_size=1, max_size=4),
        priority=st.sampled_from([None, 0, 1, 2, 9]),
        expiration_ms=st.sampled_from([None, None, 0, 230, 1470]),
        persistent=st.booleans(),
    )
    def publish(
        self, name: str, sizes: list[int], priority: int | None, expiration_ms: int | None, persistent: bool
    ) -> None:
        if not self.simple():
            del sizes[1:]
        rows, refused = [], []
        for at, size in enumerate(sizes):
            self.number += 1
            properties = Properties(
                priority=priority,
                expiration=None if expiration_ms is None else str(expiration_ms),
                delivery_mode=2 if persistent else None,
            )
            body = (b"%d " % self.number).ljust(size + 5)
            rows.append(("", name, encode_properties(properties), body, False))
            message = Message(self.number, len(body), priority or 0, expiration_ms)
            if not self.model.publish(name, message):
                refused.append(at)
        self.channel.outcomes.clear()
        self.vhost.publish(Batch.build(self.broker.pool, rows, 1), self.channel)
        assert [(count, rejected) for count, _, rejected in self.channel.outcomes] == [(len(rows), refused)]
        self.compare()

    @precondition(lambda self: not self.ambiguous)
    @rule(name=st.sampled_from(NAMES))
    def get(self, name: str) -> None:
        tag = self.channel.next_tag
        body = self.channel.get(name)
        wanted = self.model.get(name)
        assert (None if body is None else int(body.split()[0])) == (None if wanted is None else wanted.number)
        if body is not None:
            self.tags.append(tag)
        self.compare()

    @precondition(lambda self: not self.ambiguous)
    @rule(name=st.sampled_from(NAMES), prefetch=st.integers(1, 3))
    def consume(self, name: str, prefetch: int) -> None:
        queue = self.model.queues[name]
        if len(queue.takers) >= (3 if queue.config.single_active else 1):
            return
        self.number += 1
        tag = f"c{self.number}"
        queue.takers.append(Taker(tag, prefetch))
        self.model.deliver(queue)
        self.consumers[tag] = self.channel.consume(name, tag, prefetch=prefetch)
        self.compare()

    @precondition(lambda self: not self.ambiguous and self.consumers)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        tag = data.draw(st.sampled_from(sorted(self.consumers)))
        self.vhost.cancel(self.consumers.pop(tag))
        for queue in self.model.queues.values():
            queue.takers = [taker for taker in queue.takers if taker.tag != tag]
            self.model.deliver(queue)
        self.compare()

    @precondition(lambda self: not self.ambiguous and self.tags)
    @rule(data=st.data(), kind=st.sampled_from([ACK, REJECT, REQUEUE, REQUEUE]))
    def settle(self, data: st.DataObject, kind: int) -> None:
        at = data.draw(st.integers(0, len(self.tags) - 1))
        self.tags.sort()
        # Tags and what the model holds are told apart by message: deliveries of several queues may have another order.
        tag = self.tags.pop(at)
        portions, _ = self.channel.ledger.settle(_settlement(tag), True)
        self.channel.ledger.rollback()
        _, extent, rows = portions[0]
        number = int(extent[rows[0]].body.split()[0])
        owner: Any = portions[0][0]
        place = next(
            at
            for at, (queue, _, message) in enumerate(self.model.held)
            if message.number == number and queue.name == owner.queue.name
        )
        self.model.settle(place, kind)
        assert self.channel.settle(tag, kind=kind) is None
        self.compare()

    @precondition(lambda self: not self.ambiguous)
    @rule(name=st.sampled_from(NAMES))
    def purge(self, name: str) -> None:
        assert self.vhost.purge_queue(name).message_count == len(self.model.queues[name].ready)
        self.model.queues[name].ready.clear()

    @precondition(lambda self: not self.ambiguous)
    @rule(ms=st.sampled_from([13, 240, 1000, 3000]))
    def pass_time(self, ms: int) -> None:
        clock = self.broker.clock
        assert isinstance(clock, ManualClock)
        end_ms = clock.wall_ms() + ms
        while (due := self.model.due()) and due[0][0] + GRAIN_MS <= end_ms:
            first_ms = due[0][0] + GRAIN_MS
            names = {name for when_ms, name in due if when_ms <= first_ms}
            if len(names) > 1:
                self.ambiguous = True
                return
            clock.advance(max(first_ms - clock.wall_ms(), 0))
            self.model.now_ms = clock.wall_ms()
            self.model.expire(self.model.queues[names.pop()])
            self.compare()
        clock.advance(end_ms - clock.wall_ms())
        self.model.now_ms = end_ms
        due = [(when_ms, name) for when_ms, name in self.model.due() if when_ms <= end_ms]
        if len({name for _, name in due}) > 1:
            self.ambiguous = True
        elif due:  # within the grain: at the head they are gone in any case
            clock.advance(GRAIN_MS)
            self.model.now_ms = clock.wall_ms()
            names = {name for when_ms, name in self.model.due() if when_ms <= self.model.now_ms}
            if len(names) > 1:
                self.ambiguous = True
                return
            self.model.expire(self.model.queues[names.pop()])
            self.compare()

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "model") or self.ambiguous:
            return
        for name, waiting in self.model.queues.items():
            queue = self.vhost.queues[name]
            found = []
            for lane in reversed(queue.lanes):
                for extent in lane.extents:
                    for row in extent.select_ready():
                        message = extent[row]
                        headers = decode_properties(message.properties).headers or {}
                        deaths: Any = headers.get("x-death", [])
                        told = [(each["queue"], each["reason"], each["count"]) for each in deaths]
                        found.append((int(message.body.split()[0]), extent.is_redelivered(row), told))
            wanted = [(each.number, each.redelivered, each.deaths) for each in waiting.ready]
            assert found == wanted, f"in {name}, which is {waiting.config}"
            assert queue.message_count == len(waiting.ready)
            assert queue.message_bytes == sum(each.size for each in waiting.ready)
            for lane in queue.lanes:
                assert len(lane.returns) <= 4096


def _settlement(tag: int) -> Any:
    from leveret.wire import Settlement

    return Settlement(1, ACK, [(tag, False)])


TestLives = LivesMachine.TestCase
TestLives.settings = settings(
    max_examples=5000 if os.environ.get("LEVERET_LONG") else 300, stateful_step_count=40, deadline=None
)
