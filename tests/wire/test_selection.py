"""Selections: what is accepted, slicing, set operations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .support import (
    implementation,
    refused,
)

ROW_LISTS = st.lists(st.integers(0, 5000), unique=True, max_size=60).map(sorted)


class TestSelection:
    @pytest.mark.parametrize("rows", [[], [0], [3, 4, 5], [0, 2, 4, 6], [1, 2, 4, 8, 16], [0xFFFFFFFF]])
    def test_holds_the_rows_it_was_made_of(self, impl: Any, rows: list[int]) -> None:
        selection = impl.Selection(rows)
        assert list(selection) == rows
        assert len(selection) == len(rows)
        assert [selection[at] for at in range(len(rows))] == rows

    def test_takes_any_iterable(self, impl: Any) -> None:
        assert list(impl.Selection(row for row in (1, 5))) == [1, 5]
        assert list(impl.Selection(range(2, 9, 3))) == [2, 5, 8]

    @pytest.mark.parametrize("rows", [[1, 1], [2, 1], [0, 3, 2]])
    def test_refuses_what_does_not_ascend(self, impl: Any, rows: list[int]) -> None:
        with refused():
            impl.Selection(rows)

    @pytest.mark.parametrize("rows", [[1 << 32], [0, 1 << 40]])
    def test_refuses_rows_over_32_bits(self, impl: Any, rows: list[int]) -> None:
        with pytest.raises((ValueError, OverflowError)):
            impl.Selection(rows)

    def test_range(self, impl: Any) -> None:
        assert list(impl.Selection.range(3, 7)) == [3, 4, 5, 6]
        assert len(impl.Selection.range(3, 3)) == 0
        assert len(impl.Selection.range(3, 1)) == 0
        for start, stop in ((0, 1 << 32), (-1, 3), (1 << 32, 1 << 32)):
            with refused():
                impl.Selection.range(start, stop)

    def test_equality_is_about_the_rows(self, impl: Any) -> None:
        assert impl.Selection.range(0, 3) == impl.Selection([0, 1, 2])
        assert impl.Selection.range(0, 3) != impl.Selection([0, 1, 3])
        assert impl.Selection([]) == impl.Selection.range(4, 4)
        assert impl.Selection([1]) != [1]

    def test_index_out_of_range(self, impl: Any) -> None:
        with pytest.raises(IndexError):
            impl.Selection([1, 2])[2]

    def test_slices_by_steps_of_one_only(self, impl: Any) -> None:
        selection = impl.Selection([1, 3, 5, 7, 10])
        assert list(selection[1:3]) == [3, 5]
        assert list(selection[3:]) == [7, 10]
        assert list(selection[:0]) == []
        assert list(selection[2:99]) == [5, 7, 10]
        with refused():
            selection[::2]

    def test_merge_of_none_is_empty(self, impl: Any) -> None:
        assert list(impl.Selection.merge([])) == []

    @given(ROW_LISTS, ROW_LISTS)
    def test_union_and_difference(self, first: list[int], second: list[int]) -> None:
        for impl in filter(None, map(implementation, ("kernel", "twin"))):
            a, b = impl.Selection(first), impl.Selection(second)
            assert list(a.union(b)) == sorted({*first, *second})
            assert list(a.difference(b)) == [row for row in first if row not in second]
            assert list(a) == first

    @given(ROW_LISTS, st.integers(-10, 5010), st.integers(-10, 5010), st.integers(-10, 10))
    def test_window(self, rows: list[int], start: int, stop: int, shift: int) -> None:
        wanted = [row - shift for row in rows if start <= row < stop]
        for impl in filter(None, map(implementation, ("kernel", "twin"))):
            if wanted and wanted[0] < 0:
                with refused():
                    impl.Selection(rows).window(start, stop, shift)
            else:
                assert list(impl.Selection(rows).window(start, stop, shift)) == wanted

    def test_window_at_the_end_of_all_rows(self, impl: Any) -> None:
        last = impl.Selection.range(0xFFFFFFF0, 0xFFFFFFFF)
        assert list(last.window(0xFFFFFFF8, 1 << 40, 0xFFFFFFF0)) == list(range(8, 15))
        assert len(last.window(5, 5)) == len(last.window(1 << 40, 1 << 41)) == 0
        with refused():
            last.window(0, 1 << 40, -1000)

    @given(st.lists(ROW_LISTS, max_size=6))
    def test_merge(self, lists: list[list[int]]) -> None:
        for impl in filter(None, map(implementation, ("kernel", "twin"))):
            merged = impl.Selection.merge([impl.Selection(rows) for rows in lists])
            assert list(merged) == sorted({row for rows in lists for row in rows})

    @given(ROW_LISTS, st.integers(-70, 70), st.integers(-70, 70))
    def test_slices_as_a_list_does(self, rows: list[int], start: int, stop: int) -> None:
        for impl in filter(None, map(implementation, ("kernel", "twin"))):
            assert list(impl.Selection(rows)[start:stop]) == rows[start:stop]
