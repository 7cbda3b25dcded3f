"""Extents that leave memory and come back: eviction, loading, the spill, damage."""

from __future__ import annotations

import struct
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
    rows,
)


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
        assert alive(extent) == {1: b"bb", 2: b"ccc", 3: b"dddd", 4: b"eeeee"}
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
        assert alive(extent) == {2: b"c", 3: b"d"}
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
        assert alive(extent) == {0: b"a", 1: b"b"}
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
        assert (extent.resident, alive(extent)) == (True, {})

    def test_what_needs_rows_is_refused(self, impl: Any) -> None:
        files, extent = Files(impl), impl.Extent(0)
        files.append(extent, b"a", b"b")
        extent.evict()
        pool, one = impl.Pool(), impl.Selection([0])
        for operation in (
            lambda: extent.append(build(impl, b"c")),
            lambda: extent.take(1),
            lambda: extent.take(9, 1000),
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
        assert alive(extent) == {1: b"bb", 2: b"ccc"}
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
        assert alive(extent) == {0: b"a", 1: b"b", 2: b"c", 3: b"d"}

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
        assert list(extent.places_in(0, SPILL)) == [2, 4]
        assert list(extent.places_in(SPILL, 2 * SPILL - 1)) == [3, 5]
        files.load(extent)
        assert alive(extent) == {row: b"%d" % row for row in (2, 3, 4, 5)}
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
        assert alive(extent) == {0: b"a", 2: b"c", 3: b"d"}
