"""Password hashes in RabbitMQ's format (its page "Passwords"), so that definition files fit both brokers.

    base64( salt: 4 bytes | SHA-256(salt, password): 32 bytes )

Salt is passed in.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Final

SALT_SIZE: Final = 4
_HASH_SIZE: Final = SALT_SIZE + sha256().digest_size


def hash_password(password: bytes, salt: bytes) -> str:
    """The hash to keep; `salt` is `SALT_SIZE` random bytes. Nobody can log in with an empty password."""
    assert len(salt) == SALT_SIZE
    return b64encode(salt + sha256(salt + password).digest()).decode()


def is_password_hash(text: str) -> bool:
    """Whether this is what `hash_password` makes."""
    try:
        return len(b64decode(text, validate=True)) == _HASH_SIZE
    except (binascii.Error, ValueError):
        return False


def matches(password: bytes, password_hash: str) -> bool:
    """Whether the password has this hash, in a time that says nothing about the hash.

    Nothing matches an empty hash, nor does an empty password match anything; finding that out takes as long.
    """
    kept = b64decode(password_hash or _NOBODYS)
    salted = sha256(kept[:SALT_SIZE] + password).digest()
    return hmac.compare_digest(salted, kept[SALT_SIZE:]) and bool(password)


_NOBODYS: Final = b64encode(bytes(_HASH_SIZE)).decode()
