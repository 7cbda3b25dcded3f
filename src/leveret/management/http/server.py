"""The HTTP server: uvicorn's protocol on the broker's own loop, without its process around it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from ...limits import API_CONNECTIONS_MAX, API_REQUEST_TIMEOUT_MS
from .app import application, metrics_application
from .events import ENDLESS
from .machine import Machine as Machine
from .sampling import sample_for_ever

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterable

    from starlette.types import ASGIApp

    from .caller import Managed

_GOODBYE_S: Final = 1.0
"""For answers that are on their way when the server stops."""


class _Patient(H11Protocol):
    """Not for ever: a request has to be there after API_REQUEST_TIMEOUT_MS."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > API_CONNECTIONS_MAX:
            transport.abort()
            return
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and not self._is_answering:
            self._wait()
        super().data_received(data)
        if self._is_answering and not self.cycle.more_body:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Answers without end are over at once, as if nobody read them any more."""
        super().shutdown()
        if self._is_answering and ENDLESS in self.cycle.scope:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(API_REQUEST_TIMEOUT_MS / 1000, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _config(app: ASGIApp) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=_Patient,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    config.load()
    return config


class HttpServer:
    """Serves the management interface of a node, and its metrics."""

    def __init__(self, node: Managed) -> None:
        self._node = node
        self._state = ServerState()
        self._servers: list[asyncio.Server] = []
        self._sampling: asyncio.Task[None] | None = None

    async def start(
        self,
        listening: Iterable[tuple[socket.socket, ssl.SSLContext | None]],
        metrics: Iterable[socket.socket] = (),
        metrics_authenticated: bool = False,
    ) -> None:
        """Serve on these sockets, which listen already; `metrics` are those for metrics alone."""
        await self._serve(application(self._node), listening)
        found = [(one, None) for one in metrics]
        if found:
            await self._serve(metrics_application(self._node, metrics_authenticated), found)
        self._sampling = asyncio.get_running_loop().create_task(sample_for_ever(self._node))

    async def _serve(self, app: ASGIApp, listening: Iterable[tuple[socket.socket, ssl.SSLContext | None]]) -> None:
        config, loop = _config(app), asyncio.get_running_loop()
        for one, tls in listening:
            server = await loop.create_server(lambda: _Patient(config, self._state, {}), sock=one, ssl=tls)
            self._servers.append(server)

    async def stop(self) -> None:
        """Serve no more; answers on their way have a moment."""
        if self._sampling is not None:
            self._sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sampling
        for server in self._servers:
            server.close()
        for connection in [*self._state.connections]:
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait([*self._state.tasks], timeout=_GOODBYE_S)
        for connection in [*self._state.connections]:
            connection.transport.abort()
        if self._state.tasks:  # these see now that nobody reads them any more
            await asyncio.wait([*self._state.tasks], timeout=_GOODBYE_S)
