"""A backend that remembers what another one answered, for a while (RabbitMQ plugin rabbitmq_auth_backend_cache)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from ..limits import CREDENTIALS_REMEMBERED_MAX

if TYPE_CHECKING:
    from ..ports import Clock, Remote
    from .backend import Backend, Identity, LoggedIn, Login, Opened


class CachedBackend:
    """The answers of `backend`, yes and no, for `ttl_ms`. Passwords are kept under a keyed hash."""

    __slots__ = ("_backend", "_clock", "_key", "_known", "_ttl_ms")

    def __init__(self, backend: Backend, clock: Clock, ttl_ms: int, key: bytes) -> None:
        """`key`: 32 random bytes."""
        self._backend = backend
        self._clock = clock
        self._ttl_ms = ttl_ms
        self._key: Final = key
        self._known: dict[Hashable, tuple[int, Any]] = {}

    @property
    def name(self) -> str:
        """The other's."""
        return self._backend.name

    def log_in(self, login: Login, answer: LoggedIn) -> None:
        """Whether these credentials are right."""
        secret = None if login.password is None else blake2b(login.password, key=self._key).digest()
        self._ask(("login", login.name, secret), lambda told: self._backend.log_in(login, told), answer)

    def look_up(self, login: Login, answer: LoggedIn) -> None:
        """A user whose credentials another backend found right."""
        self._ask(("user", login.name), lambda told: self._backend.look_up(login, told), answer)

    def open(self, identity: Identity, vhost: str, remote: Remote, answer: Opened) -> None:
        """What the user may do in a virtual host; connections share what is decided about it."""
        key = ("vhost", identity.name, identity.tags, vhost, remote.address)
        self._ask(key, lambda told: self._backend.open(identity, vhost, remote, told), answer)

    def refresh(self, identity: Identity, secret: bytes, answer: LoggedIn) -> None:
        """New credentials are always asked about."""
        self._backend.refresh(identity, secret, answer)

    def _ask(self, key: Hashable, ask: Callable[[Callable[[Any], None]], None], answer: Callable[[Any], None]) -> None:
        now_ms = self._clock.monotonic_ms()
        known = self._known.get(key)
        if known is not None and known[0] > now_ms:
            answer(known[1])
            return

        def told(result: Any) -> None:
            self._known.pop(key, None)
            if len(self._known) >= CREDENTIALS_REMEMBERED_MAX:
                del self._known[next(iter(self._known))]
            self._known[key] = (self._clock.monotonic_ms() + self._ttl_ms, result)
            answer(result)

        ask(told)
