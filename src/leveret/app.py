"""Where a broker is put together, started and stopped: as a process (`run`), or inside a program (`Broker`).

Nothing else builds these objects; everything they need is passed in.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from array import array
from base64 import urlsafe_b64encode
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Self

from . import __version__, config, limits, wire
from .access.accounts import Accounts
from .access.administration import Administration
from .access.chain import Chain, Link
from .access.credentials import Credentials
from .access.internal import InternalBackend
from .access.passwords import SALT_SIZE, SHA256, hash_password
from .access.throttle import Throttle
from .amqp import Peer, Session, Settings
from .broker.alarms import Alarms, size_text
from .broker.broker import Broker as Brain
from .broker.housekeeping import Housekeeping
from .broker.vhosts import DEFAULT as DEFAULT_VHOST
from .clock import SystemClock
from .errors import ConfigError, DefinitionError, PolicyError
from .management import definitions
from .management.exporting import export
from .management.importing import import_
from .net import Housekeeper, Server, Turn, Workers
from .net.tls import login_name
from .resources import FreeSpace, Watch, budget, total_memory
from .storage import Storage
from .store.memory import MemoryLog
from .wire.definitions import SetUser
from .wire.records import SetPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from .broker.vhost import VHost
    from .config import Options
    from .net import Connection
    from .net.server import Address, Ends
    from .ports import Position

# Everybody knows this password, so its salt may be known as well.
GUEST: Final = SetUser("guest", hash_password(b"guest", bytes(SALT_SIZE), SHA256), SHA256, ("administrator",))
"""RabbitMQ's default user."""
SHUTDOWN: Final = "broker forced connection closure with reason 'shutdown'"
"""What RabbitMQ tells connections when it stops; with code 320."""

logger = logging.getLogger("leveret")


class SystemRandomness:
    """The machine's random numbers."""

    __slots__ = ()

    def token(self, size: int) -> str:
        """A url-safe random name part of `size` random bytes."""
        return urlsafe_b64encode(os.urandom(size)).rstrip(b"=").decode()

    def numbers(self, count: int) -> array[int]:
        """So many independent random numbers of 64 bits."""
        return array("Q", os.urandom(8 * count))


class Node:
    """The objects of one broker on one event loop. `directory` is where its data is, if it keeps any."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: Options = config.DEFAULTS,
        directory: Path | None = None,
        fatal: Callable[[OSError], None] | None = None,
    ) -> None:
        """Raises ConfigError when the directory cannot be used. `fatal` is told when the disk cannot be trusted."""
        self.budget = budget(options, total_memory())
        self._load_definitions = options.load_definitions
        self.clock = SystemClock()
        self.turn = Turn(loop, self.clock)
        self.storage: Storage | None = None
        if directory is not None:
            self.storage = Storage(
                directory,
                self.turn,
                options,
                fatal=fatal or _exit,
                on_full=lambda full: self.alarms.log_full(full),
                is_disk_short=lambda: self.alarms.disk,
            )
        self.log = MemoryLog(scheduler=self.turn) if self.storage is None else self.storage.log
        self.pool = wire.Pool(limits.ARENA_SIZE)
        self.alarms = Alarms(
            self._memory_used,
            self.budget.memory_limit,
            _unknown if directory is None else FreeSpace(directory),
            self.budget.disk_free_limit,
        )
        self.accounts = Accounts()
        self.workers = Workers(loop)
        self.credentials = Credentials(self.workers, SystemRandomness())
        self.access = Chain([Link(InternalBackend(self.accounts, self.credentials))], Throttle(self.clock))
        self.brain = Brain(
            self.log,
            self.clock,
            SystemRandomness(),
            self.turn,
            self.pool,
            self.alarms,
            spill=None if self.storage is None else self.storage.spill,
            paging_budget=self.budget.paging,
            accounts=self.accounts,
        )
        self.administration = Administration(
            self.accounts,
            self.brain.commit,
            self.brain.vhosts,
            lambda user: self.brain.connections.close_user(user, f"user '{user}' is deleted"),
        )
        self.turn.start(self.log.run_callbacks if self.storage is None else self.storage.run_callbacks, self._pump)
        self.settings = Settings(
            frame_max=options.frame_max,
            channel_max=options.channel_max,
            heartbeat_s=options.heartbeat,
            message_size_max=options.max_message_size,
            consumers_per_channel_max=options.consumer_max_per_channel,
            consumer_prefetch=options.default_consumer_prefetch,
            consumer_timeout_ms=options.consumer_timeout or None,
        )
        self.server = Server(loop, self.turn, self.clock, self._open_session)
        self.housekeeper = Housekeeper(self.server.timers, Housekeeping(self.brain).step)
        self.watch = Watch(self.server.timers, self.alarms)

    def listen(self, host: str, port: int) -> list[Address]:
        """Recover what was kept, and serve there from now on. Raises ConfigError when that is not possible."""
        if self.storage is not None:
            self.storage.recover(self.brain)
        if self._load_definitions is not None:
            self._load(self._load_definitions)
        self.administration.found(GUEST, DEFAULT_VHOST)
        addresses = self.server.listen(host, port)
        if self.storage is not None:
            self.storage.start(self.server.timers, self.clock.monotonic_ms())
        self.housekeeper.start(self.clock.monotonic_ms())
        self.watch.tick(self.clock.monotonic_ms())
        return addresses

    def _load(self, path: Path) -> None:
        """Import the definitions that every start begins with. Raises ConfigError."""
        try:
            self.import_definitions(path.read_bytes())
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror} (from load-definitions)") from None
        except DefinitionError as error:
            raise ConfigError(f"cannot import {path}: {error}") from None
        logger.info("definitions of %s are imported", path)

    def _memory_used(self) -> int:
        """Bytes of payload in memory, and those that wait to be written."""
        storage = self.storage
        waiting = 0 if storage is None else storage.log.backlog + storage.spill.backlog
        return self.pool.allocated + self.brain.recorded_bytes + waiting

    def _pump(self, budget_ms: int) -> bool:
        """What queues have to deliver; then memory is looked at: no turn brings in more than READ_BYTES_PER_TURN, or
        READ_SIZE_MIN for each connection, so that a flood is noticed before it is over the limit by much more.
        """
        more = self.brain.pump(budget_ms)
        if self.storage is not None:
            self.storage.log.flush()
        self.alarms.check_memory()
        return more

    def _open_session(self, ends: Ends, shell: Connection) -> Session:
        peer, local = ends.peer, ends.local
        # Of somebody else's word for it only who is here himself can be said to be here.
        loopback = _is_loopback(peer.host) and (ends.proxy is None or _is_loopback(ends.proxy.host))
        name = "" if ends.tls is None else login_name(ends.tls)
        known = Peer(peer.host, peer.port, local.host, local.port, loopback, ends.tls, name)
        return Session(self.brain, self.access, self.pool, self.clock, peer=known, settings=self.settings, shell=shell)

    def import_definitions(self, data: bytes, vhost: str | None = None) -> Position | None:
        """Make what a definition file tells of; when it is on disk. Raises DefinitionError."""
        if vhost is not None and vhost not in self.brain.vhosts:
            raise DefinitionError(f"vhost '{vhost}' does not exist")
        hashing = self.credentials.hashing
        return import_(
            self.brain,
            self.accounts,
            definitions.read(data),
            lambda password: (hash_password(password, os.urandom(SALT_SIZE), hashing), hashing),
            vhost,
        )

    def export_definitions(self, vhost: str | None = None) -> bytes:
        """What there is, as a definition file. Raises DefinitionError."""
        if vhost is not None and vhost not in self.brain.vhosts:
            raise DefinitionError(f"vhost '{vhost}' does not exist")
        return definitions.write(export(self.brain, self.accounts, vhost))

    async def stop(self) -> None:
        """Close every connection with 320, wait for the answers, and leave what is kept in good order."""
        await self.server.stop(SHUTDOWN)
        if self.storage is not None:
            await self.storage.stop()
        self.workers.stop()
        self.turn.stop()


class Broker:
    """A broker inside a program or a test, on the running event loop.

    async with leveret.Broker() as broker:
        connection = await aio_pika.connect(broker.url)
    """

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, data_dir: str | os.PathLike[str] | None = None
    ) -> None:
        """Port 0 takes a free one. Without a `data_dir` messages are in memory only."""
        self._address = (host, port)
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

    async def stop(self) -> None:
        """Close all connections with 320, wait a moment for the answers; nothing when it is not started.

        Raises SyncError (or another OSError) when the disk failed meanwhile: what was not confirmed may be lost.
        """
        node, self._node = self._node, None
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
    def url(self) -> str:
        """For clients: user guest, vhost /."""
        return f"amqp://guest:guest@{self._listening[0]}/%2F"


def run(options: Options, started_ns: int) -> int:
    """Run a broker in the foreground until SIGTERM or SIGINT; the exit code. `started_ns`: when the program began.

    Raises ConfigError for what an operator can mend.
    """
    _log_to_stderr(options.log_level)
    _raise_file_limit()
    asyncio.run(_serve(options, started_ns))
    return 0


async def _serve(options: Options, started_ns: int) -> None:
    logger.info("Leveret %s on Python %s", __version__, sys.version.split()[0])
    if wire.IMPLEMENTATION == "kernel":
        logger.info("kernel: native, %s", wire.VERSION)
    else:
        logger.warning("kernel: twin in pure Python, many times slower than the native one, which is not built here")
    directory = None if options.ephemeral else config.data_directory(options)
    loop = asyncio.get_running_loop()
    node = Node(loop, options, directory)
    limit, total = size_text(node.budget.memory_limit), size_text(node.budget.memory_total)
    logger.info("memory high watermark: %s of %s", limit, total)
    if directory is not None:
        logger.info("disk free limit: %s", size_text(node.budget.disk_free_limit))
    for address in node.listen(options.host, options.port):
        logger.info("listening for AMQP on %s", address)
    if options.management_port != config.DEFAULTS.management_port:
        logger.warning("management-port %d is not used: this version has no management", options.management_port)
    if directory is None:
        logger.info("data directory: none (ephemeral)")
    else:
        logger.info("data directory: %s", directory)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_on_signal, number, stopping)
    logger.info("ready in %d ms", (perf_counter_ns() - started_ns) // 1_000_000)
    _relax_garbage_collection()
    await stopping.wait()
    await node.stop()
    turns = node.turn.lengths
    logger.debug("turns: %d, p99 %d us, longest %d us", turns.count, turns.quantile_us(0.99), turns.max_us)
    logger.info("stopped")


def _stop_on_signal(number: int, stopping: asyncio.Event) -> None:
    if stopping.is_set():
        logger.warning("got %s again: dropping all connections", signal.Signals(number).name)
        os._exit(1)
    logger.info("got %s: closing all connections", signal.Signals(number).name)
    stopping.set()


def _exit(error: OSError) -> None:
    """Nobody knows what is on the disk: nothing may be confirmed any more, and the next start reads what is there."""
    logger.critical("the disk failed, stopping at once: %s", error)
    os._exit(1)


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    formatter = logging.Formatter("{asctime} [{levelname}] {message}", style="{")
    formatter.default_msec_format = "%s.%03d"
    handler.setFormatter(formatter)
    logging.root.addHandler(handler)
    logging.root.setLevel(level.upper())
    # Not shown, so not looked up for every line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _raise_file_limit() -> None:
    """As many connections as the system grants: the usual soft limit, 1024, is for programs that use select(2)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _relax_garbage_collection() -> None:
    """Reference counts free what messages and connections leave behind: the cycle collector only costs pauses.

    What is loaded now stays for ever and is not looked at again; of the rest a young generation is looked at rarely.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _unknown() -> None:
    """Nothing is kept, so that no disk can fill up."""


def _is_loopback(host: str) -> bool:
    return host.startswith(("127.", "::ffff:127.")) or host == "::1"
