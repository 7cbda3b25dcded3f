"""Publishes under the routing keys named as arguments, or under a few of its own."""

from __future__ import annotations

import os
import sys

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

routing_keys = sys.argv[1:] or ["user.signup", "user.profile.photo", "order.paid", "user"]
connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="happenings", exchange_type="topic")
for routing_key in routing_keys:
    channel.basic_publish(exchange="happenings", routing_key=routing_key, body=f"it happened: {routing_key}")
    print(f"published {routing_key}")
connection.close()
