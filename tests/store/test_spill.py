from __future__ import annotations

import errno

import pytest

from leveret.limits import SPILL_FILE_SIZE
from leveret.ports import Spill
from leveret.store.spill import DiskSpill
from leveret.wire import SPILL, Batch, Pool, unpack_block

from ..broker.support import TRANSIENT
from ..simulation.disk import SimulatedDisk

Place = tuple[int, int]


class World:
    def __init__(self) -> None:
        self.pool = Pool()
        self.disk = SimulatedDisk()
        self.spill = DiskSpill(self.disk)
        self.places: list[Place | None] = []

    def write(self, body: bytes) -> None:
        self.spill.write(Batch.build(self.pool, [("", "q", TRANSIENT, body, False)]), self.places.append)

    def read(self, *places: Place) -> list[bytes] | None:
        found: list[list[tuple[int, bytes]] | None] = []
        self.spill.fetch(places, found.append)
        assert not found
        self.run()
        (parts,) = found
        if parts is None:
            return None
        assert [position for position, _ in parts] == [position for position, _ in places]
        return [unpack_block(self.pool, data)[0].body for _, data in parts]

    def run(self) -> None:
        self.disk.run()
        self.spill.run_callbacks()
        self.disk.run()
        self.spill.run_callbacks()

    def written(self, *bodies: bytes) -> list[Place]:
        self.places.clear()
        for body in bodies:
            self.write(body)
        self.run()
        assert None not in self.places
        return [place for place in self.places if place is not None]


@pytest.fixture
def world() -> World:
    return World()


def test_is_a_spill(world: World) -> None:
    spill: Spill = world.spill
    assert spill.backlog == 0


def test_what_was_written_can_be_read(world: World) -> None:
    one, two = world.written(b"one", b"two")
    assert one[0] & two[0] & SPILL
    assert world.read(one) == [b"one"]
    assert world.read(one, two) == [b"one", b"two"]


def test_backlog_is_what_is_on_its_way(world: World) -> None:
    world.write(bytes(1000))
    assert world.spill.backlog > 1000
    world.run()
    assert world.spill.backlog == 0


def test_it_is_never_synced(world: World) -> None:
    world.written(b"one")
    assert world.disk.unsynced


def test_files_that_nobody_needs_are_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leveret.store.spill.SPILL_FILE_SIZE", 100)
    assert SPILL_FILE_SIZE > 100
    places = world.written(*[b"%03d" % number * 10 for number in range(10)])
    assert len(world.disk.files) > 3
    for position, _ in places[:-1]:
        world.spill.release(position)
    world.run()
    assert len(world.disk.files) == 1
    assert world.read(places[-1]) == [b"009" * 10]


def test_the_file_that_is_filled_stays_until_it_is_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leveret.store.spill.SPILL_FILE_SIZE", 100)
    (one,) = world.written(bytes(200))
    world.spill.release(one[0])
    world.run()
    assert len(world.disk.files) == 1
    (two,) = world.written(b"two")
    assert len(world.disk.files) == 1
    assert world.read(two) == [b"two"]


class TestFailures:
    @pytest.mark.parametrize("kind", ["create", "write"])
    @pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
    def test_it_is_told_and_the_next_one_is_written(self, world: World, kind: str, error: int) -> None:
        world.disk.fail(kind, error)
        for body in (b"refused", b"behind it"):
            world.write(body)
        world.run()
        assert world.places == [None, None]
        assert world.spill.backlog == 0
        (place,) = world.written(b"next")
        assert world.read(place) == [b"next"]

    def test_no_file_is_left_behind(self, world: World) -> None:
        (one,) = world.written(b"one")
        world.disk.fail("write", errno.ENOSPC, written=5)
        world.write(b"refused")
        world.run()
        assert world.read(one) == [b"one"]
        (two,) = world.written(b"two")
        assert len(world.disk.files) == 2
        world.spill.release(one[0])
        world.run()
        assert len(world.disk.files) == 1
        assert world.read(two) == [b"two"]

    def test_a_file_that_cannot_be_removed_stops_nobody(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("leveret.store.spill.SPILL_FILE_SIZE", 10)
        one, _ = world.written(b"one", b"two")
        world.disk.fail("remove")
        world.spill.release(one[0])
        world.run()
        (three,) = world.written(b"three")
        assert world.read(three) == [b"three"]

    def test_a_read_that_fails(self, world: World) -> None:
        one, two = world.written(b"one", b"two")
        world.disk.fail("read", nth=2)
        assert world.read(one, two) is None
        assert world.read(one, two) == [b"one", b"two"]


def test_close_ends_the_disk(world: World) -> None:
    world.spill.close()
    assert world.disk.closed
