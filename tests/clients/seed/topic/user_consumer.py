"""Follows everything about users: user.# is the word user and any words after it, or another pattern."""

from __future__ import annotations

import contextlib
import os
import sys

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

pattern = sys.argv[1] if len(sys.argv) > 1 else "user.#"


def follow(channel, method, properties, body):
    print(f"{method.routing_key}: {body.decode()}")


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="happenings", exchange_type="topic")
own = channel.queue_declare(queue="", exclusive=True).method.queue
channel.queue_bind(exchange="happenings", queue=own, routing_key=pattern)
channel.basic_consume(queue=own, on_message_callback=follow, auto_ack=True)
print(f"following {pattern}")
with contextlib.suppress(KeyboardInterrupt):
    channel.start_consuming()
connection.close()
