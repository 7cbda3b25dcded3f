"""One connection: decoder events in, dispatch to its channels, frames out.

    receive -> decoder -> step: batch | settlement -> channel -> brain
                                command on a channel -> table of methods -> reply
                                command on channel 0 -> opening, close
                                violation, AmqpError -> channel.close | connection.close

A handler answers, or its channel parks: later events of that channel wait in its inbox, in order, and other channels go
on. Before `open` the connection as a whole waits. Who may send what when is in the tables of `handshake` and `channel`.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..errors import ChannelNumberError, CommandInvalid, ConnectionForced, NotAllowed
from ..limits import INBOX_EVENTS_MAX, INITIAL_FRAME_MAX, PARTIAL_SIZE_MAX, TURN_BUDGET_MS
from ..ports import Wait
from ..wire import Batch, Command, Decoder, ProtocolHeader, Settlement, Violation
from ..wire.frames import HEARTBEAT_FRAME, method_frame
from ..wire.methods import (
    ChannelClose,
    ChannelOpen,
    ChannelOpenOk,
    ConnectionClose,
    ConnectionCloseOk,
    Method,
    decode_method,
)
from . import answers, ending, happenings, inspection, opening, timeouts
from .channel import CLOSING as CHANNEL_CLOSING
from .channel import Channel
from .failures import NO_METHOD, SECOND_OPEN, error_of, method_of
from .handshake import AUTHENTICATING, AWAIT_HEADER, CLOSED, CLOSING, CONNECTION, OPEN, OPENING
from .methods import HANDLERS
from .output import Output
from .throttle import Throttle

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..broker.broker import Broker
    from ..broker.counts import Counts
    from ..ports import Access, Clock
    from ..wire import Event, Pool
    from .channel import Connection
    from .heartbeat import Heartbeat
    from .opening import Client
    from .settings import Peer, Settings

_EVENTS_PER_LOOK: Final = 4
"""Events served between two looks at the clock; a read of less costs none."""
_OPENING_TICK_MS: Final = 1_000
_IDLE_TICK_MS: Final = 30_000

logger = logging.getLogger("leveret.amqp")


class Shell(Protocol):
    """Who holds the socket."""

    def wake(self) -> None:
        """There is output, or something to go on with: take the output in the next turn."""
        ...


class Session:
    """One AMQP 0-9-1 connection. Times are monotonic milliseconds."""

    __slots__ = (
        "_clock",
        "_token",
        "access",
        "broker",
        "channels",
        "client",
        "connected_at_ms",
        "connection",
        "deadline_ms",
        "decoder",
        "heartbeat",
        "held_events",
        "inboxes",
        "last_received_ms",
        "leaving",
        "left",
        "login_ms",
        "out",
        "parked",
        "peer",
        "pending",
        "received_bytes",
        "refuse_at_ms",
        "resumed",
        "serving",
        "settings",
        "stalled",
        "state",
        "throttle",
        "waiting",
    )

    def __init__(
        self, broker: Broker, access: Access, pool: Pool, clock: Clock, *, peer: Peer, settings: Settings, shell: Shell
    ) -> None:
        self.broker = broker
        self.access = access
        self.peer = peer
        self.settings = settings
        self.state = AWAIT_HEADER
        self.out = Output(shell.wake)
        self.throttle = Throttle(broker.alarms, self.out)
        self.client: Client | None = None
        """What is known of the peer from start-ok on."""
        self.connection: Connection | None = None
        """What channels share, from open on."""
        self.heartbeat: Heartbeat | None = None
        self.last_received_ms = clock.monotonic_ms()
        """When the last byte came; the shell sets it."""
        self.deadline_ms = self.last_received_ms + settings.handshake_timeout_ms
        """When a peer has to be done with the handshake, or with answering connection.close."""
        self.connected_at_ms = 0
        """When it was opened, in wall time."""
        self.received_bytes = 0
        self.login_ms = 0
        """When the peer said who it is."""
        self.refuse_at_ms: int | None = None
        """When it is told that it is not let in."""
        self._clock = clock
        size_max = settings.message_size_max
        self.decoder = Decoder(
            pool,
            frame_max=INITIAL_FRAME_MAX,
            max_message_size=size_max,
            max_partial_size=max(PARTIAL_SIZE_MAX, 2 * size_max),
        )
        self.channels: dict[int, Channel] = {}
        self.left: set[int] | None = None  # channels that the peer closed in what was received last
        self.serving = 0  # the method that is being handled
        self._token = 0  # the last one given out
        self.waiting = 0  # the token that the whole connection waits for
        self.parked: dict[int, tuple[Channel, int]] = {}  # by token, with the method that waits
        self.inboxes: dict[int, deque[Event]] = {}  # by channel number: events that came while it was parked
        self.resumed: list[int] = []  # channel numbers that go on with their inbox
        self.held_events = 0  # in all inboxes; large ones count as several
        self.leaving: ConnectionClose | None = None  # the peer's last word, which waits until they are served
        self.stalled = False  # the peer does not read its answers: nothing is served until it does
        self.pending = False  # there is something to go on with, without new bytes

    def __str__(self) -> str:
        parts = [f"AMQP connection {self.peer} (state: {self.state}"]
        if self.connection is not None:
            parts += [f"vhost: '{self.connection.vhost.name}'", f"user: '{self.connection.user.name}'"]
        return ", ".join(parts) + ")"

    # -- what the shell calls ------------------------------------------------------------------------------------

    def receive(self, data: Buffer, size: int) -> None:
        """Take the first `size` bytes; nothing of `data` is referred to afterwards."""
        self.left = None
        self.received_bytes += size
        if self.connection is not None:
            self.connection.flow = False
        self.decoder.push(data, size)

    def step(self, budget_ms: int) -> bool:
        """Act on what was received until all is done, the budget is used or an answer is missing. True: call again."""
        self.pending = False
        end_ms = 0
        if self.resumed:
            end_ms = self._clock.monotonic_ms() + budget_ms
            if answers.serve_inboxes(self, end_ms):
                return True
        channels = self.channels
        next_event = self.decoder.next
        served = 0
        while not self.waiting and not self.stalled:
            event = next_event()
            if event is None:
                return False
            try:
                if isinstance(event, Batch):
                    channel = channels.get(event.channel)
                    if channel is not None and channel.ready:
                        channel.publish(event)
                    else:
                        self._handle(event)
                elif isinstance(event, Settlement):
                    channel = channels.get(event.channel)
                    if channel is not None and channel.ready:
                        channel.settle(event)
                    else:
                        self._handle(event)
                else:
                    self._handle(event)
            except Exception as error:
                answers.failed(self, event, error)
            served += 1
            if served % _EVENTS_PER_LOOK == 0:
                now_ms = self._clock.monotonic_ms()
                if not end_ms:
                    end_ms = now_ms + budget_ms
                elif now_ms >= end_ms:
                    return True
        return False

    def take_output(self) -> bytes | None:
        """Everything to be written; None when there is nothing. What waited for an answer or for room goes on first."""
        more = self.pending and self.step(TURN_BUDGET_MS)
        data = self.out.take()
        if more:
            answers.go_ahead(self)
        return data

    @property
    def output(self) -> list[bytes]:
        """Rendered frames that were not taken yet."""
        return self.out.frames

    @property
    def output_bytes(self) -> int:
        """Their size."""
        return self.out.size

    @property
    def unwritten(self) -> int:
        """Bytes handed to the socket that it has not taken; the shell sets it."""
        return self.out.unwritten

    @unwritten.setter
    def unwritten(self, size: int) -> None:
        self.out.unwritten = size

    def drained(self) -> None:
        """The socket takes bytes again."""
        self.out.drained()

    @property
    def held_bytes(self) -> int:
        """Bytes of a frame or content that is half received."""
        return self.decoder.held_bytes

    @property
    def flow(self) -> bool:
        """Whether the last read brought messages faster than consumers take them: others are to be read first."""
        return self.connection is not None and self.connection.flow

    @property
    def reading(self) -> bool:
        """Whether the socket is to be read: unless it waits for its login, asks without reading its answers, has more
        waiting for the log than is good, or publishes while memory or disk is short or the log is behind.
        """
        return not (
            self.waiting or self.stalled or self.held_events >= INBOX_EVENTS_MAX or self.throttle.on or self.out.stuffed
        )

    @property
    def finished(self) -> bool:
        """Write what is left, then close."""
        return self.state is CLOSED

    def tick(self, now_ms: int) -> int | None:
        """Time has passed; when the next tick is wanted."""
        if self.state is CLOSED:
            return None
        if self.refuse_at_ms is not None and self.state is AUTHENTICATING and now_ms >= self.refuse_at_ms:
            opening.refuse(self)
            return None if self.state is CLOSED else self.deadline_ms
        if self.state is not OPEN and now_ms >= self.deadline_ms and not self._is_checked():
            if self.state is not CLOSING:
                logger.error("AMQP connection %s: handshake timeout in state %s", self.peer, self.state)
            ending.end(self)
            return None
        heartbeat = self.heartbeat
        if heartbeat is None:
            wanted_ms = now_ms + (_IDLE_TICK_MS if self.state is OPEN else _OPENING_TICK_MS)
        else:
            if not self.reading:
                self.last_received_ms = now_ms  # its heartbeats wait in the socket
            if heartbeat.is_dead(now_ms, self.last_received_ms):
                logger.error(
                    "AMQP connection %s: missed heartbeats from client, timeout: %ds", self.peer, heartbeat.timeout_s
                )
                self.out.discard()
                ending.end(self)
                return None
            if heartbeat.is_due(now_ms, self.out.taken) and not self.out.size:
                self.out.send(HEARTBEAT_FRAME)
            wanted_ms = heartbeat.next_ms
        if self.connection is not None and self.connection.timeouts.watched:
            look_ms = timeouts.look(self, self.connection, now_ms)
            wanted_ms = wanted_ms if look_ms is None else min(wanted_ms, look_ms)
        if self.connection is not None and (expires_ms := self.connection.user.expires_ms) is not None:
            left_ms = expires_ms - self.broker.clock.wall_ms()
            if left_ms <= 0:
                logger.warning("%s: credential has expired", self)
                ending.close_connection(self, ConnectionForced("credential expired"), 0)
                return self.deadline_ms
            wanted_ms = min(wanted_ms, now_ms + left_ms)
        if self.refuse_at_ms is not None:
            wanted_ms = min(wanted_ms, self.refuse_at_ms)
        return wanted_ms if self.state is OPEN or self._is_checked() else min(wanted_ms, self.deadline_ms)

    def _is_checked(self) -> bool:
        """Whether the peer has done its part, and who checks its login is still at it."""
        return self.waiting != 0 and self.refuse_at_ms is None and self.state in (AUTHENTICATING, OPENING)

    def tick_soon(self) -> None:
        """Time matters now for something new: have a tick in this turn."""
        self.deadline_ms += 1  # the shell asks again when it changes; an open connection has none
        self.out.wake()

    def close(self, text: str) -> None:
        """Something that the connection needs is gone (its user, its virtual host)."""
        if self.state is OPEN:
            ending.close_connection(self, ConnectionForced(text), 0)

    def describe(self) -> dict[str, Any]:
        """As the management API shows it; nothing when it is not open any more."""
        return {} if self.connection is None else inspection.connection(self)

    def describe_channels(self) -> list[dict[str, Any]]:
        """Its channels, likewise."""
        return inspection.channels(self)

    @property
    def name(self) -> str:
        """What others call it: both its ends."""
        return str(self.peer)

    def traffic(self) -> tuple[int, int]:
        """Bytes received and sent."""
        return self.received_bytes, self.out.taken

    def channel_counts(self) -> dict[str, Counts]:
        """Messages by the names of its channels, as far as they had any."""
        name, channels = str(self.peer), self.channels.values()
        return {f"{name} ({one.number})": one.counts for one in channels if one.counts is not None}

    def shutdown(self, text: str) -> None:
        """The server stops: tell the peer, if it is so far."""
        if self.state is OPEN:
            ending.close_connection(self, ConnectionForced(text), 0)
        elif self.state is not CLOSING:
            ending.end(self)

    def lost(self) -> None:
        """The socket is gone; everything that the connection holds goes back. More calls do nothing."""
        ending.end(self)
        self.out.discard()

    # -- answers that come late ----------------------------------------------------------------------------------

    def wait(self) -> int:
        """A token: nothing of this connection is served until it is resumed."""
        self._token += 1
        self.waiting = self._token
        return self._token

    def park(self, channel: Channel) -> Wait:
        """A token: nothing of this channel is served until it is resumed."""
        self._token += 1
        channel.parked = self._token
        channel.ready = False
        self.parked[self._token] = (channel, self.serving)
        return Wait(self._token)

    def resume(self, token: int, result: object) -> None:
        """The answer that a channel (a reply, None, or an exception) or the connection (its user) waited for."""
        answers.resume(self, token, result)

    # -- dispatch ------------------------------------------------------------------------------------------------

    def move(self, moved: int) -> bool:
        """Let a method or another event move the connection's state; False when it has no place in this state."""
        state = CONNECTION[self.state].get(moved)
        if state is None:
            return False
        self.state = state
        return True

    def send(self, method: Method) -> None:
        """Send a method on channel 0."""
        self.out.send(method_frame(0, method))

    def open_decoder(self, frame_max: int, channel_max: int) -> None:
        """The connection is open: read on with the negotiated maxima."""
        self.decoder.open(frame_max, channel_max)

    def _handle(self, event: Event) -> None:
        """Everything that is not content for an open channel that waits for nothing."""
        if isinstance(event, ProtocolHeader):
            opening.header(self, event.data)
            return
        number = event.channel
        if number == 0:
            self._handle_own(event)
        elif self.state is OPEN:
            if number in self.inboxes:
                answers.hold(self, number, event)
            else:
                self.dispatch(number, event)
        else:  # before that the decoder lets no channel through
            assert self.state is CLOSING or self.state is CLOSED

    def dispatch(self, number: int, event: Event) -> None:
        """An event of a channel, when nothing of that channel waits before it."""
        channel = self.channels.get(number)
        if channel is None:
            if not ending.is_late(self, number, event):
                self._open_channel(number, event)
        elif channel.state is CHANNEL_CLOSING:
            ending.finish_closing(self, channel, event)
        elif channel.parked:
            answers.hold(self, number, event)
        else:
            self._serve(channel, event)

    def _handle_own(self, event: Event) -> None:
        """What comes on channel 0."""
        if isinstance(event, Violation):
            raise error_of(event)
        method_id = method_of(event)
        if method_id not in CONNECTION[self.state]:
            if self.state is CLOSING or self.state is CLOSED:
                return
            raise ChannelNumberError(f"unexpected method in connection state {self.state}")
        assert isinstance(event, Command)
        method = decode_method(method_id, event.arguments)
        self.serving = method_id
        if isinstance(method, ConnectionClose):
            self.leaving = method
            ending.leave(self)
        elif isinstance(method, ConnectionCloseOk):
            ending.end(self, method.id)
        else:
            opening.HANDLERS[method_id](self, method)

    def _open_channel(self, number: int, event: Event) -> None:
        """Something came on a channel that is not there: only channel.open may."""
        assert self.client is not None
        assert self.connection is not None
        limit = self.client.channel_max
        if limit and len(self.channels) >= limit:
            text = f"number of channels opened ({len(self.channels)}) has reached the negotiated channel_max ({limit})"
            ending.close_connection(self, NotAllowed(text), NO_METHOD, number)
            return
        try:
            self.broker.connections.check_channel(self.connection.user.name)
        except NotAllowed as error:
            ending.close_connection(self, error, NO_METHOD, number)
            return
        channel = Channel(number, self.connection)
        if not isinstance(event, Command) or not channel.move(event.method):
            raise ChannelNumberError("expected 'channel.open'")
        decode_method(event.method, event.arguments)
        self.channels[number] = channel
        self.broker.connections.open_channel(self.connection.user.name)
        self.out.send(method_frame(number, ChannelOpenOk()))
        if self.broker.events.wanted:
            happenings.channel(self, "channel.created", number)

    def _serve(self, channel: Channel, event: Event) -> None:
        """An event of an open channel whose turn it is."""
        if isinstance(event, Batch):
            channel.publish(event)
        elif isinstance(event, Settlement):
            channel.settle(event)
        elif isinstance(event, Violation):
            raise error_of(event)
        else:
            assert isinstance(event, Command)
            self._serve_command(channel, event)

    def _serve_command(self, channel: Channel, event: Command) -> None:
        method = decode_method(event.method, event.arguments)
        if not channel.move(method.id):
            if isinstance(method, ChannelOpen):
                raise ChannelNumberError(SECOND_OPEN)
            raise CommandInvalid("unimplemented method")
        if isinstance(method, ChannelClose):
            ending.channel_closed_by_peer(self, channel)
            return
        self.serving = method.id
        reply = HANDLERS[method.id](channel, method)
        if reply is not None and not isinstance(reply, Wait):
            self.out.send(method_frame(channel.number, reply))
        if self.out.stuffed:
            answers.stall(self)

    def now_ms(self) -> int:
        """Monotonic time."""
        return self._clock.monotonic_ms()
