"""The API's description: an OpenAPI document, made with the first request for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request


class Described:
    """Of the API under this prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._made: bytes | None = None

    async def endpoint(self, request: Request) -> Response:
        """GET it. Everybody may: it says nothing that is not in the documentation."""
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)  # takes longer than others should wait
        return Response(self._made, media_type="application/json")

    def _make(self) -> bytes:
        from .openapi.document import document

        return msgspec.json.encode(document(self._prefix))
