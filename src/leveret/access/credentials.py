"""Checking and hashing passwords without stalling anybody.

Slow hashes are made by workers, a few at once. What was right is remembered under a keyed hash until the password
changes, so that a fleet of clients that reconnects costs one slow hash; several that ask the same at once wait for the
same answer.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from ..errors import AccountError
from ..limits import CREDENTIALS_REMEMBERED_MAX, LOGINS_WAITING_MAX
from . import passwords
from .rights import has_match

if TYPE_CHECKING:
    from ..ports import Randomness, Workers
    from ..wire.definitions import SetUser

_KEY_SIZE = 32


@dataclass(frozen=True, slots=True)
class Rules:
    """What new passwords have to be like (RabbitMQ page "Passwords", section Credential Validation)."""

    length_min: int = 1
    pattern: str = ""
    """A match anywhere in it is enough."""

    def require(self, password: bytes) -> None:
        """Raises AccountError, with RabbitMQ's text, for a password that must not be one."""
        if len(password) < self.length_min:
            raise AccountError(f"minimum required password length is set to {self.length_min}")
        if self.pattern and not has_match(self.pattern)(password.decode(errors="replace")):
            raise AccountError("provided password does not match the validator regular expression")


class Credentials:
    """The passwords of one node's users. `hashing`: what new passwords are hashed with."""

    __slots__ = ("_asked", "_key", "_randomness", "_remembered", "_workers", "hashing", "rules")

    def __init__(
        self,
        workers: Workers,
        randomness: Randomness,
        hashing: str = passwords.DEFAULT,
        rules: Rules | None = None,
    ) -> None:
        self.hashing = hashing
        self.rules = rules or Rules()
        self._workers = workers
        self._randomness = randomness
        self._key = _random_bytes(randomness, _KEY_SIZE)
        self._remembered: dict[str, tuple[str, bytes]] = {}
        """By user: the hash of the password as it is kept, and ours."""
        self._asked: dict[tuple[str, bytes], list[Callable[[bool], None]]] = {}

    def check(self, user: SetUser | None, password: bytes, answer: Callable[[bool], None]) -> None:
        """Whether this is the user's password; an unknown user takes the work of a known one."""
        kept = "" if user is None else user.password_hash
        hashing = self.hashing if user is None else user.hashing
        if not passwords.is_slow(hashing):
            answer(passwords.matches(password, kept, hashing))
            return
        digest = blake2b(password, key=self._key).digest()
        if user is not None and (remembered := self._remembered.get(user.name)) is not None:
            right, was = remembered[1], remembered[0]
            if was == kept and hmac.compare_digest(right, digest):
                answer(True)
                return
        question = (kept, digest)
        if (waiting := self._asked.get(question)) is not None:
            waiting.append(answer)
            return
        if len(self._asked) >= LOGINS_WAITING_MAX:
            answer(False)
            return
        self._asked[question] = [answer]

        def work() -> bool:
            return passwords.matches(password, kept, hashing)

        def done(found: bool) -> None:
            if found and user is not None:
                self._remember(user.name, kept, digest)
            for told in self._asked.pop(question):
                told(found)

        self._workers.run(work, done)

    def hash(self, password: bytes, done: Callable[[str, str], None]) -> None:
        """Told the hash to keep, and which kind it is. Raises AccountError for a password that must not be one."""
        self.rules.require(password)
        salt, hashing = _random_bytes(self._randomness, passwords.SALT_SIZE), self.hashing
        if passwords.is_slow(hashing):
            self._workers.run(
                lambda: passwords.hash_password(password, salt, hashing), lambda made: done(made, hashing)
            )
        else:
            done(passwords.hash_password(password, salt, hashing), hashing)

    def _remember(self, name: str, kept: str, digest: bytes) -> None:
        self._remembered.pop(name, None)
        if len(self._remembered) >= CREDENTIALS_REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[name] = (kept, digest)


def _random_bytes(randomness: Randomness, size: int) -> bytes:
    return b"".join(number.to_bytes(8, "big") for number in randomness.numbers(-(-size // 8)))[:size]
