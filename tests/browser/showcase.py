"""A broker as it looks at work: a web shop's queues, users, policies, and its messages on their way."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from ..process import BrokerProcess
from .support import Api, connected, encoded

EXCHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "orders": ("topic", {"alternate-exchange": "orders.unrouted"}),
    "orders.unrouted": ("fanout", {}),
    "events": ("fanout", {}),
    "mail": ("direct", {}),
    "audit": ("headers", {}),
    "dead-letters": ("direct", {}),
}
DEAD: dict[str, Any] = {"x-dead-letter-exchange": "dead-letters"}
QUEUES: dict[str, dict[str, Any]] = {
    "orders.incoming": DEAD | {"x-delivery-limit": 5},
    "orders.shipping": DEAD,
    "orders.eu": {"x-max-length": 50_000, "x-overflow": "reject-publish"},
    "orders.unrouted": {"x-message-ttl": 86_400_000},
    "invoices": DEAD | {"x-message-ttl": 3_600_000},
    "invoices.dead": {},
    "mail.outgoing": {"x-max-priority": 5},
    "mail.bounced": {},
    "search.index": {"x-single-active-consumer": True},
    "audit": {"x-expires": 2_592_000_000},
    "thumbnails": {"x-max-length": 1000},
    "reports.nightly": {},
}
BINDINGS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("orders", "orders.incoming", "order.*.placed", {}),
    ("orders", "orders.shipping", "order.*.paid", {}),
    ("orders", "orders.eu", "order.eu.#", {}),
    ("orders", "invoices", "order.*.paid", {}),
    ("orders.unrouted", "orders.unrouted", "", {}),
    ("events", "search.index", "", {}),
    ("events", "thumbnails", "", {}),
    ("mail", "mail.outgoing", "outgoing", {}),
    ("mail", "mail.bounced", "bounced", {}),
    ("audit", "audit", "", {"x-match": "any", "sensitive": True, "department": "finance"}),
    ("dead-letters", "invoices.dead", "order.eu.paid", {}),
    ("dead-letters", "invoices.dead", "order.us.paid", {}),
]
CLIENTS = ["shop-web-1", "shop-web-2", "billing", "mailer", "warehouse"]


def furnish(api: Api) -> None:
    """Everything but connections."""
    api("PUT", "cluster-name", {"name": "shop@eu-central"})
    for name, description, tags in (
        ("shop", "Web shop, production", "production,eu"),
        ("staging", "What will be the web shop", "staging"),
    ):
        api("PUT", f"vhosts/{name}", {"description": description, "tags": tags, "default_queue_type": "classic"})
        api("PUT", f"permissions/{name}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
    for name, (kind, arguments) in EXCHANGES.items():
        api("PUT", f"exchanges/%2F/{name}", {"type": kind, "arguments": arguments})
    for name, arguments in QUEUES.items():
        api.queue(name, arguments)
    for source, queue, key, arguments in BINDINGS:
        api("POST", f"bindings/%2F/e/{source}/q/{queue}", {"routing_key": key, "arguments": arguments})
    api("POST", "bindings/%2F/e/orders/e/events", {"routing_key": "order.#"})
    api("POST", "leveret/queues/%2F/reports.nightly/pause")
    for name, tags in (
        ("anna", "administrator"),
        ("billing", ""),
        ("grafana", "monitoring"),
        ("marek", "policymaker,monitoring"),
        ("shop-web", "management"),
    ):
        api("PUT", f"users/{name}", {"password_hash": "", "tags": tags})
    api("PUT", "permissions/%2F/billing", {"configure": "^invoices", "write": "^(invoices|mail)", "read": "^invoices"})
    api("PUT", "permissions/shop/billing", {"configure": "", "write": "", "read": ".*"})
    api("PUT", "topic-permissions/%2F/billing", {"exchange": "orders", "write": "^order\\.", "read": "^order\\.eu\\."})
    api("PUT", "permissions/%2F/shop-web", {"configure": ".*", "write": ".*", "read": ".*"})
    for name, pattern, definition, applies, priority in (
        ("mail-retries", "^mail\\.", {"delivery-limit": 20, "message-ttl": 600_000}, "queues", 1),
        ("invoices-are-kept", "^invoices", {"max-length": 1_000_000, "overflow": "reject-publish"}, "queues", 10),
        ("unrouted", "^events$", {"alternate-exchange": "orders.unrouted"}, "exchanges", 0),
    ):
        said = {"pattern": pattern, "definition": definition, "apply-to": applies, "priority": priority}
        api("PUT", f"policies/%2F/{name}", said)
    api(
        "PUT",
        "operator-policies/%2F/ceiling",
        {"pattern": ".*", "definition": {"max-length": 2_000_000}, "apply-to": "queues", "priority": 0},
    )
    api("PUT", "vhost-limits/staging/max-queues", {"value": 50})
    api("PUT", "vhost-limits/shop/max-connections", {"value": 2000})
    api("PUT", "user-limits/billing/max-connections", {"value": 20})


def order(number: int) -> bytes:
    """One, in JSON."""
    lines = [{"article": f"SKU-{(number * 7 + one) % 9973:04}", "count": 1 + one} for one in range(1 + number % 3)]
    body = {"order": 100_000 + number, "country": "DE" if number % 2 else "US", "total": 19.9 * len(lines)}
    return json.dumps(body | {"customer": {"id": number % 813, "name": "Zoë Lindström"}, "lines": lines}).encode()


def publish(channel: BlockingChannel, number: int, what: str = "placed") -> None:
    properties = BasicProperties(
        content_type="application/json",
        delivery_mode=2,
        message_id=f"order-{100_000 + number}",
        app_id="shop-web",
        timestamp=int(time.time()),
        headers={"tenant": "acme" if number % 3 else "globex", "attempt": 1, "trace-id": f"{number * 7919:016x}"},
    )
    region = "eu" if number % 2 else "us"
    channel.basic_publish("orders", f"order.{region}.{what}", order(number), properties)


def stock(broker: BrokerProcess, api: Api) -> None:
    """Messages that are there already, some of them dead letters."""
    with connected(broker, "stock") as connection:
        channel = connection.channel()
        for number in range(40):
            publish(channel, number, "paid")
        for number in range(40, 300):
            publish(channel, number)
        for number in range(12):
            channel.basic_publish("mail", "outgoing", order(number), BasicProperties(priority=number % 5))
            channel.basic_publish("audit", "", order(number), BasicProperties(headers={"sensitive": True}))
            channel.basic_publish("", "reports.nightly", b'{"report": "turnover"}')
        channel.basic_publish("orders", "refund.eu", order(1))
    where = encoded("/", "invoices")
    api("POST", f"queues/{where}/get", {"count": 9, "ackmode": "reject_requeue_false", "encoding": "auto"})


@contextmanager
def at_work(broker: BrokerProcess) -> Iterator[None]:
    """Clients that publish and consume, in waves."""
    ended = threading.Event()
    ready = threading.Event()

    def work() -> None:
        with ExitStack() as stack:
            web, web_2, billing, mailer, warehouse = (
                stack.enter_context(connected(broker, name)).channel() for name in CLIENTS
            )
            web.confirm_delivery()
            for channel, queue, prefetch in (
                (billing, "invoices", 10),
                (mailer, "mail.outgoing", 50),
                (warehouse, "orders.incoming", 20),
                (warehouse, "orders.shipping", 20),
                (warehouse, "search.index", 0),
            ):
                channel.basic_qos(prefetch_count=prefetch)
                channel.basic_consume(queue, lambda own, method, *_: own.basic_ack(method.delivery_tag))
            ready.set()
            number, began = 1000, time.monotonic()
            while not ended.is_set():
                wave = 3 + 2 * math.sin((time.monotonic() - began) / 4)
                for _ in range(round(wave)):
                    publish(web if number % 2 else web_2, number, "paid" if number % 3 == 0 else "placed")
                    web_2.basic_publish("mail", "outgoing", order(number))
                    number += 1
                for channel in (billing, mailer, warehouse):
                    channel.connection.process_data_events(0)
                ended.wait(0.05)

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        ended.set()
        thread.join()
