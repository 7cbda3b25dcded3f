"""Examining and repairing data directories: what comes back is what was published, and all that can be read."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from leveret import maintenance
from leveret.disk.directory import Directory
from leveret.errors import ConfigError, DamageError
from leveret.maintenance import Examination, Report
from leveret.wire.definitions import Founded, SetParameter, SetPermission, SetUser

from .broker.support import Channel
from .crash.test_corruption import QUEUES, SEGMENT_SIZE, Log, flipped, interesting, made, segments, take
from .simulation.disk import SimulatedDisk
from .simulation.world import World

BATCH = 16
"""More messages than any record of the log has for one queue."""


def write(path: Path, files: dict[str, bytes], format: str | None = "leveret 1\n") -> Path:
    """A data directory with these files."""
    (path / "log").mkdir(parents=True)
    for name, data in files.items():
        (path / name).write_bytes(data)
    if format is not None:
        (path / "FORMAT").write_text(format)
    return path


def read(path: Path) -> dict[str, bytes]:
    """The files that recovery reads."""
    found = {f"log/{file.name}": file.read_bytes() for file in sorted((path / "log").iterdir())}
    if (path / "CHECKPOINT").exists():
        found["CHECKPOINT"] = (path / "CHECKPOINT").read_bytes()
    return found


def everything(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def examine(path: Path, *, bodies: bool = True) -> Report:
    with Directory.existing(path, exclusive=False) as directory:
        return Examination(directory, bodies=bodies).report()


def repair(path: Path) -> Path | None:
    with Directory.existing(path, exclusive=True) as directory:
        return Examination(directory, bodies=True).repair(SEGMENT_SIZE)


def served(log: Log, path: Path) -> dict[str, list[bytes]]:
    """What a broker delivers from there."""
    world = World(read(path), segment_size=SEGMENT_SIZE)
    found = take(log, world)
    assert not any(queue.quarantined for queue in world.vhost.queues.values())
    return found


def check_repair(log: Log, path: Path) -> dict[str, list[bytes]]:
    """Repair, once more, and look at what comes; that is what the report says."""
    report = examine(path)
    repair(path)
    after = examine(path)
    assert not after.damage
    before = read(path)
    assert not examine(path).damage
    assert read(path) == before
    found = served(log, path)
    assert {queue.name: queue.messages for queue in report.queues} == {
        name: len(found[name]) for name in QUEUES if name in {queue.name for queue in report.queues}
    }
    assert report.messages == after.messages
    return found


def test_users_and_virtual_hosts_are_kept(tmp_path: Path) -> None:
    """By a repair, which writes down everything that it found."""
    world = World(segment_size=SEGMENT_SIZE)
    world.broker.vhosts.put("shop", description="of hats")
    world.broker.vhosts["shop"].declare_queue("q", durable=True)
    for op in (SetUser("ann", "", "argon2id", ("a",)), SetPermission("ann", "shop", "^c", "^w", "^r"), Founded()):
        world.broker.commit(op)
    world.broker.commit(SetParameter("shop", "vhost-limits", "limits", {"max-queues": 3}))
    world.broker.vhosts.delete("/", lambda position: None)
    world.run()
    world.sync()
    path = write(tmp_path / "data", dict(world.disk.files))
    (path / "FORMAT").unlink()  # so that there is something to repair
    report = examine(path)
    assert (report.vhosts, report.users) == (1, 1)
    repair(path)
    again = World(read(path), segment_size=SEGMENT_SIZE)
    assert [*again.accounts.all()] == [*world.accounts.all()]
    assert [vhost.definition for vhost in again.broker.vhosts.values()] == [world.broker.vhosts["shop"].definition]
    assert again.broker.parameters.vhost_limit("shop", "max-queues") == 3
    assert [queue.name for queue in again.broker.queues()] == ["q"]


class TestExamine:
    def test_a_sound_log(self, tmp_path: Path) -> None:
        log = made(False)
        path = write(tmp_path / "data", log.files)
        before = everything(path)
        report = examine(path)
        assert everything(path) == before
        assert report.damage == []
        assert {queue.name: queue.messages for queue in report.queues} == {
            name: len(bodies) for name, bodies in log.live.items()
        }
        assert {queue.name: queue.bytes for queue in report.queues}["a"] == sum(map(len, log.live["a"]))
        assert (report.exchanges, report.bindings) == (1, 2)
        assert report.records["records"] > 40
        assert report.records["publishes"] > 10
        assert report.records["extents"] == 4
        assert 0 < report.live < report.size
        assert report.live + report.dead == report.size
        assert report.checkpoint is not None
        assert report.end_file == segments(log)[-1]

    def test_an_empty_directory(self, tmp_path: Path) -> None:
        report = examine(write(tmp_path / "data", {}))
        assert (report.damage, report.queues, report.end_file) == ([], [], None)

    def test_what_is_no_data_directory(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="is no data directory of Leveret: there is nothing"):
            examine(tmp_path / "none")
        with pytest.raises(ConfigError, match="is no data directory of Leveret: it has no folder 'log'"):
            examine(tmp_path)
        with pytest.raises(ConfigError, match="has format 2"):
            examine(write(tmp_path / "data", {}, "leveret 2\n"))

    def test_it_does_not_look_while_somebody_writes(self, tmp_path: Path) -> None:
        path = write(tmp_path / "data", {})
        with Directory.existing(path, exclusive=True), pytest.raises(ConfigError, match="is in use by process"):
            examine(path)
        with Directory.existing(path, exclusive=False):
            examine(path)

    def test_damaged_messages_are_found_when_they_are_read(self, tmp_path: Path) -> None:
        log = made(True)
        files = dict(log.files)
        random = Random(1)
        while True:  # until a live message is hit
            name = random.choice(segments(log)[:3])
            files = flipped(log, name, random.randrange(100, 2000), 0)
            path = write(tmp_path / str(random.random()), files)
            if examine(path).damage:
                break
        assert examine(path, bodies=False).damage == []
        (damage,) = examine(path).damage
        assert damage.file == name
        assert "position" not in damage.problem
        assert sum(damage.messages.values()) == sum(queue.unreadable for queue in examine(path).queues) > 0


@pytest.mark.parametrize("clean", [False, True], ids=["killed", "stopped"])
class TestRepair:
    def test_flipped_bits(self, clean: bool, tmp_path: Path) -> None:
        log = made(clean)
        random = Random(8)
        for number in range(150):
            name, offset = interesting(log, random)
            path = write(tmp_path / str(number), flipped(log, name, offset, random.randrange(8)))
            try:
                found = check_repair(log, path)
                for queue in QUEUES:
                    lost = set(log.live[queue]) - set(found[queue])
                    assert len(lost) <= BATCH, queue
            except BaseException as failure:
                failure.add_note(f"{name} {offset}")
                raise

    def test_wide_damage(self, clean: bool, tmp_path: Path) -> None:
        log = made(clean)
        random = Random(9)
        for number in range(100):
            files = dict(log.files)
            for _ in range(random.choice([1, 2, 5])):
                name, offset = interesting(log, random)
                size = random.choice([1, 100, 512, 4096])
                data = files[name]
                stop = max(min(offset + size, len(data)), offset)
                what = random.choice(["zero", "noise", "cut", "delete"])
                if what == "zero":
                    data = data[:offset] + bytes(stop - offset) + data[stop:]
                elif what == "noise":
                    data = data[:offset] + random.randbytes(stop - offset) + data[stop:]
                elif what == "cut":
                    data = data[:offset]
                elif what == "delete":
                    data = b""
                files[name] = data
            files = {name: data for name, data in files.items() if data}
            path = write(tmp_path / str(number), files)
            try:
                check_repair(log, path)
            except BaseException as failure:
                failure.add_note(f"number {number}")
                raise

    def test_each_file_may_be_gone(self, clean: bool, tmp_path: Path) -> None:
        log = made(clean)
        for name in [*segments(log), "CHECKPOINT"]:
            files = {other: data for other, data in log.files.items() if other != name}
            found = check_repair(log, write(tmp_path / name.replace("/", "-"), files))
            assert any(found.values())

    def test_no_format(self, clean: bool, tmp_path: Path) -> None:
        log = made(clean)
        path = write(tmp_path / "data", log.files, None)
        assert [damage.file for damage in examine(path).damage] == ["FORMAT"]
        assert check_repair(log, path) == log.live
        assert (path / "FORMAT").read_text() == "leveret 1\n"
        assert not (path / "damaged-1" / "FORMAT").exists()

    def test_damaged_files_are_kept(self, clean: bool, tmp_path: Path) -> None:
        log = made(clean)
        name = segments(log)[-1]
        files = flipped(log, name, 40, 0)
        path = write(tmp_path / "data", files, "leveret one\n")
        folder = repair(path)
        assert folder == path / "damaged-1"
        assert (folder / name).read_bytes() == files[name]
        assert (folder / "CHECKPOINT").read_bytes() == files["CHECKPOINT"]
        assert (folder / "FORMAT").read_text() == "leveret one\n"
        (path / "FORMAT").write_text("")
        assert repair(path) == path / "damaged-2"

    def test_what_was_sound_is_what_comes(self, clean: bool, tmp_path: Path) -> None:
        log = made(clean)
        path = write(tmp_path / "data", log.files)
        repair(path)
        world = World(read(path), segment_size=SEGMENT_SIZE)
        for name in QUEUES:
            channel = Channel(world.vhost, room=1 << 40)
            channel.consume(name, "c")
            world.run()
            assert all(delivery.redelivered is not clean for delivery in channel.deliveries)
            assert channel.bodies() == log.live[name]

    def test_files_that_changed_places_are_for_the_operator(self, clean: bool, tmp_path: Path) -> None:
        log = made(clean)
        one, other = segments(log)[-2:]
        path = write(tmp_path / "data", log.files | {one: log.files[other], other: log.files[one]})
        before = everything(path)
        with pytest.raises(DamageError, match=f"this is {other} under another name; rename it: {one} at offset 0"):
            repair(path)
        assert {name: data for name, data in everything(path).items() if name != "LOCK"} == before

    def test_a_crash_on_the_way_leaves_the_old_state_or_the_new_one(
        self, clean: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = made(clean)
        files = flipped(log, segments(log)[-1], 40, 0)
        path = write(tmp_path / "data", files)
        disks: list[SimulatedDisk] = []

        class Watched(SimulatedDisk):
            def __init__(self, directory: str) -> None:
                super().__init__(files)
                disks.append(self)

            def poll(self) -> list[tuple[int, bytes | OSError | None]]:
                self.step()
                return super().poll()

        monkeypatch.setattr(maintenance, "Disk", Watched)
        report = examine(path)
        repair(path)
        outcomes = set()
        for image in disks[0].images(1):
            try:
                world = World(image, segment_size=SEGMENT_SIZE)
            except DamageError:
                outcomes.add("old")
            else:
                outcomes.add("new")
                assert sum(queue.ready for queue in world.vhost.queues.values()) == report.messages
        assert outcomes == {"old", "new"}
