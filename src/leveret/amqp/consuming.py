"""basic.qos, consume, cancel, get, recover and channel.flow: what a channel takes, and how much (spec 1.5.2, 1.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..broker import replies
from ..broker.queue import Queue
from ..errors import NotAllowed, NotImplemented_, PreconditionFailed
from ..ports import Undecided, Wait
from ..wire.methods import (
    BasicCancel,
    BasicCancelOk,
    BasicConsume,
    BasicConsumeOk,
    BasicGet,
    BasicGetEmpty,
    BasicQos,
    BasicQosOk,
    BasicRecover,
    BasicRecoverAsync,
    BasicRecoverOk,
    ChannelFlow,
    ChannelFlowOk,
)
from .deliveries import TaggedConsumer

if TYPE_CHECKING:
    from .channel import Channel, Reply

_TAG_BYTES: Final = 16
"""Random bytes in a consumer tag that the broker makes."""


def channel_flow(channel: Channel, method: ChannelFlow) -> Reply:
    """channel.flow; like RabbitMQ we only let it flow (prefetch and TCP are there to slow down)."""
    if not method.active:
        raise NotImplemented_("active=false")
    return ChannelFlowOk(active=True)


def basic_qos(channel: Channel, method: BasicQos) -> Reply:
    """basic.qos as RabbitMQ reads it ("Consumer Prefetch"): per later consumer, or with `global` per channel."""
    if method.prefetch_size:
        raise NotImplemented_(f"prefetch_size!=0 ({method.prefetch_size})")
    if method.global_:
        channel.deliveries.limit(method.prefetch_count)
    else:
        channel.prefetch = method.prefetch_count
        channel.deliveries.limit(0)  # RabbitMQ: the channel's own limit ends with it
    return BasicQosOk()


def basic_consume(channel: Channel, method: BasicConsume) -> Reply:
    """basic.consume. A used tag is the connection's fault, not the channel's (spec 1.8.3.3, RabbitMQ)."""
    shared = channel.connection
    deliveries = channel.deliveries
    tag = method.consumer_tag
    if (method.queue or channel.last_queue) == replies.NAME:
        _refuse_replies(channel, method)
    if tag in deliveries.consumers:
        raise NotAllowed(f"attempt to reuse consumer tag '{tag}'")
    limit = shared.settings.consumers_per_channel_max
    if len(deliveries.consumers) >= limit:
        raise NotAllowed(f"reached maximum ({limit}) of consumers per channel")
    queue = channel.queue_name(method.queue)
    if not tag:
        tag = f"amq.ctag-{shared.randomness.token(_TAG_BYTES)}"
    consumer = TaggedConsumer(
        tag,
        deliveries,
        no_ack=method.no_ack,
        exclusive=method.exclusive,
        prefetch=channel.prefetch,
        shared=deliveries.credit,
        arguments=method.arguments,
    )
    if queue == replies.NAME:
        shared.vhost.consume_replies(consumer)
        channel.publishing.replies = consumer
    else:
        shared.vhost.consume(queue, consumer, owner=shared.owner, rights=shared.rights)
    deliveries.add(consumer)
    return None if method.no_wait else BasicConsumeOk(consumer_tag=tag)


def _refuse_replies(channel: Channel, method: BasicConsume) -> None:
    """Direct reply-to: one consumer per channel, which does not acknowledge."""
    replying = channel.publishing.replies
    already = replying is not None and not replying.cancelled
    consumer = channel.deliveries.consumers.get(method.consumer_tag)
    if consumer is not None and consumer is not replying:
        return  # its tag comes first
    if not method.no_ack:
        raise PreconditionFailed("reply consumer cannot acknowledge")
    if already:
        raise PreconditionFailed("reply consumer already set")


def basic_cancel(channel: Channel, method: BasicCancel) -> Reply:
    """basic.cancel; what was delivered stays outstanding."""
    channel.deliveries.remove(method.consumer_tag)
    return None if method.no_wait else BasicCancelOk(consumer_tag=method.consumer_tag)


def basic_get(channel: Channel, method: BasicGet) -> Reply:
    """basic.get; no prefetch limit applies. The answer waits when the message has to be read from disk first."""
    found = _get(channel, method)
    return _get_later(channel, method, found) if isinstance(found, Queue) else found


def _get(channel: Channel, method: BasicGet) -> BasicGetEmpty | Queue | None:
    """The answer, None when it is sent already; or the queue whose first message is on disk only."""
    shared = channel.connection
    deliveries = channel.deliveries
    name = channel.queue_name(method.queue)
    got = shared.vhost.get(
        name, no_ack=method.no_ack, owner=shared.owner, consumer=deliveries.getter, rights=shared.rights
    )
    if got is None:
        deliveries.counts.get_empty += 1
        return BasicGetEmpty()
    if isinstance(got, Queue):
        return got
    deliveries.got(got, method.no_ack)
    return None


def _get_later(channel: Channel, method: BasicGet, queue: Queue) -> Wait:
    wait = channel.connection.park(channel)

    def again() -> None:
        nonlocal queue
        if channel.parked != wait.token:
            return  # it was closed meanwhile
        if not queue.deleted and queue.head_stored:
            queue.when_loaded(again)
            return
        result: object
        try:
            result = _get(channel, method)
        except Undecided as undecided:  # what was allowed before has to be asked for anew
            undecided.ask(again)
            return
        except Exception as error:  # nothing of it is the fault of who calls
            result = error
        if isinstance(result, Queue):  # another one has the name, or another message is the first one
            queue = result
            queue.when_loaded(again)
        else:
            channel.connection.resume(wait.token, result)

    queue.when_loaded(again)
    return wait


def basic_recover(channel: Channel, method: BasicRecover) -> Reply:
    """basic.recover; redelivery to the same consumer is not promised (RabbitMQ has only `requeue`)."""
    _recover(channel, method.requeue)
    return BasicRecoverOk()


def basic_recover_async(channel: Channel, method: BasicRecoverAsync) -> Reply:
    """basic.recover-async: the same without an answer."""
    _recover(channel, method.requeue)
    return None


def _recover(channel: Channel, requeue: bool) -> None:
    if not requeue:
        raise NotImplemented_("requeue=false")
    channel.deliveries.recover()
