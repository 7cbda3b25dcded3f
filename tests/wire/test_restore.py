"""What recovery makes extents of: pieces of the log, and states of checkpoints."""

from __future__ import annotations

from typing import Any

import pytest

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
        assert alive(extent) == {1: b"1", 3: b"3", 5: b"7"}

    def test_a_block_with_fewer_rows_is_damaged(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        position, length = files.write(build(impl, b"a", b"b"))
        extent.restore(impl.Pieces([(0, 2, position, length, 1, 0, 0)]))
        with pytest.raises(ValueError, match=str(position)):
            files.load(extent)
        extent.drop(impl.Selection([1]))
        files.load(extent)
        assert alive(extent) == {0: b"b"}

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
        assert alive(copy) == {0: b"0", 3: b"3", 5: b"5", 6: b"6"}

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
