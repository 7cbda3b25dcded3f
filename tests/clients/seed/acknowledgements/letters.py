"""Acknowledges, rejects and requeues: one letter, several at once, and back to its place in the queue."""

from __future__ import annotations

import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
own = channel.queue_declare(queue="", exclusive=True).method.queue
for letter in "abcdefgh":
    channel.basic_publish(exchange="", routing_key=own, body=letter)


def take(count):
    """The next letters; an upper case letter was delivered before."""
    taken = []
    tag = 0
    for _ in range(count):
        method, _properties, body = channel.basic_get(own)
        tag = method.delivery_tag
        taken.append(body.decode().upper() if method.redelivered else body.decode())
    print(f"took {' '.join(taken)}")
    return tag


channel.basic_ack(take(3), multiple=True)
channel.basic_reject(take(1), requeue=True)
channel.basic_nack(take(2), multiple=True, requeue=True)
channel.basic_reject(take(1), requeue=False)
channel.basic_nack(take(2), multiple=True, requeue=False)
take(2)
channel.basic_recover(requeue=True)
take(2)
print(f"left: {channel.queue_declare(queue=own, passive=True).method.message_count}")
connection.close()
