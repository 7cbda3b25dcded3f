from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from leveret.net.poller import READABLE, WRITABLE, Poller
from leveret.net.transport import Transport


class Watcher:
    def ready(self, events: int) -> None:
        raise AssertionError("only the turn calls it")


@contextlib.contextmanager
def joined() -> Iterator[tuple[Transport, socket.socket, Poller]]:
    """A transport, its peer's socket, and who watches it."""
    poller = Poller(asyncio.get_running_loop(), lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    transport = Transport(accepted, poller, Watcher())
    with peer:
        yield transport, peer, poller
    transport.close()
    poller.close()


def events(poller: Poller) -> int:
    """What the one socket is ready for."""
    polled = poller.poll(0, 8)
    return polled[0][1] if polled else 0


async def test_bytes_come_and_go() -> None:
    with joined() as (transport, peer, poller):
        buffer = bytearray(8)
        with pytest.raises(BlockingIOError):
            transport.receive(buffer)
        peer.send(b"in")
        assert events(poller) == READABLE
        assert transport.receive(buffer) == 2
        assert buffer[:2] == b"in"
        assert transport.write(b"out")
        assert transport.unsent == 0
        assert peer.recv(8) == b"out"
        peer.shutdown(socket.SHUT_WR)
        assert transport.receive(buffer) == 0


async def test_what_the_socket_does_not_take_leaves_in_parts_and_in_order() -> None:
    data = bytes(range(256)) * 65_536
    with joined() as (transport, peer, poller):
        assert not transport.write(data)
        assert 0 < transport.unsent < len(data)
        assert not transport.write_on()
        assert events(poller) == 0
        got = bytearray()
        while not (taken := transport.write_on()):
            got += peer.recv(1 << 20)
        assert taken
        assert transport.unsent == 0
        assert transport.write_on(), "there is nothing more"
        transport.shut()
        while part := peer.recv(1 << 20):
            got += part
        assert got == data
        assert not events(poller) & WRITABLE


async def test_a_socket_that_takes_nothing_keeps_all_for_later() -> None:
    with joined() as (transport, _, _):
        while transport.write(bytes(1 << 20)):
            pass
        unsent = transport.unsent
        transport.write_on()
        assert 0 < transport.unsent <= unsent


async def test_input_is_told_only_when_it_is_wanted() -> None:
    with joined() as (transport, peer, poller):
        transport.watch(READABLE, False)
        peer.send(b"x")
        assert events(poller) == 0
        transport.watch(READABLE, True)
        transport.watch(READABLE, True)
        assert events(poller) == READABLE


async def test_a_peer_that_is_gone_is_an_error_of_the_call_that_meets_it() -> None:
    with joined() as (transport, peer, _):
        transport.write(b"unread")
        peer.close()
        with pytest.raises(ConnectionResetError):
            transport.receive(bytearray(8))
        with pytest.raises(BrokenPipeError):
            transport.write(b"more")


async def test_what_is_closed_is_not_watched() -> None:
    with joined() as (transport, peer, poller):
        transport.write(bytes(1 << 24))
        transport.close()
        assert poller.watchers == {}
        assert transport.unsent == 0
        with contextlib.suppress(ConnectionResetError):
            while peer.recv(1 << 20):
                pass
        transport.close()
