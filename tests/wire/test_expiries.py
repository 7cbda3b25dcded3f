"""Expiries: of batches, of rows in extents and on disk, as bytes; when an extent has to be looked at next."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from leveret.limits import EXPIRATION_MAX_MS

from .support import NO_PROPERTIES, Files, build, filled, headers, mixed, refused, shortstr

U64_MAX = (1 << 64) - 1


def expiring(impl: Any, *texts: str | None) -> Any:
    """A batch of messages with these expirations."""
    properties = [NO_PROPERTIES if text is None else b"\x01\x00" + shortstr(text) for text in texts]
    return impl.Batch.build(impl.Pool(), [("", "q", each, b"12", False) for each in properties])


def extent_of(impl: Any, *runs: tuple[int, int]) -> Any:
    """An extent with a row for each expiry."""
    expiries, extent = impl.Expiries(runs), impl.Extent(0)
    extent.append(build(impl, *[b"x"] * len(expiries)), expiries=expiries)
    return extent


def expired(extent: Any, now_ms: int) -> list[int]:
    return list(extent.select_expired(now_ms))


class TestExpiries:
    def test_runs_of_one_time_are_one(self, impl: Any) -> None:
        expiries = impl.Expiries(iter([(1, 5), (2, 5), (3, 0), (1, U64_MAX)]))
        assert expiries.runs == [(3, 5), (3, 0), (1, U64_MAX)]
        assert len(expiries) == 7
        assert expiries == impl.Expiries(expiries.runs)
        assert expiries != impl.Expiries([(7, 5)])
        assert expiries != expiries.runs

    def test_slices(self, impl: Any) -> None:
        expiries = impl.Expiries([(3, 5), (3, 0), (1, 6)])
        assert expiries[2:4].runs == [(1, 5), (1, 0)]
        assert expiries[-1:].runs == [(1, 6)]
        assert expiries[:] == expiries
        assert expiries[5:3].runs == []
        assert len(expiries[6:99]) == 1
        with refused():
            expiries[::2]
        with pytest.raises(TypeError):
            expiries[0]

    def test_none(self, impl: Any) -> None:
        assert impl.Expiries([]).none
        assert impl.Expiries([(5, 0)]).none
        assert not impl.Expiries([(5, 0), (1, 1)]).none

    @pytest.mark.parametrize(
        "runs", [[(0, 1)], [(-1, 1)], [(1, -1)], [(1 << 64, 1)], [(1, 1 << 64)], [(1 << 63, 1)], [(1 << 62, 1)] * 2]
    )
    def test_what_cannot_be(self, impl: Any, runs: list[Any]) -> None:
        with refused():
            impl.Expiries(runs)

    def test_the_layout(self, impl: Any) -> None:
        data = struct.pack(">IQQQQ", 2, 3, 5, 1, 0)
        assert impl.Expiries([(3, 5), (1, 0)]).encode() == data
        assert impl.Expiries([]).encode() == bytes(4)
        for buffer in (data, bytearray(data), memoryview(data)):
            assert impl.Expiries.decode(buffer).runs == [(3, 5), (1, 0)]

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            bytes(3),
            bytes(5),
            struct.pack(">I", 0xFFFFFFFF),
            struct.pack(">IQQ", 1, 0, 5),
            struct.pack(">IQQQQ", 2, 1, 5, 1, 5),
            struct.pack(">IQQ", 2, 1, 5),
            struct.pack(">IQQQQ", 1, 1, 5, 1, 6),
            struct.pack(">IQQ", 1, 1 << 63, 5),
        ],
    )
    def test_malformed(self, impl: Any, data: bytes) -> None:
        with refused():
            impl.Expiries.decode(data)


class TestBatch:
    def test_property_and_ttl(self, impl: Any) -> None:
        batch = expiring(impl, "10", None, "200", "10")
        assert batch.expiries(None, 1000).runs == [(1, 1010), (1, 0), (1, 1200), (1, 1010)]
        assert batch.expiries(None, 1000, 50).runs == [(1, 1010), (2, 1050), (1, 1010)]
        assert batch.expiries(impl.Selection([1, 2]), 1000, 50).runs == [(2, 1050)]
        assert batch.expiries(None, 1000, 0).runs == [(4, 1000)]

    def test_nothing_expires(self, impl: Any) -> None:
        batch = expiring(impl, "10", None)
        assert batch.expiries(impl.Selection([1]), 1000) is None
        assert batch.expiries(impl.Selection([]), 1000, 5) is None
        assert expiring(impl, "x").expiries(None, 1000) is None
        assert build(impl, b"a", b"b").expiries(None, 1000) is None
        assert build(impl, b"a", b"b").expiries(None, 1000, 5).runs == [(2, 1005)]

    def test_never_at_0_nor_beyond_the_numbers(self, impl: Any) -> None:
        batch = expiring(impl, "0", "9")
        assert batch.expiries(None, 0).runs == [(1, 1), (1, 9)]
        assert batch.expiries(None, U64_MAX - 1).runs == [(1, U64_MAX - 1), (1, U64_MAX)]

    @pytest.mark.parametrize("text", ["0", "007", str(EXPIRATION_MAX_MS), "0" * 200 + "7"])
    def test_numbers(self, impl: Any, text: str) -> None:
        batch = expiring(impl, None, text)
        assert batch.bad_expiration() == -1
        assert batch.expiries(None, 5).runs == [(1, 0), (1, 5 + int(text))]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "+",
            "-",
            "++1",
            "-1",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "x",
            "\u0664",
            "\xb2",
            str(EXPIRATION_MAX_MS + 1),
            "9" * 255,
        ],
    )
    def test_no_numbers(self, impl: Any, text: str) -> None:
        batch = expiring(impl, None, "5", text, "y")
        assert batch.bad_expiration() == 2
        assert batch.expiries(None, 1000).runs == [(1, 0), (1, 1005), (2, 0)]
        assert batch.expiries(None, 1000, 7).runs == [(1, 1007), (1, 1005), (2, 1007)]

    def test_behind_other_properties(self, impl: Any) -> None:
        table = headers(shortstr("x") + b"V")[2:]
        batch = impl.Batch.build(impl.Pool(), [("", "q", b"\xa1\x00\x01c" + table + b"\x0242", b"", False)])
        assert batch.expiries(None, 1000).runs == [(1, 1042)]

    def test_rows_and_times_that_are_not_there(self, impl: Any) -> None:
        with pytest.raises(IndexError):
            expiring(impl, "1").expiries(impl.Selection([1]), 0)
        for now_ms in (-1, 1 << 64):
            with pytest.raises(OverflowError):
                expiring(impl, "1").expiries(None, now_ms)


class TestExtent:
    def test_rows_expire(self, impl: Any) -> None:
        extent = extent_of(impl, (1, 30), (2, 0), (100, 10), (1, 20))
        assert extent.next_expiry == 10
        assert expired(extent, 9) == []
        assert expired(extent, 10) == [*range(3, 103)]
        assert expired(extent, 29) == [*range(3, 104)]
        assert expired(extent, U64_MAX) == [0, *range(3, 104)]
        assert extent.ready == 104, "they were selected only"

    def test_of_a_selection_from_a_start(self, impl: Any) -> None:
        batch, expiries = build(impl, b"a", b"b", b"c", b"d"), impl.Expiries([(1, 1), (1, 2), (1, 3)])
        extent = filled(impl, b"x", b"y")
        assert extent.next_expiry == 0
        assert extent.append(batch, impl.Selection([0, 1, 3]), 1, expiries=expiries) == 2
        assert extent.next_expiry == 2
        assert (expired(extent, 2), expired(extent, 3)) == ([2], [2, 3])
        extent.append(batch)
        extent.append(batch, None, 3, expiries=impl.Expiries([(4, 1)]))
        assert expired(extent, 9) == [2, 3, 8]

    def test_only_what_fits(self, impl: Any) -> None:
        extent = filled(impl, *[b""] * 4095)
        assert extent.append(build(impl, b"a", b"b"), expiries=impl.Expiries([(1, 9), (1, 5)])) == 1
        assert extent.next_expiry == 9
        assert expired(extent, 9) == [4095]
        assert extent.append(build(impl, b"b"), expiries=impl.Expiries([(1, 5)])) == 0
        assert extent.next_expiry == 9

    def test_one_for_each_row(self, impl: Any) -> None:
        extent = impl.Extent(0)
        for count in (1, 3):
            with refused():
                extent.append(build(impl, b"a", b"b"), expiries=impl.Expiries([(count, 5)]))
        with refused():
            extent.append(build(impl, b"a", b"b"), impl.Selection([1]), expiries=impl.Expiries([(2, 5)]))
        assert len(extent) == extent.next_expiry == 0

    def test_taken_rows_do_not_expire(self, impl: Any) -> None:
        extent = extent_of(impl, (1, 5), (1, 7), (1, 9))
        taken = extent.take(2)
        assert extent.next_expiry in range(1, 10)
        assert expired(extent, 8) == []
        assert extent.next_expiry == 9
        extent.requeue(taken[1:])
        assert extent.next_expiry == 7
        assert expired(extent, 8) == [1]
        extent.settle(taken[:1])
        extent.requeue(impl.Selection([]))
        assert extent.next_expiry == 7

    def test_who_drops_what_expired_need_not_look_again(self, impl: Any) -> None:
        extent = extent_of(impl, (1, 50), (70, 5), (1, 60), (1, 0))
        rows = extent.select_expired(10)
        batch = extent.batch(impl.Pool(), rows)
        extent.drop(rows)
        assert len(batch) == 70
        assert (extent.ready, extent.next_expiry) == (3, 50)
        extent.drop(impl.Selection([71]))
        assert extent.next_expiry == 50
        extent.drop(impl.Selection([0, 72]))
        assert extent.next_expiry == 0

    def test_a_recycled_extent_forgets(self, impl: Any) -> None:
        extent = extent_of(impl, (2, 5))
        extent.settle(extent.take(2))
        extent.recycle()
        extent.append(build(impl, b"a", b"b"))
        assert extent.next_expiry == 0
        assert expired(extent, 9) == []

    def test_set_later(self, impl: Any) -> None:
        extent = filled(impl, *[b"x"] * 6)
        extent.set_expiries(2, impl.Expiries([(3, 5)]))
        assert (extent.next_expiry, expired(extent, 9)) == (5, [2, 3, 4])
        extent.set_expiries(3, impl.Expiries([(1, 0), (2, 7)]))
        assert (expired(extent, 5), expired(extent, 7)) == ([2], [2, 4, 5])
        extent.set_expiries(0, impl.Expiries([(6, 0)]))
        assert expired(extent, 9) == []
        assert extent.next_expiry == 0
        extent.set_expiries(6, impl.Expiries([]))
        for first in (0, 1, 6, 7, 1 << 32):
            with refused():
                extent.set_expiries(first, impl.Expiries([(7 - min(first, 6), 5)]))
        with pytest.raises(OverflowError):
            extent.set_expiries(-1, impl.Expiries([]))
        assert extent.next_expiry == 0

    def test_on_disk_too(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"b", b"c")
        extent.set_expiries(0, impl.Expiries([(1, 5), (2, 7)]))
        extent.evict()
        assert (extent.next_expiry, expired(extent, 5)) == (5, [0])
        extent.drop(extent.select_expired(5))
        extent.set_expiries(2, impl.Expiries([(1, 9)]))
        files.load(extent)
        assert (extent.next_expiry, expired(extent, 8), expired(extent, 9)) == (7, [1], [1, 2])

    def test_restored_rows_never_do_until_it_is_set(self, impl: Any) -> None:
        extent = impl.Extent(10)
        extent.restore(impl.Pieces([(11, 2, 64, 100, 0, 2, 1)]))
        extent.set_expiries(1, impl.Expiries([(1, 5)]))
        extent.restore(impl.Pieces([(14, 2, 64, 100, 2, 2, 1)]))
        assert expired(extent, 9) == [1]
        extent.set_expiries(4, impl.Expiries([(2, 7)]))
        assert expired(extent, 9) == [1, 4, 5]


class TestState:
    def test_there_and_back(self, impl: Any) -> None:
        files, extent, batch = Files(impl), impl.Extent(500), mixed(impl, "ptpppp")
        expiries = impl.Expiries([(3, 5), (1, 0), (2, 7)])
        extent.append(batch, None, 0, *files.write(batch, batch.select(impl.PERSISTENT)), expiries)
        extent.drop(impl.Selection([0]))
        extent.take(2)
        state = extent.state()
        assert state.endswith(b"\x80" + impl.Expiries([(1, 5), (1, 0), (2, 7)]).encode())
        copy = impl.Extent.from_state(state, 3)
        assert copy.state() == state
        assert (copy.next_expiry, expired(copy, 5), expired(copy, 7)) == (5, [2], [2, 4, 5])
        files.load(copy)
        assert copy.state() == state
        assert expired(copy, 7) == [2, 4, 5]

    def test_only_where_live_rows_expire(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"b")
        plain = extent.state()
        extent.set_expiries(0, impl.Expiries([(1, 5)]))
        assert extent.state() == plain + b"\x80" + impl.Expiries([(1, 5), (1, 0)]).encode()
        extent.drop(impl.Selection([0]))
        assert b"\x80" not in extent.state()

    @pytest.mark.parametrize("runs", [[], [(2, 0)], [(1, 5)], [(3, 5)]])
    def test_expiries_of_other_rows(self, impl: Any, runs: list[Any]) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"b")
        with refused():
            impl.Extent.from_state(extent.state() + b"\x80" + impl.Expiries(runs).encode())

    def test_cut_off(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"b")
        plain = len(extent.state())
        extent.set_expiries(0, impl.Expiries([(2, 5)]))
        state = extent.state()
        for end in range(plain + 1, len(state)):
            with refused():
                impl.Extent.from_state(state[:end])
        with refused():
            impl.Extent.from_state(state + b"\x00")
