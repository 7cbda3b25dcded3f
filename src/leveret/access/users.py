"""Users: what the broker knows of those who may log in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from .passwords import hash_password, is_password_hash


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the internal list."""

    name: str
    password_hash: str = field(repr=False)
    """Of `passwords.hash_password`; empty: nobody can log in with a password."""
    tags: tuple[str, ...] = ()
    vhosts: tuple[str, ...] = ("/",)
    """The virtual hosts that the user may open."""

    def __post_init__(self) -> None:
        """Raises ValueError when the hash is neither empty nor one."""
        if self.password_hash and not is_password_hash(self.password_hash):
            raise ValueError(f"the password hash of user '{self.name}' is malformed")

    @classmethod
    def with_password(
        cls, name: str, password: str, salt: bytes, tags: tuple[str, ...] = (), vhosts: tuple[str, ...] = ("/",)
    ) -> Self:
        """An account with the hash of this password; `salt` is four random bytes."""
        return cls(name, hash_password(password.encode(), salt), tags, vhosts)


# Everybody knows this password, so its salt may be known as well.
GUEST: Final = Account.with_password("guest", "guest", b"\0\0\0\0", tags=("administrator",))
"""RabbitMQ's default user."""
