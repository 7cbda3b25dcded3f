"""Publishing: returns, confirms, properties, sizes, and what is refused."""

from __future__ import annotations

from ..codec import Typed
from ..scenario import every, scenario
from ..stage import Stage

EVERY_TYPE = {
    "b": Typed("b", -5),
    "B": Typed("B", 200),
    "s": Typed("s", -300),
    "u": Typed("u", 40000),
    "I": Typed("I", -70000),
    "i": Typed("i", 3000000000),
    "l": Typed("l", 1 << 40),
    "f": Typed("f", 0.5),
    "d": Typed("d", 0.1),
    "D": Typed("D", (2, 314)),
    "T": Typed("T", 86400),
    "S": "text",
    "bytes": b"\x00\xff",
    "x": Typed("x", b"\x00\xff"),
    "t": True,
    "V": None,
    "A": [1, "two", [], {}, [None, [True]]],
    "F": {"z": 1, "a": {"deep": [1.5]}, "": "no name"},
    "€": "wide",
}


@scenario
def properties_come_as_they_were(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"none", q)
    ch.publish(b"no headers", q, headers={})
    ch.publish(
        b"all",
        q,
        content_type="text/plain",
        content_encoding="utf-8",
        headers=EVERY_TYPE,
        delivery_mode=2,
        priority=7,
        correlation_id="c" * 255,
        reply_to="r",
        message_id="",
        timestamp=86400,
        message_type="t",
        user_id="guest",
        app_id="a",
        cluster_id="cl",
    )
    ch.publish(b"odd", q, delivery_mode=1, priority=255, timestamp=0)
    ch.publish(b"odd", q, delivery_mode=1, timestamp=(1 << 64) - 1)
    ch.publish(b"", q)
    ch.count(q, 6)
    ch.consume(q)
    ch.deliveries(6)
    ch.recover()
    ch.deliveries(6)
    ch.cancel()
    ch.recover()
    ch.sync()
    ch.count(q, 6)
    ch.drain(q)


@scenario
def delivery_modes(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for mode in (1, 2, 0, 3, 255):
        ch.publish(b"%d" % mode, "nowhere" if mode in (0, 3, 255) else q, delivery_mode=mode)
        ch.sync()
    ch.drain(q)


@scenario
def sizes(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    sizes = (0, 1, 4095, 4096, 131064, 131065, 131072, 262128, 1_000_000)
    for size in sizes:
        ch.publish(bytes(range(256)) * (size // 256) + b"." * (size % 256), q, mandatory=True)
    ch.count(q, len(sizes))
    ch.consume(q)
    ch.deliveries(len(sizes))


@scenario
def the_largest_message(s: Stage) -> None:
    ch = s.channel()
    ch.publish(b"." * (16 << 20), "nowhere")
    ch.sync()
    ch.publish(b"." * ((16 << 20) + 1), "nowhere")
    ch.sync()


@scenario
def big_headers(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q, headers={f"h{number}": "v" * 100 for number in range(600)})
    ch.publish(b"2", q, headers={"h": "v" * 100_000})
    ch.publish(b"3", s.name("nowhere"), headers={"h": "v" * 100_000}, mandatory=True)
    ch.returns()
    ch.count(q, 2)
    ch.drain(q)


@scenario
def returns_come_before_confirms(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.confirm()
    ch.publish(b"lost", "nowhere", mandatory=True, headers={"a": 1}, delivery_mode=2)
    ch.seen("Basic.Return", "Basic.Ack", count=2)
    ch.publish(b"routed", q, mandatory=True)
    ch.seen("Basic.Return", "Basic.Ack", count=1)
    ch.publish(b"dropped", "nowhere")
    ch.seen("Basic.Return", "Basic.Ack", count=1)
    ch.publish(b"lost", "nowhere", "amq.fanout", mandatory=True)
    ch.seen("Basic.Return", "Basic.Ack", count=2)


@scenario
def returns_of_many(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for number in range(20):
        ch.publish(b"%d" % number, q if number % 3 == 0 else f"nowhere.{number}", mandatory=number % 2 == 0)
    ch.returns(6)
    ch.count(q, 7)
    ch.quiet(q)


@scenario
def confirms_of_many(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q", durable=True)
    ch.publish(b"not counted", q)
    ch.confirm()
    for number in range(200):
        ch.publish(b"%d" % number, (q, "nowhere")[number % 2], delivery_mode=1 + number % 2)
    ch.confirms()
    ch.call("Confirm.Select")
    ch.publish(b"counts on", q)
    ch.confirms()
    ch.count(q, 102)


@scenario
def what_a_mode_excludes(s: Stage) -> None:
    ch = s.channel()
    ch.confirm()
    ch.call("Confirm.Select")
    ch.call("Tx.Select")
    ch.call("Tx.Select")
    ch.call("Tx.Select")
    ch.call("Confirm.Select")
    ch.call("Tx.Commit")
    ch.call("Tx.Rollback")
    ch.confirm()
    ch.call("Tx.Commit")


@scenario
def immediate(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q, immediate=True)
    ch.sync()
    ch.publish(b"2", "nowhere", immediate=True, mandatory=True)
    ch.sync()
    ch.count(q, 0)


@scenario
def user_id(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q, user_id="guest")
    ch.publish(b"2", q, user_id="somebody")
    ch.publish(b"3", q)
    ch.sync()
    ch.publish(b"4", q, user_id="")
    ch.sync()
    ch.publish(b"5", "nowhere", user_id="Guest", mandatory=True)
    ch.sync()
    ch.count(q, 1)


EXPIRATIONS = "0 1000 -1 1.5 abc +1 007 0x10 1e3 315360000000 315360000001 4294967296 99999999999999999999999999"
ODD_EXPIRATIONS = ["", " 1", "1 ", "1\n"]


@scenario(needs="expiration checks")
def expirations(s: Stage) -> None:
    ch = s.channel()
    for number, expiration in enumerate(EXPIRATIONS.split() + ODD_EXPIRATIONS):
        s.note(repr(expiration))
        ch.publish(b"%d" % number, "nowhere", expiration=expiration, mandatory=True)
        ch.sync()
        ch.remaining()


@scenario(needs="expiration checks")
def a_wrong_expiration_among_others(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.confirm()
    ch.publish(b"before", q, expiration="100000")
    ch.confirms()
    ch.publish(b"wrong", q, expiration="soon")
    ch.publish(b"after", q)
    ch.sync()
    ch.count(q, 1)
    ch.drain(q)


@scenario
def what_is_wrong_in_two_ways(s: Stage) -> None:
    ch = s.channel()
    ch.publish(b"1", "k", s.name("missing"), user_id="somebody")
    ch.sync()
    ch.publish(b"2", "k", s.name("missing"), immediate=True)
    ch.sync()
    ch.publish(b"3", "k", "amq.rabbitmq.trace", user_id="somebody")
    ch.sync()
    ch.publish(b"4", "k", user_id="somebody", immediate=True)
    ch.sync()


@scenario(needs="expiration checks")
def a_wrong_expiration_and_a_missing_exchange(s: Stage) -> None:
    ch = s.channel()
    ch.publish(b"1", "k", s.name("missing"), expiration="x")
    ch.sync()
    ch.publish(b"2", "k", user_id="somebody", expiration="x")
    ch.sync()
    ch.publish(b"3", "k", immediate=True, expiration="x")
    ch.sync()


@scenario
def a_closed_channel_ignores_the_rest(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q)
    ch.publish(b"2", q, s.name("missing"))
    ch.publish(b"3", q)
    ch.publish(b"4", q)
    ch.sync()
    ch.count(q, 1)


CC_NEEDS = "CC and BCC"


@scenario(needs=CC_NEEDS)
def cc_and_bcc(s: Stage) -> None:
    ch = s.channel()
    a, b, c = ch.queue("a"), ch.queue("b"), ch.queue("c")
    ch.publish(b"1", a, headers={"CC": [b, c]})
    ch.publish(b"2", a, headers={"BCC": [b], "other": 1})
    ch.publish(b"3", a, headers={"CC": [b, a, b], "BCC": [c, a]})
    ch.publish(b"4", "nowhere", headers={"BCC": [c]}, mandatory=True)
    ch.publish(b"5", "nowhere", headers={"CC": ["nor here"], "BCC": ["nor there"]}, mandatory=True)
    ch.returns()
    ch.publish(b"6", a, headers={"CC": [], "BCC": []})
    ch.publish(b"7", a, headers={"cc": [b], "bcc": [c]})
    ch.sync()
    for queue in (a, b, c):
        ch.barrier(queue)
        ch.drain(queue)


@scenario(needs=CC_NEEDS)
def cc_in_exchanges(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "topic")
    d = ch.exchange("d", "direct")
    f = ch.exchange("f", "fanout")
    a, b = ch.queue("a"), ch.queue("b")
    ch.bind(a, x, "*.a")
    ch.bind(b, x, "b.#")
    ch.bind(a, d, "a")
    ch.bind(b, d, "b")
    ch.bind(a, f)
    ch.publish(b"topic", "nothing", x, headers={"CC": ["x.a", "b.x", "b.a"]}, mandatory=True)
    ch.publish(b"direct", "nothing", d, headers={"BCC": ["b"]}, mandatory=True)
    ch.publish(b"fanout", "nothing", f, headers={"CC": ["b"], "BCC": ["b"]}, mandatory=True)
    ch.sync()
    for queue in (a, b):
        ch.barrier(queue)
        ch.drain(queue)


@every(
    {
        "CC": "CC",
        "BCC": "BCC",
    },
    needs=CC_NEEDS,
)
def wrong(s: Stage, header: str) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for value in (
        "text",
        1,
        True,
        None,
        {"a": 1},
        [1],
        ["a", 1],
        [None],
        [["a"]],
        Typed("x", b"a"),
        [Typed("x", b"a")],
    ):
        ch.publish(b"1", q, headers={header: value})
        ch.sync()
    ch.count(q, 0, 0.2)
    ch.drain(q)


@scenario(needs=CC_NEEDS)
def a_wrong_cc_of_a_missing_exchange(s: Stage) -> None:
    ch = s.channel()
    ch.publish(b"1", "k", s.name("missing"), headers={"CC": "text"})
    ch.sync()
    ch.publish(b"2", "k", headers={"CC": 1, "BCC": 2})
    ch.sync()


@scenario(needs=CC_NEEDS)
def cc_with_confirms_and_alternates(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    other = ch.exchange("other", "fanout")
    ch.bind(q, other)
    x = ch.exchange("x", "direct", {"alternate-exchange": other})
    ch.bind(q, x, "there")
    ch.confirm()
    ch.publish(b"cc", "not", x, headers={"CC": ["there"]}, mandatory=True)
    ch.publish(b"alternate", "not", x, headers={"CC": ["nor this"], "BCC": ["nor that"]}, mandatory=True)
    ch.publish(b"nowhere", "not", "amq.direct", headers={"BCC": ["hidden"]}, mandatory=True)
    ch.returns()
    ch.confirms()
    ch.count(q, 2)
    ch.drain(q)
