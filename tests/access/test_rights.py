from __future__ import annotations

import pytest

from leveret.access.rights import UserRights, has_match
from leveret.limits import RIGHTS_CACHED_MAX

from .support import World


def world() -> World:
    made = World("shop")
    made.user("ann")
    return made


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (".*", ["", "a"], []),
        ("", [""], ["a", " "]),
        ("^$", [""], ["a"]),
        ("orders", ["orders", "my-orders-1"], ["order"]),  # anywhere in the name, as RabbitMQ
        (r"^orders\.", ["orders.1"], ["my.orders.1", "orders"]),
        ("^(amq\\.gen.*|amq\\.default)$", ["amq.gen-1", "amq.default"], ["amq.topic"]),
    ],
)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    matches = has_match(pattern)
    assert [name for name in yes + no if matches(name)] == yes


def test_each_permission_has_its_pattern() -> None:
    made = world()
    made.administration.set_permission("ann", "/", "^c", "^w", "^r")
    rights = UserRights(made.accounts, "ann", "/")
    assert [rights.may("configure", "queue", name) for name in ("c", "w", "r")] == [True, False, False]
    assert [rights.may("write", "queue", name) for name in ("c", "w", "r")] == [False, True, False]
    assert [rights.may("read", "exchange", name) for name in ("c", "w", "r")] == [False, False, True]


def test_other_virtual_hosts_and_users_have_their_own() -> None:
    made = world()
    made.user("bob")
    made.administration.set_permission("ann", "/", ".*", ".*", ".*")
    assert UserRights(made.accounts, "ann", "/").may("write", "queue", "q")
    assert not UserRights(made.accounts, "ann", "shop").may("write", "queue", "q")
    assert not UserRights(made.accounts, "bob", "/").may("write", "queue", "q")


def test_decisions_end_with_the_permission() -> None:
    made = world()
    made.administration.set_permission("ann", "/", "", "^a", "")
    rights = UserRights(made.accounts, "ann", "/")
    before = rights.version
    assert rights.may("write", "queue", "a")
    assert not rights.may("write", "queue", "b")
    made.administration.set_permission("ann", "/", "", "^b", "")
    assert rights.version != before
    assert not rights.may("write", "queue", "a")
    assert rights.may("write", "queue", "b")
    made.administration.clear_permission("ann", "/")
    assert not rights.may("write", "queue", "b")


def test_a_user_that_is_gone_may_do_nothing() -> None:
    made = world()
    made.administration.set_permission("ann", "/", ".*", ".*", ".*")
    rights = UserRights(made.accounts, "ann", "/")
    assert rights.may("read", "queue", "q")
    made.administration.delete_user("ann")
    assert not rights.may("read", "queue", "q")


def test_decisions_are_remembered_up_to_a_bound() -> None:
    made = world()
    made.administration.set_permission("ann", "/", ".*", ".*", ".*")
    rights = UserRights(made.accounts, "ann", "/")
    for number in range(3 * RIGHTS_CACHED_MAX):
        assert rights.may("read", "queue", str(number))
    assert len(rights._decided) <= RIGHTS_CACHED_MAX


class TestTopics:
    def test_without_a_permission_all_are_allowed(self) -> None:
        rights = UserRights(world().accounts, "ann", "/")
        assert not rights.has_topics("x")
        assert rights.may_topic("write", "x", "any")

    def test_of_one_exchange(self) -> None:
        made = world()
        made.administration.set_topic_permission("ann", "/", "x", "^w", "^r")
        rights = UserRights(made.accounts, "ann", "/")
        assert rights.has_topics("x")
        assert not rights.has_topics("y")
        assert rights.may_topic("write", "x", "w.1")
        assert not rights.may_topic("write", "x", "r.1")
        assert rights.may_topic("read", "x", "r.1")
        assert rights.may_topic("write", "y", "r.1")

    def test_variables(self) -> None:
        made = world()
        made.administration.set_topic_permission("ann", "/", "x", "^{vhost}-{username}-{client_id}$", "")
        rights = UserRights(made.accounts, "ann", "/", {"client_id": "c1"})
        assert rights.may_topic("write", "x", "/-ann-c1")
        assert not rights.may_topic("write", "x", "/-bob-c1")

    def test_what_stands_for_a_variable_is_text(self) -> None:
        made = World()
        made.user(".*")
        made.administration.set_topic_permission(".*", "/", "x", "^{username}{client_id}$", "")
        rights = UserRights(made.accounts, ".*", "/", {"client_id": "|"})
        assert not rights.may_topic("write", "x", "anything")
        assert rights.may_topic("write", "x", ".*|")
