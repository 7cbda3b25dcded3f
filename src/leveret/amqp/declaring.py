"""exchange.*, queue.* and access.request: methods turned into calls on the vhost (spec 1.6, 1.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..broker import names
from ..wire.methods import (
    AccessRequest,
    AccessRequestOk,
    ExchangeBind,
    ExchangeBindOk,
    ExchangeDeclare,
    ExchangeDeclareOk,
    ExchangeDelete,
    ExchangeDeleteOk,
    ExchangeUnbind,
    ExchangeUnbindOk,
    QueueBind,
    QueueBindOk,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    QueueDeleteOk,
    QueuePurge,
    QueuePurgeOk,
    QueueUnbind,
    QueueUnbindOk,
)

if TYPE_CHECKING:
    from .channel import Channel, Reply


def access_request(channel: Channel, method: AccessRequest) -> Reply:
    """Realms are gone from AMQP 0-9-1; old clients still ask and get the ticket that nobody looks at."""
    return AccessRequestOk(ticket=1)


def exchange_declare(channel: Channel, method: ExchangeDeclare) -> Reply:
    """exchange.declare."""
    shared = channel.connection
    position = shared.vhost.declare_exchange(
        method.exchange,
        method.type,
        passive=method.passive,
        durable=method.durable,
        auto_delete=method.auto_delete,
        internal=method.internal,
        arguments=method.arguments,
        rights=shared.rights,
    )
    return channel.once_durable(position, None if method.no_wait else ExchangeDeclareOk())


def exchange_delete(channel: Channel, method: ExchangeDelete) -> Reply:
    """exchange.delete."""
    shared = channel.connection
    position = shared.vhost.delete_exchange(method.exchange, if_unused=method.if_unused, rights=shared.rights)
    return channel.once_durable(position, None if method.no_wait else ExchangeDeleteOk())


def exchange_bind(channel: Channel, method: ExchangeBind) -> Reply:
    """exchange.bind (RabbitMQ "Exchange to Exchange Bindings")."""
    shared = channel.connection
    position = shared.vhost.bind(
        method.source,
        method.destination,
        method.routing_key,
        method.arguments,
        to_queue=False,
        owner=shared.owner,
        rights=shared.rights,
    )
    return channel.once_durable(position, None if method.no_wait else ExchangeBindOk())


def exchange_unbind(channel: Channel, method: ExchangeUnbind) -> Reply:
    """exchange.unbind."""
    shared = channel.connection
    position = shared.vhost.unbind(
        method.source,
        method.destination,
        method.routing_key,
        method.arguments,
        to_queue=False,
        owner=shared.owner,
        rights=shared.rights,
    )
    return channel.once_durable(position, None if method.no_wait else ExchangeUnbindOk())


def queue_declare(channel: Channel, method: QueueDeclare) -> Reply:
    """queue.declare; the channel remembers the name, also one that the broker made."""
    shared = channel.connection
    name = method.queue
    if not names.clean(name) and not method.passive:
        # Kept until it is declared: whether it may be is perhaps answered later, for this name.
        name = channel.generated = channel.generated or names.generate(shared.randomness)
    declared = shared.vhost.declare_queue(
        name,
        passive=method.passive,
        durable=method.durable,
        exclusive=method.exclusive,
        auto_delete=method.auto_delete,
        arguments=method.arguments,
        owner=shared.owner,
        rights=shared.rights,
        generated=name is channel.generated,
    )
    channel.generated = ""
    channel.last_queue = declared.name
    if method.no_wait:
        return None
    reply = QueueDeclareOk(
        queue=declared.name, message_count=declared.message_count, consumer_count=declared.consumer_count
    )
    return channel.once_durable(declared.position, reply)


def queue_bind(channel: Channel, method: QueueBind) -> Reply:
    """queue.bind; without queue and key the key is the last queue's name."""
    shared = channel.connection
    queue = channel.queue_name(method.queue)
    key = method.routing_key if method.queue or method.routing_key else queue
    position = shared.vhost.bind(
        method.exchange,
        queue,
        key,
        method.arguments,
        to_queue=True,
        owner=shared.owner,
        rights=shared.rights,
    )
    return channel.once_durable(position, None if method.no_wait else QueueBindOk())


def queue_unbind(channel: Channel, method: QueueUnbind) -> Reply:
    """queue.unbind."""
    shared = channel.connection
    queue = channel.queue_name(method.queue)
    key = method.routing_key if method.queue or method.routing_key else queue
    position = shared.vhost.unbind(
        method.exchange,
        queue,
        key,
        method.arguments,
        to_queue=True,
        owner=shared.owner,
        rights=shared.rights,
    )
    return channel.once_durable(position, QueueUnbindOk())


def queue_purge(channel: Channel, method: QueuePurge) -> Reply:
    """queue.purge."""
    shared = channel.connection
    queue = channel.queue_name(method.queue)
    count, position = shared.vhost.purge_queue(queue, owner=shared.owner, rights=shared.rights)
    return channel.once_durable(position, None if method.no_wait else QueuePurgeOk(message_count=count))


def queue_delete(channel: Channel, method: QueueDelete) -> Reply:
    """queue.delete."""
    shared = channel.connection
    count, position = shared.vhost.delete_queue(
        channel.queue_name(method.queue),
        if_unused=method.if_unused,
        if_empty=method.if_empty,
        owner=shared.owner,
        rights=shared.rights,
    )
    return channel.once_durable(position, None if method.no_wait else QueueDeleteOk(message_count=count))
