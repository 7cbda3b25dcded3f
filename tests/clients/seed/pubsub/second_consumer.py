"""The second listener: a queue of its own, named by the broker and gone with this connection."""

from __future__ import annotations

import contextlib
import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)


def hear(channel, method, properties, body):
    print(f"second heard: {body.decode()}")


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="announcements", exchange_type="fanout")
own = channel.queue_declare(queue="", exclusive=True).method.queue
channel.queue_bind(exchange="announcements", queue=own)
channel.basic_consume(queue=own, on_message_callback=hear, auto_ack=True)
print(f"second listens on {own}")
with contextlib.suppress(KeyboardInterrupt):
    channel.start_consuming()
connection.close()
