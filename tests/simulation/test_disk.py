"""The simulated disk: it does what it is told, when it is told. That its ops are those of a real one: tests/disk."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from random import Random

import pytest

from leveret.errors import SyncError
from leveret.ports import Disk, DiskOp

from .disk import SimulatedDisk


def submit(disk: SimulatedDisk, *batches: Sequence[DiskOp], sync: bool = True) -> None:
    """With tickets from 1."""
    for ticket, ops in enumerate(batches, 1):
        disk.submit(ticket, ops, sync)


def outcomes(disk: SimulatedDisk) -> list[int | None]:
    disk.run()
    return [outcome.errno if isinstance(outcome, OSError) else None for _, outcome in disk.poll()]


class TestSteps:
    def test_is_a_disk(self) -> None:
        disk: Disk = SimulatedDisk()
        assert disk.fileno() == -1

    def test_nothing_is_complete_before_a_step(self) -> None:
        disk = SimulatedDisk()
        submit(disk, [("create", "a", 3)], [("write", "a", 0, [b"x"])], [("remove", "a")])
        assert disk.poll() == []
        assert disk.files == {}
        assert disk.step(2)
        assert disk.poll() == [(1, None), (2, None)]
        assert disk.files == {"a": b"x\0\0"}
        assert not disk.step()
        assert disk.poll() == [(3, None)]
        assert not disk.step()

    def test_reads_come_first(self) -> None:
        disk = SimulatedDisk({"a": b"abc"})
        disk.submit(1, [("write", "a", 0, [b"x"])], False)
        for ticket in (2, 3):
            disk.read(ticket, "a", 0, 2)
        assert disk.step(reads=1)
        assert disk.poll() == [(2, b"ab"), (1, None)]
        assert not disk.step()
        assert disk.poll() == [(3, b"xb")]

    def test_close(self) -> None:
        disk = SimulatedDisk()
        submit(disk, [("create", "a", 0)])
        disk.close()
        assert disk.poll() == [(1, None)]
        with pytest.raises(ValueError, match="closed"):
            disk.resume()

    def test_one_sync_for_a_group(self) -> None:
        disk = SimulatedDisk({"a": bytes(9)})
        for ticket in range(4):
            disk.submit(ticket, [("write", "a", ticket, [b"x"])], True)
        disk.step(4)
        assert [event[0] for event in disk.history] == ["write"] * 4 + ["sync"] + ["done"] * 4
        assert disk.unsynced == {}

    def test_unsynced(self) -> None:
        disk = SimulatedDisk({"a": bytes(9), "b": bytes(9)})
        submit(disk, [("write", "a", 0, [b"xy"]), ("write", "b", 1, [b"z"])], [("write", "a", 3, [b"z"])], sync=False)
        disk.run()
        assert disk.unsynced == {"a": [(0, 2), (3, 1)], "b": [(1, 1)]}
        disk.submit(3, [], True)
        disk.run()
        assert disk.unsynced == {}


class TestFaults:
    def test_the_nth_write(self) -> None:
        disk = SimulatedDisk({"a": bytes(3)})
        disk.fail("write", errno.ENOSPC, nth=2, written=1)
        for ticket in range(4):
            disk.submit(ticket, [("write", "a", 0, [b"%d" % ticket * 3])], True)
        assert outcomes(disk) == [None, errno.ENOSPC, errno.ECANCELED, errno.ECANCELED]
        assert disk.files == {"a": b"100"}
        disk.resume()
        submit(disk, [("cut", "a", 0, 2)])
        assert outcomes(disk) == [None]
        assert disk.files == {"a": b"\0\0"}

    @pytest.mark.parametrize(
        "op",
        [("create", "b", 1), ("cut", "a", 0, 0), ("rename", "a", "b"), ("remove", "a"), ("replace", "a", b"x")],
    )
    def test_every_kind_once(self, op: DiskOp) -> None:
        disk = SimulatedDisk({"a": b"abc"})
        disk.fail(op[0])
        submit(disk, [op])
        assert outcomes(disk) == [errno.EIO]
        assert disk.files == {"a": b"abc"}
        disk.resume()
        submit(disk, [op])
        assert outcomes(disk) == [None]

    def test_reads(self) -> None:
        disk = SimulatedDisk({"a": b"abc"})
        disk.fail("read", nth=2)
        for ticket in range(3):
            disk.read(ticket, "a", 0, 9)
        assert outcomes(disk) == [None, errno.EIO, None]

    def test_a_sync_is_final_and_keeps_what_is_lost_open(self) -> None:
        disk = SimulatedDisk({"a": b"abc"})
        disk.fail("sync")
        disk.submit(1, [("write", "a", 0, [b"x"])], True)
        disk.run()
        ((_, outcome),) = disk.poll()
        assert isinstance(outcome, SyncError)
        disk.resume()
        submit(disk, [])
        assert outcomes(disk) == [errno.ECANCELED]
        assert {disk.crash(Random(seed))["a"] for seed in range(50)} == {b"abc", b"xbc"}

    @pytest.mark.parametrize("nth", [1, 2])
    def test_a_sync_within_an_op(self, nth: int) -> None:
        disk = SimulatedDisk()
        disk.fail("sync", nth=nth)
        disk.submit(1, [("create", "a", 5)], False)
        disk.run()
        assert isinstance(disk.poll()[0][1], SyncError)

    def test_a_full_disk(self) -> None:
        disk = SimulatedDisk({"a": bytes(100)}, capacity=150)
        steps: list[tuple[list[DiskOp], int | None]] = [
            ([("create", "b", 51)], errno.ENOSPC),
            ([("create", "b", 40)], None),
            ([("write", "b", 35, [b"x" * 16])], errno.ENOSPC),
            ([("replace", "c", b"x")], errno.ENOSPC),
            ([("cut", "a", 50, 100)], None),
            ([("remove", "a"), ("replace", "c", b"x" * 100)], None),
        ]
        for ops, expected in steps:
            submit(disk, ops)
            assert outcomes(disk) == [expected]
            disk.resume()
        assert disk.files == {"b": bytes(35) + b"x" * 15, "c": b"x" * 100}
        disk.capacity = None
        submit(disk, [("create", "d", 1_000)])
        assert outcomes(disk) == [None]


class TestCrash:
    def test_starts_again_with_what_is_left(self) -> None:
        disk = SimulatedDisk()
        submit(disk, [("create", "log/a", 8), ("write", "log/a", 0, [b"abc"])])
        disk.run()
        disk.submit(2, [("write", "log/a", 3, [b"def"]), ("remove", "log/a")], False)
        disk.run()
        image = disk.crash(Random(1), keep=0)
        assert image == {"log/a": b"abc" + bytes(5)}
        assert image.done == {1, 2}
        again = SimulatedDisk(image)
        assert again.files == image
        assert again.history == []
        assert again.crash(Random(2)) == image

    def test_after_each_step(self) -> None:
        disk = SimulatedDisk({"a": b"abc"})
        submit(disk, [("write", "a", 0, [b"x"])], [("write", "a", 1, [b"y"])])
        disk.run()
        images = list(disk.images(1, keep=1))
        assert [image["a"] for image in images] == [b"abc", *[b"xbc"] * 3, *[b"xyc"] * 3]
        assert [sorted(image.done) for image in images] == [[], [], [], [1], [1], [1], [1, 2]]
        assert [image["a"] for image in disk.images(1, keep=0)] == [*[b"abc"] * 2, *[b"xbc"] * 3, *[b"xyc"] * 2]
        assert list(disk.images(3)) == list(disk.images(3))

    @pytest.mark.parametrize("seed", range(20))
    def test_what_was_written_before_a_sync_that_is_done_is_on_disk(self, seed: int) -> None:
        rng = Random(seed)
        disk = SimulatedDisk({"a": bytes(10_000)})
        syncs = [rng.random() < 0.5 for _ in range(30)]
        for ticket, sync in enumerate(syncs):
            disk.submit(ticket, [("write", "a", ticket * 300, [bytes([ticket + 1]) * 300])], sync)
            if rng.random() < 0.5:
                disk.step(rng.randrange(1, 4))
        disk.run()
        lost = False
        for image in disk.images(seed):
            durable = max((ticket + 1 for ticket in image.done if syncs[ticket]), default=0)
            written = [image["a"][ticket * 300 : (ticket + 1) * 300] for ticket in range(30)]
            assert written[:durable] == [bytes([ticket + 1]) * 300 for ticket in range(durable)]
            for ticket in range(durable, 30):
                assert set(written[ticket]) <= {0, ticket + 1}
            lost = lost or any(0 in written[ticket] for ticket in image.done)
        assert lost  # of those without a sync

    @pytest.mark.parametrize("seed", range(30))
    def test_a_replaced_file_is_the_old_or_the_new_one(self, seed: int) -> None:
        disk = SimulatedDisk({"a": b"old"})
        submit(disk, [("replace", "a", b"new" * 2_000)])
        disk.run()
        for image in disk.images(seed):
            assert image["a"] in ((b"new" * 2_000,) if image.done else (b"old", b"new" * 2_000))

    @pytest.mark.parametrize("seed", range(30))
    def test_a_rename_is_on_disk_with_the_next_sync(self, seed: int) -> None:
        disk = SimulatedDisk({"a": b"a"})
        disk.submit(1, [("rename", "a", "b")], False)
        disk.run()
        disk.submit(2, [], True)
        disk.run()
        for image in disk.images(seed):
            assert image in (({"b": b"a"},) if 2 in image.done else ({"a": b"a"}, {"b": b"a"}))
