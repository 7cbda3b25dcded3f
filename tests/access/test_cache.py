from __future__ import annotations

import pytest

from leveret.access import cache as module
from leveret.access.backend import Identity, Login, Refused
from leveret.access.cache import CachedBackend
from leveret.clock import ManualClock

from .support import REMOTE
from .test_chain import Fake


class Counting(Fake):
    def __init__(self) -> None:
        super().__init__("counted", ann=Identity("ann"))
        self.count = 0

    def look_up(self, login: Login, answer) -> None:  # type: ignore[no-untyped-def]
        self.count += 1
        super().look_up(login, answer)

    def open(self, identity: Identity, vhost: str, remote, answer) -> None:  # type: ignore[no-untyped-def]
        self.count += 1
        super().open(identity, vhost, remote, answer)


class Setup:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.backend = Counting()
        self.cached = CachedBackend(self.backend, self.clock, 15_000, bytes(32))

    def login(self, name: str, password: bytes) -> object:
        answers: list[object] = []
        self.cached.log_in(Login(name, password, "PLAIN", REMOTE), answers.append)
        return answers[0]


def test_answers_are_remembered_for_a_while() -> None:
    setup = Setup()
    for _ in range(3):
        assert setup.login("ann", b"p") == Identity("ann")
        assert isinstance(setup.login("eve", b"p"), Refused)
    assert setup.backend.count == 2
    assert setup.login("ann", b"other") == Identity("ann")
    assert setup.backend.count == 3
    setup.clock.advance(15_000)
    setup.login("ann", b"p")
    assert setup.backend.count == 4


def test_rights_too() -> None:
    setup = Setup()
    found: list[object] = []
    for _ in range(3):
        setup.cached.open(Identity("ann"), "/", REMOTE, found.append)
    setup.cached.open(Identity("ann"), "shop", REMOTE, found.append)
    assert setup.backend.count == 2
    assert setup.cached.name == "counted"


def test_new_secrets_are_not() -> None:
    setup = Setup()
    answers: list[object] = []
    setup.cached.refresh(Identity("ann"), b"new", answers.append)
    assert answers == [Identity("ann", expires_ms=99)]


def test_no_password_is_kept() -> None:
    setup = Setup()
    setup.login("ann", b"canary")
    assert "canary" not in repr(setup.cached._known)


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CREDENTIALS_REMEMBERED_MAX", 10)
    setup = Setup()
    for number in range(50):
        setup.login(str(number), b"p")
    assert len(setup.cached._known) == 10
