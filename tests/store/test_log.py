from __future__ import annotations

from functools import partial
from random import Random

import pytest

from leveret.limits import LOG_LAG_BYTES
from leveret.ports import CheckpointLog, Position
from leveret.store.segments import SEGMENT_HEADER, Segment
from leveret.wire import RECORD_HEADER, Pool, Replay, unpack_block
from leveret.wire.records import SETTLE, EndCheckpoint

from ..simulation.disk import SimulatedDisk
from .support import SEGMENT_SIZE, Files, publish, record, recover, settle


def writes(files: Files) -> int:
    return sum(event[0] == "write" for event in files.disk.history)


class TestAppending:
    def test_is_a_log(self) -> None:
        log: CheckpointLog = Files().log
        assert log.durable == 0

    def test_a_record_is_durable_when_it_is_synced(self) -> None:
        files = Files()
        position = files.log.append(record(1))
        files.log.want(position)
        files.log.flush()
        files.log.run_callbacks()
        assert files.log.durable < position
        files.run()
        assert files.log.durable == position == files.log.end

    def test_a_turn_is_one_write(self) -> None:
        files = Files(segment_size=1 << 20)
        for number in range(3):
            files.log.append(record(number))
        files.run()
        assert writes(files) == 2  # the segment's header, and the records
        files.log.append(record(3))
        files.run()
        assert writes(files) == 3

    def test_an_op_is_told_where_its_messages_lie(self) -> None:
        files = Files()
        pool = Pool()
        files.log.append(record(1))
        ops = [publish(pool, b"one", b"two"), publish(pool, b"three")]
        files.log.append([*ops])
        files.run()
        found: list[tuple[int, bytes]] = []
        places = [op.place for op in ops if op.place is not None]
        files.log.fetch(places, lambda parts: found.extend(parts or ()))
        assert not found
        files.run()
        assert [position for position, _ in found] == [position for position, _ in places]
        bodies = [
            [message.body for message in map(batch.__getitem__, range(len(batch)))]
            for batch in (unpack_block(pool, data) for _, data in found)
        ]
        assert bodies == [[b"one", b"two"], [b"three"]]

    def test_the_scheduler_is_woken(self) -> None:
        files = Files()
        files.log.append(record(1))
        woken = files.wakes.count
        assert woken
        files.run()
        files.log.settle([settle(1)])
        assert files.wakes.count > woken

    def test_nothing_to_flush_writes_nothing(self) -> None:
        files = Files()
        files.log.flush()
        files.run()
        assert files.disk.files == {}
        assert files.log.idle


class TestSegments:
    def test_a_record_may_end_where_only_the_seal_fits(self) -> None:
        """A segment always has room for the record that seals it."""
        sizes = set()
        for size in range(SEGMENT_SIZE):
            files = Files()
            files.log.append(record(1, size))
            sizes.add(SEGMENT_SIZE - files.log.end)
            files.log.append(record(2))
            files.restart()
            assert files.seen == [1, 2]
        assert RECORD_HEADER in sizes

    def test_its_size_is_rounded_to_where_records_may_begin(self) -> None:
        files = Files(segment_size=SEGMENT_SIZE - 3)
        for number in range(100):
            files.log.append(record(number, number))
        files.restart()
        assert files.seen == [*range(100)]
        assert all(segment.base % 8 == 0 for segment in files.recovered.segments)

    def test_records_go_on_in_the_next_one(self) -> None:
        files = Files()
        for number in range(100):
            files.log.append(record(number))
            if number % 7 == 0:
                files.run()
        files.restart()
        assert files.seen == [*range(100)]
        assert len(files.recovered.segments) > 3

    @pytest.mark.parametrize("first", [0, 50, 300, SEGMENT_SIZE - 100])
    @pytest.mark.parametrize("size", [SEGMENT_SIZE - 60, SEGMENT_SIZE, 5 * SEGMENT_SIZE - 50])
    @pytest.mark.parametrize("prepared", [False, True])
    def test_a_large_record_gets_a_segment_that_holds_it(self, first: int, size: int, prepared: bool) -> None:
        files = Files()
        files.log.append(record(1, first))
        if prepared:
            files.run()
        files.log.append(record(2, size))
        files.log.append(record(3))
        files.restart()
        assert files.seen == [1, 2, 3]
        assert all(segment.size % SEGMENT_SIZE == 0 for segment in files.recovered.segments)

    def test_the_next_one_is_made_ahead_and_adopted(self) -> None:
        files = Files()
        files.log.append(record(1, SEGMENT_SIZE // 3))
        files.run()
        ahead = Segment(SEGMENT_SIZE, SEGMENT_SIZE)
        assert ahead.name in files.disk.files
        assert ahead not in files.log.segments
        files.log.append(record(2, SEGMENT_SIZE - 200))
        files.log.flush()
        files.disk.step()
        assert ahead in files.log.segments
        assert sum(event[:2] == ("link", ahead.name) for event in files.disk.history) == 1
        files.restart()
        assert files.seen == [1, 2]

    def test_one_that_is_being_made_is_adopted_too(self) -> None:
        files = Files()
        files.log.append(record(1, SEGMENT_SIZE // 3))
        files.log.flush()
        files.log.append(record(2, SEGMENT_SIZE - 200))
        files.log.flush()
        files.restart()
        assert files.seen == [1, 2]
        assert [segment.size for segment in files.recovered.segments] == [SEGMENT_SIZE] * 2

    def test_one_made_ahead_is_not_part_of_the_log(self) -> None:
        files = Files()
        files.log.append(record(1, SEGMENT_SIZE // 3))
        files.restart()
        assert len(files.recovered.segments) == 1
        files.log.append(record(2, SEGMENT_SIZE))
        files.restart()
        assert files.seen == [1, 2]


class TestWaiting:
    def test_who_waits_is_told_in_order_on_a_later_turn(self) -> None:
        files = Files()
        told: list[int] = []
        positions = [files.log.append(record(number)) for number in range(3)]
        for number in (2, 0, 1):
            files.log.when_durable(positions[number], partial(told.append, number))
        files.log.flush()
        files.disk.run()
        assert told == []
        files.log.run_callbacks()
        assert told == [0, 1, 2]

    def test_what_nobody_waits_for_is_synced_on_a_tick(self) -> None:
        files = Files()
        position = files.log.append(record(1))
        files.run()
        assert files.log.written == position
        assert files.log.durable < position
        files.log.tick()
        files.run()
        assert files.log.durable == position

    def test_a_tick_with_nothing_to_do_does_nothing(self) -> None:
        files = Files()
        files.log.append(record(1))
        files.log.sync()
        files.run()
        syncs = files.log.syncs
        files.log.tick()
        files.run()
        assert files.log.syncs == syncs

    def test_who_comes_late_gets_what_was_written_synced(self) -> None:
        files = Files()
        position = files.log.append(record(1))
        files.run()
        told: list[bool] = []
        files.log.when_durable(position, lambda: told.append(True))
        files.run()
        assert told == [True]

    def test_waiting_for_what_was_never_appended_is_our_fault(self) -> None:
        with pytest.raises(AssertionError):
            Files().log.when_durable(Position(1), lambda: None)

    def test_publishers_wait_while_much_is_not_written(self) -> None:
        files = Files(segment_size=2 * LOG_LAG_BYTES)
        told: list[bool] = []
        while not files.log.lagging:
            files.log.append(record(1, 1 << 20))
        assert files.log.backlog > LOG_LAG_BYTES
        files.log.when_caught_up(lambda: told.append(True))
        files.log.run_callbacks()
        assert not told
        files.run()
        assert told == [True]
        assert files.log.backlog == 0

    def test_who_waits_without_need_is_told_on_a_later_turn(self) -> None:
        files = Files()
        told: list[bool] = []
        files.log.when_caught_up(lambda: told.append(True))
        assert not told
        files.run()
        assert told == [True]


class TestSettlements:
    def test_those_of_a_turn_are_joined(self) -> None:
        files = Files()
        files.log.settle([settle(1, 2), settle(7, base=100)])
        files.log.settle([settle(4), settle(5, reason=1)])
        files.run()
        replay = Replay(SEGMENT_HEADER)
        (data,) = [data for name, data in files.disk.files.items() if Segment(0, 0).name == name]
        steps = [
            (step[2], [*step[3]]) for step in replay.read(data[SEGMENT_HEADER:], SEGMENT_HEADER) if step[0] == SETTLE
        ]
        assert steps == [(0, [1, 2, 4, 5]), (100, [7])]

    def test_they_come_before_the_end_of_a_checkpoint(self) -> None:
        """Else the last thing that is said would not be that the broker stopped in good order."""
        files = Files()
        begin = files.log.begin_checkpoint()
        files.log.settle([settle(1)])
        files.log.end_checkpoint(EndCheckpoint(begin, 1, True), {}, lambda: None)
        end = files.log.end
        files.run()
        assert files.log.end == end


class TestDurabilityOs:
    def test_durable_means_written(self) -> None:
        files = Files(sync=False)
        position = files.log.append(record(1))
        files.run()
        assert files.log.durable == position
        assert not any(event[0] == "sync" and event[1] == 1 for event in files.disk.history[3:])

    def test_a_record_does_not_claim_that_what_was_written_is_on_disk(self) -> None:
        """Else a loss of power would look like damage."""
        for seed in range(300):
            files = Files(sync=False)
            for number in range(30):
                files.log.append(record(number, 30))
                files.log.flush()
                files.disk.run()
                files.log.run_callbacks()
            seen, _ = recover(files.disk.crash(Random(seed)))
            assert seen == [*range(len(seen))]

    def test_a_checkpoint_is_synced_all_the_same(self) -> None:
        files = Files(sync=False)
        files.log.append(record(1))
        begin = files.log.begin_checkpoint()
        files.log.end_checkpoint(EndCheckpoint(begin, 1, False), {}, lambda: None)
        files.run()
        files.start(files.disk.crash(Random(0), keep=0.0))
        assert files.recovered.begin == begin


class TestFetching:
    def test_across_segments(self) -> None:
        files = Files()
        for number in range(10):
            files.log.append(record(number, 300))
        files.run()
        found: list[tuple[int, bytes]] = []
        size = 3 * SEGMENT_SIZE
        files.log.fetch([(100, size), (8, 16)], lambda parts: found.extend(parts or ()))
        files.run()
        whole = b"".join(data for name, data in sorted(files.disk.files.items()) if name.startswith("log/"))
        assert found == [(100, whole[100 : 100 + size]), (8, whole[8:24])]

    def test_what_cannot_be_read(self) -> None:
        files = Files()
        files.log.append(record(1))
        files.run()
        found: list[object] = []
        files.disk.fail("read", nth=2)
        files.log.fetch([(0, 8), (8, 8), (16, 8)], found.append)
        files.run()
        assert found == [None]

    def test_what_is_in_no_segment_is_missing(self) -> None:
        """A file that somebody took away is damage, not our fault."""
        files = Files()
        files.log.append(record(1))
        files.run()
        found: list[object] = []
        files.log.fetch([(10 * SEGMENT_SIZE, 8)], found.append)
        assert found == []
        files.run()
        assert found == [[(10 * SEGMENT_SIZE, bytes(8))]]

    def test_who_fails_to_take_it_takes_nothing_from_others(self) -> None:
        files = Files()
        files.log.append(record(1))
        files.run()

        def fail(parts: object) -> None:
            raise ZeroDivisionError

        found: list[object] = []
        durable: list[int] = []
        files.log.fetch([(0, 8)], fail)
        files.log.fetch([(8, 8)], found.append)
        position = files.log.append(record(2))
        files.log.when_durable(position, lambda: durable.append(position))
        files.log.flush()
        files.disk.run()
        with pytest.raises(ZeroDivisionError):
            files.log.run_callbacks()
        assert not files.log.idle
        files.log.run_callbacks()
        assert len(found) == len(durable) == 1
        assert files.log.idle

    def test_over_a_segment_that_is_gone(self) -> None:
        """Blocks before and after it are read at once when they are near each other."""
        files = Files()
        for number in range(10):
            files.log.append(record(number, 300))
        files.run()
        whole = b"".join(data for name, data in sorted(files.disk.files.items()) if name.startswith("log/"))
        files.log.segments.remove(Segment(SEGMENT_SIZE, SEGMENT_SIZE))
        found: list[object] = []
        files.log.fetch([(100, 2 * SEGMENT_SIZE)], found.append)
        files.run()
        expected = whole[100:SEGMENT_SIZE] + bytes(SEGMENT_SIZE) + whole[2 * SEGMENT_SIZE : 2 * SEGMENT_SIZE + 100]
        assert found == [[(100, expected)]]


class TestCheckpoints:
    def fill(self, files: Files) -> int:
        for number in range(20):
            files.log.append(record(number, 200))
        begin = files.log.begin_checkpoint()
        files.run()
        return begin

    def test_segments_without_life_go(self) -> None:
        files = Files()
        begin = self.fill(files)
        before = files.log.segments_before(begin)
        assert len(before) > 3
        kept = [*before][1]
        done: list[bool] = []
        files.log.end_checkpoint(EndCheckpoint(begin, 20, False), {kept: 1}, lambda: done.append(True))
        assert not done
        files.run()
        assert done == [True]
        assert [*files.log.segments_before(begin)] == [kept]
        files.restart()
        assert files.recovered.begin == begin
        assert files.seen == []

    def test_they_stay_until_it_is_on_disk_that_recovery_begins_later(self) -> None:
        for seed in range(200):
            files = Files()
            begin = self.fill(files)
            files.log.end_checkpoint(EndCheckpoint(begin, 20, False), {}, lambda: None)
            random = Random(seed)
            for _ in range(random.randrange(8)):
                files.log.flush()
                files.disk.step()
                files.log.run_callbacks()
            seen, recovered = recover(files.disk.crash(random))
            assert recovered.begin == begin or seen == [*range(len(seen))]

    def test_one_begins_before_the_last_one_has_removed_its_segments(self) -> None:
        files = Files()
        begin = self.fill(files)
        files.log.end_checkpoint(EndCheckpoint(begin, 20, False), {}, lambda: None)
        second = files.log.begin_checkpoint()
        files.log.end_checkpoint(EndCheckpoint(second, 20, False), {}, lambda: None)
        files.run()
        assert len(files.log.segments) == 1
        files.restart()
        assert files.recovered.begin == second


def test_a_closed_log_has_written_everything() -> None:
    files = Files()
    files.log.append(record(1))
    files.log.sync()
    files.log.close()
    assert recover(files.disk.files)[0] == [1]
    assert isinstance(files.disk, SimulatedDisk)
    assert files.disk.closed
