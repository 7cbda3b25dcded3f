"""Queues and their flags: what may be declared, looked at, deleted, and in which words it is refused."""

from __future__ import annotations

from ..scenario import every, scenario
from ..stage import Stage


@scenario
def a_queue_and_its_counts(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for body in (b"1", b"2", b"3"):
        ch.publish(body, q)
    ch.count(q, 3)
    ch.get(q)
    ch.count(q, 2)
    ch.consume(q)
    ch.deliveries(2)
    ch.queue("q")
    ch.purge(q)
    ch.nack(0, multiple=True)
    ch.deliveries(3)
    ch.delete(q)
    ch.cancels()


@every(
    {
        "durable": ({"durable": True}, {}),
        "transient": ({}, {"durable": True}),
        "auto_delete": ({"auto_delete": True}, {}),
        "not_auto_delete": ({}, {"auto_delete": True}),
        "exclusive": ({"exclusive": True}, {}),
        "not_exclusive": ({}, {"exclusive": True}),
        "several": ({"durable": True, "auto_delete": True}, {}),
        "durable_exclusive": ({"exclusive": True, "durable": True}, {"exclusive": True}),
        "exclusive_auto_delete": ({"exclusive": True, "auto_delete": True}, {"exclusive": True}),
    }
)
def redeclaring(s: Stage, flags: tuple[dict[str, bool], dict[str, bool]]) -> None:
    ch = s.channel()
    first, second = flags
    ch.queue("q", **first)
    ch.queue("q", **first)
    ch.queue("q", **second)
    ch.queue("q", passive=True, **second)


@scenario
def an_exclusive_queue_is_locked(s: Stage) -> None:
    owner, other = s.channel(), s.channel()
    q = owner.queue("q", exclusive=True)
    x = owner.exchange("x", "fanout")
    owner.bind(q, x)
    other.declare(q)
    other.declare(q, exclusive=True)
    other.declare(q, passive=True)
    other.consume(q)
    other.get(q)
    other.purge(q)
    other.bind(q, x, "2")
    other.unbind(q, x)
    other.delete(q)
    other.publish(b"anyone may publish", q, mandatory=True)
    other.sync()
    owner.count(q, 1)
    owner.drain(q)


@scenario
def an_exclusive_queue_goes_with_its_connection(s: Stage) -> None:
    owner, other = s.channel(), s.channel()
    q = owner.queue("q", exclusive=True, durable=True)
    owner.publish(b"1", q)
    owner.count(q, 1)
    owner.close()
    owner.declare(q, passive=True)
    owner.connection.close()
    other.gone(q)
    other.declare(q)


@scenario
def an_auto_delete_queue_goes_with_its_last_consumer(s: Stage) -> None:
    ch, other = s.channel(), s.channel()
    q = ch.queue("q", auto_delete=True)
    other.declare(q, passive=True)
    ch.consume(q, "one")
    other.consume(q, "two")
    ch.cancel("one")
    ch.declare(q, passive=True)
    other.close()
    ch.gone(q)


@scenario
def an_auto_delete_queue_without_consumers_stays(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", auto_delete=True)
    ch.publish(b"1", q)
    ch.get(q)
    ch.close()
    ch.count(q, 1)


@scenario
def a_queue_that_the_broker_names(s: Stage) -> None:
    ch = s.channel()
    q = ch.declare("", exclusive=True)
    ch.declare(q, passive=True)
    ch.publish(b"1", q)
    ch.get("")
    ch.consume("")
    ch.cancel()
    ch.purge("")
    ch.declare(q)
    other = s.channel()
    generated = other.declare("")
    other.delete(generated)
    other.declare(generated, passive=True)


@scenario
def the_last_queue_declared(s: Stage) -> None:
    ch = s.channel()
    for step in (
        lambda: ch.get(""),
        lambda: ch.consume(""),
        lambda: ch.purge(""),
        lambda: ch.delete(""),
        lambda: ch.bind("", "amq.direct"),
        lambda: ch.unbind("", "amq.direct"),
        lambda: ch.declare("", passive=True),
    ):
        step()
    q = ch.queue("q")
    ch.bind("", "amq.direct")
    ch.publish(b"by its name", q, "amq.direct", mandatory=True)
    ch.sync()
    ch.count(q, 1)
    ch.get("")
    ch.unbind("", "amq.direct")
    ch.publish(b"no more", q, "amq.direct", mandatory=True)
    ch.returns()
    ch.queue("other")
    ch.get("")
    ch.declare(q, passive=True)
    ch.get("")
    ch.delete("")
    ch.get("")


@scenario
def what_is_not_there(s: Stage) -> None:
    ch = s.channel()
    q = s.name("missing")
    ch.declare(q, passive=True)
    ch.get(q)
    ch.consume(q)
    ch.purge(q)
    ch.bind(q, "amq.direct", "k")
    ch.unbind(q, "amq.direct", "k")
    ch.delete(q)
    ch.delete(q, if_unused=True, if_empty=True)
    there = ch.queue("q")
    ch.bind(there, s.name("no exchange"), "k")
    ch.unbind(there, s.name("no exchange"), "k")
    ch.unbind(there, "amq.direct", "never bound")
    ch.bind(q, s.name("no exchange"), "k")
    ch.declare_exchange(s.name("no exchange"), passive=True)
    ch.delete_exchange(s.name("no exchange"))
    ch.delete_exchange(s.name("no exchange"), if_unused=True)


@scenario
def reserved_names(s: Stage) -> None:
    ch = s.channel()
    ch.declare("amq.mine")
    ch.declare("amq.mine", passive=True)
    ch.declare("amq.")
    ch.declare("amq")
    ch.declare("AMQ.upper")
    ch.declare_exchange("amq.mine")
    ch.declare_exchange("amq.mine", passive=True)
    ch.declare_exchange("amq.direct", durable=True)
    ch.declare_exchange("amq.direct")
    ch.declare_exchange("amq.direct", "fanout", durable=True)
    ch.delete_exchange("amq.direct")
    ch.delete_exchange("amq.not.there")
    ch.delete("amq.not.there")


@scenario
def delete_if_unused_and_if_empty(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q)
    ch.publish(b"2", q)
    ch.count(q, 2)
    ch.delete(q, if_empty=True)
    other = s.channel()
    other.consume(q)
    other.deliveries(2)
    ch.delete(q, if_unused=True)
    ch.delete(q, if_unused=True, if_empty=True)
    other.cancel()
    other.sync()
    ch.delete(q, if_unused=True, if_empty=True)
    other.ack(1)
    other.sync()
    ch.declare(q, passive=True)


@scenario
def delete_counts_ready_messages(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for body in (b"1", b"2", b"3", b"4"):
        ch.publish(body, q)
    ch.count(q, 4)
    ch.get(q)
    ch.delete(q)
    ch.ack(1)
    ch.sync()


@scenario
def purge_counts_ready_messages(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.purge(q)
    for body in (b"1", b"2", b"3"):
        ch.publish(body, q)
    ch.count(q, 3)
    ch.get(q)
    ch.purge(q)
    ch.purge(q)
    ch.reject(1, requeue=True)
    ch.count(q, 1)
    ch.purge(q)


@scenario
def nowait(s: Stage) -> None:
    ch = s.channel()
    q, x = s.name("q"), s.name("x")
    ch.call("Queue.Declare", queue=q, nowait=True)
    ch.call("Exchange.Declare", exchange=x, exchange_type="fanout", nowait=True)
    ch.call("Queue.Bind", queue=q, exchange=x, nowait=True)
    ch.publish(b"1", exchange=x)
    ch.sync()
    ch.count(q, 1)
    ch.call("Basic.Consume", queue=q, consumer_tag="c", nowait=True)
    ch.deliveries()
    ch.call("Basic.Cancel", consumer_tag="c", nowait=True)
    ch.call("Queue.Purge", queue=q, nowait=True)
    ch.call("Queue.Declare", queue=q, durable=True, nowait=True)
    ch.sync()
    ch.call("Queue.Delete", queue=q, nowait=True)
    ch.call("Exchange.Delete", exchange=x, nowait=True)
    ch.sync()
    ch.declare(q, passive=True)
    ch.declare_exchange(x, passive=True)
    ch.call("Confirm.Select", nowait=True)
    ch.publish(b"1", "nowhere")
    ch.confirms()


@scenario
def long_and_odd_names(s: Stage) -> None:
    ch = s.channel()
    long = "n" * 255
    ch.declare(long, exclusive=True)
    ch.declare(long, durable=True)
    ch.declare("déclaré.€.☃", exclusive=True)
    ch.declare("with space 'and quotes'", passive=True)
    ch.declare("two\r\nlines", exclusive=True)
    ch.publish(b"1", "twolines", mandatory=True)
    ch.sync()
    ch.declare("twolines", passive=True)


@scenario
def consumers_are_counted(s: Stage) -> None:
    ch, other = s.channel(), s.channel()
    q = ch.queue("q")
    ch.consume(q, "a")
    ch.consume(q, "b")
    other.consume(q, "a")
    ch.queue("q")
    ch.cancel("a")
    ch.queue("q")
    other.close()
    s.poll(lambda: ch.call("Queue.Declare", quietly=True, queue=q, passive=True).fields["consumer_count"], 1)
    ch.queue("q")


@scenario
def the_default_exchange_is_nobodys(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.declare_exchange("")
    ch.declare_exchange("", passive=True)
    ch.delete_exchange("")
    ch.bind(q, "", "k")
    ch.unbind(q, "", q)
    ch.bind_exchange("amq.direct", "", "k")
    ch.bind_exchange("", "amq.direct", "k")
    ch.unbind_exchange("", "amq.direct", "k")


@scenario
def delete_takes_bindings_along(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    x = ch.exchange("x", "direct")
    ch.bind(q, x, "k")
    ch.delete(q)
    ch.queue("q")
    ch.publish(b"1", "k", x, mandatory=True)
    ch.returns()
    ch.bind(q, x, "k")
    ch.delete_exchange(x)
    ch.exchange("x", "direct")
    ch.publish(b"2", "k", x, mandatory=True)
    ch.returns()
    ch.count(q, 0)
