"""Memory that few messages keep is given back, in portions."""

from __future__ import annotations

import pytest

from leveret.broker.broker import Broker
from leveret.broker.housekeeping import Housekeeping
from leveret.clock import ManualClock
from leveret.limits import COMPACT_BYTES, COMPACT_POOL_MIN
from leveret.wire import ACK, REQUEUE, Batch

from .support import TRANSIENT, Channel, make_broker

QUEUES = 50
BODY = 1000


@pytest.fixture
def broker() -> Broker:
    broker = make_broker()
    for number in range(QUEUES):
        broker.vhosts["/"].declare_queue(f"q{number}")
    return broker


def publish_in_turn(broker: Broker, rounds: int) -> None:
    """One message for each queue, again and again: those of all lie side by side."""
    vhost = broker.vhosts["/"]
    publisher = Channel(vhost)
    for first in range(0, rounds, 10):
        messages = [
            ("", f"q{number}", TRANSIENT, b"%04d" % (first + at) + bytes(BODY - 4), False)
            for at in range(10)
            for number in range(QUEUES)
        ]
        vhost.publish(Batch.build(broker.pool, messages), publisher)


def drain(broker: Broker, name: str) -> None:
    broker.vhosts["/"].purge_queue(name, owner=None)


def keep_house(broker: Broker) -> None:
    """One whole pass."""
    housekeeping = Housekeeping(broker)
    while housekeeping.step(1):
        pass


def bodies(broker: Broker, name: str) -> list[int]:
    queue = broker.vhosts["/"].queues[name]
    return [int(extent[row].body[:4]) for extent in queue.extents for row in extent.select_ready()]


def test_one_queue_of_many_keeps_its_own_messages_only(broker: Broker) -> None:
    publish_in_turn(broker, 1000)
    assert broker.pool.allocated >= QUEUES * 1000 * BODY
    for number in range(1, QUEUES):
        drain(broker, f"q{number}")
    keep_house(broker)
    assert broker.pool.allocated < 3 * 1000 * BODY
    assert bodies(broker, "q0") == list(range(1000))


def test_outstanding_messages_are_moved_too(broker: Broker) -> None:
    publish_in_turn(broker, 500)
    channel = Channel(broker.vhosts["/"])
    channel.consume("q7", "tag")
    broker.pump(10)
    assert len(channel.deliveries) == 500
    for number in range(QUEUES):
        if number != 7:
            drain(broker, f"q{number}")
    keep_house(broker)
    assert broker.pool.allocated < 4 * 500 * BODY
    channel.settle(250, multiple=True, kind=ACK)
    channel.settle(0, multiple=True, kind=REQUEUE)
    assert bodies(broker, "q7") == list(range(250, 500))


def test_a_step_ends_when_its_time_is_up(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_in_turn(broker, 500)
    for number in range(10, QUEUES):
        drain(broker, f"q{number}")
    times = iter(range(1_000_000))
    monkeypatch.setattr(ManualClock, "monotonic_ms", lambda _: next(times))
    housekeeping = Housekeeping(broker)
    steps = 1
    while housekeeping.step(1):
        steps += 1
    assert steps > QUEUES


def test_messages_and_queues_that_come_and_go_between_steps(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_in_turn(broker, 600)
    vhost = broker.vhosts["/"]
    times = iter(range(1_000_000))
    monkeypatch.setattr(ManualClock, "monotonic_ms", lambda _: next(times))
    housekeeping = Housekeeping(broker)
    number = QUEUES
    while housekeeping.step(1):
        if number > 1:
            number -= 1
            if number % 2:
                drain(broker, f"q{number}")
            else:
                vhost.delete_queue(f"q{number}", owner=None)
        vhost.declare_queue(f"new{number}")
    assert number == 1
    while housekeeping.step(1):
        pass
    assert bodies(broker, "q0") == list(range(600))


def test_little_memory_is_not_worth_a_look(broker: Broker) -> None:
    publish_in_turn(broker, 10)
    assert broker.pool.allocated < COMPACT_POOL_MIN
    assert not Housekeeping(broker).step(1)


def test_little_memory_is_worth_a_look_while_it_is_short(broker: Broker) -> None:
    publish_in_turn(broker, 100)
    for number in range(1, QUEUES):
        drain(broker, f"q{number}")
    assert broker.pool.allocated < COMPACT_POOL_MIN
    before = broker.pool.allocated
    keep_house(broker)
    assert broker.pool.allocated == before
    broker.alarms.memory = True
    keep_house(broker)
    assert broker.pool.allocated < before // 2


def test_a_portion_is_small_against_what_a_step_may_take() -> None:
    assert COMPACT_BYTES * 4 < COMPACT_POOL_MIN
