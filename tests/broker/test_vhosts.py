"""Virtual hosts: made, changed, told in checkpoints, and deleted with everything in them."""

from __future__ import annotations

import pytest

from leveret.broker import vhosts as module
from leveret.broker.broker import Broker
from leveret.errors import NotImplemented_, PreconditionFailed, VHostError
from leveret.limits import PREDECLARED_IDS
from leveret.ports import Position
from leveret.wire.definitions import ClearParameter, DeleteVHost, SetParameter, SetVHost
from leveret.wire.fields import Arguments

from ..simulation.world import World
from .support import PERSISTENT, Channel, batch, make_broker, pump

NONE = Arguments.EMPTY


@pytest.fixture
def broker() -> Broker:
    return make_broker()


def delete(broker: Broker, name: str) -> Position | None:
    told: list[Position | None] = []
    broker.vhosts.delete(name, told.append)
    pump(broker)
    (position,) = told
    return position


class TestPut:
    def test_a_new_one_has_what_every_one_has(self, broker: Broker) -> None:
        assert broker.vhosts.put("shop", description="of hats", tags=("a", "b")) is not None
        shop = broker.vhosts["shop"]
        assert sorted(shop.router.exchanges) == sorted(
            broker.vhosts["/"].router.exchanges.keys() - {"amq.rabbitmq.event"}
        )
        assert (shop.definition.description, shop.definition.tags) == ("of hats", ("a", "b"))

    def test_what_is_not_said_stays(self, broker: Broker) -> None:
        broker.vhosts.put("shop", description="of hats", tags=("a",))
        shop = broker.vhosts["shop"]
        broker.vhosts.put("shop", default_queue_type="classic", protected=True)
        assert broker.vhosts["shop"] is shop
        assert shop.definition == SetVHost("shop", shop.definition.first_id, "of hats", ("a",), "classic", True)
        assert broker.vhosts.put("shop") is None

    def test_the_same_names_are_other_objects(self, broker: Broker) -> None:
        broker.vhosts.put("shop")
        for name in ("/", "shop"):
            broker.vhosts[name].declare_queue("q")
            broker.vhosts[name].bind("amq.fanout", "q", "", NONE, to_queue=True, owner=None)
        broker.vhosts["shop"].publish(batch(broker, b"1", exchange="amq.fanout"), Channel(broker.vhosts["shop"]))
        assert broker.vhosts["/"].queues["q"].message_count == 0
        assert broker.vhosts["shop"].queues["q"].message_count == 1

    @pytest.mark.parametrize("name", ["", "a" * 256])
    def test_names(self, broker: Broker, name: str) -> None:
        with pytest.raises(VHostError, match="1 to 255 bytes"):
            broker.vhosts.put(name)

    def test_how_many(self, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "VHOSTS_MAX", 2)
        broker.vhosts.put("one")
        broker.vhosts.put("one", description="it is there")
        with pytest.raises(VHostError, match="cannot create vhost 'two': vhost limit of 2 is reached"):
            broker.vhosts.put("two")

    def test_the_exchanges_have_room_for_their_ids(self, broker: Broker) -> None:
        broker.vhosts.put("shop")
        broker.vhosts.put("next")
        assert broker.vhosts["next"].definition.first_id - broker.vhosts["shop"].definition.first_id == PREDECLARED_IDS
        assert len(broker.vhosts["next"].router.exchanges) <= PREDECLARED_IDS


class TestDelete:
    def test_everything_goes(self, broker: Broker) -> None:
        before = {*broker.objects}
        broker.vhosts.put("shop")
        shop = broker.vhosts["shop"]
        channel = Channel(shop)
        for number in range(5):
            shop.declare_queue(f"q{number}", durable=True)
        shop.declare_exchange("x", "fanout", durable=True)
        shop.declare_exchange("later", "x-delayed-message", arguments=Arguments.of({"x-delayed-type": "fanout"}))
        shop.bind("x", "q1", "", NONE, to_queue=True, owner=None)
        shop.publish(batch(broker, b"1", key="q0", properties=PERSISTENT), channel)
        channel.consume("q2", "c")
        broker.commit(SetParameter("shop", "vhost-limits", "limits", {"max-queues": 9}))
        assert delete(broker, "shop") is not None
        assert "shop" not in broker.vhosts
        assert {*broker.objects} == before
        assert broker.lanes == {}
        assert channel.cancels == ["c"]
        assert len(broker.parameters) == 0

    def test_a_few_per_turn(self, broker: Broker) -> None:
        shop = broker.vhosts["/"]
        for number in range(3):
            shop.declare_queue(f"q{number}")
        told: list[Position | None] = []
        broker.vhosts.delete("/", told.append)
        broker.vhosts.delete("/", told.append)
        broker.vhosts.step(0)
        assert len(shop.queues) == 2
        assert told == []
        with pytest.raises(VHostError, match="is being deleted"):
            broker.vhosts.put("/")
        pump(broker)
        assert len(told) == 2

    def test_and_made_again(self, broker: Broker) -> None:
        broker.vhosts["/"].declare_queue("q")
        delete(broker, "/")
        broker.vhosts.put("/")
        assert not broker.vhosts["/"].queues
        broker.vhosts["/"].declare_queue("q")
        broker.vhosts["/"].bind("amq.rabbitmq.event", "q", "#", NONE, to_queue=True, owner=None)
        broker.vhosts["/"].declare_queue("other")
        pump(broker)
        assert broker.vhosts["/"].queues["q"].message_count > 0

    def test_not_if_it_is_protected(self, broker: Broker) -> None:
        broker.vhosts.put("/", protected=True)
        with pytest.raises(VHostError, match="vhost '/' is protected from deletion"):
            broker.vhosts.delete("/", lambda position: None)

    def test_not_if_it_is_not_there(self, broker: Broker) -> None:
        with pytest.raises(VHostError, match="vhost 'shop' does not exist"):
            broker.vhosts.delete("shop", lambda position: None)


class TestLimits:
    def test_queues(self, broker: Broker) -> None:
        broker.commit(SetParameter("/", "vhost-limits", "limits", {"max-queues": 1}))
        vhost = broker.vhosts["/"]
        vhost.declare_queue("q")
        vhost.declare_queue("q")
        with pytest.raises(PreconditionFailed) as refusal:
            vhost.declare_queue("p")
        assert str(refusal.value) == "cannot declare queue 'p': queue limit in vhost '/' (1) is reached"
        broker.commit(ClearParameter("/", "vhost-limits", "limits"))
        vhost.declare_queue("p")

    def test_the_default_queue_type(self, broker: Broker) -> None:
        broker.vhosts.put("/", default_queue_type="quorum")
        vhost = broker.vhosts["/"]
        with pytest.raises(NotImplemented_, match="of type 'quorum': only classic queues are implemented"):
            vhost.declare_queue("q", durable=True)
        vhost.declare_queue("q", durable=True, arguments=Arguments.of({"x-queue-type": "classic"}))
        vhost.declare_queue("transient")
        vhost.declare_queue("mine", durable=True, exclusive=True, owner=object())


class TestAfterARestart:
    @pytest.mark.parametrize("checkpoint", [False, True])
    def test_they_are_there(self, checkpoint: bool) -> None:
        world = World()
        broker = world.broker
        broker.vhosts.put("shop", description="of hats")
        broker.vhosts["shop"].declare_queue("q", durable=True)
        broker.vhosts["shop"].publish(batch(broker, b"1", properties=PERSISTENT), Channel(broker.vhosts["shop"]))
        broker.commit(SetParameter("", "cluster", "name", "hats"))
        if checkpoint:
            world.run()
            while world.checkpointing.step(0):
                world.run(1)
        world.sync()
        again = World(world.disk.files).broker
        assert again.vhosts["shop"].definition == broker.vhosts["shop"].definition
        assert again.vhosts["shop"].queues["q"].message_count == 1
        assert again.parameters.get("", "cluster", "name") == "hats"
        assert again.peek_id() == broker.peek_id()

    @pytest.mark.parametrize("checkpoint", [False, True])
    @pytest.mark.parametrize("again_made", [False, True])
    def test_those_that_were_deleted_are_not(self, checkpoint: bool, again_made: bool) -> None:
        world = World()
        broker = world.broker
        broker.vhosts["/"].declare_queue("q", durable=True)
        broker.vhosts.put("shop")
        for name in ("/", "shop"):
            broker.vhosts.delete(name, lambda position: None)
        world.run()
        assert [*broker.vhosts] == []
        if again_made:
            broker.vhosts.put("/")
            broker.vhosts["/"].declare_queue("p", durable=True)
        if checkpoint:
            while world.checkpointing.step(0):
                world.run(1)
        world.sync()
        again = World(world.disk.files).broker
        assert [*again.vhosts] == [*broker.vhosts]
        assert [queue.name for queue in again.queues()] == (["p"] if again_made else [])
        assert again.objects.keys() == broker.objects.keys()


def test_what_a_log_says_of_one_that_is_there_with_all_in_it(broker: Broker) -> None:
    """Of a log that is damaged: what deleted its queues is missing."""
    broker.vhosts["/"].declare_queue("q", durable=True)
    broker.apply(DeleteVHost("/"))
    broker.apply(DeleteVHost("/"))
    assert not broker.objects
    assert not broker.lanes


def test_events(broker: Broker) -> None:
    vhost = broker.vhosts["/"]
    vhost.declare_queue("events")
    vhost.bind("amq.rabbitmq.event", "events", "#", NONE, to_queue=True, owner=None)
    pump(broker)
    vhost.purge_queue("events")
    broker.vhosts.put("shop")
    broker.vhosts.put("shop", description="more")
    delete(broker, "shop")
    channel = Channel(vhost)
    channel.consume("events", "c")
    keys: list[str] = []
    channel.deliver = lambda consumer, extent, rows: keys.extend(extent[row].routing_key for row in rows)  # type: ignore[method-assign]
    pump(broker)
    assert keys == ["vhost.created", "vhost.deleted", "consumer.created"]
