"""Confirms: ranges leave in publishing order once durable, coalesced; against a model of one message at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.amqp.confirms import Confirms
from leveret.amqp.output import Output
from leveret.ports import Position
from leveret.wire import Selection
from leveret.wire.frames import content_frames
from leveret.wire.methods import (
    BasicAck,
    BasicConsume,
    BasicNack,
    BasicPublish,
    BasicReturn,
    ChannelClose,
    ChannelCloseOk,
    ConfirmSelect,
    ConfirmSelectOk,
    QueueDeclare,
)

from .samples import prepared
from .support import PERSISTENT, Content, LateLog, Link, World


def confirming(world: World) -> Link:
    """Channel 1 in confirm mode; queue `q` is transient, `kept` is durable."""
    link = prepared(world)
    link.send(QueueDeclare("kept", durable=True), ConfirmSelect())
    assert link.take()[-1] == ConfirmSelectOk()
    return link


def test_a_lone_confirm() -> None:
    link = confirming(World())
    link.publish(b"a")
    assert link.take() == [BasicAck(1, False)]
    link.publish(b"b")
    assert link.take() == [BasicAck(2, False)]


def test_a_batch_is_confirmed_at_once() -> None:
    link = confirming(World())
    link.publish(*[b"a"] * 100)
    assert link.take() == [BasicAck(100, True)]


def test_one_frame_per_turn() -> None:
    world = World()
    link = confirming(world)
    link.open_channel(2)
    link.send(ConfirmSelect(), channel=2)
    link.received.clear()
    link.push(b"")
    for channel in (1, 2, 1, 1, 2):
        link.push(content(channel))
    world.run()
    assert link.on(1) == [BasicAck(3, True)]
    assert link.on(2) == [BasicAck(2, True)]


def content(channel: int) -> bytes:
    return content_frames(channel, BasicPublish("", "q"), b"\0\0", b"a", 131072)


def test_selecting_twice_changes_nothing() -> None:
    link = confirming(World())
    link.publish(b"a")
    assert link.call(ConfirmSelect()) == ConfirmSelectOk()
    link.received.clear()
    link.publish(b"b")
    assert link.take() == [BasicAck(2, False)]


def test_a_select_without_an_answer() -> None:
    link = prepared(World())
    link.send(ConfirmSelect(no_wait=True))
    link.publish(b"a")
    assert link.take() == [BasicAck(1, False)]


def test_what_was_published_before_does_not_count() -> None:
    link = prepared(World())
    link.publish(b"a", b"b")
    link.send(ConfirmSelect())
    link.received.clear()
    link.publish(b"c")
    assert link.take() == [BasicAck(1, False)]


def test_confirms_wait_for_the_log() -> None:
    world = World()
    link = confirming(world)
    world.held = True
    link.publish(b"a", b"b", key="kept", properties=PERSISTENT)
    link.publish(b"c")
    assert link.take() == []
    link.publish(b"d", key="kept", properties=PERSISTENT)
    world.log.sync(len(world.log.records) - 1)
    world.run()
    assert link.take() == [BasicAck(3, True)]
    world.log.sync()
    world.run()
    assert link.take() == [BasicAck(4, False)]


def test_transient_messages_do_not_wait() -> None:
    world = World()
    link = confirming(world)
    world.held = True
    link.publish(b"a", key="kept")
    assert link.take() == [BasicAck(1, False)]


def test_unroutable_messages_are_confirmed_after_they_are_returned() -> None:
    link = confirming(World())
    link.publish(b"a", key="nowhere", mandatory=True)
    link.publish(b"b", key="nowhere")
    assert link.take() == [
        Content(BasicReturn(312, "NO_ROUTE", "", "nowhere"), b"\0\0", b"a"),
        BasicAck(1, False),
        BasicAck(2, False),
    ]


def test_messages_before_a_bad_one_are_confirmed_before_the_channel_closes() -> None:
    link = confirming(World())
    link.push(content(1) * 3)
    link.publish(b"a", exchange="missing")
    assert link.take() == [
        BasicAck(3, True),
        ChannelClose(404, "NOT_FOUND - no exchange 'missing' in vhost '/'", 60, 40),
    ]


def test_a_closed_channel_confirms_nothing_any_more() -> None:
    world = World()
    link = confirming(world)
    world.held = True
    link.publish(b"a", key="kept", properties=PERSISTENT)
    link.send(ChannelClose(200))
    world.held = False
    world.run()
    assert link.take() == [ChannelCloseOk()]


def test_a_lost_connection_confirms_nothing_any_more() -> None:
    world = World()
    link = confirming(world)
    world.held = True
    link.publish(b"a", key="kept", properties=PERSISTENT)
    link.session.lost()
    world.held = False
    world.run()
    assert link.take() == []
    assert link.session.output_bytes == 0


def test_the_own_consumer_may_get_it_first() -> None:
    link = confirming(World())
    link.send(BasicConsume("q", "tag", no_ack=True))
    link.received.clear()
    link.publish(b"a")
    assert sorted(type(what).__name__ for what in link.take()) == ["BasicAck", "Content"]


# -- against a model ---------------------------------------------------------------------------------------------------


def test_rejected_rows_are_nacked() -> None:
    output, log = Output(lambda: None), LateLog()
    confirms = Confirms(1, output, log)
    confirms.add(10, None, Selection([0, 4, 5, 9]))
    assert told(output) == [
        BasicNack(1, False, False),
        BasicAck(4, True),
        BasicNack(6, True, False),
        BasicAck(9, True),
        BasicNack(10, False, False),
    ]


def told(output: Output) -> list[BasicAck | BasicNack]:
    """The confirms that the output holds."""
    data = output.take() or b""
    found: list[BasicAck | BasicNack] = []
    for at in range(0, len(data), 21):
        frame = data[at : at + 21]
        assert frame[:7] == b"\x01\x00\x01\x00\x00\x00\x0d"
        assert frame[20] == 0xCE
        kind = {BasicAck.id: BasicAck, BasicNack.id: BasicNack}[int.from_bytes(frame[7:11], "big")]
        found.append(kind.decode(frame[11:20]))
    return found


published = st.tuples(
    st.just("publish"), st.integers(0, 9), st.booleans(), st.sets(st.integers(0, 8)), st.integers(0, 2)
)
steps = st.lists(published | st.tuples(st.just("sync"), st.integers(0, 9)) | st.tuples(st.just("flush")), max_size=40)


@given(steps)
def test_every_message_is_told_once_in_order_and_not_too_early(plan: list[tuple[object, ...]]) -> None:
    log = LateLog()
    confirms = Confirms(1, output := Output(lambda: None), log)
    fates: list[tuple[bool, int]] = []  # per message: rejected, position
    outcomes: list[bool] = []
    for step in plan:
        if step[0] == "publish":
            _, count, persistent, rejected, gap = step
            assert isinstance(count, int)
            assert isinstance(gap, int)
            assert isinstance(rejected, set)
            log.records += [[]] * gap
            position = log.append([]) if persistent else None
            rows = sorted(row for row in rejected if row < count)
            confirms.add(count, position, Selection(rows) if rows else None)
            fates += [(row in rows, position or 0) for row in range(count)]
        elif step[0] == "sync":
            upto = step[1]
            assert isinstance(upto, int)
            if log.durable <= upto <= len(log.records):
                log.sync(upto)
        else:
            frames = told(output)
            kinds = [type(frame) for frame in frames]
            assert all(kinds[i] is not kinds[i + 1] for i in range(len(kinds) - 1))
            for frame in frames:
                covered = frame.delivery_tag - len(outcomes)
                assert covered >= 1
                assert frame.multiple is (covered > 1)
                outcomes += [isinstance(frame, BasicNack)] * covered
            durable = 0
            while durable < len(fates) and fates[durable][1] <= log.durable:
                durable += 1
            assert outcomes == [rejected for rejected, _ in fates[:durable]]
            assert len(confirms) == len(fates) - durable


@pytest.mark.parametrize("count", [0, 1, 2])
def test_closing_says_what_is_decided(count: int) -> None:
    output, log = Output(lambda: None), LateLog()
    confirms = Confirms(1, output, log)
    confirms.add(count, None, None)
    confirms.add(1, Position(1), None)
    confirms.close()
    log.records.append([])
    log.sync()
    assert [frame.delivery_tag for frame in told(output)] == [count][: min(count, 1)]
