"""Publishes with every option a message has of its own: kept on disk, expiring, typed, signed, with headers."""

from __future__ import annotations

import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.confirm_delivery()
channel.queue_declare(queue="options", durable=True)
properties = pika.BasicProperties(
    content_type="application/json",
    content_encoding="utf-8",
    headers={"name": "brian", "attempt": 1},
    delivery_mode=pika.DeliveryMode.Persistent,
    priority=3,
    correlation_id="c-1",
    expiration="17889890",
    message_id="m-1",
    timestamp=1_700_000_000,
    type="greeting",
    user_id="guest",
    app_id="seed",
)
channel.basic_publish(exchange="", routing_key="options", body=b"{}", properties=properties, mandatory=True)
print("published with options")
connection.close()
