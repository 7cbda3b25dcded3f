"""Answers requests: to the queue that reply_to names, with the correlation_id of the request."""

from __future__ import annotations

import contextlib
import os

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)


def answer(channel, method, request, body):
    print(f"asked: {body.decode()} ({request.correlation_id})")
    channel.basic_publish(
        exchange="",
        routing_key=request.reply_to,
        properties=pika.BasicProperties(correlation_id=request.correlation_id),
        body=body.decode().upper(),
    )


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.queue_declare(queue="questions")
channel.basic_consume(queue="questions", on_message_callback=answer, auto_ack=True)
print("ready for questions")
with contextlib.suppress(KeyboardInterrupt):
    channel.start_consuming()
connection.close()
