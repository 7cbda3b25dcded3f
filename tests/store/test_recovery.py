"""What recovery makes of files; crashes at any moment are in tests/simulation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leveret.errors import DamageError
from leveret.store.checkpoints import NAME
from leveret.store.recovery import Recovery
from leveret.store.segments import SEGMENT_HEADER, Segment
from leveret.wire import RECORD_HEADER
from leveret.wire.records import EndCheckpoint

from ..simulation.world import FilesInMemory
from .support import SEGMENT_SIZE, Files, record, recover


def made(*numbers: int, size: int = 100, synced: bool = False) -> dict[str, bytes]:
    """A log of these records."""
    files = Files()
    for number in numbers:
        files.log.append(record(number, size))
        if synced:
            files.log.sync()
            files.run()
    files.run()
    return files.disk.files


def with_checkpoint(life: Callable[[int], bool] = lambda base: False) -> tuple[dict[str, bytes], int]:
    """Records 0 to 9, a checkpoint, record 10; the segments that are there, and where it begins."""
    files = Files()
    for number in range(10):
        files.log.append(record(number, 300))
    begin = files.log.begin_checkpoint()
    usage = {base: int(life(base)) for base in files.log.segments_before(begin)}
    files.log.end_checkpoint(EndCheckpoint(begin, 10, False), usage, lambda: None)
    files.run()
    files.log.append(record(10))
    files.log.sync()
    files.run()
    return files.disk.files, begin


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def segment(number: int) -> str:
    return Segment(number * SEGMENT_SIZE, 0).name


class TestTheEnd:
    def test_of_nothing(self) -> None:
        assert recover({})[0] == []

    def test_of_a_log(self) -> None:
        seen, recovered = recover(made(1, 2, 3))
        assert seen == [1, 2, 3]
        assert recovered.begin == SEGMENT_HEADER
        assert recovered.end < SEGMENT_SIZE

    def test_a_file_that_was_being_made_is_an_empty_log(self) -> None:
        """A crash in the first moment of a first start."""
        for data in (b"", bytes(100), bytes(SEGMENT_SIZE)):
            seen, _ = recover({segment(0): data})
            assert seen == []
            files = Files()
            files.start({segment(0): data})
            files.log.append(record(1))
            files.restart()
            assert files.seen == [1]

    def test_a_record_that_was_cut_off_is_not_there(self) -> None:
        whole = made(1, 2, 3)
        last = recover(whole)[1].end
        for cut in range(last - RECORD_HEADER - 100, last):
            data = whole[segment(0)][:cut] + bytes(SEGMENT_SIZE - cut)
            seen, recovered = recover({segment(0): data})
            assert seen in ([1, 2], [1, 2, 3])  # the last bytes may be zeros
            assert recovered.end <= last

    def test_what_is_behind_the_end_is_never_taken_for_what_follows(self) -> None:
        """The second record is torn, the third one whole; then another record comes to the place of the second."""
        whole = made(1, 2, 3)[segment(0)]
        second = whole.index(b"v" * 100, whole.index(b"v" * 100) + 100)
        files = Files()
        files.start({segment(0): flipped(whole, second)})
        assert files.seen == [1]
        files.log.append(record(4, 100))
        files.restart()
        assert files.seen == [1, 4]

    def test_segments_behind_it_are_removed(self) -> None:
        whole = made(*range(20))
        assert len(whole) > 2
        whole[segment(1)] = bytes(SEGMENT_SIZE)
        files = Files()
        files.start(whole)
        assert files.seen == [*range(len(files.seen))]
        files.run()
        assert segment(2) not in files.disk.files

    def test_other_files_are_left_alone(self) -> None:
        seen, _ = recover({**made(1), "log/README": b"", "log/1.log": b""})
        assert seen == [1]

    def test_what_was_read_and_perhaps_not_synced_is_synced(self) -> None:
        """What comes after it claims that it was: a loss of power later must not look like damage."""
        files = Files()
        for number in range(20):
            files.log.append(record(number, 100))
        files.run()
        files.start(files.disk.files)
        cut = {op[1] for op in files.recovered.ops if op[0] == "cut"}
        assert cut == {found.name for found in files.recovered.segments}
        files.log.sync()
        files.run()
        files.start(files.disk.files)
        assert {op[1] for op in files.recovered.ops if op[0] == "cut"} == {files.recovered.segments[-1].name}


class TestDamage:
    def test_a_bad_record_that_a_later_one_saw_on_disk(self) -> None:
        whole = made(1, 2, 3, synced=True)
        at = whole[segment(0)].index(b"v" * 100)
        with pytest.raises(DamageError) as caught:
            recover({**whole, segment(0): flipped(whole[segment(0)], at)})
        assert segment(0) in str(caught.value)

    def test_in_an_earlier_segment(self) -> None:
        whole = made(*range(30), synced=True)
        at = whole[segment(0)].index(b"v" * 100)
        with pytest.raises(DamageError) as caught:
            recover({**whole, segment(0): flipped(whole[segment(0)], at)})
        assert segment(0) in str(caught.value)

    def test_a_segment_that_is_missing(self) -> None:
        whole = made(*range(30), synced=True)
        del whole[segment(1)]
        with pytest.raises(DamageError):
            recover(whole)

    def test_the_one_with_the_checkpoint_is_missing(self) -> None:
        files, begin = with_checkpoint()
        del files[segment(begin // SEGMENT_SIZE)]
        with pytest.raises(DamageError):
            recover(files)


class TestCheckpoint:
    def test_recovery_begins_there(self) -> None:
        files, begin = with_checkpoint()
        seen, recovered = recover(files)
        assert (seen, recovered.begin) == ([10], begin)

    def test_segments_with_life_are_kept(self) -> None:
        files, begin = with_checkpoint(lambda base: base == SEGMENT_SIZE)
        seen, recovered = recover(files)
        assert (seen, recovered.begin) == ([10], begin)
        assert Segment(SEGMENT_SIZE, SEGMENT_SIZE) in recovered.segments

    def test_without_the_file_the_log_itself_says_where(self) -> None:
        files, begin = with_checkpoint()
        del files[NAME]
        seen, recovered = recover(files)
        assert (seen, recovered.begin) == ([10], begin)

    def test_without_the_file_and_with_all_segments_everything_is_read(self) -> None:
        files, _ = with_checkpoint(lambda base: True)
        del files[NAME]
        assert recover(files)[0] == [*range(11)]

    def test_without_any_checkpoint_and_without_the_first_segment(self) -> None:
        files = made(*range(30))
        del files[segment(0)]
        with pytest.raises(DamageError):
            recover(files)


def test_progress_is_told_in_bytes() -> None:
    recovery = Recovery(FilesInMemory(made(*range(30))))
    told: list[int] = []
    recovered = recovery.run(lambda step: None, told.append)
    assert told == sorted(told)
    assert told[-1] == recovered.end - recovered.begin <= recovery.size
