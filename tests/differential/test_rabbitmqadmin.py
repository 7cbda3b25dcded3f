"""rabbitmqadmin: the script of RabbitMQ's management plugin does the same with Leveret as with RabbitMQ.

The tour is in `rabbitmqadmin_v1.txt`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from .rabbitmq import SERVER
from .tour import Done, Tour, both, commands

SCRIPT: Final = "../lib/rabbitmq_server-*/plugins/rabbitmq_management-*/priv/www/cli/rabbitmqadmin"
"""Where Debian's package has it, from its programs."""
LINES: Final = commands("rabbitmqadmin_v1.txt")

WORDS: Final = "words, where RabbitMQ has an Erlang term or other words"
HASHED: Final = "passwords are hashed with argon2id"
EMPTY: Final = "the properties of a message without any are {}, not []"
STRICT: Final = "refused, where RabbitMQ takes it"
LENIENT: Final = "taken, where RabbitMQ refuses it: parameters of any component are kept, as those of a definition file"
KEY: Final = "the key of a binding tells its arguments otherwise"
NONE_YET: Final = "0, where RabbitMQ knows no number yet"
NONE_LEFT: Final = "without limits it is not listed"
MISSING: Final = "404, as for everything else that is not there"
DIFFERENCES: Final[Mapping[str, str]] = {
    "list vhosts": NONE_YET,
    "declare user name=emil password_hash=nonsense tags=": STRICT,
    "delete user name=emil": STRICT,
    "list users": HASHED,
    "declare permission vhost=hats user=nobody configure=.* write=.* read=.*": WORDS,
    "declare permission vhost=nowhere user=ann configure=.* write=.* read=.*": WORDS,
    "declare permission vhost=hats user=ann configure=*** write=.* read=.*": WORDS,
    "-V hats declare queue name=q6 auto_delete=maybe": WORDS,
    "-V hats list bindings source destination destination_type routing_key properties_key arguments": KEY,
    "-V hats get queue=q3 ackmode=ack_requeue_false": EMPTY,
    "-V hats publish exchange=nobody routing_key=zzz payload=lost": MISSING,
    "-V hats publish routing_key=q1 payload=*** payload_encoding=base64": WORDS,
    "-V hats publish routing_key=q1 payload=x payload_encoding=rot13": WORDS,
    """-V hats publish routing_key=q1 payload=x 'properties={"delivery_mode":"often"}'""": WORDS,
    """-V hats publish routing_key=q3 payload=x 'properties={"colour":"red"}'""": STRICT,
    "-V hats get queue=q1 ackmode=no-such-mode": "400 with a reason, not 500",
    "-V hats get queue=q1 encoding=no-such-encoding": WORDS,
    "-V hats get queue=q1 count=many": WORDS,
    "-V hats get queue=q1 count=-1": STRICT,
    """-V hats declare policy name=p2 pattern=^q 'definition={"max-length":60}' apply-to=hats""": WORDS,
    """-V hats declare parameter component=nothing name=n 'value={"a":1}'""": LENIENT,
    "list parameters": LENIENT,
    "-V hats delete parameter component=nothing name=n": LENIENT,
    """declare vhost_limit vhost=hats name=max-queues 'value="many"'""": WORDS,
    "-f tsv list vhost_limits": NONE_LEFT,
    "-V nowhere export nowhere.json": MISSING,
}
"""Commands with another output, and why."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Mapping[str, Done]]]:
    """Line with its number -> what it did at both."""
    with both(tmp_path_factory.mktemp("rabbitmqadmin")) as pair:
        script = next(SERVER.parent.glob(SCRIPT))
        for side in pair.values():
            side.consume("tour", "taken")
        tour = Tour(
            pair, lambda side, words: [sys.executable, str(script), "-H", side.host, "-P", str(side.api_port), *words]
        )
        yield {line: tour.run(line.partition(" ")[2]) for line in LINES}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("line", LINES)
def test_the_same(done: Mapping[str, Mapping[str, Done]], line: str) -> None:
    theirs, ours = done[line]["rabbitmq"], done[line]["leveret"]
    reason = DIFFERENCES.get(line.partition(" ")[2])
    if reason is None:
        assert ours == theirs
    else:
        assert ours != theirs, f"the same now, not: {reason}"
        assert reason in (STRICT, LENIENT) or ours.code == theirs.code
