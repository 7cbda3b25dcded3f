"""Beyond RabbitMQ: what happens, as it happens (server-sent events)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.responses import Response, StreamingResponse

from ...limits import EVENT_READERS_MAX, EVENTS_WAITING_MAX
from ..exporting import plain
from .reply import ApiError

if TYPE_CHECKING:
    from .context import Call

_ALIVE_S: Final = 15.0
"""Without a sign for so long, what is between thinks that nobody is there."""

ENDLESS: Final = "leveret.endless"
"""In the scope of a request: its answer has no end, the server's stop waits for none."""


class _Reader:
    """Somebody who reads events; one who is too slow is dropped, and may come again."""

    def __init__(self, vhosts: frozenset[str] | None) -> None:
        self._vhosts = vhosts
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(EVENTS_WAITING_MAX)
        self.is_late = False

    def told(self, name: str, about: Mapping[str, Any]) -> None:
        """This happened."""
        if self.is_late or (self._vhosts is not None and about.get("vhost") not in self._vhosts):
            return
        data = msgspec.json.encode({key: plain(value) for key, value in about.items()})
        try:
            self._waiting.put_nowait(b"event: %b\ndata: %b\n\n" % (name.encode(), data))
        except asyncio.QueueFull:
            self.is_late = True

    async def read(self) -> AsyncIterator[bytes]:
        """What happened, and a sign of life where nothing did."""
        yield b": here\n\n"
        while not self.is_late:
            try:
                event = await asyncio.wait_for(self._waiting.get(), _ALIVE_S)
            except TimeoutError:
                event = b": here\n\n"
            yield event


async def events(call: Call) -> Response:
    """Of the virtual hosts that the caller may look at; of everything for who sees all."""
    listeners = call.broker.events.listeners
    if len(listeners) >= EVENT_READERS_MAX:
        raise ApiError(503, "too_many_readers", f"{EVENT_READERS_MAX} others read events already")
    vhosts = None if call.caller.sees_all else frozenset(one.name for one in await call.caller.vhosts())
    reader = _Reader(vhosts)

    call.request.scope[ENDLESS] = True

    async def stream() -> AsyncIterator[bytes]:
        listeners[reader.told] = None
        try:
            async for event in reader.read():
                yield event
        finally:
            listeners.pop(reader.told, None)

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})
