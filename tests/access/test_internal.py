from __future__ import annotations

import logging

import pytest

from leveret.access.internal import InternalAccess
from leveret.access.users import Account
from leveret.errors import CommandInvalid, SyntaxError_
from leveret.ports import Access, User
from leveret.wire.fields import encode_table

ANN = Account.with_password("ann", "hidden", b"salt", tags=("monitoring",), vhosts=("/", "shop"))


def login(access: Access, response: bytes, *, mechanism: str = "PLAIN", loopback: bool = True) -> User | None:
    """Log in, and check that there is one answer."""
    answers: list[User | None] = []
    access.authenticate(mechanism, response, loopback, answers.append)
    [answer] = answers
    return answer


class TestLogin:
    def test_plain(self) -> None:
        assert login(InternalAccess([ANN]), b"\0ann\0hidden") == User("ann", ("monitoring",))

    def test_amqplain(self) -> None:
        response = encode_table({"LOGIN": "ann", "PASSWORD": "hidden"})
        assert login(InternalAccess([ANN]), response, mechanism="AMQPLAIN") == User("ann", ("monitoring",))

    @pytest.mark.parametrize(
        "response", [b"\0ann\0hiddem", b"\0ann\0", b"\0bob\0hidden", b"\0\0", b"\0ANN\0hidden", b"\0\xff\0hidden"]
    )
    def test_refused(self, response: bytes) -> None:
        assert login(InternalAccess([ANN]), response) is None

    def test_without_a_hash_nobody_logs_in(self) -> None:
        access = InternalAccess([Account("cert", "")])
        assert login(access, b"\0cert\0") is None
        assert login(access, b"\0cert\0a") is None

    def test_malformed(self) -> None:
        with pytest.raises(SyntaxError_):
            login(InternalAccess([ANN]), b"ann")
        with pytest.raises(CommandInvalid):
            login(InternalAccess([ANN]), b"", mechanism="ANONYMOUS")


class TestGuest:
    def test_is_the_default(self) -> None:
        assert login(InternalAccess(), b"\0guest\0guest") == User("guest", ("administrator",))

    def test_only_from_loopback(self) -> None:
        assert login(InternalAccess(), b"\0guest\0guest", loopback=False) is None

    def test_others_from_everywhere(self) -> None:
        assert login(InternalAccess([ANN]), b"\0ann\0hidden", loopback=False) == User("ann", ("monitoring",))

    def test_who_is_bound_to_loopback_can_be_said(self) -> None:
        assert login(InternalAccess(loopback_users=()), b"\0guest\0guest", loopback=False) is not None
        assert login(InternalAccess([ANN], ["ann"]), b"\0ann\0hidden", loopback=False) is None


class TestLog:
    @pytest.mark.parametrize(
        ("response", "line"),
        [
            (b"\0guest\0wrong", "PLAIN login refused: user 'guest' - invalid credentials"),
            (b"\0guest\0guest", "PLAIN login refused: user 'guest' can only connect via localhost"),
            (b"\0a\nb\xff\0wrong", r"PLAIN login refused: user 'a\nb\udcff' - invalid credentials"),
        ],
    )
    def test_says_why_as_rabbitmq_does(self, response: bytes, line: str, caplog: pytest.LogCaptureFixture) -> None:
        login(InternalAccess(), response, loopback=False)
        assert caplog.messages == [line]

    def test_nothing_shows_a_password_or_a_hash(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        access = InternalAccess([ANN])
        login(access, b"\0ann\0hidden")
        login(access, b"\0ann\0hidden2")
        with pytest.raises(SyntaxError_) as refusal:
            login(access, b"ann\0hidden\0")
        for shown in (caplog.text, repr(ANN), repr(access), str(refusal.value)):
            assert "hidden" not in shown
            assert ANN.password_hash not in shown


class TestVhosts:
    def test_only_those_of_the_account(self) -> None:
        access = InternalAccess([ANN])
        assert access.may_open(User("ann"), "/")
        assert access.may_open(User("ann"), "shop")
        assert not access.may_open(User("ann"), "other")

    def test_nobody_without_an_account(self) -> None:
        assert not InternalAccess([ANN]).may_open(User("bob"), "/")
