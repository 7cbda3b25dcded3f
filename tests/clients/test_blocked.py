"""A broker that is short of memory, as pika sees it: a publisher is blocked, a consumer is not, and the publisher goes
on when the consumer has made room."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from ..process import PATIENCE_S, BrokerProcess
from .raw import Peer, content_header, longstr, publish, shortstr

BODY = bytes(100_000)
MESSAGES = 400
"""Five times what the broker may hold."""


@pytest.fixture
def small_broker() -> Iterator[BrokerProcess]:
    with BrokerProcess("--port", "0", "--ephemeral", "--vm-memory-high-watermark", "8MB") as process:
        assert process.port
        yield process


def connect(broker: BrokerProcess) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port))


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
        self.closed_with = 0
        self.connection.add_on_connection_blocked_callback(self._on_blocked)
        self.connection.add_on_connection_unblocked_callback(lambda *_: self.unblocked.set())

    def _on_blocked(self, _connection: object, frame: pika.frame.Method) -> None:
        self.reasons.append(frame.method.reason)
        self.blocked.set()

    def run(self) -> None:
        try:
            self._publish()
        except pika.exceptions.ConnectionClosedByBroker as error:
            self.closed_with = error.reply_code

    def _publish(self) -> None:
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

    consumer = connect(small_broker)
    channel = consumer.channel()
    held = channel.queue_declare("letters", passive=True).method.message_count
    assert 50 <= held <= 100, "what fits, and what had been read"
    assert not publisher.unblocked.is_set()
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
    assert small_broker.stop() == 0, small_broker.log


def test_a_blocked_connection_hears_that_the_broker_stops(small_broker: BrokerProcess) -> None:
    publisher = Publisher(small_broker)
    publisher.start()
    assert publisher.blocked.wait(PATIENCE_S)
    assert small_broker.stop() == 0
    publisher.join(PATIENCE_S)
    assert publisher.closed_with == 320


def test_a_limit_of_0_stops_all_publishing_and_a_blocked_peer_that_is_gone_is_noticed_when_writing() -> None:
    capability = longstr(shortstr("connection.blocked") + b"t\x01")
    properties = longstr(shortstr("capabilities") + b"F" + capability)
    with BrokerProcess("--port", "0", "--ephemeral", "--vm-memory-high-watermark", "0") as broker:
        assert broker.port
        with Peer(broker.host, broker.port) as peer:
            peer.open(heartbeat_s=1, client_properties=properties)
            peer.send(publish(1, "nowhere"), content_header(1, 0))
            assert peer.expect_method(10, 60) == shortstr("low on memory")
            linger = struct.pack("ii", 1, 0)  # closing resets the connection
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        broker.expect(r"closing AMQP connection .*: (Connection reset by peer|Broken pipe)$")
        assert broker.stop() == 0, broker.log


def test_too_little_free_space_blocks_too(tmp_path: Path) -> None:
    with BrokerProcess("--port", "0", "--data-dir", str(tmp_path), "--disk-free-limit", "900PB") as broker:
        broker.expect(r"disk resource limit alarm set: [\d,]+ MB free, 900,000,000,000 MB are to stay free$")
        publisher = Publisher(broker)
        publisher.start()
        assert publisher.blocked.wait(PATIENCE_S)
        assert publisher.reasons == ["low on disk"]
        assert broker.stop() == 0
        publisher.join(PATIENCE_S)
        assert publisher.closed_with == 320
