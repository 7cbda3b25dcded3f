from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leveret.access.accounts import Accounts
from leveret.wire.definitions import (
    AccountOp,
    ClearPermission,
    ClearTopicPermission,
    DeleteUser,
    DeleteVHost,
    Founded,
    SetPermission,
    SetTopicPermission,
    SetUser,
    SetUserLimits,
)

names = st.sampled_from(["ann", "bob"])
vhosts = st.sampled_from(["/", "shop"])
exchanges = st.sampled_from(["", "x"])
patterns = st.sampled_from(["", ".*", "^a"])
ops = st.one_of(
    st.builds(SetUser, names, patterns, st.just("rabbit_password_hashing_sha256")),
    st.builds(DeleteUser, names),
    st.builds(SetPermission, names, vhosts, patterns, patterns, patterns),
    st.builds(ClearPermission, names, vhosts),
    st.builds(SetTopicPermission, names, vhosts, exchanges, patterns, patterns),
    st.builds(ClearTopicPermission, names, vhosts, st.one_of(exchanges, st.none())),
    st.builds(SetUserLimits, names, st.dictionaries(st.sampled_from(["max-connections", "max-channels"]), st.just(3))),
    st.builds(DeleteVHost, vhosts),
    st.just(Founded()),
)


def make(*applied: AccountOp | DeleteVHost) -> Accounts:
    accounts = Accounts()
    for op in applied:
        accounts.apply(op)
    return accounts


@given(st.lists(ops, max_size=30))
def test_what_is_told_makes_the_same_accounts(applied: list[AccountOp | DeleteVHost]) -> None:
    accounts = make(*applied)
    told = [*accounts.all()]
    again = make(*told)
    assert {repr(op) for op in again.all()} == {repr(op) for op in told}
    assert again.users == accounts.users
    for name in ("ann", "bob"):
        assert again.permissions(name) == accounts.permissions(name)
        assert again.topic_permissions(name) == accounts.topic_permissions(name)
        assert again.limits(name) == accounts.limits(name)


@given(st.lists(ops, max_size=30))
def test_twice_is_once(applied: list[AccountOp | DeleteVHost]) -> None:
    once, twice = make(*applied), make(*[op for op in applied for _ in range(2)])
    assert [*once.all()] == [*twice.all()]


def test_a_user_takes_along_what_it_may_do() -> None:
    accounts = make(
        SetUser("ann", "", ""),
        SetPermission("ann", "/", ".*", ".*", ".*"),
        SetTopicPermission("ann", "/", "x", ".*", ".*"),
        SetUserLimits("ann", {"max-channels": 1}),
        DeleteUser("ann"),
    )
    assert [*accounts.all()] == []


def test_a_virtual_host_takes_along_what_may_be_done_there() -> None:
    accounts = make(
        SetPermission("ann", "/", ".*", ".*", ".*"),
        SetPermission("ann", "shop", ".*", ".*", ".*"),
        SetTopicPermission("ann", "shop", "x", ".*", ".*"),
        DeleteVHost("shop"),
    )
    assert [*accounts.permissions("ann")] == ["/"]
    assert not accounts.topic_permissions("ann")


@pytest.mark.parametrize(("value", "limit"), [(3, 3), (0, 0), (-1, None)])
def test_limits(value: int, limit: int | None) -> None:
    accounts = make(SetUserLimits("ann", {"max-channels": value}))
    assert accounts.user_limit("ann", "max-channels") == limit
    assert accounts.user_limit("ann", "max-connections") is None
    assert accounts.user_limit("bob", "max-channels") is None


def test_hashes_are_not_shown() -> None:
    assert "canary" not in repr(SetUser("ann", "canary", "argon2id"))
