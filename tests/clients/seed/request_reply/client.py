"""Asks the questions named as arguments, all at once, and matches each reply to its question; ends with the last."""

from __future__ import annotations

import os
import sys
import uuid

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

questions = sys.argv[1:] or ["what is the time", "is it raining"]
open_questions = {}


def receive(channel, method, reply, body):
    question = open_questions.pop(reply.correlation_id)
    print(f"{question}? {body.decode()}")
    if not open_questions:
        channel.stop_consuming()


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
replies = channel.queue_declare(queue="", exclusive=True).method.queue
channel.basic_consume(queue=replies, on_message_callback=receive, auto_ack=True)
# The server may start later than this client.
channel.queue_declare(queue="questions")
for question in questions:
    correlation_id = str(uuid.uuid4())
    open_questions[correlation_id] = question
    properties = pika.BasicProperties(reply_to=replies, correlation_id=correlation_id)
    channel.basic_publish(exchange="", routing_key="questions", properties=properties, body=question)
    print(f"sent: {question} ({correlation_id})")
print("waiting for replies")
channel.start_consuming()
connection.close()
