"""Reads letters from the letterbox until it is interrupted; the broker takes each delivery as acknowledged."""

from __future__ import annotations

import contextlib
import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)


def read(channel, method, properties, body):
    print(f"read: {body.decode()}")


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
# Either side may come first: the second declaration finds what the first one made.
channel.queue_declare(queue="letterbox")
channel.basic_consume(queue="letterbox", on_message_callback=read, auto_ack=True)
print("waiting for letters")
with contextlib.suppress(KeyboardInterrupt):
    channel.start_consuming()
connection.close()
