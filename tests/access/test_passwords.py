from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode

import argon2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leveret.access import passwords
from leveret.access.passwords import (
    ALGORITHMS,
    ARGON2ID,
    MD5,
    SALT_SIZE,
    SHA256,
    SHA512,
    hash_password,
    is_password_hash,
    is_slow,
    matches,
)

SALT = bytes(range(SALT_SIZE))
salts = st.binary(min_size=SALT_SIZE, max_size=SALT_SIZE)


def test_the_example_of_rabbitmqs_page() -> None:
    # "Passwords": password test12, salt 908DC60A.
    kept = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    assert hash_password(b"test12", bytes.fromhex("908DC60A") + bytes(12), SHA256) == kept
    assert matches(b"test12", kept, SHA256)
    assert not matches(b"test13", kept, SHA256)


@given(st.binary(min_size=1), salts, st.sampled_from([(SHA256, "sha256"), (SHA512, "sha512")]))
def test_rabbitmqs_formats(password: bytes, salt: bytes, algorithm: tuple[str, str]) -> None:
    hashing, digest = algorithm
    kept = hash_password(password, salt, hashing)
    assert b64decode(kept) == salt[:4] + hashlib.new(digest, salt[:4] + password).digest()
    assert is_password_hash(kept, hashing)
    assert matches(password, kept, hashing)
    assert not matches(password + b"\0", kept, hashing)


def test_md5_is_read_and_not_made() -> None:
    kept = b64encode(b"salt" + hashlib.md5(b"saltold").digest()).decode()
    assert is_password_hash(kept, MD5)
    assert matches(b"old", kept, MD5)
    assert not matches(b"new", kept, MD5)
    with pytest.raises(ValueError, match="no passwords are hashed with"):
        hash_password(b"old", SALT, MD5)


@given(st.binary(min_size=1, max_size=80), salts)
@settings(max_examples=5, deadline=None)
def test_argon2id(password: bytes, salt: bytes) -> None:
    kept = hash_password(password, salt)
    assert argon2.PasswordHasher().verify(kept, password)
    assert is_password_hash(kept, ARGON2ID)
    assert matches(password, kept, ARGON2ID)
    assert not matches(password + b"\0", kept, ARGON2ID)


def test_argon2id_costs_what_owasp_recommends() -> None:
    parameters = argon2.extract_parameters(hash_password(b"a", SALT))
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)


def test_only_argon2id_is_slow() -> None:
    assert [hashing for hashing in ALGORITHMS if is_slow(hashing)] == [ARGON2ID]


@pytest.mark.parametrize("hashing", ALGORITHMS)
def test_an_empty_password_is_nobodys(hashing: str) -> None:
    if hashing != MD5:
        assert not matches(b"", hash_password(b"", SALT, hashing), hashing)
    assert not matches(b"", "", hashing)
    assert not matches(b"a", "", hashing)
    assert is_password_hash("", hashing)


@pytest.mark.parametrize("hashing", ALGORITHMS)
@pytest.mark.parametrize(
    "text", ["guest", "AAAA", "=", "kI3G*", b64encode(bytes(35)).decode(), "\u20ac", "$argon2id$v=19$m=1", "A" * 4096]
)
def test_what_is_no_hash(hashing: str, text: str) -> None:
    assert not is_password_hash(text, hashing)


@pytest.mark.parametrize("costs", ["m=999999999,t=2,p=1", "m=19456,t=1000000,p=1", "m=19456,t=2,p=10000"])
def test_a_hash_that_costs_too_much_is_refused(costs: str) -> None:
    assert not is_password_hash(f"$argon2id$v=19${costs}${'A' * 22}${'A' * 43}", ARGON2ID)
    assert not is_password_hash(f"$argon2i$v=19$m=19456,t=2,p=1${'A' * 22}${'A' * 43}", ARGON2ID)


def test_unknown_kinds() -> None:
    assert not is_password_hash("", "rot13") or not is_password_hash("abc", "rot13")
    with pytest.raises(ValueError, match="rot13"):
        hash_password(b"a", SALT, "rot13")


@pytest.mark.parametrize(("password", "of"), [(b"a", b"b"), (b"a", None), (b"", None), (b"", b"")])
def test_every_answer_costs_one_hash_and_one_comparison(
    password: bytes, of: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = "" if of is None else hash_password(of, SALT, SHA256)
    done: list[str] = []
    new, compare_digest = hashlib.new, passwords.hmac.compare_digest

    def hashed(name: str, data: bytes = b"") -> object:
        if data:
            done.append("hash")
        return new(name, data)

    def compared(one: bytes, other: bytes) -> bool:
        done.append("compare")
        assert len(one) == len(other) == 32
        return compare_digest(one, other)

    monkeypatch.setattr(passwords.hashlib, "new", hashed)
    monkeypatch.setattr(passwords.hmac, "compare_digest", compared)
    assert not matches(password, kept, SHA256)
    assert done == ["hash", "compare"]
