"""Definition ops about the whole broker rather than one virtual host's objects: virtual hosts, users, permissions and
parameters. Those about exchanges, queues, bindings and policies are in `records`.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Definition(msgspec.Struct, frozen=True, tag=True, tag_field="op"):
    """An op that creates, changes or removes an object."""


class SetVHost(Definition, frozen=True, tag="vhost"):
    """A virtual host is there, with what is said about it. `first_id`: of the exchanges that it has from the start."""

    name: str
    first_id: int
    description: str = ""
    tags: tuple[str, ...] = ()
    default_queue_type: str = ""
    protected: bool = False
    """Whether it must not be deleted."""


class DeleteVHost(Definition, frozen=True, tag="delete vhost"):
    """It is gone with everything in it, and with the permissions for it."""

    name: str


class SetUser(Definition, frozen=True, tag="user"):
    """A user is there. `password_hash` and `hashing`: see `access.passwords`."""

    name: str
    password_hash: str
    hashing: str
    tags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"SetUser({self.name!r}, tags={self.tags!r})"  # hashes have no business in a log


class DeleteUser(Definition, frozen=True, tag="delete user"):
    """The user is gone, and the permissions and limits with it."""

    name: str


class SetPermission(Definition, frozen=True, tag="permission"):
    """What a user may do in a virtual host: regular expressions of names; an empty one has no match but ''."""

    user: str
    vhost: str
    configure: str
    write: str
    read: str


class ClearPermission(Definition, frozen=True, tag="clear permission"):
    user: str
    vhost: str


class SetTopicPermission(Definition, frozen=True, tag="topic permission"):
    """Which routing keys of a topic exchange a user may use."""

    user: str
    vhost: str
    exchange: str
    write: str
    read: str


class ClearTopicPermission(Definition, frozen=True, tag="clear topic permission"):
    """For one exchange, or (None) for all."""

    user: str
    vhost: str
    exchange: str | None


class SetUserLimits(Definition, frozen=True, tag="user limits"):
    """`max-connections` and `max-channels`; what is missing has none."""

    user: str
    limits: dict[str, int]


class SetParameter(Definition, frozen=True, tag="parameter"):
    """A runtime parameter of a virtual host, or (with an empty `vhost` and component) of all."""

    vhost: str
    component: str
    name: str
    value: Any


class ClearParameter(Definition, frozen=True, tag="clear parameter"):
    vhost: str
    component: str
    name: str


class Founded(Definition, frozen=True, tag="founded"):
    """The first start is over: who may log in is what the log says, also when it says nobody."""


AccountOp = (
    SetUser
    | DeleteUser
    | SetPermission
    | ClearPermission
    | SetTopicPermission
    | ClearTopicPermission
    | SetUserLimits
    | Founded
)
"""Who may log in, and what they may do."""
VHostOp = SetVHost | DeleteVHost
ParameterOp = SetParameter | ClearParameter
BrokerOp = AccountOp | VHostOp | ParameterOp
