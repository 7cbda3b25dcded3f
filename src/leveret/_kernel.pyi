"""The kernel's API. `leveret.wire.twin` has the same names in pure Python and passes the same tests.

The kernel moves messages: it knows bytes, indices and bitmaps; no sockets, no clocks, no policy. Python crosses into it
once per batch. Every object here is used from one thread (the GIL is held); only `Arena`s inside are shared. `Disk` is
apart from all this: threads that write and read files; its twin is `leveret.disk.threaded.ThreadedDisk`.

A *row* is one message: (exchange and routing key as shortstrings, properties as they came, body), kept as offsets into
an arena. A *selection* is an ascending list of row indices without duplicates.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final, Self, final, overload

from typing_extensions import Buffer

from .ports import DiskOp

VERSION: Final[str]
EXTENT_ROWS: Final = 4096
"""Rows that one extent holds at most."""

# Features of a row; a batch's features are the OR over its rows.
PERSISTENT: Final = 1  # delivery-mode = 2
HEADERS: Final = 2  # a headers table is present
EXPIRATION: Final = 4
PRIORITY: Final = 8
USER_ID: Final = 16
REPLY_TO: Final = 32
CC: Final = 64  # the headers table has the key CC or BCC
MANDATORY: Final = 128
IMMEDIATE: Final = 256

# Columns of `Batch.partition`.
COLUMN_KEY: Final = 0  # value: int, the id in `batch.keys`
COLUMN_HEADERS: Final = 1  # value: the raw headers table without its 4 length bytes; None when absent
COLUMN_HEADER: Final = 2  # value: raw field (type tag and value) of the header `name`; None when absent
COLUMN_PROPERTY: Final = 3  # value: the property `name`, raw (a shortstr without its length); None when absent

# Kinds of `Settlement`.
ACK: Final = 0
REQUEUE: Final = 1  # nack or reject with requeue
REJECT: Final = 2  # nack or reject without requeue

@final
class Pool:
    """Where payload bytes live: chunks ("arenas") of `chunk_size` bytes that all decoders fill, counted exactly.

    A content larger than a quarter of a chunk gets an arena of its own. A few free chunks are kept for reuse.
    """

    def __new__(cls, chunk_size: int = 262144) -> Self: ...
    @property
    def allocated(self) -> int:
        """Bytes of all arenas that something still refers to."""

@final
class Selection:
    """Ascending row indices without duplicates. Stored as a range, a stride or a list, whichever is smallest."""

    def __new__(cls, rows: Iterable[int]) -> Self:
        """Raises ValueError unless strictly ascending and within u32."""
    @staticmethod
    def range(start: int, stop: int) -> Selection: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[int]: ...
    @overload
    def __getitem__(self, index: int, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> Selection:
        """A part of the selection; only slices of step 1."""
    def __eq__(self, other: object, /) -> bool: ...
    @staticmethod
    def merge(parts: Sequence[Selection]) -> Selection:
        """The union of any number of selections, in time linear in their rows (and sorting)."""
    def union(self, other: Selection) -> Selection: ...
    def difference(self, other: Selection) -> Selection: ...

@final
class KeyTable:
    """The distinct (exchange, routing key, mandatory, immediate) that one decoder met, numbered from 0.

    Bounded: when it holds `KEYS_MAX` entries or their names `KEY_BYTES_MAX` bytes, the decoder starts a new table with
    the next push; older batches keep theirs.
    """

    KEYS_MAX: ClassVar[int]  # 4096
    KEY_BYTES_MAX: ClassVar[int]  # 256 KiB
    cache: dict[int, object]
    """For the caller: what it derived of a key id (its route, say). It dies with the table."""
    def __len__(self) -> int: ...
    def __getitem__(self, key: int, /) -> tuple[str, str, bool, bool]: ...

@final
class Message:
    """One row, copied out."""

    @property
    def exchange(self) -> str: ...
    @property
    def routing_key(self) -> str: ...
    @property
    def properties(self) -> bytes:
        """Property flags and property list as on the wire; at least the two flag bytes."""
    @property
    def body(self) -> bytes: ...
    @property
    def features(self) -> int: ...

@final
class Batch:
    """The contents that arrived on one channel in one push, or what `Batch.build`/`unpack` made. Immutable."""

    @staticmethod
    def build(pool: Pool, messages: Iterable[tuple[str, str, bytes, bytes, bool]], channel: int = 0) -> Batch:
        """Of (exchange, routing key, raw properties, body, mandatory). For internal publishes and tests.

        Raises ValueError for malformed properties or names over 255 bytes.
        """
    @property
    def channel(self) -> int: ...
    @property
    def features(self) -> int: ...
    @property
    def keys(self) -> KeyTable: ...
    @property
    def key(self) -> int:
        """The key id that all rows share, or -1 when they differ."""
    @property
    def body_bytes(self) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, row: int, /) -> Message: ...
    def partition(
        self, column: int = COLUMN_KEY, selection: Selection | None = None, name: str | None = None
    ) -> list[tuple[object, Selection]]:
        """Distinct values of a column in order of first appearance, each with its rows. Linear in the rows."""
    def select(self, features: int) -> Selection:
        """The rows that have any of these features."""

@final
class Settlement:
    """Adjacent acks, nacks or rejects of one method and kind on one channel, in their order."""

    def __new__(cls, channel: int, kind: int, items: Sequence[tuple[int, bool]], method: int = 0x003C0050) -> Self: ...
    @property
    def channel(self) -> int: ...
    @property
    def kind(self) -> int: ...
    @property
    def method(self) -> int:
        """class id << 16 | method id of the frames."""
    @property
    def items(self) -> list[tuple[int, bool]]:
        """(delivery tag, multiple)"""
    def __len__(self) -> int: ...

@final
class Command:
    """A method frame other than basic.publish, ack, nack, reject."""

    channel: int
    method: int  # class id << 16 | method id
    arguments: bytes  # what follows the two ids

@final
class ProtocolHeader:
    """The first 8 bytes of a connection, right or wrong."""

    data: bytes

@final
class Violation:
    """The peer broke the protocol. With channel 0 (or a hard code) the decoder reads nothing more; after a soft code
    on a channel (311 or 406: message too large) it skips that content and goes on."""

    channel: int
    code: int
    text: str  # without the leading NAME
    class_id: int
    method_id: int

Event = Batch | Settlement | Command | ProtocolHeader | Violation

@final
class Decoder:
    """Bytes of one connection in, events out, in order per channel.

    Before `open` it reads one frame per `next`, so that nothing is parsed under limits that are about to change. After
    it, `push` decodes all complete frames at once: consecutive contents of one channel become one batch (interleaved
    frames of other channels do not split it; a settlement or command on the same channel does). Adjacent settlements
    merge likewise. Heartbeats on channel 0 are swallowed.
    """

    def __new__(
        cls, pool: Pool, *, frame_max: int = 8192, max_message_size: int = 16777216, max_partial_size: int = 268435456
    ) -> Self:
        """`max_partial_size`: bytes that incomplete contents may have together after a push; over it is a 506."""
    def push(self, data: Buffer, size: int = -1) -> None:
        """Take the first `size` bytes of `data` (all when -1); they are copied before this returns."""
    def next(self) -> Event | None: ...
    def open(self, frame_max: int, channel_max: int = 0) -> None:
        """The connection is open; from here frames up to `frame_max` (0: no limit) are read eagerly.

        More than `channel_max` (0: no limit) channels with an incomplete content after a push are a 530: nobody but the
        decoder knows of these, and the channels need not be open.
        """
    def close(self) -> None:
        """Drop everything, read nothing more."""
    def discard_channel(self, channel: int) -> None:
        """Forget a content that is half received on this channel: it was closed."""
    @property
    def held_bytes(self) -> int:
        """Bytes of partial frames and partial contents kept inside."""

@final
class Extent:
    """Up to EXTENT_ROWS messages with consecutive sequence numbers, the first of them `base`: row i has base + i.

    Four bitmaps say what became of each row: ready, delivered (taken, not settled), settled, redelivered (was
    requeued once). A row is exactly one of ready, delivered, settled.
    """

    def __new__(cls, base: int) -> Self: ...
    @property
    def base(self) -> int: ...
    def __len__(self) -> int:
        """Rows appended, settled ones too."""
    @property
    def ready(self) -> int: ...
    @property
    def unacked(self) -> int: ...
    @property
    def ready_bytes(self) -> int:
        """Body bytes of ready rows."""
    @property
    def unacked_bytes(self) -> int: ...
    @property
    def full(self) -> bool: ...
    @property
    def features(self) -> int:
        """OR over all rows since the last recycle."""
    def append(self, batch: Batch, selection: Selection | None = None, start: int = 0) -> int:
        """Append the rows selection[start:] (None: all rows) as ready until full; how many were taken."""
    def take(self, limit: int, room: int = -1) -> Selection:
        """The first `limit` ready rows, now delivered. Stops after the row whose body makes `room` bytes exceeded (-1:
        no bound).
        """
    def take_rows(self, selection: Selection) -> Selection:
        """Those of the selection that are ready, now delivered."""
    def deal(self, credits: Sequence[int], rooms: Sequence[int], start: int = 0) -> tuple[list[Selection], int]:
        """Exact round robin in one pass: ready rows in order, each to the next consumer (from `start`) that has
        credit left (in messages) and room left (in bytes, may be overdrawn by its last message; -1: no bound). Ends
        when nothing is ready or nobody can take. Returns a selection per consumer (possibly empty) and whose turn is
        next.
        """
    def requeue(self, selection: Selection) -> None:
        """Delivered rows become ready again and redelivered. Raises ValueError if one is not delivered."""
    def settle(self, selection: Selection) -> None:
        """Delivered rows become settled; an arena without live rows is released. Raises ValueError if one is not
        delivered.
        """
    def select_ready(self) -> Selection: ...
    def select_persistent(self, selection: Selection | None = None) -> Selection:
        """The persistent ones of the selection (None: of all rows not settled)."""
    def is_redelivered(self, row: int) -> bool: ...
    def mark_redelivered(self, selection: Selection) -> None: ...
    def __getitem__(self, row: int, /) -> Message:
        """Raises IndexError for a settled or absent row."""
    def recycle(self) -> bool:
        """If all rows are settled: forget them, free their memory, base += rows; True. Otherwise False."""
    def compact(self, pool: Pool, limit: int = -1) -> int:
        """Copy live rows out of arenas of which less than a quarter is live, until `limit` bytes (-1: no bound) are
        moved; bytes moved.
        """
    def batch(self, pool: Pool, selection: Selection) -> Batch:
        """These rows as a batch of their own (shares the arenas): for dead letters, moves, the log."""

@final
class Ledger:
    """What is unacknowledged on one channel: runs of consecutive delivery tags, found by bisection.

    `owner` is any object (the consumer, or what a get stands for); settled rows come back with it.
    """

    def __new__(cls) -> Self: ...
    def __len__(self) -> int:
        """Messages unacknowledged, held ones not counted."""
    def add(self, first_tag: int, owner: object, extent: Extent, selection: Selection) -> None:
        """Tags must ascend from run to run. Raises ValueError otherwise."""
    def settle(
        self, settlement: Settlement, hold: bool = False
    ) -> tuple[list[tuple[object, Extent, Selection]], int | None]:
        """Resolve tags to rows, item by item: (owner, extent, rows) one per run touched, in tag order; then the
        first unknown tag or None. Items before the unknown one are resolved, it and those after are not. (0,
        multiple) means all and is never unknown; (n, multiple) takes every outstanding tag <= n, but tag n itself
        must be outstanding, else it is unknown and takes nothing. With `hold` the rows are set aside for a
        transaction instead of being forgotten.
        """
    def commit(self) -> None:
        """Forget what is held."""
    def rollback(self) -> None:
        """What is held is outstanding again, under its old tags."""
    def drain(self) -> list[tuple[object, Extent, Selection]]:
        """Everything outstanding and held, in tag order; the ledger is empty afterwards."""

@final
class Disk:
    """See `leveret.ports.Disk`. Its two threads never take the GIL; buffers are not copied."""

    def __new__(cls, directory: str) -> Self: ...
    def submit(self, ticket: int, ops: Sequence[DiskOp], sync: bool) -> None:
        """Raises ValueError for what is no op, and on a closed disk."""
    def read(self, ticket: int, name: str, offset: int, size: int) -> None: ...
    def poll(self) -> list[tuple[int, bytes | OSError | None]]: ...
    def resume(self) -> None: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...

def render_deliver(
    extent: Extent, selection: Selection, channel: int, consumer_tag: bytes, first_tag: int, frame_max: int
) -> bytes:
    """basic.deliver frames with their contents; tags count up from `first_tag`; the redelivered bit comes from the
    extent. Bodies are split so that no frame is over `frame_max` bytes (0: no limit).
    """

def render_get_ok(extent: Extent, row: int, channel: int, tag: int, message_count: int, frame_max: int) -> bytes: ...
def render_return(batch: Batch, selection: Selection, channel: int, code: int, text: str, frame_max: int) -> bytes:
    """basic.return frames with their contents."""

def pack(batch: Batch, selection: Selection | None = None) -> bytes:
    """Rows as self-contained bytes for a log record. Layout: u32 count, then per row: exchange shortstr, routing key
    shortstr, u8 flags (1: mandatory), u32 length and properties, u32 length and body; all integers big-endian.
    """

def unpack(pool: Pool, data: bytes) -> Batch:
    """The inverse. Raises ValueError for anything malformed."""
