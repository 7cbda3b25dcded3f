from __future__ import annotations

from leveret.access.throttle import Throttle
from leveret.clock import ManualClock
from leveret.limits import LOGIN_ADDRESSES_MAX, LOGIN_FAILURES_MAX, LOGIN_FAILURES_MS


def test_an_address_that_failed_often_waits() -> None:
    clock = ManualClock()
    throttle = Throttle(clock)
    for _ in range(LOGIN_FAILURES_MAX):
        assert not throttle.holds("10.0.0.2")
        throttle.failed("10.0.0.2")
        clock.advance(1)
    assert throttle.holds("10.0.0.2")
    assert not throttle.holds("10.0.0.3")
    clock.advance(LOGIN_FAILURES_MS - LOGIN_FAILURES_MAX)
    assert not throttle.holds("10.0.0.2")  # the first is a minute ago
    throttle.failed("10.0.0.2")
    assert throttle.holds("10.0.0.2")


def test_it_can_be_switched_off() -> None:
    throttle = Throttle(ManualClock(), 0)
    for _ in range(100):
        throttle.failed("10.0.0.2")
    assert not throttle.holds("10.0.0.2")


def test_addresses_are_bounded() -> None:
    throttle = Throttle(ManualClock())
    for number in range(LOGIN_ADDRESSES_MAX + 10):
        throttle.failed(str(number))
    assert len(throttle._failures) == LOGIN_ADDRESSES_MAX
    assert "0" not in throttle._failures
