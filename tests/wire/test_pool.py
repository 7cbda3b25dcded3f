"""The account of payload bytes: nothing is lost, nothing stays."""

from __future__ import annotations

import gc
from typing import Any

from .support import build, events, opened, publish

CHUNK = 64 * 1024


class TestPool:
    def test_a_new_pool_holds_no_payload(self, impl: Any) -> None:
        assert impl.Pool().allocated == 0

    def test_counts_at_least_what_is_kept_and_gives_all_of_it_back(self, impl: Any) -> None:
        pool = impl.Pool(CHUNK)
        batches = [build(impl, *[bytes(1000)] * 100, pool=pool) for _ in range(20)]
        assert pool.allocated >= 20 * 100 * 1000
        del batches
        gc.collect()
        # The chunk that is being filled may stay, and a few free ones.
        assert pool.allocated <= 8 * CHUNK

    def test_large_contents_are_given_back_too(self, impl: Any) -> None:
        pool = impl.Pool(CHUNK)
        batch = build(impl, bytes(1_000_000), pool=pool)
        assert pool.allocated >= 1_000_000
        del batch
        assert pool.allocated <= 8 * CHUNK

    def test_an_extent_keeps_what_it_appended_until_that_is_settled(self, impl: Any) -> None:
        pool = impl.Pool(CHUNK)
        extent = impl.Extent(0)
        extent.append(build(impl, bytes(1_000_000), bytes(1_000_000), pool=pool))
        assert pool.allocated >= 2_000_000
        rows = extent.take(2)
        extent.settle(rows)
        gc.collect()
        assert pool.allocated <= 8 * CHUNK

    def test_one_live_row_keeps_its_arena_and_compacting_frees_it(self, impl: Any) -> None:
        pool = impl.Pool(CHUNK)
        extent = impl.Extent(0)
        extent.append(build(impl, *[bytes(1000)] * 1000, pool=pool))
        extent.take(1000)
        extent.settle(impl.Selection(row for row in range(1000) if row != 500))
        moved = extent.compact(pool)
        assert 1000 <= moved <= 1100
        assert pool.allocated <= 8 * CHUNK
        assert extent[500].body == bytes(1000)
        assert extent.compact(pool) == 0

    def test_decoders_share_the_pool_and_their_batches_outlive_them(self, impl: Any) -> None:
        pool = impl.Pool(CHUNK)
        kept = []
        for number in range(50):
            decoder = opened_with(impl, pool)
            decoder.push(publish(body=b"%d" % number) * 3)
            kept += events(decoder)
        assert [batch[2].body for batch in kept] == [b"%d" % number for number in range(50)]
        assert pool.allocated > 0
        del kept, decoder
        gc.collect()
        assert pool.allocated <= 8 * CHUNK


def opened_with(impl: Any, pool: Any) -> Any:
    decoder = impl.Decoder(pool)
    decoder.push(b"AMQP\x00\x00\x09\x01")
    decoder.next()
    decoder.open(131072)
    return decoder


class TestHeldBytes:
    def test_nothing_is_held_between_whole_frames(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.push(publish(body=b"abc"))
        list(events(decoder))
        assert decoder.held_bytes == 0

    def test_a_partial_content_is_counted(self, impl: Any) -> None:
        decoder = opened(impl)
        decoder.push(publish(body=bytes(5000), part=1000)[:-1008])
        assert decoder.next() is None
        assert 4000 <= decoder.held_bytes <= 4100
        decoder.discard_channel(1)
        assert decoder.held_bytes == 0
