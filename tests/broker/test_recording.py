"""Exchanges that record: which messages they are shown, and what a new binding brings."""

from __future__ import annotations

from random import Random

import pytest

from leveret.broker.broker import Broker
from leveret.errors import AmqpError, NotFound
from leveret.wire import Batch
from leveret.wire.fields import Arguments

from ..simulation.world import World
from .support import PERSISTENT, TRANSIENT, Channel, batch, make_broker


class Setup:
    """A broker with a recent history exchange `x`."""

    def __init__(self, broker: Broker | None = None) -> None:
        self.broker = broker or make_broker()
        self.vhost = self.broker.vhosts["/"]
        self.channel = Channel(self.vhost)
        self.exchange("x")

    def exchange(self, name: str, type: str = "x-recent-history", durable: bool = False, **arguments: object) -> None:
        given = Arguments.of({key.replace("_", "-"): value for key, value in arguments.items()})  # type: ignore[misc]
        self.vhost.declare_exchange(name, type, durable=durable, arguments=given)

    def queue(self, name: str, source: str | None = "x", key: str = "", durable: bool = False) -> None:
        self.vhost.declare_queue(name, durable=durable)
        if source is not None:
            self.bind(source, name, key)

    def bind(self, source: str, destination: str, key: str = "", to_queue: bool = True) -> int | None:
        return self.vhost.bind(source, destination, key, Arguments.EMPTY, to_queue=to_queue, owner=None)

    def publish(self, *bodies: bytes, exchange: str = "x", key: str = "k", mandatory: bool = False) -> None:
        self.vhost.publish(batch(self.broker, *bodies, exchange=exchange, key=key, mandatory=mandatory), self.channel)

    def bodies(self, queue: str) -> list[bytes]:
        found = []
        while (body := self.channel.get(queue, no_ack=True)) is not None:
            found.append(body)
        return found


@pytest.fixture
def setup() -> Setup:
    return Setup()


def test_a_new_queue_gets_what_was_before(setup: Setup) -> None:
    setup.publish(b"1", b"2")
    setup.queue("q")
    assert setup.bodies("q") == [b"1", b"2"]
    setup.publish(b"3")
    assert setup.bodies("q") == [b"3"]
    setup.queue("late")
    assert setup.bodies("late") == [b"1", b"2", b"3"]


def test_binding_again_brings_nothing_but_another_key_does(setup: Setup) -> None:
    setup.publish(b"1")
    setup.queue("q")
    setup.bind("x", "q")
    assert setup.bodies("q") == [b"1"]
    setup.bind("x", "q", "key")
    assert setup.bodies("q") == [b"1"]


def test_messages_are_kept_by_every_way(setup: Setup) -> None:
    setup.exchange("first", "fanout", alternate_exchange="x")
    setup.publish(b"as alternate", exchange="first")
    setup.exchange("second", "topic")
    setup.bind("second", "x", "a.*", to_queue=False)
    setup.publish(b"other", exchange="second", key="b.c")
    setup.publish(b"through another", exchange="second", key="a.c")
    setup.queue("q")
    assert setup.bodies("q") == [b"as alternate", b"through another"]


def test_two_keys_are_kept_in_the_order_of_publishing(setup: Setup) -> None:
    setup.exchange("topic", "topic")
    setup.bind("topic", "x", "#", to_queue=False)
    setup.queue("some", "topic", "a")
    rows = [("topic", "ab"[n % 2], TRANSIENT, b"%d" % n, False) for n in range(6)]
    setup.vhost.publish(Batch.build(setup.broker.pool, rows), setup.channel)
    setup.queue("q")
    assert setup.bodies("q") == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert setup.bodies("some") == [b"0", b"2", b"4"]


def test_what_is_kept_is_unroutable_all_the_same(setup: Setup) -> None:
    setup.publish(b"1", b"2", mandatory=True)
    assert setup.channel.returns == [b"1", b"2"]
    setup.queue("q")
    assert setup.bodies("q") == [b"1", b"2"]
    setup.publish(b"3", mandatory=True)
    assert setup.channel.returns == [b"1", b"2"]


def test_what_follows_a_bad_message_is_not_kept(setup: Setup) -> None:
    rows = [(name, "", TRANSIENT, name.encode(), False) for name in ("x", "nowhere", "x")]
    with pytest.raises(NotFound):
        setup.vhost.publish(Batch.build(setup.broker.pool, rows), setup.channel)
    setup.vhost.publish(batch(setup.broker, b"1", b"2", exchange="x"), setup.channel, limit=1)
    setup.queue("q")
    assert setup.bodies("q") == [b"x", b"1"]


def test_a_transaction_is_kept_at_its_commit(setup: Setup) -> None:
    messages = batch(setup.broker, b"1", exchange="x")
    setup.vhost.check_publish(messages)
    setup.queue("early")
    assert setup.bodies("early") == []
    setup.vhost.transact([messages], [], setup.channel)
    setup.queue("q")
    assert setup.bodies("q") == [b"1"]


def test_a_new_exchange_hands_it_on(setup: Setup) -> None:
    rows = [("x", key, TRANSIENT, key.encode(), False) for key in ("a", "b", "a.b", "a")]
    setup.vhost.publish(Batch.build(setup.broker.pool, rows), setup.channel)
    setup.exchange("topic", "topic")
    setup.queue("q", "topic", "a")
    setup.queue("all", "topic", "#")
    setup.bind("x", "topic", to_queue=False)
    assert setup.bodies("q") == [b"a", b"a"]
    assert setup.bodies("all") == [b"a", b"b", b"a.b", b"a"]


def test_a_new_exchange_that_looks_at_headers_or_goes_by_chance(setup: Setup) -> None:
    setup.publish(*[b"%d" % number for number in range(20)])
    setup.exchange("chance", "x-random")
    for name in "ab":
        setup.queue(name, "chance")
    setup.bind("x", "chance", to_queue=False)
    found = [setup.bodies(name) for name in "ab"]
    assert sorted(found[0] + found[1], key=int) == [b"%d" % number for number in range(20)]
    assert all(found)
    setup.exchange("headers", "headers")
    setup.queue("h", "headers")
    setup.vhost.bind("headers", "h", "", Arguments.of({"a": 1}), to_queue=True, owner=None)
    setup.bind("x", "headers", to_queue=False)
    assert setup.bodies("h") == [b"%d" % number for number in range(20)]


def test_one_history_in_another(setup: Setup) -> None:
    setup.publish(b"1")
    setup.exchange("y")
    setup.bind("x", "y", to_queue=False)
    setup.queue("q", "y")
    assert setup.bodies("q") == [b"1"]


def test_what_it_takes_is_counted_and_given_back(setup: Setup) -> None:
    setup.publish(b"1" * 1_000)
    assert 1_000 < setup.broker.recorded_bytes < 1_500
    setup.vhost.delete_exchange("x")
    assert setup.broker.recorded_bytes == 0


def test_what_a_durable_queue_gets_of_it_is_durable() -> None:
    world = World()
    setup = Setup(world.broker)
    setup.exchange("kept", durable=True)
    rows = [("kept", "k", raw, body, False) for raw, body in ((PERSISTENT, b"kept"), (TRANSIENT, b"lost"))]
    setup.vhost.publish(Batch.build(setup.broker.pool, rows), setup.channel)
    setup.vhost.declare_queue("q", durable=True)
    assert setup.bind("kept", "q") is not None
    world = World(world.stop())
    assert world.vhost.queues["q"].ready == 1
    Setup(world.broker).queue("late", "kept")
    assert world.vhost.queues["late"].ready == 0


@pytest.mark.parametrize("seed", range(20))
def test_a_batch_is_kept_as_its_messages_one_by_one(seed: int) -> None:
    random = Random(seed)
    rows = [
        (random.choice(["x", "topic", "chance", "nowhere"] if n > 30 else ["x", "topic", "chance"]), f"{n % 3}")
        for n in range(40)
    ]
    outcomes = []
    for sizes in ([40], [1] * 40, [random.randint(1, 9) for _ in range(40)]):
        setup = Setup()
        for name, type in (("topic", "topic"), ("chance", "x-random"), ("y", "x-recent-history")):
            setup.exchange(name, type)
        for source, destination, key in [
            ("topic", "x", "1"),
            ("topic", "y", "#"),
            ("chance", "x", ""),
            ("chance", "y", ""),
        ]:
            setup.bind(source, destination, key, to_queue=False)
        setup.queue("early", "y")
        at = 0
        for size in sizes:
            part = [(*row, TRANSIENT, b"%d" % (at + n), True) for n, row in enumerate(rows[at : at + size])]
            at += size
            try:
                if part:
                    setup.vhost.publish(Batch.build(setup.broker.pool, part), setup.channel)
            except AmqpError:
                break
        for name in "xy":
            setup.queue(name, name)
        outcomes.append([setup.bodies(name) for name in ("early", "x", "y")] + [setup.channel.returns])
    assert outcomes[0] == outcomes[1] == outcomes[2]
