"""System calls of the disk that fail in a real broker (strace injects the failures): no false confirm, nothing lost.

What cannot be trusted any more ends the process; what may work later is tried again; what only needs another try is not
noticed at all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leveret.wire.methods import QueueDeclare, QueueDeclareOk

from ..process import BrokerProcess
from .client import Client, Gone
from .support import PATIENCE_S, until

WRITES = "pwrite64,pwritev,pwritev2,write,writev"


@pytest.fixture(autouse=True)
def _strace() -> None:
    if shutil.which("strace") is None:
        assert not os.environ.get("CI"), "continuous integration installs strace"
        pytest.skip("strace is not installed")


@contextmanager
def failing(broker: BrokerProcess, disk: Path, calls: str, error: str, when: str) -> Iterator[None]:
    """These system calls of the broker fail, those on files of the data directory."""
    files = [disk / "CHECKPOINT", *(disk / f"log/{number << 20:016x}.log" for number in range(8))]
    paths = [part for file in files for part in ("-P", str(file))]
    inject = f"inject={calls}:error={error}:when={when}"
    command = ["strace", "-q", "-f", "-p", str(broker.pid), *paths, "-P", str(disk / "log"), "-e", inject]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert tracer.stderr is not None
    drained = threading.Thread(target=tracer.stderr.read, daemon=True)
    drained.start()
    try:
        until(lambda: _is_traced(broker.pid), "strace does not attach")
        yield
    finally:
        tracer.terminate()
        tracer.wait(PATIENCE_S)
        drained.join(PATIENCE_S)
        tracer.stderr.close()


def _is_traced(pid: int) -> bool:
    """All threads of a process."""
    tracers = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = (task / "status").read_text()
        tracers.append(int(status.split("TracerPid:")[1].split()[0]))
    return all(tracers)


def serve(disk: Path) -> BrokerProcess:
    return BrokerProcess("--port", "0", "--data-dir", str(disk), "--segment-size", "1MiB")


def publish(client: Client, count: int) -> None:
    """Messages with numbers, one after the other, each confirmed."""
    for number in range(client.published, client.published + count):
        client.publish("", "q", [b"%d" % number])
        while client.confirmed < client.published:
            client.read()


def opened(broker: BrokerProcess) -> Client:
    client = Client(broker.port)
    client.call(QueueDeclare(queue="q", durable=True), QueueDeclareOk)
    client.confirm()
    publish(client, 10)
    return client


def check(disk: Path, confirmed: int, sent: int) -> None:
    """What was confirmed is there after a restart, and at most what was sent."""
    with serve(disk) as broker:
        client = Client(broker.port)
        numbers = []
        while (delivery := client.get("q")) is not None:
            numbers.append(int(delivery.body))
        client.close()
        assert numbers == list(range(len(numbers)))
        assert confirmed <= len(numbers) <= sent
        assert broker.stop() == 0


@pytest.mark.parametrize(("calls", "error"), [("fdatasync", "EIO"), ("fdatasync", "ENOSPC"), (WRITES, "EIO")])
@pytest.mark.parametrize("when", [1, 3])
def test_a_disk_that_cannot_be_trusted_ends_the_broker(disk_path: Path, calls: str, error: str, when: int) -> None:
    disk = disk_path / "data"
    with serve(disk) as broker:
        client = opened(broker)
        with failing(broker, disk, calls, error, f"{when}+"):
            with pytest.raises(Gone):
                publish(client, 20)
            assert broker.wait() == 1
        assert "the disk failed, stopping at once" in broker.log
        client.close()
    check(disk, client.confirmed, client.published)


@pytest.mark.parametrize(
    ("calls", "error", "when"), [(WRITES, "EINTR", "1..2"), ("fdatasync", "EINTR", "1..2"), (WRITES, "EINTR", "4+3")]
)
def test_a_call_that_was_interrupted_is_made_again(disk_path: Path, calls: str, error: str, when: str) -> None:
    disk = disk_path / "data"
    with serve(disk) as broker:
        client = opened(broker)
        with failing(broker, disk, calls, error, when):
            publish(client, 30)
        client.close()
        assert broker.stop() == 0
        assert "CRITICAL" not in broker.log
    check(disk, 40, 40)


@pytest.mark.parametrize(("calls", "when"), [(WRITES, "1"), (WRITES, "2..3"), ("fallocate", "1..2")])
def test_a_full_disk_is_waited_for(disk_path: Path, calls: str, when: str) -> None:
    disk = disk_path / "data"
    with serve(disk) as broker:
        client = opened(broker)
        with failing(broker, disk, calls, "ENOSPC", when):
            sent = client.published
            while client.published < sent + 600:  # more than a segment
                client.publish("", "q", [b"%d" % client.published + b" " * 3000])
                while client.confirmed < client.published:
                    client.read()
        client.close()
        broker.expect("disk resource limit alarm set: the log cannot reserve space")
        broker.expect("disk resource limit alarm cleared")
        broker.kill()
    check(disk, 610, 610)
