"""What a service manager hears, over a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leveret.supervisor import Supervisor

from .process import PATIENCE_S, BrokerProcess


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE_S)
        yield listening


def hear(manager: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().split("\n"))


def hear_all(manager: socket.socket) -> None:
    while True:
        hear(manager)


def test_start_reload_and_end_of_a_broker(manager: socket.socket) -> None:
    with BrokerProcess("--port", "0", "--ephemeral", env={"NOTIFY_SOCKET": manager.getsockname()}) as broker:
        serving = {"READY": "1", "STATUS": f"serving AMQP on 127.0.0.1:{broker.port}"}
        assert hear(manager) == serving
        before = time.monotonic_ns() // 1000
        broker.signal(signal.SIGHUP)
        reloading = hear(manager)
        assert reloading["RELOADING"] == "1"
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert hear(manager) == serving
        broker.signal(signal.SIGTERM)
        assert hear(manager)["STOPPING"] == "1"
        assert broker.wait() == 0


def test_ready_means_that_the_management_is_there_too(manager: socket.socket) -> None:
    env = {"NOTIFY_SOCKET": manager.getsockname(), "LEVERET_MANAGEMENT": "on", "LEVERET_MANAGEMENT_PORT": "0"}
    with BrokerProcess("--port", "0", "--ephemeral", env=env) as broker:
        assert hear(manager)["READY"] == "1"
        port = int(broker.expect(r"management: http://127\.0\.0\.1:(\d+)/")[1])
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as asking:
            asking.sendall(b"GET /api/version HTTP/1.0\r\n\r\n")
            assert asking.recv(12) == b"HTTP/1.1 401"
        assert broker.stop() == 0


def test_signs_of_life(manager: socket.socket) -> None:
    env = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "100000"}
    with BrokerProcess("--port", "0", "--ephemeral", env=env) as broker:
        assert hear(manager)["READY"] == "1"
        for _ in range(3):
            assert hear(manager) == {"WATCHDOG": "1"}
        broker.signal(signal.SIGSTOP)  # now it hangs
        manager.settimeout(0.5)
        with pytest.raises(TimeoutError):
            hear_all(manager)
        broker.signal(signal.SIGCONT)
        manager.settimeout(PATIENCE_S)
        assert hear(manager) == {"WATCHDOG": "1"}
        assert broker.stop() == 0


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "17"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "18"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({}, None),
    ],
)
def test_how_long_it_waits(manager: socket.socket, environment: dict[str, str], expected: float | None) -> None:
    told = Supervisor(environment | {"NOTIFY_SOCKET": manager.getsockname()}, pid=17)
    assert told.watchdog_s == expected
    told.close()


async def test_no_signs_where_none_are_waited_for(manager: socket.socket) -> None:
    told = Supervisor({"NOTIFY_SOCKET": manager.getsockname()})
    told.watch(asyncio.get_running_loop())
    told.ready("well")
    assert hear(manager) == {"READY": "1", "STATUS": "well"}
    told.close()
    told.stopping()
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        hear(manager)


def test_an_abstract_address() -> None:
    name = f"leveret-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(PATIENCE_S)
        told = Supervisor({"NOTIFY_SOCKET": f"@{name}"})
        told.stopping()
        assert hear(listening)["STOPPING"] == "1"
        told.close()


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234"])
def test_nobody_to_tell(address: str) -> None:
    told = Supervisor({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    told.ready("well")
    assert told.watchdog_s is None
    told.close()


def test_a_manager_that_is_gone_is_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    told.ready("well")
    assert caplog.messages == ["the service manager cannot be told READY=1: No such file or directory"]
    told.close()
