"""The kernel's API. `leveret.wire.twin` has the same names in pure Python and passes the same tests.

The kernel moves messages: it knows bytes, indices and bitmaps; no sockets, no clocks, no policy. Python crosses into it
once per batch. Every object here is used from one thread (the GIL is held); only `Arena`s inside are shared. `Disk` is
apart from all this: threads that write and read files; its twin is `leveret.disk.threaded.ThreadedDisk`.

A *row* is one message: (exchange and routing key as shortstrings, properties as they came, body), kept as offsets into
an arena. A *selection* is an ascending list of row indices without duplicates.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final, Literal, Self, final, overload

from typing_extensions import Buffer

from .ports import DiskOp

VERSION: Final[str]
EXTENT_ROWS: Final = 4096
"""Rows that one extent holds at most."""
RECORD_HEADER: Final = 24
"""Bytes of a record before its body."""
SPILL: Final = 0x8000000000000000
"""The bit of positions that mean the spill instead of the log."""

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
    def window(self, start: int, stop: int, shift: int = 0) -> Selection:
        """The rows in `start..stop`, each minus `shift`. Raises ValueError when one is no u32 then."""
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
class Patch:
    """What becomes of rows in `Batch.rewrite`. Everything is optional; what is not said stays, byte for byte."""

    def __new__(
        cls,
        *,
        exchange: str | None = None,
        routing_key: str | None = None,
        headers: bytes | None = None,
        append: bytes = b"",
        without: Sequence[str] = (),
        drop_expiration: bool = False,
        expiration: str | None = None,
        reply_to: str | None = None,
        clear_mandatory: bool = False,
    ) -> Self:
        """`headers` is a whole raw table (without its 4 length bytes) instead of the row's; then the top-level headers
        `without` are removed, and then the raw fields `append` (name, type tag, value) are put at the end. There is a
        table if there was one before or anything is put there. Who appends a name that may be there already has to
        remove it.

        Raises ValueError for names, expirations and `reply_to` over 255 bytes, for `headers` and `append` that are
        malformed or nested too deep, and for an expiration that is both set and dropped.
        """

@final
class Batch:
    """The contents that arrived on one channel in one push, or what `Batch.build`/`unpack_block` made. Immutable."""

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
    def rewrite(self, pool: Pool, patches: Sequence[tuple[Selection, Patch]]) -> Batch:
        """All rows in their order, each changed by the patch of the selection that it is in, if any; features are as
        the new properties say. Rows that do not change share the arenas, the others are written to the pool. `keys` is
        the same table unless a patch changes a name or mandatory. (That a table is malformed cannot be: what is stored
        was checked.)

        Raises ValueError when a row is in two selections or becomes too large, IndexError for rows that are not there.
        """
    @staticmethod
    def concat(pool: Pool, batches: Sequence[Batch]) -> Batch:
        """The rows of several batches one after the other (shares the arenas), on channel 0. `keys` is their table if
        they have the same.
        """
    def body_bytes_of(self, selection: Selection) -> int: ...
    def fit(self, selection: Selection | None, rows: int, size: int) -> Selection:
        """Of these rows (None: all), in their order, each that fits into what those before have left of `rows` messages
        and `size` body bytes (-1: no bound).
        """
    def expiries(self, selection: Selection | None, now_ms: int, ttl_ms: int = -1) -> Expiries | None:
        """When these rows (None: all) expire: `now_ms` plus what their expiration property says, but not more than
        `ttl_ms` (-1: no bound; a row without the property has only that). An expiration that is no number (see
        `bad_expiration`) counts as absent. Never 0, which means never. None when no row expires.
        """
    def bad_expiration(self) -> int:
        """The first row whose expiration is not a decimal number of milliseconds in 0..315360000000 (digits, and
        perhaps a sign before them), -1 if there is none.
        """

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
class Expiries:
    """When messages expire, in milliseconds of wall time (0: never): runs of neighbours that do at the same time.

    Immutable. Neighbouring runs of the same time are joined, so there is one form for each.
    """

    def __new__(cls, runs: Iterable[tuple[int, int]]) -> Self:
        """Of (count, when_ms). Raises ValueError for a count of 0, for numbers over 64 bits, and for 2**63 rows."""
    def __len__(self) -> int:
        """Rows."""
    def __getitem__(self, index: slice, /) -> Expiries:
        """A part; only slices of step 1."""
    def __eq__(self, other: object, /) -> bool: ...
    @property
    def runs(self) -> list[tuple[int, int]]: ...
    @property
    def none(self) -> bool:
        """Whether all rows stay for ever."""
    def encode(self) -> bytes:
        """u32 number of runs, then per run u64 count and u64 when_ms; all integers big-endian."""
    @staticmethod
    def decode(data: Buffer) -> Expiries:
        """What `encode` wrote. Raises ValueError for anything else."""

@final
class Extent:
    """Up to EXTENT_ROWS messages with consecutive sequence numbers, the first of them `base`: row i has base + i.

    Four bitmaps say what became of each row: ready, delivered (taken, not settled), settled, redelivered (was
    requeued once). A row is exactly one of ready, delivered, settled.

    A row may lie on disk as well: its *place* is a block (position and length, see `encode_block`) and its number in
    it. Positions with the bit SPILL mean the spill instead of the log. An extent whose live rows all have places can be
    *stored*: it has no rows in memory then, and what needs them raises ValueError (`append`, `take` of a part, `deal`,
    `select_persistent`, `batch`, `extent[row]`, rendering).
    """

    def __new__(cls, base: int, lane: int = 0) -> Self: ...
    @property
    def base(self) -> int: ...
    @property
    def lane(self) -> int:
        """The id under which the log knows its messages."""
    def __len__(self) -> int:
        """Rows appended, settled ones too."""
    @property
    def ready(self) -> int: ...
    @property
    def unacked(self) -> int: ...
    @property
    def ready_bytes(self) -> int:
        """Body bytes of ready rows. When a part of a stored extent is settled, the rest by its share, until `load`."""
    @property
    def unacked_bytes(self) -> int: ...
    @property
    def full(self) -> bool: ...
    @property
    def features(self) -> int:
        """OR over all rows since the last recycle."""
    @property
    def resident(self) -> bool:
        """Whether the rows are in memory."""
    def append(
        self,
        batch: Batch,
        selection: Selection | None = None,
        start: int = 0,
        position: int = -1,
        length: int = 0,
        expiries: Expiries | None = None,
    ) -> int:
        """Append the rows selection[start:] (None: all rows) as ready until full; how many were taken.

        With position >= 0 the persistent rows of `selection` (all of it, from its begin) are, in order, the rows of the
        block there. `expiries` has one for each row of `selection` (all of it, from its begin). Raises ValueError if no
        block can lie there, or there are more or fewer expiries.
        """
    def take(self, limit: int, room: int = -1) -> Selection:
        """The first `limit` ready rows, now delivered. Stops after the row whose body makes `room` bytes exceeded (-1:
        no bound). Of a stored extent all or nothing, and without `room`: for purging and deleting.
        """
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
    @property
    def next_expiry(self) -> int:
        """When the first ready row expires, or an earlier time; 0 if none does. It may be too early after rows were
        taken, or given other expiries; `select_expired` makes it exact, and so does `drop` of those that expire first.
        """
    def select_expired(self, now_ms: int) -> Selection:
        """Ready rows with 0 < when <= now_ms; of a stored extent, too."""
    def set_expiries(self, first_row: int, expiries: Expiries) -> None:
        """The rows from `first_row` on, in memory or not, expire so. Raises ValueError for rows that are not there."""
    def select_head(self, rows: int, size: int) -> Selection:
        """The first ready rows, until they are at least `rows` and have at least `size` body bytes (0: that asks for
        nothing). They stay ready. Of a stored extent as if all bodies had the same size.
        """
    def select_ready(self) -> Selection: ...
    def select_persistent(self, selection: Selection | None = None) -> Selection:
        """The persistent ones of the selection (None: of all rows not settled). Of rows that were settled when the
        extent was last evicted nobody knows.
        """
    def is_redelivered(self, row: int) -> bool: ...
    def mark_redelivered(self, selection: Selection) -> None: ...
    def mark_all_redelivered(self) -> None: ...
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
    def drop(self, selection: Selection) -> None:
        """Those of the selection that are ready become settled without being taken; others stay what they are."""
    @property
    def log_end(self) -> int:
        """Where the last block of a live row in the log ends; 0 if there is none."""
    def restore(self, pieces: Pieces, room: int = -1) -> int:
        """Take rows from the pieces for as long as they fit (number < base + EXTENT_ROWS), and until more than `room`
        bytes are ready (-1: no bound); how many. Numbers that are skipped become settled rows, the others ready ones.
        The extent is stored once it has rows. Raises ValueError if
        it is resident and not empty, or has rows with these numbers.
        """
    def unstored(self) -> Selection:
        """Live rows that have no place."""
    def store(self, position: int, length: int, selection: Selection, skip: int = 0) -> None:
        """The rows of the selection are, in order, those of this block from `skip` on: it replaces their places.
        Settled ones count, too. Raises ValueError for absent rows, or if no block can lie there.
        """
    def evict(self) -> int:
        """Drop rows and arenas; bytes of live messages that were in them. Raises ValueError if rows are delivered or
        have no place. Nothing happens to an extent that is empty or stored.
        """
    def ranges(self, gap: int, limit: int) -> list[tuple[int, int]]:
        """(position, size) to read for `load`: the blocks of live rows, ascending; joined where less than `gap` bytes
        lie between and the result is no longer than `limit`. Spill and log are never joined.
        """
    def load(self, pool: Pool, ranges: Sequence[tuple[int, Buffer]]) -> None:
        """Resident again: (position, bytes there) for what `ranges` gave. Places are kept. Raises ValueError with the
        position of a block that is missing or damaged (nothing changed then), or if it is resident.
        """
    def places_in(self, start: int, stop: int) -> Selection:
        """Live rows whose block begins in [start, stop)."""
    def forget_spill(self) -> None:
        """Places in the spill are void. Raises ValueError if it is stored."""
    def state(self) -> bytes:
        """For a checkpoint: base, rows, which of them are live and have a place in the log (others count as settled),
        which of these are redelivered, their places, when they expire.
        """
    @staticmethod
    def from_state(data: Buffer, lane: int = 0) -> Extent:
        """Stored, all live rows ready. Raises ValueError for anything malformed."""

@final
class Pieces:
    """What recovery knows of the rows of a queue without looking at them, taken from the front by `Extent.restore`."""

    def __new__(cls, pieces: Sequence[tuple[int, int, int, int, int, int, int]] = ()) -> Self:
        """Of (first, count, position, length, skip, body bytes, features): the messages first..first+count are the rows
        skip..skip+count of the block of `length` bytes at `position`. Raises ValueError unless they ascend and can be.
        """
    def __len__(self) -> int:
        """Rows that are left."""
    @property
    def next(self) -> int | None:
        """The number of the next row."""

@final
class Usage:
    """Live bytes of the log by segment: of each block the share of its rows that is live."""

    def __new__(cls, bases: Sequence[int]) -> Self:
        """Of segments that begin at these positions. Raises ValueError unless they ascend."""
    def add(self, extent: Extent) -> None: ...
    @property
    def bytes(self) -> list[int]:
        """In the order of `bases`."""

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
    @property
    def oldest(self) -> int:
        """The lowest outstanding tag, held ones not counted; 0 if there is none."""
    def owners_before(self, tag: int) -> list[object]:
        """Those (by identity, each once) who have a tag < `tag` outstanding, in tag order; held ones not counted."""
    def withdraw(self, owner: object) -> list[tuple[object, Extent, Selection]]:
        """Everything outstanding of this owner (by identity), in tag order: its tags are unknown afterwards. What is
        held for a transaction stays held: it was answered.
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

# -- the log -----------------------------------------------------------------------------------------------------------
#
# A log is made of *records*, a record of *ops*: kind, length, body. `leveret.wire.records` says what they mean. The
# rows of an op are a *block* at its end, which can be read alone: its *place* is (position in the log, length).

def crc32c(data: Buffer, seed: int = 0) -> int:
    """CRC-32C (Castagnoli) of `data`, or of what `seed` is the crc of followed by `data`."""

def encode_publish(
    targets: Sequence[tuple[int, int]], batch: Batch, selection: Selection | None, offsets: Selection | None
) -> tuple[bytes, int, int]:
    """The op that rows of a batch (None: all) went to queues: (the op, offset of its block, length of the block).

    `targets` are (queue id, first); row i has number first + offsets[i] there (None or empty: first + i). Raises
    ValueError when there is not an offset per row, or a number would be over 64 bits.
    """

def encode_settle(queue: int, base: int, reason: int, selection: Selection) -> bytes:
    """The op that rows of the extent at `base` are done with. Raises ValueError for rows over EXTENT_ROWS."""

def encode_relocate(queue: int, base: int, selection: Selection, batch: Batch) -> tuple[bytes, int, int]:
    """The op that rows of the extent at `base` are from now on, in order, the rows of the block that it carries."""

def encode_op(kind: int, body: Buffer) -> bytes:
    """Any op of which the body is known."""

def encode_block(batch: Batch, selection: Selection | None = None) -> bytes:
    """Rows as self-contained bytes: u32 length and u32 CRC-32C of what follows, then u32 count and per row: exchange
    shortstr, routing key shortstr, u8 flags (1: mandatory), u32 length and properties, u32 length and body; all
    integers big-endian.
    """

def unpack_block(pool: Pool, data: Buffer) -> Batch:
    """Its rows. Raises ValueError unless `data` is one whole block with its crc."""

def seal_record(position: int, synced: int, ops: Sequence[bytes]) -> bytes:
    """Header, ops, and zeros up to the next multiple of 8. Without ops: the record that ends a segment.

    `position` is where it will be, everything before `synced` is on disk now. Raises ValueError when it is more than
    4 GiB, or `synced` is after `position`.
    """

def find_record(data: Buffer, start: int, after: int) -> tuple[int, int] | None:
    """The first record at a position > `after`, where `data` begins at position `start`: (position, its `synced`).

    It tells a torn end from damage. Only its header and crc are looked at.
    """

Step = (
    tuple[Literal[1], int, Pieces]  # PUBLISH: queue id, rows
    | tuple[Literal[2], int, int, Selection]  # SETTLE: queue id, base, rows
    | tuple[Literal[3], int, bytes]  # DEFINITION: position of the record, what the op holds
    | tuple[Literal[4], int, int, Selection, int, int]  # RELOCATE: queue id, base, rows, place of the block
    | tuple[Literal[5], int, bytes]  # EXTENT: queue id, what the op holds of its state
    | tuple[Literal[6], int, list[tuple[int, Expiries]]]  # EXPIRY: queue id, from which number on which expire when
)

@final
class Replay:
    """Reads a log without a Python step per record.

    Rows are not unpacked; that a record has its crc and is well-formed is checked, and it counts whole or not at all.
    """

    position: int
    """Where the next record is expected. After the end of a segment: to be set to the next one's first record."""
    def __new__(cls, position: int) -> Self: ...
    @property
    def synced(self) -> int:
        """The highest `synced` of all records so far."""
    @property
    def stop(self) -> str:
        """Why `read` ended: "end" (of the data; a record may follow), "sealed" (end of this segment; `position` is
        after the record that says so) or "bad" (no record at `position`).
        """
    @property
    def need(self) -> int:
        """With "end": bytes from `position` on that make the next record whole. Only its header says so, unchecked:
        when that is more than the segment has, there is no record.
        """
    @property
    def counts(self) -> tuple[int, ...]:
        """Records so far, those that end segments, too; then ops of the kinds 1 to 6."""
    def read(self, data: Buffer, start: int) -> list[Step]:
        """Take all records of `data`, bytes of the log from position `start` <= `position` on, that are whole; the
        steps in the order in which they are to be applied.

        Between two steps of other kinds all publishes to a queue are joined to one step (in two only if their numbers
        do not ascend), then all expiries of a queue to one (its list is in order, what goes on with the one before is
        joined with it, later ones count), then all settlements of a (queue, base) to one.
        """
