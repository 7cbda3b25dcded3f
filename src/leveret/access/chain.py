"""The port `Access`: mechanisms, the order in which backends are asked, and what is refused whatever they say.

Backends are tried in order until one finds the credentials right. A link may name one backend for authentication and
others for authorisation: then all of those have to know the user, and have to allow what it does (RabbitMQ).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from ..ports import User
from .backend import Identity, Login, Refused
from .mechanisms import AMQPLAIN, ANONYMOUS, EXTERNAL, PARSERS, PLAIN

if TYPE_CHECKING:
    from ..authorize import Kind, Permission, Rights
    from ..ports import Challenge, Remote
    from .backend import Backend
    from .throttle import Throttle

    Answer = Callable[[User | Challenge | None], None]
    State = tuple[Backend, Identity]

logger = logging.getLogger("leveret.access")


@dataclass(frozen=True, slots=True)
class Link:
    """A backend that is asked about credentials, and those that are asked about rights (none: the same)."""

    authentication: Backend
    authorisation: tuple[Backend, ...] = ()


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Who comes without credentials."""

    name: str
    password: bytes


class Chain:
    """What a node's doors ask about its users."""

    __slots__ = ("_anonymous", "_links", "_loopback_users", "_mechanisms", "_throttle", "attempts", "failures")

    def __init__(
        self,
        links: Sequence[Link],
        throttle: Throttle,
        *,
        mechanisms: Sequence[str] = (PLAIN, AMQPLAIN),
        loopback_users: Sequence[str] = ("guest",),
        anonymous: Anonymous | None = None,
    ) -> None:
        """`loopback_users` may only come from the broker's own machine (RabbitMQ page "Access Control")."""
        self._links = tuple(links)
        self._throttle = throttle
        self._mechanisms = tuple(mechanisms)
        self.attempts = 0
        """To log in, since the start."""
        self.failures = 0
        """And those that were refused."""
        self._loopback_users = frozenset(loopback_users)
        self._anonymous = anonymous

    # -- logging in ----------------------------------------------------------------------------------------------

    def mechanisms(self, remote: Remote) -> tuple[str, ...]:
        """What is offered: EXTERNAL to those with a certificate, ANONYMOUS where there is a user for it."""
        missing = set()
        if not remote.certificate:
            missing.add(EXTERNAL)
        if self._anonymous is None:
            missing.add(ANONYMOUS)
        return tuple(name for name in self._mechanisms if name not in missing)

    def authenticate(self, mechanism: str, response: bytes, remote: Remote, answer: Answer) -> None:
        """Check credentials, and call `answer` with the user, or None when refused; the log says why."""
        self.attempts += 1
        login = self._login(mechanism, response, remote)
        if self._throttle.holds(remote.address):
            self._refuse(login, "- too many failed logins from its address", answer)
            return
        self._try(login, 0, Refused("invalid credentials"), answer)

    def _login(self, mechanism: str, response: bytes, remote: Remote) -> Login:
        if mechanism == EXTERNAL:
            return Login(remote.certificate, None, mechanism, remote)
        if mechanism == ANONYMOUS:
            assert self._anonymous is not None
            return Login(self._anonymous.name, self._anonymous.password, mechanism, remote)
        return Login(*PARSERS[mechanism](response), mechanism, remote)

    def _try(self, login: Login, number: int, why: Refused, answer: Answer) -> None:
        """The next link, after `number` of them refused."""
        if number == len(self._links):
            self._throttle.failed(login.remote.address)
            self._refuse(login, f"- {why.reason}", answer)
            return
        link = self._links[number]

        def authenticated(result: Identity | Refused) -> None:
            if isinstance(result, Refused):
                self._try(login, number + 1, result, answer)
            elif not link.authorisation:
                self._welcome(login, result.name, ((link.authentication, result),), answer)
            else:
                known = Login(result.name, None, login.mechanism, login.remote)
                self._look_up(known, link, (), partial(looked_up, result))

        def looked_up(proven: Identity, result: tuple[State, ...] | Refused) -> None:
            if isinstance(result, Refused):
                self._try(login, number + 1, result, answer)
            else:
                self._welcome(login, proven.name, result, answer, proven)

        link.authentication.log_in(login, authenticated)

    def _look_up(
        self, login: Login, link: Link, found: tuple[State, ...], answer: Callable[[tuple[State, ...] | Refused], None]
    ) -> None:
        """Ask the link's next backend for authorisation about a user."""
        if len(found) == len(link.authorisation):
            answer(found)
            return
        backend = link.authorisation[len(found)]

        def known(result: Identity | Refused) -> None:
            if isinstance(result, Refused):
                answer(result)
            else:
                self._look_up(login, link, (*found, (backend, result)), answer)

        backend.look_up(login, known)

    def _welcome(
        self, login: Login, name: str, state: tuple[State, ...], answer: Answer, proven: Identity | None = None
    ) -> None:
        if not login.remote.loopback and name in self._loopback_users:
            self._refuse(login, "can only connect via localhost", answer)
            return
        identities = [identity for _, identity in state] if proven is None else [proven, *[one for _, one in state]]
        answer(_user(name, identities, state))

    def _refuse(self, login: Login, why: str, answer: Answer) -> None:
        self.failures += 1
        # RabbitMQ's words; of the name only its printable form, since it may be anything.
        logger.warning("%s login refused: user %r %s", login.mechanism, login.name, why)
        answer(None)

    # -- afterwards ----------------------------------------------------------------------------------------------

    def open(
        self,
        user: User,
        vhost: str,
        remote: Remote,
        answer: Callable[[Rights | None], None],
        level: int = logging.WARNING,
    ) -> None:
        """What the user may do in a virtual host: what all of its backends allow. `level`: how a refusal is logged."""
        self._open(_state(user), vhost, remote, (), answer, level)

    def _open(
        self,
        left: tuple[State, ...],
        vhost: str,
        remote: Remote,
        found: tuple[Rights, ...],
        answer: Callable[[Rights | None], None],
        level: int,
    ) -> None:
        if not left:
            answer(found[0] if len(found) == 1 else _AllOf(found))
            return
        backend, identity = left[0]

        def opened(result: Rights | Refused) -> None:
            if isinstance(result, Refused):
                logger.log(level, "user %r may not open vhost %r: %s", identity.name, vhost, result.reason)
                answer(None)
            else:
                self._open(left[1:], vhost, remote, (*found, result), answer, level)

        backend.open(identity, vhost, remote, opened)

    def refresh(self, user: User, secret: bytes, answer: Callable[[User | str], None]) -> None:
        """connection.update-secret: every backend has to take the new credentials."""
        self._refresh(user, secret, (), answer)

    def _refresh(
        self, user: User, secret: bytes, found: tuple[State, ...], answer: Callable[[User | str], None]
    ) -> None:
        state = _state(user)
        if len(found) == len(state):
            answer(_user(user.name, [identity for _, identity in found], found))
            return
        backend, identity = state[len(found)]

        def refreshed(result: Identity | Refused) -> None:
            if isinstance(result, Refused):
                logger.warning("new secret of user %r refused: %s", user.name, result.reason)
                answer(REFUSED_SECRET)
            else:
                self._refresh(user, secret, (*found, (backend, result)), answer)

        backend.refresh(identity, secret, refreshed)


REFUSED_SECRET: Final = "New secret was refused by one of the backends"


def _state(user: User) -> tuple[State, ...]:
    return user.state  # type: ignore[return-value]


def _user(name: str, identities: Sequence[Identity], state: tuple[State, ...]) -> User:
    tags = dict.fromkeys(tag for identity in identities for tag in identity.tags)
    expiries = [identity.expires_ms for identity in identities if identity.expires_ms is not None]
    return User(name, tuple(tags), state, min(expiries, default=None))


class _AllOf:
    """What each of several backends allows."""

    __slots__ = ("_rights",)

    def __init__(self, rights: tuple[Rights, ...]) -> None:
        self._rights = rights

    @property
    def user(self) -> str:
        return self._rights[0].user

    @property
    def version(self) -> int:
        return sum(rights.version for rights in self._rights)

    def may(self, permission: Permission, kind: Kind, name: str) -> bool:
        return all(rights.may(permission, kind, name) for rights in self._rights)

    def has_topics(self, exchange: str) -> bool:
        return any(rights.has_topics(exchange) for rights in self._rights)

    def may_topic(self, permission: Permission, exchange: str, routing_key: str) -> bool:
        return all(rights.may_topic(permission, exchange, routing_key) for rights in self._rights)
