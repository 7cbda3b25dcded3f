"""kill -9 under load, again and again, and a checker that remembers what every client was told.

    python -m tests.crash.kill --cycles 200 --seed 7 --directory DIR

A cycle: start the broker, let clients work for a moment, kill it. Publishers count upwards, each in queues of its own,
so that what comes out can be compared with what went in:

    direct          one publisher with confirms, many outstanding; a consumer that acks, rejects and requeues
    f0 ... f4       a fanout exchange; f0 has a client that gets and acks
    t0, t1          the same number to both in one transaction
    d...            queues and bindings that are declared and deleted
    ttl, limited, levels    messages that expire, are too many, have priorities; what dies there goes to `dead`
    delayed         an exchange that delays what goes to `late`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from leveret.wire.fields import Arguments
from leveret.wire.frames import method_frame
from leveret.wire.methods import (
    BasicAck,
    BasicConsume,
    BasicConsumeOk,
    BasicNack,
    BasicQos,
    BasicQosOk,
    BasicReject,
    ExchangeDeclare,
    ExchangeDeclareOk,
    QueueBind,
    QueueBindOk,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    QueueDeleteOk,
    TxCommit,
    TxCommitOk,
    TxSelect,
    TxSelectOk,
)
from leveret.wire.properties import Properties, encode_properties

from ..process import BrokerProcess
from .client import TRANSIENT, Client, Delivery, Gone

FANOUT = [f"f{number}" for number in range(5)]
TRANSACTED = ["t0", "t1"]
QUEUES = ["direct", *FANOUT, *TRANSACTED]
LETTERS = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
SPECIAL: dict[str, dict[str, object]] = {
    "ttl": {"x-message-ttl": 150, **LETTERS},
    "limited": {"x-max-length": 40, **LETTERS},
    "levels": {"x-max-priority": 3, **LETTERS},
    "dead": {},
    "late": {},
}
WAYS = {"ttl": ("ttl", "dead"), "limited": ("limited", "dead"), "levels": ("levels", "dead"), "delayed": ("late",)}
"""Where a message may be that was sent there, in the end."""
PADDING = [b"", b"x" * 100, b"y" * 3000]


@dataclass
class Stream:
    """What one publisher sent, and what it was told."""

    next: int = 0
    confirmed: set[int] = field(default_factory=set)

    def take(self, count: int) -> range:
        first = self.next
        self.next += count
        return range(first, self.next)


@dataclass
class Model:
    """What was promised, over all lives of the broker."""

    direct: Stream = field(default_factory=Stream)
    fanout: Stream = field(default_factory=Stream)
    transactions: Stream = field(default_factory=Stream)
    taken: dict[str, set[int]] = field(default_factory=lambda: {name: set() for name in QUEUES})
    """Acked or rejected: may be there again, need not."""
    seen: dict[str, set[int]] = field(default_factory=lambda: {name: set() for name in QUEUES})
    """Delivered at least once."""
    special: Stream = field(default_factory=Stream)
    ways: dict[int, str] = field(default_factory=dict)
    """By number of `special`: where it was sent."""
    priorities: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    """Of `special`: acked, may be there again, need not."""
    declared: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    """Asked for, and not answered."""
    serial: int = 0
    confirms: int = 0
    deliveries: int = 0


class Cycle:
    """One life of the broker."""

    def __init__(self, model: Model, port: int, seed: int) -> None:
        self.model = model
        self.port = port
        self.seed = seed
        self.failures: list[BaseException] = []

    def run(self, seconds: float, kill: Callable[[], None]) -> None:
        workers = [self.publish, self.fan_out, self.transact, self.consume, self.get, self.define]
        workers += [self.send_special, self.take_special]
        threads = [threading.Thread(target=self._work, args=(work, number)) for number, work in enumerate(workers)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.failures:
            threading.Event().wait(0.01)
        kill()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        if self.failures:
            raise self.failures[0]

    def _work(self, work: Callable[[Client, Random], None], number: int) -> None:
        try:
            client = Client(self.port)
            try:
                work(client, Random(self.seed * 10 + number))
            finally:
                client.close()
        except Gone:
            pass
        except BaseException as failure:
            self.failures.append(failure)

    # -- who sends -----------------------------------------------------------------------------------------------

    def publish(self, client: Client, random: Random) -> None:
        self._publish(client, random, self.model.direct, "", "direct", 200)

    def fan_out(self, client: Client, random: Random) -> None:
        self._publish(client, random, self.model.fanout, "wide", "", 50)

    def _publish(self, client: Client, random: Random, stream: Stream, exchange: str, key: str, window: int) -> None:
        client.confirm()
        sent: list[int] = []
        told = 0
        try:
            while True:
                numbers = stream.take(random.choice([1, 3, 40]))
                sent += numbers
                client.publish(exchange, key, [_body(number, random) for number in numbers])
                while len(sent) - client.confirmed > window:
                    client.read()
                told = self._note(stream, sent, told, client.confirmed)
        finally:
            assert not client.nacked
            self._note(stream, sent, told, client.confirmed)

    def send_special(self, client: Client, random: Random) -> None:
        """Half of the time nothing more is sent before all is confirmed."""
        model = self.model
        client.confirm()
        sent: list[int] = []
        told = 0
        try:
            while True:
                numbers = model.special.take(random.choice([1, 3, 20]))
                sent += numbers
                way, priority = random.choice([*WAYS]), random.choice([0, 1, 3])
                model.ways.update(dict.fromkeys(numbers, way))
                model.priorities.update(dict.fromkeys(numbers, priority))
                properties = Properties(
                    headers={"x-delay": random.choice([20, 200])} if way == "delayed" else None,
                    delivery_mode=2,
                    priority=priority,
                    expiration=random.choice([None, "100"]) if way == "levels" else None,
                )
                exchange, key = ("delayed", "") if way == "delayed" else ("", way)
                bodies = [_body(number, random) for number in numbers]
                client.publish(exchange, key, bodies, encode_properties(properties))
                while len(sent) - client.confirmed > random.choice([0, 100]):
                    client.read()
                told = self._note(model.special, sent, told, client.confirmed)
        finally:
            self._note(model.special, sent, told, client.confirmed)

    def take_special(self, client: Client, random: Random) -> None:
        while True:
            name = random.choice([*SPECIAL])
            delivery = client.get(name)
            if delivery is None:
                continue
            number = _number(delivery.body)
            assert name in WAYS[self.model.ways[number]], f"{number} is in {name}"
            self.model.deliveries += 1
            if random.random() < 0.5:
                self.model.gone.add(number)
                client.send(method_frame(1, BasicAck(delivery_tag=delivery.tag)))
            elif name != "late" and name != "dead":
                client.send(method_frame(1, BasicReject(delivery_tag=delivery.tag, requeue=False)))
            else:
                client.send(method_frame(1, BasicNack(delivery_tag=delivery.tag, requeue=True)))

    def _note(self, stream: Stream, sent: list[int], told: int, confirmed: int) -> int:
        stream.confirmed.update(sent[told:confirmed])
        self.model.confirms += confirmed - told
        return confirmed

    def transact(self, client: Client, random: Random) -> None:
        client.call(TxSelect(), TxSelectOk)
        while True:
            numbers = self.model.transactions.take(random.choice([1, 5]))
            for name in TRANSACTED:
                client.publish("", name, [_body(number, random) for number in numbers])
            client.call(TxCommit(), TxCommitOk)
            self.model.transactions.confirmed.update(numbers)
            self.model.confirms += len(numbers)

    # -- who receives --------------------------------------------------------------------------------------------

    def consume(self, client: Client, random: Random) -> None:
        client.call(BasicQos(prefetch_count=random.choice([1, 20, 500])), BasicQosOk)
        client.call(BasicConsume(queue="direct", consumer_tag="c"), BasicConsumeOk)
        last = -1
        while True:
            for delivery in client.deliveries():
                number = self._received("direct", delivery)
                if not delivery.redelivered:
                    assert number > last, f"direct: {number} after {last}"
                    last = number
                tag = delivery.tag
                chance = random.random()
                if chance < 0.05:
                    client.send(method_frame(1, BasicNack(delivery_tag=tag, requeue=True)))
                    continue
                if chance < 0.1:
                    client.send(method_frame(1, BasicReject(delivery_tag=tag, requeue=False)))
                else:
                    client.send(method_frame(1, BasicAck(delivery_tag=tag)))
                self.model.taken["direct"].add(number)

    def get(self, client: Client, random: Random) -> None:
        while True:
            delivery = client.get("f0")
            if delivery is not None:
                number = self._received("f0", delivery)
                client.send(method_frame(1, BasicAck(delivery_tag=delivery.tag)))
                self.model.taken["f0"].add(number)

    def _received(self, queue: str, delivery: Delivery) -> int:
        number = _number(delivery.body)
        seen = self.model.seen[queue]
        assert number not in seen or delivery.redelivered, f"{queue}: {number} came twice"
        seen.add(number)
        self.model.deliveries += 1
        return number

    # -- who defines ---------------------------------------------------------------------------------------------

    def define(self, client: Client, random: Random) -> None:
        model = self.model
        while True:
            if model.declared and random.random() < 0.4:
                name = random.choice(sorted(model.declared))
                model.declared.discard(name)
                model.unsure.add(name)
                client.call(QueueDelete(queue=name), QueueDeleteOk)
                model.unsure.discard(name)
                model.deleted.add(name)
            else:
                model.serial += 1
                name = f"d{model.serial}"
                model.unsure.add(name)
                client.call(QueueDeclare(queue=name, durable=True), QueueDeclareOk)
                client.call(QueueBind(queue=name, exchange="named", routing_key=name), QueueBindOk)
                model.unsure.discard(name)
                model.declared.add(name)


def _body(number: int, random: Random) -> bytes:
    return b"%d " % number + random.choice(PADDING)


def _number(body: bytes) -> int:
    number, padding = body.split(b" ", 1)
    assert padding in PADDING, "another payload"
    return int(number)


def set_up(port: int) -> None:
    """What every life needs."""
    client = Client(port)
    client.call(ExchangeDeclare(exchange="wide", type="fanout", durable=True), ExchangeDeclareOk)
    client.call(ExchangeDeclare(exchange="named", type="direct", durable=True), ExchangeDeclareOk)
    for name in QUEUES:
        client.call(QueueDeclare(queue=name, durable=True), QueueDeclareOk)
    for name in FANOUT:
        client.call(QueueBind(queue=name, exchange="wide"), QueueBindOk)
    for name, arguments in SPECIAL.items():
        client.call(QueueDeclare(queue=name, durable=True, arguments=Arguments.of(arguments)), QueueDeclareOk)
    fanout = Arguments.of({"x-delayed-type": "fanout"})
    delayed = ExchangeDeclare(exchange="delayed", type="x-delayed-message", durable=True, arguments=fanout)
    client.call(delayed, ExchangeDeclareOk)
    client.call(QueueBind(queue="late", exchange="delayed"), QueueBindOk)
    client.close()


def check_definitions(model: Model, port: int) -> None:
    """What was acknowledged is there, and routes; what was deleted is not."""
    client = Client(port)
    client.confirm()
    for name in sorted(model.declared):
        client.call(QueueDeclare(queue=name, passive=True), QueueDeclareOk)
        client.publish("named", name, [b"probe"], TRANSIENT)
        while client.confirmed < client.published:
            client.read()
        probe = client.get(name)
        assert probe is not None, f"{name} is not bound"
        client.send(method_frame(1, BasicAck(delivery_tag=probe.tag)))
    client.close()
    for name in sorted(model.deleted):
        client = Client(port)
        assert not client.is_there(name), f"{name} was deleted and is there"
        client.close()
    model.deleted.clear()


def drain(model: Model, port: int) -> None:
    """Take everything out, and compare."""
    streams = {"direct": model.direct, **dict.fromkeys(FANOUT, model.fanout)}
    streams |= dict.fromkeys(TRANSACTED, model.transactions)
    drained: dict[str, list[int]] = {}
    for name in QUEUES:
        client = Client(port)
        count = client.call(QueueDeclare(queue=name, passive=True), QueueDeclareOk).message_count
        client.call(BasicConsume(queue=name, consumer_tag="c"), BasicConsumeOk)
        numbers: list[int] = []
        while len(numbers) < count:
            for delivery in client.deliveries():
                assert delivery.redelivered, f"{name}: {delivery.tag} is not marked as redelivered"
                numbers.append(_number(delivery.body))
        client.send(method_frame(1, BasicAck(delivery_tag=0, multiple=True)))
        left = client.call(QueueDeclare(queue=name, passive=True), QueueDeclareOk)
        assert left.message_count == 0
        client.close()
        assert numbers == sorted(set(numbers)), f"{name}: order"
        stream = streams[name]
        assert not numbers or numbers[-1] < stream.next, f"{name}: {numbers[-1]} was never sent"
        lost = stream.confirmed - set(numbers) - model.taken[name]
        assert not lost, f"{name}: {len(lost)} confirmed messages are lost, the first is {min(lost)}"
        drained[name] = numbers
    assert drained["t0"] == drained["t1"], "a transaction is there in part"


def drain_special(model: Model, port: int) -> None:
    """Each message is in one of its places, once; those that were not confirmed or were acked may be missing."""
    client = Client(port)
    found: dict[int, str] = {}
    newest: dict[int, int] = {}
    missing = model.special.confirmed - model.gone
    end = time.monotonic() + 30
    empty = 0
    while (missing or empty < 10) and time.monotonic() < end:
        empty += 1
        for name in SPECIAL:
            while (delivery := client.get(name)) is not None:
                empty = 0
                number = _number(delivery.body)
                assert number not in found, f"{number} is in {name} and was in {found[number]}"
                assert name in WAYS[model.ways[number]], f"{number} is in {name}"
                found[number] = name
                missing.discard(number)
                client.send(method_frame(1, BasicAck(delivery_tag=delivery.tag)))
                if name == "levels":
                    priority = model.priorities[number]
                    assert number > newest.get(priority, -1), f"levels: {number} after {newest[priority]}"
                    newest[priority] = number
    assert not missing, f"{len(missing)} confirmed messages are lost, one was sent to {model.ways[min(missing)]}"
    client.close()


def run(directory: Path, cycles: int, seed: int, report: Callable[[str], None] = lambda line: None) -> Model:
    """So many lives and deaths; raises AssertionError when a promise was broken."""
    random = Random(seed)
    model = Model()
    for cycle in range(cycles + 1):
        options = ["--port", "0", "--data-dir", str(directory), "--log-level", "info", "--segment-size", "1MiB"]
        if random.random() < 0.5:
            options += ["--paging-budget", random.choice(["0", "2MB"])]
        with BrokerProcess(*options) as broker:
            if cycle == 0:
                set_up(broker.port)
            check_definitions(model, broker.port)
            if cycle == cycles:
                drain(model, broker.port)
                drain_special(model, broker.port)
                assert broker.stop() == 0
                break
            Cycle(model, broker.port, seed * 100_000 + cycle).run(random.choice([0.05, 0.3, 1.0]), broker.kill)
        if cycle % 10 == 9:
            report(f"cycle {cycle + 1}: {model.confirms} confirmed, {model.deliveries} delivered")
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=Path.cwd() / "build")
    arguments = parser.parse_args()
    arguments.directory.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        model = run(Path(directory) / "data", arguments.cycles, arguments.seed, lambda line: print(line, flush=True))
    print(f"{model.confirms} confirmed, 0 lost, {model.deliveries} delivered, {model.serial} queues defined")
    return 0


if __name__ == "__main__":
    sys.exit(main())
