"""Clients that keep a delivery too long without settling it (RabbitMQ "Delivery Acknowledgement Timeout").

Who understands is told by basic.cancel that its consumer is over; others, and those that got a message by basic.get,
lose their channel. Either way everything that was outstanding goes back to its queue.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..errors import PreconditionFailed
from . import ending
from .deliveries import TaggedConsumer
from .failures import NO_METHOD

if TYPE_CHECKING:
    from ..broker.consumer import Consumer
    from .channel import Channel, Connection
    from .session import Session

logger = logging.getLogger("leveret.amqp")


def look(session: Session, connection: Connection, now_ms: int) -> int | None:
    """Look at the channels whose time it is; when to look again."""
    timeouts = connection.timeouts
    for number, watch in [*timeouts.watched.items()]:
        if now_ms < watch.next_ms:
            continue
        channel = session.channels[number]
        deliveries = channel.deliveries
        overdue = timeouts.look(number, now_ms, deliveries.ledger, deliveries.next_tag, deliveries.consumers)
        for consumer, timeout_ms in overdue:
            if not _time_out(session, channel, consumer, timeout_ms):
                break
    return min([watch.next_ms for watch in timeouts.watched.values()], default=None)


def _time_out(session: Session, channel: Channel, consumer: Consumer, timeout_ms: int) -> bool:
    """Whether the channel goes on without the consumer."""
    if isinstance(consumer, TaggedConsumer) and (consumer.cancelled or channel.connection.cancel_notify):
        name = ascii(consumer.tag)
        logger.warning("%s, channel %d: consumer %s timed out (%d ms)", session, channel.number, name, timeout_ms)
        channel.deliveries.time_out(consumer)
        return True
    if channel.parked:
        return False  # it cannot be closed before it has had its answer: at the next look
    text = (
        f"delivery acknowledgement on channel {channel.number} timed out. Timeout value used: {timeout_ms} ms. This"
        " timeout value can be configured, see consumers doc guide to learn more"
    )
    ending.fail(session, channel.number, NO_METHOD, PreconditionFailed(text))
    return False
