"""Policies applied: to an object when it is declared; when they change to all of a virtual host, a few per turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .queue import Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..ports import Clock, Scheduler
    from .applied import Applied
    from .binding import Destination
    from .exchange import Exchange
    from .policies import InEffect, Policies

_NOTHING: Final[InEffect] = (None, None)


def configure_queue(queue: Queue, policies: Policies) -> None:
    """From now on it does what its arguments and the policies for it say."""
    in_effect = policies.of_queue(queue.name) if len(policies) else _NOTHING
    queue.policy, queue.operator_policy = in_effect
    settings = policies.settings(queue.arguments, in_effect)
    if settings != queue.settings:
        queue.configure(settings)


def configure_exchange(exchange: Exchange, policies: Policies) -> bool:
    """The same for an exchange; True when routes change by it."""
    exchange.policy, exchange.operator_policy = policies.of_exchange(exchange.name) if len(policies) else _NOTHING
    before = exchange.alternate
    exchange.configure(None if exchange.policy is None else exchange.policy.definition)
    return exchange.alternate != before


class Reapplying:
    """One per broker. Objects that are declared meanwhile have the new policies at once."""

    __slots__ = ("_clock", "_scheduler", "_waiting", "pending")

    def __init__(self, clock: Clock, scheduler: Scheduler) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self.pending: dict[str, tuple[Applied, Iterator[Destination]]] = {}
        """By virtual host: objects that are still to be looked at."""
        self._waiting: list[Callable[[], None]] = []

    def begin(self, vhost: Applied) -> None:
        """The policies of this virtual host are different: all its objects are looked at (again)."""
        objects: list[Destination] = [*vhost.router.exchanges.values(), *vhost.queues.values()]
        self.pending[vhost.name] = (vhost, iter(objects))
        self._scheduler.wake()

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call once when every object has what is in effect; now if that is so."""
        if self.pending:
            self._waiting.append(callback)
        else:
            callback()

    def step(self, budget_ms: int) -> None:
        """Go on for about so many milliseconds; one object at least."""
        now_ms = self._clock.monotonic_ms
        end_ms = now_ms() + budget_ms
        while self.pending:
            name, (vhost, objects) = next(iter(self.pending.items()))
            rerouted = False
            for target in objects:
                if vhost.objects.get(target.id) is target:
                    if isinstance(target, Queue):
                        configure_queue(target, vhost.policies)
                    else:
                        rerouted |= configure_exchange(target, vhost.policies)
                if now_ms() >= end_ms:
                    break
            else:
                del self.pending[name]
            if rerouted:
                vhost.router.changed()
            if now_ms() >= end_ms:
                break
        if not self.pending:
            waiting, self._waiting = self._waiting, []
            for callback in waiting:
                callback()

    def finish(self) -> None:
        """All at once: nobody is served yet."""
        while self.pending:
            self.step(1_000)
