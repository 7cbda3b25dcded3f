"""Where the rows of extents lie: places of appended and stored rows, what is to be read for them, how much is live."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from leveret.wire.twin.crc32c import crc32c

from .support import (
    PERSISTENT_PROPERTIES,
    SPILL,
    Files,
    alive,
    build,
    filled,
    mixed,
    refused,
)

LENGTH = 100


def test_crc32c() -> None:
    assert crc32c(b"") == 0
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(memoryview(b"6789"), crc32c(b"12345")) == 0xE3069283


def placed(extent: Any, *edges: int) -> list[list[int]]:
    """The live rows whose blocks lie between each two of these positions."""
    return [list(extent.places_in(*pair)) for pair in pairwise(edges)]


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
        assert alive(extent) == {1: b"1", 2: b"2", 4: b"4"}

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
        found = [*alive(first).values(), *alive(second).values()]
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
