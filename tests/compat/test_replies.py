"""Direct reply-to, and messages with more than one routing key (CC and BCC)."""

from __future__ import annotations

import pytest

from leveret.wire.fields import Arguments, Value
from leveret.wire.methods import (
    BasicCancel,
    BasicConsume,
    BasicConsumeOk,
    BasicDeliver,
    BasicGet,
    BasicReturn,
    ChannelClose,
    ConnectionClose,
    ExchangeDeclare,
    QueueBind,
    QueueDeclare,
    QueueDeclareOk,
    QueueUnbind,
)
from leveret.wire.properties import Properties, decode_properties, encode_properties

from ..amqp.support import Content, Link
from .support import bodies_in, client, headers, refused, reopen

NAME = "amq.rabbitmq.reply-to"


def consuming() -> Link:
    """Channel 1 consumes replies, the queue `q` is there."""
    link = client()
    link.call(QueueDeclare("q"))
    assert link.call(BasicConsume(queue=NAME, consumer_tag="r", no_ack=True)) == BasicConsumeOk("r")
    link.received.clear()
    return link


def asked(link: Link, body: bytes = b"?", channel: int = 1) -> str:
    """Ask a question by `q`; where the answer is to go."""
    link.publish(body, properties=encode_properties(Properties(reply_to=NAME, correlation_id="c")), channel=channel)
    got = link.call(BasicGet("q", no_ack=True))
    assert isinstance(got, Content)
    properties = decode_properties(got.properties)
    assert properties.correlation_id == "c"
    assert properties.reply_to is not None
    assert properties.reply_to.startswith(NAME + ".")
    link.received.clear()
    return properties.reply_to


def answers(link: Link) -> list[tuple[str, str, bytes]]:
    contents = [(what.method, what.body) for what in link.take() if isinstance(what, Content)]
    link.received.clear()
    return [
        (method.consumer_tag, method.exchange, body) for method, body in contents if isinstance(method, BasicDeliver)
    ]


class TestReplies:
    def test_an_answer(self) -> None:
        link = consuming()
        name = asked(link)
        other = link.world.channel()
        other.publish(b"!", key=name, mandatory=True)
        assert other.take() == []
        assert answers(link) == [("r", "", b"!")]
        assert asked(link) == name

    def test_names_cannot_be_guessed_and_differ(self) -> None:
        assert asked(consuming()) != NAME + "."
        link = consuming()
        other = link.world.channel()
        other.call(BasicConsume(queue=NAME, no_ack=True))
        assert asked(link) != asked(other)

    def test_it_ends_with_its_consumer(self) -> None:
        link = consuming()
        name = asked(link)
        link.call(BasicCancel("r"))
        link.received.clear()
        link.publish(b"!", key=name, mandatory=True)
        (returned,) = link.take()
        assert isinstance(returned, Content)
        assert isinstance(returned.method, BasicReturn)
        assert refused(link, QueueDeclare(queue=name))[0] == 404

    def test_it_ends_with_its_channel(self) -> None:
        link = consuming()
        name = asked(link)
        lanes = len(link.world.broker.lanes)
        link.send(ChannelClose(200, "", 0, 0))
        assert len(link.world.broker.lanes) == lanes - 1
        other = link.world.channel()
        other.publish(b"!", key=name, mandatory=True)
        assert len(other.take()) == 1

    def test_who_does_not_consume_replies_cannot_ask_for_one(self) -> None:
        link = client()
        link.publish(b"1", b"2", properties=encode_properties(Properties(reply_to=NAME)))
        (answer,) = link.take()
        assert isinstance(answer, ChannelClose)
        assert (answer.reply_code, answer.reply_text) == (
            406,
            "PRECONDITION_FAILED - fast reply consumer does not exist",
        )

    def test_it_does_not_acknowledge_and_is_alone(self) -> None:
        link = client()
        text = "PRECONDITION_FAILED - reply consumer cannot acknowledge"
        assert refused(link, BasicConsume(queue=NAME)) == (406, text)
        link.call(BasicConsume(queue=NAME, no_ack=True))
        text = "PRECONDITION_FAILED - reply consumer already set"
        assert refused(link, BasicConsume(queue=NAME, no_ack=True)) == (406, text)
        link.call(BasicConsume(queue=NAME, consumer_tag="again", no_ack=True))

    def test_the_tag_of_another_consumer(self) -> None:
        link = client()
        link.call(QueueDeclare("q"))
        link.call(BasicConsume(queue="q", consumer_tag="c"))
        link.received.clear()
        link.send(BasicConsume(queue=NAME, consumer_tag="c", no_ack=True))
        (answer,) = link.take(0)
        assert isinstance(answer, ConnectionClose)
        assert answer.reply_code == 530

    def test_it_can_be_looked_up_whatever_is_asked_for(self) -> None:
        link = consuming()
        for name in (NAME, asked(link)):
            for declare in (QueueDeclare(queue=name), QueueDeclare(queue=name, passive=True, durable=True)):
                assert link.call(declare) == QueueDeclareOk(name, 0, 1)

    def test_nothing_is_bound_to_it(self) -> None:
        link = consuming()
        text = "ACCESS_REFUSED - cannot bind or unbind to a volatile (direct reply-to) queue"
        for name in (NAME, asked(link)):
            assert refused(link, QueueBind(queue=name, exchange="amq.direct")) == (403, text)
            link.call(BasicConsume(queue=NAME, no_ack=True))
            assert refused(link, QueueUnbind(queue=name, exchange="amq.direct")) == (403, text)
            link.call(BasicConsume(queue=NAME, no_ack=True))

    def test_nobody_else_consumes_or_gets_it(self) -> None:
        link = consuming()
        name = asked(link)
        other = link.world.channel()
        assert refused(other, BasicConsume(queue=name))[0] == 404
        assert refused(other, BasicGet(queue=name))[0] == 404


def copied(link: Link, table: dict[str, Value], key: str = "a", exchange: str = "") -> None:
    link.publish(b"1", exchange=exchange, key=key, properties=headers(table), mandatory=True)


class TestCopies:
    def start(self) -> Link:
        link = client()
        for name in ("a", "b", "c"):
            link.call(QueueDeclare(name))
        link.received.clear()
        return link

    def test_each_key_counts_and_each_queue_gets_it_once(self) -> None:
        link = self.start()
        copied(link, {"CC": ["b", "a", "b"], "BCC": ["c"]})
        assert [bodies_in(link, name) for name in ("a", "b", "c")] == [[b"1"]] * 3

    def test_bcc_is_taken_out(self) -> None:
        link = self.start()
        copied(link, {"CC": ["b"], "BCC": ["c"], "other": 1})
        for name in ("a", "b", "c"):
            got = link.call(BasicGet(name, no_ack=True))
            assert isinstance(got, Content)
            assert decode_properties(got.properties).headers == Arguments.of({"CC": ["b"], "other": 1})

    def test_of_other_exchanges(self) -> None:
        link = self.start()
        link.call(ExchangeDeclare("x", "topic"))
        link.call(QueueBind(queue="a", exchange="x", routing_key="one.*"))
        link.call(QueueBind(queue="b", exchange="x", routing_key="two.*"))
        link.received.clear()
        copied(link, {"CC": ["two.x"]}, "one.x", "x")
        assert [bodies_in(link, name) for name in ("a", "b", "c")] == [[b"1"], [b"1"], []]

    def test_a_queue_keeps_its_order(self) -> None:
        link = self.start()
        for number in range(6):
            table: dict[str, Value] = {"CC": ["b"]} if number % 2 else {}
            link.publish(b"%d" % number, key="b" if number % 3 else "a", properties=headers(table))
        assert bodies_in(link, "b") == [b"1", b"2", b"3", b"4", b"5"]

    def test_none_of_them_reaches_a_queue(self) -> None:
        link = self.start()
        copied(link, {"CC": ["nobody"], "BCC": ["nobody either"]}, "nowhere")
        (returned,) = link.take()
        assert isinstance(returned, Content)
        assert isinstance(returned.method, BasicReturn)
        assert returned.method.routing_key == "nowhere"
        assert decode_properties(returned.properties).headers == Arguments.of({"CC": ["nobody"]})

    @pytest.mark.parametrize(
        ("table", "kind"),
        [
            ({"CC": "a"}, '"CC",longstr'),
            ({"BCC": 5}, '"BCC",signedint'),
            ({"CC": {}, "BCC": 1}, '"CC",table'),
            ({"CC": None}, '"CC",void'),
        ],
    )
    def test_what_is_no_array(self, table: dict[str, Value], kind: str) -> None:
        link = self.start()
        copied(link, table)
        (answer,) = link.take()
        assert isinstance(answer, ChannelClose)
        text = f"PRECONDITION_FAILED - invalid message: {{unacceptable_type_in_header,{kind}}}"
        assert (answer.reply_code, answer.reply_text) == (406, text)
        reopen(link)
        assert bodies_in(link, "a") == []

    def test_what_is_no_text_in_it_does_not_count(self) -> None:
        link = self.start()
        copied(link, {"CC": [1, "b", None]})
        assert [bodies_in(link, name) for name in ("a", "b", "c")] == [[b"1"], [b"1"], []]

    def test_dead_letters_go_to_all_keys_unless_they_have_one(self) -> None:
        link = self.start()
        link.call(ExchangeDeclare("dlx", "direct"))
        for name in ("a", "b"):
            link.call(QueueBind(queue=name, exchange="dlx", routing_key=name))
        arguments = Arguments.of({"x-message-ttl": 0, "x-dead-letter-exchange": "dlx"})
        link.call(QueueDeclare("died", arguments=arguments))
        link.call(ExchangeDeclare("x", "fanout"))
        link.call(QueueBind(queue="died", exchange="x"))
        link.received.clear()
        copied(link, {"CC": ["b"], "BCC": ["c"]}, "a", "x")
        assert [bodies_in(link, name) for name in ("a", "b", "c")] == [[b"1"], [b"1"], []]


class TestOrderOfRefusals:
    """Of several things that are wrong with a message."""

    def told(self, link: Link) -> tuple[int, str]:
        (answer,) = [*link.on(0), *link.on(1)]
        assert isinstance(answer, ChannelClose | ConnectionClose)
        return answer.reply_code, answer.reply_text

    def test_the_exchange_comes_before_the_message(self) -> None:
        link = client()
        link.received.clear()
        wrong = encode_properties(Properties(expiration="x", user_id="other"))
        link.publish(b"1", exchange="missing", properties=wrong)
        assert self.told(link)[0] == 404

    def test_the_expiration_before_the_user(self) -> None:
        link = client()
        link.received.clear()
        link.publish(b"1", properties=encode_properties(Properties(expiration="x", user_id="other")))
        assert self.told(link) == (406, "PRECONDITION_FAILED - invalid expiration 'x': no_integer")

    def test_immediate_before_everything(self) -> None:
        link = client()
        link.received.clear()
        link.publish(b"1", exchange="missing", immediate=True, properties=encode_properties(Properties(expiration="x")))
        assert self.told(link) == (540, "NOT_IMPLEMENTED - immediate=true")
