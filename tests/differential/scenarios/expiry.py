"""What time does: messages that expire, queues that expire."""

from __future__ import annotations

from ..scenario import every, scenario
from ..stage import Stage

TTL = "message TTL"
EXPIRES = "queue expiry"


@scenario(needs=TTL)
def of_the_queue(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-message-ttl": 700})
    ch.publish(b"1", q)
    ch.publish(b"2", q)
    ch.count(q, 2)
    ch.count(q, 0)
    ch.get(q)


@scenario(needs=TTL)
def of_the_message(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"short", q, expiration="700")
    ch.publish(b"long", q, expiration="600000")
    ch.publish(b"none", q)
    ch.count(q, 3)
    ch.count(q, 2)
    ch.drain(q)


@every(
    {"queue": (60, "600000"), "message": (600000, "60"), "queue_0": (0, "600000"), "message_0": (600000, "0")},
    needs=TTL,
)
def the_shorter_counts(s: Stage, both) -> None:
    of_queue, of_message = both
    ch = s.channel()
    q = ch.queue("q", {"x-message-ttl": of_queue})
    ch.publish(b"1", q, expiration=of_message)
    ch.count(q, 0)
    ch.get(q)


@scenario(needs=TTL)
def zero_of_the_queue(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-message-ttl": 0})
    ch.confirm()
    ch.publish(b"1", q, mandatory=True)
    ch.confirms()
    ch.count(q, 0)
    ch.consume(q)
    ch.publish(b"2", q, mandatory=True)
    ch.deliveries()
    ch.confirms()
    ch.nack(1)
    ch.quiet(q)
    ch.count(q, 0)


@scenario(needs=TTL)
def zero_of_the_message(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q, expiration="0", mandatory=True)
    ch.count(q, 0)
    ch.get(q)
    ch.consume(q)
    ch.publish(b"2", q, expiration="0")
    ch.deliveries()
    ch.ack(1)
    ch.sync()


@scenario(needs=TTL)
def zero_and_a_consumer_without_room(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-message-ttl": 0})
    ch.qos(1)
    ch.consume(q)
    for number in range(3):
        ch.publish(b"%d" % number, q)
        ch.barrier(q)
    ch.deliveries(1)
    ch.ack(1)
    ch.quiet(q)
    ch.publish(b"3", q)
    ch.deliveries(1)


@scenario(needs=TTL)
def only_at_the_head(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"long", q, expiration="600000")
    ch.publish(b"short", q, expiration="1")
    ch.publish(b"none", q)
    marker = ch.queue("marker", {"x-message-ttl": 150})
    ch.publish(b"clock", marker)
    ch.count(marker, 0)
    ch.count(q, 3)
    ch.get(q)
    ch.count(q, 1)
    ch.get(q)


@scenario(needs=TTL)
def of_what_is_outstanding(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-message-ttl": 700})
    ch.publish(b"1", q)
    ch.publish(b"2", q)
    ch.count(q, 2)
    ch.get(q)
    ch.count(q, 0)
    ch.nack(1)
    ch.count(q, 0)
    ch.get(q)


@scenario(needs=TTL)
def of_what_is_outstanding_and_acked(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q, expiration="500")
    marker = ch.queue("marker", {"x-message-ttl": 800})
    ch.publish(b"clock", marker)
    ch.count(q, 1)
    ch.get(q)
    ch.count(marker, 0)
    ch.ack(1)
    ch.sync()
    ch.count(q, 0)


@scenario(needs=TTL)
def of_what_is_requeued_early(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q, expiration="700")
    ch.count(q, 1)
    ch.get(q)
    ch.nack(1)
    ch.count(q, 1)
    ch.count(q, 0)


@scenario(needs=TTL)
def many(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-message-ttl": 1000})
    for number in range(500):
        ch.publish(b"%d" % number, q)
    ch.count(q, 500)
    ch.count(q, 0)
    ch.publish(b"again", q)
    ch.count(q, 1)
    ch.count(q, 0)


@scenario(needs=TTL)
def the_property_stays(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-message-ttl": 600000})
    ch.publish(b"1", q, expiration="500000", headers={"a": 1})
    ch.publish(b"2", q)
    ch.count(q, 2)
    ch.drain(q)


@scenario(needs=TTL)
def purge_and_delete(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-message-ttl": 2000})
    ch.publish(b"1", q)
    ch.count(q, 1)
    ch.purge(q)
    ch.publish(b"2", q)
    ch.count(q, 1)
    ch.delete(q)
    ch.queue("q", {"x-message-ttl": 600000})
    ch.publish(b"3", q)
    ch.count(q, 1)


@scenario(needs=EXPIRES)
def a_queue_that_nobody_uses(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-expires": 150})
    ch.publish(b"1", q)
    ch.sync()
    s.poll(lambda: _gone(s, q), True)
    ch.publish(b"2", q, mandatory=True)
    ch.returns()
    ch.get(q)


def _gone(s: Stage, queue: str) -> bool:
    """Whether a message would not reach it; looking with a declare would be a use."""
    if not hasattr(s, "prober"):
        s.prober = s.channel()
    ch = s.prober
    ch.ready()
    before = len(s.record)
    ch.publish(b"?", queue, mandatory=True)
    ch.sync()
    returned = bool(ch.left)
    ch.left.clear()
    del s.record[before:]
    return returned


@scenario(needs=EXPIRES)
def a_queue_with_a_consumer_stays(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-expires": 600})
    ch.consume(q)
    marker = ch.queue("marker", {"x-message-ttl": 900})
    ch.publish(b"clock", marker)
    ch.count(marker, 0)
    ch.publish(b"still", q, mandatory=True)
    ch.deliveries()
    ch.cancel()
    s.poll(lambda: _gone(s, q), True)
    ch.ack(1)
    ch.sync()
    ch.declare(q, passive=True)


@scenario(needs=EXPIRES)
def outstanding_messages_do_not_keep_a_queue(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-expires": 800})
    ch.publish(b"1", q)
    ch.publish(b"2", q)
    ch.barrier(q)
    ch.get(q)
    s.poll(lambda: _gone(s, q), True)
    ch.nack(1)
    ch.sync()
    ch.declare(q, passive=True)


@scenario(needs=EXPIRES)
def looking_and_getting_keep_a_queue(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-expires": 800})
    p = ch.queue("p", {"x-expires": 800})
    marker = ch.queue("marker", {"x-message-ttl": 1800})
    ch.publish(b"clock", marker)

    def look() -> int:
        ch.call("Queue.Declare", quietly=True, queue=q, passive=True)
        ch.call("Basic.Get", quietly=True, queue=p, no_ack=True)
        return ch.call("Queue.Declare", quietly=True, queue=marker, passive=True).fields["message_count"]

    s.poll(look, 0)
    ch.declare(q, passive=True)
    ch.get(p)
    ch.delete(p)


@scenario(needs=EXPIRES)
def an_expired_queue_has_no_dead_letters(s: Stage) -> None:
    ch = s.channel()
    dead = ch.queue("dead")
    q = ch.queue("q", {"x-expires": 100, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    ch.publish(b"1", q)
    ch.sync()
    s.poll(lambda: _gone(s, q), True)
    ch.count(dead, 0)
