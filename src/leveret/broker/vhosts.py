"""The virtual hosts of a broker: made, changed and deleted (RabbitMQ page "Virtual Hosts").

Deleting one takes its queues and exchanges first, a few per turn and each as if somebody had deleted it, and then what
is left. Who asks for it is told at the end; until then nobody opens it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import VHostError
from ..limits import PREDECLARED_IDS, VHOSTS_MAX
from ..wire.definitions import DeleteVHost, SetVHost
from .names import is_reserved
from .vhost import VHost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..ports import Position
    from ..wire.definitions import VHostOp
    from .broker import Broker

    Done = Callable[[Position | None], None]

DEFAULT = "/"
"""The virtual host that a new broker has."""


class VHosts(dict[str, VHost]):
    """By name."""

    __slots__ = ("_broker", "_deleting")

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._broker = broker
        self._deleting: dict[str, tuple[Iterator[None], list[Done]]] = {}

    # -- decisions -----------------------------------------------------------------------------------------------

    def put(
        self,
        name: str,
        *,
        description: str | None = None,
        tags: tuple[str, ...] | None = None,
        default_queue_type: str | None = None,
        protected: bool | None = None,
    ) -> Position | None:
        """Make one, or change what is said of it (None: leave it as it is). Raises VHostError."""
        vhost = self.get(name)
        if vhost is None and len(self) >= VHOSTS_MAX:
            raise VHostError(f"cannot create vhost '{name}': vhost limit of {VHOSTS_MAX} is reached")
        if name in self._deleting:
            raise VHostError(f"vhost '{name}' is being deleted")
        if not name or len(name.encode(errors="replace")) > 255:
            raise VHostError("the name of a vhost has 1 to 255 bytes")
        before = SetVHost(name, self._broker.peek_id()) if vhost is None else vhost.definition
        op = SetVHost(
            name,
            before.first_id,
            before.description if description is None else description,
            before.tags if tags is None else tags,
            before.default_queue_type if default_queue_type is None else default_queue_type,
            before.protected if protected is None else protected,
        )
        return None if vhost is not None and op == before else self._broker.commit(op)

    def delete(self, name: str, done: Done) -> None:
        """Begin to take it away; `done` is told the position at which that is on disk. Raises VHostError."""
        vhost = self._found(name)
        if vhost.definition.protected:
            raise VHostError(f"vhost '{name}' is protected from deletion")
        if name in self._deleting:
            self._deleting[name][1].append(done)
            return
        vhost.closing = True
        self._broker.connections.close_vhost(name, f"vhost '{name}' is deleted")
        self._deleting[name] = (self._empty(vhost), [done])
        self._broker.wake()

    def _found(self, name: str) -> VHost:
        vhost = self.get(name)
        if vhost is None:
            raise VHostError(f"vhost '{name}' does not exist")
        return vhost

    # -- deleting ------------------------------------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        """Whether any is being deleted."""
        return bool(self._deleting)

    def step(self, budget_ms: int) -> None:
        """Go on deleting for about so many milliseconds; one object at least."""
        now_ms = self._broker.clock.monotonic_ms
        end_ms = now_ms() + budget_ms
        while self._deleting:
            name, (emptying, waiting) = next(iter(self._deleting.items()))
            for _ in emptying:
                if now_ms() >= end_ms:
                    return
            del self._deleting[name]
            position = self._broker.commit(DeleteVHost(name))
            for done in waiting:
                done(position)

    @staticmethod
    def _empty(vhost: VHost) -> Iterator[None]:
        while vhost.queues:
            vhost.drop_queue(next(iter(vhost.queues.values())))
            yield
        for exchange in [*vhost.router.exchanges.values()]:
            if not is_reserved(exchange.name) and vhost.objects.get(exchange.id) is exchange:
                vhost.drop_exchange(exchange)
                yield

    # -- ops -----------------------------------------------------------------------------------------------------

    def apply(self, op: VHostOp) -> None:
        """Make the change that an op describes, whatever was there."""
        broker = self._broker
        match op:
            case SetVHost():
                vhost = self.get(op.name)
                if vhost is not None and vhost.definition.first_id != op.first_id:
                    self._remove(vhost)  # in the log it was deleted and made again
                    vhost = None
                if vhost is None:
                    broker.skip_ids(op.first_id + PREDECLARED_IDS - 1)
                    vhost = self[op.name] = VHost(broker, op)
                    broker.events.attach(vhost)
                vhost.definition = op
            case DeleteVHost():
                if op.name in self:
                    self._remove(self[op.name])
                broker.parameters.vhost_deleted(op.name)

    def _remove(self, vhost: VHost) -> None:
        """With all that is left in it; in a log there may be much."""
        del self[vhost.name]
        self._broker.events.detach(vhost)
        vhost.discard()
