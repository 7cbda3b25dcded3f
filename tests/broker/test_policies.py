"""Policies: which is in effect for what, what is refused, and that objects have what is in effect for them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from leveret.broker.broker import Broker
from leveret.broker.policies import Policies, Policy
from leveret.broker.queue import Queue
from leveret.broker.settings import PLAIN, QueueSettings
from leveret.broker.vhost import VHost
from leveret.clock import ManualClock
from leveret.errors import PolicyError
from leveret.limits import POLICIES_MAX, POLICY_DEFINITION_SIZE_MAX
from leveret.wire.fields import Arguments
from leveret.wire.records import SetPolicy

from ..simulation.world import World
from .support import Channel, batch, make_broker


def policy(name: str = "p", pattern: str = ".*", *, operator: bool = False, **fields: Any) -> SetPolicy:
    """`max-length` 1 unless another definition is given."""
    definition = fields.pop("definition", {"max-length": 1})
    return SetPolicy("/", name, operator, pattern, definition, fields.pop("priority", 0), fields.pop("apply_to", "all"))


def run(broker: Broker) -> None:
    while broker.pump(1):
        pass


@pytest.fixture
def broker() -> Broker:
    return make_broker()


@pytest.fixture
def vhost(broker: Broker) -> VHost:
    return broker.vhosts["/"]


@pytest.fixture
def set_(broker: Broker, vhost: VHost) -> Callable[..., None]:
    def set_policy(*args: Any, **fields: Any) -> None:
        vhost.set_policy(policy(*args, **fields))
        run(broker)

    return set_policy


def declare(vhost: VHost, name: str, **arguments: Any) -> Queue:
    fields = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
    vhost.declare_queue(name, arguments=Arguments.of(fields))
    return vhost.queues[name]


class TestMatching:
    def names(self, policies: Policies, name: str) -> tuple[str | None, str | None]:
        user, operator = policies.of_queue(name)
        return user and user.name, operator and operator.name

    def test_the_highest_priority_is_in_effect_then_the_first_name(self) -> None:
        policies = Policies()
        for op in (
            policy("b", "^q", priority=1),
            policy("a", "^q", priority=1),
            policy("low", priority=-1),
            policy("high", "^special", priority=9),
            policy("operator", operator=True),
        ):
            policies.set(op)
        assert self.names(policies, "q") == ("a", "operator")
        assert self.names(policies, "special") == ("high", "operator")
        assert self.names(policies, "other") == ("low", "operator")
        policies.remove("a", operator=False)
        policies.remove("operator", operator=False)  # there is none that is not the operator's
        assert self.names(policies, "q") == ("b", "operator")
        policies.set(policy("b", "^never$"))
        assert self.names(policies, "q") == ("low", "operator")
        assert len(policies) == 4

    @pytest.mark.parametrize(
        ("apply_to", "queues", "exchanges"),
        [
            ("all", True, True),
            ("queues", True, False),
            ("classic_queues", True, False),
            ("exchanges", False, True),
            ("quorum_queues", False, False),
            ("streams", False, False),
        ],
    )
    def test_what_it_applies_to(self, apply_to: str, queues: bool, exchanges: bool) -> None:
        found = Policy(policy(apply_to=apply_to))
        assert (found.matches_queue("q"), found.matches_exchange("x")) == (queues, exchanges)

    @pytest.mark.parametrize("key", ["max-age", "dead-letter-strategy", "max-in-memory-length"])
    def test_keys_that_classic_queues_cannot_have_rule_the_whole_policy_out(self, key: str) -> None:
        found = Policy(policy(definition={"max-length": 1, key: 1}))
        assert not found.matches_queue("q")
        assert found.matches_exchange("x")

    def test_a_pattern_that_is_none_any_more_matches_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        assert not Policy(policy("old", "(")).matches_queue("q")
        assert "policy 'old' in vhost '/' has no effect: missing )" in caplog.text


class TestRefusals:
    @pytest.mark.parametrize(
        ("op", "text"),
        [
            (policy(definition={}), "no policy provided"),
            (policy(pattern="("), 'pattern should be regular expression but is invalid: {"missing )",1}'),
            (policy(priority="1"), 'priority should be a number, actually was <<"1">>'),
            (policy(priority=True), "priority should be a number, actually was true"),
            (
                policy(apply_to="bindings"),
                "apply-to 'bindings' unrecognised; should be one of: 'queues', 'classic_queues',  'quorum_queues',"
                " 'streams', 'exchanges', or 'all'",
            ),
            (policy("n" * 256), "name should be less than 255 bytes"),
            (
                policy(definition={"alternate-exchange": "x" * POLICY_DEFINITION_SIZE_MAX}),
                f"definition of {POLICY_DEFINITION_SIZE_MAX + 25} bytes is larger than {POLICY_DEFINITION_SIZE_MAX}",
            ),
            (
                policy(pattern=")", definition={"max-length": -1}),
                "-1 is not a valid maximum length\n"
                'pattern should be regular expression but is invalid: {"unbalanced parenthesis",0}',
            ),
        ],
    )
    def test_what_is_not_valid(self, vhost: VHost, op: SetPolicy, text: str) -> None:
        with pytest.raises(PolicyError) as refusal:
            vhost.set_policy(op)
        assert str(refusal.value) == f"Validation failed\n\n{text}"
        assert len(vhost.policies) == 0

    def test_values_that_nothing_could_keep(self, vhost: VHost) -> None:
        with pytest.raises(PolicyError, match="cannot be kept"):
            vhost.set_policy(policy(definition={"max-length": object()}))

    def test_clearing_what_is_not_there(self, vhost: VHost) -> None:
        vhost.set_policy(policy())
        with pytest.raises(PolicyError, match="Parameter does not exist"):
            vhost.clear_policy("p", operator=True)

    def test_there_are_not_too_many(self, vhost: VHost) -> None:
        for number in range(POLICIES_MAX):
            vhost.policies.set(policy(f"p{number}"))
        with pytest.raises(PolicyError, match=f"policy limit in vhost '/' \\({POLICIES_MAX}\\) is reached"):
            vhost.set_policy(policy("one more"))
        vhost.set_policy(policy("p5", definition={"max-length": 5}))


class TestQueues:
    def test_a_policy_comes_changes_and_goes(self, broker: Broker, vhost: VHost, set_: Callable[..., None]) -> None:
        queue = declare(vhost, "q")
        other = declare(vhost, "other")
        set_("p", "^q", definition={"max-length": 5})
        assert queue.settings == QueueSettings(max_length=5)
        assert queue.policy is vhost.policies.get("p")
        set_("p", "^q", definition={"message-ttl": 7})
        assert queue.settings == QueueSettings(message_ttl_ms=7)
        assert queue.settings is declare(vhost, "q2").settings
        set_("o", operator=True, definition={"message-ttl": 3, "expires": 100})
        assert queue.settings == QueueSettings(message_ttl_ms=3, expires_ms=100)
        assert other.settings == QueueSettings(message_ttl_ms=3, expires_ms=100)
        assert queue.operator_policy is other.operator_policy is vhost.policies.get("o", operator=True)
        assert other.policy is None
        vhost.clear_policy("p")
        vhost.clear_policy("o", operator=True)
        run(broker)
        assert queue.settings == other.settings == PLAIN
        assert queue.policy is None
        assert queue.operator_policy is None

    def test_who_is_declared_later_has_it_at_once(self, vhost: VHost, set_: Callable[..., None]) -> None:
        set_("p", definition={"max-length": 5, "dead-letter-exchange": "dlx"})
        queue = declare(vhost, "q", max_length=9, dead_letter_exchange="", max_priority=2)
        assert queue.settings == QueueSettings(max_length=5, dead_letter_exchange="", max_priority=2)

    def test_a_queue_that_nothing_changes_for_is_not_configured_again(
        self, vhost: VHost, set_: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_("p", "^q")
        queue = declare(vhost, "q")
        declare(vhost, "other")
        told: list[Queue] = []
        monkeypatch.setattr(Queue, "configure", lambda self, settings: told.append(self))
        set_("p", "^q", priority=5)
        assert told == []
        assert queue.policy is vhost.policies.get("p")
        set_("p", "^q", definition={"max-length": 2})
        assert told == [queue]


class TestManyObjects:
    def test_all_get_it_a_few_per_turn(self, broker: Broker, vhost: VHost, monkeypatch: pytest.MonkeyPatch) -> None:
        queues = [declare(vhost, f"q{number}") for number in range(100)]
        looks = count()  # at the clock; every eighth finds that time has passed
        monkeypatch.setattr(ManualClock, "monotonic_ms", lambda self: next(looks) // 8)
        vhost.set_policy(policy())
        turns = 0
        declare(vhost, "late")
        assert vhost.queues["late"].settings.max_length == 1
        done: list[bool] = []
        broker.reapplying.when_done(lambda: done.append(True))
        while broker.pump(1):
            turns += 1
            with_it = [queue for queue in queues if queue.settings.max_length == 1]
            assert len(with_it) <= turns * 8
            assert not done or len(with_it) == len(queues)
        assert 10 < turns < 60
        assert all(queue.settings.max_length == 1 for queue in queues)
        assert done
        broker.reapplying.when_done(lambda: done.append(True))
        assert len(done) == 2

    def test_a_change_meanwhile_begins_again_and_who_is_deleted_is_left_out(self, broker: Broker, vhost: VHost) -> None:
        queues = [declare(vhost, f"q{number}") for number in range(100)]
        vhost.set_policy(policy())
        broker.reapplying.step(0)
        vhost.set_policy(policy(definition={"max-length": 2}))
        vhost.delete_queue("q50")
        run(broker)
        assert {queue.settings.max_length for queue in queues if queue.name != "q50"} == {2}
        assert queues[50].settings == PLAIN


class TestExchanges:
    def routed(self, broker: Broker, vhost: VHost, exchange: str = "x") -> int:
        before = vhost.queues["rest"].ready
        vhost.publish(batch(broker, b"m", key="nowhere", exchange=exchange), Channel(vhost))
        return vhost.queues["rest"].ready - before

    @pytest.fixture(autouse=True)
    def objects(self, vhost: VHost) -> None:
        vhost.declare_exchange("x", "direct")
        vhost.declare_exchange("rest", "fanout")
        declare(vhost, "rest")
        vhost.bind("rest", "rest", "", Arguments.EMPTY, to_queue=True, owner=None)

    def test_an_alternate_exchange_comes_and_goes(
        self, broker: Broker, vhost: VHost, set_: Callable[..., None]
    ) -> None:
        assert self.routed(broker, vhost) == 0
        set_("p", "^x$", definition={"alternate-exchange": "rest"})
        assert vhost.exchange("x").policy is vhost.policies.get("p")
        assert self.routed(broker, vhost) == 1
        set_("p", "^y$", definition={"alternate-exchange": "rest"})
        assert self.routed(broker, vhost) == 0
        vhost.declare_exchange("y", "direct")
        assert self.routed(broker, vhost, "y") == 1
        vhost.clear_policy("p")
        run(broker)
        assert self.routed(broker, vhost, "y") == 0

    def test_an_argument_counts_more(self, broker: Broker, vhost: VHost, set_: Callable[..., None]) -> None:
        vhost.declare_exchange("y", "direct", arguments=Arguments.of({"alternate-exchange": "none"}))
        set_("p", definition={"alternate-exchange": "rest"})
        assert vhost.exchange("y").alternate == "none"
        assert self.routed(broker, vhost, "y") == 0
        assert vhost.exchange("x").alternate == vhost.exchange("amq.direct").alternate == "rest"

    def test_the_default_exchange_has_none(self, broker: Broker, vhost: VHost, set_: Callable[..., None]) -> None:
        set_("p", definition={"alternate-exchange": "rest"})
        assert self.routed(broker, vhost, "") == 0

    def test_declaring_again_looks_at_arguments_only(self, vhost: VHost, set_: Callable[..., None]) -> None:
        set_("p", definition={"alternate-exchange": "rest", "max-length": 1})
        vhost.declare_exchange("x", "direct")
        vhost.declare_queue("rest")


class TestRecovery:
    @pytest.fixture
    def world(self) -> World:
        world = World()
        world.vhost.declare_queue("q", durable=True)
        world.vhost.declare_exchange("x", "direct", durable=True)
        world.vhost.set_policy(policy("p", "^[qx]$", definition={"max-length": 5, "alternate-exchange": "rest"}))
        world.vhost.set_policy(policy("gone"))
        world.vhost.set_policy(policy("o", operator=True, definition={"max-length": 3}))
        world.vhost.clear_policy("gone")
        world.run()
        return world

    def require_policies(self, world: World) -> None:
        assert [found.name for found in world.vhost.policies.all()] == ["p", "o"]
        assert world.vhost.queues["q"].settings == QueueSettings(max_length=3)
        assert world.vhost.queues["q"].policy is world.vhost.policies.get("p")
        assert world.vhost.exchange("x").alternate == "rest"
        assert not world.broker.reapplying.pending

    def test_policies_survive_a_kill(self, world: World) -> None:
        world.sync()
        self.require_policies(World(world.disk.files))

    def test_policies_survive_a_stop(self, world: World) -> None:
        again = World(world.stop())
        assert again.recovered.begin > 0
        self.require_policies(again)
        self.require_policies(World(again.stop()))

    @pytest.mark.parametrize("steps", range(1, 6))
    def test_what_changes_during_a_checkpoint(self, world: World, steps: int) -> None:
        for _ in range(steps):
            world.checkpointing.step(0)
        world.vhost.set_policy(policy("p", "^q$", definition={"max-length": 1}))
        world.vhost.clear_policy("o", operator=True)
        world.vhost.declare_exchange("late", "direct", durable=True)
        world.vhost.declare_queue("late", durable=True)
        world.vhost.set_policy(policy("new", "^x$", definition={"alternate-exchange": "new"}))
        while world.checkpointing.step(0):
            pass
        world.sync()
        again = World(world.disk.files)
        assert again.recovered.begin > 0
        assert [found.name for found in again.vhost.policies.all()] == ["p", "new"]
        assert again.vhost.queues["q"].settings == QueueSettings(max_length=1)
        assert again.vhost.exchange("x").alternate == "new"
        assert again.vhost.exchange("late").id == world.vhost.exchange("late").id

    def test_a_policy_is_answered_when_it_is_on_disk(self, world: World) -> None:
        position = world.vhost.set_policy(policy("later"))
        assert position is not None
        assert position > world.log.durable
