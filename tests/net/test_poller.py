from __future__ import annotations

import asyncio
import select
import socket

from leveret.net.poller import READABLE, WRITABLE, Poller


class Watcher:
    def ready(self, events: int) -> None:
        raise AssertionError("only the turn calls it")


async def test_it_says_who_is_ready_and_for_what() -> None:
    called = asyncio.Event()
    poller = Poller(asyncio.get_running_loop(), called.set)
    ours, theirs = socket.socketpair()
    number = ours.fileno()
    with ours, theirs:
        watcher = Watcher()
        poller.watch(number, READABLE, watcher)
        assert poller.watchers == {number: watcher}
        assert poller.poll(0, 8) == []
        theirs.send(b"x")
        await called.wait()
        assert poller.poll(0, 8) == [(number, READABLE)]
        poller.watch(number, READABLE | WRITABLE, watcher)
        assert poller.poll(0, 8) == [(number, READABLE | WRITABLE)]
        poller.watch(number, WRITABLE, watcher)
        assert poller.poll(0, 8) == [(number, WRITABLE)]
        poller.watch(number, 0, watcher)
        poller.watch(number, 0, watcher)
        theirs.close()
        assert poller.poll(0, 8) == [], "nothing is told of a socket that nobody watches, not even that it failed"
        assert poller.watchers == {}
        poller.watch(number, READABLE, watcher)
        (((_, events),)) = poller.poll(0, 8)
        assert events & READABLE
        assert events & select.EPOLLHUP
    poller.close()
    assert poller.poll(0, 8) == []
    poller.close()


async def test_sockets_are_handed_out_in_turns() -> None:
    poller = Poller(asyncio.get_running_loop(), lambda: None)
    pairs = [socket.socketpair() for _ in range(6)]
    for ours, theirs in pairs:
        poller.watch(ours.fileno(), READABLE, Watcher())
        theirs.send(b"x")
    seen = [number for _ in range(3) for number, _ in poller.poll(0, 4)]
    numbers = [ours.fileno() for ours, _ in pairs]
    assert seen == (numbers * 2)[:12]
    poller.close()
    for pair in pairs:
        for end in pair:
            end.close()
