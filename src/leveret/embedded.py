"""A broker inside a program or a test."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .config import DEFAULTS
from .errors import ConfigError, PolicyError
from .listeners import Listener
from .managing import Management
from .node import Node
from .wire.records import SetPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .broker.vhost import VHost
    from .net.server import Address
    from .ports import Position

logger = logging.getLogger("leveret")


class Broker:
    """A broker inside a program or a test, on the running event loop.

    async with leveret.Broker() as broker:
        connection = await aio_pika.connect(broker.url)
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data_dir: str | os.PathLike[str] | None = None,
        management_port: int | None = None,
    ) -> None:
        """Port 0 takes a free one. Without a `data_dir` messages are in memory only, without a `management_port` there
        is no management interface.
        """
        self._address = (host, port)
        self._management_port = management_port
        self._management: Management | None = None
        self._directory = None if data_dir is None else Path(data_dir)
        self._failure: OSError | None = None
        self._node: Node | None = None
        self._listening: list[Address] = []
        self._changes: dict[asyncio.Future[None], None] = {}  # of which somebody waits to hear that they are done

    async def start(self) -> None:
        """Listen. Raises ConfigError when that is not possible, or the data directory cannot be used."""
        assert self._node is None, "it is started already"
        node = Node(asyncio.get_running_loop(), directory=self._directory, fatal=self._failed)
        try:
            self._listening = node.listen(*self._address)
        except BaseException:
            if node.storage is not None:
                node.storage.close()  # another start may have it
            node.turn.stop()
            raise
        self._node = node
        if self._management_port is not None:
            try:
                await self._manage(node, self._management_port)
            except BaseException:
                await self.stop()
                raise

    async def _manage(self, node: Node, port: int) -> None:
        options = replace(DEFAULTS, host=self._address[0], management_port=port, metrics=False)
        self._management = Management(node, options, self._directory)
        self._management.also([(Listener(one.host, one.port), one) for one in self._listening])
        await self._management.start()

    async def stop(self) -> None:
        """Close all connections with 320, wait a moment for the answers; nothing when it is not started.

        Raises SyncError (or another OSError) when the disk failed meanwhile: what was not confirmed may be lost.
        """
        node, self._node = self._node, None
        management, self._management = self._management, None
        if management is not None:
            await management.stop()
        if node is not None:
            await node.stop()
        for change in self._changes:
            if not change.done():
                change.set_exception(self._failure or ConfigError("the broker was stopped"))
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _failed(self, error: OSError) -> None:
        """The disk cannot be trusted any more: nothing is confirmed from here on, and `stop` says why."""
        if self._failure is None:
            logger.critical("the disk failed, nothing is confirmed any more: %s", error)
            self._failure = error

    async def set_policy(
        self,
        name: str,
        pattern: str,
        definition: Mapping[str, Any],
        *,
        vhost: str = "/",
        priority: int = 0,
        apply_to: str = "all",
        operator: bool = False,
    ) -> None:
        """Set a policy, or change it; returns when it is kept and in effect for everything that it is for.

        Raises PolicyError, with RabbitMQ's text, when it is not valid (RabbitMQ page "Policies").
        """
        op = SetPolicy(vhost, name, operator, pattern, dict(definition), priority, apply_to)
        await self._done(self._vhost(vhost).set_policy(op))

    async def clear_policy(self, name: str, *, vhost: str = "/", operator: bool = False) -> None:
        """Take a policy away again. Raises PolicyError when there is none."""
        await self._done(self._vhost(vhost).clear_policy(name, operator=operator))

    async def add_vhost(self, name: str, **said: Any) -> None:
        """Make a virtual host, or change what is said of it: `description`, `tags`, `default_queue_type`, `protected`.

        Raises VHostError.
        """
        await self._done(self._running.brain.vhosts.put(name, **said))

    async def delete_vhost(self, name: str) -> None:
        """With everything in it; its connections are closed. Raises VHostError."""
        deleted: asyncio.Future[Position | None] = asyncio.get_running_loop().create_future()
        self._running.brain.vhosts.delete(name, deleted.set_result)
        await self._done(await deleted)

    async def add_user(self, name: str, password: str, *, tags: Iterable[str] = ()) -> None:
        """Make a user, or change its password and tags. It may do nothing before `set_permissions`.

        Raises AccountError.
        """
        hashed: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        self._running.credentials.hash(password.encode(), lambda *result: hashed.set_result(result))
        await self._done(self._running.administration.put_user(name, *await hashed, tuple(tags)))

    async def delete_user(self, name: str) -> None:
        """With its permissions; its connections are closed. Raises AccountError."""
        await self._done(self._running.administration.delete_user(name))

    async def set_permissions(
        self, user: str, *, vhost: str = "/", configure: str = ".*", write: str = ".*", read: str = ".*"
    ) -> None:
        """What a user may do in a virtual host: three regular expressions. Raises AccountError."""
        await self._done(self._running.administration.set_permission(user, vhost, configure, write, read))

    async def clear_permissions(self, user: str, *, vhost: str = "/") -> None:
        """The user may do nothing there any more. Raises AccountError."""
        await self._done(self._running.administration.clear_permission(user, vhost))

    async def import_definitions(self, data: bytes, *, vhost: str | None = None) -> None:
        """Make what a definition file tells of, all or nothing; of one virtual host, if it is named.

        Raises DefinitionError, which says what is wrong where (RabbitMQ page "Definitions").
        """
        await self._done(self._running.import_definitions(data, vhost))

    def export_definitions(self, *, vhost: str | None = None) -> bytes:
        """What there is, as a definition file; of one virtual host, if it is named. Raises DefinitionError."""
        return self._running.export_definitions(vhost)

    def trace_on(self, vhost: str = "/") -> None:
        """What is published and delivered is published to `amq.rabbitmq.trace` as well, until `trace_off` or the end.

        Raises PolicyError when there is no such virtual host (RabbitMQ page "Firehose Tracer").
        """
        self._vhost(vhost).trace(True)

    def trace_off(self, vhost: str = "/") -> None:
        """No more traces. Raises PolicyError when there is no such virtual host."""
        self._vhost(vhost).trace(False)

    @property
    def _running(self) -> Node:
        assert self._node is not None, "it is not started"
        return self._node

    def _vhost(self, name: str) -> VHost:
        assert self._node is not None, "it is not started"
        vhost = self._node.brain.vhosts.get(name)
        if vhost is None:
            raise PolicyError(f"Virtual host '{name}' does not exist")
        return vhost

    async def _done(self, position: Position | None) -> None:
        """A change is on disk, and every object knows of it."""
        assert self._node is not None
        brain = self._node.brain
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        self._changes[done] = None
        try:
            if position is None:
                brain.reapplying.when_done(finish)
            else:
                brain.log.when_durable(position, lambda: brain.reapplying.when_done(finish))
            await done
        finally:
            del self._changes[done]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return self._listening[0].host

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._listening[0].port

    @property
    def management_url(self) -> str:
        """Of its management interface: user guest. Only when it has one."""
        assert self._management is not None, "it has none, or is not started"
        return self._management.urls[0]

    @property
    def url(self) -> str:
        """For clients: user guest, vhost /."""
        return f"amqp://guest:guest@{self._listening[0]}/%2F"
