"""Ops as bytes: the layout is fixed (logs on disk are made of it), and selections in it have one form each."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from .support import NO_PROPERTIES, PERSISTENT_PROPERTIES, build, implementation, refused, replayed

U64_MAX = 0xFFFFFFFFFFFFFFFF
ROW_LISTS = st.one_of(
    st.sets(st.integers(0, 4095), max_size=40),
    st.sets(st.integers(0, 200), max_size=200),
    st.builds(range, st.integers(0, 100), st.integers(0, 4096), st.integers(1, 100)),
    st.builds(lambda rows, hole: set(rows) - {hole}, st.builds(range, st.integers(0, 400)), st.integers(0, 400)),
).map(sorted)


def op(kind: int, body: bytes) -> bytes:
    return struct.pack(">BI", kind, len(body)) + body


def forms(rows: list[int]) -> list[bytes]:
    """All that the rows may be written as."""
    count = len(rows)
    if not count:
        return [b"\0"]
    found = [struct.pack(f">BI{count}I", 3, count, *rows)]
    if count == 1 or rows[1] - rows[0] == 1:
        found.append(struct.pack(">BII", 1, rows[0], count))
    else:
        found.append(struct.pack(">BIII", 2, rows[0], rows[1] - rows[0], count))
    step = rows[1] - rows[0] if count > 1 else 1
    if rows != list(range(rows[0], rows[0] + step * count, step)):
        found.pop()
    words = [0] * ((rows[-1] - rows[0]) // 64 + 1)
    for row in rows:
        words[(row - rows[0]) // 64] |= 1 << (row - rows[0]) % 64
    return [*found, struct.pack(f">BII{len(words)}Q", 4, rows[0], len(words), *words)]


def taken(impl: Any, selection: bytes) -> list[int] | None:
    """The rows that a settlement with these bytes for its selection has; None when there is no such record."""
    record = impl.seal_record(8, 0, [op(2, struct.pack(">QQB", 1, 0, 0) + selection)])
    steps, stop, *_ = replayed(impl, record, 8)
    if stop == "bad":
        assert steps == []
        return None
    return steps[0][3] if steps else []


class TestSelections:
    @pytest.mark.parametrize(
        ("rows", "data"),
        [
            ([], b"\0"),
            ([9], b"\1" + struct.pack(">II", 9, 1)),
            ([9, 10, 11], b"\1" + struct.pack(">II", 9, 3)),
            ([9, 12], b"\2" + struct.pack(">III", 9, 3, 2)),
            ([9, 12, 13], b"\3" + struct.pack(">IIII", 3, 9, 12, 13)),
            ([9, 10, 11, 72], b"\4" + struct.pack(">IIQ", 9, 1, 7 | 1 << 63)),
        ],
    )
    def test_each_form(self, impl: Any, rows: list[int], data: bytes) -> None:
        settle = impl.encode_settle(1 << 40, 2, 1, impl.Selection(rows))
        assert settle == op(2, struct.pack(">QQB", 1 << 40, 2, 1) + data)

    @example([*range(64), *range(65, 128)])
    @example([4093, 4094, 4095])
    @given(ROW_LISTS)
    def test_only_the_smallest_is_written_and_read(self, rows: list[int]) -> None:
        smallest = min(forms(rows), key=lambda form: (len(form), form[0]))
        for impl in filter(None, map(implementation, ("kernel", "twin"))):
            assert impl.encode_settle(1, 0, 0, impl.Selection(rows))[22:] == smallest
            for form in forms(rows):
                assert taken(impl, form) == (rows if form == smallest else None)
            for size in range(len(smallest)):
                assert taken(impl, smallest[:size]) is None
            assert taken(impl, smallest + b"\0") is None

    @pytest.mark.parametrize(
        "data",
        [
            b"\5",
            b"\1" + struct.pack(">II", 0, 0),
            b"\1" + struct.pack(">II", 4095, 2),
            b"\1" + struct.pack(">II", 1, 0xFFFFFFFF),
            b"\1" + struct.pack(">II", 2, 0xFFFFFFFF),
            b"\2" + struct.pack(">III", 0, 0, 3),
            b"\2" + struct.pack(">III", 0, 1, 3),
            b"\2" + struct.pack(">III", 0, 2, 1),
            b"\2" + struct.pack(">III", 1, 0xFFFFFFFF, 0xFFFFFFFF),
            b"\3" + struct.pack(">I", 0xFFFFFFFF),
            b"\3" + struct.pack(">IIII", 3, 5, 5, 6),
            b"\3" + struct.pack(">IIII", 3, 5, 4, 6),
            b"\3" + struct.pack(">IIII", 3, 1, 2, 4096),
            b"\4" + struct.pack(">II", 0, 0),
            b"\4" + struct.pack(">II", 0, 0xFFFFFFFF),
            b"\4" + struct.pack(">IIQ", 0, 1, 0),
            b"\4" + struct.pack(">IIQ", 0, 1, 0xFFFF0FFE),
            b"\4" + struct.pack(">IIQQ", 0, 2, 0xFFFF0FFF, 0),
            b"\4" + struct.pack(">IIQ", 4090, 1, 0xFFFF0FFF),
            b"\4" + struct.pack(">IIQ", 0xFFFFFFF0, 1, 0xFFFF0FFF),
        ],
    )
    def test_malformed(self, impl: Any, data: bytes) -> None:
        assert taken(impl, data) is None


class TestPublish:
    def test_the_layout(self, impl: Any) -> None:
        messages = [("", "q", properties, b"12345", False) for properties in (NO_PROPERTIES, PERSISTENT_PROPERTIES)]
        batch = impl.Batch.build(impl.Pool(), messages)
        data, offset, length = impl.encode_publish([(1, 2), (3, U64_MAX - 9)], batch, None, None)
        block = impl.encode_block(batch)
        targets = struct.pack(">IQQQQ", 2, 1, 2, 3, U64_MAX - 9)
        assert data == op(1, targets + b"\0" + struct.pack(">QI", 10, impl.PERSISTENT) + block)
        assert data[offset:] == block
        assert len(block) == length

    def test_of_a_selection_with_offsets(self, impl: Any) -> None:
        batch = build(impl, b"a", b"bc", b"def")
        chosen = impl.Selection([0, 2])
        data, offset, length = impl.encode_publish([(1, 2)], batch, chosen, impl.Selection([0, 5]))
        block = impl.encode_block(batch, chosen)
        offsets = b"\2" + struct.pack(">III", 0, 5, 2)
        assert data == op(1, struct.pack(">IQQ", 1, 1, 2) + offsets + struct.pack(">QI", 4, 0) + block)
        assert data[offset : offset + length] == block

    def test_no_offsets_count_up(self, impl: Any) -> None:
        batch = build(impl, b"a")
        assert impl.encode_publish([], batch, None, impl.Selection([])) == impl.encode_publish([], batch, None, None)

    def test_what_is_refused(self, impl: Any) -> None:
        batch = build(impl, b"a", b"b")
        with refused():
            impl.encode_publish([(1, 0)], batch, None, impl.Selection([0]))
        with refused():
            impl.encode_publish([(1, U64_MAX - 1)], batch, None, None)
        with refused():
            impl.encode_publish([(1, U64_MAX - 5)], batch, None, impl.Selection([0, 5]))
        with pytest.raises(IndexError):
            impl.encode_publish([(1, 0)], batch, impl.Selection([2]), None)
        for number in (-1, 1 << 64):
            with pytest.raises(OverflowError):
                impl.encode_publish([(number, 0)], batch, None, None)


class TestOthers:
    def test_relocate(self, impl: Any) -> None:
        batch = build(impl, b"a", b"b")
        data, offset, length = impl.encode_relocate(7, 4096, impl.Selection([3, 4]), batch)
        block = impl.encode_block(batch)
        assert data == op(4, struct.pack(">QQBII", 7, 4096, 1, 3, 2) + block)
        assert data[offset : offset + length] == block
        for rows in ([3], [4095, 4096]):
            with refused():
                impl.encode_relocate(7, 0, impl.Selection(rows), batch)

    def test_settled_rows_are_an_extents(self, impl: Any) -> None:
        with refused():
            impl.encode_settle(1, 0, 0, impl.Selection([4096]))
        with refused():
            impl.encode_settle(1, U64_MAX, 0, impl.Selection([1]))

    def test_any_other(self, impl: Any) -> None:
        assert impl.encode_op(3, b"abc") == impl.encode_op(3, bytearray(b"abc")) == op(3, b"abc")
        assert impl.encode_op(5, b"") == op(5, b"")
