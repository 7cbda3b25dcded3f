"""The kernel against its twin: whatever comes in, both say the same.

Streams of frames (sound, broken, cut anywhere) into two decoders; random sequences of operations on two extents and two
ledgers; logs (sound, broken, cut anywhere) into two replays. The twin is the naive model, so a difference is nearly
always the kernel's fault; the tests of `tests/wire` say what is right.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ..wire.support import (
    LONG,
    NO_PROPERTIES,
    PERSISTENT_PROPERTIES,
    PROTOCOL_HEADER,
    ack,
    bodies,
    events,
    field,
    frame,
    header,
    headers,
    implementation,
    longstr,
    method,
    nack,
    nested,
    plain,
    plain_steps,
    publish_method,
    reject,
    rows,
)

EXAMPLES = 5000 if LONG else 200

kernel = implementation("kernel")
twin = implementation("twin")

pytestmark = [pytest.mark.skipif(kernel is None, reason="the kernel is not built"), pytest.mark.timeout(900)]

# -- streams -----------------------------------------------------------------------------------------------------------

CHANNELS = st.integers(1, 3)
NAMES = st.sampled_from(["", "q", "a.b", "é", "x" * 255])
PROPERTIES = st.sampled_from(
    [
        NO_PROPERTIES,
        NO_PROPERTIES,
        PERSISTENT_PROPERTIES,
        headers(),
        headers(field("CC", b"A\x00\x00\x00\x00"), field("x", longstr(b"1"))),
        nested(b"F", 31),
        b"\x0b\x10\x05\x02rq\x0260\x05guest",
    ]
)
BROKEN_PROPERTIES = st.one_of(st.binary(max_size=12), st.sampled_from([nested(b"A", 32), headers(field("a", b"Z"))]))


@st.composite
def contents(draw: st.DrawFn) -> tuple[int, list[bytes]]:
    """A channel and the frames of one content on it."""
    channel = draw(CHANNELS)
    body = draw(st.binary(max_size=40))
    part = draw(st.sampled_from([0, 0, 1, 7]))
    properties = draw(PROPERTIES)
    step = part or len(body) or 1
    frames = [
        publish_method(channel, draw(NAMES), draw(NAMES), draw(st.sampled_from([0, 0, 1, 2, 3, 255]))),
        header(channel, len(body), properties),
        *[bodies(channel, body[at : at + step]) for at in range(0, len(body), step)],
    ]
    return channel, frames


@st.composite
def settlements(draw: st.DrawFn) -> tuple[int, list[bytes]]:
    channel, tag = draw(CHANNELS), draw(st.sampled_from([0, 1, 2, 1 << 40, (1 << 64) - 1]))
    bit, other = draw(st.booleans()), draw(st.booleans())
    made = draw(st.sampled_from([ack(channel, tag, bit), reject(channel, tag, bit), nack(channel, tag, bit, other)]))
    return channel, [made] * draw(st.integers(1, 3))


@st.composite
def commands(draw: st.DrawFn) -> tuple[int, list[bytes]]:
    channel = draw(st.integers(0, 3))
    return channel, [
        method(channel, draw(st.integers(0, 65535)), draw(st.integers(0, 65535)), draw(st.binary(max_size=9)))
    ]


@st.composite
def odd(draw: st.DrawFn) -> tuple[int, list[bytes]]:
    """What no client should send."""
    channel = draw(st.integers(0, 3))
    made = draw(
        st.one_of(
            st.builds(frame, st.integers(0, 9), st.just(channel), st.binary(max_size=20)),
            st.builds(header, st.just(channel), st.integers(0, 50), BROKEN_PROPERTIES),
            st.builds(
                header, st.just(channel), st.sampled_from([0, 9, 1 << 29, 1 << 30]), PROPERTIES, st.integers(59, 61)
            ),
            st.builds(lambda body: bodies(channel, body), st.binary(min_size=1, max_size=9)),
            st.builds(lambda raw: method(channel, 60, 40, raw), st.binary(max_size=9)),
            st.builds(lambda raw: publish_method(channel, raw, raw), st.binary(max_size=3)),
            st.builds(lambda raw: method(channel, 60, 80, raw), st.binary(min_size=8, max_size=10)),
            st.just(publish_method(channel)),
            st.builds(lambda size: struct.pack(">BHI", 1, channel, size), st.sampled_from([4097, 1 << 31])),
        )
    )
    return channel, [made]


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Frames of a few channels, interleaved as they may be, now and then with something odd in between."""
    kinds = [contents(), contents(), contents(), settlements(), commands()]
    if draw(st.booleans()):
        kinds.append(odd())
    waiting: dict[int, list[bytes]] = {0: [], 1: [], 2: [], 3: []}
    for channel, frames in draw(st.lists(st.one_of(kinds), max_size=12)):
        waiting[channel] += frames
    if draw(st.booleans()):
        stream = [part for channel in (1, 2, 0, 3) for part in waiting[channel]]
    else:
        stream = []
        while left := [channel for channel in waiting if waiting[channel]]:
            channel = draw(st.sampled_from(left))
            count = draw(st.integers(1, 4))
            stream += waiting[channel][:count]
            del waiting[channel][:count]
    if draw(st.booleans()):
        stream.insert(draw(st.integers(0, len(stream))), b"\x08\x00\x00\x00\x00\x00\x00\xce")
    return b"".join(stream)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A stream with a few bytes changed, put in or taken out."""
    stream = bytearray(draw(streams()))
    for _ in range(draw(st.integers(1, 4))):
        if not stream:
            break
        at = draw(st.integers(0, len(stream) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                stream[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del stream[at : at + draw(st.integers(1, 9))]
            case 2:
                stream[at:at] = draw(st.binary(min_size=1, max_size=9))
            case _:
                del stream[at:]
    return bytes(stream)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(stream) + 1) for place in places)
    return [stream[start:stop] for start, stop in zip([0, *ends], [*ends, len(stream)], strict=True)]


def assert_same(pieces: list[bytes], *, frame_max: int = 4096, size_max: int = 30, discarded: int = 0) -> None:
    """Feed both; their events and what they hold must be the same after each piece."""
    pair = [impl.Decoder(impl.Pool(), max_message_size=size_max, max_partial_size=40) for impl in (kernel, twin)]
    for decoder in pair:
        decoder.push(PROTOCOL_HEADER)
        decoder.next()
        decoder.open(frame_max, 2)
    for number, piece in enumerate(pieces):
        found, wanted = [], []
        for decoder, said in zip(pair, (found, wanted), strict=True):
            decoder.push(piece)
            said += [plain(event) for event in events(decoder)]
        assert found == wanted
        assert pair[0].held_bytes == pair[1].held_bytes
        if discarded and number == len(pieces) // 2:
            for decoder in pair:
                decoder.discard_channel(discarded)


CUTS = st.lists(st.integers(0, 1 << 16), max_size=6)


@settings(max_examples=EXAMPLES)
@given(streams(), CUTS, st.integers(0, 3))
def test_streams(stream: bytes, places: list[int], discarded: int) -> None:
    assert_same(cut(stream, places), discarded=discarded)


@settings(max_examples=EXAMPLES)
@given(mutated(), CUTS)
def test_mutated_streams(stream: bytes, places: list[int]) -> None:
    assert_same(cut(stream, places))


@settings(max_examples=EXAMPLES // 5)
@given(streams(), st.sampled_from([0, 24, 100]))
def test_streams_byte_by_byte(stream: bytes, frame_max: int) -> None:
    assert_same([stream[at : at + 1] for at in range(len(stream))], frame_max=frame_max)


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=200), CUTS)
def test_garbage(stream: bytes, places: list[int]) -> None:
    assert_same(cut(stream, places))


@settings(max_examples=EXAMPLES // 2)
@given(mutated(), CUTS)
def test_handshake(stream: bytes, places: list[int]) -> None:
    """Before the connection is open: frame by frame, then open with whatever is left."""
    said: list[list[Any]] = [[], []]
    for impl, mine in zip((kernel, twin), said, strict=True):
        decoder = impl.Decoder(impl.Pool(), frame_max=100, max_message_size=30)
        for piece in cut(method(0, 10, 11, b"x") + stream, places):
            decoder.push(PROTOCOL_HEADER + piece if not mine else piece)
            mine.append([plain(event) for event in (decoder.next(), decoder.next()) if event is not None])
        mine.append(decoder.held_bytes)
        decoder.open(4096)
        mine += [plain(event) for event in events(decoder)]
        mine.append(decoder.held_bytes)
    assert said[0] == said[1]


@settings(max_examples=EXAMPLES)
@given(st.one_of(BROKEN_PROPERTIES, st.binary(max_size=60), PROPERTIES, st.binary(max_size=30).map(headers)))
def test_properties(raw: bytes) -> None:
    said = []
    for impl in (kernel, twin):
        try:
            batch = impl.Batch.build(impl.Pool(), [("", "", raw, b"", False)])
        except ValueError:
            said.append(None)
            continue
        names = ["content_type", "headers", "delivery_mode", "priority", "timestamp", "type", "cluster_id"]
        found = [batch.partition(impl.COLUMN_PROPERTY, None, name)[0][0] for name in names]
        found += [batch.partition(impl.COLUMN_HEADER, None, name)[0][0] for name in ("", "a", "CC")]
        said.append((batch.features, found, batch.partition(impl.COLUMN_HEADERS)[0][0]))
    assert said[0] == said[1]


# -- extents and ledgers -----------------------------------------------------------------------------------------------

ROWS = st.lists(st.integers(0, 40), max_size=8)
SIZES = st.lists(st.sampled_from([0, 1, 5, 100]), max_size=10)
WHENS = st.lists(st.integers(0, 9), max_size=10)
STEPS = st.one_of(
    st.tuples(st.just("append"), SIZES, st.booleans()),
    st.tuples(st.just("append_part"), SIZES, ROWS, st.integers(0, 4)),
    st.tuples(st.just("append_rewritten"), SIZES, ROWS, ROWS, st.sampled_from([1, 100, 2000])),
    st.tuples(st.just("append_expiring"), SIZES, st.integers(0, 4), WHENS),
    st.tuples(st.just("set_expiries"), st.integers(0, 40), WHENS),
    st.tuples(st.just("expired"), st.integers(0, 9)),
    st.tuples(st.just("drop_expired"), st.integers(0, 9)),
    st.tuples(st.just("drop"), ROWS),
    st.tuples(st.just("head"), st.integers(0, 12), st.sampled_from([0, 0, 1, 5, 106, 1000])),
    st.tuples(st.just("fit"), SIZES, ROWS, st.integers(-1, 6), st.sampled_from([-1, 0, 1, 6, 150])),
    st.tuples(st.just("take"), st.integers(0, 12), st.sampled_from([-1, -1, 0, 1, 5, 50, 1000])),
    st.tuples(
        st.just("deal"),
        st.lists(st.tuples(st.integers(0, 5), st.sampled_from([-1, -1, 0, 1, 6, 150])), min_size=1, max_size=4),
        st.integers(0, 3),
    ),
    st.tuples(st.just("requeue"), ROWS),
    st.tuples(st.just("settle"), ROWS),
    st.tuples(st.just("requeue_delivered"), ROWS),
    st.tuples(st.just("settle_delivered"), ROWS),
    st.tuples(st.just("settle_delivered"), st.just(list(range(41)))),
    st.tuples(st.just("mark_redelivered"), ROWS),
    st.tuples(st.just("persistent"), ROWS),
    st.tuples(st.just("batch"), ROWS),
    st.tuples(st.just("render"), ROWS),
    st.tuples(st.just("recycle")),
    st.tuples(st.just("compact")),
)


class Driver:
    """One extent and the operations on it, by name; what they say in a form that can be compared."""

    def __init__(self, impl: Any) -> None:
        self.impl = impl
        self.pool = impl.Pool(4096)
        self.extent = impl.Extent(1000)
        self.delivered: set[int] = set()
        self.count = 0

    def selection(self, numbers: list[int], among: set[int] | None = None) -> Any:
        return self.impl.Selection(sorted({row for row in numbers if among is None or row in among}))

    def made(self, sizes: list[int], persistent: bool = False) -> Any:
        properties = PERSISTENT_PROPERTIES if persistent else NO_PROPERTIES
        messages = []
        for size in sizes:
            self.count += 1
            messages.append(("", f"key {self.count % 3}", properties, bytes([self.count % 256]) * size, size == 5))
        return self.impl.Batch.build(self.pool, messages)

    def append(self, sizes: list[int], persistent: bool) -> Any:
        return self.extent.append(self.made(sizes, persistent))

    def append_part(self, sizes: list[int], numbers: list[int], start: int) -> Any:
        batch = self.made(sizes)
        chosen = self.selection(numbers, set(range(len(sizes))))
        return self.extent.append(batch, chosen, min(start, len(chosen)))

    def append_rewritten(self, sizes: list[int], renamed: list[int], grown: list[int], size: int) -> Any:
        """Some rows with other names, some with more headers, behind those that stayed."""
        batch, patch, every = self.made(sizes), self.impl.Patch, set(range(len(sizes)))
        patches = [
            (self.selection(renamed, every), patch(exchange="new", routing_key=f"key {size}")),
            (self.selection(grown, every - set(renamed)), patch(append=field("x", longstr(bytes(size))))),
        ]
        new = batch.rewrite(self.pool, patches)
        return self.extent.append(self.impl.Batch.concat(self.pool, [batch, new])), rows(new)

    def expiries(self, whens: list[int]) -> Any:
        return self.impl.Expiries([(1, when) for when in whens])

    def append_expiring(self, sizes: list[int], start: int, whens: list[int]) -> Any:
        return self.extent.append(self.made(sizes), None, start, expiries=self.expiries(whens))

    def set_expiries(self, first: int, whens: list[int]) -> Any:
        self.extent.set_expiries(first, self.expiries(whens))

    def expired(self, now_ms: int) -> Any:
        return list(self.extent.select_expired(now_ms))

    def drop_expired(self, now_ms: int) -> Any:
        rows = self.extent.select_expired(now_ms)
        self.extent.drop(rows)
        return list(rows)

    def head(self, rows: int, size: int) -> Any:
        return list(self.extent.select_head(rows, size))

    def fit(self, sizes: list[int], numbers: list[int], count: int, size: int) -> Any:
        batch, chosen = self.made(sizes), self.selection(numbers, set(range(len(sizes))))
        return list(batch.fit(None, count, size)), list(batch.fit(chosen, count, size)), batch.body_bytes_of(chosen)

    def drop(self, numbers: list[int]) -> Any:
        self.extent.drop(self.selection(numbers))

    def taken(self, selection: Any) -> list[int]:
        self.delivered |= set(selection)
        return list(selection)

    def take(self, limit: int, room: int) -> Any:
        return self.taken(self.extent.take(limit, room))

    def deal(self, takers: list[tuple[int, int]], start: int) -> Any:
        credits, rooms = [credit for credit, _ in takers], [room for _, room in takers]
        parts, turn = self.extent.deal(credits, rooms, start % len(takers))
        return [self.taken(part) for part in parts], turn

    def requeue(self, numbers: list[int]) -> Any:
        chosen = self.selection(numbers)
        self.extent.requeue(chosen)
        self.delivered -= set(chosen)

    def settle(self, numbers: list[int]) -> Any:
        chosen = self.selection(numbers)
        self.extent.settle(chosen)
        self.delivered -= set(chosen)

    def requeue_delivered(self, numbers: list[int]) -> Any:
        self.requeue(sorted(self.delivered & set(numbers)))

    def settle_delivered(self, numbers: list[int]) -> Any:
        self.settle(sorted(self.delivered & set(numbers)))

    def mark_redelivered(self, numbers: list[int]) -> Any:
        self.extent.mark_redelivered(self.selection(numbers, set(range(len(self.extent)))))

    def persistent(self, numbers: list[int]) -> Any:
        chosen = self.selection(numbers, set(range(len(self.extent))))
        return list(self.extent.select_persistent(chosen)), list(self.extent.select_persistent())

    def batch(self, numbers: list[int]) -> Any:
        return rows(self.extent.batch(self.pool, self.selection(numbers, self.delivered)))

    def render(self, numbers: list[int]) -> Any:
        chosen = self.selection(numbers, self.delivered)
        return self.impl.render_deliver(self.extent, chosen, 3, b"tag", 9, 50)

    def recycle(self) -> Any:
        done = self.extent.recycle()
        return done, self.extent.base

    def compact(self) -> Any:
        self.extent.compact(self.pool)  # what is worth moving depends on where the rows lie

    def body(self, row: int) -> Any:
        return self.extent[row].body

    def state(self) -> tuple[Any, ...]:
        extent = self.extent
        return (
            (len(extent), extent.ready, extent.unacked, extent.ready_bytes, extent.unacked_bytes),
            extent.features,
            extent.next_expiry,
            list(extent.select_ready()),
            [extent.is_redelivered(row) for row in range(len(extent))],
            [attempt(self.body, row) for row in range(len(extent) + 1)],
        )


def attempt(operation: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return operation(*arguments)
    except (ValueError, IndexError, OverflowError) as error:
        return type(error).__name__


@settings(max_examples=EXAMPLES)
@given(st.lists(STEPS, max_size=25))
def test_extents(steps: list[tuple[Any, ...]]) -> None:
    pair = [Driver(impl) for impl in (kernel, twin)]
    for step in steps:
        found, wanted = [attempt(getattr(driver, step[0]), *step[1:]) for driver in pair]
        assert found == wanted, step
        found, wanted = [driver.state() for driver in pair]
        assert found == wanted, step


ITEMS = st.lists(st.tuples(st.integers(-1, 50), st.booleans()), max_size=6)
LEDGER_STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 2), st.integers(1, 6)),
    st.tuples(st.just("settle"), ITEMS, st.sampled_from([False, False, True])),
    st.tuples(st.just("commit")),
    st.tuples(st.just("rollback")),
    st.tuples(st.just("drain")),
    st.tuples(st.just("withdraw"), st.integers(0, 2)),
    st.tuples(st.just("owners_before"), st.integers(0, 60)),
)


OWNERS = ("one", "two", "three")


@settings(max_examples=EXAMPLES)
@given(st.lists(LEDGER_STEPS, max_size=25), st.integers(1, 3))
def test_ledgers(steps: list[tuple[Any, ...]], stride: int) -> None:
    impls = (kernel, twin)
    ledgers = [impl.Ledger() for impl in impls]
    extents = [impl.Extent(0) for impl in impls]
    next_tag, next_row = 1, 0
    for step in steps:
        said = []
        for impl, ledger, extent in zip(impls, ledgers, extents, strict=True):
            found: Any = None
            match step:
                case ("add", gap, count):
                    selection = impl.Selection(range(next_row, next_row + count * stride, stride))
                    ledger.add(next_tag + gap, OWNERS[next_row % 3], extent, selection)
                case ("withdraw", number):
                    found = [(owner, list(selection)) for owner, _, selection in ledger.withdraw(OWNERS[number])]
                case ("owners_before", tag):
                    found = ledger.owners_before(tag)
                case ("settle", items, hold):
                    tags = [(tag if tag >= 0 else 1 << 63, multiple) for tag, multiple in items]
                    portions, unknown = ledger.settle(impl.Settlement(1, 0, tags), hold)
                    found = [(owner, list(selection)) for owner, _, selection in portions], unknown
                case ("drain",):
                    found = [(owner, list(selection)) for owner, _, selection in ledger.drain()]
                case (name,):
                    getattr(ledger, name)()
            said.append((found, len(ledger), ledger.oldest))
        assert said[0] == said[1], step
        if step[0] == "add":
            next_tag += step[1] + step[2]
            next_row += step[2] * stride


# -- logs --------------------------------------------------------------------------------------------------------------

NUMBERS = st.sampled_from([0, 1, 2, 3, 64, 4095, 4096, 1 << 32, (1 << 63) - 8, 1 << 63, (1 << 64) - 2, (1 << 64) - 1])
SOME_ROWS = st.one_of(
    st.sets(st.integers(0, 4096), max_size=6), st.sets(st.integers(0, 150)), st.builds(range, st.integers(0, 200))
).map(sorted)
OPS = st.one_of(
    st.tuples(
        st.just("publish"), st.lists(st.tuples(st.integers(1, 3), NUMBERS), max_size=3), SIZES, st.booleans(), SOME_ROWS
    ),
    st.tuples(st.just("settle"), st.integers(1, 2), NUMBERS, st.sampled_from([0, 1, 255, 256]), SOME_ROWS),
    st.tuples(st.just("relocate"), st.integers(1, 2), NUMBERS, st.lists(st.integers(0, 5000), max_size=4)),
    st.tuples(st.just("expire"), st.integers(1, 2), NUMBERS, WHENS),
    st.tuples(st.just("other"), st.integers(-1, 7), st.binary(max_size=40)),
)


def encoded(impl: Any, op: tuple[Any, ...]) -> Any:
    def made(sizes: list[int]) -> Any:
        messages = [("", "q", PERSISTENT_PROPERTIES, bytes(size), size == 5) for size in sizes]
        return impl.Batch.build(impl.Pool(), messages)

    match op:
        case ("publish", targets, sizes, counted, numbers):
            offsets = None if counted else impl.Selection(numbers[: len(sizes)])
            return impl.encode_publish(targets, made(sizes), None, offsets)[0]
        case ("settle", queue, base, reason, numbers):
            return impl.encode_settle(queue, base, reason, impl.Selection(numbers))
        case ("relocate", queue, base, numbers):
            return impl.encode_relocate(queue, base, impl.Selection(sorted({*numbers})), made(numbers))[0]
        case ("expire", queue, first, whens):
            expiries = impl.Expiries([(1, when) for when in whens])
            return impl.encode_op(6, struct.pack(">QQ", queue, first) + expiries.encode())
        case (_, kind, body):
            return impl.encode_op(kind, body)


def assert_read_alike(log: bytes, start: int, cuts: list[int]) -> None:
    """Both read the same, piece by piece."""
    said: list[list[Any]] = [[], []]
    for impl, mine in zip((kernel, twin), said, strict=True):
        mine.append(attempt(impl.Replay, start) if start >= 1 << 63 else None)
        if mine[0] is not None:
            continue
        replay = impl.Replay(start)
        for size in sorted({*(cut % (len(log) + 1) for cut in cuts), len(log)}):
            at = replay.position - start
            mine.append(plain_steps(replay.read(log[at:size], start + at)))
            mine.append((replay.stop, replay.position, replay.synced, replay.need))
            mine.append(impl.find_record(log[:size], start, replay.position))
        mine.append(impl.find_record(log, start, 0))
    assert said[0] == said[1]


@settings(max_examples=EXAMPLES)
@given(st.data(), st.lists(st.lists(OPS, max_size=4), max_size=6), CUTS)
def test_logs(data: st.DataObject, plan: list[list[tuple[Any, ...]]], cuts: list[int]) -> None:
    start = data.draw(st.sampled_from([0, 64, (1 << 63) - 512]))
    log = b""
    for ops in plan:
        written = []
        for op in ops:
            found, wanted = (attempt(encoded, impl, op) for impl in (kernel, twin))
            assert found == wanted, op
            if isinstance(found, bytes):
                written.append(found)
        arguments = (start + len(log), data.draw(st.integers(0, start + len(log))), written)
        found, wanted = (attempt(impl.seal_record, *arguments) for impl in (kernel, twin))
        assert found == wanted
        log += found if isinstance(found, bytes) else b""
    assert_read_alike(log, start, cuts)
    if log:
        broken = bytearray(log)
        broken[data.draw(st.integers(0, len(log) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        assert_read_alike(bytes(broken), start, cuts)


@settings(max_examples=EXAMPLES * 2)
@given(st.data(), st.lists(OPS, min_size=1, max_size=3))
def test_broken_ops_in_sound_records(data: st.DataObject, ops: list[tuple[Any, ...]]) -> None:
    """What a checksum does not keep out."""
    written = [op for op in (attempt(encoded, twin, op) for op in ops) if isinstance(op, bytes)]
    body = bytearray(b"".join(written))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(len(body) - 1, 0)))
        match data.draw(st.integers(0, 3)):
            case 0 if body:
                body[at] ^= 1 << data.draw(st.integers(0, 7))
            case 1 if body:
                body[at] = data.draw(st.sampled_from([0, 1, 2, 3, 4, 5, 255]))
            case 2:
                del body[at : at + data.draw(st.integers(1, 5))]
            case _:
                body[at:at] = data.draw(st.binary(min_size=1, max_size=5))
    log = b""
    for part in (written, [bytes(body)], []):
        log += kernel.seal_record(len(log), 0, part)
    assert_read_alike(log, 0, [])


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=120), NUMBERS)
def test_garbage_in_the_place_of_logs(data: bytes, start: int) -> None:
    assert_read_alike(data, start, [])
    sealed = kernel.seal_record(0, 0, [data])
    assert_read_alike(sealed, 0, [])
    said = []
    for impl in (kernel, twin):
        block = struct.pack(">II", len(data), impl.crc32c(data)) + data
        said += [attempt(lambda impl, block: rows(impl.unpack_block(impl.Pool(), block)), impl, block)]
    assert said[0] == said[1]
