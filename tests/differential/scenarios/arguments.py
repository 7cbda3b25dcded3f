"""The arguments of queues: what each may be, what is refused, and what a redeclaration compares."""

from __future__ import annotations

from typing import Any

from ..codec import Typed
from ..scenario import every, scenario
from ..stage import Stage

NEEDS = "argument checks"
SOME_VALUES: list[Any] = [
    Typed("b", 1),
    Typed("B", 1),
    Typed("s", 1),
    Typed("u", 1),
    Typed("I", 1),
    Typed("i", 1),
    Typed("l", 1),
    Typed("f", 1.0),
    Typed("d", 1.5),
    Typed("D", (0, 1)),
    Typed("T", 1),
    "1",
    Typed("x", b"1"),
    True,
    None,
    [1],
    {"a": 1},
]
INTEGERS = [0, 1, -1, 255, 256, 1 << 31, 4294967295, 4294967296, 315360000000, 315360000001, (1 << 63) - 1]


def _tried(s: Stage, argument: str, values: list[Any], **others: Any) -> None:
    ch = s.channel()
    for number, value in enumerate(values):
        ch.queue(f"q{number}", {argument: value} | others, exclusive=True)


NUMERIC = ("x-expires", "x-message-ttl", "x-max-length", "x-max-length-bytes", "x-max-priority")


@every({name: name for name in NUMERIC}, needs=NEEDS)
def integers(s: Stage, argument: str) -> None:
    _tried(s, argument, INTEGERS)


@every(
    {
        name: name
        for name in (
            *NUMERIC,
            "x-overflow",
            "x-dead-letter-exchange",
            "x-dead-letter-routing-key",
            "x-single-active-consumer",
            "x-queue-type",
            "x-queue-mode",
            "x-queue-version",
            "x-queue-master-locator",
        )
    },
    needs=NEEDS,
)
def types(s: Stage, argument: str) -> None:
    others = {"x-dead-letter-exchange": "amq.direct"} if argument == "x-dead-letter-routing-key" else {}
    _tried(s, argument, SOME_VALUES, **others)


@scenario(needs=NEEDS)
def overflow_values(s: Stage) -> None:
    _tried(s, "x-overflow", ["drop-head", "reject-publish", "reject-publish-dlx", "drop-tail", "", "DROP-HEAD"])


@scenario(needs=NEEDS)
def queue_mode_values(s: Stage) -> None:
    _tried(s, "x-queue-mode", ["default", "lazy", "eager", ""])


@scenario(needs=NEEDS)
def queue_type_values(s: Stage) -> None:
    _tried(s, "x-queue-type", ["classic", "Classic", "nonsense", ""])


@scenario(needs=NEEDS)
def queue_version_values(s: Stage) -> None:
    _tried(s, "x-queue-version", [2, 0, 3, -1, "2"])


@scenario(needs=NEEDS)
def a_dead_letter_key_needs_an_exchange(s: Stage) -> None:
    ch = s.channel()
    ch.queue("1", {"x-dead-letter-routing-key": "k"})
    ch.queue("2", {"x-dead-letter-routing-key": "k", "x-dead-letter-exchange": ""})
    ch.queue("3", {"x-dead-letter-routing-key": "", "x-dead-letter-exchange": "nobody"})
    ch.queue("4", {"x-dead-letter-exchange": s.name("later")})


@scenario(needs=NEEDS)
def which_of_several_wrong_arguments_is_named(s: Stage) -> None:
    ch = s.channel()
    ch.queue("1", {"x-message-ttl": -1, "x-expires": 0})
    ch.queue("2", {"x-expires": 0, "x-message-ttl": -1})
    ch.queue("3", {"x-overflow": "no", "x-max-length": -1, "x-max-priority": "no"})
    ch.queue("4", {"x-max-priority": 300, "x-dead-letter-routing-key": "k"})


@scenario(needs=NEEDS)
def unknown_arguments_are_kept_and_mean_nothing(s: Stage) -> None:
    ch = s.channel()
    ch.queue("q", {"x-mine": 1, "yours": [True, {"deep": None}]})
    ch.queue("q", {"x-mine": 2})
    ch.queue("q")
    ch.queue("q", {"x-Message-TTL": -1, "X-EXPIRES": "no"})


@scenario(needs=NEEDS)
def wrong_arguments_do_not_matter_passively(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.declare(q, {"x-message-ttl": -1}, passive=True)
    ch.declare(q, {"x-max-priority": "no", "x-dead-letter-routing-key": "k"}, passive=True)


@scenario(needs=NEEDS)
def wrong_arguments_of_a_queue_that_is_there(s: Stage) -> None:
    ch, other = s.channel(), s.channel()
    q = ch.queue("q", exclusive=True)
    ch.declare(q, {"x-message-ttl": -1}, exclusive=True)
    ch.declare(q, {"x-message-ttl": 1}, exclusive=True)
    ch.declare(q, {"x-message-ttl": -1}, exclusive=True, auto_delete=True)
    other.declare(q, {"x-message-ttl": -1})
    other.declare(q, {"x-message-ttl": 1})


MISMATCHES: dict[str, tuple[str, Any, Any]] = {
    "expires": ("x-expires", 60000, 60001),
    "message_ttl": ("x-message-ttl", 60000, 1),
    "max_length": ("x-max-length", 10, 11),
    "max_length_bytes": ("x-max-length-bytes", 10, 1 << 40),
    "max_priority": ("x-max-priority", 5, 6),
    "overflow": ("x-overflow", "drop-head", "reject-publish"),
    "dead_letter_exchange": ("x-dead-letter-exchange", "one", "two"),
    "single_active_consumer": ("x-single-active-consumer", True, False),
    "queue_type": ("x-queue-type", "classic", "quorum"),
}


@every(MISMATCHES, needs=NEEDS)
def redeclaring(s: Stage, mismatch: tuple[str, Any, Any]) -> None:
    argument, one, two = mismatch
    ch = s.channel()
    ch.queue("q", {argument: one})
    ch.queue("q", {argument: one})
    ch.queue("q", {argument: two})
    ch.queue("q")
    ch.queue("without")
    ch.queue("without", {argument: one})


@scenario(needs=NEEDS)
def redeclaring_dead_letter_key(s: Stage) -> None:
    ch = s.channel()
    ch.queue("q", {"x-dead-letter-exchange": "x", "x-dead-letter-routing-key": "one"})
    ch.queue("q", {"x-dead-letter-exchange": "x", "x-dead-letter-routing-key": "two"})
    ch.queue("q", {"x-dead-letter-exchange": "x"})
    ch.queue("q", {"x-dead-letter-routing-key": "one"})


@scenario(needs=NEEDS)
def redeclaring_in_another_integer_type(s: Stage) -> None:
    ch = s.channel()
    ch.queue("q", {"x-max-length": Typed("I", 100)})
    for kind in "bBsuil":
        ch.queue("q", {"x-max-length": Typed(kind, 100)})
    for kind in "bBsuil":
        ch.queue("q", {"x-max-length": Typed(kind, 101)})
    ch.queue("q", {"x-max-length": Typed("d", 100.0)})
    ch.queue("q", {"x-max-length": "100"})
    ch.queue("q", {"x-max-length": True})
    ch.queue("q", {"x-max-length": None})


@scenario(needs=NEEDS)
def redeclaring_names_the_first_difference(s: Stage) -> None:
    ch = s.channel()
    both = {"x-message-ttl": 1000, "x-max-length": 5, "x-expires": 60000, "x-dead-letter-exchange": "x"}
    ch.queue("q", both)
    ch.queue("q", {name: both[name] for name in sorted(both, reverse=True)})
    ch.queue("q", {"x-max-length": 6, "x-message-ttl": 2000})
    ch.queue("q", {"x-message-ttl": 2000, "x-max-length": 6, "x-expires": 60000})
    ch.queue("q", {"x-message-ttl": 2000}, auto_delete=True)
    ch.queue("q", {"x-message-ttl": 2000}, exclusive=True)
    ch.queue("q", {"x-message-ttl": 2000}, durable=True)


@scenario(needs=NEEDS)
def redeclaring_with_and_without_a_type(s: Stage) -> None:
    ch = s.channel()
    ch.queue("q", {"x-queue-type": "classic"}, durable=True)
    ch.queue("q", durable=True)
    ch.queue("q", {"x-queue-type": "quorum"}, durable=True)
    ch.queue("q", {"x-queue-type": "stream"}, durable=True)
    ch.queue("p", durable=True)
    ch.queue("p", {"x-queue-type": "classic"}, durable=True)
    ch.queue("p", {"x-queue-type": "quorum"}, durable=True)


@scenario(needs=NEEDS)
def an_alternate_exchange_is_a_name(s: Stage) -> None:
    ch = s.channel()
    for number, value in enumerate(SOME_VALUES):
        ch.exchange(f"x{number}", "fanout", {"alternate-exchange": value}, auto_delete=True)
