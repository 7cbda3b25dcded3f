"""How channels and connections end: by an error (it becomes a close frame here and nowhere else), by a close of the
peer, or because the socket is gone. Whatever they hold goes back to the brain, once.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..errors import AmqpError, ChannelNumberError, ConnectionForced, InternalError
from ..wire import Command
from ..wire.frames import method_frame
from ..wire.methods import ChannelClose, ChannelCloseOk, ChannelOpen, ConnectionClose, ConnectionCloseOk
from . import happenings
from .channel import CLOSED as CHANNEL_CLOSED
from .channel import send
from .failures import SECOND_OPEN, channel_close, connection_close, describe
from .handshake import CLOSING, OPEN, Moved

if TYPE_CHECKING:
    from ..wire import Event
    from .channel import Channel
    from .session import Session

logger = logging.getLogger("leveret.amqp")


def fail(session: Session, number: int, method: int, error: Exception) -> None:
    """Any error becomes a close frame. What is no AmqpError is our own fault, and no detail of it is told.

    A soft error closes its channel; on channel 0 and before the connection is open it closes the connection (RabbitMQ).
    """
    if not isinstance(error, AmqpError):
        logger.error("%s, channel %d: internal error", session, number, exc_info=error)
        error.__traceback__ = None
        error = InternalError("")
    # The calls that it came through hold it in turn, and the batch: they go now, not when the collector finds them.
    error.__traceback__ = None
    channel = session.channels.get(number)
    if error.hard or channel is None or session.state is not OPEN:
        close_connection(session, error, method, number)
    else:
        _close_channel(session, channel, error, method)


# Channels


def _close_channel(session: Session, channel: Channel, error: AmqpError, method: int) -> None:
    """Tell the peer; from here everything on the channel is ignored until it answers (spec 1.5.2.5)."""
    logger.error("%s, channel %d: %s", session, channel.number, describe(error, method))
    _release(session, channel)
    channel.move(send(ChannelClose))
    session.decoder.discard_channel(channel.number)
    session.out.send(method_frame(channel.number, channel_close(error, method)))


def finish_closing(session: Session, channel: Channel, event: Event) -> None:
    """On a channel that we closed only the answer counts; a close that crossed ours is answered.

    A peer that opens it again without having answered waits for what will not come: it is told so (RabbitMQ).
    """
    if not isinstance(event, Command):
        return
    if event.method == ChannelOpen.id:
        raise ChannelNumberError(SECOND_OPEN)
    if not channel.move(event.method):
        return
    if channel.state is CHANNEL_CLOSED:
        del session.channels[channel.number]
    else:
        session.out.send(method_frame(channel.number, ChannelCloseOk()))


def channel_closed_by_peer(session: Session, channel: Channel) -> None:
    """channel.close came."""
    _release(session, channel)
    del session.channels[channel.number]
    if session.left is None:
        session.left = set()
    session.left.add(channel.number)
    session.out.send(method_frame(channel.number, ChannelCloseOk()))


def is_late(session: Session, number: int, event: Event) -> bool:
    """Whether this came on a channel right after the peer had closed it, before it could have had our answer.

    RabbitMQ ignores that: threads of a client that share a channel may cross like this.
    """
    if session.left is None or number not in session.left:
        return False
    method = event.method if isinstance(event, Command) else 0
    if method == ChannelClose.id:
        session.out.send(method_frame(number, ChannelCloseOk()))
    return method != ChannelOpen.id


# The connection


def close_connection(session: Session, error: AmqpError, method: int, number: int = 0) -> None:
    """Tell the peer; from here everything is ignored but its answer, which has to come in time."""
    described = str(session)
    if not session.move(send(ConnectionClose)):
        return
    level = logging.INFO if isinstance(error, ConnectionForced) else logging.ERROR
    logger.log(level, "%s, channel %d: %s", described, number, describe(error, method))
    _release_all(session)
    session.deadline_ms = session.now_ms() + session.settings.close_timeout_ms
    session.send(connection_close(error, method))
    leave(session)


def leave(session: Session) -> None:
    """The peer closes the connection: after what it sent before on channels that wait for an answer (RabbitMQ)."""
    method = session.leaving
    if method is not None and not session.inboxes:
        session.leaving = None
        closed_by_peer(session, method)


def closed_by_peer(session: Session, method: ConnectionClose) -> None:
    """connection.close came. When it crossed ours, the answer to ours is still waited for."""
    if session.state is CLOSING:
        session.move(method.id)
    else:
        end(session, method.id)
    session.send(ConnectionCloseOk())


def end(session: Session, moved: int = Moved.GONE) -> None:
    """Nothing more comes in. More calls do nothing."""
    if session.move(moved):
        session.decoder.close()
        _release_all(session)
        session.out.wake()


# What they hold


def _release(session: Session, channel: Channel) -> None:
    """Everything that a channel holds goes back, once; a fault in that must not keep others from being released."""
    if channel.gone:
        return
    session.broker.connections.close_channels(channel.connection.user.name, 1)
    try:
        channel.release()
        if session.broker.events.wanted:
            happenings.channel(session, "channel.closed", channel.number)
    except Exception:
        logger.exception("%s, channel %d: internal error while it was released", session, channel.number)


def _release_all(session: Session) -> None:
    """For the brain the connection is over: its channels go, then its exclusive queues (spec 1.7.2.1)."""
    session.waiting = 0
    session.stalled = False
    session.throttle.release()
    channels, session.channels = session.channels, {}
    for channel in channels.values():
        _release(session, channel)
    session.parked.clear()
    for inbox in session.inboxes.values():
        inbox.clear()
    session.inboxes.clear()
    session.resumed.clear()
    session.held_events = 0
    connection, session.connection = session.connection, None
    if connection is not None:
        try:
            session.broker.connections.leave(session, connection.user.name, connection.vhost.name)
            connection.vhost.release(session)
            if session.broker.events.wanted:
                happenings.connection_closed(session, connection)
        except Exception:
            logger.exception("%s: internal error while its queues were deleted", session)
