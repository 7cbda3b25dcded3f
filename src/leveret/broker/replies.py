"""Direct reply-to: answers without a queue of one's own (RabbitMQ page "Direct Reply-to").

Who consumes from `amq.rabbitmq.reply-to` gets a hidden queue that nobody else can declare, bind or consume. Only its
name, which nobody can guess, makes it reachable: a message for it says so in `reply-to`, and whoever answers publishes
to that name by the default exchange. It is gone with its consumer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..wire.fields import Arguments
from .queue import Queue

if TYPE_CHECKING:
    from ..wire import Extent, Selection
    from .broker import Broker
    from .lane import Lane
    from .routing import Router

NAME: Final = "amq.rabbitmq.reply-to"
_PREFIX: Final = NAME + "."
_TOKEN_BYTES: Final = 24


def is_reply_name(name: str) -> bool:
    """Whether it is the name that replies are consumed from, or one that answers are published to."""
    return name == NAME or name.startswith(_PREFIX)


def is_reply_queue(queue: Queue) -> bool:
    """Whether it is a hidden one."""
    return queue.name.startswith(_PREFIX)


def open(broker: Broker, router: Router, vhost: str) -> Queue:
    """A hidden queue for one consumer."""
    queue = Queue(
        broker.next_id(),
        vhost,
        _PREFIX + broker.randomness.token(_TOKEN_BYTES),
        durable=False,
        exclusive=False,
        auto_delete=False,
        arguments=Arguments.EMPTY,
        owner=None,
        activate=broker.activate,
        settled=_nobody_keeps,
        pager=broker.pager,
        upkeep=broker.upkeep,
    )
    broker.lanes[queue.id] = queue
    router.queue_added(queue)
    return queue


def close(broker: Broker, router: Router, queue: Queue) -> None:
    """Its consumer is gone: nothing reaches it any more."""
    queue.deleted = True
    del broker.lanes[queue.id]
    router.queue_removed(queue)
    queue.forget_all()


def _nobody_keeps(lane: Lane, extent: Extent, rows: Selection) -> None:
    """It is not durable."""
