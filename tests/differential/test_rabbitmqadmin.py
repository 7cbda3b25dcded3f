"""rabbitmqadmin, both of them, does the same with Leveret as with RabbitMQ: the script of RabbitMQ's management plugin
(version 1), and the program of the crate (version 2).

The tours are in `rabbitmqadmin/`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from ..builds import Build, Toolchain
from .rabbitmq import SERVER
from .tour import Done, Tour, both, commands

SCRIPT: Final = "../lib/rabbitmq_server-*/plugins/rabbitmq_management-*/priv/www/cli/rabbitmqadmin"
"""Where Debian's package has it, from its programs."""
VERSION: Final = "2.35.0"
"""The crate's."""
FOLDER: Final = Path(__file__).with_name("rabbitmqadmin")
V1: Final = commands("rabbitmqadmin/v1.txt")
V2: Final = commands("rabbitmqadmin/v2.txt")

pytestmark = pytest.mark.timeout(1800)

WORDS: Final = "words, where RabbitMQ has an Erlang term or other words"
HASHED: Final = "passwords are hashed with argon2id"
EMPTY: Final = "the properties of a message without any are {}, not []"
STRICT: Final = "refused, where RabbitMQ takes it"
LENIENT: Final = "taken, where RabbitMQ refuses it: parameters of any component are kept, as those of a definition file"
KEY: Final = "the key of a binding tells its arguments otherwise"
NONE_YET: Final = "0, where RabbitMQ knows no number yet"
NONE_LEFT: Final = "without limits it is not listed"
MISSING: Final = "404, as for everything else that is not there"
AS_4: Final = "as RabbitMQ 4 has it"
OWN: Final = "names, versions and features are its own"
UNCOUNTED: Final = "attempts to log in are not counted"
MEMORY: Final = "the memory of a queue is not told"
DIFFERENCES_1: Final[Mapping[str, str]] = {
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


DIFFERENCES_2: Final[Mapping[str, str]] = {
    "list vhosts": AS_4,
    "-u carl -p test12 show overview": OWN,
    "-V hats declare permissions --username nobody --configure .* --read .* --write .*": WORDS,
    "-V nowhere declare permissions --username ann --configure .* --read .* --write .*": WORDS,
    "-V hats declare permissions --username ann --configure *** --read .* --write .*": WORDS,
    "-V hats declare exchange --name amq.mine --type fanout": WORDS,
    "-V hats -u ann -p secret declare exchange --name b --type fanout": WORDS,
    "-V hats declare queue --name amq.mine": WORDS,
    "-V hats list queues": MEMORY,
    "-V hats streams list": MEMORY,
    "-V hats list bindings --table-style psql": KEY,
    "-V hats publish message --exchange nobody --routing-key zzz --payload lost": MISSING,
    "-V hats get messages --queue q1 --ack-mode no-such-mode": "400 with a reason, not 500",
    "global_parameters list": "RabbitMQ keeps an id of the cluster there",
    """-V hats parameters set --component nothing --name n --value '{"a":1}'""": LENIENT,
    "-V hats parameters clear --component nothing --name n": LENIENT,
    "user_limits declare --username nobody --name max-channels --value 20": MISSING,
    "show overview": OWN,
    "show churn": OWN,
    "feature_flags list": OWN,
    "feature_flags enable --name no-such-flag": WORDS,
    "auth_attempts stats --node {node}": UNCOUNTED,
    "-V hats definitions export_from_vhost --stdout": "versions, and that it is of one virtual host",
    "-V nowhere definitions export_from_vhost --file nowhere.json": MISSING,
    "-V hats delete exchange --name amq.topic": WORDS,
}
"""The same for version 2."""
HERE: Final[Mapping[str, tuple[int, str]]] = {
    "!vhosts declare --name kept": (0, ""),
    "!vhosts enable_deletion_protection --name kept": (0, ""),
    "!vhosts delete --name kept": (65, "protected"),
    "!vhosts disable_deletion_protection --name kept": (0, ""),
    "!vhosts delete --name kept --idempotently": (0, ""),
    "!-V hats streams declare --name s --expiration 7D": (65, "stream"),
    "!list consumers": (0, r"/ . taken . taker . true . 5 "),
    "!nodes list": (0, "NODE"),
    "!list nodes": (0, "NODE"),
    "!nodes memory_breakdown_in_bytes --node {node}": (0, "Binary heap"),
    "!nodes memory_breakdown_in_percent --node {node}": (0, "Binary heap"),
    "!plugins list_all": (0, "rabbitmq_management"),
    "!plugins list_on_node --node {node}": (0, "rabbitmq_management"),
    "!deprecated_features list": (0, "deprecation_phase"),
    "!deprecated_features list_used": (0, "deprecation_phase"),
}
"""Commands that RabbitMQ 3.10 has not: their exit code, and a pattern of what they say."""

Ran = Mapping[str, Mapping[str, Done]]
"""Line with its number -> what it did at both."""


@pytest.fixture(scope="module")
def v1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    with both(tmp_path_factory.mktemp("rabbitmqadmin")) as pair:
        script = next(SERVER.parent.glob(SCRIPT))
        for side in pair.values():
            side.consume("tour", "taken")
        tour = Tour(
            pair, lambda side, words: [sys.executable, str(script), "-H", side.host, "-P", str(side.api_port), *words]
        )
        yield {line: tour.run(line.partition(" ")[2]) for line in V1}


@pytest.fixture(scope="module")
def v2(tmp_path_factory: pytest.TempPathFactory, toolchain: Toolchain, build_once: Build) -> Iterator[Ran]:
    toolchain("cargo", "--version", at_least=(1, 94))
    toolchain("rustc", "--version", at_least=(1, 94))
    install = ["cargo", "install", "-q", "--locked", "--debug", "--no-default-features", "--root", "build"]
    # Without what a debugger wants: it builds sooner, and does not look for itself at each error.
    quick = {"CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_INCREMENTAL": "0"}
    program = FOLDER / "build" / "bin" / "rabbitmqadmin"
    build_once(
        FOLDER, [], [[*install, "--version", VERSION, "rabbitmqadmin"]], str(program.relative_to(FOLDER)), env=quick
    )
    with both(tmp_path_factory.mktemp("rabbitmqadmin")) as pair:
        for side in pair.values():
            side.consume("tour", "taken")
        tour = Tour(pair, lambda side, words: [str(program), "-H", side.host, "-P", str(side.api_port), *words])
        yield {line: tour.run(line.partition(" ")[2]) for line in V2}


def check(line: str, done: Mapping[str, Done], differences: Mapping[str, str]) -> None:
    ours = done["leveret"]
    if "rabbitmq" not in done:
        code, pattern = HERE[line]
        assert ours.code == code, ours
        assert re.search(pattern, ours.output + ours.error), ours
        return
    theirs, reason = done["rabbitmq"], differences.get(line.removeprefix("~"))
    if reason is None:
        assert ours == theirs
    else:
        assert ours != theirs, f"the same now, not: {reason}"
        assert reason in (STRICT, LENIENT) or ours.code == theirs.code


@pytest.mark.parametrize("line", V1)
def test_version_1(v1: Ran, line: str) -> None:
    check(line.partition(" ")[2], v1[line], DIFFERENCES_1)


@pytest.mark.builds
@pytest.mark.parametrize("line", V2)
def test_version_2(v2: Ran, line: str) -> None:
    check(line.partition(" ")[2], v2[line], DIFFERENCES_2)


def test_the_differences_are_in_the_tours() -> None:
    plain = [{line.partition(" ")[2].removeprefix("~") for line in lines} for lines in (V1, V2)]
    for lines, known in zip(plain, (DIFFERENCES_1, {**DIFFERENCES_2, **HERE}), strict=True):
        assert not known.keys() - lines
