"""A log on a disk that is full: what was handed over goes to the same place later, in its old order."""

from __future__ import annotations

import errno

from leveret.wire.records import EndCheckpoint

from .support import Files, record, recover


def test_a_segment_that_was_made_ahead_is_not_made_again() -> None:
    files = Files()
    files.log.append(record(1, 400))
    files.run()
    ahead = files.log.segments.last.end
    assert f"log/{ahead:016x}.log" in files.disk.files
    files.disk.fail("create", errno.ENOSPC)
    files.log.end_checkpoint(EndCheckpoint(files.log.begin_checkpoint(), 9, clean=False), {}, lambda: None)
    files.run()
    assert files.full == [True], "no room for the file CHECKPOINT"
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
