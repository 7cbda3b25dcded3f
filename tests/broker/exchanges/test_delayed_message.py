"""Messages that are routed later."""

from __future__ import annotations

import pytest

from leveret.broker.broker import Broker
from leveret.clock import ManualClock
from leveret.errors import PreconditionFailed
from leveret.wire import Batch
from leveret.wire.fields import Arguments, encode_table
from leveret.wire.properties import Properties, encode_properties

from ..support import Channel, make_broker


def arguments(**values: object) -> Arguments:
    return Arguments(encode_table({name.replace("_", "-"): value for name, value in values.items()}))  # type: ignore[misc]


def properties(delay: object = None, **others: object) -> bytes:
    headers = {} if delay is None else {"x-delay": delay, "mine": 1}
    return encode_properties(Properties(headers=headers, **others))  # type: ignore[arg-type]


class Delayed:
    """A broker with a delayed exchange `d`, of type direct, and the queue `q` bound to it with the key `k`."""

    def __init__(self, broker: Broker | None = None, kind: str = "direct") -> None:
        self.broker = broker or make_broker()
        self.vhost = self.broker.vhosts["/"]
        self.channel = Channel(self.vhost)
        self.vhost.declare_exchange("d", "x-delayed-message", durable=True, arguments=arguments(x_delayed_type=kind))
        self.vhost.declare_queue("q", durable=True)
        self.vhost.bind("d", "q", "k", Arguments.EMPTY, to_queue=True, owner=None)

    def publish(self, *messages: tuple[bytes, object], key: str = "k", exchange: str = "d") -> None:
        rows = [(exchange, key, properties(delay, delivery_mode=2), body, True) for body, delay in messages]
        self.vhost.publish(Batch.build(self.broker.pool, rows, 1), self.channel)

    def wait(self, ms: int) -> None:
        clock = self.broker.clock
        assert isinstance(clock, ManualClock)
        clock.advance(ms)
        while self.broker.pump(1000):
            pass

    def bodies(self) -> list[bytes]:
        found = []
        while (body := self.channel.get("q", no_ack=True)) is not None:
            found.append(body)
        return found


class TestDeclaring:
    def test_the_type_has_to_be_there(self) -> None:
        vhost = make_broker().vhosts["/"]
        for given in (Arguments.EMPTY, arguments(x_delayed_type=5)):
            with pytest.raises(PreconditionFailed, match="'x-delayed-type' must be an existing exchange type"):
                vhost.declare_exchange("d", "x-delayed-message", arguments=given)
        with pytest.raises(PreconditionFailed, match="unknown exchange type 'none'"):
            vhost.declare_exchange("d", "x-delayed-message", arguments=arguments(x_delayed_type="none"))
        with pytest.raises(PreconditionFailed, match="'x-delayed-message' can't be used for 'x-delayed-type'"):
            vhost.declare_exchange("d", "x-delayed-message", arguments=arguments(x_delayed_type="x-delayed-message"))
        assert "d" not in vhost.router.exchanges

    def test_nobody_sees_where_messages_wait(self) -> None:
        delayed = Delayed()
        assert [*delayed.vhost.queues] == ["q"]
        assert [queue.name for queue in delayed.broker.queues()] == ["q"]
        assert not delayed.vhost.router.is_reachable("amq.rabbitmq.delayed:d")

    def test_what_waits_goes_with_the_exchange(self) -> None:
        delayed = Delayed()
        lanes = len(delayed.broker.lanes)
        delayed.publish((b"1", 1000))
        delayed.vhost.delete_exchange("d")
        assert len(delayed.broker.lanes) == lanes - 1
        delayed.wait(2000)
        assert delayed.bodies() == []
        assert delayed.broker.pool.allocated == 0


class TestDelays:
    def test_at_its_time(self) -> None:
        delayed = Delayed()
        delayed.publish((b"1", 1000))
        delayed.wait(999)
        assert delayed.bodies() == []
        delayed.wait(20)
        assert delayed.bodies() == [b"1"]

    def test_by_delay_not_by_arrival(self) -> None:
        delayed = Delayed()
        delayed.publish((b"late", 3000), (b"now", None), (b"soon", 1000), (b"also late", 3000))
        assert delayed.bodies() == [b"now"]
        delayed.wait(1100)
        assert delayed.bodies() == [b"soon"]
        delayed.wait(2000)
        assert delayed.bodies() == [b"late", b"also late"]

    @pytest.mark.parametrize("delay", [0, -5, "soon", True, (1 << 32), {"a": 1}, "", 0.5])
    def test_what_is_no_delay(self, delay: object) -> None:
        delayed = Delayed()
        delayed.publish((b"1", delay))
        assert delayed.bodies() == [b"1"]

    @pytest.mark.parametrize("delay", ["50", 50.9, 50])
    def test_kinds_of_numbers(self, delay: object) -> None:
        delayed = Delayed()
        delayed.publish((b"1", delay))
        assert delayed.bodies() == []
        delayed.wait(70)
        assert delayed.bodies() == [b"1"]

    def test_the_header_tells_of_it(self) -> None:
        delayed = Delayed()
        delayed.publish((b"1", 1000))
        delayed.wait(1100)
        got = delayed.vhost.queues["q"].take_one()
        assert got is not None
        message = got[0][got[1][0]]
        assert message.properties == encode_properties(
            Properties(headers={"mine": 1, "x-delay": -1000}, delivery_mode=2)  # type: ignore[arg-type]
        )
        assert (message.exchange, message.routing_key) == ("d", "k")

    def test_bindings_as_they_are_then(self) -> None:
        delayed = Delayed()
        delayed.publish((b"1", 1000), (b"2", 1000), key="other")
        delayed.vhost.bind("d", "q", "other", Arguments.EMPTY, to_queue=True, owner=None)
        delayed.wait(1100)
        assert delayed.bodies() == [b"1", b"2"]
        assert delayed.channel.returns == []

    def test_nowhere_to_go_then(self) -> None:
        delayed = Delayed()
        delayed.publish((b"1", 1000), key="nobody's")
        assert delayed.channel.returns == []
        delayed.wait(1100)
        assert delayed.broker.pool.allocated == 0
        delayed.publish((b"2", None), key="nobody's")
        assert delayed.channel.returns == [b"2"]

    def test_through_other_exchanges(self) -> None:
        delayed = Delayed()
        delayed.vhost.declare_exchange("f", "fanout")
        delayed.vhost.bind("f", "d", "", Arguments.EMPTY, to_queue=False, owner=None)
        delayed.publish((b"1", 1000), (b"2", None), exchange="f")
        assert delayed.bodies() == [b"2"]
        delayed.wait(1100)
        assert delayed.bodies() == [b"1"]

    def test_an_inner_type_that_looks_at_headers(self) -> None:
        delayed = Delayed(kind="headers")
        delayed.vhost.bind("d", "q", "", arguments(mine=1), to_queue=True, owner=None)
        delayed.vhost.unbind("d", "q", "k", Arguments.EMPTY, to_queue=True, owner=None)
        delayed.publish((b"1", 1000), (b"2", None))
        assert delayed.bodies() == []
        delayed.wait(1100)
        assert delayed.bodies() == [b"1"]

    def test_many_delays(self) -> None:
        delayed = Delayed()
        delays = [(number * 7919) % 5000 + 1 for number in range(10_000)]
        delayed.publish(*[(b"%d" % delay, delay) for delay in delays])
        delayed.wait(2500)
        early = [int(body) for body in delayed.bodies()]
        assert sorted(early) == sorted(delay for delay in delays if delay <= 2500)
        delayed.wait(2600)
        assert len(delayed.bodies()) == 10_000 - len(early)
