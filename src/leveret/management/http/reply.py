"""What the API answers: JSON, errors as RabbitMQ has them, lists with pages, filters, columns and an order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Mapping
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from starlette.responses import Response

from ...limits import API_BODY_MAX, PAGE_SIZE_MAX
from ...patterns import compile_pattern

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")

PAGE_SIZE: Final = 100
_SLICE_NS: Final = 2_000_000
"""So long a listing goes on before others have their turn."""

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


def json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON."""
    return Response(_encoder.encode(value), status, headers, "application/json")


def error(status: int, name: str, reason: str) -> Response:
    """An error as JSON."""
    headers = {"www-authenticate": 'Basic realm="Leveret"'} if status == 401 else None
    return json({"error": name, "reason": reason}, status, headers)


def done(*, created: bool = False) -> Response:
    """Made, or changed."""
    return Response(status_code=201 if created else 204)


async def body_of(request: Request) -> bytes:
    """What was sent. Raises ApiError when it is too much."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > API_BODY_MAX:
            raise ApiError(413, "payload_too_large", f"more than {API_BODY_MAX} bytes")
    return data


async def object_of(request: Request) -> dict[str, Any]:
    """The object that was sent; nothing is an empty one, and so is `null` (RabbitMQ). Raises ApiError."""
    data = await body_of(request)
    if data in (b"", b"null"):
        return {}
    try:
        value = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise ApiError(400, "bad_request", "body contents is not valid JSON") from None
    if not isinstance(value, dict):
        raise ApiError(400, "bad_request", "body is not a JSON object")
    return value


def field(said: Mapping[str, Any], name: str, kind: type[T], default: T | None = None) -> T:
    """A value of an object; a flag may be a text, as in RabbitMQ. Raises ApiError when it is missing or of another
    type.
    """
    value = said.get(name, default)
    if kind is bool and value in ("true", "false"):
        value = value == "true"
    if value is None:
        raise bad_request(f"[{{key_missing,{name}}}]" if name not in said else f"{name} is null")
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise bad_request(f"{name} should be {kind.__name__}, actually was {value!r}")
    return value


def texts(said: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts. Raises ApiError when it is missing or is none."""
    value = field(said, name, list)
    if not all(isinstance(one, str) for one in value):
        raise bad_request(f"{name} should be a list of strings")
    return value


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
) -> Response:
    """All of these, or a page of them, as the query says: `page`, `page_size`, `name`, `use_regex`, `sort`,
    `sort_reverse`, `columns`.

    Others have their turn meanwhile. When the order is that of names only the page is described.
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
        found = await _named(turns, found, name, _matches(wanted, _is(query.get("use_regex"))))
    filtered = len(found)
    sort, reverse = query.get("sort"), _is(query.get("sort_reverse"))
    columns = columns_of(query)
    if not paged:
        return _encoded(await _rows(turns, found, describe, columns, sort, reverse))
    pages = max(1, -(-filtered // size))
    if page > pages:
        raise bad_request(f"Page out of range, page: {page} page size: {size}, len: {filtered}")
    rows = slice((page - 1) * size, page * size)
    if sort in (None, "", "name"):
        found.sort(key=name, reverse=reverse)
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
    return _encoded(described, b'{"items":', b"," + _encoder.encode(about)[1:])


async def _named(turns: Turns, items: list[T], name: Callable[[T], str], matches: Callable[[str], bool]) -> list[T]:
    found = []
    for item in items:
        if matches(name(item)):
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
        if path is not None:
            keys.append(_order(_at(described, path)))
        rows.append(_encoder.encode(pick(described, columns) if columns else described))
        if turns.over:
            await turns.others()
    if path is None:
        return rows
    return [rows[place] for place in sorted(range(len(rows)), key=keys.__getitem__, reverse=reverse)]


def _encoded(rows: list[bytes], before: bytes = b"", after: bytes = b"") -> Response:
    return Response(before + b"[" + b",".join(rows) + b"]" + after, media_type="application/json")


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
    text = query.get(name, str(default))
    if not text.isdecimal() or len(text) > 18 or int(text) < least:
        raise bad_request(f"{name} should be a number, actually was {text!r}")
    return int(text)


def _is(text: str | None) -> bool:
    return text == "true"


def _matches(wanted: str, is_pattern: bool) -> Callable[[str], bool]:
    if not is_pattern:
        lower = wanted.lower()
        return lambda name: lower in name.lower()
    try:
        return compile_pattern(wanted)
    except ValueError as problem:
        raise bad_request(f"invalid regular expression: {problem.args[0]}") from None
