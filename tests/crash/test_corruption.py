"""A log that something else wrote to: bits flip, files are cut, pages and files change places or are gone (R3).

Recovery says where the damage is, or what it recovers is harmless: every message that comes out is one that was
published, to this queue, with exactly its payload, in order, once; and nothing is missing but what is set aside because
it was hit.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from random import Random
from zlib import crc32

import pytest

from leveret.errors import DamageError
from leveret.wire import ACK

from ..broker.support import PERSISTENT, Channel, batch
from ..simulation.world import FilesInMemory, World

SEGMENT_SIZE = 4096
PAGE = 512
QUEUES = ("a", "b", "c", "d")
SAMPLES = 1000


@dataclass
class Log:
    """What a broker left, and what it knew then."""

    files: dict[str, bytes] = field(default_factory=dict)
    live: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in QUEUES})
    sent: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in QUEUES})


class _Maker:
    """A broker, and what happens to it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world = World(segment_size=SEGMENT_SIZE, record_size=300)
        self.channel = Channel(self.world.vhost, room=1 << 40)
        self.log = Log()
        self.number = 0
        vhost = self.world.vhost
        for name in QUEUES:
            vhost.declare_queue(name, durable=True)
        vhost.declare_exchange("x", "fanout", durable=True)
        for name in QUEUES[:2]:
            self.bind(name)

    def bind(self, name: str) -> None:
        from leveret.wire.fields import Arguments

        self.world.vhost.bind("x", name, "", Arguments.EMPTY, to_queue=True, owner=None)

    def bodies(self, queues: tuple[str, ...]) -> list[bytes]:
        made = []
        for _ in range(self.random.choice([1, 2, 8])):
            self.number += 1
            text = b"%d " % self.number + self.random.randbytes(self.random.choice([0, 5, 60, 300]))
            made.append(text + b"%08x" % crc32(text))
        for name in queues:
            self.log.live[name] += made
            self.log.sent[name] += made
        return made

    def publish(self) -> None:
        name = self.random.choice(QUEUES)
        bodies = self.bodies((name,))
        self.world.vhost.publish(batch(self.world.broker, *bodies, key=name, properties=PERSISTENT), self.channel)

    def publish_wide(self) -> None:
        bodies = self.bodies(QUEUES[:2])
        made = batch(self.world.broker, *bodies, exchange="x", properties=PERSISTENT)
        self.world.vhost.publish(made, self.channel)

    def transact(self) -> None:
        names = self.random.sample(QUEUES, 2)
        made = [
            batch(self.world.broker, *self.bodies((name,)), key=name, properties=PERSISTENT) for name in sorted(names)
        ]
        self.world.vhost.transact(made, [], self.channel)

    def settle(self) -> None:
        name = self.random.choice(QUEUES[1:])  # "a" keeps all
        count = min(self.random.choice([1, 3, 9]), len(self.log.live[name]))
        first = self.channel.next_tag
        for _ in range(count):
            assert self.channel.get(name) is not None
        if count:
            self.channel.settle(*range(first, first + count), kind=ACK)
            del self.log.live[name][:count]

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.random.choice([self.publish, self.publish, self.publish_wide, self.transact, self.settle])()
            self.world.run(1)
        self.world.sync()


@cache
def made(clean: bool) -> Log:
    """Several segments, a checkpoint in the middle; stopped in good order, or killed while it rested."""
    maker = _Maker(7)
    maker.run(60)
    maker.world.checkpoint()
    maker.run(40)
    if clean:
        maker.log.files = dict(maker.world.stop())
    else:
        for _ in range(3):
            maker.world.log.tick()
            maker.world.run(2)
        maker.log.files = dict(maker.world.disk.files)
    return maker.log


def number_of(body: bytes) -> int:
    assert b"%08x" % crc32(body[:-8]) == body[-8:], "a payload that nobody published"
    return int(body.split(b" ", 1)[0])


def look(log: Log, files: dict[str, bytes]) -> World | None:
    """Recover, and take everything out; None when recovery refuses."""
    try:
        world = World(files, segment_size=SEGMENT_SIZE)
    except DamageError as error:
        damage = error
    else:
        take(log, world)
        return world
    assert damage.file == "CHECKPOINT" or damage.file.startswith("log/")
    assert damage.offset >= 0
    assert damage.file in str(damage)
    return None


def take(log: Log, world: World) -> dict[str, list[bytes]]:
    """All that the queues have."""
    found: dict[str, list[bytes]] = {name: [] for name in QUEUES}
    for name, queue in world.vhost.queues.items():
        reader = Channel(world.vhost, room=1 << 40)
        reader.consume(name, "reader")
        world.run(3 + 2 * len(queue.extents))
        found[name] = bodies = reader.bodies()
        assert set(bodies) <= set(log.sent[name])
        numbers = [number_of(body) for body in bodies]
        assert all(one < other for one, other in pairwise(numbers)), name
        assert not queue.ready
    return found


def lost(log: Log, world: World) -> dict[str, int]:
    """Messages that did not come, by queue."""
    outstanding = {name: queue.unacked for name, queue in world.vhost.queues.items()}
    return {name: len(log.live[name]) - outstanding.get(name, 0) for name in QUEUES}


def check(log: Log, files: dict[str, bytes], hit: range | None = None) -> bool:
    """Damage is noticed, or harmless; False: nothing came of it. `hit`: positions of the log that may be lost."""
    world = look(log, files)
    if world is None:
        return True
    missing = lost(log, world)
    found = False
    for name in QUEUES:
        queue = world.vhost.queues[name]
        assert missing[name] == sum(extent.ready for extent in queue.quarantined), name
        for extent in queue.quarantined:
            found = True
            if hit is not None:
                blocks = extent.ranges(0, 0)
                assert any(position < hit.stop and hit.start < position + size for position, size in blocks)
    return found


def position_of(name: str, offset: int) -> int:
    return int(name[4:-4], 16) + offset


def segments(log: Log) -> list[str]:
    names = sorted(name for name in log.files if name.startswith("log/"))
    return [name for name in names if log.files[name][32:].strip(b"\0")]  # without the one made ahead


def interesting(log: Log, random: Random) -> tuple[str, int]:
    """A byte of the log, seldom of the zeros behind its records."""
    name = random.choice([*segments(log), *segments(log), "CHECKPOINT"])
    data = log.files[name]
    used = len(data.rstrip(b"\0")) if random.random() < 0.95 else len(data)
    return name, random.randrange(used)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def flipped(log: Log, name: str, offset: int, bit: int) -> dict[str, bytes]:
    data = bytearray(log.files[name])
    data[offset] ^= 1 << bit
    return log.files | {name: bytes(data)}


def check_flip(log: Log, name: str, offset: int, bit: int) -> bool:
    at = position_of(name, offset) if name.startswith("log/") else -1
    try:
        return check(log, flipped(log, name, offset, bit), range(at, at + 1))
    except BaseException as failure:
        failure.add_note(f"{name} {offset} {bit}")
        raise


@pytest.mark.parametrize("clean", [False, True], ids=["killed", "stopped"])
class TestDamage:
    def test_there_is_something_to_damage(self, clean: bool) -> None:
        log = made(clean)
        assert len(segments(log)) > 4
        assert not check(log, log.files)
        assert all(log.live.values())
        assert all(log.sent[name] != log.live[name] for name in QUEUES[1:])

    def test_flipped_bits(self, clean: bool) -> None:
        log = made(clean)
        random = Random(3)
        noticed = sum(check_flip(log, *interesting(log, random), random.randrange(8)) for _ in range(SAMPLES // 2))
        assert noticed > SAMPLES // 8

    @pytest.mark.long
    def test_every_bit(self, clean: bool) -> None:
        log = made(clean)
        for name in [*segments(log), "CHECKPOINT"]:
            for offset in range(len(log.files[name].rstrip(b"\0"))):
                for bit in range(8):
                    check_flip(log, name, offset, bit)

    def test_files_cut_short(self, clean: bool) -> None:
        log = made(clean)
        random = Random(4)
        for _ in range(SAMPLES // 4):
            self.check_cut(log, *interesting(log, random))

    @pytest.mark.long
    def test_files_cut_short_at_every_byte(self, clean: bool) -> None:
        log = made(clean)
        for name in [*segments(log), "CHECKPOINT"]:
            for offset in range(len(log.files[name])):
                self.check_cut(log, name, offset)

    def check_cut(self, log: Log, name: str, offset: int) -> None:
        files = log.files | {name: log.files[name][:offset]}
        self.check_prefix_or_whole(log, files, name)

    def check_prefix_or_whole(self, log: Log, files: dict[str, bytes], name: str) -> None:
        """What the last file held since the last checkpoint may be gone with its end, and nothing before that."""
        if name != segments(log)[-1]:
            check(log, files)
        else:
            look(log, files)

    def test_pages_of_zeros(self, clean: bool) -> None:
        log = made(clean)
        random = Random(5)
        for _ in range(SAMPLES // 8):
            name, offset = interesting(log, random)
            start = offset // PAGE * PAGE
            data = log.files[name]
            files = log.files | {name: data[:start] + bytes(len(data[start : start + PAGE])) + data[start + PAGE :]}
            self.check_prefix_or_whole(log, files, name)

    def test_pages_that_are_there_twice(self, clean: bool) -> None:
        log = made(clean)
        random = Random(6)
        for _ in range(SAMPLES // 8):
            (source, _), (name, offset) = interesting(log, random), interesting(log, random)
            start = offset // PAGE * PAGE
            page = log.files[source][start : start + PAGE]
            data = log.files[name]
            over = data[:start] + page + data[start + len(page) :]
            self.check_prefix_or_whole(log, log.files | {name: over}, name)
            shifted = data[:start] + page + data[start:]
            self.check_prefix_or_whole(log, log.files | {name: shifted}, name)

    def test_files_in_each_others_place(self, clean: bool) -> None:
        log = made(clean)
        names = [*segments(log), "CHECKPOINT"]
        for one in names:
            for other in names:
                files = log.files | {one: log.files[other], other: log.files[one]}
                if "CHECKPOINT" in (one, other):
                    self.check_prefix_or_whole(log, files, max(one, other))
                else:
                    assert one == other or look(log, files) is None
                self.check_prefix_or_whole(log, log.files | {one: log.files[other]}, one)

    def test_files_that_are_gone(self, clean: bool) -> None:
        log = made(clean)
        for name in [*segments(log), "CHECKPOINT"]:
            files = dict(log.files)
            del files[name]
            self.check_prefix_or_whole(log, files, name)


def test_a_log_that_was_stopped_never_loses_its_end_unnoticed() -> None:
    log = made(clean=True)
    last = segments(log)[-1]
    data = log.files[last]
    begin = len(data.rstrip(b"\0"))
    for size in range(begin - 60):  # the mark is not longer: without it nothing is lost
        world = look(log, log.files | {last: data[:size]})
        assert world is None or lost(log, world) == dict.fromkeys(QUEUES, 0)


def test_recovery_of_what_it_recovered_is_the_same() -> None:
    log = made(clean=False)
    world = World(log.files, segment_size=SEGMENT_SIZE)
    again = World(world.stop(), segment_size=SEGMENT_SIZE)
    assert [queue.ready for queue in again.vhost.queues.values()] == [len(log.live[name]) for name in QUEUES]
    assert FilesInMemory(again.disk.files).sizes("log")
