"""Celery: a worker process that takes tasks, and results that come back over rpc:// reply queues."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery, chain, group
from kombu import pools

APP = Path(__file__).with_name("celery_app")
PATIENCE_S = 30

# Celery's pools and its consumer of results outlive the application that they belong to.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]


@pytest.fixture
def queue(unique, endpoint) -> Iterator[str]:
    name = unique("celery")
    yield name
    with Celery(broker=endpoint.url).connection_for_write() as connection:
        connection.default_channel.queue_delete(name)


@pytest.fixture
def worker(launch, queue):
    """`worker(pool)` starts a worker and waits until it takes tasks."""

    def start(pool: str = "prefork"):
        program = launch(
            *(sys.executable, "-m", "celery", "-A", "tasks", "worker", "-Q", queue, "-P", pool, "-c", "2"),
            *("-l", "INFO", "-n", f"{queue}@here"),
            cwd=APP,
            env={"CELERY_QUEUE": queue, "C_FORCE_ROOT": "1"},
        )
        program.expect(r".* ready\.")
        return program

    return start


@pytest.fixture
def app(endpoint, queue) -> Iterator[Celery]:
    application = Celery("tests", broker=endpoint.url.replace("amqp://", "pyamqp://"), backend="rpc://")
    application.conf.update(
        task_default_queue=queue, result_expires=None, broker_transport_options={"confirm_publish": True}
    )
    yield application
    results = application.backend.result_consumer
    if results._connection is not None:  # somebody waited for a result
        results.stop()
    application.close()
    pools.reset()


def test_tasks_results_and_retries(app, worker):
    program = worker()
    assert app.signature("add", (2, 3)).delay().get(PATIENCE_S) == 5
    results = group(app.signature("add", (number, number)) for number in range(30)).apply_async()
    assert results.get(PATIENCE_S) == [2 * number for number in range(30)]
    steps = chain(app.signature("add", (1, 2)), app.signature("add", (3,)), app.signature("add", (4,)))
    assert steps.apply_async().get(PATIENCE_S) == 10
    with pytest.raises(ValueError, match="as told"):
        app.signature("fail").delay().get(PATIENCE_S)
    assert app.signature("third_time_lucky").delay().get(PATIENCE_S) == 2
    app.signature("ignored").delay()
    program.expect(".*ignored task ran")


def test_delayed_tasks_wait_in_the_worker(app, worker):
    worker("solo")
    assert app.signature("add", (1, 1), countdown=1).apply_async().get(PATIENCE_S) == 2


def test_tasks_acknowledged_late_outlive_their_worker(app, worker):
    worker()
    assert app.signature("die_once").delay().get(PATIENCE_S) == "survived"


def test_tasks_wait_for_a_worker(app, worker):
    waiting = [app.signature("add", (number, 1)).delay() for number in range(5)]
    worker("solo")
    assert [result.get(PATIENCE_S) for result in waiting] == [1, 2, 3, 4, 5]


def test_remote_control(app, worker, queue):
    worker("solo")
    node = f"{queue}@here"
    assert app.control.ping(destination=[node], timeout=PATIENCE_S, limit=1) == [{node: {"ok": "pong"}}]
    inspect = app.control.inspect(destination=[node], timeout=PATIENCE_S, limit=1)
    assert set(inspect.registered()[node]) >= {"add", "fail", "third_time_lucky"}
