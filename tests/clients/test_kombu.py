"""kombu over py-amqp, the client under Celery."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import socket
import time
from collections.abc import Callable, Iterator

import kombu
import pytest
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.pools import connections, producers

import amqp


@pytest.fixture
def connection(endpoint) -> Iterator[Connection]:
    with Connection(endpoint.url, transport_options={"confirm_publish": True}) as opened:
        yield opened


@pytest.fixture
def drained() -> Callable[[Connection, list[object], int], None]:
    """`drained(connection, received, 3)` handles events until so many are received."""

    def drain(connection: Connection, received: list[object], count: int) -> None:
        while len(received) < count:
            connection.drain_events(timeout=30)

    return drain


@pytest.mark.parametrize("serializer", ["json", "pickle", "raw"])
def test_publish_and_consume_with_every_serializer(connection, unique, drained, serializer):
    exchange = Exchange(unique("exchange"), "direct", durable=False, auto_delete=True)
    queue = Queue(unique("queue"), exchange, routing_key="key", durable=False, auto_delete=True)
    payload = b"\x00raw" if serializer == "raw" else {"number": 1, "words": ["a", "b"]}
    received = []

    def take(body, message):
        received.append((body, message.content_type))
        message.ack()

    with Consumer(connection, queue, callbacks=[take], accept=["json", "pickle", "application/data"]):
        Producer(connection, exchange).publish(payload, routing_key="key", serializer=serializer, compression=None)
        drained(connection, received, 1)
    assert received[0][0] == payload


def test_compressed_and_retried_publishes(connection, unique, drained):
    queue = Queue(unique("queue"), Exchange(unique("exchange"), "fanout", durable=False, auto_delete=True))
    queue.durable, queue.auto_delete = False, True
    received = []

    def take(body, message):
        received.append((body, message.headers))
        message.ack()

    with Consumer(connection, queue, callbacks=[take]):
        producer = Producer(connection, queue.exchange)
        producer.publish({"text": "x" * 10_000}, compression="zlib", retry=True, headers={"depth": {"a": [1, 2]}})
        drained(connection, received, 1)
    [(body, headers)] = received
    assert body == {"text": "x" * 10_000}
    assert headers["depth"] == {"a": [1, 2]}


def test_prefetch_requeue_and_reject(connection, unique):
    queue = Queue(unique("queue"), durable=False, auto_delete=True)
    messages = []
    with Consumer(connection, queue, callbacks=[lambda _body, message: messages.append(message)]) as consumer:
        consumer.qos(prefetch_count=2)
        producer = Producer(connection)
        for number in range(4):
            producer.publish(number, routing_key=queue.name)
        while len(messages) < 2:
            connection.drain_events(timeout=30)
        with pytest.raises(socket.timeout):
            connection.drain_events(timeout=0.2)
        messages[0].reject()
        messages[1].requeue()
        while len(messages) < 5:
            connection.drain_events(timeout=30)
            if len(messages) > 3:
                messages[-1].ack()
        assert sorted(message.payload for message in messages) == [0, 1, 1, 2, 3]
        assert [message.payload for message in messages if message.delivery_info["redelivered"]] == [1]


def test_simple_queue(connection, unique):
    with connection.SimpleQueue(unique("simple"), queue_opts={"durable": False, "auto_delete": True}) as queue:
        with pytest.raises(queue.Empty):
            queue.get_nowait()
        for number in range(3):
            queue.put({"number": number})
        assert [queue.get(timeout=30).payload["number"] for _ in range(3)] == [0, 1, 2]
        queue.clear()


def test_get_purge_and_delete(connection, unique):
    queue = Queue(unique("queue"), durable=False, channel=connection.default_channel)
    queue.declare()
    producer = Producer(connection.default_channel)
    for number in range(3):
        producer.publish(number, routing_key=queue.name)
    message = queue.get()
    assert message is not None
    assert message.payload == 0
    message.ack()
    assert queue.purge() == 2
    assert queue.get() is None
    assert queue.delete() == 0


def test_returned_messages(connection, unique):
    returned = []
    producer = Producer(connection, on_return=lambda error, exchange, key, message: returned.append((str(error), key)))
    key = unique("key")
    producer.publish("lost", routing_key=key, mandatory=True)
    while not returned:
        connection.drain_events(timeout=30)
    assert returned == [("Basic.return: (312) NO_ROUTE", key)]


def test_refused_declaration(connection, unique):
    name = unique("queue")
    Queue(name, durable=False, auto_delete=True)(connection.channel()).declare()
    with pytest.raises(amqp.exceptions.PreconditionFailed) as refused:
        Queue(name, durable=True, auto_delete=True)(connection.channel()).declare()
    assert refused.value.reply_text == (
        f"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{name}' in vhost '/': "
        "received 'true' but current is 'false'"
    )
    assert refused.value.code == 406
    connection.channel().queue_delete(name)


def test_pools_share_connections(endpoint, unique):
    name = unique("queue")
    source = Connection(endpoint.url)
    for number in range(3):
        with producers[source].acquire(block=True) as producer:
            producer.publish(number, routing_key=name, declare=[Queue(name, durable=False)])
    with connections[source].acquire(block=True) as connection:
        queue = Queue(name, channel=connection.default_channel, durable=False)
        assert [queue.get(no_ack=True).payload for _ in range(3)] == [0, 1, 2]
        queue.delete()
    kombu.pools.reset()


def test_connects_with_amqplain(endpoint):
    with amqp.Connection(f"{endpoint.host}:{endpoint.port}", login_method="AMQPLAIN") as connection:
        assert connection.connected
        with connection.channel() as channel:
            assert channel.queue_declare("", exclusive=True).queue.startswith("amq.gen-")


def test_heartbeats(endpoint):
    with Connection(endpoint.url, heartbeat=2) as connection:
        connection.connect()
        assert connection.get_heartbeat_interval() == 2
        end = time.monotonic() + 5
        while time.monotonic() < end:
            connection.heartbeat_check(rate=2)
            with contextlib.suppress(socket.timeout):
                connection.drain_events(timeout=0.3)
        assert connection.default_channel.queue_declare("", exclusive=True).queue


def test_headers_of_every_type_come_back(endpoint):
    headers = {
        "bool": True,
        "int": -5,
        "long": 1 << 40,
        "float": 1.5,
        "decimal": decimal.Decimal("12.34"),
        "text": "grüße",
        "list": [1, "two", {"three": 3}],
        "table": {"inner": {"most": [True]}},
        "none": None,
        "when": datetime.datetime(2026, 1, 2, 3, 4, 5),
    }
    with amqp.Connection(f"{endpoint.host}:{endpoint.port}") as connection, connection.channel() as channel:
        queue = channel.queue_declare("", exclusive=True).queue
        channel.basic_publish(amqp.Message(b"", application_headers=headers), "", queue)
        message = channel.basic_get(queue, no_ack=True)
        assert message.headers == headers
