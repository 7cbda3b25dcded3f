"""Who may log in, and what they may do: users, permissions, topic permissions and limits, as the log tells them.

This is state only: `administration` decides about changes, `internal` answers who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ..wire.definitions import (
    ClearPermission,
    ClearTopicPermission,
    DeleteUser,
    DeleteVHost,
    Founded,
    SetPermission,
    SetTopicPermission,
    SetUser,
    SetUserLimits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..wire.definitions import AccountOp

_K = TypeVar("_K")
_V = TypeVar("_V")


class Accounts:
    """The port `Accounts`. Tables hold the ops that made their entries."""

    __slots__ = ("_limits", "_permissions", "_topics", "founded", "users", "version")

    def __init__(self) -> None:
        self.users: dict[str, SetUser] = {}
        self.version = 0
        """Changes with everything that is applied."""
        self.founded = False
        """Whether the first start is over."""
        self._permissions: dict[str, dict[str, SetPermission]] = {}
        """By user and virtual host."""
        self._topics: dict[str, dict[tuple[str, str], SetTopicPermission]] = {}
        """By user; virtual host and exchange."""
        self._limits: dict[str, SetUserLimits] = {}

    def permission(self, user: str, vhost: str) -> SetPermission | None:
        """What a user may do in a virtual host; None: not even connect."""
        return self.permissions(user).get(vhost)

    def permissions(self, user: str) -> Mapping[str, SetPermission]:
        """By virtual host."""
        return self._permissions.get(user, {})

    def topic_permissions(self, user: str) -> Mapping[tuple[str, str], SetTopicPermission]:
        """By virtual host and exchange."""
        return self._topics.get(user, {})

    def limits(self, user: str) -> Mapping[str, int]:
        """The limits of a user that are set."""
        found = self._limits.get(user)
        return {} if found is None else found.limits

    def user_limit(self, user: str, limit: str) -> int | None:
        """`max-connections` or `max-channels`; None: no limit (what is negative means so)."""
        if not self._limits:
            return None
        value = self.limits(user).get(limit, -1)
        return value if value >= 0 else None

    def all(self) -> Iterator[AccountOp]:
        """Everything, as the ops that make it."""
        if self.founded:
            yield Founded()
        yield from self.users.values()
        yield from self._limits.values()
        for permissions in self._permissions.values():
            yield from permissions.values()
        for topics in self._topics.values():
            yield from topics.values()

    def apply(self, op: AccountOp | DeleteVHost) -> None:
        """Make the change that an op describes, whatever was there."""
        self.version += 1
        match op:
            case SetUser():
                self.users[op.name] = op
            case DeleteUser():
                for table in (self.users, self._permissions, self._topics, self._limits):
                    table.pop(op.name, None)
            case SetPermission():
                self._permissions.setdefault(op.user, {})[op.vhost] = op
            case ClearPermission():
                _take(self._permissions, op.user, [op.vhost])
            case SetTopicPermission():
                self._topics.setdefault(op.user, {})[op.vhost, op.exchange] = op
            case ClearTopicPermission():
                exchanges = [key for key in self.topic_permissions(op.user) if key[0] == op.vhost]
                _take(self._topics, op.user, [key for key in exchanges if op.exchange in (None, key[1])])
            case SetUserLimits():
                self._limits[op.user] = op
                if not op.limits:
                    del self._limits[op.user]
            case Founded():
                self.founded = True
            case DeleteVHost():
                for user in [*self._permissions]:
                    _take(self._permissions, user, [op.name])
                for user, topics in [*self._topics.items()]:
                    _take(self._topics, user, [key for key in topics if key[0] == op.name])


def _take(table: dict[str, dict[_K, _V]], user: str, keys: list[_K]) -> None:
    """Remove entries of a user, and the user when there are no more."""
    entries = table.get(user)
    if entries is None:
        return
    for key in keys:
        entries.pop(key, None)
    if not entries:
        del table[user]
