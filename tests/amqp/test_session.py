"""The connection as a whole: how it ends, faults of ours and of the peer."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.amqp.handshake import CLOSED, CLOSING, OPEN
from leveret.limits import CLOSE_TIMEOUT_MS
from leveret.wire.frames import HEARTBEAT_FRAME, PROTOCOL_HEADER, content_frames, method_frame
from leveret.wire.methods import (
    BasicAck,
    BasicConsume,
    BasicGet,
    BasicGetEmpty,
    BasicPublish,
    BasicQos,
    BasicQosOk,
    ChannelClose,
    ChannelOpen,
    ConfirmSelect,
    ConnectionClose,
    ConnectionCloseOk,
    ConnectionOpen,
    ConnectionStartOk,
    ConnectionTuneOk,
    QueueDeclare,
    QueueDeclareOk,
    QueuePurge,
)

from .samples import SAMPLES, prepared
from .support import CAPABLE, TRANSIENT, Content, Link, World

FORCED = "broker forced connection closure with reason 'shutdown'"


@contextmanager
def quiet() -> Iterator[None]:
    """Many errors that nobody reads."""
    logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


# -- ends --------------------------------------------------------------------------------------------------------------


def test_the_client_closes() -> None:
    world = World()
    link = prepared(world)
    link.send(QueueDeclare("mine", exclusive=True), BasicConsume("q", "tag"))
    link.publish(b"a")
    link.received.clear()
    link.send(ConnectionClose(200, "bye"), channel=0)
    assert link.received == [(0, ConnectionCloseOk())]
    assert link.session.finished
    vhost = world.broker.vhosts["/"]
    assert list(vhost.queues) == ["q"]
    assert (vhost.queues["q"].ready, vhost.queues["q"].unacked) == (1, 0)


def test_the_server_stops() -> None:
    link = prepared(World())
    link.session.shutdown(FORCED)
    assert link.session.state is CLOSING
    link.world.run()
    assert link.received == [(0, ConnectionClose(320, f"CONNECTION_FORCED - {FORCED}"))]
    link.send(BasicQos(0, 1))
    link.publish(b"ignored")
    assert not link.session.finished
    link.send(ConnectionCloseOk(), channel=0)
    assert link.session.finished


def test_stopping_in_the_handshake_just_ends() -> None:
    link = World().link()
    link.feed(PROTOCOL_HEADER)
    link.received.clear()
    link.session.shutdown(FORCED)
    link.world.run()
    assert link.session.finished
    assert link.received == []


def test_stopping_twice_says_it_once() -> None:
    link = prepared(World())
    link.session.shutdown(FORCED)
    link.session.shutdown(FORCED)
    link.world.run()
    assert len(link.received) == 1


def test_a_peer_that_does_not_answer_a_close() -> None:
    link = prepared(World())
    link.session.shutdown(FORCED)
    wanted = link.session.tick(link.world.clock.monotonic_ms())
    assert wanted is not None
    assert wanted <= link.world.clock.monotonic_ms() + CLOSE_TIMEOUT_MS
    link.world.tick(CLOSE_TIMEOUT_MS - 1)
    assert not link.session.finished
    link.world.tick(1)
    assert link.session.finished
    assert link.session.tick(link.world.clock.monotonic_ms()) is None


def test_a_close_that_crosses_ours() -> None:
    link = prepared(World())
    link.session.shutdown(FORCED)
    link.send(ConnectionClose(200), channel=0)
    assert link.last(0) == ConnectionCloseOk()
    assert not link.session.finished
    link.send(ConnectionCloseOk(), channel=0)
    assert link.session.finished


def test_the_end_wakes_the_shell() -> None:
    link = prepared(World())
    link.session.shutdown(FORCED)
    link.world.run()
    woken = link.shell.count
    link.push(method_frame(0, ConnectionCloseOk()))
    link.session.step(2)
    assert link.shell.count == woken + 1


def test_a_lost_connection_gives_everything_back_once() -> None:
    world = World()
    link = prepared(world)
    link.send(QueueDeclare("mine", exclusive=True), BasicConsume("q", "tag"), BasicConsume("mine", "other"))
    link.publish(b"a", b"b")
    for _ in range(2):
        link.session.lost()
        queue = world.broker.vhosts["/"].queues["q"]
        assert (queue.ready, queue.unacked, queue.consumers) == (2, 0, [])
        assert "mine" not in world.broker.vhosts["/"].queues
    assert link.session.finished
    assert link.session.state is CLOSED
    assert link.session.output == []
    link.push(b"late")
    assert not link.session.step(2)


def test_messages_go_back_in_their_order() -> None:
    world = World()
    link = prepared(world)
    link.open_channel(2)
    link.send(BasicQos(0, 2), BasicConsume("q", "one"))
    link.send(BasicQos(0, 2), BasicConsume("q", "two"), channel=2)
    link.publish(*[b"%d" % n for n in range(6)])
    link.session.lost()
    other = world.channel()
    other.send(BasicConsume("q", "tag", no_ack=True))
    assert other.bodies() == [b"%d" % n for n in range(6)]


# -- faults of ours ----------------------------------------------------------------------------------------------------


def test_a_bug_costs_one_connection_and_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    link, other = prepared(world), world.channel()

    def explode(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(world.broker.vhosts["/"]), "purge_queue", explode)
    link.send(QueuePurge("q"))
    assert link.received == [(0, ConnectionClose(541, "INTERNAL_ERROR", 50, 30))]
    assert "secret detail" in caplog.text
    assert other.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 0, 0)


@pytest.mark.parametrize("what", ["publish", "settle", "cancel", "release"])
def test_a_bug_anywhere(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    link = prepared(world)
    link.send(BasicConsume("q", "tag"))
    link.publish(b"a")

    def explode(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(type(world.broker.vhosts["/"]), what, explode)
        link.publish(b"b")
        link.send(BasicAck(1))
        link.session.lost()
    assert link.session.finished
    assert link.session.channels == {}


def test_an_error_that_comes_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a channel waits for may fail; then the error is that of the method which waits."""
    from leveret.errors import PreconditionFailed

    link = prepared(World())
    link.world.held = True
    link.send(QueueDeclare("kept", durable=True), BasicQos(0, 1))
    (token,) = link.session.parked
    link.session.resume(token, PreconditionFailed("it did not work"))
    link.world.run()
    assert link.take() == [ChannelClose(406, "PRECONDITION_FAILED - it did not work", 50, 10)]
    link.world.held = False
    link.world.run()
    assert link.take() == []


def test_a_late_answer_without_a_reply() -> None:
    link = prepared(World())
    link.world.held = True
    link.send(QueueDeclare("kept", durable=True), BasicQos(0, 1))
    (token,) = link.session.parked
    link.session.resume(token, None)
    link.world.run()
    assert link.take() == [BasicQosOk()]


# -- faults of the peer ------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[bytes, int]] = {
    "garbage": (b"\x47\x11" * 100, 501),
    "a frame larger than negotiated": (b"\x01\x00\x01\x00\x02\x00\x09", 501),
    "a missing frame end": (method_frame(1, QueuePurge("q"))[:-1] + b"\x00", 501),
    "an unknown frame type": (b"\x05\x00\x01\x00\x00\x00\x00\xce", 501),
    "a method on an unopened channel": (method_frame(9, QueuePurge("q")), 504),
    "content on an unopened channel": (content_frames(9, BasicPublish("", "q"), TRANSIENT, b"a", 0), 504),
    "an ack on an unopened channel": (method_frame(9, BasicAck(1)), 504),
    "a header without a method": (b"\x02\x00\x01\x00\x00\x00\x0e\x00\x3c" + bytes(12) + b"\xce", 505),
    "a body without a header": (b"\x03\x00\x01\x00\x00\x00\x01a\xce", 505),
    "a method within a content": (
        content_frames(1, BasicPublish("", "q"), TRANSIENT, b"body", 0)[:40] + method_frame(1, QueuePurge("q")),
        505,
    ),
    "the wrong class": (
        method_frame(1, BasicPublish("", "q")) + b"\x02\x00\x01\x00\x00\x00\x0e\x00\x32" + bytes(12) + b"\xce",
        505,
    ),
    "a heartbeat on a channel": (b"\x08\x00\x03\x00\x00\x00\x00\xce", 505),
    "content on channel 0": (method_frame(0, BasicPublish("", "q")), 504),
    "an ack on channel 0": (method_frame(0, BasicAck(1)), 504),
    "a channel's method on channel 0": (method_frame(0, ChannelOpen()), 504),
    "a connection's method on a channel": (method_frame(1, ConnectionClose(200)), 503),
    "an unknown method": (b"\x01\x00\x01\x00\x00\x00\x04\x00\x63\x00\x01\xce", 503),
    "an unknown method on channel 0": (b"\x01\x00\x00\x00\x00\x00\x04\x00\x63\x00\x01\xce", 504),
    "truncated arguments": (b"\x01\x00\x01\x00\x00\x00\x05\x00\x32\x00\x0a\x00\xce", 501),
    "a malformed table": (
        b"\x01\x00\x01\x00\x00\x00\x10\x00\x32\x00\x0a\x00\x00\x01q\x00\x00\x00\x00\x03\x01aZ\xce",
        502,
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input(what: str) -> None:
    data, code = BAD[what]
    world = World()
    link, other = prepared(world), world.channel()
    if what == "a method within a content":
        data = content_frames(1, BasicPublish("", "q"), TRANSIENT, b"body", 0)
        data = data[: data.index(b"body") - 7] + method_frame(1, QueuePurge("q"))
    link.feed(data)
    (close,) = link.on(0)
    assert isinstance(close, ConnectionClose)
    assert close.reply_code == code, close
    assert link.session.state is CLOSING
    assert link.session.reading  # what the peer still sends is read and dropped: closing at once could lose our frame
    link.feed(b"\xff" * 1000)
    assert len(link.received) == 1
    world.tick(CLOSE_TIMEOUT_MS)
    assert link.session.finished
    assert other.call(BasicQos(0, 1)) == BasicQosOk()


def test_tables_nested_ten_thousand_deep() -> None:
    table = b""
    for _ in range(10_000):
        table = b"\x01aF" + len(table).to_bytes(4, "big") + table
    arguments = b"\x00\x00\x01q\x00" + len(table).to_bytes(4, "big") + table
    payload = b"\x00\x32\x00\x0a" + arguments
    link = prepared(World())
    link.feed(b"\x01\x00\x01" + len(payload).to_bytes(4, "big") + payload + b"\xce")
    (close,) = link.on(0)
    assert isinstance(close, ConnectionClose)
    assert close.reply_code == 502


def test_a_close_after_an_error_of_the_session_is_answered() -> None:
    """The decoder is alive after errors that it did not find itself."""
    link = prepared(World())
    link.send(ChannelOpen())
    link.send(ConnectionCloseOk(), channel=0)
    assert link.session.finished


def conversation() -> bytes:
    content = content_frames(1, BasicPublish("", "q"), TRANSIENT, b"x" * 5000, 8192)
    return (
        PROTOCOL_HEADER
        + method_frame(0, ConnectionStartOk(CAPABLE, "PLAIN", b"\0guest\0guest", "en_US"))
        + method_frame(0, ConnectionTuneOk(2047, 8192, 0))
        + method_frame(0, ConnectionOpen("/"))
        + method_frame(1, ChannelOpen())
        + method_frame(2, ChannelOpen())
        + HEARTBEAT_FRAME
        + method_frame(1, QueueDeclare("q"))
        + method_frame(1, ConfirmSelect())
        + content * 3
        + method_frame(2, BasicConsume("q", "tag"))
        + content
        + method_frame(2, BasicQos(0, 1))
        + method_frame(1, QueuePurge("missing"))
    )


def outcome(link: Link) -> list[object]:
    """What came on each channel; confirms may be coalesced otherwise, and deliveries come when they come."""
    found: list[object] = [what for channel in (1, 2) for what in link.on(channel) if not isinstance(what, BasicAck)]
    return sorted(found, key=lambda what: isinstance(what, Content))


@given(st.lists(st.integers(0, len(conversation())), max_size=12))
def test_it_does_not_matter_how_the_input_is_split(cuts: list[int]) -> None:
    data = conversation()
    whole = World().link(frame_max=8192)
    split = World().link(frame_max=8192)
    with quiet():
        whole.feed(data)
        for start, stop in pairwise([0, *sorted(cuts), len(data)]):
            split.feed(data[start:stop])
    assert len(outcome(whole)) == 11
    assert outcome(split) == outcome(whole)


def test_byte_by_byte() -> None:
    whole = World().link(frame_max=8192)
    whole.feed(conversation())
    link = World().link(frame_max=8192)
    for byte in conversation():
        link.feed(bytes((byte,)))
    assert outcome(link) == outcome(whole)


@given(st.binary(max_size=300))
def test_garbage_never_raises(data: bytes) -> None:
    fresh, opened = World().link(), prepared(World())
    with quiet():
        for link in (fresh, opened):
            link.feed(data)
            assert link.session.step(2) is False


def any_frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


whole_methods = [sample.id.to_bytes(4, "big") + sample.encode() for sample in SAMPLES.values()]
mixed_methods = st.builds(
    lambda id, tail: id.to_bytes(4, "big") + tail,
    st.sampled_from(sorted(SAMPLES)),
    st.binary(max_size=20) | st.sampled_from([sample.encode() for sample in SAMPLES.values()]),
)
frames = st.builds(
    any_frame,
    st.sampled_from([1, 1, 1, 1, 2, 3, 8]),
    st.sampled_from([0, 1, 1, 1, 2]),
    st.sampled_from(whole_methods) | mixed_methods | st.binary(max_size=40),
)


@given(st.lists(frames, max_size=30), st.booleans())
def test_any_frames_give_documented_errors_only(script: list[bytes], late: bool) -> None:
    """Whatever comes, only our own faults may be internal errors: there must be none."""
    link = prepared(World(late=late))
    with quiet():
        for data in script:
            link.feed(data)
    for what in link.on(0):
        if isinstance(what, ConnectionClose):
            assert what.reply_code != 541
    link.session.lost()
    vhost = link.world.broker.vhosts["/"]
    for queue in vhost.queues.values():
        assert queue.consumers == []
        assert queue.unacked == 0


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_names_in_the_log_stay_in_their_line(caplog: pytest.LogCaptureFixture) -> None:
    link = prepared(World())
    link.send(BasicConsume("q", "tag\nforged line"), BasicConsume("q", "tag\nforged line"))
    assert "attempt to reuse consumer tag 'tag\\nforged line'" in caplog.text


def test_it_describes_itself() -> None:
    link = prepared(World())
    assert str(link.session) == (
        "AMQP connection 10.0.0.2:50000 -> 10.0.0.1:5672 (state: running, vhost: '/', user: 'guest')"
    )
    assert link.session.state is OPEN


def test_getting_from_an_empty_queue() -> None:
    assert prepared(World()).call(BasicGet("q")) == BasicGetEmpty()
