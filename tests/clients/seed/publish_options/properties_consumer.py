"""Prints the options of the next message, then ends."""

from __future__ import annotations

import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.queue_declare(queue="options", durable=True)
print("waiting for options")
for method, properties, _body in channel.consume("options"):
    for name, value in sorted(vars(properties).items()):
        if value is not None:
            print(f"{name} = {value!r}")
    channel.basic_ack(method.delivery_tag)
    break
channel.cancel()
connection.close()
