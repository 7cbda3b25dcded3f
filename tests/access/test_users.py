from __future__ import annotations

import pytest

from leveret.access.passwords import matches
from leveret.access.users import GUEST, Account


def test_with_password() -> None:
    account = Account.with_password("ann", "p\u00e4ss", b"salt")
    assert matches("p\u00e4ss".encode(), account.password_hash)
    assert (account.name, account.tags, account.vhosts) == ("ann", (), ("/",))


def test_a_malformed_hash_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="the password hash of user 'ann' is malformed"):
        Account("ann", "secret")


def test_guest_is_rabbitmqs() -> None:
    assert (GUEST.name, GUEST.tags, GUEST.vhosts) == ("guest", ("administrator",), ("/",))
    assert matches(b"guest", GUEST.password_hash)
