"""Around every answer: the headers that keep browsers safe, and paths as they were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .options import ManagementOptions

CSP: Final = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)


class Guard:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, options: ManagementOptions) -> None:
        self._headers = {
            "content-security-policy": options.csp_policy or CSP,
            "x-frame-options": "DENY",
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cache-control": "no-cache",
        }
        if options.hsts_policy:
            self._headers["strict-transport-security"] = options.hsts_policy
        if options.cors_allow_origins:
            app = CORSMiddleware(
                app,
                allow_origins=options.cors_allow_origins,
                allow_methods=["GET", "PUT", "POST", "DELETE"],
                allow_headers=["authorization", "content-type", "x-reason"],
                max_age=options.cors_max_age_s,
            )
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            path = scope["raw_path"].decode("ascii", "replace")
            scope["path"] = path.rstrip("/") or "/" if "/api/" in path else path

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded)
