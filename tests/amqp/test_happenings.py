"""What is told about logins, connections and channels."""

from __future__ import annotations

from typing import Any

import pytest

from leveret.wire.fields import Arguments
from leveret.wire.frames import PROTOCOL_HEADER
from leveret.wire.methods import ChannelClose, ConnectionStartOk, QueueDeclare
from leveret.wire.properties import decode_properties

from .support import CAPABLE, PEER, World

ENDS = {"host": PEER.local_host, "port": PEER.local_port, "peer_host": PEER.host, "peer_port": PEER.port}


def listen(world: World, key: str = "#") -> None:
    vhost = world.broker.vhosts["/"]
    vhost.declare_queue("events")
    vhost.bind("amq.rabbitmq.event", "events", key, Arguments.EMPTY, to_queue=True, owner=None)
    heard(world)


def heard(world: World) -> list[tuple[str, dict[str, object]]]:
    world.run()
    found = []
    queue = world.broker.vhosts["/"].queues["events"]
    while (taken := queue.take_one()) is not None:
        extent, rows = taken
        message = extent[rows[0]]
        headers = {**(decode_properties(message.properties).headers or {})}
        del headers["timestamp_in_ms"]
        found.append((message.routing_key, headers))
        queue.settle(extent, rows)
    return found


def test_a_connection() -> None:
    world = World()
    listen(world)
    link = world.connect()
    (success, login), (created, about) = heard(world)
    who = {"protocol": "{0,9,1}", "auth_mechanism": "PLAIN", "ssl": False, **ENDS}
    assert success == "user.authentication.success"
    assert login == {"name": "guest", "connection_type": "network", "connection_name": str(PEER), **who}
    assert created == "connection.created"
    told = {"name": str(PEER), "vhost": "/", "user": "guest", "type": "network", "node": "leveret", **who}
    told |= {"user_who_performed_action": "guest", "connected_at": world.clock.wall_ms()}
    assert told.items() <= about.items()
    assert about["client_properties"] == dict(CAPABLE)
    assert "user_provided_name" not in about
    link.open_channel(1)
    channel = {"name": f"{PEER} (1)", "number": 1, "connection": str(PEER), "vhost": "/", "user": "guest"}
    channel |= {"user_who_performed_action": "guest"}
    assert heard(world) == [("channel.created", channel)]
    link.send(ChannelClose(200, "", 0, 0), channel=1)
    assert heard(world) == [("channel.closed", channel)]
    link.session.lost()
    ((closed, about),) = heard(world)
    assert closed == "connection.closed"
    assert {"name": str(PEER), "vhost": "/", "user": "guest", "node": "leveret"}.items() <= about.items()
    assert about["client_properties"] == dict(CAPABLE)


def test_a_channel_is_closed_once() -> None:
    world = World()
    listen(world)
    link = world.channel()
    heard(world)
    link.send(QueueDeclare("missing", passive=True))
    assert [name for name, _ in heard(world)] == ["channel.closed"]
    link.session.lost()  # before its channel.close-ok
    assert [name for name, _ in heard(world)] == ["connection.closed"]


@pytest.mark.parametrize(
    ("response", "name", "error"),
    [
        (b"\0guest\0wrong", "guest", "refused"),
        (b"\0\xff\xfe\0wrong", "\ufffd\ufffd", "refused"),
        (b"malformed", None, "malformed response"),
    ],
)
def test_a_login_that_is_not_accepted(response: bytes, name: str | None, error: str) -> None:
    world = World()
    listen(world)
    link = world.link()
    link.feed(PROTOCOL_HEADER)
    link.send(ConnectionStartOk(CAPABLE, "PLAIN", response, "en_US"), channel=0)
    ((failure, about),) = heard(world)
    assert failure == "user.authentication.failure"
    assert (about.get("name"), about["error"]) == (name, error)
    assert about["connection_name"] == str(PEER)
    assert "wrong" not in str(about), "no password is told"


def test_names_that_clients_give_their_connections() -> None:
    world = World()
    listen(world, "connection.*")
    link = world.link()
    link.open(properties=Arguments.of({"connection_name": "billing"}))
    assert [about["user_provided_name"] for _, about in heard(world)] == ["billing"]


def test_client_properties_that_are_nested_too_deep() -> None:
    world = World()
    listen(world, "connection.*")
    nested: dict[str, Any] = {}
    for _ in range(30):
        nested = {"deeper": nested}
    link = world.link()
    link.open(properties=Arguments.of({"a": nested}))
    link.open_channel(1)
    assert heard(world) == [], "it is not told, and the connection is open"


def test_nothing_is_remembered_while_nobody_listens() -> None:
    world = World()
    link = world.connect()
    assert link.session.client is not None
    assert link.session.client.claimed == ""
    assert not world.broker.notices.pending
