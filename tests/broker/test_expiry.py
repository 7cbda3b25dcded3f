"""When extents expire."""

from __future__ import annotations

from leveret.broker.expiry import Expiring


def test_the_first_is_taken_first() -> None:
    expiring = Expiring()
    assert expiring.watch(100, 50)
    assert expiring.watch(0, 20)
    assert not expiring.watch(200, 30)
    assert expiring.first_ms == 20
    assert expiring.take_due(19) is None
    assert [expiring.take_due(40) for _ in range(3)] == [0, 200, None]
    assert expiring.first_ms == 50


def test_an_earlier_time_holds() -> None:
    expiring = Expiring()
    expiring.watch(0, 50)
    assert not expiring.watch(0, 60)
    assert expiring.watch(0, 10)
    assert expiring.take_due(100) == 0
    assert expiring.take_due(100) is None


def test_what_is_forgotten_is_not_due() -> None:
    expiring = Expiring()
    expiring.watch(0, 50)
    expiring.forget(0)
    expiring.forget(7)
    assert expiring.take_due(100) is None


def test_it_is_as_large_as_what_it_watches() -> None:
    expiring = Expiring()
    for base in range(100_000):
        expiring.watch(base, 1_000_000 - base)
        expiring.forget(base)
    assert len(expiring._heap) < 200
    assert not expiring._watched
