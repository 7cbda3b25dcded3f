"""Publishes so many messages (first argument), each twice, under routing keys that are spread over the hash ring."""

from __future__ import annotations

import os
import sys

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.exchange_declare(exchange="ring", exchange_type="x-consistent-hash")
for _ in range(2):
    for number in range(count):
        channel.basic_publish(exchange="ring", routing_key=f"customer-{number}", body=str(number))
print(f"published {count} keys twice")
connection.close()
