"""What one user may do in one virtual host, by the permissions of the internal list (page "Access Control")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..limits import RIGHTS_CACHED_MAX
from ..patterns import compile_pattern, escape_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..authorize import Kind, Permission
    from .accounts import Accounts

    Matches = Callable[[str], bool]


def has_match(pattern: str) -> Matches:
    """Whether a name has a match; the empty pattern is `^$`. Raises ValueError with (problem, offset)."""
    if pattern == ".*":
        return _any
    if pattern in ("", "^$"):
        return _none
    return compile_pattern(pattern)


def _any(name: str) -> bool:
    return True


def _none(name: str) -> bool:
    return not name


class UserRights:
    """The port `Rights`. Decisions are remembered until a user or permission changes, wherever that is."""

    __slots__ = ("_accounts", "_decided", "_decided_version", "_matches", "_variables", "user", "vhost")

    def __init__(self, accounts: Accounts, user: str, vhost: str, variables: Mapping[str, str] | None = None) -> None:
        """`variables`: more than `username` and `vhost` that topic permissions may name."""
        self._accounts = accounts
        self.user = user
        self.vhost = vhost
        self._variables = {**(variables or {}), "username": user, "vhost": vhost}
        self._matches: dict[str, Matches] = {}
        self._decided: dict[tuple[str, ...], bool] = {}
        self._decided_version = -1

    @property
    def version(self) -> int:
        """Another one means that answers may be different."""
        return self._accounts.version

    def may(self, permission: Permission, kind: Kind, name: str) -> bool:
        """Whether an object may be used so; users and permissions that are gone allow nothing."""
        decided = self._current().get((permission, name))
        if decided is None:
            found = self._accounts.permission(self.user, self.vhost) if self.user in self._accounts.users else None
            decided = found is not None and self._match(getattr(found, permission), name)
            self._remember((permission, name), decided)
        return decided

    def has_topics(self, exchange: str) -> bool:
        """Whether routing keys of this exchange are restricted."""
        return (self.vhost, exchange) in self._accounts.topic_permissions(self.user)

    def may_topic(self, permission: Permission, exchange: str, routing_key: str) -> bool:
        """Whether a routing key of a topic exchange may be used so; it may unless somebody says otherwise."""
        decided = self._current().get((permission, exchange, routing_key))
        if decided is None:
            found = self._accounts.topic_permissions(self.user).get((self.vhost, exchange))
            decided = found is None or self._match(self._expanded(getattr(found, permission)), routing_key)
            self._remember((permission, exchange, routing_key), decided)
        return decided

    def _current(self) -> dict[tuple[str, ...], bool]:
        if self._decided_version != self._accounts.version:
            self._decided_version = self._accounts.version
            self._decided.clear()
            self._matches.clear()
        return self._decided

    def _remember(self, key: tuple[str, ...], decided: bool) -> None:
        if len(self._decided) >= RIGHTS_CACHED_MAX:
            self._decided.clear()
        self._decided[key] = decided

    def _match(self, pattern: str, name: str) -> bool:
        matches = self._matches.get(pattern)
        if matches is None:
            try:
                matches = has_match(pattern)
            except ValueError:
                return False  # it was taken by another version
            self._matches[pattern] = matches
        return matches(name)

    def _expanded(self, pattern: str) -> str:
        """What stands for a variable is text, whatever it holds (RabbitMQ reads it as part of the pattern)."""
        for name, value in self._variables.items():
            pattern = pattern.replace(f"{{{name}}}", escape_pattern(value))
        return pattern
