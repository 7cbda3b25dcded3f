"""Consumes from a queue bound to the second of two exchanges."""

from __future__ import annotations

import contextlib
import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)


def receive(channel, method, properties, body):
    print(f"received from {method.exchange}: {body.decode()}")


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="back", exchange_type="fanout")
channel.queue_declare(queue="behind-two")
channel.queue_bind(exchange="back", queue="behind-two")
channel.basic_consume(queue="behind-two", on_message_callback=receive, auto_ack=True)
print("waiting behind two exchanges")
with contextlib.suppress(KeyboardInterrupt):
    channel.start_consuming()
connection.close()
