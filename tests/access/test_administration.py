from __future__ import annotations

import pytest

from leveret.access.passwords import SHA256
from leveret.errors import AccountError
from leveret.wire.definitions import (
    ClearPermission,
    ClearTopicPermission,
    DeleteUser,
    Founded,
    SetPermission,
    SetTopicPermission,
    SetUser,
    SetUserLimits,
)

from .support import World, sha256


class TestTheFirstStart:
    may = SetPermission("guest", "/", ".*", ".*", ".*")
    guest = SetUser("guest", sha256("guest"), SHA256, ("administrator",))

    def test_there_is_a_user_who_may_do_everything(self) -> None:
        world = World()
        world.administration.found(self.guest, self.may)
        assert world.record == [self.guest, self.may, Founded()]

    def test_later_starts_do_nothing(self) -> None:
        world = World()
        world.administration.found(self.guest, self.may)
        world.administration.delete_user("guest")
        assert world.administration.found(self.guest, self.may) is None
        assert world.accounts.users == {}

    def test_who_was_imported_is_enough(self) -> None:
        world = World()
        world.user("ann", "a")
        world.administration.found(self.guest, self.may)
        assert [*world.accounts.users] == ["ann"]


class TestUsers:
    def test_put_and_delete(self) -> None:
        world = World()
        assert world.administration.put_user("ann", sha256("a"), SHA256, ("monitoring",)) == 1
        assert world.administration.put_user("ann", sha256("a"), SHA256, ("monitoring",)) is None  # nothing new
        assert world.administration.set_tags("ann", ()) == 2
        assert world.administration.clear_password("ann") == 3
        assert world.accounts.users["ann"] == SetUser("ann", "", SHA256, ())
        assert world.administration.delete_user("ann") == 4
        assert world.record[-1] == DeleteUser("ann")
        assert world.deleted == ["ann"]

    @pytest.mark.parametrize("name", ["", "a" * 256, "\udcff"])
    def test_names(self, name: str) -> None:
        with pytest.raises(AccountError, match="the name of a user"):
            World().administration.put_user(name, "", SHA256, ())
        with pytest.raises(AccountError, match="the name of a tag"):
            World().administration.put_user("ann", "", SHA256, (name,))

    def test_what_is_no_hash(self) -> None:
        with pytest.raises(AccountError, match="the password hash of user 'ann' is not one of") as refusal:
            World().administration.put_user("ann", "hidden", SHA256, ())
        assert "hidden" not in str(refusal.value)

    def test_unknown_users(self) -> None:
        administration = World().administration
        for refused in (
            lambda: administration.delete_user("ann"),
            lambda: administration.set_tags("ann", ()),
            lambda: administration.clear_password("ann"),
            lambda: administration.set_user_limits("ann", {}),
            lambda: administration.set_permission("ann", "/", "", "", ""),
            lambda: administration.clear_permission("ann", "/"),
            lambda: administration.set_topic_permission("ann", "/", "x", "", ""),
            lambda: administration.clear_topic_permission("ann", "/"),
        ):
            with pytest.raises(AccountError, match='User "ann" does not exist'):
                refused()

    def test_limits(self) -> None:
        world = World()
        world.user("ann")
        world.administration.set_user_limits("ann", {"max-connections": 2})
        world.administration.set_user_limits("ann", {"max-channels": 3})
        assert world.record[-1] == SetUserLimits("ann", {"max-connections": 2, "max-channels": 3})
        world.administration.set_user_limits("ann", {"max-connections": -1})
        assert world.accounts.limits("ann") == {"max-channels": 3}
        for wrong in ({"max-queues": 1}, {"max-channels": "3"}, {"max-channels": True}):
            with pytest.raises(AccountError):
                world.administration.set_user_limits("ann", wrong)  # type: ignore[arg-type]


class TestPermissions:
    def test_set_and_clear(self) -> None:
        world = World("shop")
        world.user("ann")
        world.administration.set_permission("ann", "shop", "^a", "", ".*")
        assert world.record[-1] == SetPermission("ann", "shop", "^a", "", ".*")
        assert world.administration.set_permission("ann", "shop", "^a", "", ".*") is None
        world.administration.clear_permission("ann", "shop")
        assert world.record[-1] == ClearPermission("ann", "shop")
        assert world.administration.clear_permission("ann", "shop") is None

    def test_topics(self) -> None:
        world = World()
        world.user("ann")
        world.administration.set_topic_permission("ann", "/", "x", "^{username}", ".*")
        assert world.record[-1] == SetTopicPermission("ann", "/", "x", "^{username}", ".*")
        assert world.administration.clear_topic_permission("ann", "/", "y") is None
        world.administration.clear_topic_permission("ann", "/")
        assert world.record[-1] == ClearTopicPermission("ann", "/", None)

    def test_unknown_virtual_hosts(self) -> None:
        world = World()
        world.user("ann")
        for refused in (
            lambda: world.administration.set_permission("ann", "shop", "", "", ""),
            lambda: world.administration.clear_permission("ann", "shop"),
            lambda: world.administration.set_topic_permission("ann", "shop", "x", "", ""),
            lambda: world.administration.clear_topic_permission("ann", "shop"),
        ):
            with pytest.raises(AccountError, match='Virtual host "shop" does not exist'):
                refused()

    @pytest.mark.parametrize("pattern", ["(", "*", "a{1000}{1000}", "a" * 2000])
    def test_patterns(self, pattern: str) -> None:
        world = World()
        world.user("ann")
        for patterns in ((pattern, "", ""), ("", pattern, ""), ("", "", pattern)):
            with pytest.raises(AccountError, match="invalid regular expression"):
                world.administration.set_permission("ann", "/", *patterns)
        with pytest.raises(AccountError, match="invalid regular expression"):
            world.administration.set_topic_permission("ann", "/", "x", "", pattern)
