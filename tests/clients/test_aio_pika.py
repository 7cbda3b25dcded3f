"""aio-pika, the asyncio client most used in services; its robust connections and its patterns included."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractRobustConnection
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed, DeliveryError, QueueEmpty
from aio_pika.patterns import RPC, Master


@pytest.fixture
async def connection(endpoint) -> AsyncIterator[AbstractRobustConnection]:
    async with await aio_pika.connect_robust(endpoint.url) as opened:
        yield opened


@pytest.fixture
async def channel(connection) -> AbstractChannel:
    return await connection.channel(publisher_confirms=True, on_return_raises=True)


async def test_publish_with_confirms_and_iterate(channel):
    await channel.set_qos(prefetch_count=20)
    queue = await channel.declare_queue(exclusive=True)
    for number in range(200):
        await channel.default_exchange.publish(aio_pika.Message(str(number).encode()), queue.name)
    received = []
    async with queue.iterator() as messages:
        async for message in messages:
            async with message.process():
                received.append(int(message.body))
            if len(received) == 200:
                break
    assert received == list(range(200))
    assert (await queue.declare()).message_count == 0


async def test_many_publishes_in_flight_are_each_confirmed(channel):
    queue = await channel.declare_queue(exclusive=True)
    confirmations = await asyncio.gather(
        *(channel.default_exchange.publish(aio_pika.Message(b"x" * 100), queue.name) for _ in range(1000))
    )
    assert all(confirmation.name == "Basic.Ack" for confirmation in confirmations)
    assert (await queue.declare()).message_count == 1000


async def test_topic_exchange_and_a_process_that_fails(channel, unique):
    exchange = await channel.declare_exchange(unique("exchange"), aio_pika.ExchangeType.TOPIC, auto_delete=True)
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(exchange, "weather.*.north")
    await exchange.publish(aio_pika.Message(b"rain"), "weather.lisbon.north")
    with pytest.raises(DeliveryError):
        await exchange.publish(aio_pika.Message(b"sun"), "weather.north")
    message = await queue.get()
    with pytest.raises(RuntimeError, match="umbrella lost"):
        async with message.process(requeue=True):
            raise RuntimeError("umbrella lost")
    again = await queue.get()
    assert (again.body, again.redelivered, again.routing_key) == (b"rain", True, "weather.lisbon.north")
    await again.ack()
    with pytest.raises(QueueEmpty):
        await queue.get()


async def test_get_and_empty(channel):
    queue = await channel.declare_queue(exclusive=True)
    assert await queue.get(fail=False) is None
    await channel.default_exchange.publish(aio_pika.Message(b"one"), queue.name)
    message = await queue.get()
    assert message.message_count == 0
    await message.reject(requeue=False)
    assert await queue.get(fail=False) is None


async def test_properties_and_headers_come_back(channel):
    queue = await channel.declare_queue(exclusive=True)
    headers = {"bool": True, "int": 5, "long": 1 << 40, "float": 1.5, "text": "é", "list": [1, "x"], "table": {"a": {}}}
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    await channel.default_exchange.publish(
        aio_pika.Message(
            b"{}",
            content_type="application/json",
            headers=headers | {"when": when},
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            priority=7,
            correlation_id="c",
            reply_to="r",
            message_id="m",
            timestamp=when,
            type="t",
            app_id="a",
            expiration=60,
        ),
        queue.name,
    )
    message = await queue.get(no_ack=True)
    assert {name: message.headers[name] for name in headers} == headers
    assert message.headers["when"].timestamp() == when.timestamp()
    assert message.timestamp is not None
    assert message.timestamp.timestamp() == when.timestamp()
    assert (message.content_type, message.delivery_mode, message.priority, message.expiration) == (
        "application/json",
        2,
        7,
        60,
    )
    assert (message.correlation_id, message.reply_to, message.message_id, message.type, message.app_id) == (
        "c",
        "r",
        "m",
        "t",
        "a",
    )


async def test_unroutable_is_an_error(channel, unique):
    with pytest.raises(DeliveryError) as returned:
        await channel.default_exchange.publish(aio_pika.Message(b"lost"), unique("key"))
    assert returned.value.message.delivery.reply_code == 312
    assert returned.value.message.delivery.reply_text == "NO_ROUTE"


async def test_transaction(connection):
    channel = await connection.channel(publisher_confirms=False)
    queue = await channel.declare_queue(exclusive=True)
    async with channel.transaction():
        await channel.default_exchange.publish(aio_pika.Message(b"kept"), queue.name)
    transaction = channel.transaction()
    await transaction.select()
    await channel.default_exchange.publish(aio_pika.Message(b"dropped"), queue.name)
    await transaction.rollback()
    assert (await queue.get(no_ack=True)).body == b"kept"
    assert await queue.get(no_ack=True, fail=False) is None


async def test_refusals_close_the_channel_only(connection, unique):
    name = unique("queue")
    channel = await connection.channel()
    await channel.declare_queue(name, auto_delete=True)
    with pytest.raises(ChannelPreconditionFailed) as other:
        await channel.declare_queue(name, durable=True, auto_delete=True)
    assert str(other.value) == (
        f"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{name}' in vhost '/': "
        "received 'true' but current is 'false'"
    )
    channel = await connection.channel()
    with pytest.raises(ChannelNotFoundEntity):
        await channel.get_queue(unique("missing"))
    channel = await connection.channel()
    await channel.queue_delete(name)


async def test_large_message(channel):
    queue = await channel.declare_queue(exclusive=True)
    body = bytes(range(256)) * 4096
    await channel.default_exchange.publish(aio_pika.Message(body), queue.name)
    assert (await queue.get(no_ack=True)).body == body


async def test_rpc_pattern(connection, unique):
    async def power(*, base: int, exponent: int) -> int:
        return base**exponent

    async def broken() -> None:
        raise ValueError("no such thing")

    server = await RPC.create(await connection.channel())
    await server.register(name := unique("power"), power, auto_delete=True)
    await server.register(bad := unique("broken"), broken, auto_delete=True)
    client = await RPC.create(await connection.channel())
    results = await asyncio.gather(*(client.call(name, {"base": 2, "exponent": n}) for n in range(20)))
    assert results == [2**n for n in range(20)]
    with pytest.raises(ValueError, match="no such thing"):
        await client.call(bad)
    await client.close()
    await server.close()


async def test_worker_pattern(connection, unique):
    done: asyncio.Queue[int] = asyncio.Queue()

    async def task(*, number: int) -> None:
        done.put_nowait(number)

    name = unique("tasks")
    master = Master(await connection.channel())
    worker = await master.create_worker(name, task, auto_delete=True)
    for number in range(10):
        await master.create_task(name, {"number": number})
    assert [await done.get() for _ in range(10)] == list(range(10))
    await worker.close()


async def test_robust_connection_restores_its_consumers(connection, unique):
    channel = await connection.channel()
    queue = await channel.declare_queue(unique("queue"), auto_delete=True)
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        async with message.process():
            received.put_nowait(message.body)

    await queue.consume(take)
    reconnected = asyncio.Event()
    connection.reconnect_callbacks.add(lambda *_: reconnected.set())
    # The socket goes without a word, as when a cable is pulled.
    await connection.transport.connection.close(ConnectionError("pulled"))
    await reconnected.wait()
    await connection.ready()
    publisher = await connection.channel()
    await publisher.default_exchange.publish(aio_pika.Message(b"after"), queue.name)
    assert await received.get() == b"after"
