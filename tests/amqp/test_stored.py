"""basic.get of a message that is on disk only: the answer waits until it is read, and all else goes on."""

from __future__ import annotations

import errno

import pytest

from leveret.wire.fields import Arguments
from leveret.wire.methods import (
    BasicGet,
    BasicGetEmpty,
    BasicGetOk,
    BasicReject,
    ChannelClose,
    ChannelCloseOk,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    QueuePurge,
    QueuePurgeOk,
)

from ..simulation.world import World as Store
from .support import PERSISTENT, TRANSIENT, Content, Link, World

GET = BasicGet("q", True)
DECLARE = QueueDeclare("q", False, True, False, False, False, Arguments.EMPTY)
LOOK = QueueDeclare("q", True, False, False, False, False, Arguments.EMPTY)


class StoredWorld(World):
    """Over a simulated disk; everything that can leave memory does."""

    def __init__(self) -> None:
        super().__init__(late=False)
        self.store = Store(paging_budget=0)
        self.broker = self.store.broker
        self.pool, self.clock, self.scheduler = self.store.pool, self.store.clock, self.store.wakes

    def run(self) -> None:
        """As it is, but the disks work as well, unless they are `held`."""
        while True:
            woken = self._wakes()
            busy = False
            for link in self.links:
                busy |= link.session.step(2)
            self.store.turn()
            if not self.held:
                busy |= self.store.disk.step() | self.store.spill_disk.step()
                busy |= not self.store.log.idle
                self.store.turn()
            for link in self.links:
                busy |= link.flush()
            if not busy and self._wakes() == woken:
                return

    def release(self) -> None:
        """The disks go on."""
        self.held = False
        self.run()


@pytest.fixture(params=[PERSISTENT, TRANSIENT], ids=["log", "spill"])
def properties(request: pytest.FixtureRequest) -> bytes:
    found: bytes = request.param
    return found


@pytest.fixture
def world() -> StoredWorld:
    return StoredWorld()


@pytest.fixture
def link(world: StoredWorld, properties: bytes) -> Link:
    """A queue with two messages that are on disk only, in an extent each; the disks stand still."""
    link = world.channel()
    link.open_channel(2)
    link.call(DECLARE)
    queue = world.store.vhost.queues["q"]
    for body in (b"one", b"two"):
        link.publish(body, properties=properties)
        queue.close_tail()
        world.run()
    assert queue.stored == 2
    link.received.clear()
    world.held = True
    return link


def test_it_waits_for_the_disk(world: StoredWorld, link: Link) -> None:
    link.send(GET)
    assert link.take() == []
    world.release()
    (got,) = link.take()
    assert isinstance(got, Content)
    assert got.method == BasicGetOk(1, False, "", "q", 1)
    assert got.body == b"one"


def test_answers_come_in_order_and_other_channels_go_on(world: StoredWorld, link: Link) -> None:
    link.send(GET, LOOK, GET, GET)
    assert link.take() == []
    assert link.call(LOOK, 2) == QueueDeclareOk("q", 2, 0)
    link.received.clear()
    world.release()
    bodies = [what.body if isinstance(what, Content) else what for what in link.take()]
    assert bodies == [b"one", QueueDeclareOk("q", 1, 0), b"two", BasicGetEmpty()]


def test_two_that_wait_are_served_in_the_order_of_asking(world: StoredWorld, link: Link) -> None:
    link.send(GET, channel=2)
    link.send(GET, channel=1)
    world.release()
    came = [(channel, what.body) for channel, what in link.received if isinstance(what, Content)]
    assert came == [(2, b"one"), (1, b"two")]


def test_what_is_put_back_while_one_waits_comes_first(world: StoredWorld, link: Link) -> None:
    world.held = False
    link.send(BasicGet("q", False))
    assert link.bodies() == [b"one"]
    world.held = True
    link.send(GET, channel=2)
    assert link.take(2) == []
    link.send(BasicReject(1, True))
    world.release()
    assert link.bodies(2) == [b"one"]


def test_closing_the_channel_keeps_the_message(world: StoredWorld, link: Link) -> None:
    link.send(BasicGet("q", False))
    link.send(ChannelClose(200, "enough", 0, 0))
    world.release()
    assert link.last(1) == ChannelCloseOk()
    assert link.call(LOOK, 2) == QueueDeclareOk("q", 2, 0)


def test_a_connection_that_is_lost_meanwhile_takes_nothing(world: StoredWorld, link: Link) -> None:
    other = world.channel()
    other.call(LOOK)
    link.send(GET)
    link.session.lost()
    world.links.remove(link)
    world.release()
    assert other.call(LOOK) == QueueDeclareOk("q", 2, 0)


def test_a_queue_that_is_deleted_meanwhile_is_not_found(world: StoredWorld, link: Link) -> None:
    link.send(GET)
    link.send(QueueDelete("q", False, False, False), channel=2)
    world.release()
    (closed,) = link.take()
    assert isinstance(closed, ChannelClose)
    assert closed.reply_code == 404


def test_nobody_waits_for_a_queue_that_is_gone_when_its_messages_arrive(world: StoredWorld, link: Link) -> None:
    queue = world.store.vhost.queues["q"]
    link.send(GET)
    link.send(QueueDelete("q", False, False, False), DECLARE, channel=2)
    link.publish(b"three", channel=2)
    world.release()
    assert (queue.ready, queue.stored) == (0, 0)
    assert world.store.vhost.queues["q"].ready == 1
    assert not len(world.broker.pager)


def test_a_purge_meanwhile_leaves_nothing_to_get(world: StoredWorld, link: Link) -> None:
    link.send(GET)
    assert link.take() == []
    link.send(QueuePurge("q", False), channel=2)
    world.release()
    assert link.on(1) == [BasicGetEmpty()]
    assert link.on(2) == [QueuePurgeOk(2)]


def test_what_cannot_be_read_now_is_tried_again(world: StoredWorld, link: Link, properties: bytes) -> None:
    disk = world.store.disk if properties == PERSISTENT else world.store.spill_disk
    disk.fail("read", errno.EIO)
    link.send(GET)
    world.release()
    assert link.take() == []
    world.broker.pager.try_again()
    world.run()
    assert link.bodies() == [b"one"]


def test_what_is_damaged_is_set_aside_and_the_next_one_answered(
    world: StoredWorld, link: Link, properties: bytes
) -> None:
    disk = world.store.disk if properties == PERSISTENT else world.store.spill_disk
    (name,) = [name for name, data in disk.files.items() if b"one" in data]
    disk.submit(1 << 60, [("write", name, disk.files[name].index(b"one"), [b"eno"])], False)
    disk.step()
    link.send(GET)
    world.release()
    assert link.bodies() == [b"two"]
    queue = world.store.vhost.queues["q"]
    assert (queue.ready, queue.stored, len(queue.quarantined)) == (0, 0, 1)
