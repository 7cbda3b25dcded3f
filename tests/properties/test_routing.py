"""The router, with its caches and partitions, against a router without any that looks at one message at a time.

The topology changes between batches at random; one key table lives through it all, as that of a connection does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from leveret.broker.binding import Binding
from leveret.broker.exchange import Chance, Exchange
from leveret.broker.exchanges import (
    ConsistentHashExchange,
    DirectExchange,
    FanoutExchange,
    HeadersExchange,
    JmsTopicExchange,
    ModulusHashExchange,
    RandomExchange,
    RecentHistoryExchange,
    TopicExchange,
)
from leveret.broker.predeclared import predeclared
from leveret.broker.routing import Router
from leveret.broker.selectors import Selector, operand, read_sql
from leveret.errors import AmqpError
from leveret.wire import Batch, Decoder, Pool
from leveret.wire.fields import Arguments, Value

from ..broker.exchanges.support import FakeQueue, SeededRandomness, ids, properties, reached
from ..broker.exchanges.test_headers import naive as headers_match
from .test_topic_matcher import naive as words_match

SETTLED = [
    DirectExchange,
    FanoutExchange,
    TopicExchange,
    HeadersExchange,
    ConsistentHashExchange,
    ModulusHashExchange,
    RecentHistoryExchange,
    JmsTopicExchange,
]
BY_CHANCE = [RandomExchange]
EXCHANGES = [f"x{number}" for number in range(5)]
QUEUES = [f"q{number}" for number in range(5)]

keys = st.sampled_from(["", "a", "b", "a.b", "a.b.a", "q0", "q1", "7"])
patterns = st.sampled_from(["", "a", "a.b", "*", "#", "a.#", "*.b", "#.a", "1", "3"])
selectors = st.sampled_from(["a = 1", "b = '1' OR a", "NOT b = 1", "a IS NULL", "a = b OR c = d OR e = f"])
tables = st.dictionaries(st.sampled_from(["a", "b", "x-c"]), st.sampled_from(["1", 1, None, True]), max_size=2)


@dataclass
class Published:
    exchange: str
    key: str
    headers: Mapping[str, Value] | None
    message_id: str | None

    @property
    def raw(self) -> bytes:
        return properties(self.headers, message_id=self.message_id)


publishings = st.builds(
    Published,
    st.sampled_from(["", "nowhere", *EXCHANGES]),
    keys,
    st.none() | tables,
    st.none() | st.sampled_from(["1", "2", "3"]),
)


class Naive:
    """The rules, one message at a time: no index, no cache, no columns."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.bindings: list[Binding] = []
        self.queues: dict[str, FakeQueue] = {}

    def matches(self, binding: Binding, message: Published) -> bool:
        match binding.source.type:
            case "fanout" | "x-recent-history" | "x-random":  # of which there is only asked while it has no choice
                return True
            case "direct":
                return binding.routing_key == message.key
            case "topic":
                return words_match(words(binding.routing_key), words(message.key))
            case "headers":
                return headers_match(binding.arguments, message.headers or {})
            case "x-jms-topic":
                selector = Selector(read_sql(str(binding.arguments["rjms_selector"])))
                return selector.matches({name: operand(value) for name, value in (message.headers or {}).items()})
            case _:  # which one of those bound is a matter of its own tests
                return binding.destination.name in reached(binding.source, message.key, message.raw)

    def route(self, message: Published) -> list[str] | str:
        """The queues, and after them the exchanges that record it."""
        exchanges = self.router.exchanges
        if message.exchange not in exchanges:
            return f"no exchange '{message.exchange}' in vhost '/'"
        if exchanges[message.exchange].internal:
            return f"cannot publish to internal exchange '{message.exchange}' in vhost '/'"
        queues: list[str] = []
        todo = [exchanges[message.exchange]]
        for exchange in todo:
            found: list[Any] = [
                b.destination for b in self.bindings if b.source is exchange and self.matches(b, message)
            ]
            if not exchange.name:
                found = [self.queues[message.key]] if message.key in self.queues else []
            if not found and exchange.alternate and exchange.alternate in exchanges:  # "" is nobody's alternate
                found = [exchanges[exchange.alternate]]
            for destination in found:
                if isinstance(destination, Exchange):
                    if destination not in todo:
                        todo.append(destination)
                elif destination.name not in queues:
                    queues.append(destination.name)
        return queues + [exchange.name for exchange in todo if exchange.records]


def words(key: str) -> list[str]:
    return key.split(".") if key else []


def publish_frames(messages: Sequence[Published]) -> bytes:
    """What a client sends for these on channel 1."""
    frames = []
    for message in messages:
        names = b"".join(bytes((len(name),)) + name.encode() for name in (message.exchange, message.key))
        for kind, payload in [
            (1, b"\x00\x3c\x00\x28\x00\x00" + names + b"\x00"),
            (2, b"\x00\x3c\x00\x00" + bytes(8) + message.raw),
        ]:
            frames.append(b"%c\x00\x01%b%b\xce" % (kind, len(payload).to_bytes(4, "big"), payload))
    return b"".join(frames)


class World:
    def __init__(self, data: st.DataObject, kinds: Sequence[type[Exchange]]) -> None:
        self.data = data
        self.kinds = kinds
        self.router = Router("/", SeededRandomness())
        for exchange in predeclared("/", 1):
            self.router.add(exchange)
        self.naive = Naive(self.router)
        self.decoder = Decoder(Pool())
        self.decoder.push(b"AMQP\x00\x00\x09\x01")
        self.decoder.next()
        self.decoder.open(131072)

    def change(self) -> None:
        """Declare, delete, bind or unbind something."""
        draw, exchanges, queues = self.data.draw, self.router.exchanges, self.naive.queues
        match draw(st.integers(0, 9)):
            case 0 | 1:
                free = [name for name in EXCHANGES if name not in exchanges]
                if free:
                    self.declare_exchange(draw(st.sampled_from(free)))
            case 2:
                free = [name for name in QUEUES if name not in queues]
                if free:
                    queues[free[0]] = FakeQueue(free[0])
                    self.router.queue_added(queues[free[0]])  # type: ignore[arg-type]
            case 3:
                if queues and draw(st.booleans()):
                    self.remove_queue(draw(st.sampled_from(sorted(queues))))
                elif made := [name for name in EXCHANGES if name in exchanges]:
                    gone = exchanges[draw(st.sampled_from(made))]
                    dropped = self.router.remove(gone)
                    kept = [b for b in self.naive.bindings if gone not in (b.source, b.destination)]
                    assert len(kept) + len(dropped) == len(self.naive.bindings)
                    self.naive.bindings = kept
            case 4:
                if self.naive.bindings:
                    gone_binding = draw(st.sampled_from(self.naive.bindings))
                    assert self.router.unbind(gone_binding)
                    self.naive.bindings.remove(gone_binding)
            case _:
                self.bind()

    def declare_exchange(self, name: str) -> None:
        draw = self.data.draw
        kind = draw(st.sampled_from(self.kinds))
        arguments: dict[str, Value] = {}
        if draw(st.integers(0, 2)) == 0:
            arguments["alternate-exchange"] = draw(st.sampled_from(["", "nowhere", *EXCHANGES]))
        if kind is ConsistentHashExchange:
            arguments |= draw(st.sampled_from([{}, {"hash-header": "a"}, {"hash-property": "message_id"}]))
        internal = draw(st.integers(0, 4)) == 0
        self.router.add(kind(next(ids), "/", name, internal=internal, arguments=Arguments.of(arguments)))

    def bind(self) -> None:
        draw = self.data.draw
        sources = [self.router.exchanges[name] for name in EXCHANGES if name in self.router.exchanges]
        destinations: list[Any] = [*sources, *self.naive.queues.values()]
        if not sources or not destinations:
            return
        source = draw(st.sampled_from(sources))
        key, arguments = draw(patterns), {}
        if source.type == "x-consistent-hash":
            key = draw(st.sampled_from(["1", "2"]))
        if source.type == "headers":
            arguments = {**draw(tables), "x-match": draw(st.sampled_from(["all", "any", "all-with-x", "any-with-x"]))}
        if source.type == "x-jms-topic":
            arguments = {"rjms_selector": draw(selectors)}
        made = Binding(source, draw(st.sampled_from(destinations)), key, Arguments.of(arguments))
        assert self.router.bind(made) == (made not in self.naive.bindings)
        if made not in self.naive.bindings:
            self.naive.bindings.append(made)

    def remove_queue(self, name: str) -> None:
        queue: Any = self.naive.queues.pop(name)
        self.router.queue_removed(queue)
        self.router.remove_destination(queue)
        self.naive.bindings = [b for b in self.naive.bindings if b.destination is not queue]

    def publish(self, messages: list[Published]) -> None:
        self.decoder.push(publish_frames(messages))
        batch = self.decoder.next()
        assert isinstance(batch, Batch)
        assert len(batch) == len(messages)
        seed = self.data.draw(st.integers(0, 3))
        self.router._randomness = SeededRandomness(seed)
        whole = by_row(self.router, batch)
        self.router._randomness = SeededRandomness(seed)
        parts: list[list[str] | str] = []
        while rest := messages[len(parts) :]:
            part = rest[: self.data.draw(st.integers(1, len(rest)))]
            rows = [(message.exchange, message.key, message.raw, b"", False) for message in part]
            parts += by_row(self.router, Batch.build(Pool(), rows))
        assert parts == whole
        for message, answer in zip(messages, whole, strict=True):
            if not self.goes_by_chance(message):
                assert self.naive.route(message) == answer

    def goes_by_chance(self, message: Published) -> bool:
        start = self.router.exchanges.get(message.exchange)
        return start is not None and any(isinstance(need, Chance) for need in self.router._needs_from(start))


def by_row(router: Router, batch: Batch) -> list[list[str] | str]:
    """The answer for each row; and that the cells keep what they promise."""
    cells = router.routes(batch)
    answer: list[Any] = [None] * len(batch)
    firsts = []
    routed = [found for found, _ in cells if not isinstance(found, AmqpError)]
    assert len(set(routed)) == len(routed)
    for found, selection in cells:
        rows = list(range(len(batch))) if selection is None else list(selection)
        firsts.append(rows[0])
        assert len(cells) == 1 or selection is not None
        for row in rows:
            assert answer[row] is None
            answer[row] = found.explanation if isinstance(found, AmqpError) else [queue.name for queue in found]
    assert firsts == sorted(firsts)
    return answer


def run(data: st.DataObject, kinds: Sequence[type[Exchange]]) -> None:
    world = World(data, kinds)
    for _ in range(data.draw(st.integers(1, 4))):
        for _ in range(data.draw(st.integers(0, 12))):
            world.change()
        world.publish(data.draw(st.lists(publishings, min_size=1, max_size=12)))


@given(st.data())
def test_a_batch_is_routed_as_its_messages_one_by_one(data: st.DataObject) -> None:
    run(data, SETTLED)


@given(st.data())
def test_chance_does_not_look_at_how_messages_came_together(data: st.DataObject) -> None:
    run(data, [*SETTLED, *BY_CHANCE * 3])
