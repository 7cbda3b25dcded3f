from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from leveret.net.lengths import Lengths


def test_nothing_counted() -> None:
    assert (Lengths().quantile_us(0.99), Lengths().max_us, Lengths().count) == (0, 0, 0)


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.99, 1.0]))
def test_a_quantile_is_a_bucket_above_the_exact_one_at_most(values: list[int], share: float) -> None:
    lengths = Lengths()
    for value in values:
        lengths.add(value)
    exact = sorted(values)[max(0, math.ceil(len(values) * share) - 1)]
    assert exact <= lengths.quantile_us(share) <= exact * 1.25
    assert lengths.max_us == max(values)
    assert lengths.count == len(values)
