"""What each operation needs: the one table that every door goes through (RabbitMQ page "Access Control").

A user's rights are three regular expressions for each virtual host: names of which objects may be *configured*,
*written* to and *read* from. Whoever has none may do nothing. On topic exchanges routing keys may be restricted, too.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, Protocol

from .errors import AccessRefused

Permission = Literal["configure", "write", "read"]
Kind = Literal["exchange", "queue"]

CONFIGURE: Final = "configure"
WRITE: Final = "write"
READ: Final = "read"
PERMISSIONS: Final[tuple[Permission, ...]] = (CONFIGURE, WRITE, READ)

DEFAULT_EXCHANGE: Final = "amq.default"
"""What permissions call the exchange whose name is empty."""


class Rights(Protocol):
    """What one user may do in one virtual host. May raise `ports.Undecided`: ask again later."""

    @property
    def user(self) -> str:
        """Whose they are."""
        ...

    @property
    def version(self) -> int:
        """Another one means that answers may be different."""
        ...

    def may(self, permission: Permission, kind: Kind, name: str) -> bool:
        """Whether this object may be used so; the default exchange is `DEFAULT_EXCHANGE`."""
        ...

    def has_topics(self, exchange: str) -> bool:
        """Whether `may_topic` has anything to say about this exchange."""
        ...

    def may_topic(self, permission: Permission, exchange: str, routing_key: str) -> bool:
        """Whether this routing key of a topic exchange may be used so."""
        ...


class _Everything:
    """The broker's own rights, and those of a program that it runs in."""

    __slots__ = ()
    user: Final = ""
    version: Final = 0

    def may(self, permission: Permission, kind: Kind, name: str) -> bool:
        return True

    def has_topics(self, exchange: str) -> bool:
        return False

    def may_topic(self, permission: Permission, exchange: str, routing_key: str) -> bool:
        return True


EVERYTHING: Final[Rights] = _Everything()


class Need(NamedTuple):
    """One of these permissions on the object that the operation names `part`."""

    permissions: tuple[Permission, ...]
    kind: Kind
    part: str


def _need(permission: Permission, kind: Kind, part: str = "") -> Need:
    return Need((permission,), kind, part or kind)


_ANY_QUEUE: Final = Need(PERMISSIONS, "queue", "queue")
_ANY_EXCHANGE: Final = Need(PERMISSIONS, "exchange", "exchange")

TABLE: Final[dict[str, tuple[Need, ...]]] = {
    "exchange.declare": (_need(CONFIGURE, "exchange"),),
    "exchange.declare with alternate-exchange": (
        _need(READ, "exchange"),
        _need(WRITE, "exchange", "alternate"),
    ),
    "exchange.declare passive": (_ANY_EXCHANGE,),
    "exchange.delete": (_need(CONFIGURE, "exchange"),),
    "exchange.bind destination": (_need(WRITE, "exchange", "destination"),),
    "queue.bind destination": (_need(WRITE, "queue"),),
    "bind source": (_need(READ, "exchange", "source"),),
    "queue.declare": (_need(CONFIGURE, "queue"),),
    "queue.declare with x-dead-letter-exchange": (
        _need(READ, "queue"),
        _need(WRITE, "exchange", "dead_letter_exchange"),
    ),
    "queue.declare passive": (_ANY_QUEUE,),
    "queue.delete": (_need(CONFIGURE, "queue"),),
    "queue.purge": (_need(READ, "queue"),),
    "queue.pause": (_need(CONFIGURE, "queue"),),
    "basic.consume": (_need(READ, "queue"),),
    "basic.get": (_need(READ, "queue"),),
    "basic.publish": (_need(WRITE, "exchange"),),
}
"""By operation, in the order in which they are asked for. An unbind needs what its bind does."""


def authorize(rights: Rights, operation: str, vhost: str, **names: str) -> None:
    """Raises AccessRefused, with RabbitMQ's text, unless the user may do this; `names` has one for each part."""
    if rights is EVERYTHING:
        return
    for permissions, kind, part in TABLE[operation]:
        name = names[part] or (DEFAULT_EXCHANGE if kind == "exchange" else "")
        if not any(rights.may(permission, kind, name) for permission in permissions):
            raise AccessRefused(refusal(permissions[0], kind, name, vhost, rights.user))


def refusal(permission: Permission, kind: Kind, name: str, vhost: str, user: str) -> str:
    """The text for who may not."""
    return f"{permission} access to {kind} '{name}' in vhost '{vhost}' refused for user '{user}'"


def authorize_topic(rights: Rights, permission: Permission, vhost: str, exchange: str, routing_key: str) -> None:
    """Raises AccessRefused unless this routing key of a topic exchange may be used so."""
    if not rights.may_topic(permission, exchange, routing_key):
        raise AccessRefused(
            f"{permission} access to topic '{routing_key}' in exchange '{exchange}' in vhost '{vhost}' refused for"
            f" user '{rights.user}'"
        )
