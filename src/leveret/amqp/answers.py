"""Answers that come late: what waits for them, and how it goes on (design: "answers may wait").

A channel that waits is parked: its events collect in an inbox by channel number (not by channel: it may close in there,
and the number be opened again) and are served in order when the answer is there. A connection waits as a whole while
its login is checked, and while its peer asks without reading what it is answered.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ..limits import INBOX_EVENT_SIZE
from ..ports import Undecided
from ..wire import Batch, Command, Settlement
from ..wire.frames import method_frame
from ..wire.methods import Method
from . import ending, opening
from .failures import channel_of, method_of

if TYPE_CHECKING:
    from ..wire import Event
    from .session import Session

_ITEM_SIZE: Final = 32
"""About the memory of a message beside its body, or of a settlement, in bytes."""


def resume(session: Session, token: int, result: object) -> None:
    """The answer is there: a login's user; a channel's reply, None or what went wrong. Ignored when nobody waits."""
    if token == session.waiting:
        session.waiting = 0
        go_ahead(session)
        try:
            opening.answered(session, result)
        except Exception as error:
            ending.fail(session, 0, session.serving, error)
        return
    channel, method = session.parked.pop(token, (None, 0))
    if channel is None or channel.parked != token:
        return
    channel.parked = 0
    if isinstance(result, Exception):
        ending.fail(session, channel.number, method, result)
    elif result is not None:
        assert isinstance(result, Method)
        session.out.send(method_frame(channel.number, result))
    if channel.number in session.inboxes:
        session.resumed.append(channel.number)
        go_ahead(session)
    else:
        channel.go_on()


def go_ahead(session: Session) -> None:
    """There is something to serve without new bytes: in the next turn."""
    session.pending = True
    session.out.wake()


def hold(session: Session, number: int, event: Event) -> None:
    """An event has to wait until its channel goes on."""
    if isinstance(event, Batch) and session.throttle.alarms.short:
        session.throttle.block()  # it waits here with its memory, and is published without being read again
    session.inboxes.setdefault(number, deque()).append(event)
    session.held_events += _weight(event)


def failed(session: Session, event: Event, error: Exception) -> None:
    """What an event asked for cannot be done; or (Undecided) nobody knows yet whether it may, and it is asked again."""
    number = channel_of(event)
    channel = session.channels.get(number)
    if not isinstance(error, Undecided) or channel is None:
        ending.fail(session, number, method_of(event), error)
        return
    wait = session.park(channel)
    session.inboxes.setdefault(number, deque()).appendleft(event)
    session.held_events += _weight(event)
    error.ask(lambda: session.resume(wait.token, None))


def _weight(event: Event) -> int:
    size = 0
    if isinstance(event, Batch):
        size = event.body_bytes + len(event) * _ITEM_SIZE
    elif isinstance(event, Settlement):
        size = len(event) * _ITEM_SIZE
    elif isinstance(event, Command):
        size = len(event.arguments)
    return 1 + size // INBOX_EVENT_SIZE


def serve_inboxes(session: Session, end_ms: int) -> bool:
    """Channels whose answer came serve what collected meanwhile; True when time is up."""
    resumed = session.resumed
    while resumed:
        number = resumed[0]
        if _serve_inbox(session, number, end_ms):
            return True
        if session.stalled:
            return False
        if resumed:  # the connection may have ended meanwhile
            resumed.pop(0)
    return False


def _serve_inbox(session: Session, number: int, end_ms: int) -> bool:
    inbox = session.inboxes.get(number)
    while inbox and not session.stalled:
        channel = session.channels.get(number)
        if channel is not None and channel.parked > 0:
            return False
        event = inbox.popleft()
        session.held_events -= _weight(event)
        try:
            session.dispatch(number, event)
        except Exception as error:
            failed(session, event, error)
        if inbox and session.now_ms() >= end_ms:
            return True
    if not inbox:
        session.inboxes.pop(number, None)
        if number in session.channels:
            session.channels[number].go_on()
        ending.leave(session)
    return False


def stall(session: Session) -> None:
    """The peer asks and does not read: it is served again when it has read half of what it has."""
    session.stalled = True
    session.out.when_room(lambda: _unstall(session))


def _unstall(session: Session) -> None:
    session.stalled = False
    go_ahead(session)
