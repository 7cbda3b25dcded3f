"""Answers that come late change when things are said, never what is said on a channel, nor in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leveret.wire.methods import (
    BasicAck,
    BasicGet,
    BasicNack,
    BasicQos,
    BasicReject,
    ChannelClose,
    ChannelCloseOk,
    ChannelOpen,
    ConfirmSelect,
    ConnectionClose,
    ExchangeDeclare,
    ExchangeDelete,
    Method,
    QueueBind,
    QueueDeclare,
    QueueDelete,
    QueuePurge,
    TxCommit,
    TxRollback,
    TxSelect,
)

from .support import PERSISTENT, TRANSIENT, Link, World

METHODS: list[Method] = [
    QueueDeclare("kept", durable=True),
    QueueDeclare("kept"),
    QueueDeclare("fleeting"),
    QueueDeclare("kept", passive=True),
    QueueDelete("kept"),
    QueuePurge("kept"),
    ExchangeDeclare("x", "fanout", durable=True),
    ExchangeDelete("x"),
    QueueBind("kept", "x"),
    BasicGet("kept"),
    BasicGet("kept", no_ack=True),
    BasicGet("fleeting"),
    BasicAck(1),
    BasicAck(0, True),
    BasicNack(2, requeue=True),
    BasicReject(1, False),
    BasicQos(0, 1),
    ConfirmSelect(),
    TxSelect(),
    TxCommit(),
    TxRollback(),
    ChannelClose(200),
]

method_steps = st.tuples(st.just("method"), st.sampled_from([1, 2]), st.sampled_from(METHODS))
publish_steps = st.tuples(
    st.just("publish"), st.sampled_from([1, 2]), st.sampled_from(["kept", "fleeting"]), st.booleans(), st.integers(1, 3)
)
scripts = st.lists(method_steps | publish_steps, max_size=25)


def own(method: Method, channel: int) -> Method:
    """The method with names of its channel's own: channels must not see what others do."""
    copy = type(method).decode(method.encode())
    for field in ("queue", "exchange"):
        if getattr(copy, field, ""):
            setattr(copy, field, f"{getattr(copy, field)}{channel}")
    return copy


def play(world: World, script: list[tuple[object, ...]], together: bool) -> Link:
    """A client that goes on until a channel fails; `together`: no answer comes until all is sent."""
    link = world.connect()
    for channel in (1, 2):
        link.open_channel(channel)
        link.send(*[own(method, channel) for method in METHODS[:1] + METHODS[2:3]], channel=channel)
    world.held = together
    for step in script:
        channel = step[1]
        assert isinstance(channel, int)
        if step[0] == "publish":
            _, _, key, persistent, count = step
            assert isinstance(count, int)
            properties = PERSISTENT if persistent else TRANSIENT
            link.publish(*[b"body"] * count, key=f"{key}{channel}", channel=channel, properties=properties)
        else:
            method = step[2]
            assert isinstance(method, Method)
            link.send(own(method, channel), channel=channel)
            if isinstance(method, ChannelClose):
                link.send(ChannelOpen(), channel=channel)
        if not together and any(isinstance(what, ChannelClose) for _, what in link.received):
            break
    world.held = False
    world.run()
    return link


def said(link: Link, channel: int) -> list[object]:
    """Replies in order, up to the first error; what was confirmed, however the frames are cut."""
    replies: list[object] = []
    confirmed = 0
    for what in link.on(channel):
        if isinstance(what, BasicAck):
            confirmed = max(confirmed, what.delivery_tag)
        elif isinstance(what, ChannelClose):
            return [*replies, what.reply_code]
        else:
            replies.append(what)
            if isinstance(what, ChannelCloseOk):
                confirmed = 0  # those that were not told when the channel closed are never told
    return [*replies, confirmed]


@given(scripts)
def test_late_answers_say_the_same(script: list[tuple[object, ...]]) -> None:
    at_once = play(World(late=False), script, together=False)
    late = play(World(late=True), script, together=False)
    for channel in (1, 2):
        assert said(late, channel) == said(at_once, channel)
    assert not any(isinstance(what, ConnectionClose) for _, what in late.received)


@given(scripts)
def test_very_late_answers_say_the_same(script: list[tuple[object, ...]]) -> None:
    """No answer comes before everything was sent; whatever could not be served waited."""
    one_channel = [(step[0], 1, *step[2:]) for step in script]
    at_once = play(World(late=False), one_channel, together=False)
    late = play(World(late=True), one_channel, together=True)
    common = min(len(said(at_once, 1)), len(said(late, 1))) - 1
    assert said(late, 1)[:common] == said(at_once, 1)[:common]
    assert late.session.held_events == 0
    assert late.session.inboxes == {}
