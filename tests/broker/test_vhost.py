"""A virtual host's objects: declaring, equivalence, deleting, binding, and the texts of what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leveret.broker.broker import Broker
from leveret.broker.queue import Queue
from leveret.broker.vhost import VHost
from leveret.errors import AccessRefused, AmqpError, NotFound, PreconditionFailed, ResourceLocked
from leveret.store.memory import MemoryLog
from leveret.wire.fields import Arguments, Timestamp

from ..simulation.world import World
from .support import Channel, batch, make_broker, pump


@pytest.fixture
def broker() -> Broker:
    return make_broker()


@pytest.fixture
def vhost(broker: Broker) -> VHost:
    return broker.vhosts["/"]


def bind(
    vhost: VHost, source: str, destination: str, key: str = "", to_queue: bool = True, **arguments: object
) -> None:
    vhost.bind(source, destination, key, Arguments.of(arguments), to_queue=to_queue, owner=None)


def unbind(vhost: VHost, source: str, destination: str, key: str = "", to_queue: bool = True) -> None:
    vhost.unbind(source, destination, key, Arguments.EMPTY, to_queue=to_queue, owner=None)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"durable": True},
            "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
        ),
        (
            {"auto_delete": True},
            "inequivalent arg 'auto_delete' for queue 'q' in vhost '/': received 'true' but current is 'false'",
        ),
        (
            {"arguments": Arguments.of({"x-message-ttl": 10})},
            "inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '10' of type 'signedint'"
            " but current is none",
        ),
    ],
)
def test_queue_redeclaration_must_agree(vhost: VHost, change: dict[str, object], text: str) -> None:
    vhost.declare_queue("q")
    with pytest.raises(PreconditionFailed) as refused:
        vhost.declare_queue("q", **change)  # type: ignore[arg-type]
    assert refused.value.explanation == text


NONE_AND = "received none but current is the value '10' of type 'signedint'"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ({"x-expires": 10}, {}, NONE_AND),
        ({"x-expires": 10}, {"x-expires": 11}, "received '11' but current is '10'"),
        ({"x-expires": 10}, {"x-expires": "10"}, "received '10' but current is '10'"),
        ({"x-expires": 10}, {"x-expires": 10.0}, "received '10.0' but current is '10'"),
        ({"x-expires": 10}, {"x-expires": Timestamp(10)}, None),
        ({"x-expires": 10}, {"x-expires": 10, "x-mine": 1}, None),
        ({}, {"x-expires": "a"}, "received the value 'a' of type 'longstr' but current is none"),
        ({}, {"x-expires": True}, "received the value 'true' of type 'bool' but current is none"),
        ({"x-expires": 1}, {"x-expires": True}, "received 'true' but current is '1'"),
        ({"x-expires": 10, "x-message-ttl": 5}, {}, NONE_AND),
    ],
)
def test_how_arguments_are_compared(
    vhost: VHost, old: dict[str, object], new: dict[str, object], text: str | None
) -> None:
    vhost.declare_queue("q", arguments=Arguments.of(old))  # type: ignore[arg-type]
    if text is None:
        vhost.declare_queue("q", arguments=Arguments.of(new))  # type: ignore[arg-type]
        return
    with pytest.raises(PreconditionFailed) as refused:
        vhost.declare_queue("q", arguments=Arguments.of(new))  # type: ignore[arg-type]
    assert refused.value.explanation == f"inequivalent arg 'x-expires' for queue 'q' in vhost '/': {text}"


def test_integers_of_any_width_agree(vhost: VHost) -> None:
    vhost.declare_queue("q", arguments=Arguments(b"\x09x-expiresI" + (10).to_bytes(4, "big")))
    for narrow_or_wide in (b"b" + bytes([10]), b"s" + (10).to_bytes(2, "big"), b"l" + (10).to_bytes(8, "big")):
        vhost.declare_queue("q", arguments=Arguments(b"\x09x-expires" + narrow_or_wide))


def test_equal_redeclarations_are_welcome(broker: Broker, vhost: VHost) -> None:
    vhost.declare_queue("q", arguments=Arguments.of({"x-queue-type": "classic", "x-mine": 1}))
    vhost.publish(batch(broker, b"1", b"2"), Channel(vhost))
    declared = vhost.declare_queue("q", arguments=Arguments.of({"x-mine": 2}))
    assert (declared.name, declared.message_count, declared.consumer_count) == ("q", 2, 0)


def test_exclusive_flag_must_agree_before_anything_else(vhost: VHost) -> None:
    vhost.declare_queue("q")
    with pytest.raises(ResourceLocked):
        vhost.declare_queue("q", exclusive=True, durable=True, owner=object())


def test_an_exclusive_durable_queue_is_kept_as_transient(vhost: VHost) -> None:
    owner = object()
    declared = vhost.declare_queue("q", exclusive=True, durable=True, owner=owner)
    assert declared.position is None
    assert not vhost.queues["q"].durable
    vhost.declare_queue("q", exclusive=True, durable=False, owner=owner)
    vhost.declare_queue("q", exclusive=True, durable=True, owner=owner)


@pytest.mark.parametrize(
    ("action", "error", "text"),
    [
        (lambda v: v.declare_queue("nope", passive=True), NotFound, "no queue 'nope' in vhost '/'"),
        (lambda v: v.declare_exchange("nope", "direct", passive=True), NotFound, "no exchange 'nope' in vhost '/'"),
        (lambda v: v.declare_queue("amq.q"), AccessRefused, "queue name 'amq.q' contains reserved prefix 'amq.*'"),
        (
            lambda v: v.declare_exchange("amq.x", "direct"),
            AccessRefused,
            "exchange name 'amq.x' contains reserved prefix 'amq.*'",
        ),
        (
            lambda v: v.declare_exchange("x", "nonsense"),
            PreconditionFailed,
            "unknown exchange type 'nonsense'",
        ),
        (lambda v: v.declare_exchange("", "direct"), AccessRefused, "operation not permitted on the default exchange"),
        (
            lambda v: v.declare_exchange("", "direct", passive=True),
            AccessRefused,
            "operation not permitted on the default exchange",
        ),
        (lambda v: v.declare_exchange("", "nonsense"), PreconditionFailed, "unknown exchange type 'nonsense'"),
        (lambda v: v.declare_exchange("amq.x", "nonsense"), PreconditionFailed, "unknown exchange type 'nonsense'"),
        (lambda v: v.declare_exchange("amq.topic", "no"), PreconditionFailed, "unknown exchange type 'no'"),
        (lambda v: v.declare_exchange("x", ""), PreconditionFailed, "invalid exchange type ''"),
        (
            lambda v: v.declare_queue("r", arguments=Arguments.of({"x-queue-type": "nonsense"})),
            PreconditionFailed,
            "invalid arg 'x-queue-type' for queue 'r' in vhost '/': \"unsupported queue type 'nonsense'\"",
        ),
        (
            lambda v: v.declare_queue("r", arguments=Arguments.of({"x-queue-type": 5})),
            PreconditionFailed,
            "invalid arg 'x-queue-type' for queue 'r' in vhost '/': {unacceptable_type,signedint}",
        ),
        (lambda v: v.delete_exchange(""), AccessRefused, "operation not permitted on the default exchange"),
        (lambda v: bind(v, "", "q"), AccessRefused, "operation not permitted on the default exchange"),
        (lambda v: unbind(v, "", "q"), AccessRefused, "operation not permitted on the default exchange"),
        (
            lambda v: v.delete_exchange("amq.direct"),
            AccessRefused,
            "deletion of system exchange 'amq.direct' in vhost '/' not allowed",
        ),
        (
            lambda v: v.delete_exchange("amq.nope"),
            AccessRefused,
            "deletion of system exchange 'amq.nope' in vhost '/' not allowed",
        ),
        (lambda v: bind(v, "nope", "q"), NotFound, "no exchange 'nope' in vhost '/'"),
        (lambda v: bind(v, "nope", "neither"), NotFound, "no exchange 'nope' in vhost '/'"),
        (lambda v: bind(v, "nope", "neither", to_queue=False), NotFound, "no exchange 'nope' in vhost '/'"),
        (lambda v: bind(v, "amq.direct", "nope"), NotFound, "no queue 'nope' in vhost '/'"),
        (lambda v: v.purge_queue("nope"), NotFound, "no queue 'nope' in vhost '/'"),
    ],
)
def test_what_is_refused(vhost: VHost, action: object, error: type[AmqpError], text: str) -> None:
    vhost.declare_queue("q")
    with pytest.raises(error) as refused:
        action(vhost)  # type: ignore[operator]
    assert refused.value.explanation == text


def test_what_is_missing_can_be_deleted_and_unbound(vhost: VHost) -> None:
    vhost.delete_exchange("nope")
    assert vhost.delete_queue("nope").message_count == 0
    unbind(vhost, "nope", "nope")
    vhost.declare_queue("q")
    unbind(vhost, "amq.direct", "q", "nope")


def test_a_name_from_the_broker_cannot_be_declared(vhost: VHost) -> None:
    """RabbitMQ: only passively, though the queue is there."""
    name = vhost.declare_queue("").name
    assert vhost.declare_queue(name, passive=True).name == name
    with pytest.raises(AccessRefused) as refused:
        vhost.declare_queue(name)
    assert refused.value.explanation == f"queue name '{name}' contains reserved prefix 'amq.*'"


def test_a_locked_queue_and_bindings(vhost: VHost) -> None:
    """What is missing comes before the lock; removing a binding that is not there is no access."""
    owner = object()
    vhost.declare_queue("q", exclusive=True, owner=owner)
    with pytest.raises(NotFound, match="no exchange 'nope' in vhost '/'"):
        bind(vhost, "nope", "q")
    with pytest.raises(ResourceLocked):
        bind(vhost, "amq.direct", "q", "k")
    unbind(vhost, "amq.direct", "q", "k")
    vhost.bind("amq.direct", "q", "k", Arguments.EMPTY, to_queue=True, owner=owner)
    with pytest.raises(ResourceLocked):
        unbind(vhost, "amq.direct", "q", "k")
    vhost.unbind("amq.direct", "q", "k", Arguments.EMPTY, to_queue=True, owner=owner)
    assert not vhost.router.bindings_to(vhost.queues["q"])


def test_exchange_equivalence_names_the_first_difference(vhost: VHost) -> None:
    vhost.declare_exchange("x", "direct", durable=True)
    vhost.declare_exchange("x", "direct", durable=True)
    with pytest.raises(PreconditionFailed) as refused:
        vhost.declare_exchange("x", "fanout", durable=False)
    assert refused.value.explanation == (
        "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'direct'"
    )


def test_if_unused_and_if_empty(broker: Broker, vhost: VHost) -> None:
    vhost.declare_exchange("x", "fanout")
    vhost.declare_queue("q")
    bind(vhost, "x", "q")
    with pytest.raises(PreconditionFailed, match="exchange 'x' in vhost '/' in use"):
        vhost.delete_exchange("x", if_unused=True)
    vhost.publish(batch(broker, b"1"), Channel(vhost))
    with pytest.raises(PreconditionFailed, match="queue 'q' in vhost '/' not empty"):
        vhost.delete_queue("q", if_empty=True)
    channel = Channel(vhost)
    consumer = channel.consume("q", "c")
    with pytest.raises(PreconditionFailed, match="queue 'q' in vhost '/' in use"):
        vhost.delete_queue("q", if_unused=True)
    vhost.cancel(consumer)
    assert vhost.delete_queue("q", if_unused=True).message_count == 1
    vhost.delete_exchange("x", if_unused=True)


def test_auto_delete_exchanges_go_with_their_last_binding_in_chains(vhost: VHost) -> None:
    for name in ("a", "b", "c"):
        vhost.declare_exchange(name, "fanout", auto_delete=True)
    vhost.declare_queue("q")
    bind(vhost, "a", "b", to_queue=False)
    bind(vhost, "b", "c", to_queue=False)
    bind(vhost, "c", "q")
    bind(vhost, "a", "q")
    unbind(vhost, "a", "q")
    assert {"a", "b", "c"} <= vhost.router.exchanges.keys()
    vhost.delete_queue("q")
    assert not {"a", "b", "c"} & vhost.router.exchanges.keys()


def test_unbinding_the_last_takes_the_exchange_along(vhost: VHost) -> None:
    vhost.declare_exchange("a", "direct", auto_delete=True)
    vhost.declare_queue("q")
    bind(vhost, "a", "q", "1")
    bind(vhost, "a", "q", "2")
    unbind(vhost, "a", "q", "1")
    assert "a" in vhost.router.exchanges
    unbind(vhost, "a", "q", "2")
    assert "a" not in vhost.router.exchanges


def test_a_fault_in_one_queue_does_not_hold_up_others(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    vhost = broker.vhosts["/"]
    channel = Channel(vhost)
    for name in ("bad", "good"):
        vhost.declare_queue(name)
        channel.consume(name, name)
        vhost.publish(batch(broker, b"a", key=name), channel)

    def pump_good(queue: Queue, pump: Callable[[Queue], None] = Queue.pump) -> None:
        assert queue.name == "good"
        pump(queue)

    monkeypatch.setattr(Queue, "pump", pump_good)
    wakes = broker._scheduler.count  # type: ignore[attr-defined]
    with pytest.raises(AssertionError):
        broker.pump(1000)
    assert broker._scheduler.count > wakes  # type: ignore[attr-defined]
    pump(broker)
    assert [delivery.consumer for delivery in channel.deliveries] == ["good"]


def test_what_goes_with_a_transient_binding_is_gone_after_a_restart() -> None:
    world = World()
    vhost = world.vhost
    vhost.declare_queue("transient")
    for way in ("unbind", "delete"):
        vhost.declare_exchange(way, "direct", durable=True, auto_delete=True)
        bind(vhost, way, "transient", "k")
    assert vhost.unbind("unbind", "transient", "k", Arguments.EMPTY, to_queue=True, owner=None) is not None
    assert vhost.delete_queue("transient").position is not None
    world.sync()
    again = World(world.disk.files).vhost
    assert [*again.router.exchanges] == [*vhost.router.exchanges]
    assert not {"unbind", "delete"} & {*again.router.exchanges}


def test_order_per_queue_is_kept_over_keys(broker: Broker, vhost: VHost) -> None:
    vhost.declare_queue("q")
    vhost.declare_queue("other")
    for key in ("a", "b"):
        bind(vhost, "amq.direct", "q", key)
    bind(vhost, "amq.direct", "other", "b")
    messages = [("amq.direct", "ab"[n % 2], b"\x00\x00", str(n).encode(), False) for n in range(20)]
    channel = Channel(vhost)
    vhost.publish(type(batch(broker)).build(broker.pool, messages, 1), channel)
    channel.consume("q", "c", no_ack=True)
    pump(broker)
    assert channel.bodies() == [str(n).encode() for n in range(20)]
    channel.consume("other", "d", no_ack=True)
    pump(broker)
    assert channel.bodies() == [str(n).encode() for n in range(1, 20, 2)]


def test_a_bad_row_ends_the_batch_after_those_before_it(broker: Broker, vhost: VHost) -> None:
    vhost.declare_queue("q")
    channel = Channel(vhost)
    messages = [
        ("", "q", b"\x00\x00", b"0", False),
        ("", "nowhere", b"\x00\x00", b"1", True),
        ("", "q", b"\x00\x00", b"2", True),
        ("missing", "q", b"\x00\x00", b"3", False),
        ("", "nowhere", b"\x00\x00", b"4", True),
        ("", "q", b"\x00\x00", b"5", False),
    ]
    with pytest.raises(NotFound) as missing:
        vhost.publish(type(batch(broker)).build(broker.pool, messages, 1), channel)
    assert missing.value.reply_text == "NOT_FOUND - no exchange 'missing' in vhost '/'"
    assert channel.returns == [b"1"]
    assert channel.outcomes == [(3, None, [])]
    assert [channel.get("q"), channel.get("q"), channel.get("q")] == [b"0", b"2", None]


def test_a_limit_cuts_the_batch(broker: Broker, vhost: VHost) -> None:
    vhost.declare_queue("q")
    channel = Channel(vhost)
    vhost.publish(batch(broker, b"0", b"1", b"2"), channel, limit=2)
    assert channel.outcomes == [(2, None, [])]
    assert vhost.queues["q"].ready == 2
    vhost.publish(batch(broker, b"0"), channel, limit=0)
    assert vhost.queues["q"].ready == 2


def test_line_breaks_are_stripped_from_names(vhost: VHost) -> None:
    vhost.declare_queue("a\r\nb")
    assert "ab" in vhost.queues
    vhost.delete_queue("a\nb")
    assert "ab" not in vhost.queues


def test_what_is_there_but_not_yet_durable_is_waited_for() -> None:
    log = MemoryLog(lag=True)
    vhost = make_broker(log).vhosts["/"]
    first = vhost.declare_queue("q", durable=True).position
    assert first is not None
    assert vhost.declare_queue("q", durable=True).position == first
    exchange = vhost.declare_exchange("x", "fanout", durable=True)
    assert exchange is not None
    assert vhost.declare_exchange("x", "fanout", durable=True) == exchange
    bound = vhost.bind("x", "q", "", Arguments.EMPTY, to_queue=True, owner=None)
    assert bound is not None
    assert vhost.bind("x", "q", "", Arguments.EMPTY, to_queue=True, owner=None) == bound
    vhost.declare_queue("transient")
    assert vhost.declare_queue("transient").position is None
