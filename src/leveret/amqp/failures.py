"""What goes wrong, put into words: violations as errors, errors as close methods and log lines (spec 4.8, 4.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import (
    AmqpError,
    CommandInvalid,
    ContentTooLarge,
    FrameError,
    InternalError,
    NotAllowed,
    NotImplemented_,
    PreconditionFailed,
    ResourceError,
    SyntaxError_,
    UnexpectedFrame,
)
from ..wire import Batch, ProtocolHeader, Violation
from ..wire.methods import METHODS, BasicPublish, ChannelClose, ConnectionClose

if TYPE_CHECKING:
    from ..wire import Event

_BY_CODE: Final = {
    error.code: error
    for error in (
        CommandInvalid,
        ContentTooLarge,
        FrameError,
        NotAllowed,
        NotImplemented_,
        PreconditionFailed,
        ResourceError,
        SyntaxError_,
        UnexpectedFrame,
    )
}


SECOND_OPEN: Final = "second 'channel.open' seen"

NO_METHOD: Final = 0
"""In the place of the method that failed, where none did or RabbitMQ does not tell."""


def method_of(event: Event) -> int:
    """The id of the method that an event came of; NO_METHOD when it is none."""
    if isinstance(event, Batch):
        return BasicPublish.id
    if isinstance(event, ProtocolHeader):
        return NO_METHOD
    if isinstance(event, Violation):
        return event.class_id << 16 | event.method_id
    return event.method


def channel_of(event: Event) -> int:
    """The number of the channel that an event came on."""
    return 0 if isinstance(event, ProtocolHeader) else event.channel


def error_of(violation: Violation) -> AmqpError:
    """What the decoder complains of."""
    return _BY_CODE.get(violation.code, InternalError)(violation.text)


def connection_close(error: AmqpError, method: int) -> ConnectionClose:
    """The frame that ends a connection; `method` is the one that failed, or NO_METHOD."""
    return ConnectionClose(error.code, error.reply_text, method >> 16, method & 0xFFFF)


def channel_close(error: AmqpError, method: int) -> ChannelClose:
    """The frame that ends a channel."""
    return ChannelClose(error.code, error.reply_text, method >> 16, method & 0xFFFF)


def describe(error: AmqpError, method: int) -> str:
    """For the log, in one line, whatever names the peer made up."""
    scope = "connection" if error.hard else "channel"
    name = METHODS[method].name if method in METHODS else "none"
    text = error.explanation if error.explanation.isprintable() else repr(error.explanation)[1:-1]
    return f"operation {name} caused a {scope} exception {error.name.lower()}: {text}"
