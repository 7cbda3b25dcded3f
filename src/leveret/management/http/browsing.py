"""Beyond RabbitMQ: looking at messages where they are, searching, and moving, copying or deleting some of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from ...amqp.checking import IMPERSONATOR, first_refused
from ...broker import browsing
from ...broker.browsing import Place
from ...broker.permits import Permits
from ...errors import SyntaxError_
from ...limits import (
    ACTION_IDS_MAX,
    API_ANSWER_MAX,
    NAME_BYTES_MAX,
    PEEK_MAX,
    SEARCH_BYTES_MAX,
    SEARCH_SCAN_MAX,
    SEARCH_TEXT_MAX,
)
from ...wire import Patch, Selection
from ...wire.properties import Properties, decode_properties
from .messages import message_of
from .objects import queue_of
from .reply import Turns, bad_request, field, json, number_of, object_of, shown
from .waiting import Answer

if TYPE_CHECKING:
    from starlette.responses import Response

    from ...authorize import Rights
    from ...broker.queue import Queue
    from ...ports import Position
    from ...wire import Batch, Extent, Message
    from .context import Call

T = TypeVar("T")

_PEEK: Final = 50
_TRUNCATE: Final = 50_000
_AT_ONCE: Final = 128
"""Messages that are copied out, or move, in one step, before others have their turn."""


class _Seen(NamedTuple):
    """A message, copied out."""

    position: int
    place: Place
    message: Message
    redelivered: bool


async def _readable(call: Call) -> tuple[Queue, Rights]:
    """The queue of the path, which the caller may read."""
    queue = await queue_of(call)
    rights = await call.caller.rights(queue.vhost)
    call.broker.vhosts[queue.vhost].queue(queue.name, call.owner(queue))  # it may be locked
    await call.require(rights, "basic.get", queue.vhost, queue=queue.name)
    return queue, rights


async def _read(queue: Queue, level: int, extent: Extent, do: Callable[[], T]) -> T | None:
    """Do something with an extent that is in memory, right when it is there: it may go again at once. None when it is
    gone.
    """
    lane = queue.lanes[level]
    answer: Answer[T | None] = Answer()

    def there() -> None:
        if queue.deleted or not extent.ready or extent in lane.quarantined:
            answer.tell(None)
        elif extent.resident:
            answer.tell(do())
        else:
            queue.when_read(lane, extent, there)

    there()
    return await answer.get()


async def _seen(queue: Queue, offset: int) -> AsyncIterator[_Seen]:
    """Ready messages in the order of their delivery, from one on. Those that leave or come meanwhile may be missing."""
    position = 0
    for level, extent in browsing.extents(queue):
        count = extent.ready
        if position + count <= offset:
            position += count
            continue
        first = max(offset - position, 0)
        while found := await _read(queue, level, extent, partial(_copied, level, extent, first, position)):
            for seen in found:
                yield seen
            first += len(found)
        position += count


def _copied(level: int, extent: Extent, first: int, position: int) -> list[_Seen]:
    rows = extent.select_ready()[first : first + _AT_ONCE]
    return [
        _Seen(place, Place(level, extent.base + row), extent[row], extent.is_redelivered(row))
        for place, row in enumerate(rows, position + first)
    ]


def _told(seen: _Seen, truncate: int) -> dict[str, Any]:
    told = message_of(seen.message, "auto", truncate)
    return {
        "id": str(seen.place),
        "position": seen.position,
        "redelivered": seen.redelivered,
        **told,
        "truncated": told["payload_bytes"] > truncate,
    }


async def peek(call: Call) -> Response:
    """`?offset=&count=&truncate=`: messages where they are, without taking them."""
    queue, _ = await _readable(call)
    query = call.request.query_params
    offset, count = number_of(query, "offset", 0, 0), min(number_of(query, "count", _PEEK), PEEK_MAX)
    truncate = number_of(query, "truncate", _TRUNCATE, 0)
    found: list[dict[str, Any]] = []
    turns, size = Turns(), 0
    async for seen in _seen(queue, offset):
        found.append(_told(seen, truncate))
        size += len(found[-1]["payload"])
        if len(found) == count or size > API_ANSWER_MAX:
            break
        if turns.over:
            await turns.others()
    return json({"messages": found, "offset": offset, "total": queue.message_count})


async def search(call: Call) -> Response:
    """`?text=&routing_key=&header=[&value=]&property=&value=&offset=&limit=`: messages that have all of these."""
    queue, _ = await _readable(call)
    query = call.request.query_params
    offset, limit = number_of(query, "offset", 0, 0), min(number_of(query, "limit", _PEEK), PEEK_MAX)
    truncate = number_of(query, "truncate", _TRUNCATE, 0)
    matches = _wanted(query)
    found: list[dict[str, Any]] = []
    scanned, searched, size, more = 0, 0, 0, False
    turns = Turns()
    async for seen in _seen(queue, offset):
        enough = scanned == SEARCH_SCAN_MAX or searched > SEARCH_BYTES_MAX
        if enough or len(found) == limit or size > API_ANSWER_MAX:
            more = True
            break
        scanned += 1
        searched += len(seen.message.body)
        if matches(seen.message):
            found.append(_told(seen, truncate))
            size += len(found[-1]["payload"])
        if turns.over:
            await turns.others()
    return json({"messages": found, "scanned": scanned, "next_offset": offset + scanned if more else None})


def _wanted(query: Mapping[str, str]) -> Callable[[Message], bool]:
    text, key = query.get("text", ""), query.get("routing_key")
    header, name, value = query.get("header"), query.get("property"), query.get("value")
    if len(text) > SEARCH_TEXT_MAX:
        raise bad_request(f"text has more than {SEARCH_TEXT_MAX} letters")
    if name is not None and name not in Properties.__slots__:
        raise bad_request(f"unknown property {shown(name)}")
    part = text.encode(errors="replace")

    def matches(message: Message) -> bool:
        if part and part not in message.body:
            return False
        if key is not None and message.routing_key != key:
            return False
        if header is None and name is None:
            return True
        try:
            properties = decode_properties(message.properties)
        except SyntaxError_:
            return False
        headers = dict(properties.headers or {})
        if header is not None and (header not in headers or (value is not None and _text(headers[header]) != value)):
            return False
        if name is None:
            return True
        found = getattr(properties, name)
        return found is not None and (value is None or header is not None or _text(found) == value)

    return matches


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


# Doing something with them


async def act(call: Call) -> Response:
    """`{"action": "delete" | "move" | "copy" | "redrive", "ids": [...] or "all": true, "destination": {"exchange",
    "routing_key"}}`. A message is at its destination, or still where it was, at any time.
    """
    queue, rights = await _readable(call)
    said = await object_of(call.request)
    action = field(said, "action", str)
    if action not in ("delete", "move", "copy", "redrive"):
        raise bad_request(f"unknown action {shown(action)}")
    destination = None
    if action in ("move", "copy"):
        to = field(said, "destination", dict)
        destination = field(to, "exchange", str, ""), field(to, "routing_key", str, "")
        if any(len(name.encode(errors="replace")) > NAME_BYTES_MAX for name in destination):
            raise bad_request(f"destination: more than {NAME_BYTES_MAX} bytes")
        if action == "move" and destination == ("", queue.name):
            raise bad_request("messages are there already")
    chosen = _chosen(queue, said)
    asked = sum(len(rows) for _, _, rows in chosen)
    acting, turns = _Acting(call, queue, rights, action, destination), Turns()
    for level, extent, rows in chosen:
        for first in range(0, len(rows), _AT_ONCE):
            await acting.step(level, extent, rows[first : first + _AT_ONCE])
            if turns.over:
                await turns.others()
    await call.durable(acting.position)
    wanted = asked if said.get("all") is True else len(set(field(said, "ids", list)))
    missing = wanted - acting.done - acting.unroutable - acting.refused
    return json({"done": acting.done, "missing": missing, "unroutable": acting.unroutable, "refused": acting.refused})


def _chosen(queue: Queue, said: Mapping[str, Any]) -> list[tuple[int, Extent, Selection]]:
    if said.get("all") is True:
        return [(level, extent, extent.select_ready()) for level, extent in browsing.extents(queue)]
    ids = field(said, "ids", list)
    if len(ids) > ACTION_IDS_MAX:
        raise bad_request(f"more than {ACTION_IDS_MAX} ids")
    try:
        return browsing.locate(queue, [Place.of(str(one)) for one in ids])
    except ValueError as error:
        raise bad_request(f"ids: {error}") from None


class _Acting:
    """One action on the messages of a queue, and what became of them."""

    def __init__(
        self, call: Call, queue: Queue, rights: Rights, action: str, destination: tuple[str, str] | None
    ) -> None:
        self._call = call
        self._queue = queue
        self._action = action
        self._destination = destination
        self._vhost = call.broker.vhosts[queue.vhost]
        user = call.caller.user
        self._mover = replace(user, tags=(*user.tags, IMPERSONATOR))  # whose messages they are was looked at before
        self._permits = Permits(rights, self._vhost)
        self.done = self.unroutable = self.refused = 0
        self.position: Position | None = None

    async def step(self, level: int, extent: Extent, rows: Selection) -> None:
        """These, at once."""
        if self._action == "delete":
            await self._call.caught_up()
            rows = rows.difference(rows.difference(extent.select_ready()))
            if len(rows) and not self._queue.deleted:
                self._moved(browsing.delete(self._call.broker, self._vhost, self._queue, level, extent, rows))
                self.done += len(rows)
            return
        await self._call.ready_to_publish()
        made = await _read(self._queue, level, extent, lambda: self._made(extent, rows))
        for to, part, batch in made or ():
            if to is None:
                self.unroutable += len(part)
            else:
                await self._republish(level, extent, part, batch)

    def _made(self, extent: Extent, rows: Selection) -> list[tuple[tuple[str, str] | None, Selection, Batch]]:
        """Batches by where they are to go, of the rows that are still there."""
        rows = rows.difference(rows.difference(extent.select_ready()))
        pool = self._call.broker.pool
        found: dict[tuple[str, str] | None, list[int]] = {}
        for row in rows:
            found.setdefault(self._destination or _origin(extent[row].properties), []).append(row)
        made = []
        for to, numbers in found.items():
            part = Selection(numbers)
            batch = extent.batch(pool, part)
            if to is not None:
                patch = Patch(exchange=to[0], routing_key=to[1], without=("CC",), clear_mandatory=True)
                batch = batch.rewrite(pool, [(Selection.range(0, len(part)), patch)])
            made.append((to, part, batch))
        return made

    async def _republish(self, level: int, extent: Extent, rows: Selection, batch: Batch) -> None:
        keep = self._action == "copy"

        def do() -> browsing.Moved:
            _, refusal = first_refused(batch, self._mover, "", self._permits) or (None, None)
            if refusal is not None:
                raise refusal
            queue, vhost = self._queue, self._vhost
            there = [*rows.difference(rows.difference(extent.select_ready()))]
            if queue.deleted or len(there) < len(rows):  # or some were taken meanwhile
                return browsing.Moved(0, 0, 0, None)
            return browsing.republish(self._call.broker, vhost, queue, level, extent, there, batch, keep=keep)

        moved = await self._call.allowed(do)
        self.done += moved.count
        self.unroutable += moved.unroutable
        self.refused += moved.refused
        self._moved(moved.position)

    def _moved(self, position: Position | None) -> None:
        if position is not None:
            self.position = position


def _origin(raw: bytes) -> tuple[str, str] | None:
    """The queue in which a dead letter died last; None: it is none."""
    try:
        headers = dict(decode_properties(raw).headers or {})
    except SyntaxError_:
        return None
    deaths = headers.get("x-death")
    if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) and isinstance(deaths[0].get("queue"), str):
        return "", deaths[0]["queue"]
    return None
