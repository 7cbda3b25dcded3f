"""Publishes one event for analytics, one for payments and one for both, by routing key."""

from __future__ import annotations

import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="shop-events", exchange_type="direct")
for routing_key in ("analytics", "payments", "both", "nobody"):
    channel.basic_publish(exchange="shop-events", routing_key=routing_key, body=f"event for {routing_key}")
    print(f"published with key {routing_key}")
connection.close()
