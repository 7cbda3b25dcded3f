"""Users, passwords and permissions against RabbitMQ: the same definitions in both, the same clients on both."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, ProbableAccessDeniedError, ProbableAuthenticationError

from leveret.access.passwords import SALT_SIZE, SHA256, SHA512, hash_password
from leveret.authorize import PERMISSIONS

from ..process import BrokerProcess
from .rabbitmq import SERVER, RabbitMQ

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]

PATTERNS = ["", ".*", "^(q|x)$", "^(other|new)$"]
SETS = [dict(zip(PERMISSIONS, patterns, strict=True)) for patterns in product(PATTERNS, repeat=3)]
OTHER = {"alternate-exchange": "other"}
DEAD = {"x-dead-letter-exchange": "other"}

Operation = Callable[[BlockingChannel], object]
OPERATIONS: dict[str, Operation] = {
    "queue.declare": lambda c: c.queue_declare("new"),
    "queue.declare of one that is there": lambda c: c.queue_declare("q"),
    "queue.declare with a dead letter exchange": lambda c: c.queue_declare("new", arguments=DEAD),
    "queue.declare of a name of the broker's": lambda c: c.queue_declare(""),
    "queue.delete": lambda c: c.queue_delete("q"),
    "queue.delete of one that is not there": lambda c: c.queue_delete("nowhere"),
    "queue.purge": lambda c: c.queue_purge("q"),
    "queue.bind": lambda c: c.queue_bind("q", "x", "k"),
    "queue.bind to one that is not there": lambda c: c.queue_bind("q", "nowhere", "k"),
    "queue.bind of one that is not there": lambda c: c.queue_bind("nowhere", "x", "k"),
    "queue.bind to the default exchange": lambda c: c.queue_bind("q", "", "k"),
    "queue.unbind": lambda c: c.queue_unbind("q", "x", "k"),
    "queue.unbind of what is not there": lambda c: c.queue_unbind("nowhere", "nowhere", "k"),
    "exchange.declare": lambda c: c.exchange_declare("new", "fanout"),
    "exchange.declare of one that is there": lambda c: c.exchange_declare("x", "fanout"),
    "exchange.declare of another type": lambda c: c.exchange_declare("x", "direct"),
    "exchange.declare with an alternate exchange": lambda c: c.exchange_declare("new", "fanout", arguments=OTHER),
    "exchange.declare under the broker's prefix": lambda c: c.exchange_declare("amq.new", "fanout"),
    "exchange.declare of the default exchange": lambda c: c.exchange_declare("", "direct"),
    "exchange.delete": lambda c: c.exchange_delete("x"),
    "exchange.delete of one of the broker's": lambda c: c.exchange_delete("amq.topic"),
    "exchange.delete of one that is not there": lambda c: c.exchange_delete("nowhere"),
    "exchange.bind": lambda c: c.exchange_bind("other", "x", "k"),
    "exchange.bind the other way round": lambda c: c.exchange_bind("x", "other", "k"),
    "exchange.unbind": lambda c: c.exchange_unbind("other", "x", "k"),
    "basic.get": lambda c: c.basic_get("q"),
    "basic.get of one that is not there": lambda c: c.basic_get("nowhere"),
    "basic.consume": lambda c: c.basic_consume("q", print),
    "basic.publish": lambda c: publish(c, "x"),
    "basic.publish to the default exchange": lambda c: publish(c, "", "q"),
    "basic.publish to one that is not there": lambda c: publish(c, "nowhere"),
    "basic.publish to one that is internal": lambda c: publish(c, "amq.rabbitmq.trace"),
    "basic.publish to a topic": lambda c: publish(c, "topics", "other.key"),
    "basic.publish to a topic that is allowed": lambda c: publish(c, "topics", "news.key"),
    "queue.bind to a topic": lambda c: c.queue_bind("q", "topics", "other.key"),
    "queue.bind to a topic that is allowed": lambda c: c.queue_bind("q", "topics", "news.key"),
    "exchange.bind to a topic": lambda c: c.exchange_bind("x", "topics", "#"),
}


def publish(channel: BlockingChannel, exchange: str, key: str = "k") -> object:
    """A message, and an answer to something else behind it."""
    channel.basic_publish(exchange, key, b"m")
    return channel.basic_qos(prefetch_count=1)


def definitions() -> dict[str, Any]:
    """A user for each set of permissions; half of them have restricted routing keys."""
    users, permissions, topics = [], [], []
    for number, patterns in enumerate(SETS):
        hashing = (SHA256, SHA512)[number % 2]
        kept = hash_password(f"password{number}".encode(), os.urandom(SALT_SIZE), hashing)
        users.append({"name": f"user{number}", "password_hash": kept, "hashing_algorithm": hashing, "tags": ""})
        permissions.append({"user": f"user{number}", "vhost": "tenants", **patterns})
        if number % 2:
            topics.append(
                {"user": f"user{number}", "vhost": "tenants", "exchange": "topics", "write": "^news", "read": "^news"}
            )
    return {
        "rabbit_version": "3.10.0",
        "vhosts": [{"name": "tenants"}],
        "users": [
            *users,
            {"name": "admin", "password_hash": kept_of("admin"), "hashing_algorithm": SHA256, "tags": "administrator"},
            {"name": "locked", "password_hash": "", "hashing_algorithm": SHA256, "tags": ""},
        ],
        "permissions": [
            *permissions,
            {"user": "admin", "vhost": "tenants", "configure": ".*", "write": ".*", "read": ".*"},
        ],
        "topic_permissions": topics,
        "policies": [
            {"vhost": "tenants", "name": "p", "pattern": "^a", "definition": {"max-length": 5}, "apply-to": "queues"}
        ],
        "queues": [
            {"vhost": "tenants", "name": f"queue{number}", "durable": True, "auto_delete": False, "arguments": {}}
            for number in range(1000)
        ],
        "exchanges": [],
        "bindings": [],
        "parameters": [],
    }


def kept_of(password: str) -> str:
    return hash_password(password.encode(), os.urandom(SALT_SIZE), SHA256)


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RabbitMQ, int, Path]]:
    """RabbitMQ with the definitions, the port of a Leveret that imported what RabbitMQ exported, and that file."""
    if not SERVER.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("rabbitmq-server is not on this machine")
        pytest.skip("rabbitmq-server is not on this machine")
    folder = tmp_path_factory.mktemp("tenants")
    given, exported = folder / "given.json", folder / "exported.json"
    given.write_text(json.dumps(definitions()))
    with RabbitMQ() as rabbitmq:
        rabbitmq.ready()
        rabbitmq.ctl("import_definitions", str(given))
        rabbitmq.ctl("export_definitions", str(exported))
        with BrokerProcess("--port", "0", "--ephemeral", "--load-definitions", str(exported)) as leveret:
            yield rabbitmq, leveret.port, exported


@contextmanager
def connection(port: int, user: str, password: str, vhost: str = "tenants") -> Iterator[pika.BlockingConnection]:
    credentials = pika.PlainCredentials(user, password)
    parameters = pika.ConnectionParameters("127.0.0.1", port, vhost, credentials)
    opened = pika.BlockingConnection(parameters)
    try:
        yield opened
    finally:
        if opened.is_open:
            opened.close()


class Player:
    """Does every operation as every user, with the same objects before each."""

    def __init__(self, port: int) -> None:
        self.port = port

    def play(self) -> dict[tuple[int, str], str]:
        found: dict[tuple[int, str], str] = {}
        with connection(self.port, "admin", "admin") as admin:
            channel = admin.channel()
            for number in range(len(SETS)):
                with connection(self.port, f"user{number}", f"password{number}") as opened:
                    for name, operation in OPERATIONS.items():
                        self._prepare(channel)
                        found[number, name] = self._do(opened, operation)
        return found

    def _prepare(self, channel: BlockingChannel) -> None:
        channel.queue_declare("q")
        for exchange in ("x", "other"):
            channel.exchange_declare(exchange, "fanout")
        channel.exchange_declare("topics", "topic")
        channel.queue_delete("new")
        channel.exchange_delete("new")

    @staticmethod
    def _do(opened: pika.BlockingConnection, operation: Operation) -> str:
        channel = opened.channel()
        try:
            operation(channel)
        except ChannelClosedByBroker as closed:
            text = closed.reply_text
            start = text.find("amq.gen-")
            return text if start < 0 else text[:start] + "amq.gen-..." + text[text.index("'", start) :]
        channel.close()
        return "ok"


def test_the_authorisation_matrix(brokers: tuple[RabbitMQ, int, Path]) -> None:
    """All operations of the table but passive declares, for which RabbitMQ 4.3.1 wants a permission and 3.10 none."""
    rabbitmq, port, _ = brokers
    theirs, ours = Player(rabbitmq.port).play(), Player(port).play()
    differ = {
        f"{SETS[number]} {name}": (theirs[number, name], ours[number, name])
        for number, name in theirs
        if theirs[number, name] != as_of_310(ours[number, name])
    }
    assert not differ
    assert len({*ours.values()}) > 40


def as_of_310(text: str) -> str:
    """Only since 3.13 texts say which permission is missing."""
    return re.sub(r"^ACCESS_REFUSED - (configure|write|read) access", "ACCESS_REFUSED - access", text)


def logins(port: int) -> list[str]:
    """What becomes of logins, right and wrong."""
    found = []
    for user, password, vhost in [
        ("admin", "admin", "tenants"),
        ("user0", "password0", "tenants"),
        ("user1", "password1", "tenants"),
        ("user1", "password2", "tenants"),
        ("nobody", "password1", "tenants"),
        ("locked", "", "tenants"),
        ("admin", "admin", "/"),
        ("admin", "admin", "nowhere"),
    ]:
        try:
            with connection(port, user, password, vhost):
                found.append("ok")
        except (ProbableAuthenticationError, ProbableAccessDeniedError) as refused:
            found.append(str(refused))
    return found


def test_the_same_passwords(brokers: tuple[RabbitMQ, int, Path]) -> None:
    rabbitmq, port, _ = brokers
    ours = logins(port)
    assert ours == logins(rabbitmq.port)
    assert ours.count("ok") == 3


def test_what_rabbitmq_exported_is_exported_again(brokers: tuple[RabbitMQ, int, Path], tmp_path: Path) -> None:
    """And loads there: users, permissions, policies and 1,000 queues are the same."""
    rabbitmq, _, exported = brokers
    with BrokerProcess("--port", "0", "--ephemeral", "--load-definitions", str(exported)) as leveret:
        assert leveret.port
    ours = tmp_path / "ours.json"
    ours.write_bytes(again(exported.read_bytes()))
    theirs, back = json.loads(exported.read_text()), json.loads(ours.read_text())
    for name in ("users", "permissions", "topic_permissions", "policies", "queues"):
        assert simple(back[name]) == simple(theirs[name]), name
    rabbitmq.ctl("delete_user", "user1")
    rabbitmq.ctl("import_definitions", str(ours))
    with connection(rabbitmq.port, "user1", "password1"):
        pass


def again(data: bytes) -> bytes:
    """Imported and exported by Leveret."""
    from leveret.access.accounts import Accounts
    from leveret.broker.broker import Broker
    from leveret.clock import ManualClock
    from leveret.management import definitions as file
    from leveret.management.exporting import export
    from leveret.management.importing import import_
    from leveret.store.memory import MemoryLog
    from leveret.wire import Pool

    from ..broker.support import CountingNames, Wakes

    accounts = Accounts()
    broker = Broker(MemoryLog(), ManualClock(), CountingNames(), Wakes(), Pool(), accounts=accounts)
    import_(broker, accounts, file.read(data), lambda password: ("", SHA256))
    return file.write(export(broker, accounts))


def simple(items: list[dict[str, Any]]) -> list[str]:
    """In one order, without what one of the two does not say."""
    ignored = ("type", "limits")
    return sorted(
        json.dumps({key: value for key, value in each.items() if key not in ignored}, sort_keys=True) for each in items
    )
