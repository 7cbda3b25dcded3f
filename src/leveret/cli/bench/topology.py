"""Queues and an exchange of a load test: made before it, taken away after it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from ...wire import methods
from ...wire.fields import Arguments
from .connection import Connection
from .plan import BenchError, Plan


@dataclass(slots=True)
class Topology:
    """What a plan needs on the broker. What was there before stays there."""

    plan: Plan
    ours: bool = True
    """Whether its queues are made for it."""
    kind: str | None = None
    """Of the exchange, if one is made for it."""
    binding: str | None = None
    """The key of bindings to the exchange; None: as its kind needs it."""

    def make(self) -> None:
        """Raises BenchError."""
        plan = self.plan
        control = Connection(plan.address)
        arguments = Arguments.of(plan.arguments)
        try:
            for queue in plan.queues:
                declare = methods.QueueDeclare(queue, not self.ours, True, arguments=arguments)
                control.call(declare, methods.QueueDeclareOk)
            if plan.exchange:
                declared = methods.ExchangeDeclare(plan.exchange, self.kind or "direct", self.kind is None)
                control.call(declared, methods.ExchangeDeclareOk)
                self._bind(control)
        except BaseException:
            self.remove()
            raise
        finally:
            control.close()

    def _bind(self, control: Connection) -> None:
        plan = self.plan
        for number, queue in enumerate(plan.queues):
            for key in self._bindings(number):
                control.call(methods.QueueBind(queue, plan.exchange, key), methods.QueueBindOk)

    def _bindings(self, number: int) -> list[str]:
        plan = self.plan
        if self.binding is not None:
            return [self.binding]
        if self.kind in ("x-consistent-hash", "x-modulus-hash"):
            return ["1"]
        if self.kind == "direct":
            keys = plan.keys or plan.queues
            return [key for i, key in enumerate(keys) if i % len(plan.queues) == number % len(keys)]
        return ["#"]

    def remove(self) -> None:
        """As far as it is still there."""
        plan = self.plan
        with contextlib.suppress(BenchError):
            control = Connection(plan.address)
            try:
                if plan.exchange and self.kind is not None:
                    control.call(methods.ExchangeDelete(plan.exchange), methods.ExchangeDeleteOk)
                for queue in plan.queues if self.ours else ():
                    control.call(methods.QueueDelete(queue), methods.QueueDeleteOk)
            finally:
                control.close()
