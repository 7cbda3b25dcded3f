"""Events and traces as clients get them, with pika and aio-pika, from a broker of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aio_pika
import pika
import pytest
from pika.exceptions import ChannelClosedByBroker, ProbableAuthenticationError

import leveret

EVENTS = "amq.rabbitmq.event"
TRACES = "amq.rabbitmq.trace"
SLOW_S = 20


def parameters(broker: leveret.Broker, password: str = "guest") -> pika.ConnectionParameters:
    return pika.ConnectionParameters(
        broker.host, broker.port, credentials=pika.PlainCredentials("guest", password), client_properties={"a": "b"}
    )


def listen_with_pika(broker: leveret.Broker) -> list[tuple[str, pika.BasicProperties, bytes]]:
    """What one hears of a client that comes, declares, is refused, and goes."""
    heard: list[tuple[str, pika.BasicProperties, bytes]] = []
    with pika.BlockingConnection(parameters(broker)) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, EVENTS, "queue.*")
        channel.queue_bind(queue, EVENTS, "user.authentication.*")
        with pytest.raises(ProbableAuthenticationError):
            pika.BlockingConnection(parameters(broker, "wrong"))
        channel.queue_declare("q", durable=True, arguments={"x-max-length": 5})
        channel.queue_delete("q")
        for method, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=SLOW_S):
            assert method is not None, "too few events"
            heard.append((method.routing_key, properties, body))
            if method.routing_key == "queue.deleted":
                break
    return heard


async def test_events_with_pika() -> None:
    async with leveret.Broker() as broker:
        heard = await asyncio.to_thread(listen_with_pika, broker)
    assert [key for key, _, _ in heard] == ["user.authentication.failure", "queue.created", "queue.deleted"]
    assert all(body == b"" and properties.delivery_mode == 2 for _, properties, body in heard)
    about = heard[0][1].headers
    assert (about["name"], about["auth_mechanism"], about["connection_type"]) == ("guest", "PLAIN", "network")
    properties = heard[1][1]
    about = properties.headers
    assert about["timestamp_in_ms"] // 1000 == properties.timestamp
    assert (about["name"], about["vhost"], about["durable"]) == ("q", "/", True)
    assert about["arguments"] == {"x-max-length": 5}


def touch(broker: leveret.Broker) -> None:
    with pika.BlockingConnection(parameters(broker)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EVENTS, "topic", durable=True, internal=True)
        channel.basic_publish(EVENTS, "queue.created", b"a lie")
        with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
            channel.queue_declare("", exclusive=True)


async def test_the_exchange_is_there_and_nobody_else_publishes_to_it() -> None:
    async with leveret.Broker() as broker:
        await asyncio.to_thread(touch, broker)


async def test_events_outlive_a_restart_and_a_restart_makes_none(tmp_path: Path) -> None:
    async with leveret.Broker(data_dir=tmp_path) as broker, await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        heard = await channel.declare_queue("heard", durable=True)
        await heard.bind(EVENTS, "queue.created")
        await channel.declare_queue("q", durable=True)
    async with leveret.Broker(data_dir=tmp_path) as broker, await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        heard = await channel.get_queue("heard")
        message = await heard.get(no_ack=True)
        assert (message.routing_key, message.headers["name"]) == ("queue.created", "q")
        assert await heard.get(no_ack=True, fail=False) is None
        await channel.declare_queue("another")
        message = await heard.get(no_ack=True)
        assert message.headers["name"] == "another", "it is still bound"


async def test_traces_of_a_queue_that_is_consumed() -> None:
    async with leveret.Broker() as broker, await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        traces = await channel.declare_queue("traces", exclusive=True)
        await traces.bind(TRACES, "publish.x")
        await traces.bind(TRACES, "deliver.q")
        exchange = await channel.declare_exchange("x", "fanout")
        queue = await channel.declare_queue("q")
        await queue.bind(exchange)
        broker.trace_on()
        await exchange.publish(aio_pika.Message(b"body", headers={"h": 1}, priority=3), "k")
        async with asyncio.timeout(SLOW_S), queue.iterator() as messages:
            message = await anext(messages)
            await message.nack(requeue=True)
            message = await anext(messages)
            await message.ack()
        broker.trace_off()
        await exchange.publish(aio_pika.Message(b"not traced"), "k")
        found = [await traces.get(no_ack=True) for _ in range(3)]
        assert await traces.get(no_ack=True, fail=False) is None
    assert [message.routing_key for message in found] == ["publish.x", "deliver.q", "deliver.q"]
    assert {message.body for message in found} == {b"body"}
    published, first, second = [message.headers for message in found]
    assert (published["exchange_name"], published["routing_keys"], published["routed_queues"]) == ("x", ["k"], ["q"])
    assert published["properties"]["headers"] == {"h": 1}
    assert published["properties"]["priority"] == 3
    assert (first["redelivered"], second["redelivered"]) == (0, 1)
    for headers in (published, first, second):
        assert (headers["vhost"], headers["user"], headers["channel"]) == ("/", "guest", 1)
        assert headers["connection"].endswith(f":{broker.port}")
