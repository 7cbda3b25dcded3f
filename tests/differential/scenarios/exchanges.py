"""Exchanges and bindings: declaring, comparing, deleting, chains of exchanges."""

from __future__ import annotations

from ..codec import Typed
from ..scenario import every, scenario
from ..stage import Stage


@every(
    {
        "type": (("direct", {}, None), ("fanout", {}, None)),
        "durable": (("direct", {}, None), ("direct", {"durable": True}, None)),
        "auto_delete": (("topic", {"auto_delete": True}, None), ("topic", {}, None)),
        "internal": (("headers", {"internal": True}, None), ("headers", {}, None)),
        "several": (("direct", {"durable": True}, None), ("topic", {"internal": True}, None)),
        "alternate": (("direct", {}, {"alternate-exchange": "a"}), ("direct", {}, {"alternate-exchange": "b"})),
        "alternate_none": (("direct", {}, {"alternate-exchange": "a"}), ("direct", {}, None)),
        "alternate_new": (("direct", {}, None), ("direct", {}, {"alternate-exchange": "a"})),
        "other_arguments": (("direct", {}, {"x": 1}), ("direct", {}, {"x": 2})),
    }
)
def redeclaring(s: Stage, both) -> None:
    ch = s.channel()
    (kind, flags, arguments), (kind2, flags2, arguments2) = both
    ch.exchange("x", kind, arguments, **flags)
    ch.exchange("x", kind, arguments, **flags)
    ch.exchange("x", kind2, arguments2, **flags2)
    ch.exchange("x", kind2, arguments2, passive=True, **flags2)


@scenario
def unknown_types(s: Stage) -> None:
    ch = s.channel()
    for kind in ("nonsense", "", "x-other", "Direct", "direct "):
        ch.exchange("x", kind)
    ch.exchange("x", "direct")
    ch.exchange("x", "nonsense")
    ch.exchange("x", "nonsense", passive=True)


@scenario
def what_is_predeclared(s: Stage) -> None:
    ch = s.channel()
    for name, kind in (
        ("amq.direct", "direct"),
        ("amq.fanout", "fanout"),
        ("amq.topic", "topic"),
        ("amq.headers", "headers"),
        ("amq.match", "headers"),
        ("amq.rabbitmq.trace", "topic"),
    ):
        ch.declare_exchange(name, passive=True)
        ch.declare_exchange(name, kind, durable=True)
    ch.declare_exchange("amq.rabbitmq.trace", "topic", durable=True, internal=True)
    ch.publish(b"?", "k", "amq.rabbitmq.trace")
    ch.sync()


@scenario
def an_internal_exchange(s: Stage) -> None:
    ch = s.channel()
    inner = ch.exchange("inner", "fanout", internal=True)
    outer = ch.exchange("outer", "fanout")
    q = ch.queue("q")
    ch.bind(q, inner)
    ch.bind_exchange(inner, outer)
    ch.publish(b"in", exchange=inner, mandatory=True)
    ch.sync()
    ch.publish(b"out", exchange=outer, mandatory=True)
    ch.count(q, 1)
    ch.drain(q)


@scenario
def alternate_exchanges(s: Stage) -> None:
    ch = s.channel()
    last = ch.exchange("last", "fanout")
    middle = ch.exchange("middle", "direct", {"alternate-exchange": last})
    first = ch.exchange("first", "direct", {"alternate-exchange": middle})
    for word, exchange, key in (("a", first, "a"), ("b", middle, "b"), ("c", last, "")):
        ch.bind(ch.queue(word), exchange, key)
    for key in ("a", "b", "c"):
        ch.publish(key.encode(), key, first, mandatory=True)
    ch.sync()
    for word in ("a", "b", "c"):
        ch.drain(s.name(word))
    ch.delete_exchange(last)
    ch.publish(b"nowhere", "c", first, mandatory=True)
    ch.returns()
    ch.publish(b"nowhere", "c", first)
    ch.sync()


@scenario
def alternate_exchanges_in_a_circle(s: Stage) -> None:
    ch = s.channel()
    one, two = s.name("one"), s.name("two")
    ch.declare_exchange(one, "direct", {"alternate-exchange": two})
    ch.declare_exchange(two, "direct", {"alternate-exchange": one})
    ch.publish(b"1", "k", one, mandatory=True)
    ch.returns()
    ch.bind(ch.queue("q"), two, "k")
    ch.publish(b"2", "k", one, mandatory=True)
    ch.count(s.name("q"), 1)
    own = s.name("own")
    ch.declare_exchange(own, "direct", {"alternate-exchange": own})
    ch.publish(b"3", "k", own, mandatory=True)
    ch.returns()
    ch.exchange("default", "direct", {"alternate-exchange": ""})
    ch.publish(b"4", s.name("q"), s.name("default"), mandatory=True)
    ch.quiet(s.name("q"))


@scenario
def an_alternate_exchange_after_headers_and_topics(s: Stage) -> None:
    ch = s.channel()
    other = ch.exchange("other", "fanout")
    q = ch.queue("q")
    ch.bind(q, other)
    for kind in ("topic", "headers", "fanout"):
        x = ch.exchange(kind, kind, {"alternate-exchange": other})
        ch.publish(kind.encode(), "some.key", x, headers={"a": 1})
    ch.count(q, 3)
    ch.drain(q)


@scenario
def exchanges_bound_to_exchanges(s: Stage) -> None:
    ch = s.channel()
    top = ch.exchange("top", "topic")
    left = ch.exchange("left", "direct")
    right = ch.exchange("right", "fanout")
    ch.bind_exchange(left, top, "l.#")
    ch.bind_exchange(right, top, "#.r")
    ch.bind_exchange(right, top, "#.r")
    a, b = ch.queue("a"), ch.queue("b")
    ch.bind(a, left, "l.r")
    ch.bind(b, left, "l.r")
    ch.bind(b, right)
    ch.publish(b"both", "l.r", top)
    ch.publish(b"right", "x.r", top)
    ch.publish(b"left, unbound", "l.x", top, mandatory=True)
    ch.returns()
    ch.count(a, 1)
    ch.count(b, 2)
    ch.drain(a)
    ch.drain(b)
    ch.unbind_exchange(right, top, "#.r")
    ch.publish(b"no more", "x.r", top, mandatory=True)
    ch.returns()
    ch.unbind_exchange(right, top, "never")
    ch.bind_exchange(left, s.name("missing"))
    ch.bind_exchange(s.name("missing"), left)
    ch.bind_exchange(s.name("missing1"), s.name("missing2"))
    ch.unbind_exchange(left, s.name("missing"))
    ch.unbind_exchange(s.name("missing"), left)
    ch.bind_exchange(left, left, "l.r")
    ch.publish(b"a circle", "l.r", left)
    ch.count(a, 1)


@scenario
def auto_delete_exchanges(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    x = ch.exchange("x", "fanout", auto_delete=True)
    ch.bind(q, x)
    ch.unbind(q, x)
    ch.declare_exchange(x, passive=True)
    ch.exchange("y", "fanout", auto_delete=True)
    z = ch.exchange("z", "fanout", auto_delete=True)
    ch.bind_exchange(z, s.name("y"))
    ch.bind(q, z)
    ch.delete(q)
    ch.declare_exchange(z, passive=True)
    ch.declare_exchange(s.name("y"), passive=True)
    ch.exchange("never bound", "direct", auto_delete=True)
    ch.exchange("never bound", "direct", passive=True)


@scenario
def delete_if_unused(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "direct")
    y = ch.exchange("y", "direct")
    q = ch.queue("q")
    ch.bind(q, x, "k")
    ch.delete_exchange(x, if_unused=True)
    ch.bind_exchange(x, y, "k")
    ch.delete_exchange(y, if_unused=True)
    ch.unbind(q, x, "k")
    ch.delete_exchange(x, if_unused=True)
    ch.delete_exchange(y, if_unused=True)


@scenario
def bindings_are_their_ends_key_and_arguments(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "direct")
    q = ch.queue("q")
    ch.bind(q, x, "k")
    ch.bind(q, x, "k")
    ch.bind(q, x, "k", {"a": "b"})
    ch.publish(b"once", "k", x)
    ch.count(q, 1)
    ch.unbind(q, x, "k")
    ch.publish(b"still", "k", x, mandatory=True)
    ch.count(q, 2)
    ch.unbind(q, x, "k", {"a": "c"})
    ch.unbind(q, x, "k", {"a": "b"})
    ch.publish(b"no more", "k", x, mandatory=True)
    ch.returns()


@scenario
def publishing_to_what_is_not_there(s: Stage) -> None:
    ch = s.channel()
    ch.publish(b"1", "k", s.name("missing"))
    ch.sync()
    ch.publish(b"2", "k", s.name("missing"), mandatory=True)
    ch.sync()
    ch.confirm()
    ch.publish(b"3", "k", s.name("missing"), mandatory=True)
    ch.sync()


@scenario
def more_than_two_hashes(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.bind(q, "amq.topic", f"{s.name('a')}.#.b.#")
    ch.bind(q, "amq.topic", f"{s.name('a')}.#.b.#.c.#")
    ch.publish(b"1", f"{s.name('a')}.b", "amq.topic", mandatory=True)
    ch.count(q, 1)


@scenario
def x_match_values(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    x = ch.exchange("x", "headers")
    for value in ("all", "any", "all-with-x", "any-with-x", "none", "", 1, True, None, ["all"], Typed("x", b"all")):
        ch.bind(q, x, "k", {"x-match": value, "a": 1})
        ch.bind_exchange(x, x, "k", {"x-match": value, "b": 1})
