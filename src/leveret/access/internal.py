"""The broker's own list of users as a backend. An unknown name takes the same work as a wrong password, so that time
does not tell names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .backend import Identity, Refused
from .rights import UserRights

if TYPE_CHECKING:
    from ..ports import Remote
    from .accounts import Accounts
    from .backend import LoggedIn, Login, Opened
    from .credentials import Credentials

INVALID: Final = Refused("invalid credentials")
BLANK: Final = Refused("a blank password is prohibited; with a certificate the mechanism is EXTERNAL")


class InternalBackend:
    """Users, passwords and permissions of the log."""

    __slots__ = ("_accounts", "_credentials")
    name: Final = "internal"

    def __init__(self, accounts: Accounts, credentials: Credentials) -> None:
        self._accounts = accounts
        self._credentials = credentials

    def log_in(self, login: Login, answer: LoggedIn) -> None:
        """Whether the user is there, and this is its password if one is needed."""
        if login.password is None:
            self.look_up(login, answer)
            return
        if not login.password:
            answer(BLANK)
            return
        user = self._accounts.users.get(login.name)

        def checked(right: bool) -> None:
            # Meanwhile it may have another password, or be gone.
            current = self._accounts.users.get(login.name)
            same = user is not None and current is not None and current.password_hash == user.password_hash
            answer(Identity(login.name, current.tags) if right and same and current is not None else INVALID)

        self._credentials.check(user, login.password, checked)

    def look_up(self, login: Login, answer: LoggedIn) -> None:
        """Whether the user is there."""
        user = self._accounts.users.get(login.name)
        answer(INVALID if user is None else Identity(user.name, user.tags))

    def open(self, identity: Identity, vhost: str, remote: Remote, answer: Opened) -> None:
        """A user may connect to a virtual host in which it has permissions, whatever these say."""
        if self._accounts.permission(identity.name, vhost) is None:
            answer(Refused("no permissions"))
        else:
            answer(UserRights(self._accounts, identity.name, vhost))

    def refresh(self, identity: Identity, secret: bytes, answer: LoggedIn) -> None:
        """Logins of the internal list do not expire."""
        answer(identity)
