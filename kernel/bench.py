"""What the kernel's calls cost: nanoseconds per message in bulk, and per call for one message.

    .venv/bin/python kernel/bench.py [twin]

Best of several rounds; on a busy machine compare two runs made in turns, not a run with a figure from elsewhere.
"""

from __future__ import annotations

import importlib
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

MESSAGES = 4000
ROUNDS = 7


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def publish(body: bytes, routing_key: str = "queue-name", channel: int = 1, properties: bytes = b"\0\0") -> bytes:
    key = routing_key.encode()
    method = struct.pack(">HHHBB", 60, 40, 0, 0, len(key)) + key + b"\0"
    header = struct.pack(">HHQ", 60, 0, len(body)) + properties
    return frame(1, channel, method) + frame(2, channel, header) + frame(3, channel, body)


def ack(tag: int) -> bytes:
    return frame(1, 1, struct.pack(">HHQB", 60, 80, tag, 0))


def measure(name: str, call: Callable[[], object], messages: int = 1) -> None:
    times = max(1, 40_000 // messages)
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(times):
            call()
        best = min(best, time.perf_counter() - start)
    print(f"{name:56} {best / times / messages * 1e9:10.1f} ns")


def bulk(kernel: Any, decoder: Any) -> None:
    def decode(data: bytes) -> Any:
        decoder.push(data)
        first = decoder.next()
        while decoder.next() is not None:
            pass
        return first

    small = publish(b"x" * 16) * MESSAGES
    measure("decode 16 B", lambda: decode(small), MESSAGES)
    keys = b"".join(publish(b"x" * 16, f"queue-{number * 7919 % 1000}") for number in range(MESSAGES))
    measure("decode 16 B, 1,000 keys, and partition", lambda: decode(keys).partition(), MESSAGES)
    channels = b"".join(publish(b"x" * 16, channel=1 + number % 50) for number in range(MESSAGES))
    measure("decode 16 B, 50 channels in turn", lambda: decode(channels), MESSAGES)
    large = publish(b"x" * 1024) * 240
    measure("decode 1 KiB", lambda: decode(large), 240)
    acks = b"".join(ack(tag) for tag in range(MESSAGES))
    measure("decode acks", lambda: decode(acks), MESSAGES)

    def filled(batch: Any, *place: int) -> Any:
        extent = kernel.Extent(0)
        extent.append(batch, None, 0, *place)
        return extent

    def through() -> None:
        extent = filled(decode(small))
        rows = extent.take(MESSAGES)
        kernel.render_deliver(extent, rows, 1, b"tag", 1, 131072)
        extent.settle(rows)

    batch = decode(small)
    extent, kilobytes = filled(batch), filled(decode(large))
    rows, kilobyte_rows = extent.take(MESSAGES), kilobytes.take(MESSAGES)
    measure("append", lambda: filled(batch), MESSAGES)
    persistent = decode(publish(b"x" * 16, properties=b"\x10\0\2") * MESSAGES)
    measure("append, in the log", lambda: filled(persistent, 64, 1 << 20), MESSAGES)
    measure("append, deal to 10", lambda: filled(batch).deal([MESSAGES] * 10, [1 << 30] * 10), MESSAGES)
    measure("render 16 B", lambda: kernel.render_deliver(extent, rows, 1, b"tag", 1, 131072), MESSAGES)
    measure("render 1 KiB", lambda: kernel.render_deliver(kilobytes, kilobyte_rows, 1, b"tag", 1, 131072), 240)
    measure("decode, append, take, render, settle 16 B", through, MESSAGES)
    measure("block", lambda: kernel.encode_block(batch), MESSAGES)

    block = kernel.encode_block(batch)
    stored = kernel.Extent(0)
    stored.restore(kernel.Pieces([(0, MESSAGES, 64, len(block), 0, 0, 0)]))
    pool = kernel.Pool()

    def load() -> None:
        stored.load(pool, [(64, block)])
        stored.evict()

    measure("load, evict", load, MESSAGES)
    measure("state of an extent", stored.state)

    singles = kernel.Settlement(1, kernel.ACK, [(tag + 1, False) for tag in range(MESSAGES)])

    def acknowledge() -> None:
        ledger = kernel.Ledger()
        ledger.add(1, None, extent, rows)
        ledger.settle(singles)

    measure("ledger, single acks of one run", acknowledge, MESSAGES)


def single(kernel: Any, decoder: Any) -> None:
    one = bytearray(publish(b"x" * 16))
    extent, ledger = kernel.Extent(0), kernel.Ledger()
    one_ack = kernel.Settlement(1, kernel.ACK, [(0, True)])
    tag = 0

    def decode() -> Any:
        decoder.push(one, len(one))
        return decoder.next()

    batch = decode()

    def queue() -> None:
        extent.append(batch)
        extent.settle(extent.take(1, 1000))
        extent.recycle()

    def acknowledge() -> None:
        nonlocal tag
        tag += 1
        ledger.add(tag, None, extent, rows)
        ledger.settle(one_ack)

    measure("one message: push, next", decode)
    measure("one message: partition", batch.partition)
    measure("one message: append, take, settle, recycle", queue)
    extent.append(batch)
    rows = extent.take(1)
    measure("one message: render", lambda: kernel.render_deliver(extent, rows, 1, b"tag", 1, 131072))
    measure("one message: ledger add, settle", acknowledge)


def log(kernel: Any) -> None:
    def batch(count: int, size: int) -> Any:
        return kernel.Batch.build(kernel.Pool(), [("", "queue-name", b"\x10\0\x02", b"x" * size, False)] * count)

    small, large, one = batch(MESSAGES, 16), batch(240, 1024), batch(1, 150)
    measure("encode_publish 16 B", lambda: kernel.encode_publish([(1, 0)], small, None, None), MESSAGES)
    measure("encode_publish 1 KiB", lambda: kernel.encode_publish([(1, 0)], large, None, None), 240)
    op = kernel.encode_publish([(1, 0)], large, None, None)[0]
    measure("seal_record 1 KiB", lambda: kernel.seal_record(8, 0, [op]), 240)
    op = kernel.encode_publish([(1, 0)], one, None, None)[0]
    measure("one message: encode_publish", lambda: kernel.encode_publish([(1, 0)], one, None, None))
    measure("one message: seal_record", lambda: kernel.seal_record(8, 0, [op]))
    records = b""
    for number in range(MESSAGES):
        op = kernel.encode_publish([(number % 4, number)], one, None, None)[0]
        acked = kernel.encode_settle(number % 4, 0, 0, kernel.Selection.range(number, number + 1))
        records += kernel.seal_record(len(records), 0, [op, acked])
    measure("replay records of one publish and one ack", lambda: kernel.Replay(0).read(records, 0), MESSAGES)


def main() -> None:
    kernel = importlib.import_module("leveret.wire.twin" if "twin" in sys.argv[1:] else "leveret._kernel")
    decoder = kernel.Decoder(kernel.Pool())
    decoder.push(b"AMQP\0\0\x09\x01")
    decoder.next()
    decoder.open(131072)
    bulk(kernel, decoder)
    single(kernel, decoder)
    log(kernel)


if __name__ == "__main__":
    main()
