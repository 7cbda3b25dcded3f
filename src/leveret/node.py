"""A node: the objects of one broker, put together. Everything they need is passed in; nothing else builds them."""

from __future__ import annotations

import logging
import os
from array import array
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Final

from . import config, limits, wire
from .access.accounts import Accounts
from .access.administration import Administration
from .access.chain import Anonymous, Chain
from .access.credentials import Credentials, Rules
from .access.passwords import SALT_SIZE, SHA256, hash_password
from .access.throttle import Throttle
from .amqp import Peer, Session, Settings
from .backends import Backends
from .broker.alarms import Alarms
from .broker.broker import Broker as Brain
from .broker.housekeeping import Housekeeping
from .clock import SystemClock
from .errors import AccountError, ConfigError, DefinitionError
from .listeners import Listener
from .management import definitions
from .management.exporting import export
from .management.importing import import_
from .net import Housekeeper, Server, Turn, Workers
from .net.tls import Reloading, login_name
from .resources import FreeSpace, Watch, budget, total_memory
from .storage import Storage
from .store.memory import MemoryLog
from .wire.definitions import SetPermission, SetUser

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from .config import Options
    from .net import Connection
    from .net.server import Address, Ends
    from .ports import Position, Tls

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
        self.options = options
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
        self.disk_free: Callable[[], int | None] = _unknown if directory is None else FreeSpace(directory)
        self.pool = wire.Pool(limits.ARENA_SIZE)
        self.alarms = Alarms(
            self._memory_used,
            self.budget.memory_limit,
            self.disk_free,
            self.budget.disk_free_limit,
        )
        self.accounts = Accounts()
        self.workers = Workers(loop)
        self.credentials = Credentials(
            self.workers,
            SystemRandomness(),
            options.password_hashing,
            Rules(max(1, options.password_min_length), options.password_pattern),
        )
        self.backends = Backends(loop, options, self.clock, self.accounts, self.credentials, self.workers)
        self.access = Chain(
            self.backends.links(),
            Throttle(self.clock, options.login_failures_max),
            mechanisms=options.auth_mechanisms,
            loopback_users=options.loopback_users,
            anonymous=_anonymous(options),
        )
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
        self.brain.connections.open_max = options.connection_max or None
        self.brain.connections.channels_max = options.channel_max_per_node or None
        self.settings = Settings(
            cluster_name=options.cluster_name,
            handshake_timeout_ms=options.handshake_timeout,
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
        self.recover()
        return [address for _, address in self.serve([Listener(host, port)])]

    def recover(self) -> None:
        """Bring back what was kept; at the first start, make the first user. Raises ConfigError."""
        if self.storage is not None:
            self.storage.recover(self.brain)
        options = self.options
        if options.load_definitions is not None:
            self._load(options.load_definitions)
        self._found(options)

    def _found(self, options: Options) -> None:
        if self.accounts.founded:
            return
        vhost = options.default_vhost
        if vhost not in self.brain.vhosts:
            self.brain.vhosts.put(vhost)
        may = SetPermission(
            options.default_user,
            vhost,
            options.default_permissions_configure,
            options.default_permissions_write,
            options.default_permissions_read,
        )
        try:
            self.administration.found(_first_user(options), may)
        except AccountError as error:
            raise ConfigError(f"cannot make the first user: {error} (from default-user)") from None

    def serve(self, listeners: Iterable[Listener]) -> list[tuple[Listener, Address]]:
        """Serve there from now on; where that is. Raises ConfigError when that is not possible."""
        addresses = [
            (one, address)
            for one in listeners
            for address in self.server.listen(one.host, one.port, tls=one.tls, proxied=one.proxied)
        ]
        self.certificates = Reloading(self.server.timers, [one.tls for one, _ in addresses if one.tls is not None])
        self.certificates.start(self.clock.monotonic_ms())
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

    def _login_name(self, tls: Tls) -> str:
        options = self.options
        return login_name(tls, options.tls_login_from, options.tls_login_san_type, options.tls_login_san_index)

    def _open_session(self, ends: Ends, shell: Connection) -> Session:
        peer, local = ends.peer, ends.local
        # Of somebody else's word for it only who is here himself can be said to be here.
        loopback = _is_loopback(peer.host) and (ends.proxy is None or _is_loopback(ends.proxy.host))
        name = "" if ends.tls is None else self._login_name(ends.tls)
        known = Peer(peer.host, peer.port, local.host, local.port, loopback, ends.tls, name)
        return Session(self.brain, self.access, self.pool, self.clock, peer=known, settings=self.settings, shell=shell)

    def import_definitions(self, data: bytes | definitions.Definitions, vhost: str | None = None) -> Position | None:
        """Make what a definition file tells of; when it is on disk. Raises DefinitionError."""
        if vhost is not None and vhost not in self.brain.vhosts:
            raise DefinitionError(f"vhost '{vhost}' does not exist")
        hashing = self.credentials.hashing

        def hashed(password: bytes) -> tuple[str, str]:
            self.credentials.rules.require(password)
            return hash_password(password, os.urandom(SALT_SIZE), hashing), hashing

        said = definitions.read(data) if isinstance(data, bytes) else data
        return import_(self.brain, self.accounts, said, hashed, vhost)

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
        await self.backends.stop()
        self.workers.stop()
        self.turn.stop()


def _anonymous(options: Options) -> Anonymous | None:
    if not options.anonymous_login_user:
        return None
    return Anonymous(options.anonymous_login_user, options.anonymous_login_pass.encode())


def _first_user(options: Options) -> SetUser | None:
    """The user of the first start. Of a password that everybody knows the salt may be known as well."""
    if not options.default_user:
        return None
    known = options.default_pass == config.DEFAULTS.default_pass
    hashing = SHA256 if known else options.password_hashing
    salt = bytes(SALT_SIZE) if known else os.urandom(SALT_SIZE)
    password_hash = hash_password(options.default_pass.encode(), salt, hashing)
    return SetUser(options.default_user, password_hash, hashing, options.default_user_tags)


def _exit(error: OSError) -> None:
    """Nobody knows what is on the disk: nothing may be confirmed any more, and the next start reads what is there."""
    logger.critical("the disk failed, stopping at once: %s", error)
    os._exit(1)


def _unknown() -> None:
    """Nothing is kept, so that no disk can fill up."""


def _is_loopback(host: str) -> bool:
    return host.startswith(("127.", "::ffff:127.")) or host == "::1"
