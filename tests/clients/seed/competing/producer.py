"""Sends numbered jobs, for ever or as many as the first argument says."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import sys

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.queue_declare(queue="jobs")
numbers = range(1, int(sys.argv[1]) + 1) if len(sys.argv) > 1 else itertools.count(1)
pause_ms_max = int(sys.argv[2]) if len(sys.argv) > 2 else 400
with contextlib.suppress(KeyboardInterrupt):
    for number in numbers:
        channel.basic_publish(exchange="", routing_key="jobs", body=f"job {number}")
        print(f"sent job {number}")
        connection.sleep(random.randint(0, pause_ms_max) / 1000)
connection.close()
