"""How old what a channel delivered is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leveret.amqp.watching import Watch
from leveret.limits import TIMEOUT_MARKS_MAX


def test_what_is_below_a_mark_was_delivered_by_then() -> None:
    watch = Watch()
    watch.mark(1000, oldest=1, next_tag=5)
    watch.mark(1100, oldest=1, next_tag=5)  # nothing new
    watch.mark(1200, oldest=3, next_tag=9)
    assert [watch.delivered_by(time) for time in (999, 1000, 1199, 1200, 5000)] == [0, 5, 5, 9, 9]


def test_marks_below_what_is_outstanding_go() -> None:
    watch = Watch()
    watch.mark(1000, oldest=1, next_tag=5)
    watch.mark(1200, oldest=5, next_tag=9)
    assert [watch.delivered_by(time) for time in (1100, 1200)] == [0, 9]
    watch.mark(1300, oldest=0, next_tag=9)
    assert watch.delivered_by(5000) == 0


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.integers(0, 3)), max_size=300),
    st.integers(0, 7000),
)
def test_nothing_seems_older_than_it_is(steps: list[tuple[int, int, int]], age: int) -> None:
    """Tags that are delivered and settled, with looks in between: bounded in size, never too early."""
    watch = Watch()
    now, oldest, next_tag = 1, 1, 1
    delivered_at: dict[int, int] = {}
    for passed, delivered, settled in steps:
        now += passed
        for _ in range(delivered):
            delivered_at[next_tag] = now
            next_tag += 1
        oldest = min(oldest + settled, next_tag)
        watch.mark(now, oldest if oldest < next_tag else 0, next_tag)
        assert len(watch._marks) <= TIMEOUT_MARKS_MAX
        limit = watch.delivered_by(now - age)
        assert all(now - delivered_at[tag] >= age for tag in range(oldest, limit))
