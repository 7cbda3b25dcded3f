"""What is made of batches, kernel and twin alike: expiries, and batches with other names and properties."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ..wire.support import NO_PROPERTIES, field, nested, rows, shortstr
from .test_kernel_twin import EXAMPLES, PROPERTIES, ROWS, attempt, kernel, twin

pytestmark = [pytest.mark.skipif(kernel is None, reason="the kernel is not built"), pytest.mark.timeout(900)]

TEXTS = st.one_of(
    st.none(),
    st.integers(-1, 400_000_000_000).map(str),
    st.text("0123456789+- ", max_size=14),
    st.sampled_from(["", "0", "315360000000", "315360000001", "9" * 30]),
)


@settings(max_examples=EXAMPLES)
@given(st.lists(TEXTS, max_size=8), ROWS, st.integers(0, 1 << 64), st.sampled_from([-1, -1, 0, 1000, (1 << 63) - 1]))
def test_expirations(texts: list[str | None], numbers: list[int], now_ms: int, ttl_ms: int) -> None:
    said = []
    for impl in (kernel, twin):
        lists = [NO_PROPERTIES if text is None else b"\x01\x00" + shortstr(text) for text in texts]
        batch = impl.Batch.build(impl.Pool(), [("", "q", raw, b"", False) for raw in lists])
        for chosen in (None, impl.Selection(sorted({row for row in numbers if row < len(texts)}))):
            found = attempt(batch.expiries, chosen, now_ms, ttl_ms)
            said.append((repr(found), batch.bad_expiration()))
    assert said[:2] == said[2:]


RUNS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 1, 2, 3, (1 << 63) - 2, 1 << 63]), st.sampled_from([0, 1, 2, (1 << 64) - 1, 1 << 64])
    ),
    max_size=6,
)


@settings(max_examples=EXAMPLES)
@given(RUNS, st.integers(-9, 9), st.integers(-9, 9), st.binary(max_size=40), st.integers(0, 40))
def test_expiries(runs: list[tuple[int, int]], start: int, stop: int, data: bytes, cut_at: int) -> None:
    said: list[list[Any]] = [[], []]
    for impl, mine in zip((kernel, twin), said, strict=True):
        mine.append(repr(attempt(impl.Expiries, runs)))
        mine.append(repr(attempt(impl.Expiries.decode, data)))
        if mine[0] != repr("ValueError"):
            expiries = impl.Expiries(runs)
            raw = expiries.encode()
            assert impl.Expiries.decode(raw) == expiries
            mine += [raw, len(expiries), expiries.none, expiries[start:stop].runs, expiries[start:].runs]
            mine.append(repr(attempt(impl.Expiries.decode, raw[:cut_at] + data + raw[cut_at:])))
    assert said[0] == said[1]


@settings(max_examples=EXAMPLES)
@given(
    st.one_of(PROPERTIES, st.binary(max_size=60)),
    st.one_of(st.none(), st.binary(max_size=12), st.sampled_from([field("a", b"V"), nested(b"F", 32)[6:]])),
    st.one_of(st.binary(max_size=12), st.sampled_from([b"", field("CC", b"V"), nested(b"A", 31)[6:]])),
    st.lists(st.sampled_from(["a", "CC", "x", "", "y" * 256]), max_size=2),
    st.fixed_dictionaries({}, optional={"expiration": st.text(max_size=5), "drop_expiration": st.booleans()}),
)
def test_patches(raw: bytes, table: bytes | None, append: bytes, without: list[str], options: dict[str, Any]) -> None:
    """Whatever they are given: what comes out is sound, or they are refused."""
    said = []
    for impl in (kernel, twin):
        batch = attempt(impl.Batch.build, impl.Pool(), [("x", "key", raw, b"body", True)])
        make = partial(impl.Patch, headers=table, append=append, without=without, **options)
        patch = attempt(make)
        refused = isinstance(batch, str), isinstance(patch, str)
        if any(refused):
            said.append(refused)
            continue
        new = batch.rewrite(impl.Pool(), [(impl.Selection([0]), patch)])
        again = impl.Batch.build(impl.Pool(), [("x", "key", new[0].properties, b"body", True)])
        assert rows(again) == rows(new)
        said.append(rows(new))
    assert said[0] == said[1]
