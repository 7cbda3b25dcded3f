"""What becomes of messages in a queue: time to live, length limits, dead letters, priorities, delivery limits; and of
queues that nobody uses.
"""

from __future__ import annotations

import pytest

from leveret.wire.fields import Arguments, Timestamp, Value
from leveret.wire.methods import (
    BasicAck,
    BasicCancel,
    BasicConsume,
    BasicGet,
    BasicGetEmpty,
    BasicGetOk,
    BasicNack,
    BasicQos,
    BasicReject,
    ChannelClose,
    ChannelOpen,
    ConfirmSelect,
    ExchangeDeclare,
    QueueBind,
    QueueDeclare,
    QueueDeclareOk,
    TxCommit,
    TxSelect,
)
from leveret.wire.properties import Properties, decode_properties, encode_properties
from leveret.wire.records import SetPolicy

from ..amqp.support import Content, Link
from .support import args, bodies_in, client, refused, reopen

LETTERS = {"x_dead_letter_exchange": "", "x_dead_letter_routing_key": "dead"}


def queue(link: Link, name: str = "q", **arguments: Value) -> None:
    assert isinstance(link.call(QueueDeclare(queue=name, arguments=args(**arguments))), QueueDeclareOk)
    link.received.clear()


def count(link: Link, name: str = "q") -> int:
    answer = link.call(QueueDeclare(queue=name, passive=True))
    assert isinstance(answer, QueueDeclareOk)
    return answer.message_count


def props(**values: object) -> bytes:
    return encode_properties(Properties(**values))  # type: ignore[arg-type]


def deaths(link: Link, name: str = "dead") -> tuple[bytes, Properties]:
    got = link.call(BasicGet(name, no_ack=True))
    assert isinstance(got, Content)
    return got.body, decode_properties(got.properties)


def delivered(link: Link) -> list[bytes]:
    found = [what.body for what in link.take() if isinstance(what, Content)]
    link.received.clear()
    return found


class TestTimeToLive:
    def test_of_a_queue(self) -> None:
        link = client()
        queue(link, x_message_ttl=1000)
        link.publish(b"1")
        link.world.tick(600)
        link.publish(b"2")
        link.world.tick(500)
        assert bodies_in(link, "q") == [b"2"]

    def test_of_a_message_the_lower_one_holds(self) -> None:
        link = client()
        queue(link, x_message_ttl=1000)
        link.publish(b"short", properties=props(expiration="100"))
        link.publish(b"long", properties=props(expiration="9000"))
        link.world.tick(200)
        assert count(link) == 1
        link.world.tick(900)
        assert count(link) == 0

    def test_wherever_a_message_stands(self) -> None:
        link = client()
        queue(link)
        link.publish(b"for ever")
        link.publish(b"short", properties=props(expiration="100"))
        link.world.tick(200)
        assert count(link) == 1

    def test_of_0_reaches_who_waits_or_nobody(self) -> None:
        link = client()
        queue(link, x_message_ttl=0)
        link.publish(b"1")
        assert count(link) == 0
        link.call(BasicConsume(queue="q", consumer_tag="c"))
        link.received.clear()
        link.publish(b"2")
        assert delivered(link) == [b"2"]
        link.send(BasicNack(delivery_tag=1, requeue=True))
        assert delivered(link) == []

    def test_goes_on_while_a_message_is_outstanding(self) -> None:
        link = client()
        queue(link)
        link.publish(b"1", properties=props(expiration="1000"))
        link.call(BasicGet("q"))
        link.world.tick(1100)
        link.send(BasicReject(delivery_tag=1, requeue=True))
        assert count(link) == 0

    def test_a_policy_is_for_what_comes_later(self) -> None:
        link = client()
        queue(link)
        link.publish(b"1")
        link.world.broker.vhosts["/"].set_policy(SetPolicy("/", "p", False, "q", {"message-ttl": 100}, 0, "queues"))
        link.world.run()
        link.publish(b"2")
        link.world.tick(200)
        assert bodies_in(link, "q") == [b"1"]

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ("", "no_integer"),
            ("abc", "no_integer"),
            (" 1", "no_integer"),
            ("-1", "{value_negative,-1}"),
            ("1.5", '{leftover_string,".5"}'),
            ("1\n", '{leftover_string,"\\n"}'),
            ("315360000001", "{value_too_large,315360000001}"),
        ],
    )
    def test_what_is_no_expiration(self, value: str, reason: str) -> None:
        link = client()
        queue(link)
        link.publish(b"1")
        link.publish(b"2", properties=props(expiration="5"))
        link.publish(b"3", properties=props(expiration=value))
        (answer,) = link.take()
        assert isinstance(answer, ChannelClose)
        text = f"PRECONDITION_FAILED - invalid expiration '{value}': {reason}"
        assert (answer.reply_code, answer.reply_text) == (406, text)
        reopen(link)
        assert count(link) == 2

    @pytest.mark.parametrize("value", ["0", "007", "+1", "315360000000"])
    def test_what_is_one(self, value: str) -> None:
        link = client()
        queue(link)
        link.publish(b"1", properties=props(expiration=value))
        assert link.take() == []


class TestUnusedQueues:
    def there(self, link: Link) -> bool:
        return "q" in link.world.broker.vhosts["/"].queues

    def test_go_after_their_time(self) -> None:
        link = client()
        queue(link, x_expires=1000)
        link.publish(b"1")
        link.world.tick(999)
        assert self.there(link)
        link.world.tick(2)
        assert not self.there(link)

    def test_gets_and_declarations_use_them(self) -> None:
        link = client()
        queue(link, x_expires=1000)
        for use in (
            BasicGet("q"),
            QueueDeclare(queue="q", passive=True),
            QueueDeclare("q", arguments=args(x_expires=1000)),
        ):
            link.world.tick(900)
            link.call(use)
        link.world.tick(900)
        assert self.there(link)
        link.world.tick(200)
        assert not self.there(link)

    def test_publishing_does_not(self) -> None:
        link = client()
        queue(link, x_expires=1000)
        link.world.tick(900)
        link.publish(b"1")
        link.world.tick(200)
        assert not self.there(link)

    def test_consumers_do_as_long_as_they_are_there(self) -> None:
        link = client()
        queue(link, x_expires=1000)
        link.call(BasicConsume(queue="q", consumer_tag="c"))
        link.world.tick(5000)
        assert self.there(link)
        link.call(BasicCancel("c"))
        link.world.tick(900)
        assert self.there(link)
        link.world.tick(200)
        assert not self.there(link)

    def test_a_policy_may_say_so(self) -> None:
        link = client()
        queue(link)
        link.world.broker.vhosts["/"].set_policy(SetPolicy("/", "p", False, "q", {"expires": 500}, 0, "queues"))
        link.world.run()
        link.world.tick(600)
        assert not self.there(link)


class TestLimits:
    def test_the_oldest_go(self) -> None:
        link = client()
        queue(link, x_max_length=2)
        link.publish(b"1", b"2", b"3")
        assert bodies_in(link, "q") == [b"2", b"3"]

    def test_bytes_are_those_of_bodies(self) -> None:
        link = client()
        queue(link, x_max_length_bytes=10)
        link.publish(b"12345", b"67890", properties=props(app_id="x" * 200))
        assert count(link) == 2
        link.publish(b"x")
        assert bodies_in(link, "q") == [b"67890", b"x"]
        link.publish(bytes(11))
        assert count(link) == 0

    def test_only_ready_messages_count(self) -> None:
        link = client()
        queue(link, x_max_length=1)
        link.call(BasicConsume(queue="q", consumer_tag="c"))
        link.received.clear()
        link.publish(b"1", b"2", b"3")
        assert delivered(link) == [b"1", b"2", b"3"]

    def test_what_comes_back_pushes_out_what_is_first(self) -> None:
        link = client()
        queue(link, x_max_length=1)
        link.publish(b"1")
        link.call(BasicGet("q"))
        link.publish(b"2")
        link.send(BasicNack(delivery_tag=1, requeue=True))
        assert bodies_in(link, "q") == [b"2"]

    def test_of_priorities_the_highest_go_first(self) -> None:
        link = client()
        queue(link, x_max_length=1, x_max_priority=5)
        link.publish(b"high", properties=props(priority=5))
        link.publish(b"low")
        assert bodies_in(link, "q") == [b"low"]

    @pytest.mark.parametrize("overflow", ["reject-publish", "reject-publish-dlx"])
    def test_new_ones_are_refused(self, overflow: str) -> None:
        link = client()
        queue(link, "dead")
        queue(link, x_max_length=1, x_overflow=overflow, **LETTERS)
        link.call(ConfirmSelect())
        link.received.clear()
        link.publish(b"1", b"2")
        told = link.take()
        acks = [what for what in told if isinstance(what, BasicAck)]
        nacks = [what for what in told if isinstance(what, BasicNack)]
        assert ([ack.delivery_tag for ack in acks], [nack.delivery_tag for nack in nacks]) == ([1], [2])
        assert bodies_in(link, "q") == [b"1"]
        if overflow == "reject-publish":
            assert count(link, "dead") == 0
        else:
            body, properties = deaths(link)
            assert body == b"2"
            assert properties.headers is not None
            assert properties.headers["x-first-death-reason"] == "maxlen"

    def test_one_queue_that_refuses_is_enough_for_a_nack_and_others_keep_it(self) -> None:
        link = client()
        queue(link, x_max_length=0, x_overflow="reject-publish")
        queue(link, "other")
        for name in ("q", "other"):
            link.call(QueueBind(queue=name, exchange="amq.fanout"))
        link.call(ConfirmSelect())
        link.received.clear()
        link.publish(b"1", exchange="amq.fanout")
        assert [type(what) for what in link.take()] == [BasicNack]
        assert bodies_in(link, "other") == [b"1"]

    def test_without_confirms_nobody_hears_of_it(self) -> None:
        link = client()
        queue(link, x_max_length=0, x_overflow="reject-publish")
        link.received.clear()
        link.publish(b"1", mandatory=True)
        assert link.take() == []

    def test_a_transaction_that_is_refused_in_part(self) -> None:
        link = client()
        queue(link, x_max_length=1, x_overflow="reject-publish")
        link.call(TxSelect())
        link.publish(b"1", b"2")
        assert refused(link, TxCommit()) == (406, "PRECONDITION_FAILED - partial tx completion")
        assert bodies_in(link, "q") == [b"1"]

    def test_a_policy_shortens_at_once(self) -> None:
        link = client()
        queue(link)
        link.publish(b"1", b"2", b"3")
        link.world.broker.vhosts["/"].set_policy(SetPolicy("/", "p", False, "q", {"max-length": 1}, 0, "queues"))
        link.world.run()
        assert bodies_in(link, "q") == [b"3"]


class TestDeadLetters:
    def test_what_is_rejected(self) -> None:
        link = client()
        queue(link, "dead")
        link.call(ExchangeDeclare("x", "fanout"))
        queue(link, x_dead_letter_exchange="amq.direct", x_dead_letter_routing_key="k")
        link.call(QueueBind(queue="q", exchange="x"))
        link.call(QueueBind(queue="dead", exchange="amq.direct", routing_key="k"))
        raw = props(headers={"mine": 1}, expiration="60000", delivery_mode=2)
        link.publish(b"1", exchange="x", key="original", properties=raw)
        link.call(BasicGet("q"))
        link.send(BasicReject(delivery_tag=1, requeue=False))
        got = link.call(BasicGet("dead"))
        assert isinstance(got, Content)
        assert isinstance(got.method, BasicGetOk)
        assert (got.method.exchange, got.method.routing_key, got.method.redelivered) == ("amq.direct", "k", False)
        properties = decode_properties(got.properties)
        assert (properties.expiration, properties.delivery_mode) == (None, 2)
        first = {f"x-first-death-{name}": value for name, value in DEATH.items()}
        last = {f"x-last-death-{name}": value for name, value in DEATH.items()}
        assert properties.headers is not None
        headers = dict(properties.headers)
        (death,) = headers.pop("x-death")  # type: ignore[misc]
        assert headers == {"mine": 1, **first, **last}
        assert death == {
            "original-expiration": "60000",
            "count": 1,
            "reason": "rejected",
            "queue": "q",
            "time": Timestamp(link.world.clock.wall_ms() // 1000),
            "exchange": "x",
            "routing-keys": ["original"],
        }

    def test_deaths_count_and_the_newest_is_first(self) -> None:
        link = client()
        queue(link, "a", x_dead_letter_exchange="", x_dead_letter_routing_key="b")
        queue(link, "b", x_dead_letter_exchange="", x_dead_letter_routing_key="a")
        link.publish(b"1", key="a")
        for tag, name in enumerate(["a", "b", "a"], 1):
            link.call(BasicGet(name))
            link.send(BasicReject(delivery_tag=tag, requeue=False))
        _, properties = deaths(link, "b")
        assert properties.headers is not None
        told = properties.headers["x-death"]
        assert [(each["queue"], each["count"]) for each in told] == [("a", 2), ("b", 1)]  # type: ignore[union-attr,index,call-overload]
        assert properties.headers["x-first-death-queue"] == "a"

    def test_a_circle_without_a_rejection_ends(self) -> None:
        link = client()
        queue(link, x_message_ttl=10, x_dead_letter_exchange="")
        link.publish(b"1")
        link.world.tick(30)
        assert count(link) == 0

    def test_a_circle_with_one_goes_on(self) -> None:
        link = client()
        queue(link, x_dead_letter_exchange="", x_dead_letter_routing_key="wait")
        queue(link, "wait", x_message_ttl=10, x_dead_letter_exchange="", x_dead_letter_routing_key="q")
        link.publish(b"1")
        for tag in range(1, 4):
            link.call(BasicGet("q"))
            link.send(BasicReject(delivery_tag=tag, requeue=False))
            link.world.tick(30)
        assert count(link) == 1

    def test_without_an_exchange_they_are_gone(self) -> None:
        link = client()
        queue(link, x_dead_letter_exchange="nowhere")
        link.publish(b"1")
        link.call(BasicGet("q"))
        link.send(BasicReject(delivery_tag=1, requeue=False))
        assert link.world.broker.pool.allocated == 0

    def test_an_internal_exchange_takes_them(self) -> None:
        link = client()
        queue(link, "dead")
        link.call(ExchangeDeclare("inside", "fanout", internal=True))
        link.call(QueueBind(queue="dead", exchange="inside"))
        queue(link, x_message_ttl=0, x_dead_letter_exchange="inside")
        link.publish(b"1")
        assert deaths(link)[0] == b"1"

    def test_a_purge_is_no_death(self) -> None:
        from leveret.wire.methods import QueuePurge

        link = client()
        queue(link, "dead")
        queue(link, **LETTERS)
        link.publish(b"1")
        link.call(QueuePurge("q"))
        assert count(link, "dead") == 0

    def test_rejects_of_a_transaction_die_when_it_commits(self) -> None:
        link = client()
        queue(link, "dead")
        queue(link, **LETTERS)
        link.publish(b"1")
        link.call(TxSelect())
        link.call(BasicGet("q"))
        link.send(BasicReject(delivery_tag=1, requeue=False))
        assert count(link, "dead") == 0
        link.call(TxCommit())
        assert count(link, "dead") == 1

    def test_deaths_that_a_publisher_tells_are_counted_on(self) -> None:
        link = client()
        queue(link, "dead")
        queue(link, **LETTERS)
        told: Value = [{"queue": "q", "reason": "rejected", "count": 5, "exchange": "", "routing-keys": ["q"]}]
        link.publish(b"1", properties=props(headers=Arguments.of({"x-death": told})))
        link.call(BasicGet("q"))
        link.send(BasicReject(delivery_tag=1, requeue=False))
        _, properties = deaths(link)
        assert properties.headers is not None
        assert properties.headers["x-death"][0]["count"] == 6  # type: ignore[union-attr,index,call-overload]

    def test_a_delivery_limit(self) -> None:
        link = client()
        queue(link, "dead")
        queue(link, x_delivery_limit=2, **LETTERS)
        link.publish(b"1")
        for tag in (1, 2):
            link.call(BasicGet("q"))
            link.send(BasicNack(delivery_tag=tag, requeue=True))
            assert count(link) == 1
        link.call(BasicGet("q"))
        link.call(ChannelClose(200, "", 0, 0))
        link.call(ChannelOpen())
        assert count(link) == 0
        _, properties = deaths(link)
        assert properties.headers is not None
        assert properties.headers["x-first-death-reason"] == "delivery_limit"


DEATH = {"queue": "q", "reason": "rejected", "exchange": "x"}


class TestPriorities:
    def test_the_highest_first_and_in_order_within_one(self) -> None:
        link = client()
        queue(link, x_max_priority=5)
        for number, priority in enumerate([0, 5, 1, 5, None, 9]):
            link.publish(b"%d" % number, properties=props(priority=priority))
        assert bodies_in(link, "q") == [b"1", b"3", b"5", b"2", b"0", b"4"]

    def test_requeued_ones_return_to_their_place(self) -> None:
        link = client()
        queue(link, x_max_priority=5)
        for number, priority in enumerate([1, 5, 1]):
            link.publish(b"%d" % number, properties=props(priority=priority))
        link.call(BasicGet("q"))
        link.call(BasicGet("q"))
        link.send(BasicNack(delivery_tag=2, multiple=True, requeue=True))
        assert bodies_in(link, "q") == [b"1", b"0", b"2"]

    def test_without_the_argument_they_mean_nothing(self) -> None:
        link = client()
        queue(link)
        for number in range(3):
            link.publish(b"%d" % number, properties=props(priority=number))
        assert bodies_in(link, "q") == [b"0", b"1", b"2"]

    def test_what_was_delivered_is_not_overtaken(self) -> None:
        link = client()
        queue(link, x_max_priority=5)
        link.call(BasicQos(prefetch_count=1))
        link.call(BasicConsume(queue="q", consumer_tag="c"))
        link.received.clear()
        link.publish(b"low")
        link.publish(b"high", properties=props(priority=5))
        assert delivered(link) == [b"low"]
        link.send(BasicAck(delivery_tag=1))
        assert delivered(link) == [b"high"]

    @pytest.mark.parametrize("value", [256, -1])
    def test_levels_are_at_most_255(self, value: int) -> None:
        link = client()
        code, text = refused(link, QueueDeclare(queue="q", arguments=args(x_max_priority=value)))
        assert code == 406
        assert "x-max-priority" in text
        assert isinstance(link.call(BasicGet("q")), ChannelClose | BasicGetEmpty)
