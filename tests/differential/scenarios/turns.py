"""Whose turn it is: priorities of consumers, and the single active consumer."""

from __future__ import annotations

from ..scenario import scenario
from ..stage import Stage
from .arguments import SOME_VALUES

PRIORITIES = "consumer priorities"
SINGLE = "single active consumer"


@scenario(needs=PRIORITIES)
def the_higher_one_gets_all_while_it_has_room(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.qos(2)
    ch.consume(q, "low", {"x-priority": -1})
    ch.consume(q, "none")
    ch.consume(q, "high", {"x-priority": 10})
    for number in range(8):
        ch.publish(b"%d" % number, q)
        ch.barrier(q)
    ch.deliveries(6)
    ch.count(q, 2)
    ch.ack(1)
    ch.deliveries(1)
    ch.cancel("high")
    ch.ack(2)
    ch.quiet(q)
    ch.ack(3)
    ch.deliveries(1)


@scenario(needs=PRIORITIES)
def what_a_priority_may_be(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for number, value in enumerate([*SOME_VALUES, 0, -5, 1 << 40]):
        ch.consume(q, f"c{number}", {"x-priority": value})
    ch.consume(q, "unknown", {"x-mine": [1], "x-cancel-on-ha-failover": True})


@scenario(needs=PRIORITIES)
def equals_take_turns(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for word, priority in (("a", 5), ("b", 5), ("c", 1), ("d", 5)):
        ch.consume(q, word, {"x-priority": priority})
    for number in range(6):
        ch.publish(b"%d" % number, q)
        ch.barrier(q)
    ch.deliveries(6)


@scenario(needs=PRIORITIES)
def over_several_channels(s: Stage) -> None:
    connection = s.connection()
    low, high = connection.channel(), connection.channel()
    q = low.queue("q")
    low.consume(q, "low")
    high.qos(1)
    high.consume(q, "high", {"x-priority": 1})
    for number in range(3):
        low.publish(b"%d" % number, q)
        low.barrier(q)
    high.deliveries(1)
    low.deliveries(2)
    high.close()
    low.deliveries(1)


@scenario(needs=SINGLE)
def the_first_is_active(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-single-active-consumer": True})
    for word in ("a", "b", "c"):
        ch.consume(q, word)
    for number in range(3):
        ch.publish(b"%d" % number, q)
    ch.deliveries(3)
    ch.cancel("a")
    ch.publish(b"3", q)
    ch.deliveries(1)
    ch.cancel("c")
    ch.consume(q, "c2")
    ch.cancel("b")
    ch.publish(b"4", q)
    ch.deliveries(1)
    ch.queue("q", {"x-single-active-consumer": True})


@scenario(needs=SINGLE)
def the_next_takes_over_what_comes_back(s: Stage) -> None:
    one, two = s.channel(), s.channel()
    q = one.queue("q", {"x-single-active-consumer": True})
    one.consume(q, "one")
    two.consume(q, "two")
    for number in range(3):
        one.publish(b"%d" % number, q)
    one.deliveries(3)
    one.ack(1)
    one.sync()
    one.close()
    two.deliveries(2)
    one.consume(q, "one again")
    one.publish(b"3", q)
    two.deliveries(1)
    two.connection.drop()
    one.deliveries(3)


@scenario(needs=SINGLE)
def without_room_nobody_else_gets_it(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-single-active-consumer": True})
    ch.qos(1)
    ch.consume(q, "a")
    ch.qos(0)
    ch.consume(q, "b")
    for number in range(3):
        ch.publish(b"%d" % number, q)
        ch.barrier(q)
    ch.deliveries(1)
    ch.count(q, 2)
    ch.ack(1)
    ch.deliveries(1)
    ch.ack(2)
    ch.deliveries(1)
    ch.count(q, 0)


@scenario(needs=SINGLE)
def a_higher_priority(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-single-active-consumer": True})
    ch.consume(q, "low", {"x-priority": 1})
    ch.publish(b"0", q)
    ch.deliveries(1)
    ch.consume(q, "high", {"x-priority": 5})
    ch.consume(q, "middle", {"x-priority": 3})
    ch.publish(b"1", q)
    ch.deliveries(1)
    ch.ack(1)
    ch.publish(b"2", q)
    ch.deliveries(1)
    ch.cancel("low")
    ch.publish(b"3", q)
    ch.deliveries(1)
    ch.cancel("high")
    ch.publish(b"4", q)
    ch.deliveries(1)


@scenario(needs=SINGLE)
def exclusive_consumers_and_gets(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-single-active-consumer": True})
    ch.consume(q, "alone", exclusive=True)
    ch.publish(b"0", q)
    ch.sync()
    ch.get(q)
    ch.consume(q, "c")
    ch.consume(q, "alone", exclusive=True)
    ch.count(q, 1, 0.3)


@scenario(needs=SINGLE)
def deleted_with_consumers(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-single-active-consumer": True}, auto_delete=True)
    ch.consume(q, "a")
    ch.consume(q, "b")
    ch.delete(q, if_unused=True)
    ch.consume(q, "a")
    ch.consume(q, "b")
    ch.cancel("a")
    ch.declare(q, passive=True)
    ch.cancel("b")
    ch.gone(q)
