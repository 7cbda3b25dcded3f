"""What leaves queues by itself: turns, heaps and memory. What comes of it for clients is in tests/compat/test_lives.py,
with models in tests/properties and tests/simulation.
"""

from __future__ import annotations

import pytest

from leveret.broker.broker import Broker
from leveret.broker.queue import NEVER, Queue
from leveret.clock import ManualClock
from leveret.wire import ACK, EXTENT_ROWS, Batch
from leveret.wire.fields import Arguments
from leveret.wire.properties import Properties, encode_properties

from .support import TRANSIENT, Channel, make_broker


class Setup:
    def __init__(self, **arguments: object) -> None:
        self.broker: Broker = make_broker()
        self.vhost = self.broker.vhosts["/"]
        self.channel = Channel(self.vhost)
        self.vhost.declare_queue("dead")
        self.queue = self.declare("q", **arguments)

    def declare(self, name: str, **arguments: object) -> Queue:
        given = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
        self.vhost.declare_queue(name, arguments=Arguments.of(given))  # type: ignore[arg-type]
        return self.vhost.queues[name]

    def publish(self, count: int = 1, expiration: str | None = None, key: str = "q") -> None:
        raw = TRANSIENT if expiration is None else encode_properties(Properties(expiration=expiration))
        self.vhost.publish(Batch.build(self.broker.pool, [("", key, raw, b"x", False)] * count, 1), self.channel)

    def wait(self, ms: int) -> None:
        assert isinstance(self.broker.clock, ManualClock)
        self.broker.clock.advance(ms)
        while self.broker.pump(1000):
            pass


LETTERS = {"dead_letter_exchange": "", "dead_letter_routing_key": "dead"}


def test_many_extents_are_taken_out_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup(message_ttl=100, **LETTERS)
    for _ in range(20):
        setup.publish(EXTENT_ROWS)
    assert isinstance(setup.broker.clock, ManualClock)
    setup.broker.clock.advance(200)
    looks = iter(range(10_000))
    monkeypatch.setattr(ManualClock, "monotonic_ms", lambda self: 200 + next(looks))  # time passes with each look
    turns = 1
    while setup.broker.pump(1):
        turns += 1
    assert turns >= 5, "others have their turn between"
    assert (setup.queue.message_count, setup.vhost.queues["dead"].message_count) == (0, 20 * EXTENT_ROWS)


def test_queues_take_turns() -> None:
    setup = Setup(message_ttl=100, **LETTERS)
    queues = [setup.declare(f"q{number}", message_ttl=100, **LETTERS) for number in range(50)]
    for queue in queues:
        setup.publish(3, key=queue.name)
    setup.wait(200)
    assert all(queue.message_count == 0 for queue in queues)
    assert setup.vhost.queues["dead"].message_count == 150


def test_nothing_is_left_behind_by_messages_that_were_taken_in_time() -> None:
    setup = Setup(message_ttl=1_000_000)
    consumer = setup.channel.consume("q", "c", no_ack=True)
    for _ in range(2000):
        setup.publish(300)
        setup.wait(0)
    assert consumer.queue is setup.queue
    assert setup.queue.expiring is not None
    assert len(setup.queue.expiring._heap) < 200
    assert setup.broker.pool.allocated < 1 << 20


def test_a_queue_that_is_gone_leaves_no_tick_and_no_lease() -> None:
    setup = Setup(message_ttl=1000, expires=5000)
    setup.publish()
    setup.vhost.delete_queue("q")
    setup.wait(10_000)
    assert setup.queue.lease is None
    assert setup.queue.tick_at_ms is None


def test_a_purged_queue_does_not_mind_its_times() -> None:
    setup = Setup(message_ttl=1000)
    setup.publish(5)
    setup.vhost.purge_queue("q")
    setup.wait(1100)
    setup.publish(2)
    assert setup.queue.message_count == 2
    setup.wait(1100)
    assert setup.queue.message_count == 0
    assert setup.queue.next_expiry_ms == NEVER


def test_what_was_requeued_and_taken_is_not_counted_any_more() -> None:
    setup = Setup(delivery_limit=5)
    for _ in range(20):
        setup.publish(EXTENT_ROWS)
        tags = []
        for _ in range(10):
            tags.append(setup.channel.next_tag)
            setup.channel.get("q")
        setup.channel.settle(*tags, kind=1)
        assert len(setup.queue.returns) == 10
        setup.vhost.purge_queue("q")
        assert not setup.queue.returns
    assert ACK == 0


def test_who_is_told_of_a_circle_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    setup = Setup(message_ttl=0, dead_letter_exchange="")
    setup.publish(3)
    setup.publish(3)
    assert len([line for line in caplog.text.splitlines() if "round for ever" in line]) == 1
    assert setup.broker.pool.allocated == 0


def test_expiries_of_one_grain_go_together() -> None:
    setup = Setup()
    for number in range(100):
        setup.publish(expiration=str(1000 + number % 8))
    setup.wait(1000)
    setup.wait(12)
    assert setup.queue.message_count == 0
