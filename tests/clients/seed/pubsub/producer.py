"""Announces something to whoever listens: a fanout exchange copies it to every bound queue."""

from __future__ import annotations

import os
import sys

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
# No queue is declared here: each listener brings its own.
channel.exchange_declare(exchange="announcements", exchange_type="fanout")
news = sys.argv[1] if len(sys.argv) > 1 else "the shop opens at nine"
channel.basic_publish(exchange="announcements", routing_key="", body=news)
print(f"announced: {news}")
connection.close()
