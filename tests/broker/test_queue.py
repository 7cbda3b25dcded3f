"""Queues and consumers: order, round robin, credit, requeue, purge, deletion."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import pytest

from leveret.broker.broker import Broker
from leveret.broker.consumer import Consumer
from leveret.broker.credit import Credit
from leveret.broker.vhost import VHost
from leveret.errors import AccessRefused, ResourceLocked
from leveret.limits import OUTPUT_STOP_READING
from leveret.wire import EXTENT_ROWS, REJECT, REQUEUE, Extent, Selection

from .support import Channel, batch, make_broker, pump


@pytest.fixture
def broker() -> Broker:
    return make_broker()


@pytest.fixture
def vhost(broker: Broker) -> VHost:
    vhost = broker.vhosts["/"]
    vhost.declare_queue("q")
    return vhost


def numbers(count: int, first: int = 0) -> list[bytes]:
    return [str(n).encode() for n in range(first, first + count)]


def publish(broker: Broker, *bodies: bytes) -> None:
    vhost = broker.vhosts["/"]
    vhost.publish(batch(broker, *bodies), Channel(vhost))


def test_messages_are_delivered_in_order_over_extents(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    count = 2 * EXTENT_ROWS + 10
    for start in range(0, count, 3000):
        publish(broker, *numbers(min(3000, count - start), start))
    assert vhost.queues["q"].ready == count
    channel.consume("q", "c", no_ack=True)
    pump(broker)
    assert channel.bodies() == numbers(count)
    assert vhost.queues["q"].ready == vhost.queues["q"].unacked == 0


def test_round_robin_is_exact_within_and_across_batches(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    for tag in "abc":
        channel.consume("q", tag)
    for size in (1, 2, 7, 1, 100, 3):
        publish(broker, *numbers(size))
        pump(broker)
    expected = ["abc"[i % 3] for i in range(114)]
    assert sorted(d.tag for d in channel.deliveries) == list(range(1, 115))
    per_consumer = {tag: [d for d in channel.deliveries if d.consumer == tag] for tag in "abc"}
    assert [len(per_consumer[tag]) for tag in "abc"] == [expected.count(tag) for tag in "abc"]


def test_a_channel_keeps_the_order_over_its_consumers(broker: Broker, vhost: VHost) -> None:
    """Spec 4.7: one channel in, one queue, one channel out; how many consumers it has there does not matter."""
    one, other = Channel(vhost), Channel(vhost)
    for channel, tag in ((one, "a"), (other, "b"), (one, "c")):
        channel.consume("q", tag, prefetch=4)
    publish(broker, *numbers(20))
    pump(broker)
    dealt = [("abc"[n % 3], str(n).encode()) for n in range(12)]
    assert [(d.consumer, d.body) for d in one.deliveries] == [pair for pair in dealt if pair[0] != "b"]
    assert [d.body for d in other.deliveries] == [b"1", b"4", b"7", b"10"]
    assert [d.tag for d in one.deliveries] == [*range(1, 9)]
    one.settle(8, multiple=True)
    pump(broker)
    assert [d.body for d in one.deliveries[8:]] == numbers(8, 12)


def test_round_robin_one_message_at_a_time(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    for tag in "abc":
        channel.consume("q", tag, no_ack=True)
    for n in range(10):
        publish(broker, str(n).encode())
        pump(broker)
    assert [d.consumer for d in channel.deliveries] == list("abcabcabca")


def test_prefetch_bounds_what_is_outstanding(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    consumer = channel.consume("q", "c", prefetch=3)
    publish(broker, *numbers(10))
    pump(broker)
    assert channel.bodies() == numbers(3)
    assert consumer.unacked == 3
    channel.settle(2, multiple=True)
    pump(broker)
    assert channel.bodies() == numbers(2, 3)
    assert vhost.queues["q"].unacked == 3


def test_prefetch_one_goes_to_whoever_is_free(broker: Broker, vhost: VHost) -> None:
    slow, fast = Channel(vhost), Channel(vhost)
    slow.consume("q", "slow", prefetch=1)
    fast.consume("q", "fast", prefetch=1)
    publish(broker, *numbers(6))
    pump(broker)
    seen = []
    for tag in range(1, 6):
        seen += fast.bodies()
        fast.settle(tag)
        pump(broker)
    assert slow.bodies() == [b"0"]
    assert seen == [b"1", b"2", b"3", b"4", b"5"]


def test_shared_credit_bounds_all_consumers_of_a_channel(broker: Broker, vhost: VHost) -> None:
    channel, shared = Channel(vhost), Credit(4)
    vhost.declare_queue("other")
    channel.consume("q", "a", shared=shared)
    channel.consume("q", "b", shared=shared)
    channel.consume("other", "c", shared=shared)
    publish(broker, *numbers(10))
    vhost.publish(batch(broker, *numbers(10), key="other"), channel)
    pump(broker)
    assert len(channel.deliveries) == 4
    assert shared.left == 0
    channel.settle(0, multiple=True)
    pump(broker)
    assert len(channel.deliveries) == 8
    shared.limit = 0
    pump(broker)
    assert len(channel.deliveries) == 20


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_consumers_that_share_a_connection_share_its_room(broker: Broker, vhost: VHost, size: int) -> None:
    connection = Channel(vhost)  # as far as its room goes

    class Sharing(Channel):
        room = property(lambda self: connection.room, lambda self, room: None)  # type: ignore[assignment]

        def deliver(self, consumer: Consumer, extent: Extent, selection: Selection) -> None:
            connection.room -= len(selection) * size
            super().deliver(consumer, extent, selection)

        def when_room(self, callback: Callable[[], None]) -> None:
            connection.when_room(callback)

    channels = [Sharing(vhost) for _ in range(50)]
    for channel in channels:
        channel.consume("q", "c", prefetch=1 if channel is channels[1] else 0)
    publish(broker, *[b"%07d" % number + bytes(size - 7) for number in range(210)])
    while vhost.queues["q"].ready:
        connection.room = 1 << 20
        waiters, connection.room_waiters = connection.room_waiters, []
        for callback in waiters:
            callback()
        pump(broker)
        assert connection.room > -OUTPUT_STOP_READING - size
    rounds = [*range(50), *([0, *range(2, 50)] * 4)]
    for at, channel in enumerate(channels):
        got = [int(delivery.body[:7]) for delivery in channel.deliveries]
        assert got == [number for number in range(210) if rounds[number] == at]


class Watched(Consumer):
    """A consumer whose end can be seen."""

    __slots__ = ("__weakref__",)


def test_a_cancelled_consumer_waits_for_no_credit(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    credit = Credit(1)
    publish(broker, *numbers(2))
    channel.consume("q", "first", shared=credit)
    pump(broker)
    consumer = Watched("second", channel, no_ack=False, shared=credit)
    vhost.consume("q", consumer, owner=channel)
    pump(broker)
    gone = weakref.ref(consumer)
    vhost.cancel(consumer)
    del consumer
    assert gone() is None
    channel.settle(1)
    pump(broker)
    assert [(d.consumer, d.body) for d in channel.deliveries] == [("first", b"0"), ("first", b"1")]


def test_a_consumer_without_room_does_not_hold_up_others(broker: Broker, vhost: VHost) -> None:
    slow, fast = Channel(vhost, room=0), Channel(vhost)
    slow.consume("q", "slow")
    fast.consume("q", "fast")
    publish(broker, *numbers(6))
    pump(broker)
    assert fast.bodies() == numbers(6)
    slow.room = 1000
    for callback in slow.room_waiters:
        callback()
    publish(broker, *numbers(2))
    pump(broker)
    assert len(slow.bodies()) == 1


def test_requeued_messages_return_to_their_place_as_redelivered(broker: Broker, vhost: VHost) -> None:
    first, second = Channel(vhost), Channel(vhost)
    consumer = first.consume("q", "c", prefetch=4)
    publish(broker, *numbers(8))
    pump(broker)
    vhost.cancel(consumer)
    first.settle(2, 4, kind=REQUEUE)
    second.consume("q", "d")
    pump(broker)
    assert [(d.body, d.redelivered) for d in second.deliveries] == [
        (b"1", True),
        (b"3", True),
        (b"4", False),
        (b"5", False),
        (b"6", False),
        (b"7", False),
    ]
    assert first.settle(1, 3) is None
    assert vhost.queues["q"].unacked == 6


def test_reject_drops(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    publish(broker, *numbers(2))
    assert channel.get("q") == b"0"
    channel.settle(1, kind=REJECT)
    assert channel.get("q", no_ack=True) == b"1"
    assert channel.get("q") is None
    assert vhost.queues["q"].unacked == 0


def test_unknown_tag_is_reported_and_those_before_are_settled(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    publish(broker, *numbers(3))
    for _ in range(3):
        channel.get("q")
    assert channel.settle(1, 9, 2) == 9
    assert vhost.queues["q"].unacked == 2


def test_purge_takes_what_is_ready_and_leaves_what_is_outstanding(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    publish(broker, *numbers(EXTENT_ROWS + 5))
    channel.get("q")
    assert vhost.purge_queue("q").message_count == EXTENT_ROWS + 4
    assert (vhost.queues["q"].ready, vhost.queues["q"].unacked) == (0, 1)
    channel.settle(1, kind=REQUEUE)
    assert channel.get("q") == b"0"


def test_exclusive_consumers_are_alone(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    consumer = channel.consume("q", "c", exclusive=True)
    with pytest.raises(AccessRefused) as refused:
        channel.consume("q", "d")
    assert refused.value.reply_text == "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"
    vhost.cancel(consumer)
    channel.consume("q", "d")
    with pytest.raises(AccessRefused):
        channel.consume("q", "e", exclusive=True)


def test_exclusive_queues_belong_to_one_owner_and_go_with_it(broker: Broker, vhost: VHost) -> None:
    mine, other = Channel(vhost), Channel(vhost)
    name = vhost.declare_queue("", exclusive=True, owner=mine).name
    assert name.startswith("amq.gen-")
    with pytest.raises(ResourceLocked) as locked:
        vhost.declare_queue(name, passive=True, owner=other)
    assert locked.value.explanation.startswith(f"cannot obtain exclusive access to locked queue '{name}' in vhost '/'.")
    mine.consume(name, "c")
    vhost.release(mine)
    assert name not in vhost.queues
    assert mine.cancels == ["c"]


def test_auto_delete_queue_goes_with_its_last_consumer(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    vhost.declare_queue("auto", auto_delete=True)
    one, two = channel.consume("auto", "1"), channel.consume("auto", "2")
    vhost.cancel(one)
    assert "auto" in vhost.queues
    vhost.cancel(two)
    assert "auto" not in vhost.queues


def test_deleting_a_queue_cancels_its_consumers_and_forgets_outstanding(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    consumer = channel.consume("q", "c")
    publish(broker, *numbers(3))
    pump(broker)
    assert vhost.delete_queue("q").message_count == 0
    assert channel.cancels == ["c"]
    vhost.declare_queue("q")
    assert channel.settle(0, multiple=True, kind=REQUEUE) is None
    assert vhost.queues["q"].ready == 0
    assert consumer.unacked == 0


def test_an_idle_queue_is_small_again(broker: Broker, vhost: VHost) -> None:
    channel = Channel(vhost)
    channel.consume("q", "c")
    for start in range(0, 10 * EXTENT_ROWS, 1000):
        publish(broker, *numbers(1000, start))
        pump(broker)
        channel.settle(0, multiple=True)
        channel.deliveries.clear()
    queue = vhost.queues["q"]
    assert len(queue.extents) == 1
    assert len(queue.extents[0]) == 0
    assert broker.pool.allocated <= 4 << 20


def test_a_stuck_message_keeps_only_its_extent(broker: Broker, vhost: VHost) -> None:
    stuck, channel = Channel(vhost), Channel(vhost)
    publish(broker, b"stuck")
    assert stuck.get("q") == b"stuck"
    channel.consume("q", "c", no_ack=True)
    for start in range(0, 5 * EXTENT_ROWS, 1024):
        publish(broker, *numbers(1024, start))
        pump(broker)
    assert len(vhost.queues["q"].extents) == 2
    stuck.settle(1, kind=REQUEUE)
    pump(broker)
    assert channel.bodies()[-1] == b"stuck"


def test_an_extent_that_ends_with_a_batch_goes_too(broker: Broker, vhost: VHost) -> None:
    """All of it is settled while it is the last one; behind a stuck message it is not used again either."""
    stuck, channel = Channel(vhost), Channel(vhost)
    publish(broker, b"stuck", *numbers(EXTENT_ROWS - 1))
    assert stuck.get("q") == b"stuck"
    channel.consume("q", "c", no_ack=True)
    for _ in range(5):
        publish(broker, *numbers(EXTENT_ROWS))
        pump(broker)
    assert len(vhost.queues["q"].extents) == 2
    publish(broker, b"last")
    stuck.settle(1, kind=REQUEUE)
    pump(broker)
    assert channel.bodies()[-2:] == [b"stuck", b"last"]


def test_publishers_slow_down_when_consumers_are_behind(broker: Broker, vhost: VHost) -> None:
    publisher, consumer = Channel(vhost), Channel(vhost)
    vhost.publish(batch(broker, *numbers(3 * EXTENT_ROWS)), publisher)
    assert publisher.slowed == 0, "a queue without consumers is a store"
    consumer.consume("q", "c", prefetch=1)
    publish(broker, b"more")
    vhost.publish(batch(broker, b"more"), publisher)
    assert publisher.slowed == 1
    vhost.purge_queue("q")
    vhost.publish(batch(broker, b"more"), publisher)
    assert publisher.slowed == 1
    vhost.publish(batch(broker, *[bytes(1 << 18)] * 20), publisher)
    assert publisher.slowed == 2
    vhost.transact([batch(broker, b"more"), batch(broker, b"more")], [], publisher)
    assert publisher.slowed == 3


def test_what_is_outstanding_of_a_deleted_queue_does_not_keep_the_rest(broker: Broker, vhost: VHost) -> None:
    for _ in range(40):
        publish(broker, *[bytes(10_000)] * 100)
    channel = Channel(vhost)
    channel.consume("q", "tag", prefetch=1)
    pump(broker)
    assert len(channel.deliveries) == 1
    assert broker.pool.allocated > 40_000_000
    vhost.delete_queue("q")
    assert broker.pool.allocated < 3_000_000
    assert channel.settle(1) is None
    assert broker.pool.allocated < 1_000_000
