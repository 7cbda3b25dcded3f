"""Dead letters: why, where to, and what is written in their headers."""

from __future__ import annotations

from typing import Any

from ..scenario import every, scenario
from ..stage import Channel, Stage

NEEDS = "dead letters"


def with_dead(s: Stage, arguments: dict[str, Any] | None = None, key: str | None = "dead") -> tuple[Channel, str, str]:
    """A channel, a queue, and the queue of its dead letters."""
    ch = s.channel()
    dead = ch.queue("dead")
    x = ch.exchange("dlx", "fanout")
    ch.bind(dead, x)
    keyed = {} if key is None else {"x-dead-letter-routing-key": key}
    q = ch.queue("q", {"x-dead-letter-exchange": x} | keyed | (arguments or {}))
    return ch, q, dead


@every({"with_a_key": "other.key", "without_a_key": None, "with_an_empty_key": ""}, needs=NEEDS)
def rejected(s: Stage, key: str | None) -> None:
    ch, q, dead = with_dead(s, key=key)
    ch.publish(b"1", q, headers={"a": 1}, delivery_mode=2, message_id="m", timestamp=5)
    ch.publish(b"2", q)
    ch.publish(b"3", q, headers={})
    ch.publish(b"4", q)
    ch.count(q, 4)
    ch.consume(q)
    ch.deliveries(4)
    ch.reject(1)
    ch.count(dead, 1)
    ch.nack(2, requeue=False)
    ch.count(dead, 2)
    ch.nack(4, multiple=True, requeue=False)
    ch.count(dead, 4)
    ch.drain(dead)


@every(
    {
        "queue": ({"x-message-ttl": 30}, {}),
        "message": ({}, {"expiration": "30"}),
        "both": ({"x-message-ttl": 30}, {"expiration": "60000"}),
        "zero": ({}, {"expiration": "0"}),
    },
    needs=NEEDS,
)
def expired(s: Stage, both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    arguments, properties = both
    ch, q, dead = with_dead(s, arguments)
    ch.publish(b"1", q, headers={"a": 1}, **properties)
    ch.publish(b"2", q, **properties)
    ch.count(dead, 2)
    ch.drain(dead)


@scenario(needs=NEEDS)
def dropped(s: Stage) -> None:
    ch, q, dead = with_dead(s, {"x-max-length": 1})
    for number in range(3):
        ch.publish(b"%d" % number, q, priority=number)
    ch.count(dead, 2)
    ch.drain(dead)
    ch.drain(q)


@scenario(needs=NEEDS)
def through_exchanges(s: Stage) -> None:
    """The exchange and all routing keys of the message as it was are written down."""
    ch = s.channel()
    dlx = ch.exchange("dlx", "topic")
    x = ch.exchange("x", "topic")
    dead = ch.queue("dead")
    q = ch.queue("q", {"x-dead-letter-exchange": dlx})
    ch.bind(q, x, "a.#")
    ch.bind(dead, dlx, "#")
    ch.publish(b"1", "a.b", x)
    ch.count(q, 1)
    ch.get(q)
    ch.reject(1)
    ch.count(dead, 1)
    ch.drain(dead)


@scenario(needs=NEEDS)
def to_nowhere(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", {"x-dead-letter-exchange": s.name("missing")})
    p = ch.queue("p", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "nowhere"})
    for queue in (q, p):
        ch.publish(b"1", queue)
        ch.count(queue, 1)
    ch.get(q)
    ch.get(p)
    ch.nack(0, multiple=True, requeue=False)
    ch.sync()
    ch.count(q, 0)
    dlx = ch.exchange("missing", "fanout")
    ch.bind(ch.queue("dead"), dlx)
    ch.publish(b"2", q)
    ch.count(q, 1)
    ch.get(q)
    ch.reject(3)
    ch.count(s.name("dead"), 1)


@scenario(needs=NEEDS)
def to_an_internal_exchange_and_its_alternate(s: Stage) -> None:
    ch = s.channel()
    other = ch.exchange("other", "fanout")
    dlx = ch.exchange("dlx", "direct", {"alternate-exchange": other}, internal=True)
    dead = ch.queue("dead")
    ch.bind(dead, other)
    q = ch.queue("q", {"x-dead-letter-exchange": dlx})
    ch.publish(b"1", q)
    ch.count(q, 1)
    ch.get(q)
    ch.reject(1)
    ch.count(dead, 1)
    ch.drain(dead)


@scenario(needs=NEEDS)
def a_chain(s: Stage) -> None:
    """Rejected, then expired, then dropped, then rejected where it was before."""
    ch = s.channel()
    c = ch.queue("c")
    b = ch.queue("b", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": c, "x-max-length": 0})
    a = ch.queue("a", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": b, "x-message-ttl": 20})
    q = ch.queue("q", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": a})
    ch.publish(b"1", q, headers={"mine": [1]}, expiration="60000")
    ch.count(q, 1)
    ch.get(q)
    ch.reject(1)
    ch.count(c, 1)
    ch.drain(c)


@scenario(needs=NEEDS)
def counts_grow(s: Stage) -> None:
    ch = s.channel()
    one, two = s.name("one"), s.name("two")
    ch.declare(one, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": two})
    ch.declare(two, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": one})
    ch.publish(b"1", one, headers={"a": 1})
    tag = 0
    for _ in range(3):
        for queue in (one, two):
            ch.count(queue, 1)
            ch.get(queue)
            tag += 1
            ch.reject(tag)
    ch.count(one, 1)
    ch.drain(one)


@scenario(needs=NEEDS)
def a_circle_of_expiry_ends(s: Stage) -> None:
    ch = s.channel()
    one, two = s.name("one"), s.name("two")
    ch.declare(one, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": two, "x-message-ttl": 20})
    ch.declare(two, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": one, "x-message-ttl": 20})
    ch.publish(b"1", one)
    marker = ch.queue("marker", {"x-message-ttl": 250})
    ch.publish(b"clock", marker)
    ch.count(marker, 0)
    ch.count(one, 0)
    ch.count(two, 0)


@scenario(needs=NEEDS)
def a_circle_of_one(s: Stage) -> None:
    ch = s.channel()
    own = s.name("own")
    ch.declare(own, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": own, "x-message-ttl": 20})
    ch.publish(b"1", own)
    ch.barrier(own)
    ch.count(own, 0)
    ch.consume(own)
    ch.publish(b"2", own)
    ch.deliveries()
    ch.reject(1)
    ch.deliveries()
    ch.reject(2)
    ch.deliveries()
    ch.ack(3)
    ch.sync()


@scenario(needs=NEEDS)
def a_retry_circle(s: Stage) -> None:
    """Rejected to a queue of waiting, and back: the circle has a rejection in it, so it goes on."""
    ch = s.channel()
    q, wait = s.name("q"), s.name("wait")
    ch.declare(q, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": wait})
    ch.declare(wait, {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": q, "x-message-ttl": 20})
    ch.consume(q)
    ch.publish(b"1", q, correlation_id="c")
    for tag in range(1, 4):
        ch.deliveries()
        ch.reject(tag)
    ch.deliveries()


@every(
    {
        "CC": {"CC": ["cc.key", "cc.2"]},
        "BCC": {"BCC": ["bcc.key"]},
        "both": {"CC": ["cc.key"], "BCC": ["bcc.key"], "other": 1},
    },
    needs=NEEDS,
)
def with_copies(s: Stage, headers: dict[str, Any]) -> None:
    ch = s.channel()
    dlx = ch.exchange("dlx", "topic")
    kept, changed = ch.queue("kept"), ch.queue("changed")
    dead, cc = ch.queue("dead"), ch.queue("cc")
    ch.bind(dead, dlx, "#.q")
    ch.bind(dead, dlx, "new")
    ch.bind(cc, dlx, "cc.*")
    x = ch.exchange("x", "direct")
    q = ch.queue("q", {"x-dead-letter-exchange": dlx})
    p = ch.queue("p", {"x-dead-letter-exchange": dlx, "x-dead-letter-routing-key": "new"})
    ch.bind(q, x, "to.q")
    ch.bind(p, x, "to.p")
    for key, queue in (("to.q", q), ("to.p", p)):
        ch.publish(key.encode(), key, x, headers=headers)
        ch.count(queue, 1)
        got = ch.get(queue)
        assert got is not None
        ch.reject(got.fields["delivery_tag"])
        ch.count(dead, 1)
        for place in (dead, cc, kept, changed):  # BCC: docs/compat.md
            ch.barrier(place)
            ch.drain(place)


@scenario(needs=NEEDS)
def headers_that_are_there_already(s: Stage) -> None:
    """What a publisher wrote in their place is taken or overwritten."""
    ch, q, dead = with_dead(s)
    for headers in (
        {"x-first-death-queue": "mine", "x-first-death-reason": "mine", "x-first-death-exchange": "mine"},
        {"x-last-death-queue": "mine", "z": 1, "a": 2},
    ):
        ch.publish(b"1", q, headers=headers)
        ch.count(q, 1)
        got = ch.get(q)
        assert got is not None
        ch.reject(got.fields["delivery_tag"])
        ch.count(dead, 1)
        ch.drain(dead)


@scenario(needs=NEEDS)
def the_expiration_is_taken_off(s: Stage) -> None:
    ch, q, dead = with_dead(s)
    ch.publish(b"rejected", q, expiration="60000")
    ch.publish(b"expired", q, expiration="700")
    ch.barrier(q)
    ch.get(q)
    ch.count(dead, 1)
    ch.reject(1)
    ch.count(dead, 2)
    ch.drain(dead)


@scenario(needs=NEEDS)
def purge_delete_and_acks_make_none(s: Stage) -> None:
    ch, q, dead = with_dead(s)
    for number in range(3):
        ch.publish(b"%d" % number, q)
    ch.count(q, 3)
    ch.get(q)
    ch.ack(1)
    ch.get(q)
    ch.purge(q)
    ch.delete(q)
    ch.nack(2, requeue=False)
    ch.sync()
    ch.count(dead, 0)


@scenario(needs=NEEDS)
def order_is_kept(s: Stage) -> None:
    ch, q, dead = with_dead(s)
    for number in range(50):
        ch.publish(b"%d" % number, q)
    ch.consume(q)
    ch.deliveries(50)
    ch.nack(0, multiple=True, requeue=False)
    ch.count(dead, 50)
    ch.drain(dead)


@scenario(needs=NEEDS)
def of_a_queue_that_the_consumer_loses(s: Stage) -> None:
    ch, q, dead = with_dead(s)
    other = s.channel()
    ch.publish(b"1", q)
    ch.count(q, 1)
    other.get(q)
    other.close()
    ch.count(q, 1)
    ch.count(dead, 0)


@scenario(needs=NEEDS)
def to_several_queues(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("dlx", "fanout")
    dead = [ch.queue(word) for word in ("a", "b")]
    for queue in dead:
        ch.bind(queue, x)
    q = ch.queue("q", {"x-dead-letter-exchange": x, "x-max-length": 1})
    ch.confirm()
    ch.publish(b"1", q)
    ch.publish(b"2", q)
    ch.confirms()
    for queue in dead:
        ch.count(queue, 1)
        ch.drain(queue)


@scenario(needs=NEEDS)
def a_full_queue_of_dead_letters_refuses(s: Stage) -> None:
    ch = s.channel()
    dead = ch.queue("dead", {"x-max-length": 1, "x-overflow": "reject-publish"})
    q = ch.queue("q", {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead, "x-max-length": 1})
    ch.confirm()
    for number in range(4):
        ch.publish(b"%d" % number, q)
        ch.confirms()
    ch.count(dead, 1)
    ch.drain(dead)
    ch.drain(q)
