"""Output: one wake-up per turn, order, flushes, room."""

from __future__ import annotations

from leveret.amqp.output import Output
from leveret.limits import OUTPUT_HIGH, OUTPUT_STOP_READING

from .support import Wakes


def test_it_wakes_once_until_it_is_taken() -> None:
    shell = Wakes()
    output = Output(shell.wake)
    output.send(b"a")
    output.send(b"b")
    output.wake()
    assert shell.count == 1
    assert output.size == 2
    assert output.take() == b"ab"
    assert (output.size, output.taken) == (0, 2)
    assert output.take() is None
    output.wake()
    assert shell.count == 2


def test_who_flushes_late_comes_last_and_once() -> None:
    output = Output(lambda: None)
    output.flush_later(lambda: output.send(b"confirms"))
    output.send(b"returns ")
    assert output.take() == b"returns confirms"
    assert output.take() is None


def test_a_lone_frame_is_not_copied() -> None:
    output = Output(lambda: None)
    frame = b"frame" * 100
    output.send(frame)
    assert output.take() is frame


def test_room() -> None:
    output = Output(lambda: None)
    assert output.room == OUTPUT_HIGH
    output.send(b"x" * 1000)
    output.unwritten = 500
    assert output.room == OUTPUT_HIGH - 1500


def test_who_waits_for_room_waits_for_half_of_it() -> None:
    shell = Wakes()
    output = Output(shell.wake)
    called: list[int] = []
    output.send(b"x" * OUTPUT_HIGH)
    output.when_room(lambda: called.append(1))
    output.take()
    output.unwritten = OUTPUT_HIGH
    output.drained()
    assert called == []
    output.unwritten = OUTPUT_HIGH // 2
    output.drained()
    assert called == [1]
    output.drained()
    assert called == [1]


def test_who_asks_for_room_twice_is_called_once() -> None:
    output = Output(lambda: None)
    called: list[str] = []

    def one() -> None:
        called.append("one")

    def other() -> None:
        called.append("other")

    for callback in (one, other, one):
        output.when_room(callback)
    output.when_room(called.clear)
    output.forget(called.clear)
    output.drained()
    assert called == ["one", "other"]


def test_when_the_socket_takes_everything_the_next_turn_finds_room() -> None:
    shell = Wakes()
    output = Output(shell.wake)
    called: list[int] = []
    output.send(b"x" * OUTPUT_HIGH)
    output.when_room(lambda: called.append(1))
    output.take()
    assert shell.count == 2
    output.take()
    assert called == [1]


def test_a_callback_may_wake() -> None:
    shell = Wakes()
    output = Output(shell.wake)
    output.when_room(output.wake)
    assert output.take() is None
    assert shell.count == 1


def test_a_peer_that_reads_nothing_is_not_served_without_end() -> None:
    output = Output(lambda: None)
    output.unwritten = OUTPUT_STOP_READING
    assert not output.stuffed
    output.send(b"x")
    assert output.stuffed


def test_discard() -> None:
    output = Output(lambda: None)
    output.send(b"x")
    output.flush_later(lambda: output.send(b"y"))
    output.when_room(lambda: output.send(b"z"))
    output.discard()
    output.drained()
    assert output.take() is None
    assert output.size == 0
