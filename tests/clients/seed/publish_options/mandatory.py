"""Publishes mandatory messages without confirms: those that reach no queue come back."""

from __future__ import annotations

import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)


def returned(channel, method, properties, body):
    print(f"returned {method.reply_code} {method.reply_text}: {body.decode()}")


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.add_on_return_callback(returned)
own = channel.queue_declare(queue="", exclusive=True).method.queue
channel.basic_publish(exchange="", routing_key=own, body="finds a queue", mandatory=True)
channel.basic_publish(exchange="", routing_key=f"{own}-other", body="finds none", mandatory=True)
channel.basic_publish(exchange="", routing_key=f"{own}-other", body="finds none, and nobody is told")
# The answer to this question comes after whatever the broker had to return.
_method, _properties, body = channel.basic_get(own, auto_ack=True)
print(f"in the queue: {body.decode()}")
connection.process_data_events()
connection.close()
