from __future__ import annotations

import asyncio

import pytest

from leveret import limits
from leveret.clock import ManualClock
from leveret.net import Turn, turn

from .support import Sockets, until


class Shell:
    """A connection as far as the turn sees it."""

    def __init__(self, clock: ManualClock, diary: list[str], name: str, steps: int = 0, step_ms: int = 0) -> None:
        self.clock, self.diary, self.name, self.steps, self.step_ms = clock, diary, name, steps, step_ms

    def flush(self) -> None:
        self.diary.append(f"flush {self.name}")

    def go_on(self, budget_ms: int) -> bool:
        self.diary.append(f"step {self.name}")
        self.clock.advance(self.step_ms)
        self.steps -= 1
        return self.steps > 0


class Fixture:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.diary: list[str] = []
        self.more = 0
        self.turn = Turn(asyncio.get_running_loop(), self.clock)
        self.turn.start(self.run_callbacks, self.pump)
        self.turn.stop()
        self.sockets = Sockets()
        self.turn.poller = self.sockets  # type: ignore[assignment]

    def run_callbacks(self) -> bool:
        self.diary.append("log")
        return False

    def pump(self, budget_ms: int) -> bool:
        assert budget_ms == limits.TURN_BUDGET_MS
        self.diary.append("pump")
        self.more -= 1
        return self.more > 0

    def shell(self, name: str, steps: int = 0, step_ms: int = 0) -> Shell:
        return Shell(self.clock, self.diary, name, steps, step_ms)

    async def settle(self) -> None:
        await until(lambda: not self.turn.scheduled)


async def test_one_turn_in_order_however_often_it_is_asked_for() -> None:
    fixture = Fixture()
    a, b = fixture.shell("a"), fixture.shell("b", steps=1)
    fixture.turn.wake()
    fixture.turn.flush(a)
    fixture.turn.step(b)
    fixture.turn.flush(b)
    fixture.turn.wake()
    assert fixture.diary == []
    await fixture.settle()
    assert fixture.diary == ["log", "step b", "pump", "flush a", "flush b"]
    assert fixture.turn.lengths.count == 1


async def test_queues_that_have_more_get_another_turn() -> None:
    fixture = Fixture()
    fixture.more = 3
    fixture.turn.wake()
    await fixture.settle()
    assert fixture.diary == ["log", "pump"] * 3


async def test_sessions_go_on_in_turns_within_the_budget() -> None:
    fixture = Fixture()
    for shell in (fixture.shell("a", 3, step_ms=1), fixture.shell("b", 2, step_ms=1)):
        fixture.turn.step(shell)
    await fixture.settle()
    assert fixture.diary == [
        *("log", "step a", "step b", "pump"),
        *("log", "step a", "step b", "pump"),
        *("log", "step a", "pump"),
    ]


async def test_what_a_flush_wakes_has_its_turn_next() -> None:
    fixture = Fixture()
    shell = fixture.shell("a")

    class Waking(Shell):
        def flush(self) -> None:
            super().flush()
            fixture.turn.flush(shell)

    fixture.turn.flush(Waking(fixture.clock, fixture.diary, "w"))
    await fixture.settle()
    assert fixture.diary == ["log", "pump", "flush w", "log", "pump", "flush a"]


async def test_a_queue_that_fails_does_not_stop_the_turn(caplog: pytest.LogCaptureFixture) -> None:
    fixture = Fixture()

    def fail(budget_ms: int) -> bool:
        raise RuntimeError("our fault")

    fixture.turn.start(fixture.run_callbacks, fail)
    fixture.turn.flush(fixture.shell("a"))
    await fixture.settle()
    assert fixture.diary == ["log", "flush a"]
    assert caplog.messages == ["a queue failed to deliver"]


async def test_time_is_taken_at_the_begin_of_a_turn() -> None:
    fixture = Fixture()
    seen: list[int] = []

    def look() -> None:
        seen.append(fixture.turn.now_ms)
        fixture.clock.advance(1)

    fixture.clock.advance(5)
    fixture.sockets.add(look)
    fixture.sockets.add(look)
    fixture.turn.wake()
    await fixture.settle()
    assert seen == [5, 5]


async def test_what_sockets_bring_is_dealt_with_in_the_same_turn() -> None:
    fixture = Fixture()
    shell = fixture.shell("a", steps=1)

    def serve() -> None:
        fixture.diary.append("read")
        fixture.turn.step(shell)  # type: ignore[arg-type]
        fixture.turn.flush(shell)  # type: ignore[arg-type]

    fixture.sockets.add(serve)
    fixture.turn.wake()
    await fixture.settle()
    assert fixture.diary == ["read", "log", "step a", "pump", "flush a"]


async def test_what_queues_deliver_leaves_in_the_same_turn() -> None:
    fixture = Fixture()
    shell = fixture.shell("a")

    def pump(budget_ms: int) -> bool:
        fixture.diary.append("pump")
        fixture.turn.flush(shell)  # type: ignore[arg-type]
        return False

    fixture.turn.start(fixture.run_callbacks, pump)
    fixture.turn.wake()
    await fixture.settle()
    assert fixture.diary == ["log", "pump", "flush a"]


async def test_who_wakes_after_its_part_of_the_turn_gets_another() -> None:
    fixture = Fixture()
    wakes = 1

    def run_callbacks() -> bool:
        nonlocal wakes
        fixture.diary.append("log")
        if wakes:
            wakes -= 1
            fixture.turn.wake()
        return False

    fixture.turn.start(run_callbacks, lambda budget_ms: False)
    fixture.turn.wake()
    await fixture.settle()
    assert fixture.diary == ["log", "log"]


async def test_sockets_for_which_there_is_no_time_are_first_in_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    fixture = Fixture()
    now_ns = 0

    def serve(name: str, milliseconds: int) -> None:
        nonlocal now_ns
        fixture.diary.append(name)
        now_ns += milliseconds * 1_000_000

    monkeypatch.setattr(turn, "perf_counter_ns", lambda: now_ns)
    fixture.sockets.add(lambda: serve("a", limits.READ_MS_PER_TURN - 1))
    fixture.sockets.add(lambda: serve("b", 1))
    gone = fixture.sockets.add(lambda: serve("c", 0))
    fixture.sockets.add(lambda: serve("d", 0))
    fixture.turn.wake()
    await asyncio.sleep(0)
    fixture.sockets.add(lambda: serve("e", 0))
    del fixture.sockets.watchers[gone]
    await fixture.settle()
    assert fixture.diary == ["a", "b", "log", "pump", "d", "log", "pump"]
    fixture.turn.wake()
    await fixture.settle()
    assert fixture.diary[-3:] == ["e", "log", "pump"]


@pytest.mark.parametrize("busy", [False, True])
async def test_with_many_sockets_those_of_the_next_turn_are_asked_for_before_this_one_writes(busy: bool) -> None:
    fixture = Fixture()
    fixture.sockets.add(lambda: fixture.sockets.add(lambda: fixture.diary.append("before")))
    for _ in range(7 if busy else 6):
        fixture.sockets.add()

    def pump(budget_ms: int) -> bool:
        if not fixture.diary.count("pump"):
            fixture.sockets.add(lambda: fixture.diary.append("after"))
        return fixture.pump(budget_ms)

    fixture.turn.start(fixture.run_callbacks, pump)
    fixture.more = 2
    fixture.turn.wake()
    await fixture.settle()
    first = ["log", "pump", "before"]
    assert fixture.diary == [*first, *(() if busy else ("after",)), "log", "pump"]


async def test_a_socket_that_fails_does_not_stop_the_turn(caplog: pytest.LogCaptureFixture) -> None:
    fixture = Fixture()

    def fail() -> None:
        raise RuntimeError("our fault")

    fixture.sockets.add(fail)
    fixture.sockets.add(lambda: fixture.diary.append("read"))
    fixture.turn.wake()
    await fixture.settle()
    assert fixture.diary == ["log", "pump", "read", "log", "pump"]
    assert caplog.messages == ["a socket failed"]


async def test_the_more_sockets_are_ready_the_less_is_read_of_each() -> None:
    fixture = Fixture()
    for sockets, size in [
        (1, limits.READ_SIZE_MAX),
        (2, limits.READ_SIZE_MAX),
        (8, limits.READ_BYTES_PER_TURN // 8),
        (64, limits.READ_SIZE_MIN),
        (200, limits.READ_SIZE_MIN),
    ]:
        sizes: list[tuple[int, int]] = []

        def look(sizes: list[tuple[int, int]] = sizes) -> None:
            sizes.append((len(fixture.turn.view), len(fixture.turn.large_view)))

        for _ in range(sockets):
            fixture.sockets.add(look)
        fixture.turn.wake()
        await fixture.settle()
        assert sizes == [(size, max(limits.READ_BYTES_PER_TURN // sockets, limits.READ_SIZE_MIN))] * sockets


async def test_a_turn_serves_so_many_sockets_at_most() -> None:
    fixture = Fixture()
    for _ in range(300):
        fixture.sockets.add(lambda: fixture.diary.append("read"))
    fixture.turn.wake()
    await fixture.settle()
    assert fixture.diary.index("log") == limits.READERS_PER_TURN
    fixture.turn.wake()
    await fixture.settle()
    assert fixture.diary.count("read") == 300
