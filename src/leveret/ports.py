"""The ports: what one floor needs of another, as small protocols. The brain sees only these, not who is behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, NewType, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from .authorize import Rights
    from .broker.consumer import Consumer
    from .wire import Batch, Extent, Selection
    from .wire.definitions import AccountOp, DeleteVHost
    from .wire.records import EndCheckpoint, Op, Settle

    Fetched = Callable[[list[tuple[int, bytes]] | None], None]
    """Told (position, bytes) each, or None when it cannot be read."""

T = TypeVar("T")

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

    def numbers(self, count: int) -> Sequence[int]:
        """So many independent random numbers of 64 bits."""
        ...


class Workers(Protocol):
    """Who does what takes too long for a turn."""

    def run(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        """Do `work` elsewhere; `done` is called with its result, on a later turn. `work` must not raise."""
        ...


class Log(Protocol):
    """The append-only log of records; a record is a list of ops, applied all or none."""

    @property
    def durable(self) -> Position:
        """Everything up to here is on disk."""
        ...

    @property
    def written(self) -> int:
        """Everything up to here can be read back."""
        ...

    @property
    def backlog(self) -> int:
        """Bytes that were appended and are not written yet."""
        ...

    @property
    def lagging(self) -> bool:
        """Whether so much is not written that who publishes should wait."""
        ...

    def append(self, record: list[Op]) -> Position:
        """Add a record; it is durable when `durable` has reached the returned position. Ops with messages are told
        where these lie (`place`).
        """
        ...

    def settle(self, ops: list[Settle]) -> None:
        """Add settlements, for which nobody waits."""
        ...

    def want(self, position: Position) -> None:
        """Somebody will wait for this position: do not delay it."""
        ...

    def when_durable(self, position: Position, callback: Callable[[], None]) -> None:
        """Call once, on a later turn or now, when `durable >= position`. Callbacks run in the order of positions."""
        ...

    def when_caught_up(self, callback: Callable[[], None]) -> None:
        """Call once, on a later turn, when it is not lagging any more."""
        ...

    def fetch(self, ranges: Sequence[tuple[int, int]], callback: Fetched) -> None:
        """Read (position, size) each, and call on a later turn."""
        ...


class CheckpointLog(Log, Protocol):
    """A log that takes checkpoints: what came before one is not needed any more."""

    @property
    def end(self) -> int:
        """Where the next record goes."""
        ...

    @property
    def checkpoint_end(self) -> int:
        """Where the newest checkpoint ended."""
        ...

    @property
    def full(self) -> bool:
        """Whether the disk has no room for what it is to set aside."""
        ...

    @property
    def room(self) -> int:
        """Bytes that can be appended even then."""
        ...

    def begin_checkpoint(self) -> int:
        """Add the record that a checkpoint begins with; its position."""
        ...

    def end_checkpoint(self, op: EndCheckpoint, usage: dict[int, int], done: Callable[[], None]) -> None:
        """Add the record that closes it. `usage`: live bytes by the base of each segment; those without any go."""
        ...

    def drop(self, bases: Sequence[int]) -> bool:
        """Nothing lives in these segments: those go that recovery does not read any more, as soon as what emptied them
        is on disk. Whether that is all of them.
        """
        ...

    def segments_before(self, position: int) -> dict[int, int]:
        """Segments that end before it: base and size in bytes, ascending."""
        ...


class Spill(Protocol):
    """Where messages go that must leave memory and that the log does not have. It does not outlive the process."""

    @property
    def backlog(self) -> int:
        """Bytes that are on their way."""
        ...

    def write(self, batch: Batch, callback: Callable[[tuple[int, int] | None], None]) -> None:
        """Store messages as a block; told on a later turn where it lies, or None when there is no room."""
        ...

    def release(self, position: int) -> None:
        """The block is not needed any more."""
        ...

    def fetch(self, ranges: Sequence[tuple[int, int]], callback: Fetched) -> None:
        """Read (position, size) each, and call on a later turn."""
        ...


DiskOp: TypeAlias = (
    tuple[Literal["write"], str, int, Sequence[bytes]]  # name, offset, parts; the file has to be there
    | tuple[Literal["create"], str, int]  # name, size: a new file of zeros, instead of what has that name; synced
    | tuple[Literal["cut"], str, int, int]  # name, size, full: shorten to size, then zeros again up to full; synced
    | tuple[Literal["rename"], str, str]  # old, new; a file `new` is gone
    | tuple[Literal["remove"], str]  # name; nothing happens when it is not there
    | tuple[Literal["replace"], str, bytes]  # name, data: all or none of it is seen under that name; synced
)
"""What is done to the files of one directory. Names are relative to it."""


class Disk(Protocol):
    """Files of one directory, written and read by somebody else. Nothing here waits.

    *Batches* of ops are executed in the order of submission, and complete in that order; reads among themselves
    likewise. There is no order between the two: a read may be executed before a batch that was submitted earlier.

    The first failure fails its batch with an OSError; ops before the failed one were executed, a failed write may be in
    the file in part. From there on batches complete with ECANCELED, without effect, until `resume`. When a sync failed
    it is a SyncError, and nothing resumes: what is on the disk is not known any more.
    """

    def submit(self, ticket: int, ops: Sequence[DiskOp], sync: bool) -> None:
        """A batch. With `sync` it completes when everything that was done through this disk so far will outlive a loss
        of power: what was written, and what was renamed or removed.
        """
        ...

    def read(self, ticket: int, name: str, offset: int, size: int) -> None:
        """Completes with the bytes; fewer than `size` at the end of the file."""
        ...

    def poll(self) -> list[tuple[int, bytes | OSError | None]]:
        """What is complete, each ticket once: bytes of a read, None for a batch, or why it failed."""
        ...

    def resume(self) -> None:
        """After a failure: execute batches that are submitted from now on."""
        ...

    def fileno(self) -> int:
        """Readable while something is complete; -1 where there is no such thing."""
        ...

    def close(self) -> None:
        """Wait for what was submitted. `poll` still works afterwards, nothing else does."""
        ...


class Scheduler(Protocol):
    """What runs the turns."""

    def wake(self) -> None:
        """There is work for the next turn."""
        ...

    def wake_at(self, when_ms: int) -> None:
        """There is work for a turn then, in monotonic time. A time that was asked for before is kept if it is earlier;
        later ones have to be asked for again.
        """
        ...


class Origin(NamedTuple):
    """A channel of a connection, as traces tell of it."""

    connection: str
    channel: int
    user: str


class Publisher(Protocol):
    """Who published: a channel, or the broker itself."""

    @property
    def origin(self) -> Origin:
        """Who it is; asked for only while messages are traced."""
        ...

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

    @property
    def origin(self) -> Origin:
        """Which channel it is; asked for when somebody looks."""
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

    def timeout_set(self, consumer: Consumer) -> None:
        """How long the consumer's queue lets messages be outstanding is another time now."""
        ...


@dataclass(frozen=True, slots=True)
class User:
    """Who is logged in. `state`: what those who may grant rights know of it beside the name, in their order."""

    name: str
    tags: tuple[str, ...] = ()
    state: tuple[object, ...] = ()
    expires_ms: int | None = None
    """In wall time: then the login is worth nothing any more."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A handler's answer: not yet. Its channel (before open: its connection) parks until `session.resume(token,
    result)`.
    """

    token: int


class Undecided(Exception):
    """Nobody here knows whether this is allowed: somebody else has to be asked. The operation has done nothing so far,
    and is to be tried again when the answer is there.
    """

    def __init__(self, ask: Callable[[Callable[[], None]], None]) -> None:
        """`ask(go_on)`: ask, and call on a later turn when it can be tried again."""
        super().__init__("undecided")
        self.ask = ask


class Tls(NamedTuple):
    """What a TLS connection agreed on. Names are empty without a certificate that was verified."""

    protocol: str
    """`tlsv1.3`"""
    cipher: str
    bits: int
    subject: str = ""
    issuer: str = ""
    common_names: tuple[str, ...] = ()
    alternative_names: tuple[tuple[str, str], ...] = ()
    """(kind, value) each."""
    validity: str = ""


class Remote(NamedTuple):
    """Where a login comes from. `certificate`: the name that the client's certificate gives, if it proved one."""

    address: str
    loopback: bool
    certificate: str = ""
    tls: bool = False


class Challenge(NamedTuple):
    """A login needs another word from the client."""

    data: bytes


class Access(Protocol):
    """Who may log in, and what they may do."""

    def mechanisms(self, remote: Remote) -> tuple[str, ...]:
        """What is offered to it."""
        ...

    def authenticate(
        self, mechanism: str, response: bytes, remote: Remote, answer: Callable[[User | Challenge | None], None]
    ) -> None:
        """Check credentials; `answer` is called once, possibly much later, with the user or None when refused.

        The mechanism is one of those offered. Raises AmqpError (SyntaxError_) for a malformed response.
        """
        ...

    def open(self, user: User, vhost: str, remote: Remote, answer: Callable[[Rights | None], None]) -> None:
        """Connect to a virtual host; `answer` is called once, possibly later, with what the user may do there, or None
        when it may not connect.
        """
        ...

    def refresh(self, user: User, secret: bytes, answer: Callable[[User | str], None]) -> None:
        """connection.update-secret: the user with its new credentials, or why they are refused."""
        ...


class Accounts(Protocol):
    """Who may log in, as the log tells it."""

    def apply(self, op: AccountOp | DeleteVHost) -> None:
        """Make the change that an op describes, whatever was there."""
        ...

    def all(self) -> Iterator[AccountOp]:
        """Everything, as the ops that make it."""
        ...

    def user_limit(self, user: str, limit: str) -> int | None:
        """`max-connections` or `max-channels` of a user; None: no limit."""
        ...
