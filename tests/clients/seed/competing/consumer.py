"""Works on jobs, one at a time, and acknowledges each when it is done.

consumer.py [WORK_MS_MAX [PREFETCH]]     with a prefetch of 0 the broker deals jobs out in turn, busy or not
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time

import pika

PARAMETERS = pika.ConnectionParameters(
    os.environ.get("AMQP_HOST", "localhost"), int(os.environ.get("AMQP_PORT", "5672"))
)

work_ms_max = int(sys.argv[1]) if len(sys.argv) > 1 else 600
prefetch = int(sys.argv[2]) if len(sys.argv) > 2 else 1


def work(channel, method, properties, body):
    work_ms = random.randint(work_ms_max // 2, work_ms_max)
    print(f"{body.decode()} takes {work_ms} ms{' (again)' if method.redelivered else ''}")
    time.sleep(work_ms / 1000)
    channel.basic_ack(delivery_tag=method.delivery_tag)
    print(f"{body.decode()} done")


connection = pika.BlockingConnection(PARAMETERS)
channel = connection.channel()
channel.queue_declare(queue="jobs")
channel.basic_qos(prefetch_count=prefetch)
channel.basic_consume(queue="jobs", on_message_callback=work)
print("waiting for jobs")
with contextlib.suppress(KeyboardInterrupt):
    channel.start_consuming()
connection.close()
