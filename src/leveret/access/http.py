"""Users of an HTTP service: it is asked who may log in, and whether each operation is allowed (RabbitMQ plugin
rabbitmq_auth_backend_http).

It answers 200 and `allow` (after a login with tags: `allow administrator monitoring`) or `deny`. Anything else, and no
answer, is a deny: when the service is down nobody gets in, and who is in does no more than was allowed before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ..limits import REMOTE_DECISIONS_MAX
from ..ports import Undecided
from .backend import Identity, Refused

if TYPE_CHECKING:
    from ..authorize import Kind, Permission
    from ..ports import Remote
    from .backend import LoggedIn, Login, Opened

logger = logging.getLogger("leveret.access")


class Fetch(Protocol):
    """Who asks over the network."""

    def fetch(self, url: str, parameters: Mapping[str, str], answer: Callable[[str | None], None]) -> None:
        """Told the body of a 200 on a later turn, or None; why is in the log."""
        ...


@dataclass(frozen=True, slots=True)
class Paths:
    """Addresses of the service, by question."""

    user: str
    vhost: str
    resource: str
    topic: str


class HttpBackend:
    """A service that knows users and what they may do."""

    __slots__ = ("_fetch", "_paths")
    name: Final = "http"

    def __init__(self, paths: Paths, fetch: Fetch) -> None:
        self._paths = paths
        self._fetch = fetch

    def log_in(self, login: Login, answer: LoggedIn) -> None:
        """Ask with name and password."""
        parameters = {"username": login.name}
        if login.password is not None:
            parameters["password"] = login.password.decode(errors="replace")
        self._ask_user(login.name, parameters, answer)

    def look_up(self, login: Login, answer: LoggedIn) -> None:
        """Ask with the name alone."""
        self._ask_user(login.name, {"username": login.name}, answer)

    def _ask_user(self, name: str, parameters: dict[str, str], answer: LoggedIn) -> None:
        def told(body: str | None) -> None:
            words = (body or "").split()
            if words[:1] == ["allow"]:
                answer(Identity(name, tuple(dict.fromkeys(words[1:]))))
            else:
                answer(Refused("the authentication service denied it" if body else "no answer of the service"))

        self._fetch.fetch(self._paths.user, parameters, told)

    def open(self, identity: Identity, vhost: str, remote: Remote, answer: Opened) -> None:
        """Ask for the virtual host."""
        parameters = {
            "username": identity.name,
            "vhost": vhost,
            "ip": remote.address,
            "tags": " ".join(identity.tags),
        }

        def told(body: str | None) -> None:
            if is_allowed(body):
                answer(HttpRights(identity, vhost, self._paths, self._fetch))
            else:
                answer(Refused("the authentication service denied it"))

        self._fetch.fetch(self._paths.vhost, parameters, told)

    def refresh(self, identity: Identity, secret: bytes, answer: LoggedIn) -> None:
        """Its logins do not expire."""
        answer(identity)


def is_allowed(body: str | None) -> bool:
    """Whether this means yes."""
    return (body or "").split()[:1] == ["allow"]


class HttpRights:
    """The port `Rights`. What was decided is remembered as long as the connection lasts."""

    __slots__ = ("_decided", "_failed", "_fetch", "_identity", "_paths", "_vhost", "user", "version")

    def __init__(self, identity: Identity, vhost: str, paths: Paths, fetch: Fetch) -> None:
        self.user = identity.name
        self._identity = identity
        self._vhost = vhost
        self._paths = paths
        self._fetch = fetch
        self._decided: dict[tuple[str, ...], bool] = {}
        self._failed: dict[tuple[str, ...], None] = {}  # what was asked in vain: denied once, then asked again
        self.version = 0

    def may(self, permission: Permission, kind: Kind, name: str) -> bool:
        """Raises Undecided for what was not asked yet."""
        return self._decide((permission, kind, name), self._paths.resource, resource=kind)

    def has_topics(self, exchange: str) -> bool:
        """The service is asked about every routing key of a topic exchange."""
        return True

    def may_topic(self, permission: Permission, exchange: str, routing_key: str) -> bool:
        """Raises Undecided for what was not asked yet."""
        more = {
            "routing_key": routing_key,
            "variable_map.username": self.user,
            "variable_map.vhost": self._vhost,
        }
        question = (permission, "topic", exchange, routing_key)
        return self._decide(question, self._paths.topic, resource="topic", **more)

    def _decide(self, question: tuple[str, ...], url: str, **more: str) -> bool:
        decided = self._decided.get(question)
        if decided is not None:
            return decided
        if question in self._failed:
            del self._failed[question]
            self.version += 1
            return False
        parameters = {
            "username": self.user,
            "vhost": self._vhost,
            "name": question[2],
            "permission": question[0],
            "tags": " ".join(self._identity.tags),
            **more,
        }

        def ask(go_on: Callable[[], None]) -> None:
            def told(body: str | None) -> None:
                if body is None:
                    self._failed[question] = None
                else:
                    if len(self._decided) >= REMOTE_DECISIONS_MAX:
                        self._decided.clear()
                    self._decided[question] = is_allowed(body)
                go_on()

            self._fetch.fetch(url, parameters, told)

        raise Undecided(ask)
