"""Where Debian's RabbitMQ 3.10 and Leveret differ and should; and what Leveret cannot do yet."""

from __future__ import annotations

import re
from dataclasses import replace

from .codec import Fields, Typed
from .compare import Known
from .record import Line
from .scenario import Scenario

PENDING: dict[str, str] = {
    "consuming.prefetch_of_the_channel": "turns of consumers begin anew after a global limit held them",
}
"""What scenarios need, or one's name -> why they are skipped; `pytest tests/differential --run-pending` runs them."""


def pending(scenario: Scenario) -> str:
    """Why it is skipped, or nothing."""
    reason = PENDING.get(scenario.name)
    if reason is None and scenario.needs in PENDING:
        reason = f"{scenario.needs}: {PENDING[scenario.needs]}"
    return reason or ""


DEATH = ("original-expiration", "count", "reason", "queue", "time", "exchange", "routing-keys")


def _deaths_of_4(lines: list[str]) -> list[str]:
    """The fields of x-death in RabbitMQ 4's order, and the last death beside the first; headers sorted by name."""
    return [_with_deaths_of_4(line) if isinstance(line, Line) else line for line in lines]


def _with_deaths_of_4(line: Line) -> str:
    headers = line.event.properties.get("headers")
    if headers is None or line.event.name == "Basic.Return":
        return line
    table: Fields = dict(headers.value)
    deaths = table.get("x-death")
    if "x-first-death-queue" not in table or deaths is None or deaths.kind != "A" or not deaths.value:
        return line
    rows = [dict(death.value) for death in deaths.value]
    table["x-death"] = Typed("A", [Typed("F", [(name, row[name]) for name in DEATH if name in row]) for row in rows])
    for name in ("queue", "reason", "exchange"):
        table[f"x-last-death-{name}"] = rows[0][name]
    properties = line.event.properties | {"headers": Typed("F", sorted(table.items()))}
    return Line.of(line.label, line.own, replace(line.event, properties=properties))


def _replies_of_4(lines: list[str]) -> list[str]:
    """Answers have delivery tags like other deliveries, and count as routed."""
    changed: list[str] = []
    tag = 0
    for line in lines:
        if "consumer_tag='answers'" in line and "basic.deliver" in line:
            tag += 1
            changed.append(re.sub(r"delivery_tag=\d+", f"delivery_tag={tag}", line))
        elif "basic.return" not in line or "too late" in line:
            changed.append(line)
    return changed


KNOWN: tuple[Known, ...] = (
    Known(
        "reply_to.a_call",
        _replies_of_4,
        reason="answers have delivery tags like other deliveries, and count as routed",
        source="RabbitMQ 4.2: rabbit_volatile_queue; RabbitMQ page Direct Reply-to",
    ),
    *(
        Known(
            "reply_to.the_name_in_other_places",
            rabbitmq,
            "1.1: channel.close 403 'ACCESS_REFUSED - cannot bind or unbind to a volatile (direct reply-to) queue' by "
            f"50.{method}",
            reason="nothing is bound to, or unbound from, what only stands for a consumer",
            source="RabbitMQ 4.2: its error text for volatile queues",
        )
        for method, rabbitmq in ((20, r"^1.1: channel.close 404 .* by 50.20$"), (50, r"^1.1: queue.unbindok$"))
    ),
    Known(
        "publishing.expirations",
        r"value_too_large,\\n +",
        "value_too_large,",
        reason="texts are in one line",
        source="Erlang breaks long terms into lines",
    ),
    Known(
        "publishing.a_wrong_expiration_and_a_missing_exchange",
        r"user_id property set to 'somebody' but authenticated user was 'guest'",
        "invalid expiration 'x': no_integer",
        reason="user-id is looked at last",
        source="deps/rabbit/src/rabbit_channel.erl: handle_method(#'basic.publish'{})",
    ),
    Known(
        "dead_letters.* limits.dead_letters_* priorities.*_dead_letters transactions.*_dead_letters_*",
        _deaths_of_4,
        reason="the order of fields in x-death, x-last-death-*, and headers sorted by name",
        source="deps/rabbit/src/mc_amqpl.erl: death_table/7, protocol_state/2; deps/rabbit/src/mc.erl: record_death/4",
    ),
    Known(
        "dead_letters.a_chain",
        r"(\{[^{}]*queue='q'[^{}]*\}), (\{[^{}]*queue='a'[^{}]*\})",
        r"\2, \1",
        reason="deaths are in the order of their recency, the newest first",
        source="deps/rabbit/src/mc.erl: record_death/4",
    ),
    Known(
        "exchanges.unknown_types",
        r'^(\S+): connection.close 503 "COMMAND_INVALID - (unknown|invalid) exchange type',
        r'\1.1: channel.close 406 "PRECONDITION_FAILED - \2 exchange type',
        reason="an unknown type costs the channel, not the connection",
        source="deps/rabbit/src/rabbit_exchange.erl: check_type/1 (precondition_failed)",
    ),
    Known(
        "arguments.types_x-queue-version",
        r"^1\.1: queue.declareok queue='(q\d)' .*$",
        "1.1: channel.close 406 'PRECONDITION_FAILED - invalid arg \\'x-queue-version\\' for queue \\'\\1\\' "
        "in vhost \\'/\\': \"unsupported queue version \\'1\\'\"' by 50.10",
        reason="version 1 of classic queues is gone",
        source="release notes of 4.3: x-queue-version",
    ),
    Known(
        "expiry.only_at_the_head",
        r"ready in 'q': 3",
        "ready in 'q': 2",
        reason="messages leave when they expire, wherever they stand",
        source="docs/compat.md, Messages",
    ),
    Known(
        "priorities.with_ttl",
        r"ready in 'q': 2",
        "ready in 'q': 1",
        reason="messages leave when they expire, wherever they stand",
        source="docs/compat.md, Messages",
    ),
    Known(
        "publishing.delivery_modes",
        r"channel.close 406 'PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,",
        reason="every delivery-mode but 2 is transient",
        source="deps/rabbit/src/mc_amqpl.erl: essential_properties/1",
    ),
    Known(
        "publishing.the_largest_message",
        r"(publish <16777217 bytes> to '' 'nowhere')$",
        rest=(
            "1.1> publish <16777217 bytes> to '' 'nowhere'",
            "1.1: channel.close 406 'PRECONDITION_FAILED - message size 16777217 is larger than configured max size "
            "16777216' by 60.40",
        ),
        reason="16 MiB are the most by default, no longer 128",
        source="RabbitMQ page Configuration: max_message_size",
    ),
    Known(
        "connections.a_mechanism_that_is_not_there",
        "^the end of the stream$",
        "connection.close 503 \"COMMAND_INVALID - unknown authentication mechanism 'MAGIC'\" by 10.11",
        reason="an error before connection.open is told (docs/compat.md)",
        source="docs/compat.md, differences on purpose: error before connection.open",
    ),
    Known(
        "exchanges.more_than_two_hashes",
        r"(queue.bind 'q' 'amq.topic' 'a.#.b.#.c.#')$",
        rest=(
            "1.1> queue.bind 'q' 'amq.topic' 'a.#.b.#.c.#'",
            "1.1: channel.close 406 \"PRECONDITION_FAILED - Topic binding key 'a.#.b.#.c.#' uses 3 '#' wildcards, "
            'at most 2 are allowed" by 50.20',
            "1.1> publish b'1' to 'amq.topic' 'a.b' mandatory",
            "1.1: ready in 'q': 1",
        ),
        reason="at most two # in a pattern",
        source="RabbitMQ 4.3.5; docs/compat.md, where RabbitMQ 4 differs from 3.10",
    ),
    Known(
        "routing.headers_of_types_numbers_of_other_kinds",
        r"^1\.1: '0' got",
        rest=(
            "1.1: '0' got ['1']",
            "1.1: '1' got ['d 1.0', 'f 1.0']",
            "1.1: '2' got ['d 1.0', 'f 1.0']",
            "1.1: '3' got ['T 1']",
            "1.1: '4' got ['D (0, 1)']",
        ),
        reason="numbers are equal within their type; timestamps too, which never match in RabbitMQ 4 (docs/compat.md)",
        source="docs/compat.md, where RabbitMQ 4 differs from 3.10; deps/rabbit/src/mc_amqpl.erl: routing_value/2",
    ),
    *(
        Known(
            f"routing.consistent_hash_wrong_type_of_{word}",
            r"^1: connection.close 541 .*$",
            f"1.1: channel.close 406 \"PRECONDITION_FAILED - invalid type 'signedint' for arg 'hash-{word}' "
            "in exchange 'x' in vhost '/'\" by 40.10",
            reason="an error of the client's, not of the broker's",
            source="deps/rabbitmq_consistent_hash_exchange/src/rabbit_exchange_type_consistent_hash.erl: hash_args/1",
        )
        for word in ("header", "property")
    ),
)
