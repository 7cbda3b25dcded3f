"""The chain over the internal backend, and over others that say what a test wants."""

from __future__ import annotations

import logging

import pytest

from leveret.access.backend import Identity, LoggedIn, Login, Opened, Refused
from leveret.access.chain import Anonymous, Chain, Link
from leveret.access.credentials import Credentials
from leveret.access.internal import InternalBackend
from leveret.access.passwords import SHA256
from leveret.access.throttle import Throttle
from leveret.authorize import EVERYTHING, Rights
from leveret.clock import ManualClock
from leveret.errors import SyntaxError_
from leveret.limits import LOGIN_FAILURES_MAX
from leveret.ports import Challenge, Remote, User

from .support import LOCAL, REMOTE, CountingRandomness, LateWorkers, World


class Setup:
    def __init__(self, **options: object) -> None:
        self.world = World("shop")
        self.world.user("guest", "guest", "administrator")
        self.world.user("ann", "hidden", "monitoring")
        self.world.user("cert")
        self.world.administration.set_permission("ann", "/", ".*", ".*", ".*")
        self.internal = InternalBackend(self.world.accounts, Credentials(LateWorkers(), CountingRandomness(), SHA256))
        self.clock = ManualClock()
        links = options.pop("links", None)
        make = links if links is not None else [Link(self.internal)]
        self.chain = Chain(make, Throttle(self.clock), **options)  # type: ignore[arg-type]

    def login(self, response: bytes, mechanism: str = "PLAIN", remote: Remote = REMOTE) -> User | Challenge | None:
        answers: list[User | Challenge | None] = []
        self.chain.authenticate(mechanism, response, remote, answers.append)
        (answer,) = answers
        return answer

    def open(self, user: User, vhost: str) -> Rights | None:
        answers: list[Rights | None] = []
        self.chain.open(user, vhost, REMOTE, answers.append)
        (answer,) = answers
        return answer


def name_and_tags(user: object) -> tuple[str, tuple[str, ...]]:
    assert isinstance(user, User)
    return user.name, user.tags


class TestInternal:
    def test_who_is_let_in(self) -> None:
        assert name_and_tags(Setup().login(b"\0ann\0hidden")) == ("ann", ("monitoring",))

    @pytest.mark.parametrize("response", [b"\0ann\0wrong", b"\0bob\0hidden", b"\0ann\0", b"\0cert\0x", b"\0\xff\0x"])
    def test_who_is_not(self, response: bytes, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            assert Setup().login(response) is None
        (line,) = caplog.messages
        assert line.startswith("PLAIN login refused: user '")
        assert "wrong" not in line
        assert "hidden" not in line

    def test_the_line_of_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        Setup().login(b"\0ann\0wrong")
        assert caplog.messages == ["PLAIN login refused: user 'ann' - invalid credentials"]

    def test_malformed(self) -> None:
        with pytest.raises(SyntaxError_):
            Setup().login(b"ann")

    def test_guest_may_only_come_from_this_machine(self, caplog: pytest.LogCaptureFixture) -> None:
        assert Setup().login(b"\0guest\0guest") is None
        assert caplog.messages == ["PLAIN login refused: user 'guest' can only connect via localhost"]
        assert name_and_tags(Setup().login(b"\0guest\0guest", remote=LOCAL))[0] == "guest"
        assert Setup(loopback_users=()).login(b"\0guest\0guest") is not None
        assert Setup(loopback_users=("ann",)).login(b"\0ann\0hidden") is None

    def test_virtual_hosts(self) -> None:
        setup = Setup()
        user = setup.login(b"\0ann\0hidden")
        assert isinstance(user, User)
        rights = setup.open(user, "/")
        assert rights is not None
        assert rights.may("read", "queue", "q")
        assert setup.open(user, "shop") is None

    def test_a_password_that_changes_while_it_is_checked(self) -> None:
        setup = Setup()
        workers = LateWorkers()
        made: list[tuple[str, str]] = []
        credentials = Credentials(workers, CountingRandomness())
        credentials.hash(b"slow", lambda *result: made.append(result))
        workers.work()
        setup.world.administration.put_user("ann", *made[0], ())
        backend = InternalBackend(setup.world.accounts, credentials)
        answers: list[Identity | Refused] = []
        backend.log_in(Login("ann", b"slow", "PLAIN", REMOTE), answers.append)
        setup.world.administration.clear_password("ann")
        workers.work()
        assert answers == [Refused("invalid credentials")]


class TestMechanisms:
    certified = Remote("10.0.0.2", False, "cert", True)

    def test_what_is_offered(self) -> None:
        assert Setup().chain.mechanisms(REMOTE) == ("PLAIN", "AMQPLAIN")
        every = ("PLAIN", "EXTERNAL", "ANONYMOUS")
        assert Setup(mechanisms=every).chain.mechanisms(REMOTE) == ("PLAIN",)
        setup = Setup(mechanisms=every, anonymous=Anonymous("ann", b"hidden"))
        assert setup.chain.mechanisms(self.certified) == every

    def test_external(self) -> None:
        setup = Setup(mechanisms=("EXTERNAL",))
        assert name_and_tags(setup.login(b"", "EXTERNAL", self.certified))[0] == "cert"
        unknown = Remote("10.0.0.2", False, "CN=nobody", True)
        assert setup.login(b"", "EXTERNAL", unknown) is None

    def test_anonymous(self) -> None:
        setup = Setup(mechanisms=("ANONYMOUS",), anonymous=Anonymous("ann", b"hidden"))
        assert name_and_tags(setup.login(b"trace", "ANONYMOUS"))[0] == "ann"
        wrong = Setup(mechanisms=("ANONYMOUS",), anonymous=Anonymous("ann", b"wrong"))
        assert wrong.login(b"", "ANONYMOUS") is None


class TestThrottle:
    def test_after_many_failures_right_passwords_are_not_looked_at_either(self) -> None:
        setup = Setup()
        for _ in range(LOGIN_FAILURES_MAX):
            assert setup.login(b"\0ann\0wrong") is None
        assert setup.login(b"\0ann\0hidden") is None
        assert setup.login(b"\0ann\0hidden", remote=LOCAL) is not None
        setup.clock.advance(60_000)
        assert setup.login(b"\0ann\0hidden") is not None


class Fake:
    """A backend that knows these users."""

    def __init__(self, name: str, **users: Identity) -> None:
        self.name = name
        self.users = users
        self.vhosts = ("/",)
        self.rights: Rights = EVERYTHING
        self.secret = b""

    def log_in(self, login: Login, answer: LoggedIn) -> None:
        self.look_up(login, answer)

    def look_up(self, login: Login, answer: LoggedIn) -> None:
        answer(self.users.get(login.name, Refused(f"{self.name} does not know it")))

    def open(self, identity: Identity, vhost: str, remote: Remote, answer: Opened) -> None:
        answer(self.rights if vhost in self.vhosts else Refused(f"{self.name} says no"))

    def refresh(self, identity: Identity, secret: bytes, answer: LoggedIn) -> None:
        self.secret = secret
        answer(Identity(identity.name, expires_ms=99) if secret == b"new" else Refused("stale"))


class Nothing:
    """Rights to read only."""

    user = "eve"
    version = 1

    def may(self, permission: str, kind: str, name: str) -> bool:
        return permission == "read"

    def has_topics(self, exchange: str) -> bool:
        return True

    def may_topic(self, permission: str, exchange: str, routing_key: str) -> bool:
        return routing_key == "allowed"


class TestSeveral:
    def test_the_first_that_knows_the_user_decides(self) -> None:
        one, two = Fake("one", ann=Identity("ann", ("one",))), Fake("two", bob=Identity("bob", ("two",)))
        setup = Setup(links=[Link(one), Link(two)])
        assert name_and_tags(setup.login(b"\0ann\0x")) == ("ann", ("one",))
        assert name_and_tags(setup.login(b"\0bob\0x")) == ("bob", ("two",))

    def test_the_last_reason_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        setup = Setup(links=[Link(Fake("one")), Link(Fake("two"))])
        assert setup.login(b"\0eve\0x") is None
        assert caplog.messages == ["PLAIN login refused: user 'eve' - two does not know it"]

    def test_none(self) -> None:
        assert Setup(links=[]).login(b"\0ann\0hidden") is None

    def test_authentication_here_and_authorisation_there(self) -> None:
        who = Fake("who", eve=Identity("eve", ("who",), expires_ms=20))
        what, more = Fake("what", eve=Identity("eve", ("what",))), Fake("more", eve=Identity("eve", ("what", "more")))
        setup = Setup(links=[Link(who, (what, more))])
        user = setup.login(b"\0eve\0x")
        assert isinstance(user, User)
        assert user.tags == ("who", "what", "more")
        assert user.expires_ms == 20
        rights = setup.open(user, "/")
        assert rights is not None
        assert rights.may("write", "queue", "q")
        more.rights = Nothing()
        rights = setup.open(user, "/")
        assert rights is not None
        assert not rights.may("write", "queue", "q")
        assert rights.may("read", "queue", "q")
        assert rights.has_topics("x")
        assert not rights.may_topic("write", "x", "k")
        assert rights.may_topic("write", "x", "allowed")
        more.vhosts = ()
        assert setup.open(user, "/") is None

    def test_authorisation_has_to_know_the_user(self) -> None:
        who = Fake("who", eve=Identity("eve"))
        setup = Setup(links=[Link(who, (Fake("what"),)), Link(Fake("last", eve=Identity("eve", ("last",))))])
        assert name_and_tags(setup.login(b"\0eve\0x")) == ("eve", ("last",))

    def test_new_secrets(self) -> None:
        backend = Fake("one", eve=Identity("eve"))
        setup = Setup(links=[Link(backend)])
        user = setup.login(b"\0eve\0x")
        assert isinstance(user, User)
        answers: list[User | str] = []
        setup.chain.refresh(user, b"new", answers.append)
        setup.chain.refresh(user, b"old", answers.append)
        renewed, refused = answers
        assert isinstance(renewed, User)
        assert renewed.expires_ms == 99
        assert refused == "New secret was refused by one of the backends"

    def test_the_internal_list_takes_any(self) -> None:
        setup = Setup()
        user = setup.login(b"\0ann\0hidden")
        assert isinstance(user, User)
        answers: list[User | str] = []
        setup.chain.refresh(user, b"anything", answers.append)
        assert answers == [user]
