"""leveretctl beside rabbitmqctl: the same commands, one after the other, print the same and end with the same code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

import pika
import pytest

from ..process import BrokerProcess
from .rabbitmq import SERVER, RabbitMQ

TOUR: Final = r"""
add_vhost hats --description d --tags a,b
add_vhost hats
list_vhosts
list_vhosts name description
-p hats list_queues
add_user ann secret
add_user ann secret
set_user_tags ann monitoring policymaker
set_user_tags nobody monitoring
list_users
list_users --formatter json
list_users --formatter csv
-q list_users
-s list_users
list_users --no-table-headers
authenticate_user ann secret
authenticate_user ann wrong
change_password ann other
authenticate_user ann other
change_password nobody other
set_permissions -p hats ann ^a .* .*
set_permissions -p hats nobody ^a .* .*
set_permissions -p nowhere ann ^a .* .*
list_permissions -p hats
list_permissions -p hats --formatter json
list_user_permissions ann
list_user_permissions nobody
set_topic_permissions -p hats ann amq.topic ^a ^b
list_topic_permissions -p hats
clear_topic_permissions -p hats ann amq.topic
list_topic_permissions -p hats
clear_permissions -p hats ann
clear_permissions -p hats ann
list_permissions -p hats
set_policy -p hats limit ^q {"max-length":50} --priority 3 --apply-to queues
set_policy --priority 3 --apply-to queues -p hats limit ^q {"max-length":50}
list_policies -p hats
list_policies -p hats --formatter csv
set_operator_policy -p hats o ^q {"max-length":60}
list_operator_policies -p hats
clear_operator_policy -p hats o
clear_policy -p hats limit
clear_policy -p hats limit
list_policies -p hats
set_global_parameter g {"a":1}
clear_global_parameter g
clear_global_parameter g
list_parameters
set_vhost_limits -p hats {"max-queues":10}
list_vhost_limits -p hats
list_vhost_limits
clear_vhost_limits -p hats
set_user_limits ann {"max-channels":10}
list_user_limits --user ann
list_user_limits --global
clear_user_limits ann max-channels
list_user_limits
list_exchanges -p hats
list_exchanges -p hats name type durable auto_delete internal arguments policy
list_exchanges -p hats --formatter json
list_queues
list_queues name messages consumers arguments durable
list_queues --formatter csv name arguments
list_queues nonsense
list_queues -p nowhere
list_bindings
list_bindings --formatter csv
list_connections
list_channels
list_consumers
purge_queue q1
purge_queue nobody
delete_queue q1
delete_queue nobody
close_all_connections reason
list_unresponsive_queues
set_cluster_name warren
clear_password ann
delete_user ann
delete_user ann
delete_vhost hats
delete_vhost hats
trace_on
trace_off
await_startup
no_such_command
add_user
set_permissions ann
eval 1
"""

MAKER: Final = "leveretctl goes through the HTTP API, where who makes a virtual host may use it"
DIFFERENCES: Final[dict[str, str]] = {
    "list_permissions -p hats": MAKER,
    "list_permissions -p hats --formatter json": MAKER,
}
"""Commands whose output is another one, and why. (What is printed for errors is compared by its first line only.)"""


class Done(NamedTuple):
    """What a command printed, and how it ended."""

    code: int
    output: str
    error: str


@pytest.fixture(scope="module")
def both() -> Iterator[list[tuple[str, Done, Done]]]:
    if not SERVER.exists():
        assert os.environ.get("CI") != "true", "continuous integration must have rabbitmq-server"
        pytest.skip("rabbitmq-server is not on this machine")
    environment = {"LEVERET_MANAGEMENT": "true", "LEVERET_MANAGEMENT_PORT": "0"}
    with RabbitMQ() as rabbitmq, BrokerProcess("--port", "0", "--ephemeral", env=environment) as leveret:
        port = leveret.port
        url = leveret.expect(r"management: (http://\S+)")[1]
        rabbitmq.ready()
        for one in (rabbitmq.port, port):
            connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", one))
            channel = connection.channel()
            channel.queue_declare("q1", durable=True, arguments={"x-max-length": 100, "x-dead-letter-exchange": "d"})
            channel.queue_declare("q 2", auto_delete=True)
            channel.queue_bind("q1", "amq.topic", "a.#", {"k": "v"})
            channel.basic_publish("", "q1", b"x")
            connection.close()
        found = []
        for line in TOUR.strip().splitlines():
            arguments = line.split(" ")
            theirs = rabbitmq.run(*arguments)
            ours = subprocess.run(
                [sys.executable, "-m", "leveret.cli.ctl", *arguments],
                env=os.environ | {"LEVERET_URL": url},
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            found.append(
                (
                    line,
                    Done(theirs.returncode, theirs.stdout, theirs.stderr),
                    Done(ours.returncode, ours.stdout, ours.stderr),
                )
            )
        yield found
        assert leveret.stop() == 0, leveret.log


def _plain(text: str) -> list[str]:
    """Lines in an order of their own, for both list in another one; names of programs and colours are no matter."""
    text = re.sub(r"\x1b\[\d+m", "", text).replace("rabbitmqctl", "leveretctl")
    lines = [line.strip(",") for line in text.splitlines()]
    return sorted(line for line in lines if line.strip() and "amq.rabbitmq.event" not in line)


@pytest.mark.parametrize("number", range(len(TOUR.strip().splitlines())), ids=TOUR.strip().splitlines().__getitem__)
def test_the_same(both: list[tuple[str, Done, Done]], number: int) -> None:
    line, theirs, ours = both[number]
    assert "Traceback" not in ours.error, ours.error
    assert ours.code == theirs.code, (theirs, ours)
    if line not in DIFFERENCES:
        assert _plain(ours.output) == _plain(theirs.output)
    assert bool(ours.error) is bool(theirs.error), (theirs.error, ours.error)
