"""Queues with a length: what is dropped, what is refused, and what the publisher hears."""

from __future__ import annotations

from typing import Any

from ..scenario import every, scenario
from ..stage import Stage

NEEDS = "length limits"
DEAD = "dead letters"


@every(
    {
        "drop_head": {"x-max-length": 3},
        "drop_head_said": {"x-max-length": 3, "x-overflow": "drop-head"},
        "reject_publish": {"x-max-length": 3, "x-overflow": "reject-publish"},
        "reject_publish_dlx": {"x-max-length": 3, "x-overflow": "reject-publish-dlx"},
        "zero": {"x-max-length": 0},
        "zero_reject": {"x-max-length": 0, "x-overflow": "reject-publish"},
        "zero_reject_dlx": {"x-max-length": 0, "x-overflow": "reject-publish-dlx"},
        "bytes": {"x-max-length-bytes": 12},
        "bytes_reject": {"x-max-length-bytes": 12, "x-overflow": "reject-publish"},
        "bytes_zero": {"x-max-length-bytes": 0},
        "bytes_zero_reject": {"x-max-length-bytes": 0, "x-overflow": "reject-publish"},
        "both": {"x-max-length": 4, "x-max-length-bytes": 8},
        "both_reject": {"x-max-length": 2, "x-max-length-bytes": 100, "x-overflow": "reject-publish"},
    },
    needs=NEEDS,
)
def length(s: Stage, arguments: dict[str, Any]) -> None:
    ch = s.channel()
    q = ch.queue("q", arguments)
    for number in range(5):
        ch.publish(b"-%03d" % number, q)
        ch.barrier(q)
    ch.sync()
    ch.queue("q", arguments)
    ch.drain(q)
    ch.confirm()
    for number in range(5):
        ch.publish(b"+%03d" % number, q, mandatory=True)
        ch.confirms()
    ch.queue("q", arguments)
    ch.drain(q)
    ch.publish(b"fits again", q, mandatory=True)
    ch.confirms()
    ch.publish(b"", q)
    ch.confirms()
    ch.drain(q)


@scenario(needs=NEEDS)
def only_ready_messages_count(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-length": 2})
    for number in range(2):
        ch.publish(b"%d" % number, q)
    ch.count(q, 2)
    ch.get(q)
    ch.get(q)
    for number in range(2, 5):
        ch.publish(b"%d" % number, q)
    ch.barrier(q)
    ch.count(q, 2)
    ch.nack(2, multiple=True)
    ch.barrier(q)
    ch.queue("q", {"x-max-length": 2})
    ch.publish(b"5", q)
    ch.barrier(q)
    ch.drain(q)


@scenario(needs=NEEDS)
def only_ready_messages_are_refused(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-length": 1, "x-overflow": "reject-publish"})
    ch.confirm()
    ch.publish(b"1", q)
    ch.confirms()
    ch.get(q)
    ch.publish(b"2", q)
    ch.confirms()
    ch.publish(b"3", q)
    ch.confirms()
    ch.nack(1)
    ch.publish(b"4", q)
    ch.confirms()
    ch.drain(q)


@scenario(needs=NEEDS)
def a_message_that_is_too_large_alone(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-length-bytes": 10})
    ch.confirm()
    ch.publish(b"1234567890", q)
    ch.confirms()
    ch.publish(b"12345678901", q)
    ch.confirms()
    ch.count(q, 0)
    p = ch.queue("p", {"x-max-length-bytes": 10, "x-overflow": "reject-publish"})
    ch.publish(b"12345678901", p)
    ch.confirms()
    ch.publish(b"1", p)
    ch.confirms()
    ch.count(p, 1)


@scenario(needs=NEEDS)
def with_a_consumer(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-length": 0})
    p = ch.queue("p", {"x-max-length": 0, "x-overflow": "reject-publish"})
    ch.consume(q, "q", no_ack=True)
    ch.consume(p, "p", no_ack=True)
    ch.confirm()
    ch.publish(b"1", q)
    ch.deliveries()
    ch.confirms()
    ch.publish(b"2", p)
    ch.confirms()
    ch.quiet(p)


@scenario(needs=NEEDS)
def one_of_several_queues_refuses(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "fanout")
    a = ch.queue("a", {"x-max-length": 1, "x-overflow": "reject-publish"})
    b = ch.queue("b")
    ch.bind(a, x)
    ch.bind(b, x)
    ch.confirm()
    for number in range(3):
        ch.publish(b"%d" % number, exchange=x, mandatory=True)
        ch.confirms()
    ch.drain(a)
    ch.drain(b)


@scenario(needs=NEEDS)
def refused_in_a_transaction(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-length": 2, "x-overflow": "reject-publish"})
    ch.call("Tx.Select")
    for number in range(4):
        ch.publish(b"%d" % number, q)
    ch.call("Tx.Commit")
    ch.barrier(q)
    ch.drain(q)


@every(
    {
        "drop_head": {"x-max-length": 2},
        "reject_publish": {"x-max-length": 2, "x-overflow": "reject-publish"},
        "reject_publish_dlx": {"x-max-length": 2, "x-overflow": "reject-publish-dlx"},
        "bytes": {"x-max-length-bytes": 6},
        "zero": {"x-max-length": 0},
    },
    needs=DEAD,
)
def dead_letters(s: Stage, arguments: dict[str, Any]) -> None:
    ch = s.channel()
    dead = ch.queue("dead")
    q = ch.queue("q", arguments | {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    ch.confirm()
    for number in range(4):
        ch.publish(b"<%d>" % number, q, headers={"n": number})
        ch.confirms()
    ch.barrier(q)
    ch.count(dead, {"zero": 4}.get(s.name("").split("_")[-1].rstrip("."), 2), 0.5)
    ch.drain(dead)
    ch.drain(q)


@scenario(needs=NEEDS)
def purge_makes_room(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-length": 1, "x-overflow": "reject-publish"})
    ch.confirm()
    ch.publish(b"1", q)
    ch.confirms()
    ch.publish(b"2", q)
    ch.confirms()
    ch.purge(q)
    ch.publish(b"3", q)
    ch.confirms()
    ch.drain(q)
