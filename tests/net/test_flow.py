"""A publisher that is ahead of its consumers is read after others, and never for long."""

from __future__ import annotations

from leveret import limits
from leveret.clock import ManualClock
from leveret.net.turn import Turn

from .support import Sockets


class Loop:
    """Keeps what is to be called."""

    def __init__(self) -> None:
        self.soon: list[object] = []

    def call_soon(self, callback: object) -> None:
        self.soon.append(callback)

    def add_reader(self, number: int, callback: object) -> None:
        """Sockets are ready when a test says so."""

    def remove_reader(self, number: int) -> None:
        """It has none."""


class Held:
    """A connection as far as a held one is asked for anything."""

    released = 0

    def release(self) -> None:
        self.released += 1


def run(turn: Turn, loop: Loop) -> bool:
    """One iteration of the loop; whether there was a turn in it."""
    soon, loop.soon = loop.soon, []
    for callback in soon:
        callback()  # type: ignore[operator]
    return bool(soon)


def make_turn(loop: Loop, clock: ManualClock) -> tuple[Turn, Sockets]:
    turn = Turn(loop, clock)  # type: ignore[arg-type]
    turn.stop()
    sockets = Sockets()
    turn.poller = sockets  # type: ignore[assignment]
    return turn, sockets


def test_it_is_read_again_as_soon_as_nobody_else_says_anything() -> None:
    loop, connection = Loop(), Held()
    turn, sockets = make_turn(loop, ManualClock())
    sockets.add(lambda: turn.hold(connection))  # type: ignore[arg-type]
    turn.wake()
    run(turn, loop)
    assert connection.released == 0
    run(turn, loop)
    assert connection.released == 1
    assert not run(turn, loop)


def test_others_go_first_but_not_for_ever() -> None:
    loop, clock, connection = Loop(), ManualClock(), Held()
    turn, sockets = make_turn(loop, clock)
    turn.hold(connection)  # type: ignore[arg-type]
    for _ in range(limits.FLOW_WAIT_MS):
        sockets.add()
        run(turn, loop)
        assert connection.released == 0
        clock.advance(1)
    sockets.add()
    run(turn, loop)
    assert connection.released == 1
