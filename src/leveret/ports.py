"""The ports: what one floor needs of another, as small protocols. The brain sees only these, not who is behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType, Protocol

if TYPE_CHECKING:
    from .broker.consumer import Consumer
    from .wire import Batch, Extent, Selection
    from .wire.records import Op

Position = NewType("Position", int)
"""A place in the log. Opaque: only its order means something."""


class Clock(Protocol):
    """Time, passed in."""

    def wall_ms(self) -> int:
        """Milliseconds since the epoch; goes into records."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds that never go back; drives timers."""
        ...


class Randomness(Protocol):
    """Chance, passed in."""

    def token(self, size: int) -> str:
        """A url-safe random name part of `size` random bytes."""
        ...


class Log(Protocol):
    """The append-only log of records; a record is a list of ops, applied all or none."""

    @property
    def durable(self) -> Position:
        """Everything up to here is on disk."""
        ...

    def append(self, record: list[Op]) -> Position:
        """Add a record; it is durable when `durable` has reached the returned position."""
        ...

    def when_durable(self, position: Position, callback: Callable[[], None]) -> None:
        """Call once, on a later turn or now, when `durable >= position`. Callbacks run in the order of positions."""
        ...

    @property
    def lagging(self) -> bool:
        """Whether so much waits to be written that publishers of persistent messages are to wait for it."""
        ...

    def when_caught_up(self, callback: Callable[[], None]) -> None:
        """Call once, on a later turn, when it is not lagging; in the order of asking."""
        ...


class Scheduler(Protocol):
    """What runs the turns."""

    def wake(self) -> None:
        """There is work for the next turn."""
        ...


class Publisher(Protocol):
    """Who published: a channel, or the broker itself."""

    def returned(self, batch: Batch, selection: Selection) -> None:
        """Mandatory messages that reached no queue; called before `published` of the same batch."""
        ...

    def published(self, count: int, position: Position | None, rejected: Selection | None) -> None:
        """What became of the next `count` messages in their order: accepted once `position` is durable (None: now),
        but for the `rejected` rows. Called once per batch.
        """
        ...

    def slow_down(self) -> None:
        """Some of the batch went to a queue that has more than its consumers keep up with: let others go first."""
        ...


class Deliveries(Protocol):
    """Where a consumer's messages go: a channel."""

    @property
    def room(self) -> int:
        """Bytes that it takes now; none when <= 0."""
        ...

    def deliver(self, consumer: Consumer, extent: Extent, selection: Selection) -> None:
        """Send these rows, in order. Unless the consumer is no_ack they are outstanding until settled."""
        ...

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call once when there is room again."""
        ...

    def cancelled(self, consumer: Consumer) -> None:
        """The broker ended this consumer (its queue is gone)."""
        ...


@dataclass(frozen=True, slots=True)
class User:
    """Who is logged in."""

    name: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """A handler's answer: not yet. Its channel (before open: its connection) parks until `session.resume(token,
    result)`.
    """

    token: int


class Access(Protocol):
    """Who may log in, and what they may do."""

    def authenticate(
        self, mechanism: str, response: bytes, loopback: bool, answer: Callable[[User | None], None]
    ) -> None:
        """Check credentials; `answer` is called once, possibly much later, with the user or None when refused.

        Raises AmqpError (SyntaxError_) for a malformed response.
        """
        ...

    def may_open(self, user: User, vhost: str) -> bool:
        """Whether the user may connect to this virtual host."""
        ...
