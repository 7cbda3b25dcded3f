"""What supervises the process is told how it is: systemd's notifications (sd_notify(3)), one datagram each.

Where nobody supervises (no NOTIFY_SOCKET), nothing is said. The protocol is all of ten lines, so no library is asked.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

logger: Final = logging.getLogger("leveret")


class Supervisor:
    """Who started us and wants to know how we are. Whatever happens to what is said, the broker goes on."""

    def __init__(self, environment: Mapping[str, str], pid: int | None = None) -> None:
        """`environment`: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. `pid`: ours, if None."""
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        self.watchdog_s = _watchdog_s(environment, os.getpid() if pid is None else pid) if self._socket else None
        """How long the supervisor waits for a sign of life; None: it does not."""
        self._next: asyncio.TimerHandle | None = None

    def ready(self, status: str) -> None:
        """Everything serves, or does so again after `reloading`."""
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Something is read again."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The end begins."""
        self._tell("STOPPING=1\nSTATUS=closing all connections")

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on give signs of life, twice as often as they are waited for: while the loop turns."""
        if self.watchdog_s is not None:
            self._tell("WATCHDOG=1")
            self._next = loop.call_later(self.watchdog_s / 2, self.watch, loop)

    def close(self) -> None:
        """Say nothing more."""
        if self._next is not None:
            self._next.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, message: str) -> None:
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError as error:
            logger.warning("the service manager cannot be told %s: %s", message.partition("\n")[0], error.strerror)


def _address(said: str) -> str | None:
    if said.startswith("/"):
        return said
    if said.startswith("@"):  # an abstract one
        return "\0" + said[1:]
    return None  # nobody, or of a kind that is not for processes of this machine (vsock)


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    """The variables may have been meant for the process that started us (sd_watchdog_enabled(3))."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    usec = environment.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if usec.isascii() and usec.isdigit() and int(usec) else None
