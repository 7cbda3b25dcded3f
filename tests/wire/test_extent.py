"""Extents: the life of rows from append to settle, dealing, bounds, and what is left when all is settled."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from .support import (
    NO_PROPERTIES,
    PERSISTENT_PROPERTIES,
    PROTOCOL_HEADER,
    build,
    filled,
    headers,
    publish,
    refused,
    rows,
)


def counts(extent: Any) -> tuple[int, int, int, int, int]:
    return len(extent), extent.ready, extent.ready_bytes, extent.unacked, extent.unacked_bytes


class TestAppend:
    def test_a_new_extent_is_empty(self, impl: Any) -> None:
        extent = impl.Extent(17)
        assert extent.base == 17
        assert counts(extent) == (0, 0, 0, 0, 0)
        assert not extent.full
        assert extent.features == 0

    def test_the_lane_stays(self, impl: Any) -> None:
        lane = (1 << 64) - 1
        extent = impl.Extent(17, lane)
        assert (extent.lane, impl.Extent(17).lane) == (lane, 0)
        extent.append(build(impl, b"a"))
        extent.settle(extent.take(1))
        assert extent.recycle()
        assert (extent.base, extent.lane) == (18, lane)
        state = extent.state()
        assert (impl.Extent.from_state(state).lane, impl.Extent.from_state(state, 5).lane) == (0, 5)
        for bad in (-1, 1 << 64):
            with pytest.raises(OverflowError):
                impl.Extent(0, bad)

    def test_rows_are_ready_in_order(self, impl: Any) -> None:
        extent = impl.Extent(0)
        assert extent.append(build(impl, b"a", b"bb")) == 2
        assert extent.append(build(impl, b"ccc")) == 1
        assert counts(extent) == (3, 3, 6, 0, 0)
        assert [extent[row].body for row in range(3)] == [b"a", b"bb", b"ccc"]
        assert list(extent.select_ready()) == [0, 1, 2]

    def test_of_a_selection_from_a_start(self, impl: Any) -> None:
        batch = build(impl, *[b"%d" % number for number in range(10)])
        extent = impl.Extent(0)
        assert extent.append(batch, impl.Selection([1, 3, 5, 7]), 1) == 3
        assert extent.append(batch, None, 8) == 2
        assert extent.append(batch, impl.Selection([])) == 0
        assert extent.append(batch, impl.Selection([1]), 1) == 0
        assert [extent[row].body for row in range(5)] == [b"3", b"5", b"7", b"8", b"9"]

    def test_until_full(self, impl: Any) -> None:
        assert impl.EXTENT_ROWS == 4096
        batch = build(impl, *[b"x"] * 3000)
        extent = impl.Extent(0)
        assert extent.append(batch) == 3000
        assert not extent.full
        assert extent.append(batch, impl.Selection.range(0, 2000)) == 1096
        assert extent.full
        assert extent.append(batch) == 0
        assert len(extent) == extent.ready == extent.ready_bytes == 4096

    def test_keeps_everything_of_a_message(self, impl: Any) -> None:
        message = ("ex", "key", headers(b"\x01aV"), b"body", True)
        extent = impl.Extent(0)
        extent.append(impl.Batch.build(impl.Pool(), [message]))
        found = extent[0]
        assert (found.exchange, found.routing_key, found.properties, found.body) == message[:4]
        assert found.features == extent.features == impl.HEADERS | impl.MANDATORY

    def test_outlives_batch_and_pool(self, impl: Any) -> None:
        extent = impl.Extent(0)
        pool = impl.Pool()
        extent.append(build(impl, b"abc", pool=pool))
        del pool
        gc.collect()
        assert extent[0].body == b"abc"


class TestTake:
    def test_takes_the_first_ready_ones(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"bb", b"ccc", b"dddd")
        assert list(extent.take(3)) == [0, 1, 2]
        assert counts(extent) == (4, 1, 4, 3, 6)
        assert list(extent.take(3)) == [3]
        assert list(extent.take(3)) == []
        assert counts(extent) == (4, 0, 0, 4, 10)

    def test_takes_nothing_for_nothing(self, impl: Any) -> None:
        extent = filled(impl, b"a")
        assert list(extent.take(0)) == []
        assert extent.ready == 1

    @pytest.mark.parametrize(
        ("room", "wanted"),
        [(-1, [0, 1, 2, 3]), (10, [0, 1]), (11, [0, 1]), (19, [0, 1]), (21, [0, 1, 2]), (99, [0, 1, 2, 3])],
    )
    def test_stops_when_room_is_exceeded(self, impl: Any, room: int, wanted: list[int]) -> None:
        extent = filled(impl, *[bytes(10)] * 4)
        assert list(extent.take(100, room)) == wanted

    def test_takes_at_least_one_for_any_room(self, impl: Any) -> None:
        extent = filled(impl, bytes(1000), bytes(1000))
        assert list(extent.take(10, 1)) == [0]

    def test_skips_what_is_out(self, impl: Any) -> None:
        extent = filled(impl, *[b"x"] * 6)
        extent.take(4)
        extent.requeue(impl.Selection([1, 3]))
        assert list(extent.take(3)) == [1, 3, 4]


class TestDeal:
    def test_round_robin(self, impl: Any) -> None:
        extent = filled(impl, *[b"x"] * 7)
        parts, turn = extent.deal([10, 10, 10], [-1, -1, -1], 0)
        assert [list(part) for part in parts] == [[0, 3, 6], [1, 4], [2, 5]]
        assert turn == 1
        assert extent.ready == 0
        assert extent.unacked == 7

    def test_from_whose_turn_it_is(self, impl: Any) -> None:
        extent = filled(impl, *[b"x"] * 4)
        parts, turn = extent.deal([10, 10, 10], [-1, -1, -1], 2)
        assert [list(part) for part in parts] == [[1], [2], [0, 3]]
        assert turn == 0

    def test_who_has_no_credit_is_passed_over(self, impl: Any) -> None:
        extent = filled(impl, *[b"x"] * 10)
        parts, turn = extent.deal([1, 0, 3], [-1, -1, -1], 0)
        assert [list(part) for part in parts] == [[0], [], [1, 2, 3]]
        assert turn == 0
        assert extent.ready == 6

    def test_room_may_be_overdrawn_by_the_last_message(self, impl: Any) -> None:
        extent = filled(impl, *[bytes(10)] * 10)
        parts, _ = extent.deal([10, 10, 10], [15, 0, 20], 0)
        assert [list(part) for part in parts] == [[0, 2], [], [1, 3]]

    def test_nothing_ready(self, impl: Any) -> None:
        extent = filled(impl)
        parts, turn = extent.deal([1, 1], [-1, -1], 1)
        assert [list(part) for part in parts] == [[], []]
        assert turn == 1

    def test_nobody_there(self, impl: Any) -> None:
        extent = filled(impl, b"x")
        parts, _ = extent.deal([], [])
        assert parts == []
        assert extent.ready == 1

    def test_lengths_have_to_agree(self, impl: Any) -> None:
        with refused():
            filled(impl, b"x").deal([1], [1, 2], 0)


class TestSettle:
    def test_settled_rows_are_gone(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"bb", b"ccc")
        extent.settle(extent.take(2))
        assert counts(extent) == (3, 1, 3, 0, 0)
        for row in (0, 1, 3):
            with pytest.raises(IndexError):
                extent[row]
        assert extent[2].body == b"ccc"

    @pytest.mark.parametrize("operation", ["settle", "requeue"])
    @pytest.mark.parametrize("bad", [[0, 1, 3], [2], [4], [0, 1, 4], [4096]])
    def test_refuses_rows_that_are_not_delivered_and_changes_nothing(
        self, impl: Any, operation: str, bad: list[int]
    ) -> None:
        extent = filled(impl, b"a", b"bb", b"ccc", b"dddd")
        extent.settle(extent.take(3)[2:])
        before = counts(extent)
        with refused():
            getattr(extent, operation)(impl.Selection(bad))
        assert counts(extent) == before == (4, 1, 4, 2, 3)
        assert [extent.is_redelivered(row) for row in range(4)] == [False] * 4

    def test_requeued_rows_keep_their_place_and_are_redelivered(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"bb", b"ccc")
        extent.take(3)
        extent.requeue(impl.Selection([1]))
        assert counts(extent) == (3, 1, 2, 2, 4)
        assert [extent.is_redelivered(row) for row in range(3)] == [False, True, False]
        extent.requeue(impl.Selection([0, 2]))
        assert list(extent.take(2)) == [0, 1]

    def test_mark_redelivered(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"b", b"c")
        extent.mark_redelivered(impl.Selection([0, 2]))
        assert [extent.is_redelivered(row) for row in range(3)] == [True, False, True]
        assert extent.ready == 3

    def test_persistent_ones(self, impl: Any) -> None:
        extent = impl.Extent(0)
        for properties in (PERSISTENT_PROPERTIES, NO_PROPERTIES, PERSISTENT_PROPERTIES, PERSISTENT_PROPERTIES):
            extent.append(build(impl, b"x", properties=properties))
        assert list(extent.select_persistent()) == [0, 2, 3]
        assert list(extent.select_persistent(impl.Selection([1, 2]))) == [2]
        extent.settle(extent.take(1))
        assert list(extent.select_persistent()) == [2, 3]

    def test_features_stay_until_recycled(self, impl: Any) -> None:
        extent = filled(impl, b"x", properties=PERSISTENT_PROPERTIES)
        extent.settle(extent.take(1))
        assert extent.features == impl.PERSISTENT
        assert extent.recycle()
        assert extent.features == 0


class TestRowsThatAreNotThere:
    def test_marking_selecting(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"b")
        for operation in (extent.mark_redelivered, extent.select_persistent):
            with refused():
                operation(impl.Selection([0, 2]))
        assert counts(extent) == (2, 2, 2, 0, 0)
        assert not extent.is_redelivered(0)

    def test_asking(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"b")
        for row in (2, 4096, -1):
            with pytest.raises(IndexError):
                extent.is_redelivered(row)
            with pytest.raises(IndexError):
                extent[row]

    def test_appending(self, impl: Any) -> None:
        extent = filled(impl, b"a")
        with pytest.raises(IndexError):
            extent.append(build(impl, b"b"), impl.Selection([0, 1]))
        assert counts(extent) == (1, 1, 1, 0, 0)
        assert extent.append(build(impl, b"b"), None, 5) == 0


class TestRecycle:
    def test_only_when_all_is_settled(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"b", base=100)
        assert not extent.recycle()
        taken = extent.take(2)
        assert not extent.recycle()
        extent.settle(taken)
        assert extent.recycle()
        assert extent.base == 102
        assert counts(extent) == (0, 0, 0, 0, 0)

    def test_what_comes_next_is_new(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"b")
        extent.take(2)
        extent.requeue(impl.Selection([0]))
        extent.take(1)
        extent.settle(impl.Selection([0, 1]))
        assert extent.recycle()
        extent.append(build(impl, b"c"))
        assert extent[0].body == b"c"
        assert not extent.is_redelivered(0)
        assert list(extent.take(9)) == [0]

    def test_an_empty_one(self, impl: Any) -> None:
        extent = impl.Extent(5)
        assert extent.recycle()
        assert extent.base == 5


class TestBatchOfAnExtent:
    def test_has_the_rows_with_all_they_had(self, impl: Any) -> None:
        messages = [("ex", f"key {number % 2}", NO_PROPERTIES, b"%d" % number, number == 3) for number in range(5)]
        extent = impl.Extent(0)
        extent.append(impl.Batch.build(impl.Pool(), messages))
        batch = extent.batch(impl.Pool(), impl.Selection([1, 2, 3]))
        assert [row[:3] + row[5:6] for row in rows(batch)] == [
            ("ex", "key 1", False, b"1"),
            ("ex", "key 0", False, b"2"),
            ("ex", "key 1", True, b"3"),
        ]
        assert batch.features == impl.MANDATORY

    def test_outlives_the_extents_rows(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"b", b"c")
        rows_taken = extent.take(3)
        batch = extent.batch(impl.Pool(), rows_taken)
        extent.settle(rows_taken)
        extent.recycle()
        gc.collect()
        assert [batch[row].body for row in range(3)] == [b"a", b"b", b"c"]

    def test_not_of_settled_rows(self, impl: Any) -> None:
        extent = filled(impl, b"a", b"b")
        extent.settle(extent.take(1))
        with pytest.raises((IndexError, ValueError)):
            extent.batch(impl.Pool(), impl.Selection([0, 1]))


class TestCompact:
    def test_moves_only_what_is_worth_it(self, impl: Any) -> None:
        pool = impl.Pool(4096)
        extent = impl.Extent(0)
        extent.append(build(impl, *[bytes([number]) * 100 for number in range(100)], pool=pool))
        assert extent.compact(pool) == 0
        extent.take(100)
        kept = [row for row in range(100) if row % 20 == 7]
        extent.settle(impl.Selection(row for row in range(100) if row not in kept))
        assert extent.compact(pool) >= 100
        assert [extent[row].body for row in kept] == [bytes([row]) * 100 for row in kept]
        extent.requeue(impl.Selection(kept))
        assert list(extent.take(99)) == kept

    def test_in_portions(self, impl: Any) -> None:
        pool = impl.Pool(4096)
        extent = impl.Extent(0)
        extent.append(build(impl, *[bytes([number]) * 100 for number in range(200)], pool=pool))
        extent.take(200)
        kept = range(0, 200, 10)
        extent.settle(impl.Selection(row for row in range(200) if row % 10))
        assert extent.compact(pool, 0) == 0
        moved = []
        while portion := extent.compact(pool, 250):
            moved.append(portion)
        assert len(moved) >= 4
        assert max(moved) < 500
        assert sum(moved) >= 1500
        assert [extent[row].body for row in kept] == [bytes([row]) * 100 for row in kept]

    def test_messages_that_share_long_names_take_no_more_memory_than_before(self, impl: Any) -> None:
        pool = impl.Pool(65536)
        decoder = impl.Decoder(pool)
        decoder.push(PROTOCOL_HEADER)
        decoder.next()
        decoder.open(0)
        extents = [impl.Extent(0) for _ in range(4)]
        for number in range(200):
            decoder.push(publish(exchange="e" * 250, routing_key="k" * 250, body=b"%03d" % number) * 500)
            batch = decoder.next()
            for extent in extents:
                extent.append(batch, impl.Selection(range(5, 500, 10)))
        del batch
        for extent in extents[1:]:
            extent.settle(extent.take(4096))
        before = pool.allocated
        assert extents[0].compact(pool) > 0
        gc.collect()
        assert pool.allocated < before / 2
        assert [extents[0][row].body for row in range(0, 4000, 50)] == [b"%03d" % number for number in range(80)]
        assert extents[0][1].exchange == "e" * 250
        assert extents[0][3999].routing_key == "k" * 250
