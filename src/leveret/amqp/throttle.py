"""Why a connection that publishes is not read for a while, and what it is told of that.

    blocked   contents came while a resource is short: until it is not (RabbitMQ "Blocked Connection Notifications")
    lagging   messages came while the log, or the spill, is behind: until it has caught up (RabbitMQ "Flow Control")

Contents that came are accepted; nothing more is read after them, acks and requests neither. A connection that does not
publish goes on. What else keeps a socket from being read is in `Session.reading`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..wire.frames import method_frame
from ..wire.methods import ConnectionBlocked, ConnectionUnblocked

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..broker.alarms import Alarms
    from .output import Output


class Lagging(Protocol):
    """What may be behind with writing: the log, the pager."""

    @property
    def lagging(self) -> bool: ...

    def when_caught_up(self, callback: Callable[[], None]) -> None: ...


class Throttle:
    """One per connection."""

    __slots__ = ("_output", "alarms", "blocked", "lagging", "notify", "on", "told")

    def __init__(self, alarms: Alarms, output: Output) -> None:
        self._output = output
        self.alarms = alarms
        self.notify = False
        """Whether the client understands connection.blocked."""
        self.told = False
        """Whether it was sent one, and not yet the opposite."""
        self.blocked = False
        self.lagging = False
        self.on = False
        """Whether the socket is not to be read."""

    def block(self) -> None:
        """Contents came while a resource is short. The client is told once, whatever else becomes short meanwhile."""
        if self.blocked:
            return
        self.blocked = self.on = True
        self.alarms.when_clear(self._unblock)
        if self.notify:
            self.told = True
            reason = f"low on {' & '.join(self.alarms.resources)}"
            self._output.send(method_frame(0, ConnectionBlocked(reason)))

    def follow(self, disk: Lagging) -> None:
        """What came goes there, too: wait for it if it is behind."""
        if disk.lagging and not self.lagging:
            self.lagging = self.on = True
            disk.when_caught_up(self._caught_up)

    def release(self) -> None:
        """The connection ends: what it still has to say, and its close, are read."""
        self.alarms.forget(self._unblock)
        self.blocked = self.lagging = self.on = self.notify = self.told = False

    def _unblock(self) -> None:
        self.blocked = False
        if self.told:
            self.told = False
            self._output.send(method_frame(0, ConnectionUnblocked()))
        self._go_on()

    def _caught_up(self) -> None:
        if self.lagging:
            self.lagging = False
            self._go_on()

    def _go_on(self) -> None:
        self.on = self.blocked or self.lagging
        self._output.wake()  # whoever takes the output looks whether to read
