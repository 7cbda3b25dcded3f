"""A broker inside a program."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import leveret
from leveret.errors import ConfigError, DamageError, PolicyError
from leveret.node import SystemRandomness

HEADER = b"AMQP\x00\x00\x09\x01"


async def test_a_broker_inside_a_program() -> None:
    async with leveret.Broker() as broker:
        assert broker.host == "127.0.0.1"
        assert broker.port > 0
        assert broker.url == f"amqp://guest:guest@127.0.0.1:{broker.port}/%2F"
        reader, writer = await asyncio.open_connection(broker.host, broker.port)
        writer.write(HEADER)
        kind, *_ = await reader.readexactly(7)
        assert kind == 1
    assert await reader.read() is not None, "the broker closes connections when it stops"
    writer.close()
    await writer.wait_closed()
    with pytest.raises(OSError, match=r"Connect call failed|refused"):
        await asyncio.open_connection(broker.host, broker.port)


async def test_two_brokers_in_one_program() -> None:
    async with leveret.Broker() as one, leveret.Broker() as other:
        assert one.port != other.port
        with pytest.raises(ConfigError, match="Address already in use"):
            await leveret.Broker(port=one.port).start()


async def test_a_start_that_fails_lets_go_of_the_data_directory(tmp_path: Path) -> None:
    async with leveret.Broker() as other:
        failing = leveret.Broker(port=other.port, data_dir=tmp_path)
        for _ in range(2):
            with pytest.raises(ConfigError, match="Address already in use"):
                await failing.start()
    (tmp_path / "CHECKPOINT").write_bytes(bytes(8192))
    (tmp_path / "log" / f"{1 << 20:016x}.log").write_bytes(bytes(4096))
    for _ in range(2):
        with pytest.raises(DamageError, match=f"leveret repair {tmp_path}"):
            await leveret.Broker(data_dir=tmp_path).start()


async def test_stop_is_safe_to_repeat_and_start_works_again() -> None:
    broker = leveret.Broker()
    await broker.stop()
    await broker.start()
    await broker.stop()
    await broker.stop()
    await broker.start()
    await broker.stop()


async def test_a_real_client_publishes_and_gets() -> None:
    import aio_pika

    async with leveret.Broker() as broker:
        connection = await aio_pika.connect(broker.url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue("letterbox")
            await channel.default_exchange.publish(aio_pika.Message(b"hello"), "letterbox")
            message = await queue.get(no_ack=True)
            assert message.body == b"hello"


async def test_policies(tmp_path: Path) -> None:
    """The policy is there before its exchange, and after a restart; a real client sees what comes of it."""
    import aio_pika

    async def is_routed(broker: leveret.Broker) -> bool:
        connection = await aio_pika.connect(broker.url)
        async with connection:
            channel = await connection.channel(on_return_raises=True)
            exchange = await channel.declare_exchange("orders", "direct", durable=True)
            rest = await channel.declare_exchange("rest", "fanout")
            await (await channel.declare_queue("rest", exclusive=True)).bind(rest)
            try:
                await exchange.publish(aio_pika.Message(b""), "nowhere", mandatory=True)
            except aio_pika.exceptions.PublishError:
                return False
            return True

    broker = leveret.Broker(data_dir=tmp_path)
    for _ in range(2):
        async with broker:
            with pytest.raises(PolicyError, match="-1 is not a valid maximum length"):
                await broker.set_policy("p", "^q", {"max-length": -1})
            with pytest.raises(PolicyError, match="Virtual host 'none' does not exist"):
                await broker.set_policy("p", "^q", {"max-length": 1}, vhost="none")
            await broker.set_policy("p", "^orders$", {"alternate-exchange": "rest"}, apply_to="exchanges")
    async with broker:
        assert await is_routed(broker)
        await broker.set_policy("better", "^orders$", {"alternate-exchange": "none"}, priority=1)
        assert not await is_routed(broker)
        await broker.clear_policy("better")
        assert await is_routed(broker)
        await broker.set_policy("o", ".*", {"max-length": 5}, operator=True)
        await broker.clear_policy("o", operator=True)
        await broker.clear_policy("p")
        with pytest.raises(PolicyError, match="Parameter does not exist"):
            await broker.clear_policy("p")
        assert not await is_routed(broker)


async def test_who_waits_for_a_policy_when_the_broker_stops_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with leveret.Broker() as broker:
        node = broker._node
        assert node is not None
        monkeypatch.setattr(type(node.log), "when_durable", lambda *args: None)
        waiting = asyncio.ensure_future(broker.set_policy("p", "^q", {"max-length": 1}))
        await asyncio.sleep(0)
    with pytest.raises(ConfigError, match="the broker was stopped"):
        await waiting


async def test_what_exchanges_keep_counts_as_memory() -> None:
    import aio_pika

    async with leveret.Broker() as broker, await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("history", "x-recent-history")
        await exchange.publish(aio_pika.Message(bytes(100_000)), "")
        node = broker._node
        assert node is not None
        assert 100_000 < node._memory_used() - node.pool.allocated < 110_000


async def test_events_and_traces_reach_a_real_client() -> None:
    import aio_pika

    async with leveret.Broker() as broker, await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        heard = await channel.declare_queue("heard", exclusive=True)
        for exchange in ("amq.rabbitmq.event", "amq.rabbitmq.trace"):
            await heard.bind(exchange, "#")

        async def hear() -> aio_pika.abc.AbstractIncomingMessage:
            message = await heard.get(no_ack=True, fail=False)
            while message is None:
                message = await heard.get(no_ack=True, fail=False)
            return message

        other = await aio_pika.connect(broker.url)
        names = [(await hear()).routing_key for _ in range(3)]
        assert names == ["binding.created", "user.authentication.success", "connection.created"]
        await (await other.channel()).declare_queue("q")
        found = [await hear() for _ in range(2)]
        assert [message.routing_key for message in found] == ["channel.created", "queue.created"]
        assert found[1].headers["name"] == "q"
        broker.trace_on()
        await channel.default_exchange.publish(aio_pika.Message(b"body", app_id="me"), "q")
        trace = await hear()
        assert (trace.routing_key, trace.body) == ("publish.", b"body")
        assert trace.headers["routed_queues"] == ["q"]
        assert trace.headers["properties"]["app_id"] == "me"
        assert trace.headers["user"] == "guest"
        await (await channel.get_queue("q")).get(no_ack=True)
        trace = await hear()
        assert (trace.routing_key, trace.headers["redelivered"]) == ("deliver.q", 0)
        broker.trace_off()
        await other.close()
        assert [(await hear()).routing_key for _ in range(2)] == ["channel.closed", "connection.closed"]


def test_names_of_the_package() -> None:
    assert leveret.__version__
    with pytest.raises(AttributeError, match="no attribute 'Hare'"):
        leveret.Hare  # noqa: B018


def test_random_names_are_url_safe_and_differ() -> None:
    names = {SystemRandomness().token(16) for _ in range(1000)}
    assert len(names) == 1000
    assert all(len(name) == 22 and name.replace("-", "").replace("_", "").isalnum() for name in names)


def test_random_numbers_have_64_bits_and_differ() -> None:
    numbers = SystemRandomness().numbers(1000)
    assert len({*numbers}) == len(numbers) == 1000
    assert max(numbers).bit_length() == 64
