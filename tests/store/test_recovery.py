"""Recovery of logs that are not as they were left: what is a torn end, what is damage, and what is still served."""

from __future__ import annotations

import logging

import pytest

from leveret.errors import DamageError
from leveret.store.recovery import Recovery
from leveret.store.segments import encode_header
from leveret.wire.fields import Arguments

from ..broker.support import PERSISTENT, Channel, batch
from ..simulation.world import SEGMENT_SIZE, FilesInMemory, World

FIRST = "log/0000000000000000.log"


def filled(world: World, *bodies: bytes, queue: str = "q") -> None:
    """Publish, and let it be durable."""
    channel = Channel(world.vhost)
    if queue not in world.vhost.queues:
        world.vhost.declare_queue(queue, durable=True)
    for body in bodies:
        world.vhost.publish(batch(world.broker, body, key=queue, properties=PERSISTENT), channel)
        world.run(1)
    world.sync()


def crashed(world: World) -> dict[str, bytes]:
    """Everything is on disk, and nothing was said about an end."""
    return dict(world.disk.files)


def drained(world: World, queue: str = "q") -> list[bytes]:
    channel = Channel(world.vhost, room=1 << 40)
    channel.consume(queue, "c")
    world.run()
    return channel.bodies()


def flip(files: dict[str, bytes], name: str, offset: int) -> None:
    data = bytearray(files[name])
    data[offset] ^= 1
    files[name] = bytes(data)


def damage(files: dict[str, bytes]) -> DamageError:
    with pytest.raises(DamageError) as raised:
        World(files)
    return raised.value


def check_noticed(files: dict[str, bytes], bodies: list[bytes]) -> None:
    """Recovery refuses, or, since it was between two records, nothing is lost."""
    try:
        world = World(files)
    except DamageError:
        assert damage(files).file == FIRST
    else:
        assert drained(world) == bodies


@pytest.mark.parametrize("data", [b"", b"LVRT", encode_header(0), bytes(40)])
def test_a_first_file_that_was_being_made_is_an_empty_log(data: bytes) -> None:
    world = World({FIRST: data})
    filled(world, b"1")
    assert drained(World(crashed(world))) == [b"1"]


def test_a_log_without_files_is_damage_when_there_was_a_checkpoint() -> None:
    world = World()
    filled(world, b"1")
    files = {name: data for name, data in world.stop().items() if name == "CHECKPOINT"}
    assert damage(files).file == "CHECKPOINT"


def test_a_checkpoint_that_the_file_names_has_to_be_there_to_its_end() -> None:
    world = World()
    filled(world, b"1", b"2")
    world.checkpoint()
    files = crashed(world)
    begin = Recovery(FilesInMemory(files)).begin
    for offset in range(begin, world.log.end):
        damaged = dict(files)
        flip(damaged, FIRST, offset)
        check_noticed(damaged, [b"1", b"2"])


def test_a_mark_says_that_what_is_before_it_was_on_disk() -> None:
    world = World()
    filled(world, b"1", b"2")
    end = world.log.end
    for _ in range(5):
        world.log.tick()
        world.run(2)
    marked = world.log.end
    assert 0 < marked - end < 64, "one mark"
    files = crashed(world)
    assert drained(World(files)) == [b"1", b"2"]
    for offset in range(32, end):
        damaged = dict(files)
        flip(damaged, FIRST, offset)
        check_noticed(damaged, [b"1", b"2"])
    flip(files, FIRST, end)
    assert drained(World(files)) == [b"1", b"2"], "nothing is lost with the mark itself"


def test_a_log_that_rests_gets_no_checkpoint_for_its_mark() -> None:
    world = World()
    filled(world, b"1")
    world.checkpoint()
    assert not world.checkpointing.worthwhile
    for _ in range(3):
        world.log.tick()
        world.run(2)
    assert not world.checkpointing.worthwhile
    filled(world, b"2")
    assert world.checkpointing.worthwhile


def test_after_a_mark_a_clean_stop_is_still_one() -> None:
    world = World()
    filled(world, b"1")
    again = World(world.stop())
    channel = Channel(again.vhost)
    channel.consume("q", "c")
    again.run()
    assert [delivery.redelivered for delivery in channel.deliveries] == [False]


def test_without_syncs_no_record_says_that_something_is_on_disk() -> None:
    world = World(sync=False)
    filled(world, b"1", b"2")
    for _ in range(3):
        world.log.tick()
        world.run(2)
    files = crashed(world)
    flip(files, FIRST, world.log.end // 2)
    World(files)  # a torn end, since a loss of power may do this


def test_the_last_file_may_be_cut_short_at_any_byte() -> None:
    world = World()
    filled(world, b"1", b"2", b"3")
    files = crashed(world)
    for size in [*range(33, world.log.end + 40, 3), SEGMENT_SIZE - 1, SEGMENT_SIZE - 7]:
        short = dict(files)
        short[FIRST] = files[FIRST][:size]
        try:
            again = World(short)
        except DamageError:
            continue
        filled(again, *[b"x" * 3000] * 8)
        found = drained(World(crashed(again)))
        assert found[-8:] == [b"x" * 3000] * 8
        assert found[:-8] == [b"1", b"2", b"3"][: len(found) - 8]


def test_messages_in_a_file_that_is_gone_are_set_aside(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    filled(world, *[b"%d" % number * 3000 for number in range(9)])
    filled(world, b"other", queue="other")
    world.checkpoint()
    files = world.stop()
    assert len([name for name in files if name.startswith("log/")]) > 2
    del files[FIRST]
    again = World(files)
    with caplog.at_level(logging.ERROR):
        assert drained(again) == []
    assert "are set aside" in caplog.text
    assert "position" in caplog.text
    assert drained(again, "other") == [b"other"]
    filled(again, b"new", queue="new")
    assert drained(again, "new") == [b"new"]


def test_a_lost_pointer_to_the_checkpoint_is_found_again() -> None:
    world = World()
    filled(world, *[b"%d" % number * 3000 for number in range(9)])
    assert len(drained(world)) == 9
    files = world.stop()
    del files["CHECKPOINT"]
    assert len(drained(World(files))) == 9


def test_an_exchange_that_is_declared_and_bound_during_a_checkpoint_stays_bound() -> None:
    world = World()
    filled(world, b"1")
    vhost = world.vhost
    vhost.declare_exchange("early", "fanout", durable=True)
    assert world.checkpointing.step(0)  # it has told of the exchange, and not yet of the queue
    vhost.declare_exchange("late", "fanout", durable=True)
    vhost.bind("late", "q", "", Arguments.EMPTY, to_queue=True, owner=None)
    world.checkpoint()
    again = World(crashed(world)).vhost
    assert [binding.destination.name for binding in again.router.bindings_from(again.exchange("late"))] == ["q"]
