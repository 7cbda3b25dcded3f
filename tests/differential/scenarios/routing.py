"""Which messages reach which queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..codec import Typed
from ..scenario import every, scenario
from ..stage import Channel, Stage


def reached(
    s: Stage, ch: Channel, exchange: str, queues: Sequence[str], keys: Sequence[str], **properties: Any
) -> None:
    """Publish to each key, and note what every queue got."""
    for key in keys:
        ch.publish(key.encode(), key, exchange, **properties)
    ch.sync()
    for queue in queues:
        bodies = []
        ch.barrier(queue)
        while (got := ch.call("Basic.Get", quietly=True, queue=queue, no_ack=True)) and got.name == "Basic.GetOk":
            bodies.append(got.body.decode())
        ch.say(f"{queue!r} got {bodies}")


@scenario
def direct(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "direct")
    queues = [ch.queue(word) for word in ("a", "b", "c")]
    ch.bind(queues[0], x, "a")
    ch.bind(queues[1], x, "a")
    ch.bind(queues[1], x, "b")
    ch.bind(queues[2], x, "")
    reached(s, ch, x, queues, ["a", "b", "", "A", "a.b", "*", "#"])


@scenario
def fanout(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "fanout")
    queues = [ch.queue(word) for word in ("a", "b")]
    ch.bind(queues[0], x, "whatever")
    ch.bind(queues[0], x, "twice")
    ch.bind(queues[1], x)
    reached(s, ch, x, queues, ["a", "", "whatever"])


@scenario
def default(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for key in (q, q.upper(), "", f"{q}.", " " + q):
        ch.publish(b"?", key, mandatory=True)
    ch.returns(4)
    ch.count(q, 1)


PATTERNS = ",#,*,a,a.*,a.#,*.b,#.b,a.*.c,a.#.c,*.*,#.#,*.#,.,a.,.#,a*,#.a.#,*.,a..b"
KEYS = ",a,b,a.b,a.c,a.b.c,a.b.b.c,.,a.,.a,a..b,..,a*,*,#,b.a,b.a.b,A"


@scenario
def topic(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "topic")
    queues = []
    for number, pattern in enumerate(PATTERNS.split(",")):
        queues.append(ch.queue(f"{number}"))
        ch.bind(queues[-1], x, pattern)
    reached(s, ch, x, queues, KEYS.split(","))


@scenario
def topic_with_bindings_that_go(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "topic")
    q = ch.queue("q")
    for pattern in ("a.*", "a.#", "a.b", "#"):
        ch.bind(q, x, pattern)
    for pattern in ("#", "a.#", "a.*", "a.b"):
        reached(s, ch, x, [q], ["a.b", "a.c", "a", "x"])
        ch.unbind(q, x, pattern)
    reached(s, ch, x, [q], ["a.b", "a.c", "a", "x"])


BINDINGS: list[dict[str, Any]] = [
    {},
    {"x-match": "any"},
    {"x-match": "all"},
    {"a": 1},
    {"a": 1, "b": "two"},
    {"x-match": "any", "a": 1, "b": "two"},
    {"a": None},
    {"x-match": "any", "a": None, "c": None},
    {"x-match": "all", "x-a": 1, "a": 1},
    {"x-match": "all-with-x", "x-a": 1, "a": 1},
    {"x-match": "any", "x-a": 1},
    {"x-match": "any-with-x", "x-a": 1},
    {"a": "1"},
    {"a": True},
    {"a": [1]},
    {"a": {"b": 1}},
    {"A": 1},
    {"x-match": "all", "a": 1, "missing": 1},
    {"x-match": "any", "missing": 1, "b": "two"},
]
MESSAGES: dict[str, dict[str, Any] | None] = {
    "no headers": None,
    "empty": {},
    "a": {"a": 1},
    "a b": {"a": 1, "b": "two"},
    "b": {"b": "two"},
    "c": {"c": 3},
    "a and x-a": {"a": 1, "x-a": 1},
    "x-a": {"x-a": 1},
    "a is text": {"a": "1"},
    "a is true": {"a": True},
    "a is long": {"a": Typed("l", 1)},
    "a is void": {"a": None},
    "a is a list": {"a": [1]},
    "a is a table": {"a": {"b": 1}},
    "a is bytes": {"a": Typed("x", b"1")},
    "x-match": {"x-match": "any", "a": 2},
}


@scenario
def headers(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "headers")
    queues = []
    for number, arguments in enumerate(BINDINGS):
        queues.append(ch.queue(f"{number}"))
        ch.bind(queues[-1], x, "ignored", arguments)
    for body, table in MESSAGES.items():
        properties = {} if table is None else {"headers": table}
        ch.publish(body.encode(), "key", x, **properties)
    reached(s, ch, x, queues, [])


@every(
    {
        "numbers": (
            [1, Typed("l", 1), Typed("b", 1), Typed("s", 1)],
            [1, Typed("l", 1), Typed("b", 1), 2],
        ),
        "numbers_of_other_kinds": (
            [1, Typed("d", 1.0), Typed("f", 1.0), Typed("T", 1), Typed("D", (0, 1))],
            [1, Typed("d", 1.0), Typed("f", 1.0), Typed("T", 1), Typed("D", (0, 1))],
        ),
        "texts": (["1", Typed("x", b"1"), True, False, None, ""], ["1", Typed("x", b"1"), True, False, None, "", 1, 0]),
    }
)
def headers_of_types(s: Stage, both) -> None:
    bindings, values = both
    ch = s.channel()
    x = ch.exchange("x", "headers")
    queues = []
    for number, value in enumerate(bindings):
        queues.append(ch.queue(f"{number}"))
        ch.bind(queues[-1], x, "", {"h": value})
    for value in values:
        body = f"{value.kind} {value.value}" if isinstance(value, Typed) else repr(value)
        ch.publish(body.encode(), "", x, headers={"h": value})
    reached(s, ch, x, queues, [])


@scenario
def headers_with_bindings_that_go(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "headers")
    q = ch.queue("q")
    one, two = {"x-match": "any", "a": 1}, {"a": 1}
    ch.bind(q, x, "", one)
    ch.bind(q, x, "", two)
    ch.publish(b"1", "", x, headers={"a": 1})
    ch.count(q, 1)
    ch.unbind(q, x, "", one)
    ch.publish(b"2", "", x, headers={"a": 1})
    ch.count(q, 2)
    ch.unbind(q, x, "", two)
    ch.publish(b"3", "", x, headers={"a": 1}, mandatory=True)
    ch.returns()


@scenario
def consistent_hash_weights(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "x-consistent-hash")
    q = ch.queue("q")
    for weight in ("1", "10", "0", "-1", "1.5", "", "one", " 1"):
        ch.bind(q, x, weight)
        ch.unbind(q, x, weight)
    ch.bind_exchange("amq.fanout", x, "nonsense")


@scenario
def consistent_hash_spreads_and_stays(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "x-consistent-hash")
    a, b = ch.queue("a"), ch.queue("b")
    ch.publish(b"nowhere", "k", x, mandatory=True)
    ch.returns()
    ch.bind(a, x, "1")
    ch.publish(b"a", "k", x, mandatory=True)
    ch.count(a, 1)
    ch.bind(b, x, "1")
    ch.purge(a)
    for _ in range(20):
        ch.publish(b"the same", "k", x, mandatory=True)
    ch.sync()
    ch.barrier(a, b)
    counts = sorted(ch.call("Queue.Purge", quietly=True, queue=q).fields["message_count"] for q in (a, b))
    ch.say(f"one key: {counts}")
    for number in range(400):
        ch.publish(b"many", f"k{number}", x, mandatory=True)
    ch.sync()
    ch.barrier(a, b)
    counts = [ch.call("Queue.Purge", quietly=True, queue=q).fields["message_count"] for q in (a, b)]
    ch.say(f"many keys: all {sum(counts)}, both: {min(counts) > 50}")


@scenario
def consistent_hash_arguments(s: Stage) -> None:
    ch = s.channel()
    for number, arguments in enumerate(
        (
            {"hash-header": "h"},
            {"hash-property": "message_id"},
            {"hash-property": "correlation_id"},
            {"hash-property": "timestamp"},
            {"hash-property": "app_id"},
            {"hash-header": "h", "hash-property": "message_id"},
        )
    ):
        ch.exchange(f"x{number}", "x-consistent-hash", arguments)


@every({"header": "hash-header", "property": "hash-property"})
def consistent_hash_wrong_type_of(s: Stage, argument: str) -> None:
    s.channel().exchange("x", "x-consistent-hash", {argument: 1})


@scenario(needs="exchange types")
def random(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "x-random")
    ch.publish(b"nowhere", "k", x, mandatory=True)
    ch.returns()
    queues = [ch.queue("a"), ch.queue("b")]
    for queue in queues:
        ch.bind(queue, x, "whatever")
    for _ in range(200):
        ch.publish(b"1", "k", x, mandatory=True)
    ch.sync()
    ch.barrier(*queues)
    counts = [ch.call("Queue.Purge", quietly=True, queue=q).fields["message_count"] for q in queues]
    ch.say(f"all {sum(counts)}, both: {min(counts) > 20}")


@scenario(needs="exchange types")
def recent_history(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "x-recent-history", {"x-recent-history-length": 3})
    early = ch.queue("early")
    ch.bind(early, x)
    for number in range(5):
        ch.publish(b"%d" % number, f"k{number}", x, headers={"n": number})
    ch.publish(b"not stored", "k", x, headers={"x-recent-history-no-store": True})
    ch.sync()
    ch.count(early, 6)
    late = ch.queue("late")
    ch.bind(late, x)
    ch.count(late, 3)
    ch.drain(late)
    ch.drain(early)
    for number, length in enumerate((0, -1, "3", 2.5, None)):
        ch.exchange(f"x{number}", "x-recent-history", {"x-recent-history-length": length})
    ch.exchange("default", "x-recent-history")
    for number in range(25):
        ch.publish(b"%d" % number, "k", s.name("default"))
    ch.sync()
    ch.bind(ch.queue("many"), s.name("default"))
    ch.count(s.name("many"), 20)
