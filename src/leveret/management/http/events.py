"""Beyond RabbitMQ: what happens, as it happens (server-sent events).

Who reads is told what the API would list for them, and their stream ends when what they are or may changes: they come
again, and are asked again who they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.responses import Response, StreamingResponse

from ...limits import EVENT_READER_LIFE_MS, EVENT_READERS_MAX, EVENTS_WAITING_MAX
from ..exporting import plain
from .caller import POLICYMAKER
from .reply import ApiError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from ...broker.events import Events
    from .caller import Caller
    from .context import Call

_ALIVE_S: Final = 15.0
"""Without a sign for so long, what is between thinks that nobody is there."""
_ALIVE: Final = b": here\n\n"
_OF_USERS: Final = ("user", "permission", "topic")
"""Begin the names of what only administrators may list."""
_MADE: Final = ("policy", "parameter")
_TRAFFIC: Final = ("connection", "channel")

ENDLESS: Final = "leveret.endless"
"""In the scope of a request: its answer has no end, the server's stop waits for none."""


class _Reader:
    """Somebody who reads events; one who is too slow is dropped, and may come again."""

    def __init__(self, caller: Caller, vhosts: frozenset[str] | None) -> None:
        """`vhosts`: those that it may look at; None: all."""
        self._caller = caller
        self._vhosts = vhosts
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(EVENTS_WAITING_MAX)
        self.is_over = False

    def told(self, name: str, about: Mapping[str, Any]) -> None:
        """This happened."""
        if self.is_over:
            return
        kind = name.partition(".")[0]
        if self._ends(kind, name, about):
            self._end()
        elif self._may_see(kind, about):
            data = msgspec.json.encode(plain(about))
            try:
                self._waiting.put_nowait(b"event: %b\ndata: %b\n\n" % (name.encode(), data))
            except asyncio.QueueFull:
                self._end()

    def _ends(self, kind: str, name: str, about: Mapping[str, Any]) -> bool:
        """Whether this changes what the reader is or may."""
        if kind == "user":
            return name in ("user.created", "user.deleted") and about["name"] == self._caller.user.name
        return kind in _OF_USERS and about["user"] == self._caller.user.name

    def _end(self) -> None:
        self.is_over = True
        if not self._waiting.full():
            self._waiting.put_nowait(b"")  # it may wait

    def _may_see(self, kind: str, about: Mapping[str, Any]) -> bool:
        caller = self._caller
        if kind in _OF_USERS:
            return caller.is_administrator
        if kind in _MADE and not caller.has(POLICYMAKER):
            return False
        if self._vhosts is None:
            return True
        own = kind not in _TRAFFIC or about.get("user") == caller.user.name
        return own and about.get("vhost") in self._vhosts

    async def read(self) -> AsyncIterator[bytes]:
        """What happened, and a sign of life where nothing did."""
        end_s = monotonic() + EVENT_READER_LIFE_MS / 1000
        yield _ALIVE
        while not self.is_over and monotonic() < end_s:
            try:
                yield await asyncio.wait_for(self._waiting.get(), _ALIVE_S) or _ALIVE
            except TimeoutError:
                yield _ALIVE


class _Stream(StreamingResponse):
    """Told of events as long as it is answered."""

    def __init__(self, reader: _Reader, events: Events) -> None:
        super().__init__(reader.read(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self._reader = reader
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        listener = self._reader.told
        self._events.listeners[listener] = None
        try:
            await super().__call__(scope, receive, send)
        finally:
            del self._events.listeners[listener]


async def events(call: Call) -> Response:
    """Of the virtual hosts that the caller may look at; of everything for who sees all."""
    broker = call.broker
    vhosts = None if call.caller.sees_all else frozenset(one.name for one in await call.caller.vhosts())
    if len(broker.events.listeners) >= EVENT_READERS_MAX:
        raise ApiError(503, "too_many_readers", f"{EVENT_READERS_MAX} others read events already")
    call.request.scope[ENDLESS] = True
    return _Stream(_Reader(call.caller, vhosts), broker.events)
