"""Publishes to an exchange whose unroutable messages go to another one."""

from __future__ import annotations

import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="lost-and-found", exchange_type="fanout")
channel.exchange_declare(
    exchange="post-office", exchange_type="direct", arguments={"alternate-exchange": "lost-and-found"}
)
for street in ("known-street", "unknown-street"):
    channel.basic_publish(exchange="post-office", routing_key=street, body=f"parcel for {street}")
    print(f"sent to {street}")
connection.close()
