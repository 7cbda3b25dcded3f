"""Replay: what was put into a log comes out joined, each record all or none, and nothing broken is taken for one."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.wire import Pool
from leveret.wire.records import (
    DEFINITION,
    EXPIRY,
    EXTENT,
    PUBLISH,
    RELOCATE,
    SETTLE,
    DeleteQueue,
    Expire,
    ExtentState,
    Publish,
    Relocate,
    Settle,
    encode_op,
)

from .support import (
    PERSISTENT_PROPERTIES,
    build,
    decode_record,
    implementation,
    log_of,
    plain_steps,
    refused,
    replayed,
    rows,
)

START = 64
DELETE = encode_op(DeleteQueue(9, "/"))[0]


def publish(impl: Any, bodies: list[bytes], *targets: tuple[int, int], offsets: list[int] | None = None) -> bytes:
    batch = build(impl, *bodies, properties=PERSISTENT_PROPERTIES)
    op: bytes = impl.encode_publish([*targets], batch, None, None if offsets is None else impl.Selection(offsets))[0]
    return op


def settle(impl: Any, queue: int, base: int, *rows: int) -> bytes:
    op: bytes = impl.encode_settle(queue, base, 0, impl.Selection(rows))
    return op


def expiry(impl: Any, queue: int, first: int, *runs: tuple[int, int]) -> bytes:
    op: bytes = impl.encode_op(EXPIRY, struct.pack(">QQ", queue, first) + impl.Expiries(runs).encode())
    return op


def small_log(impl: Any) -> bytes:
    """A few records of all kinds, the last of them the end of its segment."""
    relocate = impl.encode_relocate(1, 0, impl.Selection([0, 2]), build(impl, b"one", b"three"))[0]
    return log_of(
        impl,
        START,
        [
            [publish(impl, [b"one", b"two"], (1, 0), (2, 5)), expiry(impl, 2, 5, (2, 9))],
            [publish(impl, [b"three", b"four"], (1, 2), offsets=[0, 3]), settle(impl, 1, 0, 1)],
            [DELETE, settle(impl, 2, 4, 1, 2), settle(impl, 1, 0, 5)],
            [relocate],
            [impl.encode_op(EXTENT, struct.pack(">Q", 2) + b"state")],
            [],
        ],
    )


class TestReading:
    def test_all_kinds(self, impl: Any) -> None:
        log = small_log(impl)
        steps, stop, position, synced, need = replayed(impl, log, START)
        assert (stop, position, synced, need) == ("sealed", START + len(log), 0, impl.RECORD_HEADER)
        assert [step[:2] for step in steps] == [
            (PUBLISH, 1),
            (PUBLISH, 2),
            (EXPIRY, 2),
            (SETTLE, 1),
            (DEFINITION, START + log.index(DELETE) - 24),
            (SETTLE, 2),
            (SETTLE, 1),
            (RELOCATE, 1),
            (EXTENT, 2),
        ]
        assert [(first, count, skip) for first, count, _, _, skip, _, _ in steps[0][2]] == [
            (0, 2, 0),
            (2, 1, 0),
            (5, 1, 1),
        ]
        assert [piece[5:] for piece in steps[0][2]] == [
            (6, impl.PERSISTENT),
            (4, impl.PERSISTENT),
            (5, impl.PERSISTENT),
        ]
        assert steps[2:4] == [(EXPIRY, 2, [(5, [(2, 9)])]), (SETTLE, 1, 0, [1])]
        assert steps[4][2] == DELETE[5:]
        assert steps[5:7] == [(SETTLE, 2, 4, [1, 2]), (SETTLE, 1, 0, [5])]
        assert steps[7][:4] == (RELOCATE, 1, 0, [0, 2])
        assert steps[8] == (EXTENT, 2, b"state")

    def test_a_place_is_where_the_block_is(self, impl: Any) -> None:
        log = small_log(impl)
        steps, *_ = replayed(impl, log, START)
        blocks = [(position, length) for _, _, position, length, *_ in steps[0][2]] + [steps[7][4:]]
        bodies = []
        for position, length in dict.fromkeys(blocks):
            batch = impl.unpack_block(impl.Pool(), log[position - START :][:length])
            bodies.append([row[5] for row in rows(batch)])
        assert bodies == [[b"one", b"two"], [b"three", b"four"], [b"one", b"three"]]

    def test_pieces_know_how_many_rows_they_have(self, impl: Any) -> None:
        log = log_of(impl, START, [[publish(impl, [b"a", b"b", b"c"], (1, 7), offsets=[0, 1, 4])]])
        ((_, _, pieces),) = impl.Replay(START).read(log, START)
        assert len(pieces) == 3
        assert pieces.next == 7

    def test_pieces_that_do_not_ascend_are_steps_of_their_own(self, impl: Any) -> None:
        ops = [publish(impl, [b"a", b"b"], (1, first)) for first in (10, 11, 13)]
        steps, *_ = replayed(impl, log_of(impl, START, [ops]), START)
        assert [[piece[0] for piece in step[2]] for step in steps] == [[10], [11, 13]]

    def test_expiries_of_a_queue_are_joined(self, impl: Any) -> None:
        ops = [
            expiry(impl, 1, 10, (1, 5)),
            settle(impl, 1, 0, 10),
            expiry(impl, 2, 10, (1, 5)),
            publish(impl, [b"a"], (1, 11)),
            expiry(impl, 1, 11, (1, 5), (1, 6)),
            expiry(impl, 1, 12, (1, 7)),
            expiry(impl, 1, 13, (2, 0)),
            expiry(impl, 1, 20, (1, 7)),
        ]
        log = log_of(impl, START, [ops[:3], ops[3:], [DELETE], [expiry(impl, 1, 21, (1, 7))]])
        steps, *_ = replayed(impl, log, START)
        kinds = [PUBLISH, EXPIRY, EXPIRY, SETTLE, DEFINITION, EXPIRY]
        assert [step[0] for step in steps] == kinds
        assert steps[1] == (EXPIRY, 1, [(10, [(2, 5), (1, 6)]), (12, [(1, 7), (2, 0)]), (20, [(1, 7)])])
        assert steps[5] == (EXPIRY, 1, [(21, [(1, 7)])])

    def test_what_is_known_of_a_million_messages_is_one_object(self, impl: Any) -> None:
        records = [[expiry(impl, 1, first, (1, first // 10)) for first in range(1000)]]
        (step,) = impl.Replay(START).read(log_of(impl, START, records), START)
        ((first, expiries),) = step[2]
        assert (first, len(expiries), len(expiries.runs)) == (0, 1000, 100)

    def test_ops_without_rows_are_no_steps(self, impl: Any) -> None:
        ops = [publish(impl, [], (1, 0)), publish(impl, [b"a"]), settle(impl, 1, 0), expiry(impl, 1, 0)]
        assert replayed(impl, log_of(impl, START, [ops]), START)[:2] == ([], "end")

    def test_records_and_ops_are_counted(self, impl: Any) -> None:
        log = small_log(impl)
        replay = impl.Replay(START)
        replay.read(log[:-1], START)
        before = replay.counts
        replay.read(log, START)
        assert replay.counts == (6, 2, 3, 1, 1, 1, 1)
        assert before == (5, 2, 3, 1, 1, 1, 1)

    def test_synced_is_the_highest(self, impl: Any) -> None:
        log = b""
        for synced in (0, 64, 8):
            log += impl.seal_record(START + len(log), synced, [DELETE])
        assert replayed(impl, log, START)[3] == 64

    def test_data_may_begin_before_and_be_any_buffer(self, impl: Any) -> None:
        log = small_log(impl)
        wanted = replayed(impl, log, START)
        for data in (b"before" + log, bytearray(b"before" + log), memoryview(b"before" + log)):
            assert replayed(impl, data, START, START - 6) == wanted

    def test_data_that_does_not_reach_the_position(self, impl: Any) -> None:
        for data in (b"", bytes(10)):
            assert replayed(impl, data, START, 3) == ([], "end", START, 0, impl.RECORD_HEADER)

    def test_data_that_begins_too_late(self, impl: Any) -> None:
        with refused():
            impl.Replay(START).read(b"", START + 1)

    def test_what_is_no_position(self, impl: Any) -> None:
        with refused():
            impl.Replay(1 << 63)
        with pytest.raises(OverflowError):
            impl.Replay(-1)

    def test_goes_on_in_the_next_segment(self, impl: Any) -> None:
        log, more = small_log(impl), log_of(impl, 4096, [[settle(impl, 1, 0, 3)]], synced=64)
        replay = impl.Replay(START)
        replay.read(log, START)
        replay.position = 4096
        assert plain_steps(replay.read(more, 4096)) == [(SETTLE, 1, 0, [3])]
        assert (replay.stop, replay.position, replay.synced) == ("end", 4096 + len(more), 64)
        with refused():
            replay.position = 1 << 63


class TestBroken:
    def test_cut_anywhere_it_goes_on_where_it_stood(self, impl: Any) -> None:
        log = small_log(impl)
        ends = ends_of(log)
        for size in range(len(log)):
            replay = impl.Replay(START)
            replay.read(log[:size], START)
            end = max(end for end in ends if end <= size)
            assert (replay.stop, replay.position) == ("end", START + end)
            header = size - end < impl.RECORD_HEADER
            assert replay.need == (impl.RECORD_HEADER if header else min(at for at in ends if at > size) - end)
            steps = plain_steps(replay.read(log[end:], START + end))
            assert (replay.stop, replay.position) == ("sealed", START + len(log))
            assert steps == replayed(impl, log, START + end, START)[0]

    def test_a_flipped_bit_is_seen_or_harmless(self, impl: Any) -> None:
        log = small_log(impl)
        sound, *_ = replayed(impl, log, START)
        for at in range(len(log)):
            broken = bytearray(log)
            broken[at] ^= 1 << at % 8
            steps, stop, position, *_ = replayed(impl, broken, START)
            if stop == "sealed":
                assert (steps, log[at]) == (sound, 0), "only padding may be anything"
            else:
                assert position <= START + at
                assert steps == replayed(impl, log[: position - START], START)[0]
                found = impl.find_record(broken, START, position)
                assert (found is None) == (position == START + len(log) - impl.RECORD_HEADER)

    def test_a_record_is_taken_whole_or_not_at_all(self, impl: Any) -> None:
        good = settle(impl, 1, 0, 7)
        for bad in (b"\x06\0\0\0\0", b"\0\0\0\0\0", b"\3", b"\3\0\0\0\1", good[:-1], good + b"\3\0"):
            log = log_of(impl, START, [[good], [settle(impl, 1, 0, 8), bad], [good]])
            assert replayed(impl, log, START)[:3] == ([(SETTLE, 1, 0, [7])], "bad", START + 56)
            assert impl.find_record(log, START, START + 56) is not None

    @pytest.mark.parametrize(
        ("at", "value"),
        [
            *((0, kind) for kind in (0, 2, 4, 6, 255)),
            *((4, length) for length in (0, 76, 78)),
            *((8, targets) for targets in (0, 2, 255)),
            *((25, form) for form in (1, 2, 3, 4, 5)),
            *((26, 1), (33, 30)),  # more bytes of bodies than the block has
            *((41, length) for length in (0, 35, 37)),
            *((46, 255), (49, 3)),  # more rows than fit
        ],
    )
    def test_what_does_not_agree(self, impl: Any, at: int, value: int) -> None:
        op = bytearray(publish(impl, [b"a", b"b"], (1, 0)))
        assert len(op) == 82
        op[at] = value
        assert replayed(impl, log_of(impl, START, [[bytes(op)]]), START)[:2] == ([], "bad")

    @given(st.binary(max_size=80), st.integers(0, 100))
    def test_garbage(self, data: bytes, start: int) -> None:
        for impl in filter(None, map(implementation, ("kernel", "twin"))):
            steps, stop, position, *_ = replayed(impl, data, start)
            assert (steps, position) == ([], start)
            assert stop == ("end" if len(data) < impl.RECORD_HEADER else "bad")


def ends_of(log: bytes) -> list[int]:
    """Where records end, and the first one begins."""
    ends = [0]
    while ends[-1] < len(log):
        length = int.from_bytes(log[ends[-1] + 4 : ends[-1] + 8], "big")
        ends.append(ends[-1] + (24 + length + 7) // 8 * 8)
    return ends


# -- against a naive reading -------------------------------------------------------------------------------------------


@st.composite
def records(draw: st.DrawFn) -> list[list[tuple[Any, ...]]]:
    """Records of ops that a broker might write; numbers of a queue ascend."""
    number = {queue: draw(st.integers(0, 1 << 40)) for queue in (1, 2, 3)}
    found = []
    for _ in range(draw(st.integers(0, 12))):
        ops: list[tuple[Any, ...]] = []
        for kind in draw(st.lists(st.sampled_from("ppppssssxxdre"), min_size=1, max_size=4)):
            if kind == "p":
                queues = draw(st.lists(st.sampled_from([1, 2, 3]), unique=True, min_size=1))
                offsets = sorted(draw(st.sets(st.integers(0, 9), min_size=1, max_size=5)))
                counted = draw(st.booleans())
                ops.append((kind, [(queue, number[queue]) for queue in queues], len(offsets), not counted and offsets))
                for queue in queues:
                    number[queue] += len(offsets) if counted else offsets[-1] + 1
            elif kind == "x":
                whens = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
                ops.append((kind, draw(st.integers(1, 3)), draw(st.integers(0, 5)), whens))
            elif kind in "sr":
                rows = sorted(draw(st.sets(st.integers(0, 300), min_size=1, max_size=20)))
                ops.append((kind, draw(st.integers(1, 3)), draw(st.sampled_from([0, 1 << 40])), rows))
            else:
                ops.append((kind, draw(st.binary(max_size=5))))
        found.append(ops)
    return found


def encoded(impl: Any, op: tuple[Any, ...]) -> bytes:
    match op:
        case ("p", targets, count, offsets):
            return publish(impl, [b"x" * row for row in range(count)], *targets, offsets=offsets or None)
        case ("s", queue, base, rows):
            return settle(impl, queue, base, *rows)
        case ("r", queue, base, rows):
            batch = build(impl, *(b"%d" % row for row in rows))
            data: bytes = impl.encode_relocate(queue, base, impl.Selection(rows), batch)[0]
            return data
        case ("x", queue, first, whens):
            return expiry(impl, queue, first, *[(1, when) for when in whens])
        case ("e", data):
            return bytes(impl.encode_op(EXTENT, bytes(8) + data))
    return DELETE


def naive(log: bytes) -> list[tuple[Any, ...]]:
    """The steps of a log, a record, an op and a row at a time."""
    steps: list[tuple[Any, ...]] = []
    numbers: dict[int, list[tuple[int, bytes]]] = {}
    settled: dict[tuple[int, int], set[int]] = {}
    expiring: dict[int, list[tuple[int, int]]] = {}

    def flush() -> None:
        steps.extend((PUBLISH, queue, found) for queue, found in numbers.items())
        steps.extend((EXPIRY, queue, found) for queue, found in expiring.items())
        steps.extend((SETTLE, *extent, sorted(found)) for extent, found in settled.items())
        numbers.clear()
        expiring.clear()
        settled.clear()

    for at in ends_of(log)[:-1]:
        length = int.from_bytes(log[at + 4 : at + 8], "big")
        for op in decode_record(Pool(), log[at + 24 : at + 24 + length]):
            if isinstance(op, Publish):
                offsets = op.offsets or range(len(op.batch))
                for queue, first in op.targets:
                    found = numbers.setdefault(queue, [])
                    found += [(first + offset, op.batch[row].body) for row, offset in enumerate(offsets)]
            elif isinstance(op, Settle):
                settled.setdefault((op.queue, op.base), set()).update(op.selection)
            elif isinstance(op, Expire):
                whens = [when for count, when in op.expiries.runs for _ in range(count)]
                expiring.setdefault(op.lane, []).extend(enumerate(whens, op.first))
            else:
                flush()
                if isinstance(op, Relocate):
                    bodies = [op.batch[row].body for row in range(len(op.batch))]
                    steps.append((RELOCATE, op.queue, op.base, list(op.selection), bodies))
                elif isinstance(op, ExtentState):
                    steps.append((EXTENT, op.queue, op.data))
                else:
                    steps.append((DEFINITION, START + at, DELETE[5:]))
    flush()
    return steps


def looked_up(impl: Any, log: bytes, steps: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The steps with rows in the place of pieces and blocks."""

    def bodies(position: int, length: int) -> list[bytes]:
        batch = impl.unpack_block(impl.Pool(), log[position - START :][:length])
        return [batch[row].body for row in range(len(batch))]

    found: list[tuple[Any, ...]] = []
    for step in steps:
        if step[0] == PUBLISH:
            numbers: list[tuple[int, bytes]] = []
            for first, count, position, length, skip, _, _ in step[2]:
                part = bodies(position, length)[skip : skip + count]
                numbers += zip(range(first, first + count), part, strict=True)
            found.append((*step[:2], numbers))
        elif step[0] == RELOCATE:
            found.append((*step[:4], bodies(*step[4:])))
        elif step[0] == EXPIRY:
            each = [(first, [when for count, when in runs for _ in range(count)]) for first, runs in step[2]]
            found.append((*step[:2], [pair for first, whens in each for pair in enumerate(whens, first)]))
        else:
            found.append(step)
    return found


@settings(max_examples=60)
@given(records())
def test_joined_steps_say_what_the_records_say(plan: list[list[tuple[Any, ...]]]) -> None:
    logs = set()
    for impl in filter(None, map(implementation, ("kernel", "twin"))):
        log = log_of(impl, START, [[encoded(impl, op) for op in ops] for ops in plan])
        steps, stop, position, *_ = replayed(impl, log, START)
        assert (stop, position) == ("end", START + len(log))
        assert looked_up(impl, log, steps) == naive(log)
        for queue_step in steps:
            if queue_step[0] == PUBLISH:
                assert sum(piece[1] for piece in queue_step[2])
        logs.add(log)
    assert len(logs) == 1
