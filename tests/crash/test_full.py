"""A disk that is full: publishers wait, consumers go on, nothing that was confirmed is lost.

On a file system of its own, small enough to be filled: an ext4 image where this is root, as in continuous integration.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from leveret.wire.frames import method_frame
from leveret.wire.methods import (
    BasicAck,
    BasicConsume,
    BasicConsumeOk,
    BasicQos,
    BasicQosOk,
    ConnectionBlocked,
    ConnectionUnblocked,
    QueueDeclare,
    QueueDeclareOk,
    TxCommit,
    TxCommitOk,
    TxSelect,
    TxSelectOk,
)

from ..process import BrokerProcess
from .client import Client, Gone
from .support import PATIENCE_S, until

SIZE_MB = 64
BODY = bytes(2000)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        assert not os.environ.get("CI"), "continuous integration has to be able to mount"
        pytest.skip("only root may mount a file system")
    image, mounted = tmp_path / "image", tmp_path / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE_MB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "-l", mounted], check=True)


def serve(disk: Path, *options: str) -> BrokerProcess:
    return BrokerProcess("--port", "0", "--data-dir", str(disk / "data"), "--segment-size", "1MiB", *options)


class Publisher(threading.Thread):
    """Publishes with confirms until it is told to stop; what it was told is kept."""

    def __init__(self, port: int, first: int = 0, window: int = 100) -> None:
        """`window`: how many it leaves unconfirmed, at most."""
        super().__init__(daemon=True)
        self.window = window
        self.client = Client(port, blocked=True)
        self.first = first
        self.stopping = False
        self.blocked: list[str] = []
        self.unblocked = 0

    @property
    def next(self) -> int:
        """The number after the last one that was confirmed."""
        return self.first + self.client.confirmed

    def run(self) -> None:
        client = self.client
        client.on_method = self._note
        client.confirm()
        number = self.first
        try:
            while not self.stopping:
                client.publish("", "q", [b"%d " % (number + i) + BODY for i in range(10)])
                number += 10
                while client.published - client.confirmed > self.window and not self.stopping:
                    client.read()
        except Gone:
            pass
        finally:
            client.close()

    def end(self) -> None:
        """Whatever it does."""
        self.stopping = True
        with suppress(OSError):  # it has closed it already
            self.client.interrupt()
        self.join(PATIENCE_S)
        assert not self.is_alive()

    def _note(self, method: object) -> None:
        if isinstance(method, ConnectionBlocked):
            self.blocked.append(method.reason)
        elif isinstance(method, ConnectionUnblocked):
            self.unblocked += 1


def fill(path: Path) -> None:
    """A file that takes all the space there is."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


def declare(port: int) -> None:
    client = Client(port)
    client.call(QueueDeclare(queue="q", durable=True), QueueDeclareOk)
    client.close()


def left_in(port: int) -> int:
    """Messages in the queue."""
    client = Client(port)
    count: int = client.call(QueueDeclare(queue="q", passive=True), QueueDeclareOk).message_count
    client.close()
    return count


def drain(port: int, count: int) -> list[int]:
    """Take so many messages, and acknowledge them one by one."""
    client = Client(port)
    client.call(BasicQos(prefetch_count=100), BasicQosOk)
    client.call(BasicConsume(queue="q", consumer_tag="c"), BasicConsumeOk)
    numbers: list[int] = []
    while len(numbers) < count:
        for delivery in client.deliveries():
            if len(numbers) < count:
                numbers.append(int(delivery.body.split()[0]))
                client.send(method_frame(1, BasicAck(delivery_tag=delivery.tag)))
    client.call(QueueDeclare(queue="q", passive=True), QueueDeclareOk)  # the acks are there
    client.close()
    return numbers


def test_publishers_wait_for_space_and_consumers_make_it(small_disk: Path) -> None:
    with serve(small_disk, "--disk-free-limit", "16MB") as broker:
        declare(broker.port)
        publisher = Publisher(broker.port)
        publisher.start()
        drained: list[int] = []
        for cycle in range(1, 4):
            until(lambda: len(publisher.blocked) == cycle, "it is not blocked")  # noqa: B023
            assert publisher.blocked[-1] == "low on disk"
            until(lambda: publisher.next > len(drained) + 1000, "nothing was confirmed")  # noqa: B023
            drained += drain(broker.port, publisher.next - len(drained) - 100)
            until(lambda: publisher.unblocked == cycle, "it is not unblocked")  # noqa: B023
        publisher.end()
        confirmed = publisher.next
        broker.kill()
    with serve(small_disk, "--disk-free-limit", "0") as broker:
        # Acknowledgements that were not on disk yet do not count: what they were for comes again.
        drained += drain(broker.port, left_in(broker.port))
        assert sorted(set(drained))[:confirmed] == list(range(confirmed)), "confirmed messages are lost"
        assert broker.stop() == 0


def test_not_one_byte_free(small_disk: Path) -> None:
    with serve(small_disk, "--disk-free-limit", "0") as broker:
        declare(broker.port)
        publisher = Publisher(broker.port)
        publisher.start()
        until(lambda: publisher.next > 2000, "nothing was confirmed")
        hog = small_disk / "hog"
        fill(hog)
        until(lambda: publisher.blocked, "it is not blocked")
        assert publisher.blocked == ["low on disk"]
        drained = drain(broker.port, 1000)  # acknowledgements have their room
        assert drained == list(range(1000))
        broker.kill()
        publisher.join(PATIENCE_S)
        confirmed = publisher.next
    with serve(small_disk, "--disk-free-limit", "0") as broker:  # starting needs no space either
        left = left_in(broker.port)
        assert left >= confirmed - 1000
        again = Publisher(broker.port, first=1_000_000)
        again.start()
        hog.unlink()
        until(lambda: again.next > 1_000_000 + 5000, "it does not go on")
        again.end()
        numbers = drain(broker.port, left)
        assert numbers == sorted(set(numbers))
        assert {*drained, *numbers} >= set(range(confirmed)), "confirmed messages are lost"
        assert broker.stop() == 0


def drain_in_transactions(port: int) -> list[int]:
    """Take all there is; each commit is answered."""
    client = Client(port)
    client.call(TxSelect(), TxSelectOk)
    numbers: list[int] = []
    while True:
        before = len(numbers)
        while len(numbers) < before + 200 and (delivery := client.get("q")) is not None:
            numbers.append(int(delivery.body.split()[0]))
            client.send(method_frame(1, BasicAck(delivery_tag=delivery.tag)))
        client.call(TxCommit(), TxCommitOk)
        if len(numbers) == before:
            client.close()
            return numbers


@pytest.mark.parametrize("window", [100, 2000])
def test_consumers_alone_make_space(small_disk: Path, window: int) -> None:
    """Also when publishers had sent more than there was room for."""
    with serve(small_disk, "--disk-free-limit", "0") as broker:
        declare(broker.port)
        publisher = Publisher(broker.port, window=window)
        publisher.start()
        until(lambda: publisher.next > 4000, "nothing was confirmed")
        fill(small_disk / "hog")
        until(lambda: publisher.blocked, "it is not blocked")
        other = Client(broker.port)
        other.send(method_frame(1, QueueDeclare(queue="other", durable=True)))
        drained = drain_in_transactions(broker.port)
        other.wait_for(QueueDeclareOk)
        other.close()
        until(lambda: publisher.unblocked, "no space came back")
        confirmed = publisher.next
        until(lambda: publisher.next > confirmed + 500, "it does not go on")
        drained += drain_in_transactions(broker.port)
        broker.kill()
        publisher.join(PATIENCE_S)
        confirmed = publisher.next
    with serve(small_disk, "--disk-free-limit", "0") as broker:
        left = drain_in_transactions(broker.port)
        assert not {*drained} & {*left}, "what was acknowledged in a transaction comes again"
        assert {*drained, *left} >= set(range(confirmed)), "confirmed messages are lost"
        assert broker.stop() == 0
