"""What one connection has to say: rendered frames until the shell takes them, and how full that is.

Owns the list of frames, its size, the wake-up of the shell and those who wait for room. Knows nothing of what the
frames mean. Whoever says more with one frame by waiting (confirms) asks to be flushed when the output is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..limits import INITIAL_FRAME_MAX, OUTPUT_HIGH, OUTPUT_STOP_READING

if TYPE_CHECKING:
    from collections.abc import Callable


class Output:
    """The frames of one connection that are not handed to its socket yet. Sizes are in bytes."""

    __slots__ = ("_awake", "_flushes", "_waiters", "_wake", "frame_max", "frames", "size", "taken", "unwritten")

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called once whenever something appears in an empty output."""
        self._wake = wake
        self._awake = False
        self._flushes: list[Callable[[], None]] = []
        self._waiters: dict[Callable[[], None], None] = {}  # in the order of asking
        self.unwritten = 0
        """Bytes that the shell handed to the socket and the socket has not taken; the shell sets it."""
        self.frames: list[bytes] = []
        self.size = 0
        self.taken = 0
        """Bytes that the shell took so far."""
        self.frame_max = INITIAL_FRAME_MAX

    def send(self, data: bytes) -> None:
        """Append rendered frames."""
        self.frames.append(data)
        self.size += len(data)
        if not self._awake:
            self._awake = True
            self._wake()

    def wake(self) -> None:
        """There is work for the next turn, even if nothing to send yet."""
        if not self._awake:
            self._awake = True
            self._wake()

    def flush_later(self, flush: Callable[[], None]) -> None:
        """Call this once before the output is taken; it may send."""
        self._flushes.append(flush)
        self.wake()

    def take(self) -> bytes | None:
        """Everything to be written, in order; None when there is nothing.

        Who waits for room is asked again when the output is taken next, which this sees to: by then the shell has
        said what the socket did not take.
        """
        if self._waiters:
            self._awake = False  # they may have something to go on with, next turn
            self.drained()
            self._awake = True
        if self._flushes:
            flushes, self._flushes = self._flushes, []
            for flush in flushes:
                flush()
        self._awake = False
        if self._waiters and not self.unwritten:
            self.wake()
        frames = self.frames
        if not frames:
            return None
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        frames.clear()
        self.taken += self.size
        self.size = 0
        return data

    def discard(self) -> None:
        """Nobody reads any more: forget everything, and everybody who waits."""
        self.frames.clear()
        self.size = 0
        self._flushes.clear()
        self._waiters.clear()

    # -- room ----------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """Bytes of deliveries that are welcome; none when <= 0."""
        return OUTPUT_HIGH - self.size - self.unwritten

    @property
    def stuffed(self) -> bool:
        """Whether the peer leaves so much unread that it is not served any more."""
        return self.size + self.unwritten > OUTPUT_STOP_READING

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call once when at least half of the output is free again, however often it was asked for."""
        self._waiters[callback] = None

    def forget(self, callback: Callable[[], None]) -> None:
        """Whoever asked for room is gone."""
        self._waiters.pop(callback, None)

    def drained(self) -> None:
        """The socket took something: those who wait go on if there is room now."""
        if self.size + self.unwritten > OUTPUT_HIGH // 2:
            return
        waiters, self._waiters = self._waiters, {}
        for callback in waiters:
            callback()
