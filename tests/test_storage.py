"""What a node keeps: recovered by the next one, looked after by ticks, left in good order by a stop."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from leveret import config
from leveret.app import Node
from leveret.broker import checkpoint
from leveret.net.timers import Ticking
from leveret.storage import AGAIN_MS, CHECKPOINT_PAUSE_MS, IDLE_MS, SHORT_MS, TICK_MS, Storage

from .broker.support import PERSISTENT, TRANSIENT, Channel, batch


class Ticks:
    """Timers that only remember when somebody wants a tick."""

    def __init__(self) -> None:
        self.at_ms = -1

    def at(self, when_ms: int, ticking: Ticking) -> None:
        self.at_ms = when_ms


class Life:
    """A node without sockets, from recovery to its end. Time passes when told."""

    def __init__(self, path: Path, durability: str = "fsync") -> None:
        self.failures: list[OSError] = []
        options = replace(config.DEFAULTS, durability=durability, segment_size=1 << 20)
        self.node = Node(asyncio.get_running_loop(), options, path, fatal=self.failures.append)
        storage = self.node.storage
        assert storage is not None
        self.storage: Storage = storage
        self.brain = self.node.brain
        storage.recover(self.brain)
        self.vhost = self.brain.vhosts["/"]
        self.channel = Channel(self.vhost)
        self.ticks = Ticks()
        storage.start(self.ticks, 0)  # type: ignore[arg-type]

    def publish(self, *bodies: bytes, properties: bytes = PERSISTENT) -> None:
        self.vhost.publish(batch(self.brain, *bodies, properties=properties), self.channel)

    async def durable(self) -> None:
        """All that was appended is on disk."""
        done = asyncio.Event()
        log = self.storage.log
        log.flush()
        log.when_durable(log.append([]), done.set)
        await done.wait()

    def kill(self) -> None:
        """Nothing more is written, but for what the disk has been given."""
        self.storage.close()
        self.node.turn.stop()

    async def stop(self) -> None:
        await self.node.stop()


async def delivered(life: Life, count: int) -> list[tuple[bytes, bool]]:
    """So many messages, read from disk."""
    done = asyncio.Event()
    reader = Reader(life.vhost)
    reader.wanted, reader.done = count, done
    reader.consume("q", "reader")
    await done.wait()
    return [(delivery.body, delivery.redelivered) for delivery in reader.deliveries]


class Reader(Channel):
    """Says when it has got what it wanted."""

    wanted: int
    done: asyncio.Event

    def deliver(self, consumer, extent, selection) -> None:  # type: ignore[no-untyped-def]
        super().deliver(consumer, extent, selection)
        if len(self.deliveries) >= self.wanted:
            self.done.set()


@pytest.mark.parametrize("durability", ["fsync", "os"])
async def test_what_is_durable_outlives_a_kill(tmp_path: Path, durability: str) -> None:
    life = Life(tmp_path, durability)
    life.vhost.declare_queue("q", durable=True)
    life.vhost.declare_queue("transient")
    life.publish(b"one", b"two")
    life.publish(b"transient", properties=TRANSIENT)
    await life.durable()
    life.kill()
    life = Life(tmp_path, durability)
    assert [*life.vhost.queues] == ["q"]
    assert await delivered(life, 2) == [(b"one", True), (b"two", True)]
    life.kill()


async def test_a_stop_in_good_order_is_exact(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    life.publish(b"one", b"two")
    assert life.channel.get("q") == b"one"
    life.vhost.settle(life.channel.ledger.drain(), 1)
    await life.stop()
    life = Life(tmp_path)
    assert await delivered(life, 2) == [(b"one", True), (b"two", False)]
    life.kill()
    life = Life(tmp_path)
    assert await delivered(life, 2) == [(b"one", True), (b"two", True)], "the last end was none in good order"
    life.kill()


async def test_a_tick_syncs_what_nobody_waits_for(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    life.publish(b"one")
    await life.durable()
    log = life.storage.log
    assert life.channel.get("q") == b"one"
    life.channel.settle(1)
    log.flush()
    while log.written < log.end:  # nobody asks for a turn: the disk's thread is as fast as it is
        log.run_callbacks()
    assert log.durable < log.end
    life.storage.tick(TICK_MS)
    assert life.ticks.at_ms == 2 * TICK_MS
    while log.durable < log.end:
        log.run_callbacks()
    life.kill()


async def test_a_log_that_rests_gets_one_checkpoint(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    log = life.storage.log
    life.storage.tick(TICK_MS)
    assert log.checkpoint_end == 0
    life.storage.tick(TICK_MS + IDLE_MS)
    at = log.checkpoint_end
    assert at == log.end
    for turn in range(2, 5):
        life.storage.tick(TICK_MS + turn * IDLE_MS)
    assert log.checkpoint_end == at, "nothing was said since"
    life.kill()


async def test_a_log_that_grew_gets_a_checkpoint_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "CHECKPOINT_LOG_MIN", 1000)
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    life.publish(b"x" * 2000)
    life.storage.tick(TICK_MS)
    assert life.storage.log.checkpoint_end > 0
    life.kill()


async def test_a_long_checkpoint_goes_on_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leveret.storage.CHECKPOINT_STEP_MS", 0)
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    life.storage.tick(TICK_MS)
    life.storage.tick(TICK_MS + IDLE_MS)
    assert life.ticks.at_ms == TICK_MS + IDLE_MS + CHECKPOINT_PAUSE_MS
    life.kill()


async def test_a_disk_that_is_short_gets_checkpoints_sooner(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.node.alarms.log_full(True)
    life.vhost.declare_queue("q", durable=True)
    life.storage.tick(SHORT_MS)
    assert life.storage.log.checkpoint_end == life.storage.log.end
    life.kill()


async def test_a_tick_tries_again_what_a_disk_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(tmp_path)
    tried: list[int] = []
    monkeypatch.setattr(type(life.brain.pager), "try_again", lambda pager: tried.append(1))
    for now_ms in (TICK_MS, 2 * TICK_MS, TICK_MS + AGAIN_MS):
        life.storage.tick(now_ms)
    assert len(tried) == 2
    life.kill()


async def test_ticks_go_on_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(tmp_path)
    monkeypatch.setattr(type(life.storage.log), "tick", lambda log: 1 / 0)
    life.storage.tick(TICK_MS)
    assert life.ticks.at_ms == 2 * TICK_MS
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
    life.kill()
