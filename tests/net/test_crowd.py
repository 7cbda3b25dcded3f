"""A crowd that connects and says nothing, or too little: closed in time, cheap, and nobody else notices."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leveret.limits import HANDSHAKE_TIMEOUT_MS

from ..process import BrokerProcess
from ..rawclient import HEADER, RawClient

MEMORY_MAX_KB = 50 * 1024
LOGIN_MAX_S = 0.2


def rss_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def login_s(broker: BrokerProcess) -> float:
    """How long a client that means it takes to be let in."""
    began = time.perf_counter()
    client = RawClient(broker.connect())
    client.log_in()
    taken = time.perf_counter() - began
    client.close()
    return taken


def nothing(_: socket.socket) -> None:
    pass


def the_header(client: socket.socket) -> None:
    client.sendall(HEADER)


def half_a_huge_frame(client: socket.socket) -> None:
    client.sendall(HEADER + b"\x01\x00\x00\x7f\xff\xff\xff\x00\x0a\x00\x0b")


@pytest.mark.parametrize(
    ("size", "say"),
    [
        (1_000, nothing),
        (100, half_a_huge_frame),
        pytest.param(9_000, nothing, marks=pytest.mark.long),
        pytest.param(9_000, the_header, marks=pytest.mark.long),
    ],
)
def test_a_crowd_that_says_too_little(size: int, say: Callable[[socket.socket], None]) -> None:
    with BrokerProcess("--port", "0", "--ephemeral") as broker:
        port = broker.port
        login_s(broker)
        before_kb = rss_kb(broker.pid)
        began = time.monotonic()
        crowd = selectors.DefaultSelector()
        logins = []
        for number in range(size):
            client = socket.create_connection(("127.0.0.1", port))
            say(client)
            client.setblocking(False)
            crowd.register(client, selectors.EVENT_READ)
            if number % 100 == 0:
                logins.append(login_s(broker))
        assert rss_kb(broker.pid) - before_kb < MEMORY_MAX_KB
        left = size
        while left:
            assert time.monotonic() - began < HANDSHAKE_TIMEOUT_MS / 1000 + 5, f"{left} of {size} are still connected"
            for key, _ in crowd.select(timeout=1):
                client = key.fileobj
                assert isinstance(client, socket.socket)
                try:
                    gone = not client.recv(65536)
                except ConnectionResetError:
                    gone = True
                if gone:
                    crowd.unregister(client)
                    client.close()
                    left -= 1
            if left % 100 == 0:
                logins.append(login_s(broker))
        crowd.close()
        logins.sort()
        assert logins[len(logins) * 99 // 100] < LOGIN_MAX_S
        assert broker.stop() == 0
