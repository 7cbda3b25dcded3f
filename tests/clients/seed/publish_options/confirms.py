"""Publishes with confirms: each publish returns when the broker has the message, or says that it has not."""

from __future__ import annotations

import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.confirm_delivery()
own = channel.queue_declare(queue="", exclusive=True).method.queue
channel.basic_publish(exchange="", routing_key=own, body="arrives", mandatory=True)
print("confirmed: arrives")
channel.basic_publish(exchange="", routing_key=f"{own}-other", body="lost")
print("confirmed: lost, and nobody asked")
try:
    channel.basic_publish(exchange="", routing_key=f"{own}-other", body="unroutable", mandatory=True)
except pika.exceptions.UnroutableError as error:
    print(f"not routed: {error.messages[0].body.decode()}")
connection.close()
