"""Which sockets have something for us: one epoll of our own, which the event loop watches as a single file.

The loop calls once per iteration, however many sockets are ready in it, and costs as much as for one. Owns the table of
who is called for which socket. The kernel hands out ready sockets in turns: who was handed out goes to the end.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT
HUNG_UP: Final = select.EPOLLRDHUP
"""The peer closed its end; what it sent before is still there."""


class Watcher(Protocol):
    """Who owns a socket."""

    def ready(self, events: int) -> None:
        """The socket is `READABLE`, `WRITABLE`, or has failed (other bits, which nobody has to ask for)."""
        ...


class Poller:
    """One per event loop."""

    __slots__ = ("_epoll", "_loop", "again", "poll", "watchers")

    def __init__(self, loop: asyncio.AbstractEventLoop, ready: Callable[[], None]) -> None:
        """`ready` is called when there is something to `poll`, again and again until it was polled and dealt with."""
        self._loop = loop
        self._epoll = select.epoll()
        self.poll: Callable[[float, int], list[tuple[int, int]]] = self._epoll.poll
        """`poll(0, at_most) -> [(file number, events)]`."""
        self.again: list[tuple[int, int]] = []
        """What has more to be read without the socket being told ready: (file number, events), served in the next
        turn.
        """
        self.watchers: dict[int, Watcher] = {}
        """By file number: of what is handed out some may be closed by the time it is looked at."""
        loop.add_reader(self._epoll.fileno(), ready)

    def watch(self, number: int, events: int, watcher: Watcher) -> None:
        """From now on these events of the file are told; 0: none, not even that it failed."""
        if number not in self.watchers:
            if events:
                self._epoll.register(number, events)
                self.watchers[number] = watcher
        elif events:
            self._epoll.modify(number, events)
        else:
            del self.watchers[number]
            self._epoll.unregister(number)

    def close(self) -> None:
        """Nothing is ready any more."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self.poll = _nothing_ready


def _nothing_ready(timeout: float, at_most: int) -> list[tuple[int, int]]:
    return []
