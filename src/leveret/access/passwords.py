"""Password hashes: the formats that are kept, made and checked (RabbitMQ page "Passwords").

RabbitMQ's own, so that definition files fit both brokers:

    base64( salt: 4 bytes | HASH(salt, password) )     SHA-256 (its default), SHA-512; MD5 of very old files

and ours, which costs an attacker more:

    $argon2id$v=19$m=...,t=...,p=...$salt$hash         RFC 9106, in the usual notation

Salt is passed in. Nothing matches an empty hash, nor does an empty password match anything.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final

from ..limits import PASSWORD_HASH_SIZE_MAX

if TYPE_CHECKING:
    import argon2

ARGON2ID: Final = "argon2id"
SHA256: Final = "rabbit_password_hashing_sha256"
SHA512: Final = "rabbit_password_hashing_sha512"
MD5: Final = "rabbit_password_hashing_md5"
_DIGESTS: Final = {SHA256: "sha256", SHA512: "sha512", MD5: "md5"}
ALGORITHMS: Final = (ARGON2ID, *_DIGESTS)
"""As definition files call them."""
DEFAULT: Final = ARGON2ID
SALT_SIZE: Final = 16
"""Random bytes for a new hash; RabbitMQ's formats use the first four."""
_RABBITMQ_SALT_SIZE: Final = 4

# What OWASP recommends: 19 MiB and two passes cost about 20 ms. The maxima are for hashes that somebody imports.
_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_MEMORY_KIB_MAX: Final = 256 * 1024
_PASSES_MAX: Final = 16
_LANES_MAX: Final = 16


def is_slow(hashing: str) -> bool:
    """Whether hashes of this kind cost so much that it is done elsewhere than in a turn."""
    return hashing == ARGON2ID


def hash_password(password: bytes, salt: bytes, hashing: str = DEFAULT) -> str:
    """The hash to keep; `salt` is `SALT_SIZE` random bytes. Raises ValueError for an unknown kind, or MD5: those are
    only read.
    """
    assert len(salt) == SALT_SIZE
    if hashing == ARGON2ID:
        return _argon2id().hash(password, salt=salt)
    if hashing not in _DIGESTS or hashing == MD5:
        raise ValueError(f"no passwords are hashed with '{hashing}'")
    salt = salt[:_RABBITMQ_SALT_SIZE]
    return b64encode(salt + hashlib.new(_DIGESTS[hashing], salt + password).digest()).decode()


def is_password_hash(text: str, hashing: str) -> bool:
    """Whether this is a hash of that kind; an empty one is: nobody can log in with it."""
    if not text:
        return True
    if len(text) > PASSWORD_HASH_SIZE_MAX:
        return False
    if hashing == ARGON2ID:
        return _is_argon2id(text)
    if hashing not in _DIGESTS:
        return False
    try:
        kept = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(kept) == _RABBITMQ_SALT_SIZE + hashlib.new(_DIGESTS[hashing]).digest_size


def matches(password: bytes, password_hash: str, hashing: str) -> bool:
    """Whether the password has this hash, in a time that says nothing about the hash."""
    if hashing == ARGON2ID:
        return _matches_argon2id(password, password_hash)
    size = hashlib.new(_DIGESTS[hashing]).digest_size
    kept = b64decode(password_hash) if password_hash else bytes(_RABBITMQ_SALT_SIZE + size)
    salted = hashlib.new(_DIGESTS[hashing], kept[:_RABBITMQ_SALT_SIZE] + password).digest()
    return hmac.compare_digest(salted, kept[_RABBITMQ_SALT_SIZE:]) and bool(password) and bool(password_hash)


def _argon2id() -> argon2.PasswordHasher:
    import argon2  # costs some megabytes: brokers whose users have other hashes start without it

    return argon2.PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1)


def _matches_argon2id(password: bytes, password_hash: str) -> bool:
    import argon2

    kept = password_hash or _nobodys()
    try:
        found = _argon2id().verify(kept, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
    assert found
    return bool(password) and bool(password_hash)


def _is_argon2id(text: str) -> bool:
    import argon2

    try:
        parameters = argon2.extract_parameters(text)
    except argon2.exceptions.InvalidHashError:
        return False
    return (
        parameters.type is argon2.Type.ID
        and 0 < parameters.memory_cost <= _MEMORY_KIB_MAX
        and 0 < parameters.time_cost <= _PASSES_MAX
        and 0 < parameters.parallelism <= _LANES_MAX
    )


def _nobodys() -> str:
    """A hash with the usual costs that nothing is compared with in earnest."""
    return f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p=1${'A' * 22}${'A' * 43}"
