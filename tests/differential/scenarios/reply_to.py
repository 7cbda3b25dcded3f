"""Direct reply-to: answers without a queue."""

from __future__ import annotations

from ..scenario import scenario
from ..stage import Stage

NEEDS = "direct reply-to"
REPLY_TO = "amq.rabbitmq.reply-to"


@scenario(needs=NEEDS)
def a_call(s: Stage) -> None:
    client, server = s.channel(), s.channel()
    q = server.queue("q")
    server.consume(q, "server")
    client.consume(REPLY_TO, "answers", no_ack=True)
    for number in range(2):
        client.publish(b"question %d" % number, q, reply_to=REPLY_TO, correlation_id=str(number), headers={"a": 1})
        (request,) = server.seen("Basic.Deliver", count=1)
        address = request.properties["reply_to"]
        server.say(f"an address: {address.startswith(REPLY_TO + '.')}")
        server.publish(b"answer %d" % number, address, correlation_id=str(number), mandatory=True, expiration="1000")
        client.deliveries()
        server.sync()
    server.declare(address, passive=True)
    server.declare(address)
    server.confirm()
    server.publish(b"confirmed", address, mandatory=True)
    server.confirms()
    client.deliveries()
    client.cancel("answers")
    server.publish(b"too late", address, mandatory=True)
    server.sync()
    server.quiet()
    server.declare(address, passive=True)


@scenario(needs=NEEDS)
def answers_after_the_client_is_gone(s: Stage) -> None:
    client, server = s.channel(), s.channel()
    q = server.queue("q")
    client.consume(REPLY_TO, "", no_ack=True)
    client.publish(b"question", q, reply_to=REPLY_TO)
    server.count(q, 1)
    request = server.get(q)
    assert request is not None
    address = request.properties["reply_to"]
    client.close()
    server.publish(b"too late", address)
    server.sync()
    server.declare(address, passive=True)


@scenario(needs=NEEDS)
def errors(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    ch.publish(b"1", q, reply_to=REPLY_TO)
    ch.sync()
    ch.consume(REPLY_TO, "acking")
    ch.consume(REPLY_TO, "one", no_ack=True)
    ch.consume(REPLY_TO, "two", no_ack=True)
    ch.consume(REPLY_TO, "one", no_ack=True)
    ch.consume(REPLY_TO, "one", no_ack=True)
    ch.cancel("one")
    ch.consume(REPLY_TO, "two", no_ack=True)
    ch.publish(b"2", q, reply_to=REPLY_TO)
    ch.count(q, 1)


@scenario(needs=NEEDS)
def the_name_in_other_places(s: Stage) -> None:
    ch = s.channel()
    ch.declare(REPLY_TO)
    ch.declare(REPLY_TO, passive=True)
    ch.declare(f"{REPLY_TO}.nonsense")
    ch.declare(f"{REPLY_TO}.nonsense", passive=True)
    ch.get(REPLY_TO)
    ch.purge(REPLY_TO)
    ch.bind(REPLY_TO, "amq.direct", "k")
    ch.unbind(REPLY_TO, "amq.direct", "k")
    ch.delete(REPLY_TO)
    ch.publish(b"1", REPLY_TO, mandatory=True)
    ch.sync()
    ch.quiet()
    ch.publish(b"1", f"{REPLY_TO}.nonsense", mandatory=True)
    ch.sync()
    ch.quiet()


@scenario(needs=NEEDS)
def an_ordinary_reply_to_is_left_alone(s: Stage) -> None:
    ch = s.channel()
    q = ch.queue("q")
    for address in ("mine", f"{REPLY_TO}.mine", "amq.rabbitmq.reply", ""):
        ch.publish(b"1", q, reply_to=address)
    ch.count(q, 4)
    ch.drain(q)


@scenario(needs=NEEDS)
def through_an_exchange_and_mandatory(s: Stage) -> None:
    ch = s.channel()
    x = ch.exchange("x", "fanout")
    q = ch.queue("q")
    ch.bind(q, x)
    ch.consume(REPLY_TO, "answers", no_ack=True)
    ch.publish(b"1", "k", x, reply_to=REPLY_TO, mandatory=True)
    ch.count(q, 1)
    request = ch.get(q)
    assert request is not None
    ch.publish(b"own answer", request.properties["reply_to"], delivery_mode=2, headers={"h": 1})
    ch.deliveries()
    ch.publish(b"returned", "nowhere", reply_to=REPLY_TO, mandatory=True)
    ch.returns()
