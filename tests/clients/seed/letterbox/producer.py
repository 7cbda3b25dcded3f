"""Puts one letter into the letterbox: the default exchange routes by the queue's name."""

from __future__ import annotations

import os
import sys

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.queue_declare(queue="letterbox")
letter = sys.argv[1] if len(sys.argv) > 1 else "a first letter"
channel.basic_publish(exchange="", routing_key="letterbox", body=letter)
print(f"posted: {letter}")
connection.close()
