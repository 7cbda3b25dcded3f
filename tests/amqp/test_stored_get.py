"""basic.get when the first message is on disk only: the answer waits, and whatever may happen meanwhile happens."""

from __future__ import annotations

import pytest

from leveret.amqp import Settings
from leveret.broker.queue import Queue
from leveret.wire.methods import (
    BasicAck,
    BasicConsume,
    BasicGet,
    BasicGetEmpty,
    BasicGetOk,
    BasicNack,
    ChannelClose,
    ChannelCloseOk,
    ConnectionClose,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    QueuePurge,
)
from leveret.wire.properties import Properties, encode_properties

from ..simulation import world as simulation
from .support import PERSISTENT, TRANSIENT, Content, FakeAccess, Link, World
from .test_opening import NoRights

GET = BasicGet(queue="q")


class StoredWorld(World):
    """Over disks that do nothing while `held`; no message stays in memory if it can leave."""

    def __init__(self) -> None:
        self.disks = simulation.World(paging_budget=0)
        self.clock = self.disks.clock
        self.access = FakeAccess()
        self.access.late = False
        self.pool = self.disks.pool
        self.scheduler = self.disks.wakes  # type: ignore[assignment]
        self.broker = self.disks.broker
        self.settings = Settings()
        self.held = False
        self.links = []

    def run(self) -> None:
        for _ in range(12):
            for link in self.links:
                link.session.step(2)
            self.disks.turn()
            if not self.held:
                self.disks.disk.run()
                self.disks.spill_disk.run()
            for link in self.links:
                link.flush()

    @property
    def queue(self) -> Queue:
        return self.broker.vhosts["/"].queues["q"]

    def store(self, link: Link, *bodies: bytes, properties: bytes = PERSISTENT) -> None:
        """Messages that are on disk only; from here on the disks do nothing until they are let go."""
        link.publish(*bodies, properties=properties)
        self.queue.close_tail()
        self.run()
        assert self.queue.head_stored
        self.held = True

    def let_go(self) -> None:
        self.held = False
        self.run()


@pytest.fixture
def world() -> StoredWorld:
    return StoredWorld()


@pytest.fixture
def link(world: StoredWorld) -> Link:
    link = world.channel()
    link.send(QueueDeclare(queue="q", durable=True))
    link.received.clear()
    return link


def got(link: Link, channel: int = 1) -> list[bytes | None]:
    """Bodies that came as answers; None where the queue was empty."""
    found: list[bytes | None] = []
    for answer in link.on(channel):
        if isinstance(answer, Content):
            assert isinstance(answer.method, BasicGetOk)
            found.append(answer.body)
        else:
            assert isinstance(answer, BasicGetEmpty)
            found.append(None)
    link.received[:] = [entry for entry in link.received if entry[0] != channel]
    return found


@pytest.mark.parametrize("properties", [PERSISTENT, TRANSIENT])
def test_the_answer_waits(world: StoredWorld, link: Link, properties: bytes) -> None:
    world.store(link, b"1", b"2", properties=properties)
    link.send(GET)
    assert got(link) == []
    world.let_go()
    assert got(link) == [b"1"]
    assert (world.queue.ready, world.queue.unacked) == (1, 1)


def test_answers_come_in_order(world: StoredWorld, link: Link) -> None:
    world.store(link, b"1", b"2", b"3")
    link.send(GET, GET, GET, GET)
    assert got(link) == []
    world.let_go()
    assert got(link) == [b"1", b"2", b"3", None]


def test_what_comes_behind_it_waits_as_well(world: StoredWorld, link: Link) -> None:
    world.store(link, b"1")
    link.send(GET, BasicAck(delivery_tag=1), QueueDeclare(queue="q", durable=True))
    world.let_go()
    content, declared = link.take()
    assert isinstance(content, Content)
    assert declared == QueueDeclareOk(queue="q", message_count=0, consumer_count=0)
    assert world.queue.unacked == 0


def test_several_channels_are_served_in_the_order_of_asking(world: StoredWorld, link: Link) -> None:
    for channel in (2, 3):
        link.open_channel(channel)
    world.store(link, b"1", b"2", b"3")
    for channel in (3, 1, 2):
        link.send(GET, channel=channel)
    world.let_go()
    assert [got(link, channel) for channel in (3, 1, 2)] == [[b"1"], [b"2"], [b"3"]]


def test_other_channels_go_on(world: StoredWorld, link: Link) -> None:
    link.open_channel(2)
    world.store(link, b"1")
    link.send(GET)
    link.send(QueueDeclare(queue="other"), channel=2)
    assert [type(answer) for answer in link.on(2)][-1] is QueueDeclareOk


def test_it_is_asked_before_consumers(world: StoredWorld, link: Link) -> None:
    link.open_channel(2)
    world.store(link, b"1", b"2")
    link.send(GET)
    link.send(BasicConsume(queue="q"), channel=2)
    world.let_go()
    assert got(link) == [b"1"]
    assert link.bodies(2) == [b"2"]


def test_without_ack(world: StoredWorld, link: Link) -> None:
    world.store(link, b"1", b"2")
    link.send(BasicGet(queue="q", no_ack=True))
    world.let_go()
    assert got(link) == [b"1"]
    assert (world.queue.ready, world.queue.unacked) == (1, 0)


def test_what_was_requeued_is_redelivered(world: StoredWorld, link: Link) -> None:
    world.store(link, b"1", b"2")
    link.send(GET)
    world.let_go()
    assert got(link) == [b"1"]
    link.send(BasicNack(delivery_tag=1, requeue=True))
    assert world.queue.head_stored
    link.send(GET)
    (content,) = link.take()
    assert isinstance(content, Content)
    assert isinstance(content.method, BasicGetOk)
    assert (content.body, content.method.redelivered) == (b"1", True)


class TestMeanwhile:
    def test_the_channel_is_closed(self, world: StoredWorld, link: Link) -> None:
        world.store(link, b"1")
        link.open_channel(2)
        link.send(GET, ChannelClose(reply_code=200, reply_text="", class_id=0, method_id=0), channel=2)
        world.let_go()
        assert [type(answer) for answer in link.take(2)][-1] is ChannelCloseOk
        link.send(GET)
        assert got(link)[-1] in (b"1", None)
        assert world.queue.ready + world.queue.unacked == 1

    def test_the_connection_ends(self, world: StoredWorld, link: Link) -> None:
        other = world.channel()
        world.store(link, b"1")
        other.send(GET)
        other.session.lost()
        world.let_go()
        assert (world.queue.ready, world.queue.unacked) == (1, 0)

    def test_the_queue_is_purged(self, world: StoredWorld, link: Link) -> None:
        link.open_channel(2)
        world.store(link, b"1", b"2")
        link.send(GET)
        link.send(QueuePurge(queue="q"), channel=2)
        assert got(link) == [None]
        world.let_go()
        assert got(link) == []
        assert (world.queue.ready, world.queue.unacked, world.queue.stored) == (0, 0, 0)

    def test_the_queue_is_purged_and_something_new_comes(self, world: StoredWorld, link: Link) -> None:
        link.open_channel(2)
        world.store(link, b"1", b"2")
        link.send(GET)
        link.send(QueuePurge(queue="q"), channel=2)
        link.publish(b"3", channel=2, properties=PERSISTENT)
        world.let_go()
        link.send(GET)
        assert got(link) == [None, b"3"]

    def test_the_queue_is_deleted(self, world: StoredWorld, link: Link) -> None:
        link.open_channel(2)
        world.store(link, b"1")
        link.send(GET)
        link.send(QueueDelete(queue="q"), channel=2)
        (closed,) = link.take()
        assert isinstance(closed, ChannelClose)
        assert closed.reply_code == 404
        world.let_go()
        assert not len(world.broker.pager)

    def test_the_queue_is_deleted_and_declared_again(self, world: StoredWorld, link: Link) -> None:
        """The answer is about the queue that has the name when it is given."""
        link.open_channel(2)
        world.store(link, b"1")
        link.send(GET)
        link.send(QueueDelete(queue="q"), QueueDeclare(queue="q", durable=True), channel=2)
        link.publish(b"2", channel=2, properties=PERSISTENT)
        world.let_go()
        (closed,) = link.take()
        assert isinstance(closed, ChannelClose)
        assert closed.reply_code == 404
        assert (world.queue.ready, world.queue.unacked) == (1, 0)

    def test_an_earlier_message_is_put_back(self, world: StoredWorld, link: Link) -> None:
        link.open_channel(2)
        world.store(link, b"1")
        world.let_go()
        link.send(GET)
        assert got(link) == [b"1"]
        link.publish(b"2", properties=PERSISTENT)
        world.queue.close_tail()
        world.run()
        world.held = True
        link.send(GET, channel=2)
        assert got(link, 2) == []
        link.send(BasicNack(delivery_tag=1, requeue=True))
        world.let_go()
        assert got(link, 2) == [b"1"]

    @pytest.mark.parametrize("fails", [False, True])
    @pytest.mark.parametrize("delivery_mode", [1, 2])
    def test_the_message_expires(self, world: StoredWorld, link: Link, delivery_mode: int, fails: bool) -> None:
        properties = encode_properties(Properties(delivery_mode=delivery_mode, expiration="20"))
        world.store(link, b"1", properties=properties)
        link.send(GET)
        if fails:
            (world.disks.spill_disk if delivery_mode == 1 else world.disks.disk).fail("read")
            world.let_go()
        world.clock.advance(30)
        world.run()
        assert world.queue.ready == 0
        world.let_go()
        world.broker.pager.try_again()
        world.run()
        assert got(link) == [None]

    def test_it_is_not_known_any_more_whether_it_is_allowed(self, world: StoredWorld) -> None:
        """Everybody is answered when it is known again, and the log goes on meanwhile."""
        rights = NoRights()
        rights.asked = []
        rights.allowed.update(("q", "amq.default"))
        world.access.rights["guest"] = rights
        link = world.channel()
        link.send(QueueDeclare(queue="q", durable=True))
        link.received.clear()
        link.open_channel(2)
        world.store(link, b"1", b"2")
        link.send(GET)
        link.send(GET, channel=2)
        rights.allowed.clear()
        world.let_go()
        assert link.received == []
        rights.answer("q")
        world.run()
        assert [got(link), got(link, 2)] == [[b"1"], [b"2"]]
        assert link.session.parked == {}

    def test_it_is_not_allowed_any_more(self, world: StoredWorld) -> None:
        rights = NoRights()
        rights.allowed.update(("q", "amq.default"))
        world.access.rights["guest"] = rights
        link = world.channel()
        link.send(QueueDeclare(queue="q", durable=True))
        world.store(link, b"1")
        link.received.clear()
        link.send(GET)
        rights.allowed.clear()
        world.let_go()
        text = "ACCESS_REFUSED - read access to queue 'q' in vhost '/' refused for user 'guest'"
        assert link.take() == [ChannelClose(403, text, 60, 70)]
        assert (world.queue.ready, world.queue.unacked) == (1, 0)

    def test_our_own_fault_costs_the_connection_and_nobody_else(
        self, world: StoredWorld, link: Link, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = world.channel()
        world.store(link, b"1")
        link.send(GET)
        other.send(GET)
        take_one = Queue.take_one
        failed: list[Queue] = []

        def fail_once(queue: Queue) -> object:
            if not failed:
                failed.append(queue)
                raise ZeroDivisionError
            return take_one(queue)

        monkeypatch.setattr(Queue, "take_one", fail_once)
        world.let_go()
        (closed,) = link.on(0)
        assert isinstance(closed, ConnectionClose)
        assert closed.reply_code == 541
        assert got(other) == [b"1"]

    def test_the_disk_refuses_for_a_while(self, world: StoredWorld, link: Link) -> None:
        world.store(link, b"1")
        link.send(GET)
        world.disks.disk.fail("read")
        world.let_go()
        assert got(link) == []
        world.broker.pager.try_again()
        world.run()
        assert got(link) == [b"1"]

    def test_the_message_is_damaged(self, world: StoredWorld, link: Link, caplog: pytest.LogCaptureFixture) -> None:
        world.store(link, b"1")
        link.publish(b"2", properties=PERSISTENT)
        (name,) = [name for name, data in world.disks.disk.files.items() if b"1" in data]
        position = world.disks.disk.files[name].rindex(b"\0\0\0\1" + b"1") + 4
        world.disks.disk.submit(1 << 40, [("write", name, position, [b"x"])], False)
        world.disks.disk.run()
        link.send(GET)
        world.let_go()
        assert got(link) == [b"2"]
        assert "set aside" in caplog.text
