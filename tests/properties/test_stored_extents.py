"""Extents that are now in memory, now on disk.

Random operations on one extent that stays in memory and on one that is evicted and loaded at random moments: nobody can
tell them apart. And kernel and twin say the same about where rows lie.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ..wire.support import LONG, NO_PROPERTIES, PERSISTENT_PROPERTIES, SPILL, Files, implementation
from .test_kernel_twin import Driver, attempt

EXAMPLES = 5000 if LONG else 200

kernel = implementation("kernel")
twin = implementation("twin")

pytestmark = [pytest.mark.skipif(kernel is None, reason="the kernel is not built"), pytest.mark.timeout(900)]

ROWS = st.lists(st.integers(0, 40), max_size=8)
KINDS = st.text("pt", max_size=8)
WHENS = st.lists(st.integers(0, 9), max_size=10)
LIVES = st.one_of(
    st.tuples(st.just("publish"), KINDS, st.integers(0, 3), st.booleans()),
    st.tuples(st.just("publish"), KINDS, st.integers(0, 3), st.booleans()),
    st.tuples(st.just("take"), st.integers(0, 12), st.sampled_from([-1, -1, 0, 5])),
    st.tuples(st.just("requeue_delivered"), st.just(list(range(41)))),
    st.tuples(st.just("requeue_delivered"), ROWS),
    st.tuples(st.just("settle_delivered"), ROWS),
    st.tuples(st.just("settle_delivered"), st.just(list(range(41)))),
    st.tuples(st.just("drop"), ROWS),
    st.tuples(st.just("set_expiries"), st.integers(0, 12), WHENS),
    st.tuples(st.just("expired"), st.integers(0, 9)),
    st.tuples(st.just("drop_expired"), st.integers(0, 9)),
    st.tuples(st.just("mark_redelivered"), ROWS),
    st.tuples(st.just("compact")),
    st.tuples(st.just("recycle")),
    st.tuples(st.just("store"), ROWS, st.booleans()),
)
MOVES = st.one_of(
    st.tuples(st.just("spill_unstored")),
    st.tuples(st.just("relocate"), ROWS),
    st.tuples(st.just("evict")),
    st.tuples(st.just("load"), st.sampled_from([0, 20, 1000]), st.sampled_from([50, 1 << 20])),
    st.tuples(st.just("forget_spill")),
    st.tuples(st.just("requeue_and_evict")),
    st.tuples(st.just("requeue_and_evict")),
    st.tuples(st.just("purge")),
    st.tuples(st.just("checkpoint")),
    st.tuples(st.just("mark_all_redelivered")),
    st.tuples(st.just("head"), st.integers(0, 12), st.integers(0, 30)),
    st.tuples(st.just("restore"), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=4)),
)


class Stored(Driver):
    """An extent with its files."""

    def __init__(self, impl: Any) -> None:
        super().__init__(impl)
        self.files = Files(impl)

    def publish(self, kinds: str, start: int, placed: bool) -> Any:
        """Persistent and transient messages; in the log if they are `placed`."""
        messages = []
        for kind in kinds:
            self.count += 1
            properties = PERSISTENT_PROPERTIES if kind == "p" else NO_PROPERTIES
            messages.append(("", f"key {self.count % 3}", properties, bytes([self.count % 256]) * 3, False))
        batch = self.impl.Batch.build(self.pool, messages)
        place = self.files.write(batch, batch.select(self.impl.PERSISTENT)) if placed and "p" in kinds else (-1, 0)
        return self.extent.append(batch, None, start, *place)

    def store(self, numbers: list[int], spill: bool) -> Any:
        """Live rows are written to another block."""
        gone = {row for row in range(len(self.extent)) if attempt(self.body, row) == "IndexError"}
        chosen = self.selection(numbers, set(range(len(self.extent))) - gone)
        place = self.files.write(self.extent.batch(self.pool, chosen), spill=spill)
        self.extent.store(*place, chosen)

    def relocate(self, numbers: list[int]) -> Any:
        """Rows lie in another block, whether or not they are in memory; with other bodies, which shows."""
        chosen = self.selection(numbers, set(range(len(self.extent))))
        self.count += 1
        messages = [("", "q", PERSISTENT_PROPERTIES, bytes([self.count % 256]), False)] * len(chosen)
        self.extent.store(*self.files.write(self.impl.Batch.build(self.pool, messages)), chosen)

    def spill_unstored(self) -> Any:
        self.store(list(self.extent.unstored()), True)

    def evict(self) -> Any:
        return self.extent.evict()

    def requeue_and_evict(self) -> Any:
        self.requeue_delivered(list(range(len(self.extent))))
        self.spill_unstored()
        return self.extent.evict()

    def load(self, gap: int, limit: int) -> Any:
        self.extent.load(self.pool, self.files.read(self.extent.ranges(gap, limit)))

    def forget_spill(self) -> Any:
        self.extent.forget_spill()

    def purge(self) -> Any:
        return self.taken(self.extent.take(4096))

    def checkpoint(self) -> Any:
        copy = self.impl.Extent.from_state(self.extent.state())
        assert copy.state() == self.extent.state()
        ready, size = list(copy.select_ready()), copy.ready_bytes
        ready += [copy.next_expiry, *copy.select_expired(5)]
        attempt(copy.load, self.pool, self.files.read(copy.ranges(0, 0)))
        return ready, size, copy.ready_bytes, [copy[row].body for row in copy.select_ready()]

    def mark_all_redelivered(self) -> Any:
        self.extent.mark_all_redelivered()

    def restore(self, parts: list[tuple[int, int]]) -> Any:
        """Rows of blocks that were written for others; numbers are skipped."""
        first, pieces = self.extent.base + len(self.extent), []
        for hole, count in parts:
            self.count += 1
            bodies = [bytes([self.count]) * number for number in range(hole + count)]
            batch = self.impl.Batch.build(self.pool, [("", "q", PERSISTENT_PROPERTIES, body, False) for body in bodies])
            size = sum(map(len, bodies[hole:]))
            pieces.append((first + hole, count, *self.files.write(batch), hole, size, self.impl.PERSISTENT))
            first += hole + count
        made = self.impl.Pieces(pieces)
        return attempt(self.extent.restore, made), len(made), made.next

    def places(self) -> tuple[Any, ...]:
        extent, middle = self.extent, len(self.files.log) // 2
        usage = self.impl.Usage([0, middle // 2 + 1, middle + 2])
        usage.add(extent)
        return (
            extent.resident,
            extent.ranges(0, 0),
            extent.ranges(40, 300),
            list(extent.unstored()),
            list(extent.places_in(0, middle)),
            list(extent.places_in(middle, 2 * SPILL - 1)),
            usage.bytes,
            extent.state(),
        )


@settings(max_examples=EXAMPLES)
@given(st.lists(st.one_of(LIVES, LIVES, MOVES), max_size=30))
def test_kernel_and_twin(steps: list[tuple[Any, ...]]) -> None:
    pair = [Stored(impl) for impl in (kernel, twin)]
    for step in steps:
        found, wanted = [attempt(getattr(driver, step[0]), *step[1:]) for driver in pair]
        assert found == wanted, step
        for look in (Driver.state, Stored.places):
            found, wanted = [look(driver) for driver in pair]
            assert found == wanted, step


@settings(max_examples=EXAMPLES)
@given(st.sampled_from([kernel, twin]), st.lists(st.tuples(LIVES, st.booleans()), max_size=30))
def test_nobody_notices(impl: Any, steps: list[tuple[tuple[Any, ...], bool]]) -> None:
    """One extent leaves memory now and then and comes back before the next operation."""
    stays, moves = Stored(impl), Stored(impl)
    for step, moved in steps:
        found = [attempt(getattr(driver, step[0]), *step[1:]) for driver in (stays, moves)]
        assert found[0] == found[1], step
        if moved:
            for driver in (stays, moves):  # what has no place gets one
                driver.requeue_delivered(list(range(len(driver.extent))))
                driver.spill_unstored()
            before = moves.places()
            moves.extent.evict()
            assert moves.places()[1:] == before[1:]
            if len(moves.extent):
                moves.load(0, 0)
            assert moves.places() == before
        assert stays.state() == moves.state(), step
        assert stays.places() == moves.places(), step


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=60), st.booleans())
def test_no_state(data: bytes, framed: bool) -> None:
    """Bytes that are no state, some of them with a sound head before them."""
    if framed:
        data = (500).to_bytes(8, "big") + (70).to_bytes(2, "big") + bytes(12) + data
    said = []
    for impl in (kernel, twin):
        assert impl is not None
        try:
            extent = impl.Extent.from_state(data)
        except ValueError:
            said.append(None)
            continue
        said.append((extent.state(), extent.ranges(0, 0), extent.ready, extent.ready_bytes, len(extent)))
    assert said[0] == said[1]
