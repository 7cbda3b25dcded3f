"""The HTTP server: uvicorn's protocol on the broker's own loop, without its process around it."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from ...limits import (
    API_ANSWER_BYTES_MIN,
    API_ANSWER_TIMEOUT_MS,
    API_CONNECTIONS_MAX,
    API_REQUEST_TIMEOUT_MS,
    PRELUDE_TIMEOUT_MS,
)
from .app import application, metrics_application
from .events import ENDLESS
from .machine import Machine as Machine
from .sampling import sample_for_ever

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp

    from .caller import Managed

_GOODBYE_S: Final = 1.0
"""For answers that are on their way when the server stops."""


class _Patient(H11Protocol):
    """Not for ever: a request has to be there after API_REQUEST_TIMEOUT_MS, and who asks has to take the answer."""

    _deadline: asyncio.TimerHandle | None = None
    _look: asyncio.TimerHandle | None = None
    _is_made = False
    _early: bytes = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._is_made = True
        if len(self.connections) > API_CONNECTIONS_MAX:
            transport.abort()
            return
        self._wait()
        if self._early:
            early, self._early = self._early, b""
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        if not self._is_made:  # TLS: it came with the end of the handshake
            self._early += data
            return
        if self._deadline is None and not self._is_answering:
            self._wait()
        super().data_received(data)
        if self._is_answering and not self.cycle.more_body:
            self._wait_no_more()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_again()

    def resume_writing(self) -> None:
        self._look_no_more()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        self._look_no_more()
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

    def _look_again(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._look = self.loop.call_later(API_ANSWER_TIMEOUT_MS / 1000, self._is_taken, waiting)

    def _is_taken(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < API_ANSWER_BYTES_MIN:
            self.transport.abort()
        else:
            self._look_again()

    def _look_no_more(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Door(asyncio.Protocol):
    """Before TLS: a handshake costs as much memory as a connection: there are only so many, and not for long."""

    def __init__(self, tls: ssl.SSLContext, inside: Callable[[], _Patient], state: ServerState) -> None:
        self._tls = tls
        self._inside = inside
        self._state = state

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        tasks = self._state.tasks
        if len(tasks) + len(self._state.connections) >= API_CONNECTIONS_MAX:
            transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._open(transport))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _open(self, transport: asyncio.Transport) -> None:
        inside, timeout_s = self._inside(), PRELUDE_TIMEOUT_MS / 1000
        try:
            opened = await asyncio.get_running_loop().start_tls(
                transport, inside, self._tls, server_side=True, ssl_handshake_timeout=timeout_s
            )
        except (OSError, TimeoutError):
            transport.abort()
            return
        if opened is not None and not opened.is_closing():
            inside.connection_made(opened)


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

        def inside() -> _Patient:
            return _Patient(config, self._state, {})

        for one, tls in listening:
            made = inside if tls is None else partial(_Door, tls, inside, self._state)
            self._servers.append(await loop.create_server(made, sock=one))

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
