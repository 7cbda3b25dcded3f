"""A publisher that is ahead of its consumers is read after others, and never for long."""

from __future__ import annotations

from leveret import limits
from leveret.clock import ManualClock
from leveret.net.turn import Turn


class Loop:
    """Keeps what is to be called."""

    def __init__(self) -> None:
        self.soon: list[object] = []

    def call_soon(self, callback: object) -> None:
        self.soon.append(callback)


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


def test_it_is_read_again_as_soon_as_nobody_else_says_anything() -> None:
    loop, connection = Loop(), Held()
    turn = Turn(loop, ManualClock())  # type: ignore[arg-type]
    turn.readable = 1  # its own read
    turn.hold(connection)  # type: ignore[arg-type]
    run(turn, loop)
    assert connection.released == 0
    run(turn, loop)
    assert connection.released == 1
    assert not run(turn, loop)


def test_others_go_first_but_not_for_ever() -> None:
    loop, clock, connection = Loop(), ManualClock(), Held()
    turn = Turn(loop, clock)  # type: ignore[arg-type]
    turn.hold(connection)  # type: ignore[arg-type]
    for _ in range(limits.FLOW_WAIT_MS):
        turn.readable = 1
        run(turn, loop)
        assert connection.released == 0
        clock.advance(1)
    turn.readable = 1
    run(turn, loop)
    turn.readable = 1
    run(turn, loop)
    assert connection.released == 1
