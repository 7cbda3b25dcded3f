"""What a load test is to do, and which connection does what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from ...wire.fields import Value

STAMP_BYTES: Final = 8
"""A body begins with the time when it was published, if it is long enough."""


class BenchError(Exception):
    """Why there is no result: a text for people, and an exit code as `leveretctl` has them."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text, code)
        self.text = text
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is, and who we are."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    vhost: str
    tls: bool = False
    verify: bool = True

    @classmethod
    def of(cls, url: str, verify: bool = True) -> Address:
        """Of an AMQP URI. Raises ValueError."""
        parts: SplitResult = urlsplit(url if "://" in url else f"amqp://{url}")
        if parts.scheme not in ("amqp", "amqps"):
            raise ValueError(f"{parts.scheme}:// is not amqp:// or amqps://")
        tls = parts.scheme == "amqps"
        return cls(
            parts.hostname or "localhost",
            parts.port or (5671 if tls else 5672),
            unquote(parts.username) if parts.username is not None else "guest",
            unquote(parts.password) if parts.password is not None else "guest",
            unquote(parts.path[1:]) or "/",
            tls,
            verify,
        )

    @property
    def shown(self) -> str:
        """Without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        vhost = "" if self.vhost == "/" else self.vhost
        return f"amqp{'s' * self.tls}://{self.username}@{host}:{self.port}/{vhost}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a load test. A rate or count of 0: as fast as possible, or as long as `time_s`."""

    address: Address
    queues: tuple[str, ...]
    publishers: int = 1
    consumers: int = 1
    size: int = 16
    rate: float = 0.0
    """Messages per second of all publishers together."""
    count: int = 0
    time_s: float = 10.0
    warmup_s: float = 1.0
    confirm: int = 0
    """How many messages a publisher may have unconfirmed; 0: without confirms."""
    batch: int = 0
    """Messages per write at most; 0: as many as make 64 kB."""
    persistent: bool = False
    mandatory: bool = False
    auto_ack: bool = False
    prefetch: int = 1000
    ack_every: int = 0
    """Messages; 0: after every read."""
    exchange: str = ""
    keys: tuple[str, ...] = ()
    """Routing keys, in turn; of the default exchange the queues."""
    arguments: dict[str, Value] = field(default_factory=dict)
    processes: int = 1

    @property
    def streams(self) -> bool:
        """Whether queues are streams: consumers of those ack, and begin at the first message."""
        return self.arguments.get("x-queue-type") == "stream"

    @property
    def stamped(self) -> bool:
        """Whether bodies are long enough to hold a time."""
        return self.size >= STAMP_BYTES

    def shares(self) -> list[Share]:
        """What each process does: neighbours together, so that with two or more publishers and consumers are apart."""
        roles = [(True, number) for number in range(self.publishers)]
        roles += [(False, number) for number in range(self.consumers)]
        count = max(1, min(self.processes, len(roles)))
        parts = [roles[len(roles) * i // count : len(roles) * (i + 1) // count] for i in range(count)]
        return [
            Share(tuple(n for publishes, n in part if publishes), tuple(n for publishes, n in part if not publishes))
            for part in parts
        ]

    def keys_of(self, publisher: int) -> Sequence[str]:
        """What this publisher publishes with, in turn."""
        return deal(self.keys or self.queues, publisher, self.publishers)

    def queues_of(self, consumer: int) -> Sequence[str]:
        """What this consumer consumes from."""
        return deal(self.queues, consumer, self.consumers)

    def quota_of(self, publisher: int) -> int:
        """How many messages of `count` are this publisher's."""
        return self.count * (publisher + 1) // self.publishers - self.count * publisher // self.publishers


@dataclass(frozen=True, slots=True)
class Share:
    """Of one process: numbers of publishers and of consumers."""

    publishers: tuple[int, ...]
    consumers: tuple[int, ...]


def deal(things: Sequence[str], number: int, of: int) -> Sequence[str]:
    """The things of one of `of`: some each if there are enough, otherwise several have the same."""
    return things[number::of] if len(things) >= of else things[number % len(things) :][:1]


def numbered(pattern: str, count: int) -> tuple[str, ...]:
    """`pattern` with {i} as 0, 1, 2 ...; all of one length, which makes them quicker to read."""
    width = len(str(count - 1))
    return tuple(pattern.replace("{i}", f"{i:0{width}}") for i in range(count))
