"""Publishes one message with the headers named as arguments.

producer.py name=brian age=53       a value of digits is sent as an integer
"""

from __future__ import annotations

import os
import sys

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

pairs = [argument.partition("=") for argument in sys.argv[1:] or ["name=brian"]]
headers = {name: int(value) if value.isdigit() else value for name, _, value in pairs}
connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="people", exchange_type="headers")
body = ", ".join(f"{name} is {value}" for name, value in headers.items())
# A headers exchange looks at no routing key.
channel.basic_publish(exchange="people", routing_key="", body=body, properties=pika.BasicProperties(headers=headers))
print(f"published: {body}")
connection.close()
