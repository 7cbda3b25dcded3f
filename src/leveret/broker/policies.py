"""Policies: settings for all objects of a virtual host whose names match (RabbitMQ page "Policies").

Of the policies that match an object the one with the highest priority is in effect, and of the operator policies
likewise; where priorities are equal the name that sorts first decides. Both are merged into the object's settings.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import msgspec

from ..errors import PolicyError
from ..limits import POLICIES_MAX, POLICY_DEFINITION_SIZE_MAX, SHORTSTR_MAX
from ..patterns import compile_pattern
from ..wire.records import SetPolicy, require_readable
from .policy_keys import NOT_FOR_CLASSIC_QUEUES, NUMBER_MAX, problem_of, problem_of_pattern, shown
from .settings import queue_settings

if TYPE_CHECKING:
    from ..wire.fields import Arguments
    from .settings import Definition, QueueSettings

APPLY_TO: Final = ("all", "exchanges", "queues", "classic_queues", "quorum_queues", "streams")
_TO_QUEUES: Final = ("all", "queues", "classic_queues")
_TO_EXCHANGES: Final = ("all", "exchanges")

logger = logging.getLogger("leveret.broker")

InEffect = tuple["Policy | None", "Policy | None"]
"""A policy and an operator policy."""


_NOT_KEPT: Final = "the definition cannot be kept: it has values that JSON has not"


class Policy:
    """One policy, as an op told it. Never changes: who sets it again makes a new one."""

    __slots__ = ("_has_match", "op", "to_exchanges", "to_queues")

    def __init__(self, op: SetPolicy) -> None:
        self.op = op
        self.to_queues = op.apply_to in _TO_QUEUES and NOT_FOR_CLASSIC_QUEUES.isdisjoint(op.definition)
        self.to_exchanges = op.apply_to in _TO_EXCHANGES
        try:
            self._has_match = compile_pattern(op.pattern)
        except ValueError as error:  # it was good when it was set: another version of the library
            logger.warning("policy '%s' in vhost '%s' has no effect: %s", op.name, op.vhost, error.args[0])
            self._has_match = _never

    def __repr__(self) -> str:
        return f"Policy({self.op!r})"

    @property
    def name(self) -> str:
        return self.op.name

    @property
    def definition(self) -> Definition:
        return self.op.definition

    def matches_queue(self, name: str) -> bool:
        """Whether it is for a classic queue of this name."""
        return self.to_queues and self._has_match(name)

    def matches_exchange(self, name: str) -> bool:
        return self.to_exchanges and self._has_match(name)


class Policies:
    """Those of one virtual host."""

    __slots__ = ("_by_name", "_operators", "_plain", "_users")

    def __init__(self) -> None:
        self._by_name: dict[tuple[bool, str], Policy] = {}
        # The first that matches is in effect.
        self._users: list[Policy] = []
        self._operators: list[Policy] = []
        self._plain: dict[InEffect, QueueSettings] = {}
        """Of queues without arguments: most are, and share them."""

    def __len__(self) -> int:
        return len(self._by_name)

    def all(self) -> list[Policy]:
        """In the order in which they were made."""
        return [*self._by_name.values()]

    def get(self, name: str, *, operator: bool = False) -> Policy | None:
        return self._by_name.get((operator, name))

    def set(self, op: SetPolicy) -> None:
        """A new one, or another one in the place of that with the same name."""
        self._by_name[op.operator, op.name] = Policy(op)
        self._sort()

    def remove(self, name: str, *, operator: bool) -> None:
        """It is gone; nothing happens when it is not there."""
        self._by_name.pop((operator, name), None)
        self._sort()

    def _sort(self) -> None:
        ranked = sorted(self._by_name.values(), key=lambda policy: (-policy.op.priority, policy.name))
        self._users = [policy for policy in ranked if not policy.op.operator]
        self._operators = [policy for policy in ranked if policy.op.operator]
        self._plain.clear()

    def of_queue(self, name: str) -> InEffect:
        """What is in effect for a classic queue."""
        return (
            next((policy for policy in self._users if policy.matches_queue(name)), None),
            next((policy for policy in self._operators if policy.matches_queue(name)), None),
        )

    def settings(self, arguments: Arguments, in_effect: InEffect) -> QueueSettings:
        """Of a queue with these arguments."""
        settings = None if arguments else self._plain.get(in_effect)
        if settings is None:
            user, operator = in_effect
            settings = queue_settings(
                arguments, None if user is None else user.definition, None if operator is None else operator.definition
            )
            if not arguments and len(self._plain) < POLICIES_MAX:
                self._plain[in_effect] = settings
        return settings

    def of_exchange(self, name: str) -> InEffect:
        """What is in effect for an exchange."""
        return (
            next((policy for policy in self._users if policy.matches_exchange(name)), None),
            next((policy for policy in self._operators if policy.matches_exchange(name)), None),
        )

    def validate(self, op: SetPolicy) -> None:
        """Whether it may be set here. Raises PolicyError with RabbitMQ's text."""
        target, priority = _problem_of_apply_to(op.apply_to), _problem_of_priority(op.priority)
        problems = [
            problem_of(op.definition, operator=op.operator),
            target,
            problem_of_pattern("pattern", op.pattern),
            priority,
            self._problem_of_size(op) if target is priority is None else None,  # only of what has the right types
        ]
        if not any(problems):
            problems.append(_problem_of_reading(op))
        found = [problem for problem in problems if problem is not None]
        if found:
            raise PolicyError("Validation failed\n\n" + "\n".join(found))

    def _problem_of_size(self, op: SetPolicy) -> str | None:
        if len(op.name.encode(errors="replace")) > SHORTSTR_MAX:
            return f"name should be less than {SHORTSTR_MAX} bytes"
        try:
            size = len(msgspec.json.encode(op.definition))
        except (TypeError, ValueError):
            return _NOT_KEPT
        if size > POLICY_DEFINITION_SIZE_MAX:
            return f"definition of {size} bytes is larger than {POLICY_DEFINITION_SIZE_MAX}"
        if (op.operator, op.name) not in self._by_name and len(self) >= POLICIES_MAX:
            return f"policy limit in vhost '{op.vhost}' ({POLICIES_MAX}) is reached"
        return None


def _problem_of_reading(op: SetPolicy) -> str | None:
    try:
        require_readable(op)
    except ValueError:
        return _NOT_KEPT
    return None


def _problem_of_apply_to(value: object) -> str | None:
    if value in APPLY_TO:
        return None
    text = value if isinstance(value, str) else shown(value)
    return (
        f"apply-to '{text}' unrecognised; should be one of: 'queues', 'classic_queues',  'quorum_queues', 'streams',"
        " 'exchanges', or 'all'"
    )


def _problem_of_priority(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= NUMBER_MAX:
        return None
    return f"priority should be a number, actually was {shown(value)}"


def _never(name: str) -> bool:
    return False
