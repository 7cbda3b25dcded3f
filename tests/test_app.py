"""A broker inside a program."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import leveret
from leveret.app import SystemRandomness
from leveret.errors import ConfigError, DamageError

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


async def test_what_exchanges_keep_counts_as_memory() -> None:
    import aio_pika

    async with leveret.Broker() as broker, await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("history", "x-recent-history")
        await exchange.publish(aio_pika.Message(bytes(100_000)), "")
        node = broker._node
        assert node is not None
        assert 100_000 < node._memory_used() - node.pool.allocated < 110_000


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
