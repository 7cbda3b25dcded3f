"""Metrics: what Prometheus' own parser makes of them, with RabbitMQ's names."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote

import aio_pika
import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

import leveret
from leveret.config import DEFAULTS
from leveret.managing import Management
from leveret.node import Node

from .conftest import Api
from .test_objects import ODD

PANELS: Final = [
    "alarms_free_disk_space_watermark",
    "alarms_memory_used_watermark",
    "alarms_file_descriptor_limit",
    "build_info",
    "identity_info",
    "channel_get_ack_total",
    "channel_get_empty_total",
    "channel_get_total",
    "channel_messages_acked_total",
    "channel_messages_confirmed_total",
    "channel_messages_delivered_ack_total",
    "channel_messages_delivered_total",
    "channel_messages_published_total",
    "channel_messages_redelivered_total",
    "channel_messages_unacked",
    "channel_messages_unconfirmed",
    "channel_messages_unroutable_dropped_total",
    "channel_messages_unroutable_returned_total",
    "channels",
    "channels_closed_total",
    "channels_opened_total",
    "connections",
    "connections_closed_total",
    "connections_opened_total",
    "connection_incoming_bytes_total",
    "connection_outgoing_bytes_total",
    "consumers",
    "disk_space_available_bytes",
    "disk_space_available_limit_bytes",
    "global_consumers",
    "global_publishers",
    "global_messages_acknowledged_total",
    "global_messages_confirmed_total",
    "global_messages_delivered_consume_auto_ack_total",
    "global_messages_delivered_consume_manual_ack_total",
    "global_messages_delivered_get_auto_ack_total",
    "global_messages_delivered_get_manual_ack_total",
    "global_messages_delivered_total",
    "global_messages_get_empty_total",
    "global_messages_received_confirm_total",
    "global_messages_received_total",
    "global_messages_redelivered_total",
    "global_messages_routed_total",
    "global_messages_unroutable_dropped_total",
    "global_messages_unroutable_returned_total",
    "global_messages_dead_lettered_rejected_total",
    "global_messages_dead_lettered_expired_total",
    "global_messages_dead_lettered_maxlen_total",
    "global_messages_dead_lettered_delivery_limit_total",
    "process_max_fds",
    "process_max_tcp_sockets",
    "process_open_fds",
    "process_open_tcp_sockets",
    "process_resident_memory_bytes",
    "queue_messages_published_total",
    "queue_messages_ready",
    "queue_messages_unacked",
    "queue_messages",
    "queue_consumers",
    "queues",
    "queues_created_total",
    "queues_declared_total",
    "queues_deleted_total",
    "resident_memory_limit_bytes",
    "auth_attempts_total",
]
"""What the panels of RabbitMQ's dashboard "RabbitMQ-Overview" ask for, but for Erlang's machine."""


async def scrape(api: Api, path: str = "metrics") -> dict[str, Metric]:
    response = await api.client.get(str(api.client.base_url).replace("/api/", f"/{path}"))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, Metric] = {}
    for family in text_string_to_metric_families(response.text):
        assert family.name not in found, "a metric is told of once"
        found[family.name] = family
    return found


def value(found: dict[str, Metric], name: str, **labels: str) -> float:
    family = found.get(f"rabbitmq_{name.removesuffix('_total')}") or found[f"rabbitmq_{name}"]
    (sample,) = [one for one in family.samples if labels.items() <= one.labels.items()]
    return sample.value


async def test_the_dashboard_finds_what_it_asks_for(api: Api) -> None:
    for path in ("metrics", "metrics/per-object"):
        samples = {one.name for family in (await scrape(api, path)).values() for one in family.samples}
        if path == "metrics":
            assert {f"rabbitmq_{name}" for name in PANELS} <= samples
        assert "rabbitmq_global_messages_received_total" in samples


async def test_figures(broker: leveret.Broker, api: Api) -> None:
    connection = await aio_pika.connect(broker.url)
    channel = await connection.channel()
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "nowhere"}
    queue = await channel.declare_queue("q", arguments=arguments)
    for number in range(5):
        await channel.default_exchange.publish(aio_pika.Message(b"%d" % number), "q")
    await channel.default_exchange.publish(aio_pika.Message(b""), "nobody", mandatory=False)
    first, second = await queue.get(), await queue.get()
    await queue.get(no_ack=True)
    await first.ack()
    await second.reject(requeue=False)
    await queue.declare()
    found = await scrape(api)
    assert value(found, "queue_messages_ready") == 2
    assert value(found, "global_messages_received_total", protocol="amqp091") == 6
    assert value(found, "global_messages_routed_total", protocol="amqp091") == 5
    assert value(found, "global_messages_confirmed_total", protocol="amqp091") == 6
    assert value(found, "global_messages_unroutable_dropped_total") == 1
    assert value(found, "global_messages_delivered_get_manual_ack_total") == 2
    assert value(found, "global_messages_delivered_get_auto_ack_total") == 1
    assert value(found, "global_messages_acknowledged_total") == 1
    assert value(found, "global_messages_dead_lettered_rejected_total", dead_letter_strategy="at_most_once") == 1
    assert value(found, "auth_attempts_total", protocol="amqp091") == 1
    assert value(found, "auth_attempts_succeeded_total", protocol="amqp091") == 1
    assert value(found, "connections") == value(found, "global_publishers") == 1
    assert value(found, "connection_incoming_bytes_total") > 500
    before = value(found, "connection_incoming_bytes_total")
    await queue.delete(if_empty=False)
    await connection.close()
    found = await scrape(api)
    assert value(found, "global_messages_received_total") == 6, "what is gone counts"
    assert value(found, "global_messages_delivered_total") == 3
    assert value(found, "connection_incoming_bytes_total") > before
    assert value(found, "queues_deleted_total") == 1
    assert value(found, "connections_closed_total") == 1


async def test_per_object(broker: leveret.Broker, api: Api) -> None:
    await api("PUT", "queues/%2F/" + quote(ODD, safe=""), {})
    await api("PUT", "queues/%2F/" + quote('quote"back\\', safe=""), {})
    connection = await aio_pika.connect(broker.url)
    channel = await connection.channel()
    await channel.default_exchange.publish(aio_pika.Message(b"abc"), ODD)
    found = await scrape(api, "metrics/per-object")
    assert value(found, "queue_messages_ready_bytes", vhost="/", queue=ODD) == 3
    assert value(found, "queue_messages_ready", queue='quote"back\\') == 0
    (published,) = found["rabbitmq_channel_messages_published"].samples
    assert published.value == 1
    assert published.labels["channel"].endswith("(1)")
    assert len(found["rabbitmq_connection_channels"].samples) == 1
    await connection.close()


async def test_detailed(api: Api) -> None:
    await api("PUT", "vhosts/v", {})
    for vhost in ("%2F", "v"):
        for queue in ("a", "b"):
            await api("PUT", f"queues/{vhost}/{queue}", {})
    found = await scrape(api, "metrics/detailed?family=queue_coarse_metrics&vhost=v&queue=^a$")
    (sample,) = found["rabbitmq_detailed_queue_messages"].samples
    assert sample.labels == {"vhost": "v", "queue": "a"}
    assert "rabbitmq_detailed_queue_consumers" not in found
    families = "&".join(
        f"family={name}"
        for name in [
            "queue_metrics",
            "queue_consumer_count",
            "queue_delivery_metrics",
            "queue_exchange_metrics",
            "channel_metrics",
            "channel_exchange_metrics",
            "channel_queue_metrics",
            "connection_metrics",
            "connection_coarse_metrics",
            "vhost_status",
            "exchange_bindings",
            "exchange_names",
            "connection_churn_metrics",
            "node_metrics",
        ]
    )
    found = await scrape(api, f"metrics/detailed?{families}")
    assert len(found["rabbitmq_cluster_vhost_status"].samples) == 2
    assert {one.labels["type"] for one in found["rabbitmq_cluster_exchange_bindings"].samples} >= {"topic", "direct"}
    assert "rabbitmq_detailed_queues_created" in found
    assert [*await scrape(api, "metrics/detailed")] == ["rabbitmq_build_info", "rabbitmq_identity_info"]
    response = await api.client.get(str(api.client.base_url).replace("/api/", "/metrics/detailed?queue=("))
    assert response.status_code == 400


async def test_memory(api: Api) -> None:
    assert value(await scrape(api, "metrics/memory-breakdown"), "memory_other_system_bytes") > 0


async def test_what_is_our_own(broker: leveret.Broker, api: Api) -> None:
    connection = await aio_pika.connect(broker.url)
    await connection.close()
    found = await scrape(api)
    assert found["leveret_turns"].samples[0].value > 0
    assert {one.labels["quantile"] for one in found["leveret_turn_seconds"].samples} == {"0.5", "0.99", "0.999"}


class TestWhoMay:
    async def test_on_the_port_of_the_management_one_logs_in(self, users: dict[str, Api], api: Api) -> None:
        url = str(api.client.base_url).replace("/api/", "/metrics")
        for tag, user in users.items():
            expected = 200 if tag in ("monitoring", "administrator") else 401
            assert (await user.client.get(url)).status_code == expected, tag

    @pytest.mark.parametrize("authenticated", [False, True])
    async def test_on_a_port_of_their_own(self, authenticated: bool) -> None:
        from dataclasses import replace

        options: Any = replace(DEFAULTS, management_port=0, metrics_port=0, metrics_authentication=authenticated)
        node = Node(asyncio.get_running_loop(), options)
        node.recover()
        management = Management(node, options)
        await management.start()
        (url,) = management.metrics_urls
        async with httpx.AsyncClient() as client:
            assert (await client.get(url)).status_code == (401 if authenticated else 200)
            assert (await client.get(url, auth=("guest", "guest"))).status_code == 200
            assert (await client.get(url.replace("/metrics", "/api/overview"))).status_code == 404
        await management.stop()
        await node.stop()
