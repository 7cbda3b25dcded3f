from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.access import passwords
from leveret.access.passwords import hash_password, is_password_hash, matches

salts = st.binary(min_size=4, max_size=4)


def test_the_example_of_rabbitmqs_page() -> None:
    # "Passwords": password test12, salt 908DC60A.
    kept = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    assert hash_password(b"test12", bytes.fromhex("908DC60A")) == kept
    assert matches(b"test12", kept)
    assert not matches(b"test13", kept)


@given(st.binary(min_size=1), salts)
def test_round_trip(password: bytes, salt: bytes) -> None:
    kept = hash_password(password, salt)
    assert b64decode(kept) == salt + hashlib.sha256(salt + password).digest()
    assert is_password_hash(kept)
    assert matches(password, kept)
    assert not matches(password + b"\0", kept)


def test_an_empty_password_is_nobodys() -> None:
    assert not matches(b"", hash_password(b"", b"salt"))


@given(st.binary())
def test_without_a_hash_no_password_matches(password: bytes) -> None:
    assert not matches(password, "")


@pytest.mark.parametrize("text", ["", "guest", "AAAA", "=", "kI3G*", b64encode(bytes(35)).decode(), "\u20ac"])
def test_what_is_no_hash(text: str) -> None:
    assert not is_password_hash(text)


def test_salt_has_four_bytes() -> None:
    with pytest.raises(AssertionError):
        hash_password(b"a", b"abc")


@pytest.mark.parametrize(
    ("password", "kept"),
    [(b"a", hash_password(b"b", b"salt")), (b"a", ""), (b"", ""), (b"", hash_password(b"", b"salt"))],
)
def test_every_answer_costs_one_hash_and_one_comparison(
    password: bytes, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sha256, compare_digest = passwords.sha256, passwords.hmac.compare_digest

    def hashed(data: bytes) -> object:
        done.append("hash")
        return sha256(data)

    def compared(one: bytes, other: bytes) -> bool:
        done.append("compare")
        assert len(one) == len(other) == 32
        return compare_digest(one, other)

    monkeypatch.setattr(passwords, "sha256", hashed)
    monkeypatch.setattr(passwords.hmac, "compare_digest", compared)
    assert not matches(password, kept)
    assert done == ["hash", "compare"]
