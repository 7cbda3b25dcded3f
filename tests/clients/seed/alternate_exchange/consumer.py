"""Delivers parcels to the one street that it knows, and files the others."""

from __future__ import annotations

import contextlib
import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)


def receive(channel, method, properties, body):
    print(f"{method.consumer_tag}: {body.decode()}")


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="lost-and-found", exchange_type="fanout")
channel.exchange_declare(
    exchange="post-office", exchange_type="direct", arguments={"alternate-exchange": "lost-and-found"}
)
known = channel.queue_declare(queue="", exclusive=True).method.queue
channel.queue_bind(exchange="post-office", queue=known, routing_key="known-street")
lost = channel.queue_declare(queue="", exclusive=True).method.queue
channel.queue_bind(exchange="lost-and-found", queue=lost)
channel.basic_consume(queue=known, on_message_callback=receive, auto_ack=True, consumer_tag="delivered")
channel.basic_consume(queue=lost, on_message_callback=receive, auto_ack=True, consumer_tag="filed")
print("post office open")
with contextlib.suppress(KeyboardInterrupt):
    channel.start_consuming()
connection.close()
