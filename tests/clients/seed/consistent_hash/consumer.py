"""Takes its share of a consistent-hash exchange.

consumer.py NAME WEIGHT     the weight is the binding's key: twice the weight, twice the share
"""

from __future__ import annotations

import contextlib
import os
import sys

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

name, weight = sys.argv[1:3] if len(sys.argv) > 2 else ("one", "1")


def receive(channel, method, properties, body):
    print(f"{name}: {body.decode()}")


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="ring", exchange_type="x-consistent-hash")
channel.queue_declare(queue=f"ring-{name}")
channel.queue_bind(exchange="ring", queue=f"ring-{name}", routing_key=weight)
channel.basic_consume(queue=f"ring-{name}", on_message_callback=receive, auto_ack=True)
print(f"{name} has weight {weight}")
with contextlib.suppress(KeyboardInterrupt):
    channel.start_consuming()
connection.close()
