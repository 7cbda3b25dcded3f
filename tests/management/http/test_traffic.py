"""Connections, channels and consumers, with a real client connected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractRobustConnection

import leveret

from .conftest import Api


@pytest.fixture
async def client(broker: leveret.Broker) -> AsyncIterator[AbstractRobustConnection]:
    connection = await aio_pika.connect_robust(broker.url, client_properties={"connection_name": "warren"})
    yield connection
    await connection.close()


async def test_a_connection_is_shown(client: AbstractRobustConnection, api: Api) -> None:
    await client.channel()
    (found,) = await api("GET", "connections")
    assert (found["user"], found["vhost"], found["protocol"], found["state"]) == ("guest", "/", "AMQP 0-9-1", "running")
    assert (found["user_provided_name"], found["channels"]) == ("warren", 1)
    assert found["recv_oct"] > 0
    assert found["send_oct"] > 0
    name = quote(found["name"], safe="")
    assert (await api("GET", f"connections/{name}"))["name"] == found["name"]
    (channel,) = await api("GET", f"connections/{name}/channels")
    assert (channel["number"], channel["connection_details"]["name"]) == (1, found["name"])
    assert (await api("GET", "channels/" + quote(channel["name"], safe="")))["consumer_details"] == []
    assert [one["name"] for one in await api("GET", "vhosts/%2F/connections")] == [found["name"]]
    assert [one["name"] for one in await api("GET", "connections/username/guest")] == [found["name"]]
    assert (await api("GET", "overview"))["object_totals"]["connections"] == 1
    await api("GET", "connections/nobody", status=404)


async def test_it_is_closed_with_a_reason(broker: leveret.Broker, api: Api) -> None:
    connection = await aio_pika.connect(broker.url)
    closed = asyncio.get_running_loop().create_future()
    connection.close_callbacks.add(lambda _, error: closed.done() or closed.set_result(error))
    (found,) = await api("GET", "connections")
    name = quote(found["name"], safe="")
    reason = "Frühjahrsputz"
    await api("DELETE", f"connections/{name}", status=204, headers={"x-reason": reason.encode()})
    assert f"CONNECTION_FORCED - {reason}" in str(await closed)
    assert await api("GET", "connections") == []
    churn = (await api("GET", "overview"))["churn_rates"]
    assert (churn["connection_created"], churn["connection_closed"]) == (1, 1)


async def test_it_is_found_by_both_of_its_names(client: AbstractRobustConnection, api: Api) -> None:
    (found,) = await api("GET", "connections")
    for name, count in (("WARR", 1), (found["name"], 1), ("burrow", 0), ("^warren$&use_regex=true", 1)):
        page = await api("GET", f"connections?page=1&name={name}")
        assert (page["filtered_count"], page["total_count"]) == (count, 1), name


async def test_others_see_only_their_own(client: AbstractRobustConnection, users: dict[str, Api]) -> None:
    assert await users["management"]("GET", "connections") == []
    assert await users["management"]("GET", "channels") == []
    (found,) = await users["monitoring"]("GET", "connections")
    name = quote(found["name"], safe="")
    await users["management"]("GET", f"connections/{name}", status=401)
    await users["monitoring"]("DELETE", f"connections/{name}", status=401)


async def test_consumers_and_counts(client: AbstractRobustConnection, api: Api) -> None:
    channel = await client.channel()
    await channel.set_qos(prefetch_count=7)
    queue = await channel.declare_queue("q")
    got = asyncio.Event()

    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        await message.ack()
        got.set()

    await queue.consume(take, consumer_tag="taker")
    await channel.default_exchange.publish(aio_pika.Message(b"x"), "q")
    await got.wait()
    await queue.declare()  # the broker has the ack when this is answered
    (consumer,) = await api("GET", "consumers")
    assert (consumer["consumer_tag"], consumer["prefetch_count"], consumer["ack_required"]) == ("taker", 7, True)
    assert consumer["queue"] == {"name": "q", "vhost": "/"}
    found = await api("GET", "queues/%2F/q")
    stats = found["message_stats"]
    assert (stats["publish"], stats["deliver"], stats["ack"], stats["deliver_get"]) == (1, 1, 1, 1)
    assert found["consumer_details"] == [consumer]
    assert (consumer["active"], consumer["activity_status"]) == (True, "up")
    (told,) = await api("GET", "channels")
    assert told["message_stats"]["publish"] == 1
    assert told["message_stats"]["confirm"] == 1
    assert told["message_stats"]["deliver_get"] == 1
    assert "counts" not in told


async def test_the_end_does_not_wait_for_who_reads_events(caplog: pytest.LogCaptureFixture) -> None:
    async with leveret.Broker(management_port=0) as broker:
        url, login = broker.management_url + "api/leveret/events", ("guest", "guest")
        async with httpx.AsyncClient(auth=login, timeout=30) as client, client.stream("GET", url) as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == ": here"
            await asyncio.wait_for(broker.stop(), 0.9)
            with pytest.raises(httpx.RemoteProtocolError):
                [line async for line in lines]
    assert [one for one in caplog.records if one.exc_info] == []


async def test_of_single_active_consumers_the_others_wait(client: AbstractRobustConnection, api: Api) -> None:
    channel = await client.channel()
    queue = await channel.declare_queue("q", arguments={"x-single-active-consumer": True})

    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        """Nothing is there."""

    for tag in ("first", "second"):
        await queue.consume(take, consumer_tag=tag)
    found = {one["consumer_tag"]: (one["active"], one["activity_status"]) for one in await api("GET", "consumers")}
    assert found == {"first": (True, "single_active"), "second": (False, "waiting")}
    assert (await api("GET", "queues/%2F/q"))["single_active_consumer_tag"] == "first"
    await queue.cancel("first")
    (left,) = await api("GET", "consumers")
    assert (left["consumer_tag"], left["active"], left["activity_status"]) == ("second", True, "single_active")


async def test_what_was_published_to_an_exchange(api: Api) -> None:
    await api("PUT", "queues/%2F/a", {})
    assert "message_stats" not in await api("GET", "exchanges/%2F/amq.fanout")
    for exchange in ("amq.default", "amq.fanout"):
        said = {"routing_key": "a", "payload": "", "payload_encoding": "string", "properties": {}}
        await api("POST", f"exchanges/%2F/{exchange}/publish", said)
    found = {one["name"]: one.get("message_stats", {}) for one in await api("GET", "exchanges/%2F")}
    assert (found[""]["publish_in"], found[""]["publish_out"]) == (1, 1)
    assert (found["amq.fanout"]["publish_in"], found["amq.fanout"]["publish_out"]) == (1, 0)
    assert found["amq.direct"] == {}
