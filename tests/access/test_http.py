"""An HTTP service as a backend: what it is asked, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import pytest

from leveret.access import http as module
from leveret.access.backend import Identity, Login, Refused
from leveret.access.http import HttpBackend, HttpRights, Paths
from leveret.ports import Undecided

from .support import REMOTE

PATHS = Paths("http://x/user", "http://x/vhost", "http://x/resource", "http://x/topic")


class Service:
    """Answers when told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._answers: list[Callable[[str | None], None]] = []

    def fetch(self, url: str, parameters: Mapping[str, str], answer: Callable[[str | None], None]) -> None:
        self.asked.append((url, dict(parameters)))
        self._answers.append(answer)

    def answer(self, body: str | None) -> None:
        self._answers.pop(0)(body)


class Setup:
    def __init__(self) -> None:
        self.service = Service()
        self.backend = HttpBackend(PATHS, self.service)

    def login(self, password: bytes | None, body: str | None) -> Identity | Refused:
        answers: list[Identity | Refused] = []
        self.backend.log_in(Login("ann", password, "PLAIN", REMOTE), answers.append)
        assert answers == []
        self.service.answer(body)
        return answers[0]

    def rights(self) -> HttpRights:
        answers: list[object] = []
        self.backend.open(Identity("ann", ("a", "b")), "shop", REMOTE, answers.append)
        self.service.answer("allow")
        rights = answers[0]
        assert isinstance(rights, HttpRights)
        return rights


def test_logins() -> None:
    setup = Setup()
    assert setup.login(b"p", "allow administrator monitoring") == Identity("ann", ("administrator", "monitoring"))
    assert setup.login(b"p", " allow\n") == Identity("ann", ())
    assert isinstance(setup.login(b"p", "deny"), Refused)
    assert isinstance(setup.login(b"p", "deny because of rain"), Refused)
    assert isinstance(setup.login(b"p", ""), Refused)
    assert isinstance(setup.login(b"p", "allowed"), Refused)
    assert isinstance(setup.login(b"p", None), Refused)
    assert setup.service.asked[0] == (PATHS.user, {"username": "ann", "password": "p"})


def test_users_that_are_known_already() -> None:
    setup = Setup()
    answers: list[object] = []
    setup.backend.look_up(Login("ann", b"p", "PLAIN", REMOTE), answers.append)
    setup.service.answer("allow x")
    assert answers == [Identity("ann", ("x",))]
    assert setup.service.asked == [(PATHS.user, {"username": "ann"})]


def test_virtual_hosts() -> None:
    setup = Setup()
    setup.rights()
    parameters = {"username": "ann", "vhost": "shop", "ip": "10.0.0.2", "tags": "a b"}
    assert setup.service.asked == [(PATHS.vhost, parameters)]
    answers: list[object] = []
    setup.backend.open(Identity("ann"), "shop", REMOTE, answers.append)
    setup.service.answer("deny")
    assert isinstance(answers[0], Refused)


def test_a_decision_is_asked_for_once() -> None:
    setup = Setup()
    rights = setup.rights()
    for body, allowed in (("allow", True), ("deny", False)):
        with pytest.raises(Undecided) as undecided:
            rights.may("read", "queue", body)
        went_on: list[bool] = []
        undecided.value.ask(partial(went_on.append, True))
        assert went_on == []
        setup.service.answer(body)
        assert went_on == [True]
        assert rights.may("read", "queue", body) is allowed
    expected = {
        "username": "ann",
        "vhost": "shop",
        "resource": "queue",
        "name": "allow",
        "permission": "read",
        "tags": "a b",
    }
    assert setup.service.asked[1] == (PATHS.resource, expected)


def test_routing_keys() -> None:
    setup = Setup()
    rights = setup.rights()
    assert rights.has_topics("x")
    with pytest.raises(Undecided) as undecided:
        rights.may_topic("write", "x", "a.b")
    undecided.value.ask(lambda: None)
    setup.service.answer("allow")
    assert rights.may_topic("write", "x", "a.b")
    url, asked = setup.service.asked[1]
    assert url == PATHS.topic
    assert asked["routing_key"] == "a.b"
    assert asked["name"] == "x"
    assert asked["resource"] == "topic"
    assert asked["variable_map.vhost"] == "shop"


def test_without_an_answer_it_is_denied_once_and_asked_again() -> None:
    setup = Setup()
    rights = setup.rights()
    with pytest.raises(Undecided) as undecided:
        rights.may("read", "queue", "q")
    undecided.value.ask(lambda: None)
    setup.service.answer(None)
    before = rights.version
    assert rights.may("read", "queue", "q") is False
    assert rights.version != before
    with pytest.raises(Undecided):
        rights.may("read", "queue", "q")


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMOTE_DECISIONS_MAX", 10)
    setup = Setup()
    rights = setup.rights()
    for number in range(50):
        with pytest.raises(Undecided) as undecided:
            rights.may("read", "queue", str(number))
        undecided.value.ask(lambda: None)
        setup.service.answer("allow")
    assert len(rights._decided) <= 10


def test_its_logins_do_not_expire() -> None:
    answers: list[object] = []
    Setup().backend.refresh(Identity("ann"), b"x", answers.append)
    assert answers == [Identity("ann")]
