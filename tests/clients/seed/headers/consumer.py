"""Takes messages whose headers match a name and an age: all of the two, or any (first argument)."""

from __future__ import annotations

import contextlib
import os
import sys

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

match = sys.argv[1] if len(sys.argv) > 1 else "all"


def receive(channel, method, properties, body):
    print(f"{match}: {body.decode()}")


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="people", exchange_type="headers")
queue = f"people-{match}"
channel.queue_declare(queue=queue)
channel.queue_bind(exchange="people", queue=queue, arguments={"x-match": match, "name": "brian", "age": 53})
channel.basic_consume(queue=queue, on_message_callback=receive, auto_ack=True)
print(f"waiting for {match}")
with contextlib.suppress(KeyboardInterrupt):
    channel.start_consuming()
connection.close()
