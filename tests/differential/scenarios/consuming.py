"""Consumers: tags, prefetch, exclusive consumers, cancelling, and basic.get."""

from __future__ import annotations

from ..scenario import every, scenario
from ..stage import Stage


@scenario
def get(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.get(q)
    for body in (b"1", b"2", b"3"):
        ch.publish(body, q, "", content_type="t")
    ch.count(q, 3)
    ch.get(q)
    ch.get(q, no_ack=True)
    ch.nack(1)
    ch.count(q, 2)
    ch.get(q)
    ch.get(q)
    ch.get(q)
    ch.close()
    ch.count(q, 2)
    ch.get(q)


@scenario
def get_through_an_exchange(s: Stage) -> None:
    ch = s.channel()
    x, y = ch.exchange("x", "topic"), ch.exchange("y", "fanout")
    q = ch.queue("q")
    ch.bind_exchange(y, x, "a.*")
    ch.bind(q, y, "another")
    ch.publish(b"1", "a.b", x)
    ch.count(q, 1)
    ch.get(q)


@scenario
def consumer_tags(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.consume(q, "")
    ch.consume(q, "")
    ch.consume(q, "mine")
    ch.consume(q, "mïne €")
    ch.cancel("mine")
    ch.consume(q, "mine")
    other = s.channel()
    other.consume(q, "mine")
    ch.cancel("unknown")
    ch.cancel("")
    ch.consume(q, "mine")
    ch.queue("q", passive=True)


@scenario
def a_used_tag_and_a_missing_queue(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.consume(q, "c")
    ch.consume(s.name("missing"), "c")
    ch.consume(s.name("missing"), "c")


@scenario
def no_ack(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for number in range(5):
        ch.publish(b"%d" % number, q)
    ch.count(q, 5)
    ch.qos(1)
    ch.consume(q, no_ack=True)
    ch.deliveries(5)
    ch.ack(1)
    ch.sync()
    ch.count(q, 0)


@scenario
def consumers_take_turns(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.consume(q, "a")
    ch.consume(q, "b")
    ch.consume(q, "c")
    ch.barrier(q)
    publisher = s.channel()
    for number in range(9):
        publisher.publish(b"%d" % number, q)
        publisher.barrier(q)
    ch.deliveries(9)


@scenario
def consumers_of_several_channels_take_turns(s: Stage) -> None:
    connection = s.connection()
    channels = [connection.channel() for _ in range(3)]
    q = channels[0].queue("q")
    for number, ch in enumerate(channels):
        ch.consume(q, f"c{number}", no_ack=number == 1)
    for number in range(6):
        channels[0].publish(b"%d" % number, q)
        channels[0].barrier(q)
    for ch in channels:
        ch.deliveries(2)


@scenario
def prefetch_of_each_consumer(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.qos(2)
    ch.consume(q, "two")
    ch.qos(1)
    ch.consume(q, "one")
    for number in range(8):
        ch.publish(b"%d" % number, q)
        ch.barrier(q)
    ch.deliveries(3)
    ch.count(q, 5)
    ch.ack(1)
    ch.deliveries(1)
    ch.ack(4, multiple=True)
    ch.deliveries(3)
    ch.qos(0)
    ch.nack(0, multiple=True, requeue=False)
    ch.deliveries(1)
    ch.count(q, 0)


@scenario
def prefetch_0_is_no_limit(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for number in range(100):
        ch.publish(b"%d" % number, q)
    ch.count(q, 100)
    ch.qos(1)
    ch.qos(0)
    ch.consume(q)
    ch.deliveries(100)


@scenario
def prefetch_of_the_channel(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.qos(3, everyone=True)
    ch.consume(q, "a")
    ch.consume(q, "b")
    for number in range(8):
        ch.publish(b"%d" % number, q)
        ch.barrier(q)
    tags = ch.deliveries(3)
    ch.count(q, 5)
    ch.ack(tags[1])
    ch.deliveries(1)
    ch.qos(5, everyone=True)
    ch.deliveries(2)
    ch.count(q, 2)
    ch.ack(0, multiple=True)
    ch.deliveries(2)


@scenario
def prefetch_of_both_kinds(s: Stage) -> None:
    ch = s.channel()
    q, p = ch.queue("q"), ch.queue("p")
    ch.qos(3, everyone=True)
    ch.qos(2)
    ch.consume(q, "q")
    ch.consume(p, "p")
    for number in range(5):
        ch.publish(b"q%d" % number, q)
        ch.barrier(q)
    ch.deliveries(2)
    for number in range(5):
        ch.publish(b"p%d" % number, p)
        ch.barrier(p)
    ch.deliveries(1)
    ch.count(q, 3)
    ch.count(p, 4)
    ch.ack(3)
    ch.deliveries(1)
    ch.quiet(q, p)


@scenario
def prefetch_of_the_channel_set_late(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.consume(q)
    for number in range(3):
        ch.publish(b"%d" % number, q)
    ch.deliveries(3)
    ch.qos(1, everyone=True)
    ch.publish(b"3", q)
    ch.barrier(q)
    ch.remaining()
    ch.ack(3, multiple=True)
    ch.barrier(q)
    ch.publish(b"4", q)
    ch.publish(b"5", q)
    ch.barrier(q)
    ch.remaining()


@scenario
def gets_do_not_use_up_prefetch(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for number in range(4):
        ch.publish(b"%d" % number, q)
    ch.count(q, 4)
    ch.qos(1)
    ch.get(q)
    ch.get(q)
    ch.consume(q)
    ch.deliveries(1)
    ch.count(q, 1)


@scenario
def prefetch_size(s: Stage) -> None:
    ch = s.channel()
    ch.qos(0, size=1)
    ch.qos(1, size=100000, everyone=True)
    ch.qos(65535)
    ch.qos(65535, everyone=True)


@scenario
def exclusive_consumers(s: Stage) -> None:
    ch, other = s.channel(), s.channel()
    q = ch.queue("q")
    ch.consume(q, "alone", exclusive=True)
    other.consume(q, "second")
    other.consume(q, "second", exclusive=True)
    ch.consume(q, "also mine")
    ch.consume(q, "alone", exclusive=True)
    other.consume(q, "now")
    ch.consume(q, "alone", exclusive=True)
    other.cancel("now")
    other.sync()
    ch.consume(q, "alone", exclusive=True)
    other.get(q)
    other.publish(b"1", q)
    ch.deliveries()


@scenario
def no_local_means_nothing(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.consume(q, no_local=True)
    ch.publish(b"1", q)
    ch.deliveries()


@scenario
def cancelling_keeps_what_is_outstanding(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for number in range(4):
        ch.publish(b"%d" % number, q)
    ch.count(q, 4)
    ch.qos(2)
    ch.consume(q)
    ch.deliveries(2)
    ch.cancel()
    ch.quiet(q)
    ch.count(q, 2)
    ch.ack(1)
    ch.nack(2)
    ch.count(q, 3)
    ch.consume(q)
    ch.deliveries(2)


@scenario
def consumers_hear_that_their_queue_is_gone(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.consume(q, "a")
    ch.consume(q, "b")
    other = s.channel()
    other.delete(q)
    ch.cancels(2)
    ch.cancel("a")
    ch.queue("q")
    ch.consume(q, "a")


@scenario
def without_the_capability_nobody_hears(s: Stage) -> None:
    ch = s.connection({}).channel()
    q = ch.queue("q")
    ch.consume(q, "a")
    other = s.channel()
    other.delete(q)
    ch.sync()
    ch.remaining()
    ch.queue("q")
    ch.consume(q, "a")
    ch.consume(q, "b")


@scenario
def what_is_outstanding_of_a_deleted_queue(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for number in range(3):
        ch.publish(b"%d" % number, q)
    ch.consume(q)
    ch.deliveries(3)
    s.channel().delete(q)
    ch.cancels()
    ch.ack(1)
    ch.nack(2)
    ch.reject(3)
    ch.sync()
    ch.ack(1)
    ch.sync()


@scenario
def a_connection_that_drops(s: Stage) -> None:
    ch, other = s.channel(), s.channel()
    q = ch.queue("q")
    for number in range(3):
        ch.publish(b"%d" % number, q)
    ch.count(q, 3)
    other.consume(q)
    other.deliveries(3)
    other.connection.drop()
    ch.count(q, 3)
    ch.consume(q)
    ch.deliveries(3)


@scenario
def flow(s: Stage) -> None:
    ch = s.channel()
    ch.call("Channel.Flow", active=True)
    ch.call("Channel.Flow", active=False)


@every({"consume": "consume", "get": "get"})
def redelivered(s: Stage, how: str) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q)
    ch.publish(b"2", q)
    ch.count(q, 2)
    if how == "get":
        ch.get(q)
    else:
        ch.qos(1)
        ch.consume(q)
        ch.deliveries(1)
        ch.cancel()
    ch.close()
    ch.count(q, 2)
    ch.get(q)
    ch.get(q)
