"""Changing who may log in and what they may do: what is refused, and what goes to the log.

Methods raise AccountError and change nothing when they do; those that change something return when it is on disk (None:
nothing had to be changed).
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Final

from ..errors import AccountError
from ..limits import (
    NAME_BYTES_MAX,
    PERMISSIONS_PER_USER_MAX,
    TAGS_MAX,
    TOPIC_PERMISSIONS_PER_USER_MAX,
    USERS_MAX,
)
from ..wire.definitions import (
    ClearPermission,
    ClearTopicPermission,
    DeleteUser,
    Founded,
    SetPermission,
    SetTopicPermission,
    SetUser,
    SetUserLimits,
)
from . import passwords
from .rights import has_match

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..ports import Position
    from ..wire.definitions import AccountOp, BrokerOp
    from .accounts import Accounts

USER_LIMITS: Final = ("max-connections", "max-channels")
ADMINISTRATOR: Final = "administrator"
TAGS: Final = (ADMINISTRATOR, "monitoring", "policymaker", "management", "impersonator", "protected")
"""Those that mean something; others may be given."""


class Administration:
    """Decides about one node's accounts."""

    __slots__ = ("_accounts", "_commit", "_on_deleted", "_vhosts")

    def __init__(
        self,
        accounts: Accounts,
        commit: Callable[[BrokerOp], Position],
        vhosts: Container[str],
        on_deleted: Callable[[str], None],
    ) -> None:
        """`commit` takes a change to the log and makes it. `on_deleted`: this user is gone."""
        self._accounts = accounts
        self._commit = commit
        self._vhosts = vhosts
        self._on_deleted = on_deleted

    # -- the first start -----------------------------------------------------------------------------------------

    def found(self, user: SetUser | None, may: SetPermission) -> Position | None:
        """The first start: there is this user, with what it may do, unless there are others; later ones do nothing."""
        if self._accounts.founded:
            return None
        if user is not None and not self._accounts.users:
            self.put_user(user.name, user.password_hash, user.hashing, user.tags)
            self.set_permission(user.name, may.vhost, may.configure, may.write, may.read)
        return self._commit(Founded())

    # -- users ---------------------------------------------------------------------------------------------------

    def put_user(self, name: str, password_hash: str, hashing: str, tags: tuple[str, ...]) -> Position | None:
        """Make a user, or change its password and tags. With an empty hash it cannot log in with a password."""
        require_name("user", name)
        for tag in tags:
            require_name("tag", tag)
        if len(tags) > TAGS_MAX:
            raise AccountError(f"user '{name}' has more than {TAGS_MAX} tags")
        if not passwords.is_password_hash(password_hash, hashing):
            raise AccountError(f"the password hash of user '{name}' is not one of {hashing}")
        if name not in self._accounts.users and len(self._accounts.users) >= USERS_MAX:
            raise AccountError(f"cannot create user '{name}': user limit of {USERS_MAX} is reached")
        return self._change(self._accounts.users.get(name), SetUser(name, password_hash, hashing, tags))

    def set_tags(self, name: str, tags: tuple[str, ...]) -> Position | None:
        """Change the tags only."""
        user = self._user(name)
        return self.put_user(name, user.password_hash, user.hashing, tags)

    def clear_password(self, name: str) -> Position | None:
        """From now on it cannot log in with a password."""
        user = self._user(name)
        return self.put_user(name, "", user.hashing, user.tags)

    def delete_user(self, name: str) -> Position:
        """With its permissions and limits; its connections are closed."""
        self._user(name)
        position = self._commit(DeleteUser(name))
        self._on_deleted(name)
        return position

    def set_user_limits(self, name: str, limits: Mapping[str, int]) -> Position | None:
        """`max-connections` and `max-channels`, over what is set; below 0: none any more."""
        self._user(name)
        require_limits(limits)
        before = self._accounts.limits(name)
        after = {limit: value for limit, value in {**before, **limits}.items() if value >= 0}
        return None if after == before else self._commit(SetUserLimits(name, after))

    # -- permissions ---------------------------------------------------------------------------------------------

    def set_permission(self, user: str, vhost: str, configure: str, write: str, read: str) -> Position | None:
        """What a user may do in a virtual host: three patterns."""
        self._user(user)
        self._vhost(vhost)
        for pattern in (configure, write, read):
            require_pattern(pattern)
        before = self._accounts.permissions(user)
        if vhost not in before and len(before) >= PERMISSIONS_PER_USER_MAX:
            raise AccountError(f"user '{user}' has permissions for too many vhosts")
        return self._change(before.get(vhost), SetPermission(user, vhost, configure, write, read))

    def clear_permission(self, user: str, vhost: str) -> Position | None:
        """The user may not even connect there any more; a connection that is open may do nothing (RabbitMQ)."""
        self._user(user)
        self._vhost(vhost)
        if self._accounts.permission(user, vhost) is None:
            return None
        return self._commit(ClearPermission(user, vhost))

    def set_topic_permission(self, user: str, vhost: str, exchange: str, write: str, read: str) -> Position | None:
        """Which routing keys of a topic exchange a user may use; patterns may hold `{username}` and the like."""
        self._user(user)
        self._vhost(vhost)
        for pattern in (write, read):
            require_pattern(pattern)
        before = self._accounts.topic_permissions(user)
        if (vhost, exchange) not in before and len(before) >= TOPIC_PERMISSIONS_PER_USER_MAX:
            raise AccountError(f"user '{user}' has too many topic permissions")
        op = SetTopicPermission(user, vhost, exchange, write, read)
        return self._change(before.get((vhost, exchange)), op)

    def clear_topic_permission(self, user: str, vhost: str, exchange: str | None = None) -> Position | None:
        """Of one exchange, or of all."""
        self._user(user)
        self._vhost(vhost)
        before = self._accounts.topic_permissions(user)
        if not any(key[0] == vhost and exchange in (None, key[1]) for key in before):
            return None
        return self._commit(ClearTopicPermission(user, vhost, exchange))

    def _change(self, before: AccountOp | None, op: AccountOp) -> Position | None:
        return None if op == before else self._commit(op)

    def _user(self, name: str) -> SetUser:
        user = self._accounts.users.get(name)
        if user is None:
            raise AccountError(f'User "{name}" does not exist')
        return user

    def _vhost(self, name: str) -> None:
        if name not in self._vhosts:
            raise AccountError(f'Virtual host "{name}" does not exist')


def require_limits(limits: Mapping[str, object]) -> dict[str, int]:
    """Raises AccountError for what is no limit of a user."""
    for limit, value in limits.items():
        if limit not in USER_LIMITS:
            raise AccountError(f'Unrecognised terms [{{<<"{limit}">>,{value}}}] in user-limits')
        if type(value) is not int:
            raise AccountError(f'<<"{limit}">> should be number, actually was {value!r}')
    return {**limits}  # type: ignore[dict-item]


def require_name(what: str, name: str) -> None:
    """Raises AccountError for a name that is empty or too long, or is no text."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise AccountError(f"the name of a {what} is not valid UTF-8") from None
    if not 0 < size <= NAME_BYTES_MAX:
        raise AccountError(f"the name of a {what} has 1 to {NAME_BYTES_MAX} bytes")


def require_pattern(pattern: str) -> None:
    """Raises AccountError for what is no regular expression."""
    try:
        has_match(pattern)
    except ValueError as error:
        raise AccountError(f"invalid regular expression '{pattern}': {error.args[0]}") from None
