"""What the broker tells about itself."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from leveret import limits
from leveret.broker.broker import Broker
from leveret.errors import NotFound
from leveret.ports import Origin
from leveret.wire import Batch
from leveret.wire.fields import Arguments, Timestamp
from leveret.wire.properties import Properties, decode_properties, encode_properties
from leveret.wire.records import SetPolicy

from .support import TRANSIENT, Channel, make_broker


class Listener:
    """A queue that is bound to the event exchange."""

    def __init__(self, key: str = "#", exchange: str = "amq.rabbitmq.event", broker: Broker | None = None) -> None:
        self.broker = broker or make_broker()
        self.vhost = self.broker.vhosts["/"]
        self.channel = Channel(self.vhost)
        self.vhost.declare_queue("events", durable=True)
        self.vhost.bind(exchange, "events", key, Arguments.EMPTY, to_queue=True, owner=None)
        self.heard()

    def heard(self) -> list[tuple[str, dict[str, object]]]:
        while self.broker.pump(1000):
            pass
        found = []
        queue = self.vhost.queues["events"]
        while (taken := queue.take_one()) is not None:
            extent, rows = taken
            message = extent[rows[0]]
            properties = decode_properties(message.properties)
            headers = {**(properties.headers or {})}
            if message.exchange == "amq.rabbitmq.event":
                assert (properties.delivery_mode, message.body) == (2, b"")
                assert headers.pop("timestamp_in_ms") == self.broker.clock.wall_ms()
                assert properties.timestamp == self.broker.clock.wall_ms() // 1000
            found.append((message.routing_key, headers))
            queue.settle(extent, rows)
        return found


def test_nothing_is_made_while_nobody_listens() -> None:
    broker = make_broker()
    broker.vhosts["/"].declare_queue("q")
    assert not broker.events.wanted
    assert not broker.notices.pending


def test_the_exchange_is_the_brokers_own() -> None:
    listener = Listener()
    listener.vhost.declare_exchange("amq.rabbitmq.event", "topic", durable=True, internal=True)
    assert listener.broker.last_id == make_broker().last_id + 1, "it takes no id of the log"


def test_objects() -> None:
    listener = Listener()
    vhost = listener.vhost
    vhost.declare_exchange("x", "fanout", auto_delete=True, arguments=Arguments.of({"a": 1}))
    vhost.declare_queue("q", arguments=Arguments.of({"x-max-length": 5}))
    vhost.bind("x", "q", "k", Arguments.EMPTY, to_queue=True, owner=None)
    vhost.set_policy(SetPolicy("/", "p", False, "^q", {"max-length": 1}, 7, "queues"))
    vhost.clear_policy("p")
    exchange = {"name": "x", "vhost": "/", "type": "fanout", "durable": False, "auto_delete": True, "internal": False}
    queue = {"name": "q", "vhost": "/", "durable": False, "auto_delete": False, "exclusive": False, "type": "classic"}
    binding = {
        "source_name": "x",
        "source_kind": "exchange",
        "destination_name": "q",
        "destination_kind": "queue",
        "routing_key": "k",
        "arguments": {},
        "vhost": "/",
    }
    policy = {"name": "p", "vhost": "/", "pattern": "^q", "apply-to": "queues", "priority": 7}
    assert listener.heard() == [
        ("exchange.created", {**exchange, "arguments": {"a": 1}}),
        ("queue.created", {**queue, "arguments": {"x-max-length": 5}}),
        ("binding.created", binding),
        ("policy.set", {**policy, "definition": {"max-length": 1}}),
        ("policy.cleared", {"name": "p", "vhost": "/"}),
    ]
    vhost.delete_queue("q")
    assert listener.heard() == [
        ("queue.deleted", {"name": "q", "vhost": "/"}),
        ("binding.deleted", binding),
        ("exchange.deleted", {"name": "x", "vhost": "/"}),
    ]


def test_consumers() -> None:
    listener = Listener("consumer.*")
    listener.vhost.declare_queue("q")
    other = Channel(listener.vhost)
    consumer = other.consume("q", "c", prefetch=3)
    about = {"consumer_tag": "c", "queue": "q", "vhost": "/", "exclusive": False, "ack_required": True}
    about |= {"prefetch_count": 3, "arguments": {}}
    assert listener.heard() == [("consumer.created", about)]
    listener.vhost.cancel(consumer)
    assert listener.heard() == [("consumer.deleted", about)]
    other.consume("q", "d", no_ack=True)
    listener.heard()
    listener.vhost.delete_queue("q")
    assert [name for name, _ in listener.heard()] == ["consumer.deleted"]


def test_alarms() -> None:
    listener = Listener()
    listener.broker.alarms.log_full(True)
    listener.broker.alarms.log_full(False)
    assert listener.heard() == [
        ("alarm.set", {"source": "disk", "node": "leveret"}),
        ("alarm.cleared", {"source": "disk", "node": "leveret"}),
    ]


def test_only_those_that_are_asked_for() -> None:
    listener = Listener("queue.created")
    listener.vhost.declare_queue("q")
    listener.vhost.delete_queue("q")
    assert [name for name, _ in listener.heard()] == ["queue.created"]


def test_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener()
    monkeypatch.setattr("leveret.broker.notices.NOTICES_MAX", 3)
    for number in range(5):
        listener.vhost.declare_queue(f"q{number}")
    with caplog.at_level(logging.WARNING):
        assert [about["name"] for _, about in listener.heard()] == ["q0", "q1", "q2"]
    assert "2 events or traces were not published" in caplog.text
    listener.vhost.declare_queue("q9")
    assert len(listener.heard()) == 1
    assert limits.NOTICES_MAX > 1000


def test_alarms_while_nobody_listens() -> None:
    broker = make_broker()
    broker.alarms.log_full(True)
    assert not broker.notices.pending


def test_its_own_integers_have_64_bits() -> None:
    listener = Listener("policy.set")
    listener.vhost.set_policy(SetPolicy("/", "p", False, "^q", {"max-length": 1}, 7, "queues"))
    listener.broker.pump(1000)
    taken = listener.vhost.queues["events"].take_one()
    assert taken is not None
    raw = taken[0][taken[1][0]].properties
    assert b"\x08priorityl\0\0\0\0\0\0\0\x07" in raw
    assert b"\x0ftimestamp_in_msl" in raw


def nested(depth: int) -> dict[str, Any]:
    """Tables in tables."""
    return {} if depth == 0 else {"deeper": nested(depth - 1)}


def test_what_cannot_be_told_is_done_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener()
    with caplog.at_level(logging.WARNING):
        listener.vhost.declare_queue("deep", arguments=Arguments.of({"a": nested(30)}))
        assert listener.heard() == []
    assert "deep" in listener.vhost.queues
    assert "1 events or traces were not published" in caplog.text
    assert not listener.broker.notices.pending


def test_a_header_that_no_frame_holds_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    monkeypatch.setattr("leveret.broker.notices.NOTICE_PROPERTIES_MAX", 1000)
    listener.vhost.declare_queue("long", arguments=Arguments.of({"a": "x" * 1000}))
    listener.vhost.declare_queue("short")
    assert [about["name"] for _, about in listener.heard()] == ["short"]
    assert limits.NOTICE_PROPERTIES_MAX < limits.FRAME_MAX


def test_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    monkeypatch.setattr("leveret.broker.notices.NOTICE_BYTES_MAX", 600)
    for number in range(9):
        listener.vhost.declare_queue(f"q{number}")
    assert 1 <= len(listener.heard()) <= 4


def test_an_event_makes_no_events_without_end() -> None:
    listener = Listener()
    listener.vhost.trace(True)
    listener.vhost.bind("amq.rabbitmq.trace", "events", "#", Arguments.EMPTY, to_queue=True, owner=None)
    listener.vhost.declare_queue("q")
    assert [key for key, _ in listener.heard()] == ["binding.created", "queue.created"]
    assert listener.heard() == []


class TestTracing:
    def start(self) -> Listener:
        listener = Listener(exchange="amq.rabbitmq.trace")
        listener.vhost.declare_queue("q")
        listener.vhost.trace(True)
        return listener

    def deliver(self, listener: Listener, queue: str) -> None:
        tracer, taken = listener.vhost.tracer, listener.vhost.queues[queue].take_one()
        assert tracer is not None
        assert taken is not None
        tracer.delivered(queue, *taken, Origin("test", 1, "me"))

    def test_what_is_published(self) -> None:
        listener = self.start()
        raw = b"\x20\x00\x00\x00\x00\x03\x01aV"
        rows = [("", "q", raw, b"1", False), ("", "nobody", TRANSIENT, b"2", False)]
        listener.vhost.publish(Batch.build(listener.broker.pool, rows, 1), listener.channel)
        common = {
            "exchange_name": "",
            "node": "leveret",
            "vhost": "/",
            "connection": "test",
            "channel": 1,
            "user": "me",
        }
        assert listener.heard() == [
            (
                "publish.",
                {**common, "routing_keys": ["q"], "properties": {"headers": {"a": None}}, "routed_queues": ["q"]},
            ),
            ("publish.", {**common, "routing_keys": ["nobody"], "properties": {}, "routed_queues": []}),
        ]

    def test_headers_that_are_nested_too_deep(self) -> None:
        """Its trace would be deeper still: it is not told, and the message goes its way."""
        listener = self.start()
        raw = encode_properties(Properties(headers=nested(31)))
        listener.vhost.publish(Batch.build(listener.broker.pool, [("", "q", raw, b"1", False)], 1), listener.channel)
        assert listener.heard() == []
        assert listener.vhost.queues["q"].message_count == 1
        assert [outcome[0] for outcome in listener.channel.outcomes] == [1]
        self.deliver(listener, "q")
        assert listener.heard() == []

    def test_a_timestamp(self) -> None:
        listener = self.start()
        raw = encode_properties(Properties(timestamp=Timestamp(2**40)))
        listener.vhost.publish(Batch.build(listener.broker.pool, [("", "q", raw, b"1", False)], 1), listener.channel)
        ((_, about),) = listener.heard()
        assert about["properties"] == {"timestamp": Timestamp(2**40)}

    def test_blind_copies(self) -> None:
        listener = self.start()
        listener.vhost.declare_queue("a")
        raw = encode_properties(Properties(headers={"CC": ["a"], "BCC": ["b"]}))
        listener.vhost.publish(Batch.build(listener.broker.pool, [("", "q", raw, b"1", False)], 1), listener.channel)
        ((_, about),) = listener.heard()
        assert about["routing_keys"] == ["q", "a", "b"]
        assert about["properties"] == {"headers": {"CC": ["a"]}}
        self.deliver(listener, "a")
        ((key, about),) = listener.heard()
        assert (key, about["routing_keys"]) == ("deliver.a", ["q", "a"])

    def test_a_commit(self) -> None:
        listener = self.start()
        batch = Batch.build(listener.broker.pool, [("", "q", TRANSIENT, b"1", False)], 1)
        nowhere = Batch.build(listener.broker.pool, [("nowhere", "q", TRANSIENT, b"1", False)], 1)
        with pytest.raises(NotFound):
            listener.vhost.transact([batch, nowhere], [], listener.channel)
        assert listener.heard() == [], "nothing was published"
        listener.vhost.transact([batch], [], listener.channel)
        assert [key for key, _ in listener.heard()] == ["publish."]

    def test_off_again(self) -> None:
        listener = self.start()
        listener.vhost.trace(False)
        listener.vhost.publish(
            Batch.build(listener.broker.pool, [("", "q", TRANSIENT, b"1", False)], 1), listener.channel
        )
        assert listener.heard() == []

    def test_traces_are_not_traced(self) -> None:
        listener = self.start()
        listener.vhost.bind("amq.rabbitmq.trace", "q", "#", Arguments.EMPTY, to_queue=True, owner=None)
        listener.vhost.publish(
            Batch.build(listener.broker.pool, [("", "q", TRANSIENT, b"1", False)], 1), listener.channel
        )
        assert len(listener.heard()) == 1
        assert listener.heard() == []
