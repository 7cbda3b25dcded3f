"""A log on a disk that is full: what was handed over goes to the same place later, in its old order."""

from __future__ import annotations

import errno

import pytest

from leveret.errors import SyncError
from leveret.store import checkpoints
from leveret.store.segments import SPARE
from leveret.wire.records import EndCheckpoint

from .support import SEGMENT_SIZE, Files, record, recover, settle


def test_a_segment_that_was_made_ahead_is_not_made_again() -> None:
    files = Files()
    files.log.append(record(1, 400))
    files.run()
    ahead = files.log.segments.last.end
    assert f"log/{ahead:016x}.log" in files.disk.files
    files.disk.fail("write", errno.ENOSPC)
    files.log.append(record(0))
    files.run()
    assert files.full == [True]
    files.log.tick()
    files.run()
    files.disk.capacity = 100  # somebody else took the rest
    for _ in range(3):
        files.log.tick()
        files.run()
    files.disk.capacity = None
    assert files.full == [True, False]
    for number in range(2, 9):
        files.log.append(record(number, 400))
        files.run()
        files.log.tick()
        files.run()
    assert files.fatal == []
    assert recover(files.disk.files)[0][-1] == 8


def test_a_system_that_is_short_of_descriptors_for_a_moment_ends_nothing() -> None:
    files = Files()
    files.log.append(record(1))
    files.run()
    files.disk.fail("write", errno.EMFILE)
    files.log.append(record(2))
    files.run()
    assert (files.fatal, files.full) == ([], [])
    files.log.tick()
    files.run()
    assert recover(files.disk.files)[0] == [1, 2]


def full_disk(files: Files) -> None:
    """Somebody else takes the rest."""
    files.disk.capacity = sum(map(len, files.disk.files.values()))


def test_space_for_the_first_checkpoint_is_there_from_the_start() -> None:
    files = Files()
    files.log.append(record(1))
    files.run()
    full_disk(files)
    done: list[bool] = []
    files.log.end_checkpoint(EndCheckpoint(files.log.begin_checkpoint(), 9, clean=False), {}, lambda: done.append(True))
    files.run()
    assert done
    assert (files.fatal, files.full) == ([], [])


def ticks(files: Files) -> None:
    for _ in range(6):
        files.log.tick()
        files.run()


@pytest.mark.parametrize("sync", [True, False])
def test_a_full_disk_has_one_more_segment(sync: bool) -> None:
    """For what waits already: after that it waits for space."""
    files = Files(sync=sync)
    files.log.append(record(1))
    files.run()
    assert SPARE in files.disk.files
    full_disk(files)
    for number in range(2, 5):
        files.log.append(record(number, 400))
        files.log.sync()
        files.run()
        ticks(files)
    assert files.full == [True]
    assert files.log.durable == files.log.end
    assert SPARE not in files.disk.files
    for image in files.disk.images(1):
        recover(image)
    assert recover(files.disk.files)[0] == [1, 2, 3, 4]
    files.disk.capacity = None
    ticks(files)
    assert files.full == [True, False]
    assert files.disk.files[SPARE] == bytes(SEGMENT_SIZE)


@pytest.mark.parametrize("seed", range(20))
def test_the_spare_segment_is_empty_whenever_it_is_found(seed: int) -> None:
    files = Files()
    files.log.append(record(1))
    files.run()
    full_disk(files)
    for number in range(2, 8):
        files.log.append(record(number, 400))
        files.log.sync()
        files.run()
        ticks(files)
        if number == 5:
            files.disk.capacity = None
    for image in files.disk.images(seed):
        assert not any(image.get(SPARE, b""))


def test_a_segment_goes_without_a_checkpoint_when_what_emptied_it_is_on_disk() -> None:
    files = Files()
    files.log.append(record(1, 900))
    files.log.append(record(2))
    files.log.end_checkpoint(EndCheckpoint(files.log.begin_checkpoint(), 9, clean=False), {0: 1}, lambda: None)
    files.run()
    first = files.log.segments.all()[0]
    assert first.name in files.disk.files
    files.log.settle([settle(1)])
    assert files.log.drop([first.base])
    settled = files.log.end
    assert first in files.log.segments
    files.run()
    assert files.log.durable >= settled
    assert first.name not in files.disk.files
    assert not files.log.drop([files.log.segments.last.base]), "recovery reads it"
    files.run()
    assert files.log.segments.last.name in files.disk.files


def test_space_is_given_back_although_something_waits_for_space() -> None:
    files = Files()
    files.log.append(record(1, 900))
    files.log.append(record(2))
    files.log.end_checkpoint(EndCheckpoint(files.log.begin_checkpoint(), 9, clean=False), {0: 1}, lambda: None)
    files.run()
    first = files.log.segments.all()[0]
    full_disk(files)
    files.log.drop([first.base])  # the disk has not done it when more comes than there is room for
    for number in range(3, 9):
        files.log.append(record(number, 900))
        files.log.sync()
    files.run()
    ticks(files)
    assert first.name not in files.disk.files
    assert files.log.written > files.log.segments.all()[0].end
    assert files.fatal == []


def test_what_a_restart_finds_set_aside_stays() -> None:
    files = Files()
    files.log.append(record(1))
    files.restart()
    full_disk(files)
    ticks(files)
    assert files.full == []
    files.start({**files.disk.files, SPARE: bytes(8)})  # of another size
    files.log.append(record(2))
    ticks(files)
    assert files.disk.files[SPARE] == bytes(SEGMENT_SIZE)


class TestFullDisk:
    def test_what_was_refused_is_written_again_in_order(self) -> None:
        files = Files()
        files.disk.fail("write", errno.ENOSPC, 2, written=10)
        for number in range(4):
            files.log.want(files.log.append(record(number)))
            files.log.flush()
        files.run()
        assert files.full == [True]
        assert files.log.durable == 0
        files.log.append(record(4))
        files.run()
        assert files.log.durable == 0
        files.log.sync()
        files.log.tick()
        files.run()
        assert files.log.durable == files.log.end
        assert not files.fatal
        files.restart()
        assert files.seen == [0, 1, 2, 3, 4]

    def test_full_until_the_next_segment_is_there(self) -> None:
        files = Files(capacity=checkpoints.SIZE + SEGMENT_SIZE)
        files.log.append(record(1, SEGMENT_SIZE // 3))
        files.run()
        assert files.full == [True]
        files.log.append(record(2))
        files.log.tick()
        files.run()  # what came behind the attempt is refused as well
        files.log.tick()
        files.run()
        assert files.full == [True]
        assert files.log.written == files.log.end
        files.disk.capacity = None
        files.log.tick()
        files.run()
        assert files.full == [True, False]

    def test_in_the_middle_of_a_segment_settlements_still_have_room(self) -> None:
        files = Files(capacity=checkpoints.SIZE + SEGMENT_SIZE)
        files.log.append(record(1, SEGMENT_SIZE // 3))
        files.run()
        assert files.log.full
        files.log.settle([settle(1)])
        files.log.flush()
        files.log.sync()
        files.run()
        assert files.log.durable == files.log.end

    def test_a_segment_that_is_needed_comes_when_there_is_room(self) -> None:
        files = Files(capacity=checkpoints.SIZE + SEGMENT_SIZE)
        for number in range(10):
            files.log.append(record(number, 200))
            files.log.sync()
            files.run()
            files.log.tick()
        written = files.log.written
        assert written < files.log.end
        assert not files.log.idle
        files.disk.capacity = None
        for _ in range(5):
            files.log.tick()
            files.run()
        assert files.log.durable == files.log.end
        assert not files.log.full
        files.restart()
        assert files.seen == [*range(10)]

    @pytest.mark.parametrize("nth", range(1, 12))
    @pytest.mark.parametrize("kind", ["create", "write"])
    def test_whatever_was_refused_nothing_is_lost(self, kind: str, nth: int) -> None:
        files = Files()
        files.disk.fail(kind, errno.ENOSPC, nth, written=3)
        for number in range(40):
            files.log.append(record(number, number))
            if number % 3 == 0:
                files.log.sync()
                files.disk.step()
                files.log.run_callbacks()
            if number % 5 == 0:
                files.log.tick()
        for _ in range(5):
            files.log.tick()
            files.log.sync()
            files.run()
        assert files.log.durable == files.log.end
        assert not files.log.full
        files.restart()
        assert files.seen == [*range(40)]

    def test_a_failed_sync_is_the_end(self) -> None:
        files = Files()
        files.disk.fail("sync", nth=3)
        position = files.log.append(record(1))
        files.log.sync()
        files.run()
        assert [type(error) for error in files.fatal] == [SyncError]
        files.log.sync()
        files.run()
        assert files.log.durable < position

    def test_so_is_a_write_that_fails_for_another_reason(self) -> None:
        files = Files()
        files.disk.fail("write", errno.EIO)
        files.log.append(record(1))
        files.run()
        assert [error.errno for error in files.fatal] == [errno.EIO]
