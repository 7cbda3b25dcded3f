"""Who may be asked about a user: the contract of a backend (RabbitMQ page "Access Control", section Backends).

A backend knows whether credentials are right (*authentication*), what a user may do (*authorisation*), or both. It
answers by a call, at once or on a later turn, exactly once. The chain in `chain` asks them in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ..authorize import Rights
    from ..ports import Remote


@dataclass(frozen=True, slots=True)
class Login:
    """Who somebody says to be."""

    name: str
    """What is not UTF-8 comes with surrogate escapes, so that it is nobody's name."""
    password: bytes | None = field(repr=False)
    """None: who it is was proven otherwise (a certificate)."""
    mechanism: str
    remote: Remote


@dataclass(frozen=True, slots=True)
class Identity:
    """A user as one backend knows it; `state` is what only that backend understands."""

    name: str
    tags: tuple[str, ...] = ()
    state: object = field(default=None, repr=False)
    expires_ms: int | None = None
    """In wall time."""


class Refused(NamedTuple):
    """Why not, for the log; never a secret."""

    reason: str


LoggedIn = Callable[[Identity | Refused], None]
Opened = Callable[["Rights | Refused"], None]


class Backend(Protocol):
    """One place that knows users."""

    @property
    def name(self) -> str:
        """As configuration and logs call it."""
        ...

    def log_in(self, login: Login, answer: LoggedIn) -> None:
        """Whether these credentials are right."""
        ...

    def look_up(self, login: Login, answer: LoggedIn) -> None:
        """A user whose credentials another backend found right: its tags here."""
        ...

    def open(self, identity: Identity, vhost: str, remote: Remote, answer: Opened) -> None:
        """What the user may do in a virtual host, or that it may not connect to it."""
        ...

    def refresh(self, identity: Identity, secret: bytes, answer: LoggedIn) -> None:
        """New credentials for a connection that is open. Backends whose logins do not expire answer with the identity
        as it is.
        """
        ...
