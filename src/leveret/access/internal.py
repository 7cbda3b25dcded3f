"""The internal list of users as an `Access`: a name, a password, a list of virtual hosts.

Answers at once. An unknown name takes the same work as a wrong password, so that time does not tell names.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from ..ports import User
from .mechanisms import Credentials, parse_response
from .passwords import matches
from .users import GUEST, Account

logger = logging.getLogger(__name__)


class InternalAccess:
    """The port `Access` over accounts that are given to it."""

    __slots__ = ("_accounts", "_loopback_users")

    def __init__(self, accounts: Iterable[Account] = (GUEST,), loopback_users: Iterable[str] = ("guest",)) -> None:
        """`loopback_users` may only come from the broker's own machine (RabbitMQ page "Access Control")."""
        self._accounts = {account.name: account for account in accounts}
        self._loopback_users = frozenset(loopback_users)

    def authenticate(
        self, mechanism: str, response: bytes, loopback: bool, answer: Callable[[User | None], None]
    ) -> None:
        """Check credentials, and call `answer` with the user, or None when refused; the log says why.

        Raises SyntaxError_ for a malformed response, CommandInvalid for an unknown mechanism.
        """
        credentials = parse_response(mechanism, response)
        account = self._accounts.get(credentials.name)
        problem = self._problem(account, credentials, loopback)
        if problem:
            # RabbitMQ's words; of the name only its printable form, since it may be anything.
            logger.warning("%s login refused: user %r %s", mechanism, credentials.name, problem)
            answer(None)
        else:
            assert account is not None
            answer(User(account.name, account.tags))

    def may_open(self, user: User, vhost: str) -> bool:
        """Whether the user may connect to this virtual host."""
        account = self._accounts.get(user.name)
        return account is not None and vhost in account.vhosts

    def _problem(self, account: Account | None, credentials: Credentials, loopback: bool) -> str:
        if not matches(credentials.password, account.password_hash if account is not None else ""):
            return "- invalid credentials"
        if not loopback and credentials.name in self._loopback_users:
            return "can only connect via localhost"
        return ""
