"""The producers and consumers of seed/, run as a person would run them, side by side, against one broker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest

SEED = Path(__file__).with_name("seed")

QUEUES = (
    "letterbox",
    "jobs",
    "questions",
    "behind-two",
    "people-all",
    "people-any",
    "ring-light",
    "ring-heavy",
    "options",
)
EXCHANGES = (
    "announcements",
    "shop-events",
    "happenings",
    "front",
    "back",
    "people",
    "ring",
    "post-office",
    "lost-and-found",
)


@pytest.fixture(autouse=True)
def swept(endpoint) -> Iterator[None]:
    """None of the programs' queues and exchanges are there before a test, or after it."""

    def sweep() -> None:
        with pika.BlockingConnection(pika.ConnectionParameters(endpoint.host, endpoint.port)) as connection:
            channel = connection.channel()
            for queue in QUEUES:
                channel.queue_delete(queue)
            for exchange in EXCHANGES:
                channel.exchange_delete(exchange)

    sweep()
    yield
    sweep()


@pytest.fixture
def run(launch) -> Callable[..., object]:
    """`run("letterbox/producer.py", arguments...)` starts one of the programs."""
    return lambda program, *arguments: launch(SEED / program, *arguments)


def test_letterbox_when_the_consumer_comes_first(run):
    consumer = run("letterbox/consumer.py")
    consumer.expect("waiting for letters")
    assert run("letterbox/producer.py").finish() == ["posted: a first letter"]
    consumer.expect("read: a first letter")
    run("letterbox/producer.py", "another").finish()
    consumer.expect("read: another")
    assert consumer.interrupt() == ["waiting for letters", "read: a first letter", "read: another"]


def test_letterbox_keeps_letters_until_somebody_reads(run):
    for letter in ("early", "earlier still"):
        run("letterbox/producer.py", letter).finish()
    consumer = run("letterbox/consumer.py")
    consumer.expect("read: early$")
    consumer.expect("read: earlier still$")
    consumer.interrupt()


def test_competing_consumers_share_by_being_free_and_inherit_from_the_dead(run):
    slow = run("competing/consumer.py", "60000")
    slow.expect("waiting for jobs")
    producer = run("competing/producer.py", "20", "5")
    first = slow.expect(r"(job \d+) takes")[1]
    fast = run("competing/consumer.py", "2")
    for _ in range(19):
        fast.expect(r"job \d+ done")
    producer.finish()
    assert sum("takes" in line for line in slow.lines) == 1
    # What the slow one had not acknowledged when it died is done by the other, and marked as delivered before.
    slow.kill()
    fast.expect(rf"{first} takes \d ms \(again\)")
    fast.expect(f"{first} done")
    done = [line for line in fast.interrupt() if line.endswith("done")]
    assert sorted(done) == sorted(f"job {number} done" for number in range(1, 21))


def test_without_prefetch_jobs_are_dealt_out_in_turn(run):
    consumers = [run("competing/consumer.py", "0", "0") for _ in range(2)]
    for consumer in consumers:
        consumer.expect("waiting for jobs")
    run("competing/producer.py", "20", "0").finish()
    shares = []
    for consumer in consumers:
        shares.append([int(consumer.expect(r"job (\d+) done")[1]) for _ in range(10)])
        consumer.interrupt()
    assert sorted(shares) == [list(range(1, 21, 2)), list(range(2, 21, 2))]


def test_publish_subscribe_copies_to_every_listener(run):
    run("pubsub/producer.py", "nobody is listening yet").finish()
    first, second = run("pubsub/first_consumer.py"), run("pubsub/second_consumer.py")
    names = {
        listener.expect(rf"{which} listens on (amq\.gen-\S+)")[1]
        for listener, which in ((first, "first"), (second, "second"))
    }
    assert len(names) == 2
    assert run("pubsub/producer.py").finish() == ["announced: the shop opens at nine"]
    first.expect("first heard: the shop opens at nine")
    second.expect("second heard: the shop opens at nine")
    assert len(first.interrupt()) == 2
    run("pubsub/producer.py", "only one is left").finish()
    second.expect("second heard: only one is left")
    assert len(second.interrupt()) == 3


def test_exclusive_queues_go_with_their_connection(run, endpoint):
    listener = run("pubsub/first_consumer.py")
    name = listener.expect(r"first listens on (\S+)")[1]
    with pika.BlockingConnection(pika.ConnectionParameters(endpoint.host, endpoint.port)) as connection:
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as locked:
            connection.channel().queue_declare(name, passive=True)
        assert (locked.value.reply_code, locked.value.reply_text) == (
            405,
            f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}' in vhost '/'. It could be "
            "originally declared on another connection or the exclusive property value does not match that of the "
            "original declaration.",
        )
        run("pubsub/producer.py").finish()
        listener.expect("first heard")
        listener.interrupt()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as gone:
            connection.channel().queue_declare(name, passive=True)
        assert (gone.value.reply_code, gone.value.reply_text) == (
            404,
            f"NOT_FOUND - no queue '{name}' in vhost '/'",
        )


def test_direct_exchange_routes_by_key(run):
    analytics, payments = run("direct/analytics_consumer.py"), run("direct/payments_consumer.py")
    analytics.expect("analytics ready")
    payments.expect("payments ready")
    assert len(run("direct/producer.py").finish()) == 4
    for program, which in ((analytics, "analytics"), (payments, "payments")):
        program.expect(f"{which} took: event for both")
        assert program.interrupt()[1:] == [f"{which} took: event for {which}", f"{which} took: event for both"]


@pytest.mark.parametrize(
    ("pattern", "matched", "last"),
    [
        ("user.#", ["user.signup", "user.profile.photo", "user"], "user.last"),
        ("user.*", ["user.signup"], "user.last"),
        ("#", ["user.signup", "user.profile.photo", "order.paid", "user", "users.list"], ""),
        ("#.paid", ["order.paid"], "paid"),
        ("*.*.photo", ["user.profile.photo"], "..photo"),
    ],
)
def test_topic_exchange_routes_by_pattern(run, pattern, matched, last):
    follower = run("topic/user_consumer.py", pattern)
    follower.expect("following")
    run("topic/producer.py", "user.signup", "user.profile.photo", "order.paid", "user", "users.list", last).finish()
    follower.expect(f"{last}: it happened: {last}$")
    assert follower.interrupt()[1:] == [f"{key}: it happened: {key}" for key in [*matched, last]]


def test_request_and_reply(run):
    client = run("request_reply/client.py", "who", "where", "when")
    client.expect("waiting for replies")
    server = run("request_reply/server.py")
    server.expect("ready for questions")
    lines = client.finish()
    sent = {line.split(": ")[1] for line in lines if line.startswith("sent")}
    assert lines[4:] == ["who? WHO", "where? WHERE", "when? WHEN"]
    second = run("request_reply/client.py", "why").finish()
    assert second[-1] == "why? WHY"
    asked = {line.removeprefix("asked: ") for line in server.interrupt() if line.startswith("asked")}
    assert asked == sent | {second[0].split(": ")[1]}


def test_exchange_to_exchange(run):
    consumer = run("exchange_to_exchange/consumer.py")
    consumer.expect("waiting behind two exchanges")
    run("exchange_to_exchange/producer.py").finish()
    run("exchange_to_exchange/producer.py", "once more").finish()
    consumer.expect("received from front: through two exchanges$")
    consumer.expect("received from front: once more$")
    assert len(consumer.interrupt()) == 3


def test_headers_exchange_matches_all_or_any(run):
    every, some = run("headers/consumer.py", "all"), run("headers/consumer.py", "any")
    every.expect("waiting for all")
    some.expect("waiting for any")
    for headers in (
        ["name=brian"],
        ["name=brian", "age=54"],
        ["name=brian", "age=53"],
        ["age=53", "name=brian", "town=lisbon"],
        ["name=bryan", "age=54"],
        ["age=53"],
        ["age=53", "name=brian", "last=1"],
    ):
        run("headers/producer.py", *headers).finish()
    every.expect(".*last is 1")
    some.expect(".*last is 1")
    assert every.interrupt()[1:] == [
        "all: name is brian, age is 53",
        "all: age is 53, name is brian, town is lisbon",
        "all: age is 53, name is brian, last is 1",
    ]
    assert some.interrupt()[1:] == [
        "any: name is brian",
        "any: name is brian, age is 54",
        "any: name is brian, age is 53",
        "any: age is 53, name is brian, town is lisbon",
        "any: age is 53",
        "any: age is 53, name is brian, last is 1",
    ]


def test_consistent_hash_keeps_keys_together_and_follows_weights(run, endpoint):
    keys = 1000
    consumers = {"light": run("consistent_hash/consumer.py", "light", "1")}
    consumers["light"].expect("light has weight 1")
    consumers["heavy"] = run("consistent_hash/consumer.py", "heavy", "3")
    consumers["heavy"].expect("heavy has weight 3")
    run("consistent_hash/producer.py", str(keys)).finish()
    # A message to each queue by its own name comes after all that the ring gave it.
    with pika.BlockingConnection(pika.ConnectionParameters(endpoint.host, endpoint.port)) as connection:
        for name in consumers:
            connection.channel().basic_publish("", f"ring-{name}", b"the last")
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for name, consumer in consumers.items():
        consumer.expect(f"{name}: the last")
        for line in consumer.interrupt()[1:-1]:
            owners[line.split(": ")[1]].append(name)
    assert sorted(owners, key=int) == [str(number) for number in range(keys)]
    assert all(len(seen) == 2 and seen[0] == seen[1] for seen in owners.values())
    light = sum(seen[0] == "light" for seen in owners.values())
    assert 0.17 * keys < light < 0.33 * keys


def test_message_options_arrive_as_sent(run):
    assert run("publish_options/properties_producer.py").finish() == ["published with options"]
    assert run("publish_options/properties_consumer.py").finish() == [
        "waiting for options",
        "app_id = 'seed'",
        "content_encoding = 'utf-8'",
        "content_type = 'application/json'",
        "correlation_id = 'c-1'",
        "delivery_mode = 2",
        "expiration = '17889890'",
        "headers = {'name': 'brian', 'attempt': 1}",
        "message_id = 'm-1'",
        "priority = 3",
        "timestamp = 1700000000",
        "type = 'greeting'",
        "user_id = 'guest'",
    ]


def test_mandatory_messages_come_back(run):
    lines = run("publish_options/mandatory.py").finish()
    assert sorted(lines) == ["in the queue: finds a queue", "returned 312 NO_ROUTE: finds none"]


def test_confirms(run):
    assert run("publish_options/confirms.py").finish() == [
        "confirmed: arrives",
        "confirmed: lost, and nobody asked",
        "not routed: unroutable",
    ]


def test_transactions(run):
    assert run("publish_options/transactions.py").finish() == [
        "before the commit: 0",
        "after the commit: 2",
        "after the rollback: 2",
    ]


def test_alternate_exchange_takes_what_is_not_routed(run):
    consumer = run("alternate_exchange/consumer.py")
    consumer.expect("post office open")
    run("alternate_exchange/producer.py").finish()
    consumer.expect("delivered: parcel for known-street")
    consumer.expect("filed: parcel for unknown-street")
    assert len(consumer.interrupt()) == 3


def test_acknowledgements(run):
    assert run("acknowledgements/letters.py").finish() == [
        "took a b c",
        "took d",
        "took D e",
        "took D",
        "took E f",
        "took g h",
        "took G H",
        "left: 0",
    ]
