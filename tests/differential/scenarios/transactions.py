"""Transactions: what counts at commit, what a rollback forgets."""

from __future__ import annotations

from ..scenario import scenario
from ..stage import Stage


@scenario
def publishes(s: Stage) -> None:
    ch, other = s.channel(), s.channel()
    q = ch.queue("q")
    ch.call("Tx.Select")
    ch.call("Tx.Commit")
    ch.publish(b"1", q)
    ch.publish(b"2", q)
    ch.sync()
    other.count(q, 0)
    ch.call("Tx.Commit")
    other.count(q, 2)
    ch.publish(b"3", q)
    ch.call("Tx.Rollback")
    ch.call("Tx.Commit")
    other.count(q, 2)
    ch.publish(b"4", q)
    ch.close()
    other.count(q, 2)
    other.drain(q)


@scenario
def returns_come_with_the_commit(s: Stage) -> None:
    ch = s.channel()
    ch.call("Tx.Select")
    ch.publish(b"1", "nowhere", mandatory=True)
    ch.publish(b"2", "nowhere")
    ch.publish(b"3", "nowhere", mandatory=True)
    ch.sync()
    ch.call("Tx.Commit")
    ch.returns(2)
    ch.publish(b"4", "nowhere", mandatory=True)
    ch.call("Tx.Rollback")
    ch.sync()
    ch.remaining()


@scenario
def acks(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for number in range(4):
        ch.publish(b"%d" % number, q)
    ch.count(q, 4)
    ch.call("Tx.Select")
    for _ in range(4):
        ch.get(q)
    ch.ack(1)
    ch.nack(2)
    ch.reject(3)
    ch.sync()
    ch.count(q, 0)
    ch.call("Tx.Rollback")
    ch.count(q, 0)
    ch.ack(1)
    ch.nack(2)
    ch.reject(3)
    ch.call("Tx.Commit")
    ch.count(q, 1)
    ch.close()
    ch.count(q, 2)
    ch.drain(q)


@scenario
def acks_twice(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q)
    ch.count(q, 1)
    ch.call("Tx.Select")
    ch.get(q)
    ch.ack(1)
    ch.ack(1)
    ch.sync()
    ch.count(q, 1)
    ch.call("Tx.Select")
    ch.ack(7)
    ch.sync()


@scenario
def prefetch(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for number in range(3):
        ch.publish(b"%d" % number, q)
    ch.count(q, 3)
    ch.call("Tx.Select")
    ch.qos(1)
    ch.consume(q)
    ch.deliveries(1)
    ch.ack(1)
    ch.quiet(q)
    ch.call("Tx.Commit")
    ch.deliveries(1)
    ch.ack(2)
    ch.call("Tx.Rollback")
    ch.quiet(q)
    ch.ack(2)
    ch.call("Tx.Commit")
    ch.deliveries(1)


@scenario
def an_error_undoes_it(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"0", q)
    ch.count(q, 1)
    ch.call("Tx.Select")
    ch.get(q)
    ch.ack(1)
    ch.publish(b"1", q)
    ch.declare(s.name("missing"), passive=True)
    ch.count(q, 1)
    ch.drain(q)


@scenario
def publishing_to_what_is_not_there(s: Stage) -> None:
    ch = s.channel()
    ch.call("Tx.Select")
    ch.publish(b"1", "k", s.name("missing"))
    ch.sync()
    ch.call("Tx.Select")
    ch.publish(b"1", "k", user_id="somebody")
    ch.sync()


@scenario
def both_in_one(s: Stage) -> None:
    ch = s.channel()
    a, b = ch.queue("a"), ch.queue("b")
    for number in range(3):
        ch.publish(b"%d" % number, a)
    ch.count(a, 3)
    ch.call("Tx.Select")
    ch.consume(a)
    ch.deliveries(3)
    ch.publish(b"moved", b)
    ch.ack(2, multiple=True)
    ch.call("Tx.Commit")
    ch.count(b, 1)
    ch.publish(b"not moved", b)
    ch.ack(3)
    ch.call("Tx.Rollback")
    ch.count(b, 1)
    ch.recover()
    ch.deliveries(1)


@scenario(needs="dead letters")
def rejects_are_dead_letters_at_commit(s: Stage) -> None:
    ch = s.channel()
    dead = ch.queue("dead")
    q = ch.queue("q", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    ch.publish(b"1", q)
    ch.publish(b"2", q)
    ch.count(q, 2)
    ch.call("Tx.Select")
    ch.get(q)
    ch.get(q)
    ch.reject(1)
    ch.nack(2, requeue=False)
    ch.sync()
    ch.count(dead, 0)
    ch.call("Tx.Rollback")
    ch.count(dead, 0)
    ch.reject(1)
    ch.call("Tx.Commit")
    ch.count(dead, 1)
    ch.drain(dead)
