"""What the API answers: JSON, errors as RabbitMQ has them, lists with pages, filters, columns and an order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping
from heapq import merge
from itertools import islice
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from ...limits import API_BODY_MAX, PAGE_SIZE_MAX
from ...patterns import compile_search
from ..exporting import plain

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")

PAGE_SIZE: Final = 100
TOO_SLOW: Final = "regular expression takes too long"
DIGITS_MAX: Final = 18
_FLAGS: Final = {"true": True, "false": False}
_PORTION: Final = 512
"""So many are sorted at once."""
_SHOWN_MAX: Final = 200
_SLICE_NS: Final = 2_000_000
"""So long a listing goes on before others have their turn."""

_PART_BYTES: Final = 256 * 1024

_encoder: Final = msgspec.json.Encoder(enc_hook=str)
_decoder: Final = msgspec.json.Decoder()


class ApiError(Exception):
    """An answer that is none: a status, and what RabbitMQ says with it."""

    def __init__(self, status: int, error: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.error = error
        self.reason = reason


def not_found() -> ApiError:
    """What is asked for is not there."""
    return ApiError(404, "Object Not Found", "Not Found")


def bad_request(reason: str) -> ApiError:
    """What was sent cannot be done; with the text that AMQP clients get for it, if there is one."""
    return ApiError(400, "bad_request", reason)


def forbidden(reason: str = "Not administrator user") -> ApiError:
    """Who asks may not."""
    return ApiError(401, "not_authorised", reason)


def encoded(value: object) -> bytes:
    """As JSON; letters that are none are replaced."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(plain(value))


def json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON."""
    return Response(encoded(value), status, headers, "application/json")


def error(status: int, name: str, reason: str) -> Response:
    """An error as JSON."""
    headers = {"www-authenticate": 'Basic realm="Leveret"'} if status == 401 else None
    return json({"error": name, "reason": reason}, status, headers)


def done(*, created: bool = False) -> Response:
    """Made, or changed."""
    return Response(status_code=201 if created else 204)


async def body_of(request: Request, size_max: int | None = None) -> bytes:
    """What was sent. Raises ApiError when it is too much."""
    size_max = API_BODY_MAX if size_max is None else size_max
    data = bytearray()
    try:
        async for part in request.stream():
            data += part
            if len(data) > size_max:
                raise ApiError(413, "payload_too_large", f"more than {size_max} bytes")
    except ClientDisconnect:
        raise bad_request("the rest is missing") from None  # nobody hears it
    return bytes(data)


async def object_of(request: Request) -> dict[str, Any]:
    """The object that was sent; nothing is an empty one, and so is `null` (RabbitMQ). Raises ApiError."""
    data = await body_of(request)
    if data in (b"", b"null"):
        return {}
    try:
        value = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise bad_request("body contents is not valid JSON") from None
    if not isinstance(value, dict):
        raise bad_request("body is not a JSON object")
    return value


def field(said: Mapping[str, Any], name: str, kind: type[T], default: T | None = None) -> T:
    """A value of an object. Raises ApiError when it is missing or of another type."""
    value = said.get(name, default)
    if value is None:
        raise bad_request(f"[{{key_missing,{name}}}]" if name not in said else f"{name} is null")
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise bad_request(f"{name} should be {kind.__name__}, actually was {shown(value)}")
    return value


def flag(said: Mapping[str, Any], name: str, default: bool) -> bool:
    """Whether; old clients, rabbitmqadmin among them, send "true" and "false" as texts. Raises ApiError."""
    text = said.get(name)
    if isinstance(text, str) and text in _FLAGS:
        return _FLAGS[text]
    return field(said, name, bool, default)


def whole(said: Mapping[str, Any], name: str, default: int) -> int:
    """How many; rabbitmqadmin sends digits as text. Raises ApiError."""
    text = said.get(name)
    if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX:
        return int(text)
    return field(said, name, int, default)


def optional(said: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    """A value of an object, which may be missing or null. Raises ApiError when it is of another type."""
    return None if said.get(name) is None else field(said, name, kind)


def names(said: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts. Raises ApiError when it is none."""
    found: list[Any] = field(said, name, list)
    if not all(isinstance(one, str) for one in found):
        raise bad_request(f"{name} should be a list of texts")
    return found


class Turns:
    """Says when something long has to let others have their turn."""

    __slots__ = ("_end_ns",)

    def __init__(self) -> None:
        self._end_ns = perf_counter_ns() + _SLICE_NS

    @property
    def over(self) -> bool:
        """Whether it is time for `others`."""
        return perf_counter_ns() > self._end_ns

    async def others(self) -> None:
        """They have their turn."""
        await asyncio.sleep(0)
        self._end_ns = perf_counter_ns() + _SLICE_NS

    async def through(self, going: Generator[Any, None, T]) -> T:
        """All of something that pauses often."""
        while True:
            try:
                next(going)
            except StopIteration as end:
                result: T = end.value
                return result
            if self.over:
                await self.others()


async def listing(
    request: Request,
    items: Iterable[T],
    describe: Callable[[T], dict[str, Any]],
    name: Callable[[T], str] = lambda item: "",
    order: Callable[[T], Any] | None = None,
    alias: Callable[[T], str] | None = None,
) -> Response:
    """All of these, or a page of them, as the query says: `page`, `page_size`, `name`, `use_regex`, `sort`,
    `sort_reverse`, `columns`. They come in their `order` (that of their names), or in that after what `sort` says.
    Who looks for a name finds those with this alias, too.

    Others have their turn meanwhile. When the order is this one, or that of names, only the page is described.
    """
    query = request.query_params
    paged = "page" in query
    page, size = number_of(query, "page", 1), number_of(query, "page_size", PAGE_SIZE)
    if size > PAGE_SIZE_MAX:
        raise bad_request(f"Invalid pagination parameters: page number {page}, page size {size}")
    turns = Turns()
    found = list(items)
    total = len(found)
    if wanted := query.get("name"):
        matches = _matches(wanted, _is(query.get("use_regex")))
        found = await _named(
            turns, found, lambda item: matches(name(item)) or (alias is not None and matches(alias(item)))
        )
    filtered = len(found)
    sort, reverse = query.get("sort"), _is(query.get("sort_reverse"))
    columns = columns_of(query)
    by_name = sort == "name"
    known = name if order is None else _after(name, order) if by_name else order
    if sort and not by_name:
        found = await _sorted(turns, found, known)
    if not paged:
        if not sort or by_name:
            sort, found = None, await _sorted(turns, found, known, reverse)
        return _listed(await _rows(turns, found, describe, columns, sort, reverse))
    pages = max(1, -(-filtered // size))
    if page > pages:
        raise bad_request(f"Page out of range, page: {page} page size: {size}, len: {filtered}")
    rows = slice((page - 1) * size, page * size)
    if not sort or by_name:
        found = await _sorted(turns, found, known, reverse, rows.stop)
        described = await _rows(turns, found[rows], describe, columns)
    else:
        described = (await _rows(turns, found, describe, columns, sort, reverse))[rows]
    about = {
        "filtered_count": filtered,
        "item_count": len(described),
        "page": page,
        "page_count": pages,
        "page_size": size,
        "total_count": total,
    }
    return _listed(described, b'{"items":', b"," + _encoder.encode(about)[1:])


async def _named(turns: Turns, items: list[T], matches: Callable[[T], bool]) -> list[T]:
    found = []
    for item in items:
        try:
            if matches(item):
                found.append(item)
        except TimeoutError:
            raise bad_request(TOO_SLOW) from None
        if turns.over:
            await turns.others()
    return found


def _after(first: Callable[[T], Any], then: Callable[[T], Any]) -> Callable[[T], Any]:
    return lambda item: (first(item), then(item))


async def _sorted(
    turns: Turns, items: list[T], key: Callable[[T], Any], reverse: bool = False, wanted: int | None = None
) -> list[T]:
    """In this order, the first so many of them: portions are sorted, and merged as far as that is needed."""
    portions = []
    for start in range(0, len(items), _PORTION):
        portions.append(sorted(items[start : start + _PORTION], key=key, reverse=reverse))
        if turns.over:
            await turns.others()
    if len(portions) < 2:
        return portions[0] if portions else []
    found = []
    for item in islice(merge(*portions, key=key, reverse=reverse), wanted):
        found.append(item)
        if turns.over:
            await turns.others()
    return found


async def _rows(
    turns: Turns,
    items: list[T],
    describe: Callable[[T], dict[str, Any]],
    columns: list[str],
    sort: str | None = None,
    reverse: bool = False,
) -> list[bytes]:
    """Each as JSON, in this order."""
    path = sort.split(".") if sort else None
    rows, keys = [], []
    for item in items:
        described = describe(item)
        if described:  # else it went meanwhile
            if path is not None:
                keys.append(_order(_at(described, path)))
            rows.append(encoded(pick(described, columns) if columns else described))
        if turns.over:
            await turns.others()
    if path is None:
        return rows
    places = await _sorted(turns, [*range(len(rows))], keys.__getitem__)
    return [rows[place] for place in (reversed(places) if reverse else places)]


def _listed(rows: list[bytes], before: bytes = b"", after: bytes = b"") -> Response:
    if rows:
        rows[1:] = [part for row in rows[1:] for part in (b",", row)]
    return in_parts([before + b"[", *rows, b"]" + after])


def in_parts(pieces: list[bytes], headers: Mapping[str, str] | None = None) -> Response:
    """JSON in pieces, which are sent so that nothing large is copied at once."""
    size = sum(map(len, pieces))
    if size <= _PART_BYTES:
        return Response(b"".join(pieces), headers=headers, media_type="application/json")
    headers = {**(headers or {}), "content-length": str(size)}
    return StreamingResponse(_parts(pieces), headers=headers, media_type="application/json")


async def _parts(pieces: list[bytes]) -> AsyncIterator[bytes]:
    found, size = [], 0
    for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size > _PART_BYTES:
            yield b"".join(found)
            found, size = [], 0
            await asyncio.sleep(0)
    yield b"".join(found)


def columns_of(query: Mapping[str, str]) -> list[str]:
    """Those that are asked for; none: all."""
    return [column for column in query.get("columns", "").split(",") if column]


def _order(value: object) -> tuple[int, Any]:
    """So that what is missing, numbers and texts have one order."""
    if value is None:
        return 0, 0
    if isinstance(value, bool | int | float):
        return 1, value
    return 2, str(value)


def _at(item: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(item, dict):
            return None
        item = item.get(name)
    return item


def pick(item: dict[str, Any], columns: list[str]) -> dict[str, Any]:
    """Only these columns; `a.b` is inside of `a`."""
    picked: dict[str, Any] = {}
    for column in columns:
        path = column.split(".")
        value = _at(item, path)
        if value is None:
            continue
        inner = picked
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return picked


def number_of(query: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    """A number of the query. Raises ApiError."""
    return number_in(query.get(name, str(default)), name, least)


def number_in(text: str, name: str, least: int = 0) -> int:
    """A number of a query or a path. Raises ApiError."""
    if not text.isdecimal() or len(text) > DIGITS_MAX or int(text) < least:
        raise bad_request(f"{name} should be a number, actually was {shown(text)}")
    return int(text)


def shown(value: object) -> str:
    """What somebody sent, as far as an answer repeats it."""
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def _is(text: str | None) -> bool:
    return text == "true"


def _matches(wanted: str, is_pattern: bool) -> Callable[[str], bool]:
    if not is_pattern:
        lower = wanted.lower()
        return lambda name: lower in name.lower()
    return searching(wanted)


def searching(pattern: str) -> Callable[[str], bool]:
    """Whether a name has a match; asked, it may raise TimeoutError, for which there is TOO_SLOW. Raises ApiError."""
    try:
        return compile_search(pattern)
    except ValueError as problem:
        raise bad_request(f"invalid regular expression: {problem.args[0]}") from None
