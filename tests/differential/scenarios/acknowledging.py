"""Acknowledging: tags, multiple, requeueing in order, recovering, and tags that are not outstanding."""

from __future__ import annotations

from ..scenario import every, scenario
from ..stage import Channel, Stage


def five(s: Stage, prefetch: int = 0) -> tuple[Channel, str]:
    """A channel with five messages delivered from a queue."""
    ch = s.channel()
    q = ch.queue("q")
    for number in range(1, 6):
        ch.publish(b"%d" % number, q)
    ch.count(q, 5)
    if prefetch:
        ch.qos(prefetch)
    ch.consume(q)
    ch.deliveries(prefetch or 5)
    return ch, q


WRONG = {
    "ack_unknown": ("ack", 9, False),
    "ack_unknown_multiple": ("ack", 9, True),
    "ack_0": ("ack", 0, False),
    "nack_unknown": ("nack", 9, False),
    "nack_unknown_multiple": ("nack", 9, True),
    "nack_0": ("nack", 0, False),
    "reject_unknown": ("reject", 9, False),
    "reject_0": ("reject", 0, False),
    "ack_huge": ("ack", (1 << 64) - 1, False),
}


@every(WRONG)
def tags(s: Stage, what: tuple[str, int, bool]) -> None:
    method, tag, multiple = what
    ch, q = five(s)
    if method == "ack":
        ch.ack(tag, multiple)
    elif method == "nack":
        ch.nack(tag, multiple)
    else:
        ch.reject(tag)
    ch.sync()
    ch.count(q, 5)


@every({"ack": "ack", "nack": "nack", "reject": "reject"})
def twice(s: Stage, method: str) -> None:
    ch, q = five(s)
    for _ in range(2):
        if method == "ack":
            ch.ack(2)
        elif method == "nack":
            ch.nack(2, requeue=False)
        else:
            ch.reject(2)
    ch.sync()
    ch.count(q, 4)


@scenario
def multiple(s: Stage) -> None:
    ch, q = five(s)
    ch.ack(2)
    ch.ack(3, multiple=True)
    ch.sync()
    ch.ack(3, multiple=True)
    ch.sync()
    ch.count(q, 2)
    ch.drain(q)


@scenario
def tag_0_is_everything(s: Stage) -> None:
    ch, q = five(s)
    ch.ack(0, multiple=True)
    ch.ack(0, multiple=True)
    ch.nack(0, multiple=True)
    ch.sync()
    ch.cancel()
    ch.close()
    ch.count(q, 0)


@scenario
def tags_of_another_channel(s: Stage) -> None:
    connection = s.connection()
    one, two = connection.channel(), connection.channel()
    q = one.queue("q")
    one.publish(b"1", q)
    one.count(q, 1)
    one.get(q)
    two.ack(1)
    two.sync()
    one.ack(1)
    one.sync()
    one.count(q, 0)


@scenario
def tags_of_a_channel_opened_again(s: Stage) -> None:
    ch, q = five(s)
    ch.close()
    ch.count(q, 5)
    ch.ack(1)
    ch.sync()
    ch.consume(q)
    ch.deliveries(5)
    ch.ack(5, multiple=True)
    ch.sync()
    ch.count(q, 0)


@every(
    {
        "one": lambda ch: ch.nack(3),
        "first": lambda ch: ch.nack(1),
        "multiple": lambda ch: ch.nack(3, multiple=True),
        "all": lambda ch: ch.nack(0, multiple=True),
        "backwards": lambda ch: [ch.reject(tag, requeue=True) for tag in (5, 3, 1)],
        "some": lambda ch: [ch.ack(2), ch.nack(4, multiple=True)],
        "mixed": lambda ch: [ch.reject(4), ch.nack(2), ch.ack(1), ch.nack(5)],
    }
)
def requeued(s: Stage, how) -> None:
    ch, q = five(s)
    ch.cancel()
    ch.publish(b"6", q)
    ch.count(q, 1)
    how(ch)
    ch.sync()
    ch.close()
    ch.count(q, -1, 0.05)
    ch.drain(q)


@scenario
def requeued_while_consuming(s: Stage) -> None:
    ch, q = five(s, prefetch=2)
    ch.nack(1)
    ch.deliveries(1)
    ch.nack(3, multiple=True)
    ch.deliveries(2)
    ch.reject(4, requeue=True)
    ch.deliveries(1)
    ch.count(q, 3)


@scenario
def requeued_to_another_consumer(s: Stage) -> None:
    ch, q = five(s)
    other = s.channel()
    other.qos(2)
    other.consume(q, "other")
    ch.cancel()
    ch.nack(4, multiple=True)
    other.deliveries(2)
    other.ack(2, multiple=True)
    other.deliveries(2)
    ch.ack(5)
    ch.sync()


@scenario
def recover(s: Stage) -> None:
    ch, q = five(s)
    ch.ack(2)
    ch.recover()
    ch.deliveries(4)
    ch.cancel()
    ch.recover()
    ch.count(q, 4)
    ch.get(q)
    ch.recover()
    ch.count(q, 4)
    ch.drain(q)


@scenario
def recover_async(s: Stage) -> None:
    ch, q = five(s)
    ch.tell("Basic.RecoverAsync", requeue=True)
    ch.deliveries(5)
    ch.cancel()
    ch.tell("Basic.RecoverAsync", requeue=True)
    ch.sync()
    ch.count(q, 5)


@scenario
def recover_without_requeue(s: Stage) -> None:
    ch, q = five(s)
    ch.recover(requeue=False)
    ch.count(q, 5)
    ch.tell("Basic.RecoverAsync", requeue=False)
    ch.sync()


@scenario
def recover_nothing(s: Stage) -> None:
    ch = s.channel()
    ch.recover()
    ch.tell("Basic.RecoverAsync", requeue=True)
    ch.sync()


@scenario
def gets_and_deliveries_share_tags(s: Stage) -> None:
    ch = s.channel()
    q, p = ch.queue("q"), ch.queue("p")
    for number in range(3):
        ch.publish(b"q%d" % number, q)
        ch.publish(b"p%d" % number, p)
    ch.count(q, 3)
    ch.count(p, 3)
    ch.get(q)
    ch.get(p, no_ack=True)
    ch.consume(p)
    ch.deliveries(2)
    ch.get(q)
    ch.ack(3, multiple=True)
    ch.sync()
    ch.ack(2)
    ch.sync()
    ch.count(q, 2)
    ch.count(p, 1)


@scenario
def rejected_without_dead_letters_is_gone(s: Stage) -> None:
    ch, q = five(s)
    ch.reject(1)
    ch.nack(3, multiple=True, requeue=False)
    ch.nack(5, requeue=False)
    ch.sync()
    ch.cancel()
    ch.close()
    ch.count(q, 1)
    ch.drain(q)
