"""The kinds of exchanges beyond the four of the specification, used with pika."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, UnroutableError

COUNT = 120


class Setup:
    """An exchange of a kind, and queues that go with the connection."""

    def __init__(self, channel: BlockingChannel, exchange: str) -> None:
        self.channel = channel
        self.exchange = exchange

    def declare(self, kind: str, **arguments: object) -> None:
        given = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.channel.exchange_declare(self.exchange, kind, auto_delete=True, arguments=given)

    def queue(self, key: str = "", **arguments: object) -> str:
        name = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(name, self.exchange, key, arguments=arguments)
        return name

    def publish(self, body: object, key: str = "", **headers: object) -> None:
        properties = pika.BasicProperties(headers=headers or None)
        self.channel.basic_publish(self.exchange, key, f"{body}", properties, mandatory=True)

    def texts(self, queue: str) -> list[str]:
        texts = []
        while (got := self.channel.basic_get(queue, auto_ack=True))[0] is not None:
            texts.append(got[2].decode())
        return texts


@pytest.fixture
def setup(endpoint, unique: Callable[[str], str]) -> Iterator[Setup]:
    with pika.BlockingConnection(pika.ConnectionParameters(endpoint.host, endpoint.port)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield Setup(channel, unique("exchange"))


@pytest.mark.parametrize("kind", ["x-random", "x-local-random"])
def test_a_random_exchange_shares_messages_among_queues(setup: Setup, kind: str) -> None:
    setup.declare(kind)
    with pytest.raises(UnroutableError):
        setup.publish("nobody is there")
    queues = [setup.queue() for _ in range(3)]
    for number in range(COUNT):
        setup.publish(number, key="one key")
    shares = [setup.texts(queue) for queue in queues]
    assert sorted(int(text) for share in shares for text in share) == list(range(COUNT))
    assert all(shares)
    assert all(share == sorted(share, key=int) for share in shares)


def test_a_local_random_exchange_takes_no_keys(setup: Setup) -> None:
    setup.declare("x-local-random")
    with pytest.raises(ChannelClosedByBroker) as closed:
        setup.queue("key")
    assert closed.value.reply_code == 406
    assert closed.value.reply_text == "PRECONDITION_FAILED - Non empty binding 'key' key not permitted"


def test_a_modulus_hash_keeps_a_key_in_its_queue(setup: Setup) -> None:
    setup.declare("x-modulus-hash")
    queues = [setup.queue() for _ in range(3)]
    for number in range(COUNT):
        setup.publish(f"key {number % 40}", key=f"key {number % 40}")
    counts = [Counter(setup.texts(queue)) for queue in queues]
    assert all(counts)
    assert sorted(key for count in counts for key in count) == sorted({f"key {n}" for n in range(40)})
    assert {times for count in counts for times in count.values()} == {COUNT // 40}


def test_who_comes_late_gets_the_recent_history(setup: Setup) -> None:
    setup.declare("x-recent-history", x_recent_history_length=3)
    early = setup.queue()
    for number in range(5):
        setup.publish(number)
    setup.publish("not for the record", **{"x-recent-history-no-store": True})
    late = setup.queue()
    setup.publish("to all")
    assert setup.texts(early) == ["0", "1", "2", "3", "4", "not for the record", "to all"]
    assert setup.texts(late) == ["2", "3", "4", "to all"]


def test_a_consumer_that_is_there_first_gets_the_history_at_the_binding(setup: Setup) -> None:
    setup.declare("x-recent-history")
    setup.queue()
    setup.publish("before")
    queue = setup.channel.queue_declare("", exclusive=True).method.queue
    deliveries = setup.channel.consume(queue, inactivity_timeout=30)
    setup.channel.queue_bind(queue, setup.exchange)
    method, _, body = next(deliveries)
    assert (method.exchange, method.redelivered, body) == (setup.exchange, False, b"before")


def test_a_jms_topic_selects(setup: Setup) -> None:
    setup.declare("x-jms-topic")
    selector = "{'and',{'like',{'ident',<<\"colour\">>},<<\"b%\">>,'no_escape'},{'>=',{'ident',<<\"weight\">>},2}}."
    queue = setup.queue("key", rjms_erlang_selector=selector)
    setup.publish("selected", "other", colour="blue", weight=2)
    for headers in ({"colour": "blue", "weight": 1}, {"colour": "red", "weight": 2}, {"weight": 2}, {}):
        with pytest.raises(UnroutableError):
            setup.publish("not selected", "key", **headers)
    assert setup.texts(queue) == ["selected"]
