"""A broker that is short of memory, as pika sees it: a publisher is blocked, a consumer is not, and the publisher goes
on when the consumer has made room."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from ..process import PATIENCE_S, BrokerProcess

BODY = bytes(100_000)
MESSAGES = 400
"""Five times what the broker may hold."""


@pytest.fixture(params=["kernel", "twin"])
def small_broker(request: pytest.FixtureRequest) -> Iterator[BrokerProcess]:
    env = {"LEVERET_TWIN": "1"} if request.param == "twin" else {}
    arguments = ("--port", "0", "--ephemeral", "--vm-memory-high-watermark", "8MB")
    with BrokerProcess(*arguments, env=env) as process:
        assert process.port
        yield process
        assert process.stop() == 0, process.log


def connect(broker: BrokerProcess) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port, heartbeat=2))


class Publisher(threading.Thread):
    """Publishes all messages, and notes what it is told meanwhile."""

    def __init__(self, broker: BrokerProcess) -> None:
        super().__init__(daemon=True)
        self.connection = connect(broker)
        self.channel: BlockingChannel = self.connection.channel()
        self.channel.queue_declare("letters")
        self.reasons: list[str] = []
        self.blocked = threading.Event()
        self.unblocked = threading.Event()
        self.connection.add_on_connection_blocked_callback(self._on_blocked)
        self.connection.add_on_connection_unblocked_callback(lambda *_: self.unblocked.set())

    def _on_blocked(self, _connection: object, frame: pika.frame.Method) -> None:
        self.reasons.append(frame.method.reason)
        self.blocked.set()

    def run(self) -> None:
        for _ in range(MESSAGES):
            self.channel.basic_publish("", "letters", BODY)
            self.connection.process_data_events(0)
        self.channel.confirm_delivery()
        self.channel.basic_publish("", "letters", b"the last")


def test_a_publisher_is_blocked_and_goes_on_when_a_consumer_has_made_room(small_broker: BrokerProcess) -> None:
    publisher = Publisher(small_broker)
    publisher.start()
    assert publisher.blocked.wait(PATIENCE_S)
    assert publisher.reasons == ["low on memory"]
    figure = small_broker.expect(r"memory resource limit alarm set: payload ([\d.]+) MB of 8.0 MB$")[1]
    assert float(figure) < 10
    time.sleep(5)  # more than two heartbeats: neither end takes the other for dead
    assert publisher.is_alive()
    assert not publisher.unblocked.is_set()

    consumer = connect(small_broker)
    channel = consumer.channel()
    held = channel.queue_declare("letters", passive=True).method.message_count
    assert 50 <= held <= 100, "what fits, and what had been read"
    channel.basic_qos(prefetch_count=20)
    count = 0
    for method, _properties, body in channel.consume("letters"):
        channel.basic_ack(method.delivery_tag)
        if body == b"the last":
            break
        count += 1
    assert count == MESSAGES
    assert publisher.unblocked.is_set()
    publisher.join(PATIENCE_S)
    assert not publisher.is_alive()
    small_broker.expect(r"memory resource limit alarm cleared: payload [\d.]+ MB of 8.0 MB$")
    channel.cancel()
    publisher.connection.close()
    consumer.close()


def test_a_blocked_connection_hears_that_the_broker_stops(small_broker: BrokerProcess) -> None:
    publisher = Publisher(small_broker)
    stopped: list[object] = []
    run = publisher.run

    def until_closed() -> None:
        try:
            run()
        except pika.exceptions.ConnectionClosedByBroker as error:
            stopped.append(error.reply_code)

    publisher.run = until_closed  # type: ignore[method-assign]
    publisher.start()
    assert publisher.blocked.wait(PATIENCE_S)
    assert small_broker.stop() == 0
    publisher.join(PATIENCE_S)
    assert stopped == [320]
