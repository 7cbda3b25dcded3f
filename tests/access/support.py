"""What the tests of access share: accounts that change as a broker's do, workers that work when told, one remote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leveret.access.accounts import Accounts
from leveret.access.administration import Administration
from leveret.access.passwords import SALT_SIZE, SHA256, hash_password
from leveret.ports import Position, Remote
from leveret.wire.definitions import BrokerOp

REMOTE = Remote("10.0.0.2", False)
LOCAL = Remote("127.0.0.1", True)


def sha256(password: str) -> str:
    """A hash that is quickly made."""
    return hash_password(password.encode(), bytes(SALT_SIZE), SHA256)


class World:
    """Accounts, what went to the log, and who was told that users are gone."""

    def __init__(self, *vhosts: str) -> None:
        self.accounts = Accounts()
        self.record: list[BrokerOp] = []
        self.deleted: list[str] = []
        self.administration = Administration(self.accounts, self._commit, {*vhosts, "/"}, self.deleted.append)

    def _commit(self, op: BrokerOp) -> Position:
        self.record.append(op)
        self.accounts.apply(op)  # type: ignore[arg-type]
        return Position(len(self.record))

    def user(self, name: str, password: str = "", *tags: str) -> None:
        self.administration.put_user(name, sha256(password) if password else "", SHA256, tags)


class LateWorkers:
    """What they are given is done when told."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []

    def run(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        self.waiting.append((work, done))

    def work(self) -> int:
        """Everything that waits; how much that was."""
        waiting, self.waiting = self.waiting, []
        for work, done in waiting:
            done(work())
        return len(waiting)


class CountingRandomness:
    """Numbers instead of chance."""

    def __init__(self) -> None:
        self.count = 0

    def token(self, size: int) -> str:
        self.count += 1
        return f"{self.count:0{size}d}"

    def numbers(self, count: int) -> list[int]:
        self.count += count
        return [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(self.count - count + 1, self.count + 1)]
