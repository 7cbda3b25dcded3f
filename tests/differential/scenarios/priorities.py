"""Queues with priorities."""

from __future__ import annotations

from ..scenario import scenario
from ..stage import Stage

NEEDS = "priorities"


@scenario(needs=NEEDS)
def higher_comes_first(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-priority": 5})
    for number, priority in enumerate((0, 5, 3, 3, 9, 255, 1, 5)):
        ch.publish(b"%d" % number, q, priority=priority)
    ch.publish(b"none", q)
    ch.count(q, 9)
    ch.drain(q)


@scenario(needs=NEEDS)
def without_the_argument_it_means_nothing(s: Stage) -> None:
    ch = s.channel()
    q, p = ch.queue("q"), ch.queue("p", {"x-max-priority": 0})
    for queue in (q, p):
        for number, priority in enumerate((0, 5, 3)):
            ch.publish(b"%d" % number, queue, priority=priority)
        ch.count(queue, 3)
        ch.drain(queue)


@scenario(needs=NEEDS)
def requeued(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-priority": 5})
    for number, priority in enumerate((1, 5, 3, 5, 1)):
        ch.publish(b"%d" % number, q, priority=priority)
    ch.count(q, 5)
    ch.get(q)
    ch.get(q)
    ch.get(q)
    ch.nack(1)
    ch.publish(b"late", q, priority=5)
    ch.count(q, 4)
    ch.nack(3, multiple=True)
    ch.count(q, 6)
    ch.drain(q)


@scenario(needs=NEEDS)
def consumed(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-priority": 10})
    ch.qos(1)
    for number, priority in enumerate((2, 1, 4, 4, 3)):
        ch.publish(b"%d" % number, q, priority=priority)
    ch.count(q, 5)
    ch.consume(q)
    ch.deliveries(1)
    ch.publish(b"urgent", q, priority=10)
    ch.barrier(q)
    ch.ack(1)
    ch.deliveries(1)
    ch.nack(2)
    ch.deliveries(1)
    ch.ack(3)
    ch.deliveries(1)


@scenario(needs=NEEDS)
def with_a_length(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-priority": 5, "x-max-length": 3})
    for number, priority in enumerate((5, 1, 3, 2, 4, 0, 5)):
        ch.publish(b"%d" % number, q, priority=priority)
        ch.barrier(q)
    ch.count(q, 3)
    ch.drain(q)


@scenario(needs=NEEDS)
def with_a_length_that_refuses(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-priority": 5, "x-max-length": 2, "x-overflow": "reject-publish"})
    ch.confirm()
    for number, priority in enumerate((1, 2, 5)):
        ch.publish(b"%d" % number, q, priority=priority)
        ch.confirms()
    ch.drain(q)


@scenario(needs=NEEDS)
def with_a_length_and_dead_letters(s: Stage) -> None:
    ch = s.channel()
    dead = ch.queue("dead")
    q = ch.queue(
        "q", {"x-max-priority": 5, "x-max-length": 2, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
    )
    for number, priority in enumerate((5, 1, 3, 2)):
        ch.publish(b"%d" % number, q, priority=priority)
        ch.barrier(q)
    ch.count(dead, 2)
    ch.drain(dead)
    ch.drain(q)


@scenario(needs=NEEDS)
def with_ttl(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-priority": 5})
    ch.publish(b"high, long", q, priority=5, expiration="600000")
    ch.publish(b"low, short", q, priority=1, expiration="700")
    ch.count(q, 1)
    ch.drain(q)


@scenario(needs=NEEDS)
def purged_and_counted(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-priority": 5})
    for priority in (0, 1, 2, 5):
        ch.publish(b"1", q, priority=priority)
    ch.count(q, 4)
    ch.get(q)
    ch.purge(q)
    ch.recover()
    ch.count(q, 1)
    ch.delete(q, if_empty=True)
    ch.delete(q)


@scenario(needs=NEEDS)
def the_largest(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-max-priority": 255})
    for priority in (0, 254, 255, 128, 127):
        ch.publish(b"%d" % priority, q, priority=priority)
    ch.count(q, 5)
    ch.drain(q)
