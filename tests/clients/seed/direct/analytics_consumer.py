"""Takes the events for analytics, and those for both: two bindings of one queue."""

from __future__ import annotations

import contextlib
import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)


def take(channel, method, properties, body):
    print(f"analytics took: {body.decode()}")


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="shop-events", exchange_type="direct")
own = channel.queue_declare(queue="", exclusive=True).method.queue
channel.queue_bind(exchange="shop-events", queue=own, routing_key="analytics")
channel.queue_bind(exchange="shop-events", queue=own, routing_key="both")
channel.basic_consume(queue=own, on_message_callback=take, auto_ack=True)
print("analytics ready")
with contextlib.suppress(KeyboardInterrupt):
    channel.start_consuming()
connection.close()
