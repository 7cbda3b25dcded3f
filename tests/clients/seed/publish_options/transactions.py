"""Publishes in transactions: what is rolled back was never there."""

from __future__ import annotations

import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
own = channel.queue_declare(queue="", exclusive=True).method.queue
channel.tx_select()


def count():
    return channel.queue_declare(queue=own, passive=True).method.message_count


for word in ("one", "two"):
    channel.basic_publish(exchange="", routing_key=own, body=word)
print(f"before the commit: {count()}")
channel.tx_commit()
print(f"after the commit: {count()}")
channel.basic_publish(exchange="", routing_key=own, body="three")
channel.tx_rollback()
print(f"after the rollback: {count()}")
connection.close()
