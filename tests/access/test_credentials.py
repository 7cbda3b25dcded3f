from __future__ import annotations

import pytest

from leveret.access import credentials as module
from leveret.access.credentials import Credentials, Rules
from leveret.access.passwords import ARGON2ID, SALT_SIZE, SHA256, hash_password
from leveret.errors import AccountError
from leveret.wire.definitions import SetUser

from .support import CountingRandomness, LateWorkers, sha256

ANN = SetUser("ann", hash_password(b"a", bytes(SALT_SIZE)), ARGON2ID)


class Setup:
    def __init__(self, hashing: str = ARGON2ID) -> None:
        self.workers = LateWorkers()
        self.credentials = Credentials(self.workers, CountingRandomness(), hashing)
        self.answers: list[bool] = []

    def check(self, user: SetUser | None, password: bytes) -> None:
        self.credentials.check(user, password, self.answers.append)


def test_quick_hashes_are_answered_at_once() -> None:
    setup = Setup()
    bob = SetUser("bob", sha256("b"), SHA256)
    setup.check(bob, b"b")
    setup.check(bob, b"c")
    assert setup.answers == [True, False]


def test_slow_ones_later() -> None:
    setup = Setup()
    setup.check(ANN, b"a")
    setup.check(ANN, b"b")
    assert setup.answers == []
    assert setup.workers.work() == 2
    assert setup.answers == [True, False]


def test_an_unknown_user_takes_the_work_of_a_known_one() -> None:
    setup = Setup()
    setup.check(None, b"a")
    assert setup.answers == []
    assert setup.workers.work() == 1
    assert setup.answers == [False]


def test_what_was_right_is_remembered_until_the_password_changes() -> None:
    setup = Setup()
    setup.check(ANN, b"a")
    setup.workers.work()
    setup.check(ANN, b"a")
    assert setup.answers == [True, True]
    setup.check(ANN, b"b")  # what is wrong is not
    assert setup.workers.work() == 1
    changed = SetUser("ann", hash_password(b"new", bytes(SALT_SIZE)), ARGON2ID)
    setup.check(changed, b"a")
    assert setup.workers.work() == 1
    assert setup.answers == [True, True, False, False]


def test_who_asks_the_same_waits_for_the_same_answer() -> None:
    setup = Setup()
    for _ in range(1000):
        setup.check(ANN, b"a")
    assert setup.workers.work() == 1
    assert setup.answers == [True] * 1000


def test_nothing_of_a_password_is_kept_but_a_keyed_hash() -> None:
    setup = Setup()
    setup.check(ANN, b"a")
    setup.workers.work()
    other = Credentials(LateWorkers(), CountingRandomness())
    other._key = bytes(32)
    ((_, ours),) = setup.credentials._remembered.values()
    other.check(ANN, b"a", lambda right: None)
    ((_, theirs),) = other._asked
    assert ours != theirs


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CREDENTIALS_REMEMBERED_MAX", 2)
    monkeypatch.setattr(module, "LOGINS_WAITING_MAX", 2)
    setup = Setup()
    for number in range(3):
        setup.check(SetUser(f"user{number}", ANN.password_hash, ARGON2ID), b"a")
        setup.workers.work()
    assert [*setup.credentials._remembered] == ["user1", "user2"]
    setup.answers.clear()
    for wrong in (b"1", b"2", b"3"):
        setup.check(ANN, wrong)
    assert setup.answers == [False]
    assert setup.workers.work() == 2


@pytest.mark.parametrize("hashing", [ARGON2ID, SHA256])
def test_new_passwords(hashing: str) -> None:
    setup = Setup(hashing)
    made: list[tuple[str, str]] = []
    setup.credentials.hash(b"a", lambda *result: made.append(result))
    setup.credentials.hash(b"a", lambda *result: made.append(result))
    setup.workers.work()
    (one, kind), (other, _) = made
    assert kind == hashing
    assert one != other  # each has its salt
    setup.check(SetUser("bob", one, kind), b"a")
    setup.workers.work()
    assert setup.answers == [True]


@pytest.mark.parametrize(
    ("rules", "password", "problem"),
    [
        (Rules(), b"a", ""),
        (Rules(), b"", "minimum required password length is set to 1"),
        (Rules(8), b"1234567", "minimum required password length is set to 8"),
        (Rules(8), b"12345678", ""),
        (Rules(1, "^[a-z]+$"), b"abc", ""),
        (Rules(1, "^[a-z]+$"), b"abc1", "provided password does not match the validator regular expression"),
    ],
)
def test_rules(rules: Rules, password: bytes, problem: str) -> None:
    credentials = Credentials(LateWorkers(), CountingRandomness(), SHA256, rules)
    made: list[str] = []
    if problem:
        with pytest.raises(AccountError, match=problem):
            credentials.hash(password, lambda *result: made.append(result[0]))
    else:
        credentials.hash(password, lambda *result: made.append(result[0]))
    assert bool(made) is not bool(problem)
