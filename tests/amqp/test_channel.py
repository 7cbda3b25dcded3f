"""The life of a channel: every (state, method) pair, channels apart from each other, what waits while one is parked."""

from __future__ import annotations

import pytest

from leveret.amqp import Settings
from leveret.amqp.channel import CHANNEL, CLOSED, CLOSING, OPEN, SERVED, UNOPENED, ChannelState
from leveret.amqp.methods import HANDLERS
from leveret.limits import INBOX_EVENT_SIZE, INBOX_EVENTS_MAX
from leveret.wire.frames import content_frames, method_frame
from leveret.wire.methods import (
    METHODS,
    AccessRequest,
    AccessRequestOk,
    BasicAck,
    BasicCancel,
    BasicCancelOk,
    BasicConsume,
    BasicConsumeOk,
    BasicGet,
    BasicGetEmpty,
    BasicNack,
    BasicPublish,
    BasicQos,
    BasicQosOk,
    BasicRecover,
    BasicRecoverAsync,
    BasicRecoverOk,
    BasicReject,
    ChannelClose,
    ChannelCloseOk,
    ChannelFlow,
    ChannelFlowOk,
    ChannelOpen,
    ChannelOpenOk,
    ConfirmSelect,
    ConfirmSelectOk,
    ConnectionClose,
    ConnectionCloseOk,
    ExchangeBind,
    ExchangeBindOk,
    ExchangeDeclare,
    ExchangeDeclareOk,
    ExchangeDelete,
    ExchangeDeleteOk,
    ExchangeUnbind,
    ExchangeUnbindOk,
    Method,
    QueueBind,
    QueueBindOk,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    QueueDeleteOk,
    QueuePurge,
    QueuePurgeOk,
    QueueUnbind,
    QueueUnbindOk,
    TxCommit,
    TxRollback,
    TxSelect,
    TxSelectOk,
)

from .samples import SAMPLES, name_of, prepared
from .support import PERSISTENT, TRANSIENT, Content, Link, World

REPLIES: dict[type[Method], type[Method] | None] = {
    AccessRequest: AccessRequestOk,
    ExchangeDeclare: ExchangeDeclareOk,
    ExchangeDelete: ExchangeDeleteOk,
    ExchangeBind: ExchangeBindOk,
    ExchangeUnbind: ExchangeUnbindOk,
    QueueDeclare: QueueDeclareOk,
    QueueBind: QueueBindOk,
    QueueUnbind: QueueUnbindOk,
    QueuePurge: QueuePurgeOk,
    QueueDelete: QueueDeleteOk,
    BasicQos: BasicQosOk,
    BasicConsume: BasicConsumeOk,
    BasicCancel: BasicCancelOk,
    BasicPublish: None,
    BasicGet: BasicGetEmpty,
    BasicAck: None,
    BasicNack: None,
    BasicReject: ChannelClose,  # 406: nothing was delivered
    BasicRecover: BasicRecoverOk,
    BasicRecoverAsync: None,
    ChannelFlow: ChannelFlowOk,
    ConfirmSelect: ConfirmSelectOk,
    TxSelect: TxSelectOk,
    TxCommit: ChannelClose,  # 406: not transactional
    TxRollback: ChannelClose,
    ChannelClose: ChannelCloseOk,
}
"""What an open channel takes from the peer, and its answer."""


def arrive(state: ChannelState) -> Link:
    """A connection whose channel 1 is in this state."""
    link = prepared(World())
    if state is CLOSING:
        link.send(TxCommit())
    elif state is UNOPENED:
        link.send(ChannelClose(200))
    elif state is CLOSED:
        link.send(TxCommit())
        link.send(ChannelCloseOk())
    link.received.clear()
    return link


def say(link: Link, id: int) -> None:
    if id == BasicPublish.id:
        link.publish(b"body")
    else:
        link.send(SAMPLES[id])


@pytest.mark.parametrize("id", METHODS, ids=name_of)
def test_every_method_on_an_open_channel(id: int) -> None:
    link = arrive(OPEN)
    say(link, id)
    method = METHODS[id]
    if method in REPLIES:
        expected = REPLIES[method]
        assert [type(reply) for reply in link.on(1)] == ([expected] if expected else [])
        assert link.on(0) == []
    else:
        text = (
            "CHANNEL_ERROR - second 'channel.open' seen"
            if method is ChannelOpen
            else "COMMAND_INVALID - unimplemented method"
        )
        code = 504 if method is ChannelOpen else 503
        assert link.on(0) == [ConnectionClose(code, text, id >> 16, id & 0xFFFF)]


@pytest.mark.parametrize("id", METHODS, ids=name_of)
@pytest.mark.parametrize("state", [UNOPENED, CLOSED], ids=lambda state: state.name)
def test_every_method_on_a_channel_that_is_not_open(state: ChannelState, id: int) -> None:
    link = arrive(state)
    say(link, id)
    if METHODS[id] is ChannelOpen:
        assert link.received == [(1, ChannelOpenOk())]
    else:
        text = "CHANNEL_ERROR - expected 'channel.open'"
        assert link.received == [(0, ConnectionClose(504, text, id >> 16, id & 0xFFFF))]


@pytest.mark.parametrize("id", METHODS, ids=name_of)
def test_every_method_on_a_channel_that_we_closed(id: int) -> None:
    link = arrive(CLOSING)
    say(link, id)
    method = METHODS[id]
    if method is ChannelOpen:
        text = "CHANNEL_ERROR - second 'channel.open' seen"
        assert link.received == [(0, ConnectionClose(504, text, id >> 16, id & 0xFFFF))]
        return
    assert link.received == ([(1, ChannelCloseOk())] if method is ChannelClose else [])
    assert (1 in link.session.channels) is (method is not ChannelCloseOk)


def test_the_table_takes_exactly_these() -> None:
    assert {METHODS[id] for id in CHANNEL[OPEN] if id > 0} == REPLIES.keys()
    assert {*SERVED, ChannelClose} == REPLIES.keys()
    assert HANDLERS.keys() | {BasicPublish.id, BasicAck.id, BasicNack.id, BasicReject.id} == {m.id for m in SERVED}


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_a_number_can_be_used_again() -> None:
    link = arrive(OPEN)
    link.send(ChannelClose(200))
    link.send(ChannelOpen())
    assert link.take() == [ChannelCloseOk(), ChannelOpenOk()]
    link.send(TxCommit(), ChannelCloseOk(), ChannelOpen())
    assert [type(method) for method in link.take()] == [ChannelClose, ChannelOpenOk]


def test_what_crosses_a_close_of_the_peer_is_ignored() -> None:
    """Sent before the answer could have arrived; later it is a channel that was never opened."""
    link = arrive(OPEN)
    link.open_channel(2)
    publish = content_frames(1, BasicPublish("", "q"), TRANSIENT, b"late", 131072)
    late = [BasicAck(7), ChannelClose(200), QueueDeclare("late"), ChannelCloseOk()]
    link.feed(method_frame(1, ChannelClose(200)) + publish + b"".join(method_frame(1, method) for method in late))
    assert link.take() == [ChannelCloseOk(), ChannelCloseOk()]
    assert link.call(QueueDeclare("q", passive=True), 2) == QueueDeclareOk("q", 0, 0)
    link.received.clear()
    link.send(BasicAck(7))
    text = "CHANNEL_ERROR - expected 'channel.open'"
    assert link.received == [(0, ConnectionClose(504, text, BasicAck.id >> 16, BasicAck.id & 0xFFFF))]


def test_a_number_that_was_never_open_is_not_late() -> None:
    link = arrive(OPEN)
    link.feed(method_frame(1, ChannelClose(200)) + method_frame(2, BasicQos(0, 1)))
    assert [type(method) for method in link.take(0)] == [ConnectionClose]


def test_any_number_may_be_used() -> None:
    link = World().connect()
    link.open_channel(65535)
    assert link.call(QueueDeclare("q"), 65535) == QueueDeclareOk("q", 0, 0)


def test_more_channels_than_negotiated() -> None:
    link = World(settings=Settings(channel_max=2047)).connect()
    assert link.session.client is not None
    link.session.client.channel_max = 2
    link.open_channel(1)
    link.open_channel(2)
    link.send(ChannelOpen(), channel=3)
    text = "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)"
    assert link.received == [(0, ConnectionClose(530, text))]


def test_messages_begun_on_more_channels_than_negotiated() -> None:
    """Nobody but the decoder sees these; each would hold what was sent of its message."""
    link = World().connect()
    begun = BasicPublish("", "q")
    link.feed(b"".join(method_frame(channel, begun) for channel in range(10_000, 12_047)))
    assert link.received == []
    link.feed(method_frame(1, begun))
    text = "NOT_ALLOWED - number of channels opened (2047) has reached the negotiated channel_max (2047)"
    assert link.received == [(0, ConnectionClose(530, text))]
    assert link.session.held_bytes == 0


# -- apart from each other ---------------------------------------------------------------------------------------------


def test_an_error_on_one_channel_leaves_the_others_alone() -> None:
    link = prepared(World())
    link.open_channel(2)
    link.send(BasicConsume("q", "two"), channel=2)
    link.send(BasicConsume("q", "one"))
    link.received.clear()
    link.send(QueuePurge("missing"))
    assert link.take() == [ChannelClose(404, "NOT_FOUND - no queue 'missing' in vhost '/'", 50, 30)]
    link.publish(b"a", b"b", channel=2)
    assert link.bodies(2) == [b"a", b"b"]


def test_everything_that_a_failed_channel_holds_goes_back() -> None:
    link = prepared(World())
    link.open_channel(2)
    link.send(BasicConsume("q", "one"))
    link.publish(b"a", b"b")
    assert link.bodies(1) == [b"a", b"b"]
    link.send(BasicAck(7))
    assert link.take() == [ChannelClose(406, "PRECONDITION_FAILED - unknown delivery tag 7", 60, 80)]
    link.send(BasicConsume("q", "two"), channel=2)
    deliveries = [what for what in link.take(2) if isinstance(what, Content)]
    assert [(what.body, what.method.redelivered) for what in deliveries] == [(b"a", True), (b"b", True)]  # type: ignore[attr-defined]


def test_what_comes_before_close_ok_is_ignored() -> None:
    link = prepared(World())
    publish = content_frames(1, BasicPublish("", "q"), TRANSIENT, b"late", 131072)
    link.feed(
        method_frame(1, QueuePurge("missing"))
        + publish
        + method_frame(1, BasicAck(9))
        + method_frame(1, QueuePurge("q"))
    )
    assert [type(method) for method in link.take()] == [ChannelClose]
    link.send(ChannelCloseOk())
    link.open_channel(1)
    assert link.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 0, 0)


def test_a_content_that_is_half_there_when_its_channel_fails_is_skipped() -> None:
    link = prepared(World())
    publish = content_frames(1, BasicPublish("", "q"), TRANSIENT, b"x" * 100_000, 131072)
    link.feed(method_frame(1, QueuePurge("missing")) + publish[:50_000])
    link.feed(publish[50_000:] + method_frame(1, ChannelCloseOk()) + method_frame(1, ChannelOpen()))
    assert [type(method) for method in link.take()] == [ChannelClose, ChannelOpenOk]
    assert link.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 0, 0)


def test_a_message_that_is_too_large_costs_its_channel() -> None:
    link = World(settings=Settings(message_size_max=1000)).channel()
    link.send(QueueDeclare("q"))
    link.received.clear()
    link.publish(b"fits", b"x" * 1001, b"not read any more")
    text = "PRECONDITION_FAILED - message size 1001 is larger than configured max size 1000"
    assert link.take() == [ChannelClose(406, text, 60, 40)]
    link.send(ChannelCloseOk())
    link.open_channel(1)
    assert link.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 1, 0)


def test_a_close_that_crosses_ours() -> None:
    link = arrive(CLOSING)
    link.send(ChannelClose(200), ChannelCloseOk(), ChannelOpen())
    assert link.take() == [ChannelCloseOk(), ChannelOpenOk()]


# -- parked ------------------------------------------------------------------------------------------------------------


def test_a_parked_channel_answers_in_order() -> None:
    world = World()
    link = prepared(world)
    world.held = True
    link.send(
        QueueDeclare("kept", durable=True), QueuePurge("q"), ExchangeDeclare("also", durable=True), BasicQos(0, 1)
    )
    link.publish(b"a")
    link.send(BasicGet("q"))
    assert link.take() == []
    world.held = False
    world.run()
    replies = link.take()
    assert [type(reply) for reply in replies] == [QueueDeclareOk, QueuePurgeOk, ExchangeDeclareOk, BasicQosOk, Content]


def test_other_channels_go_on() -> None:
    world = World()
    link = prepared(world)
    link.open_channel(2)
    world.held = True
    link.send(QueueDeclare("kept", durable=True))
    assert link.call(QueueDeclare("fleeting"), 2) == QueueDeclareOk("fleeting", 0, 0)
    assert link.session.reading


def test_nothing_waits_without_an_answer() -> None:
    world = World()
    link = prepared(world)
    world.held = True
    link.send(QueueDeclare("kept", durable=True, no_wait=True), BasicQos(0, 1))
    assert link.take() == [BasicQosOk()]


def test_a_log_that_is_durable_at_once() -> None:
    link = prepared(World(late=False))
    assert link.call(QueueDeclare("kept", durable=True)) == QueueDeclareOk("kept", 0, 0)
    assert link.session.parked == {}


def test_a_callback_that_comes_before_the_handler_is_done() -> None:
    world = World()
    link = prepared(world)
    answer = world.log.when_durable
    world.log.when_durable = lambda position, callback: (world.log.sync(), answer(position, callback))[1]  # type: ignore[method-assign]
    assert link.call(QueueDeclare("kept", durable=True)) == QueueDeclareOk("kept", 0, 0)
    assert link.call(BasicQos(0, 1)) == BasicQosOk()


def test_deliveries_and_confirms_go_on_while_parked() -> None:
    world = World()
    link = prepared(world)
    link.send(ConfirmSelect(), BasicConsume("q", "tag", no_ack=True))
    link.received.clear()
    other = world.channel()
    world.held = True
    link.send(QueueDeclare("kept", durable=True))
    other.publish(b"a")
    assert link.bodies() == [b"a"]


def test_the_socket_is_not_read_when_too_much_waits() -> None:
    world = World()
    link = prepared(world)
    world.held = True
    link.send(QueueDeclare("kept", durable=True))
    link.send(*[BasicQos(0, 1)] * (INBOX_EVENTS_MAX - 1))
    assert link.session.reading
    link.send(BasicQos(0, 1))
    assert not link.session.reading
    world.held = False
    world.run()
    assert link.session.reading
    assert len(link.take()) == 1 + INBOX_EVENTS_MAX


def test_the_socket_is_not_read_when_much_too_large_waits() -> None:
    world = World()
    link = prepared(world)
    world.held = True
    link.send(QueueDeclare("kept", durable=True))
    count = 0
    while link.session.reading:
        link.publish(bytes(1_000_000))
        count += 1
    assert count * 1_000_000 == pytest.approx(INBOX_EVENTS_MAX * INBOX_EVENT_SIZE, abs=1_000_000)
    world.held = False
    world.run()
    assert link.session.reading
    assert link.session.held_events == 0
    assert world.broker.vhosts["/"].queues["q"].ready == count


def test_a_parked_channel_that_closes_with_its_connection() -> None:
    world = World()
    link = prepared(world)
    world.held = True
    link.send(QueueDeclare("kept", durable=True))
    link.send(ConnectionClose(200), channel=0)
    assert link.received == [(0, ConnectionCloseOk())]
    world.held = False
    world.run()
    assert link.received == [(0, ConnectionCloseOk())]


def test_what_was_sent_before_the_connection_closes_counts() -> None:
    """Clients that do not wait for a declare's answer publish and close right behind it."""
    world = World()
    link = prepared(world)
    link.open_channel(2)
    world.held = True
    for channel in (1, 2):
        link.send(QueueDeclare(f"kept{channel}", durable=True), channel=channel)
        link.publish(b"a", b"b", channel=channel)
    link.send(ConnectionClose(200), channel=0)
    assert link.received == []
    world.held = False
    world.run()
    assert [type(reply) for _, reply in link.received] == [QueueDeclareOk, QueueDeclareOk, ConnectionCloseOk]
    assert link.session.finished
    assert world.broker.vhosts["/"].queues["q"].ready == 4


@pytest.mark.parametrize("how", ["error", "shutdown", "lost"])
def test_a_connection_that_ends_before_what_was_sent_before_it_closes(how: str) -> None:
    world = World()
    link = prepared(world)
    world.held = True
    link.send(QueueDeclare("kept", durable=True), BasicQos(1, 0) if how == "error" else BasicQos(0, 1))
    link.send(ConnectionClose(200), channel=0)
    if how == "shutdown":
        link.session.shutdown("stop")
    elif how == "lost":
        link.session.lost()
    world.held = False
    world.run()
    methods = [type(method) for number, method in link.received if number == 0]
    assert methods == ([] if how == "lost" else [ConnectionClose, ConnectionCloseOk])
    link.send(ConnectionCloseOk(), channel=0)
    assert link.session.finished
    assert link.session.held_events == 0


def test_a_close_waits_for_its_turn() -> None:
    world = World()
    link = prepared(world)
    world.held = True
    link.send(QueueDeclare("kept", durable=True), ChannelClose(200), ChannelOpen(), BasicQos(0, 1))
    assert link.take() == []
    world.held = False
    world.run()
    assert [type(reply) for reply in link.take()] == [QueueDeclareOk, ChannelCloseOk, ChannelOpenOk, BasicQosOk]


def test_an_error_in_the_inbox_drops_the_rest_of_it_but_closes() -> None:
    world = World()
    link = prepared(world)
    world.held = True
    link.send(QueueDeclare("kept", durable=True), QueuePurge("missing"), BasicQos(0, 1), ChannelClose(200))
    world.held = False
    world.run()
    assert [type(reply) for reply in link.take()] == [QueueDeclareOk, ChannelClose, ChannelCloseOk]
    assert link.session.held_events == 0
    link.send(ChannelCloseOk(), ChannelOpen(), BasicQos(0, 1))
    assert link.take() == [ChannelOpenOk(), BasicQosOk()]


def test_a_hard_error_in_the_inbox() -> None:
    world = World()
    link = prepared(world)
    link.open_channel(2)
    world.held = True
    for channel in (1, 2):
        link.send(QueueDeclare(f"kept{channel}", durable=True), BasicQos(1, 1), BasicQos(0, 1), channel=channel)
    world.held = False
    world.run()
    assert isinstance(link.last(0), ConnectionClose)
    assert link.session.held_events == 0


def test_parking_again_from_the_inbox() -> None:
    world = World()
    link = prepared(world)
    world.held = True
    names = [f"kept{n}" for n in range(5)]
    link.send(*[QueueDeclare(name, durable=True) for name in names])
    for n in range(1, 6):
        world.log.sync(n)
        world.run()
        assert [reply.queue for reply in link.on(1)] == names[:n]  # type: ignore[union-attr]


def test_publishes_wait_in_the_inbox_too() -> None:
    world = World()
    link = prepared(world)
    world.held = True
    link.send(QueueDeclare("kept", durable=True))
    link.publish(b"a", b"b", key="kept", properties=PERSISTENT)
    assert link.session.held_events == 1
    assert len(world.log.records) == 1
    world.held = False
    world.run()
    link.send(QueueDeclare("kept", passive=True))
    assert link.take()[-1] == QueueDeclareOk("kept", 2, 0)


def test_closed_has_no_way_out() -> None:
    assert CHANNEL[CLOSED] == {}
