"""The local random exchange: each message goes to one of the queues that are bound, picked by chance.

In a cluster of RabbitMQ only queues on the publisher's node count; here all queues are on the one node. Keys of
messages do not matter, binding keys are empty (RabbitMQ page "Local Random Exchange" and its source).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...errors import PreconditionFailed
from .random import RandomExchange

if TYPE_CHECKING:
    from ..binding import Binding


class LocalRandomExchange(RandomExchange):
    """A random exchange that leads to queues only."""

    __slots__ = ()
    type_name: ClassVar[str] = "x-local-random"

    def validate_binding(self, binding: Binding) -> None:
        """Raises PreconditionFailed unless it leads to a queue, with an empty key."""
        if binding.routing_key:
            raise PreconditionFailed(f"Non empty binding '{binding.routing_key}' key not permitted")
        if not binding.destination.is_queue:
            raise PreconditionFailed("Destination not found")
