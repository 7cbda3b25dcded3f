"""What the API answers: JSON, errors as RabbitMQ has them, lists with pages, filters, columns and an order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
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
    """The object that was sent; nothing is an empty one. Raises ApiError."""
    data = await body_of(request)
    if not data.strip():
        return {}
    try:
        value = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise ApiError(400, "bad_request", "body contents is not valid JSON") from None
    if not isinstance(value, dict):
        raise ApiError(400, "bad_request", "body is not a JSON object")
    return value


def field(said: Mapping[str, Any], name: str, kind: type[T], default: T | None = None) -> T:
    """A value of an object. Raises ApiError when it is missing or of another type."""
    value = said.get(name, default)
    if value is None:
        raise bad_request(f"[{{key_missing,{name}}}]" if name not in said else f"{name} is null")
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise bad_request(f"{name} should be {kind.__name__}, actually was {value!r}")
    return value


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
    found = list(items)
    total = len(found)
    if "page" not in query:
        described = await _describe(found, describe)
        return json(_columns(_sorted(described, query.get("sort"), _is(query.get("sort_reverse"))), query))
    page, size = _number(query, "page", 1), min(_number(query, "page_size", PAGE_SIZE), PAGE_SIZE_MAX)
    wanted = query.get("name", "")
    if wanted:
        matches = _matches(wanted, _is(query.get("use_regex")))
        found = [item for item in found if matches(name(item))]
    filtered = len(found)
    pages = max(1, -(-filtered // size))
    if page > pages:
        raise bad_request(f"Page out of range, page: {page} page size: {size}, len: {filtered}")
    sort, reverse = query.get("sort"), _is(query.get("sort_reverse"))
    if sort in (None, "name"):
        found.sort(key=name, reverse=reverse)
        described = await _describe(found[(page - 1) * size : page * size], describe)
    else:
        every = _sorted(await _describe(found, describe), sort, reverse)
        described = every[(page - 1) * size : page * size]
    return json(
        {
            "filtered_count": filtered,
            "item_count": len(described),
            "items": _columns(described, query),
            "page": page,
            "page_count": pages,
            "page_size": size,
            "total_count": total,
        }
    )


async def _describe(items: list[T], describe: Callable[[T], dict[str, Any]]) -> list[dict[str, Any]]:
    described = []
    end_ns = perf_counter_ns() + _SLICE_NS
    for item in items:
        described.append(describe(item))
        if perf_counter_ns() > end_ns:
            await asyncio.sleep(0)
            end_ns = perf_counter_ns() + _SLICE_NS
    return described


def _sorted(items: list[dict[str, Any]], by: str | None, reverse: bool) -> list[dict[str, Any]]:
    if by:
        path = by.split(".")
        items.sort(key=lambda item: _order(_at(item, path)), reverse=reverse)
    return items


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


def _columns(items: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    wanted = [column for column in query.get("columns", "").split(",") if column]
    return [pick(item, wanted) for item in items] if wanted else items


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


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
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
