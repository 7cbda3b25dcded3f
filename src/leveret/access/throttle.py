"""Guessing passwords is made slow: an address that failed often is not listened to for a while."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..limits import LOGIN_ADDRESSES_MAX, LOGIN_FAILURES_MAX, LOGIN_FAILURES_MS

if TYPE_CHECKING:
    from ..ports import Clock


class Throttle:
    """Failures by address. Bounded: of many addresses those that failed longest ago are forgotten first."""

    __slots__ = ("_clock", "_failures", "_failures_max")

    def __init__(self, clock: Clock, failures_max: int = LOGIN_FAILURES_MAX) -> None:
        """`failures_max`: so many are allowed in LOGIN_FAILURES_MS; 0: any number."""
        self._clock = clock
        self._failures_max = failures_max
        self._failures: dict[str, deque[int]] = {}

    def holds(self, address: str) -> bool:
        """Whether this address has failed too often."""
        failures = self._failures.get(address)
        if failures is None or not self._failures_max:
            return False
        since_ms = self._clock.monotonic_ms() - LOGIN_FAILURES_MS
        while failures and failures[0] <= since_ms:
            failures.popleft()
        return len(failures) >= self._failures_max

    def failed(self, address: str) -> None:
        """One more."""
        if not self._failures_max:
            return
        failures = self._failures.pop(address, None) or deque(maxlen=self._failures_max)
        if len(self._failures) >= LOGIN_ADDRESSES_MAX:
            del self._failures[next(iter(self._failures))]
        self._failures[address] = failures
        failures.append(self._clock.monotonic_ms())
