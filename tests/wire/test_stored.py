"""Extents whose rows are on disk: places, eviction, loading, the spill, what recovery restores, checkpoints, usage."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import pytest

from leveret.wire.twin.crc32c import crc32c

from .support import (
    NO_PROPERTIES,
    PERSISTENT_PROPERTIES,
    SPILL,
    Files,
    build,
    filled,
    refused,
    rows,
)

LENGTH = 100


def bodies(extent: Any) -> dict[int, bytes]:
    """The live rows."""
    found = {}
    for row in range(len(extent)):
        try:
            found[row] = extent[row].body
        except IndexError:
            continue
    return found


def placed(extent: Any, *edges: int) -> list[list[int]]:
    """The live rows whose blocks lie between each two of these positions."""
    return [list(extent.places_in(*pair)) for pair in pairwise(edges)]


def mixed(impl: Any, kinds: str) -> Any:
    """A batch with a persistent message for each p, a transient one for each t."""
    properties = {"p": PERSISTENT_PROPERTIES, "t": NO_PROPERTIES}
    messages = [("", "q", properties[kind], b"%d" % number, False) for number, kind in enumerate(kinds)]
    return impl.Batch.build(impl.Pool(), messages)


def test_crc32c() -> None:
    assert crc32c(b"") == 0
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(memoryview(b"6789"), crc32c(b"12345")) == 0xE3069283


class TestPlaces:
    def test_without_a_position_there_are_none(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"b", properties=PERSISTENT_PROPERTIES)
        assert list(extent.unstored()) == [0, 1]
        assert extent.ranges(0, 0) == []
        assert extent.resident
        assert filled(impl).resident

    def test_of_persistent_rows_only(self, impl: Any) -> None:
        files, extent, batch = Files(impl), impl.Extent(0), mixed(impl, "tpptptt")
        place = files.write(batch, batch.select(impl.PERSISTENT))
        extent.append(batch, None, 0, *place)
        assert list(extent.unstored()) == [0, 3, 5, 6]
        assert extent.ranges(0, 0) == [place]
        extent.drop(extent.unstored())
        extent.evict()
        files.load(extent)
        assert bodies(extent) == {1: b"1", 2: b"2", 4: b"4"}

    @pytest.mark.parametrize("chosen", [None, [0, 2, 3, 4, 6, 7]])
    def test_across_extents(self, impl: Any, chosen: list[int] | None) -> None:
        """Rows that went to the extent before are in the block, too."""
        files, batch = Files(impl), mixed(impl, "ptpppptp")
        selection = None if chosen is None else impl.Selection(chosen)
        every = list(range(8)) if chosen is None else chosen
        written = impl.Selection([row for row in every if row not in (1, 6)])
        place = files.write(batch, written)
        first, second = impl.Extent(0), impl.Extent(4096)
        first.append(build(impl, *[b""] * 4092))
        first.settle(first.take(4092))
        assert first.append(batch, selection, 0, *place) == 4
        assert second.append(batch, selection, 4, *place) == len(every) - 4
        for extent in (first, second):
            extent.drop(extent.unstored())
            extent.evict()
            files.load(extent)
        found = [*bodies(first).values(), *bodies(second).values()]
        assert found == [b"%d" % row for row in written]

    def test_places_in(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        one, _ = files.append(extent, b"a", b"b")
        two, _ = files.append(extent, b"c", b"d")
        assert placed(extent, 0, one, one + 1, two, two + 1, SPILL) == [[], [0, 1], [], [2, 3], []]
        extent.settle(extent.take(1))
        extent.take(1)
        assert list(extent.places_in(0, SPILL)) == [1, 2, 3]
        assert list(extent.places_in(two, two)) == []

    def test_a_new_place_replaces_the_old_one(self, impl: Any) -> None:
        extent = impl.Extent(0)
        extent.append(build(impl, *[b"x"] * 6, properties=PERSISTENT_PROPERTIES), None, 0, 64, LENGTH)
        extent.settle(extent.take(1))
        extent.store(1000, LENGTH, impl.Selection([0, 2, 3, 5]))
        assert placed(extent, 0, 1000, 2000) == [[1, 4], [2, 3, 5]]
        extent.evict()
        extent.store(3000, LENGTH, impl.Selection([3, 4]))
        assert placed(extent, 0, 1000, 2000, SPILL) == [[1], [2, 5], [3, 4]]

    @pytest.mark.parametrize(
        ("position", "length"), [(0, 11), (SPILL - 12, 12), (2 * SPILL - 1, 12), (SPILL - 1, 1 << 31), (0, 0)]
    )
    def test_no_block_can_lie_there(self, impl: Any, position: int, length: int) -> None:
        extent = impl.Extent(0)
        with refused():
            extent.append(build(impl, b"a"), None, 0, position, length)
        assert len(extent) == 0
        extent.append(build(impl, b"a"))
        with refused():
            extent.store(position, length, impl.Selection([0]))
        with refused():
            impl.Pieces([(0, 1, position, length, 0, 0, 0)])

    def test_absent_rows_have_no_place(self, impl: Any) -> None:
        with refused():
            filled(impl, b"a").store(64, LENGTH, impl.Selection([0, 1]))

    def test_recycling_forgets_places(self, impl: Any) -> None:
        for stored in (False, True):
            files, extent = Files(impl), impl.Extent(7)
            files.append(extent, b"a", b"b")
            if stored:
                extent.evict()
            extent.drop(impl.Selection([0, 1]))
            assert extent.recycle()
            assert (extent.base, len(extent), extent.resident) == (9, 0, True)
            extent.append(build(impl, b"c"))
            assert list(extent.unstored()) == [0]


class TestRanges:
    @pytest.fixture
    def extent(self, impl: Any) -> Any:
        """Blocks at 100..200, 250..350, 350..450, 1000..1100 and three in the spill."""
        extent = impl.Extent(0)
        extent.append(build(impl, *[b"x"] * 8))
        for row, position in enumerate([100, 250, 350, 1000, SPILL + 200, SPILL + 100, SPILL]):
            extent.store(position, LENGTH, impl.Selection([row]))
        extent.drop(impl.Selection([7]))
        return extent

    @pytest.mark.parametrize("stored", [False, True])
    @pytest.mark.parametrize(
        ("gap", "limit", "wanted"),
        [
            (0, 1 << 20, [(100, 100), (250, 100), (350, 100), (1000, 100)]),
            (1, 1 << 20, [(100, 100), (250, 200), (1000, 100)]),
            (50, 1 << 20, [(100, 100), (250, 200), (1000, 100)]),
            (51, 1 << 20, [(100, 350), (1000, 100)]),
            (51, 250, [(100, 250), (350, 100), (1000, 100)]),
            (51, 249, [(100, 100), (250, 200), (1000, 100)]),
            (51, 10, [(100, 100), (250, 100), (350, 100), (1000, 100)]),
            (-1, -1, [(100, 100), (250, 100), (350, 100), (1000, 100)]),
            (1 << 62, 1 << 62, [(100, 1000)]),
        ],
    )
    def test_log(self, impl: Any, extent: Any, stored: bool, gap: int, limit: int, wanted: list[Any]) -> None:
        if stored:
            extent.evict()
        assert [found for found in extent.ranges(gap, limit) if found[0] < SPILL] == wanted

    def test_spill(self, impl: Any, extent: Any) -> None:
        assert extent.ranges(1, 200)[-2:] == [(SPILL, 200), (SPILL + 200, 100)]
        assert extent.ranges(1 << 62, 1 << 62)[-1:] == [(SPILL, 300)]

    def test_blocks_of_settled_rows_are_not_read(self, impl: Any, extent: Any) -> None:
        extent.settle(extent.take(2)[1:])
        extent.drop(impl.Selection([4, 5, 6]))
        assert extent.ranges(0, 1000) == [(100, 100), (350, 100), (1000, 100)]

    def test_a_block_is_read_once(self, impl: Any) -> None:
        extent = filled(impl, *[b"x"] * 5)
        extent.store(64, LENGTH, impl.Selection.range(0, 5))
        extent.store(500, LENGTH, impl.Selection([2]))
        assert extent.ranges(0, 0) == [(64, 100), (500, 100)]


class TestEvict:
    def test_round_trip(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"bb", b"ccc")
        files.append(extent, b"dddd", b"eeeee")
        extent.requeue(extent.take(2)[1:])
        extent.settle(impl.Selection([0]))
        before = (extent.features, extent.ready, extent.ready_bytes, list(extent.select_ready()))
        pool = impl.Pool()
        sizes = [len(b"\x00\x01q" + PERSISTENT_PROPERTIES) + size for size in (2, 3, 4, 5)]
        assert extent.evict() == sum(sizes)
        assert not extent.resident
        assert (extent.features, extent.ready, extent.ready_bytes, list(extent.select_ready())) == before
        assert (len(extent), extent.full) == (5, False)
        assert extent.evict() == 0
        extent.load(pool, files.read(extent.ranges(100, 1000)))
        assert extent.resident
        assert pool.allocated > 0
        assert (extent.features, extent.ready, extent.ready_bytes, list(extent.select_ready())) == before
        assert bodies(extent) == {1: b"bb", 2: b"ccc", 3: b"dddd", 4: b"eeeee"}
        assert [extent.is_redelivered(row) for row in range(5)] == [False, True, False, False, False]
        assert list(extent.select_persistent()) == [1, 2, 3, 4]
        assert list(extent.unstored()) == []
        extent.evict()
        files.load(extent)
        assert rows(extent.batch(pool, extent.take(1))) == [
            ("", "q", False, False, PERSISTENT_PROPERTIES, b"bb", impl.PERSISTENT)
        ]

    def test_everything_of_a_message_comes_back(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        messages = [("ex", "key", PERSISTENT_PROPERTIES, b"body", True), ("", "é", PERSISTENT_PROPERTIES, b"", False)]
        batch = impl.Batch.build(impl.Pool(), messages)
        extent.append(batch, None, 0, *files.write(batch))
        wanted = rows(batch)
        extent.evict()
        files.load(extent)
        assert rows(extent.batch(impl.Pool(), extent.select_ready())) == wanted

    def test_memory_is_given_back(self, impl: Any) -> None:
        pool = impl.Pool(4096)
        extent = impl.Extent(0)
        extent.append(build(impl, *[bytes(1000)] * 40, pool=pool, properties=PERSISTENT_PROPERTIES), None, 0, 0, 99999)
        assert pool.allocated >= 40_000
        extent.evict()
        assert pool.allocated == 0

    def test_more_can_come_after_loading(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"b")
        extent.drop(impl.Selection([0]))
        extent.evict()
        files.load(extent)
        files.append(extent, b"c")
        extent.append(build(impl, b"d"))
        extent.settle(extent.take(1))
        assert bodies(extent) == {2: b"c", 3: b"d"}
        assert extent.compact(impl.Pool()) >= 0
        assert list(extent.unstored()) == [3]

    def test_delivered_rows_stay(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"b")
        taken = extent.take(1)
        with refused():
            extent.evict()
        extent.requeue(taken)
        assert extent.evict() > 0

    def test_rows_without_a_place_stay(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a")
        extent.append(build(impl, b"b"))
        with refused():
            extent.evict()
        assert bodies(extent) == {0: b"a", 1: b"b"}
        extent.drop(impl.Selection([1]))
        assert extent.evict() > 0

    def test_an_empty_extent_stays_resident(self, impl: Any) -> None:
        extent = impl.Extent(0)
        assert extent.evict() == 0
        assert extent.resident

    def test_one_where_all_is_settled(self, impl: Any) -> None:
        extent = filled(impl, b"a")
        extent.drop(impl.Selection([0]))
        assert extent.evict() == 0
        assert not extent.resident
        extent.load(impl.Pool(), [])
        assert (extent.resident, bodies(extent)) == (True, {})

    def test_what_needs_rows_is_refused(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"b")
        extent.evict()
        pool, one = impl.Pool(), impl.Selection([0])
        for operation in (
            lambda: extent.append(build(impl, b"c")),
            lambda: extent.take(1),
            lambda: extent.take(9, 1000),
            lambda: extent.take_rows(one),
            lambda: extent.deal([1], [-1]),
            lambda: extent.select_persistent(),
            lambda: extent.select_persistent(one),
            lambda: extent[0],
            lambda: extent[99],
            lambda: extent.batch(pool, one),
            lambda: impl.render_deliver(extent, one, 1, b"tag", 1, 4096),
            lambda: impl.render_get_ok(extent, 0, 1, 1, 0, 4096),
            lambda: extent.forget_spill(),
        ):
            with refused():
                operation()
        assert extent.compact(pool) == 0
        assert not extent.recycle()
        assert (extent.ready, extent.ready_bytes, extent.unacked) == (2, 2, 0)

    def test_all_can_be_taken_and_settled(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"bb", b"ccc")
        extent.evict()
        assert list(extent.take(0)) == []
        assert list(extent.take(3)) == [0, 1, 2]
        assert list(extent.take(5, 1)) == []
        assert (extent.ready, extent.ready_bytes, extent.unacked, extent.unacked_bytes) == (0, 0, 3, 6)
        with refused():
            extent.settle(impl.Selection([3]))
        extent.requeue(impl.Selection([1]))
        assert (extent.ready_bytes, extent.unacked_bytes, extent.is_redelivered(1)) == (2, 4, True)
        with pytest.raises(ValueError, match="delivered"):
            extent.settle(impl.Selection([1]))
        extent.settle(impl.Selection([0]))
        files.load(extent)
        assert (extent.ready_bytes, extent.unacked_bytes) == (2, 3)
        assert bodies(extent) == {1: b"bb", 2: b"ccc"}
        assert impl.render_deliver(extent, impl.Selection([2]), 1, b"tag", 1, 4096)

    def test_dropped_rows_count_by_their_share_until_loading(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, bytes(10), bytes(20), bytes(30))
        extent.evict()
        extent.drop(impl.Selection([0, 7]))
        assert (extent.ready, extent.ready_bytes) == (2, 40)
        extent.drop(impl.Selection([0]))
        files.load(extent)
        assert (extent.ready, extent.ready_bytes) == (2, 50)
        extent.drop(impl.Selection([1]))
        assert (extent.ready, extent.ready_bytes) == (1, 30)
        extent.take(1)
        extent.drop(impl.Selection([0, 1, 2]))
        assert (extent.ready, extent.unacked, extent.unacked_bytes) == (0, 1, 30)


class TestDrop:
    def test_drops_ready_rows_of_a_resident_extent(self, impl: Any) -> None:
        pool = impl.Pool(4096)
        extent = impl.Extent(0)
        extent.append(build(impl, *[bytes(1000)] * 4, pool=pool))
        extent.take(1)
        extent.drop(impl.Selection([0, 1, 3, 4096]))
        assert (extent.ready, extent.ready_bytes, extent.unacked) == (1, 1000, 1)
        assert list(extent.take(9)) == [2]
        extent.settle(impl.Selection([0, 2]))
        assert pool.allocated == 0


class TestDamage:
    @pytest.fixture
    def case(self, impl: Any) -> tuple[Files, Any, int, int]:
        """Files and a stored extent with two blocks there; the place of the second."""
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"b")
        position, length = files.append(extent, b"c", b"d")
        extent.evict()
        return files, extent, position, length

    def check(self, impl: Any, extent: Any, ranges: Any, position: int) -> None:
        with pytest.raises(ValueError, match=rf"\b{position}\b"):
            extent.load(impl.Pool(), ranges)
        assert (extent.resident, extent.ready, extent.ready_bytes) == (False, 4, 4)

    def test_every_octet_counts(self, impl: Any, case: Any) -> None:
        files, extent, position, length = case
        for at in range(position, position + length):
            files.log[at] ^= 16
            self.check(impl, extent, files.read(extent.ranges(0, 0)), position)
            self.check(impl, extent, files.read(extent.ranges(100, 1000)), position)
            files.log[at] ^= 16
        files.load(extent)
        assert bodies(extent) == {0: b"a", 1: b"b", 2: b"c", 3: b"d"}

    def test_what_was_not_read_or_is_cut_off(self, impl: Any, case: Any) -> None:
        files, extent, position, _ = case
        one, two = files.read(extent.ranges(0, 0))
        self.check(impl, extent, [one], position)
        self.check(impl, extent, [one, (two[0], two[1][:-1])], position)
        self.check(impl, extent, [one, (two[0] + 1, two[1][1:])], position)
        self.check(impl, extent, [two], 16)
        self.check(impl, extent, [], 16)
        extent.load(impl.Pool(), [(two[0], bytearray(two[1])), (one[0], memoryview(one[1]))])
        assert extent.resident

    @pytest.mark.parametrize("payload", [b"", b"\0\0\0\1", b"\0\0\0\0", b"\0\0\0\2\0\0\0\0\0\0\2\0\0\0\0\0\0"])
    def test_a_sound_checksum_over_nonsense(self, impl: Any, payload: bytes) -> None:
        payload = payload.ljust(4, b"\xff")
        block = struct.pack(">II", len(payload), crc32c(payload)) + payload
        extent = impl.Extent(0)
        extent.restore(impl.Pieces([(0, 1, 77, len(block), 0, 0, 0)]))
        with pytest.raises(ValueError, match="77"):
            extent.load(impl.Pool(), [(77, block)])
        assert not extent.resident

    def test_a_resident_extent_is_not_loaded(self, impl: Any) -> None:
        with refused():
            filled(impl, b"a").load(impl.Pool(), [])


class TestSpill:
    def test_transient_rows_go_there_and_come_back(self, impl: Any) -> None:
        files, extent, batch = Files(impl), impl.Extent(0), mixed(impl, "ptptpt")
        extent.append(batch, None, 0, *files.write(batch, batch.select(impl.PERSISTENT)))
        extent.settle(extent.take(2))
        transient = extent.unstored()
        assert list(transient) == [3, 5]
        place = files.write(extent.batch(impl.Pool(), transient), spill=True)
        extent.store(*place, transient)
        assert list(extent.unstored()) == []
        extent.evict()
        assert placed(extent, 0, SPILL, 2 * SPILL - 1) == [[2, 4], [3, 5]]
        files.load(extent)
        assert bodies(extent) == {row: b"%d" % row for row in (2, 3, 4, 5)}
        extent.forget_spill()
        assert list(extent.unstored()) == [3, 5]
        assert list(extent.places_in(0, SPILL)) == [2, 4]
        with refused():
            extent.evict()

    def test_rows_settled_meanwhile_count_in_the_block(self, impl: Any) -> None:
        files, extent = Files(impl), filled(impl, b"a", b"b", b"c", b"d")
        chosen = extent.unstored()
        place = files.write(extent.batch(impl.Pool(), chosen), spill=True)
        extent.drop(impl.Selection([1]))
        extent.store(*place, chosen)
        extent.evict()
        files.load(extent)
        assert bodies(extent) == {0: b"a", 2: b"c", 3: b"d"}


class TestRestore:
    def test_takes_what_fits_and_leaves_holes(self, impl: Any) -> None:
        pieces = impl.Pieces(
            [(1002, 3, 64, LENGTH, 5, 30, 1), (1005, 2, 64, LENGTH, 8, 4, 2), (5000, 200, 500, LENGTH, 0, 2000, 0)]
        )
        assert (len(pieces), pieces.next) == (205, 1002)
        extent = impl.Extent(1000)
        assert extent.restore(pieces) == 5 + 96
        assert (len(pieces), pieces.next) == (104, 5096)
        assert (len(extent), extent.full, extent.resident) == (4096, True, False)
        assert list(extent.select_ready()) == [*range(2, 7), *range(4000, 4096)]
        assert (extent.ready, extent.ready_bytes, extent.unacked, extent.features) == (101, 34 + 960, 0, 3)
        assert extent.restore(pieces) == 0
        other = impl.Extent(5096)
        assert other.restore(pieces) == 104
        assert (len(pieces), pieces.next, other.ready_bytes, len(other)) == (0, None, 1040, 104)
        assert other.restore(pieces) == 0

    def test_rows_are_read_from_where_the_pieces_say(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(10)
        batch = build(impl, *[b"%d" % number for number in range(8)], properties=PERSISTENT_PROPERTIES)
        position, length = files.write(batch)
        for numbers in ([(11, 2, 1)], [(13, 1, 3), (15, 1, 7)]):
            pieces = [(first, count, position, length, skip, count, 1) for first, count, skip in numbers]
            extent.restore(impl.Pieces(pieces))
        extent.drop(impl.Selection([0, 2, 4]))
        assert extent.ranges(0, 0) == [(position, length)]
        files.load(extent)
        assert bodies(extent) == {1: b"1", 3: b"3", 5: b"7"}

    def test_a_block_with_fewer_rows_is_damaged(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        position, length = files.write(build(impl, b"a", b"b"))
        extent.restore(impl.Pieces([(0, 2, position, length, 1, 0, 0)]))
        with pytest.raises(ValueError, match=str(position)):
            files.load(extent)
        extent.drop(impl.Selection([1]))
        files.load(extent)
        assert bodies(extent) == {0: b"b"}

    def test_only_into_empty_or_stored_extents(self, impl: Any) -> None:
        pieces = impl.Pieces([(5, 2, 64, LENGTH, 0, 0, 0)])
        with refused():
            filled(impl, b"a").restore(pieces)
        with refused():
            impl.Extent(6).restore(pieces)
        extent = impl.Extent(0)
        extent.restore(impl.Pieces([(3, 3, 64, LENGTH, 0, 0, 0)]))
        with refused():
            extent.restore(pieces)
        assert len(pieces) == 2

    def test_an_extent_that_gets_none_stays_empty(self, impl: Any) -> None:
        extent = impl.Extent(0)
        assert extent.restore(impl.Pieces()) == 0
        assert extent.restore(impl.Pieces([(4096, 1, 64, LENGTH, 0, 0, 0)])) == 0
        assert extent.resident
        assert len(extent) == 0

    @pytest.mark.parametrize(
        "pieces",
        [
            [(0, 0, 64, LENGTH, 0, 0, 0)],
            [(0, 2, 64, LENGTH, 0, 0, 0), (1, 1, 64, LENGTH, 0, 0, 0)],
            [(5, 2, 64, LENGTH, 0, 0, 0), (1, 1, 64, LENGTH, 0, 0, 0)],
            [(2 * SPILL - 1, 1, 64, LENGTH, 0, 0, 0)],
            [(0, 1, 64, LENGTH, (1 << 32) - 1, 0, 0)],
            [(0, 1, 64, LENGTH, 0, 1 << 32, 0)],
        ],
    )
    def test_pieces_that_cannot_be(self, impl: Any, pieces: list[Any]) -> None:
        with refused():
            impl.Pieces(pieces)

    def test_at_the_end_of_all_numbers(self, impl: Any) -> None:
        extent = impl.Extent(2 * SPILL - 3)
        assert extent.restore(impl.Pieces([(2 * SPILL - 2, 1, 64, LENGTH, 0, 0, 0)])) == 1
        assert list(extent.select_ready()) == [1]

    def test_all_become_redelivered(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        position, length = files.write(build(impl, b"a", b"b"))
        extent.restore(impl.Pieces([(0, 2, position, length, 0, 2, 0)]))
        extent.mark_all_redelivered()
        files.load(extent)
        extent.append(build(impl, b"c"))
        assert [extent.is_redelivered(row) for row in range(3)] == [True, True, False]


class TestState:
    def copy(self, impl: Any, extent: Any) -> Any:
        state = extent.state()
        copy = impl.Extent.from_state(memoryview(state))
        assert copy.state() == state
        return copy

    def test_what_is_in_the_log_comes_back(self, impl: Any) -> None:
        files, extent, batch = Files(impl), impl.Extent(500), mixed(impl, "ptpptpp")
        extent.append(batch, None, 0, *files.write(batch, batch.select(impl.PERSISTENT)))
        extent.store(*files.write(batch, impl.Selection([1]), spill=True), impl.Selection([1]))
        extent.requeue(extent.take(3)[:2])
        extent.settle(impl.Selection([2]))
        extent.take(1)
        copy = self.copy(impl, extent)
        assert (copy.base, len(copy), copy.resident, copy.features) == (500, 7, False, 1)
        assert list(copy.select_ready()) == [0, 3, 5, 6]
        assert (copy.ready, copy.ready_bytes, copy.unacked) == (4, 4, 0)
        assert [copy.is_redelivered(row) for row in range(7)] == [True, False, False, False, False, False, False]
        files.load(copy)
        assert bodies(copy) == {0: b"0", 3: b"3", 5: b"5", 6: b"6"}

    def test_the_same_whether_rows_are_in_memory(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, *[b"%d" % number for number in range(100)])
        extent.settle(extent.take(30))
        state = extent.state()
        assert len(state) < 70
        extent.evict()
        assert extent.state() == state
        files.load(extent)
        assert extent.state() == state

    def test_a_full_extent_of_one_block_is_small(self, impl: Any) -> None:
        extent = impl.Extent(0)
        extent.restore(impl.Pieces([(0, 4096, 1 << 40, 1 << 20, 0, 0, 0)]))
        assert len(extent.state()) < 50

    def test_a_full_extent_of_single_rows_takes_six_octets_a_row(self, impl: Any) -> None:
        extent, position = impl.Extent(0), 1 << 40
        for row in range(4096):
            extent.restore(impl.Pieces([(row, 1, position, 300 + row * 7 % 500, 0, 9, 0)]))
            position += 50_000 + row * 13 % 900
        extent.drop(impl.Selection(range(0, 4096, 2)))
        assert len(extent.state()) < 2048 * 7 + 600
        copy = self.copy(impl, extent)
        assert copy.ranges(0, 0) == extent.ranges(0, 0)

    def test_empty(self, impl: Any) -> None:
        copy = self.copy(impl, impl.Extent(9))
        assert (copy.base, len(copy), copy.resident) == (9, 0, True)

    def test_garbage(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(500)
        files.append(extent, b"a", b"b", b"c")
        files.append(extent, b"d")
        extent.drop(impl.Selection([1]))
        extent.mark_redelivered(impl.Selection([2]))
        state = extent.state()
        for cut in range(len(state)):
            with refused():
                impl.Extent.from_state(state[:cut])
        for at in range(len(state)):
            for bit in range(8):
                changed = bytearray(state)
                changed[at] ^= 1 << bit
                try:
                    copy = impl.Extent.from_state(changed)
                except ValueError:
                    continue
                with pytest.raises(ValueError, match="block"):
                    copy.load(impl.Pool(), [])
                assert copy.state()


class TestUsage:
    def test_blocks_count_by_the_share_that_is_live(self, impl: Any) -> None:
        extent = impl.Extent(0)
        batch = build(impl, *[b"x"] * 10, properties=PERSISTENT_PROPERTIES)
        extent.append(batch, None, 0, 1000, 500)
        extent.append(batch, None, 0, 2999, 200)
        extent.append(batch, None, 0, 10, 100)
        extent.append(batch)
        extent.store(SPILL + 2000, 300, impl.Selection(range(30, 40)))
        extent.settle(extent.take(5))
        extent.take(1)
        for stored in (False, True):
            usage = impl.Usage([500, 2000, 3000])
            assert usage.bytes == [0, 0, 0]
            usage.add(extent)
            assert usage.bytes == [250, 200, 0]
            usage.add(extent)
            assert usage.bytes == [500, 400, 0]
            if not stored:
                extent.requeue(impl.Selection([5]))
                extent.evict()

    def test_a_block_that_lost_rows_to_another(self, impl: Any) -> None:
        extent = filled(impl, *[b"x"] * 10)
        extent.store(1000, 500, impl.Selection.range(0, 10))
        extent.store(3000, 100, impl.Selection([4]))
        extent.drop(impl.Selection.range(5, 10))
        usage = impl.Usage([0, 3000])
        usage.add(extent)
        assert usage.bytes == [500 * 4 // 4, 100]

    def test_segments_ascend(self, impl: Any) -> None:
        for bad in ([1, 1], [2, 1]):
            with refused():
                impl.Usage(bad)
        usage = impl.Usage([])
        usage.add(filled(impl, b"a"))
        assert usage.bytes == []
