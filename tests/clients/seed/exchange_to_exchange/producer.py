"""Publishes to a direct exchange that passes messages on to a fanout exchange."""

from __future__ import annotations

import os
import sys

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="front", exchange_type="direct")
channel.exchange_declare(exchange="back", exchange_type="fanout")
channel.exchange_bind(destination="back", source="front")
message = sys.argv[1] if len(sys.argv) > 1 else "through two exchanges"
channel.basic_publish(exchange="front", routing_key="", body=message)
channel.basic_publish(exchange="front", routing_key="not bound", body="must not arrive")
print(f"sent: {message}")
connection.close()
