"""The tasks that the Celery test has a worker do; the broker's address is in the environment."""

from __future__ import annotations

import os

from celery import Celery, Task, chain, group

ADDRESS = f"{os.environ['AMQP_HOST']}:{os.environ['AMQP_PORT']}"
QUEUE = os.environ["CELERY_QUEUE"]

app = Celery("tasks", broker=f"pyamqp://guest:guest@{ADDRESS}//", backend="rpc://")
app.conf.update(
    task_default_queue=QUEUE,
    result_expires=None,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


@app.task(name="add")
def add(left: int, right: int) -> int:
    return left + right


@app.task(name="fail")
def fail() -> None:
    raise ValueError("as told")


@app.task(name="third_time_lucky", bind=True, max_retries=5)
def third_time_lucky(self: Task) -> int:
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task(name="die_once", bind=True, acks_late=True, reject_on_worker_lost=True)
def die_once(self: Task) -> str:
    """Takes its own process down at the first delivery; says so at the second."""
    if not self.request.delivery_info["redelivered"]:
        os._exit(1)
    return "survived"


@app.task(name="ignored", ignore_result=True)
def ignored() -> None:
    print("ignored task ran")


__all__ = ["app", "chain", "group"]
