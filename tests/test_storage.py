"""What is kept, over real files: locked, recovered, written in turns, looked after on ticks, left in good order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from leveret.broker import checkpoint
from leveret.broker.broker import Broker
from leveret.clock import ManualClock
from leveret.config import Options
from leveret.errors import ConfigError
from leveret.net import Turn
from leveret.storage import CHECKPOINT_PAUSE_MS, IDLE_MS, SHORT_MS, TICK_MS, Storage
from leveret.wire import Pool

from .broker.support import PERSISTENT, Channel, CountingNames, batch


class Timers:
    """Remembers when the next tick is wanted."""

    def __init__(self) -> None:
        self.at_ms = 0

    def at(self, when_ms: int, ticking: object) -> None:
        self.at_ms = when_ms


class Life:
    """A broker that keeps its data in a directory, without a network."""

    def __init__(self, path: Path, *, durability: str = "fsync", paging_budget: int = 1 << 40) -> None:
        self.clock = ManualClock()
        self.turn = Turn(asyncio.get_running_loop(), self.clock)
        self.failures: list[OSError] = []
        self.short = False
        self.storage = Storage(
            path,
            self.turn,
            Options(durability=durability, segment_size=1 << 20),
            fatal=self.failures.append,
            on_full=lambda full: None,
            is_disk_short=lambda: self.short,
        )
        self.broker = Broker(
            self.storage.log,
            self.clock,
            CountingNames(),
            self.turn,
            Pool(),
            spill=self.storage.spill,
            paging_budget=paging_budget,
        )
        self.vhost = self.broker.vhosts["/"]
        self.turn.start(self.storage.run_callbacks, self.pump)
        self.timers = Timers()
        self.storage.recover(self.broker)
        self.storage.start(self.timers, self.clock.monotonic_ms())  # type: ignore[arg-type]

    def pump(self, budget_ms: int) -> bool:
        more = self.broker.pump(budget_ms)
        self.storage.log.flush()
        return more

    def publish(self, *bodies: bytes) -> None:
        self.vhost.publish(batch(self.broker, *bodies, properties=PERSISTENT), Channel(self.vhost))

    async def until(self, reached: Callable[[], bool]) -> None:
        """The disk's thread says when."""
        async with asyncio.timeout(20):
            while not reached():
                self.turn.wake()
                await asyncio.sleep(0)

    async def bodies(self, count: int) -> list[bytes]:
        channel = Channel(self.vhost)
        channel.consume("q", "reader", no_ack=True)
        await self.until(lambda: len(channel.deliveries) >= count)
        return channel.bodies()

    def tick(self, milliseconds: int = TICK_MS) -> None:
        self.clock.advance(milliseconds)
        self.storage.tick(self.clock.monotonic_ms())

    def kill(self) -> None:
        self.storage.close()
        self.turn.stop()

    async def stop(self) -> None:
        await self.storage.stop()
        self.turn.stop()


async def test_a_message_outlives_a_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    life.publish(b"1", b"2")
    await life.stop()
    life = Life(tmp_path)
    assert await life.bodies(2) == [b"1", b"2"]
    assert "recovered 2 messages in 1 queue" in caplog.text
    await life.stop()


@pytest.mark.parametrize("durability", ["fsync", "os"])
async def test_what_is_durable_outlives_a_kill(tmp_path: Path, durability: str) -> None:
    life = Life(tmp_path, durability=durability)
    position = life.vhost.declare_queue("q", durable=True).position
    assert position is not None
    told: list[bool] = []
    life.storage.log.when_durable(position, lambda: told.append(True))
    await life.until(lambda: bool(told))
    life.publish(b"1")
    life.storage.log.sync()
    await life.until(lambda: life.storage.log.written == life.storage.log.end)
    life.kill()
    life = Life(tmp_path, durability=durability)
    assert await life.bodies(1) == [b"1"]
    life.kill()


async def test_nothing_is_said_after_the_last_checkpoint(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    life.publish(b"1", b"2")
    channel = Channel(life.vhost)
    channel.get("q")
    channel.settle(1)
    await life.stop()
    life = Life(tmp_path)
    channel = Channel(life.vhost)
    channel.consume("q", "reader")
    await life.until(lambda: bool(channel.deliveries))
    assert [(delivery.body, delivery.redelivered) for delivery in channel.deliveries] == [(b"2", False)]
    life.kill()
    life = Life(tmp_path)
    channel = Channel(life.vhost)
    channel.consume("q", "reader")
    await life.until(lambda: bool(channel.deliveries))
    assert [(delivery.body, delivery.redelivered) for delivery in channel.deliveries] == [(b"2", True)]
    await life.stop()


async def test_a_directory_has_one_broker(tmp_path: Path) -> None:
    life = Life(tmp_path)
    with pytest.raises(ConfigError):
        Life(tmp_path)
    await life.stop()
    await Life(tmp_path).stop()


async def test_what_nobody_waits_for_is_synced_on_a_tick(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    log = life.storage.log
    await life.until(lambda: log.written == log.end)
    assert log.durable < log.end
    life.tick()
    await life.until(lambda: log.durable == log.end)
    assert life.timers.at_ms == life.clock.monotonic_ms() + TICK_MS
    life.kill()


async def test_a_log_that_was_quiet_gets_one_checkpoint(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    log = life.storage.log
    life.tick()
    assert log.checkpoint_end == 0
    life.tick(IDLE_MS)
    while life.timers.at_ms < life.clock.monotonic_ms() + TICK_MS:
        life.tick(5)
    await life.until(lambda: log.durable >= log.checkpoint_end > 0)
    await life.until(lambda: log.idle)
    life.tick()
    life.tick()  # it says that it is on disk to its end
    await life.until(lambda: log.idle)
    end = log.end
    for _ in range(3):
        life.tick(IDLE_MS)
    assert log.end == log.checkpoint_end == end
    life.kill()


async def test_what_was_on_disk_only_is_read_back(tmp_path: Path) -> None:
    life = Life(tmp_path, paging_budget=0)
    life.vhost.declare_queue("q", durable=True)
    queue = life.vhost.queues["q"]
    life.publish(*[b"%d" % number * 1000 for number in range(10)])
    await life.until(lambda: queue.stored > 0)
    assert await life.bodies(10) == [b"%d" % number * 1000 for number in range(10)]
    await life.stop()


async def test_what_a_disk_refused_is_tried_again_after_a_while(tmp_path: Path) -> None:
    life = Life(tmp_path, paging_budget=0)
    life.vhost.declare_queue("q", durable=True)
    queue = life.vhost.queues["q"]
    life.publish(bytes(5000))
    await life.until(lambda: queue.stored > 0)
    (segment,) = [path for path in (tmp_path / "log").iterdir() if path.name.startswith("0" * 16)]
    life.tick(2 * TICK_MS)
    channel = Channel(life.vhost)
    life.broker.pager._unread[queue.extents[0]] = (queue, 1)  # as if it could not be read just now
    channel.consume("q", "reader", no_ack=True)
    life.turn.wake()
    await asyncio.sleep(0)
    assert channel.deliveries == []
    life.tick(2000)
    await life.until(lambda: len(channel.deliveries) == 1)
    assert segment.exists()
    life.kill()


async def test_after_a_stop_the_log_is_short(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    for _ in range(6):
        life.publish(bytes(1 << 19))
    life.vhost.purge_queue("q")
    await life.stop()
    assert sum(path.stat().st_size for path in (tmp_path / "log").iterdir()) <= 3 << 20


async def test_a_log_that_grew_gets_a_checkpoint_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "CHECKPOINT_LOG_MIN", 1000)
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    life.publish(b"x" * 2000)
    life.tick()
    assert life.storage.log.checkpoint_end == life.storage.log.end
    life.kill()


async def test_a_long_checkpoint_goes_on_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leveret.storage.CHECKPOINT_STEP_MS", 0)
    life = Life(tmp_path)
    life.vhost.declare_queue("q", durable=True)
    life.tick()
    life.tick(IDLE_MS)
    assert life.timers.at_ms == life.clock.monotonic_ms() + CHECKPOINT_PAUSE_MS
    life.kill()


async def test_a_disk_that_is_short_of_space_gets_a_checkpoint_sooner_when_that_gives_some(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.short = True
    life.vhost.declare_queue("q", durable=True)
    for _ in range(5):
        life.publish(bytes(1 << 19))
    life.tick(SHORT_MS)
    assert life.storage.log.checkpoint_end == 0
    life.vhost.purge_queue("q")
    life.tick(SHORT_MS)
    assert life.storage.log.checkpoint_end == life.storage.log.end
    life.kill()


async def test_ticks_go_on_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(tmp_path)
    monkeypatch.setattr(type(life.storage.log), "tick", lambda log: 1 / 0)
    life.tick()
    assert life.timers.at_ms == life.clock.monotonic_ms() + TICK_MS
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
    life.kill()
