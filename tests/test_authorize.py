"""Every operation of the table, done by users with every set of permissions, through a session over the brain."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from leveret.access.administration import TAGS
from leveret.access.rights import UserRights
from leveret.authorize import EVERYTHING, PERMISSIONS, TABLE, authorize
from leveret.errors import AccessRefused
from leveret.wire.fields import Arguments
from leveret.wire.frames import content_frames
from leveret.wire.methods import (
    BasicConsume,
    BasicConsumeOk,
    BasicGet,
    BasicGetEmpty,
    BasicPublish,
    ChannelClose,
    ExchangeBind,
    ExchangeBindOk,
    ExchangeDeclare,
    ExchangeDeclareOk,
    ExchangeDelete,
    ExchangeDeleteOk,
    ExchangeUnbind,
    ExchangeUnbindOk,
    Method,
    QueueBind,
    QueueBindOk,
    QueueDeclare,
    QueueDeclareOk,
    QueueDelete,
    QueueDeleteOk,
    QueuePurge,
    QueuePurgeOk,
    QueueUnbind,
    QueueUnbindOk,
)
from leveret.wire.properties import Properties, encode_properties

from .access.support import World as AccessWorld
from .amqp.support import TRANSIENT, Link, World

NONE = Arguments.EMPTY
DLX = Arguments.of({"x-dead-letter-exchange": "other"})
ALTERNATE = Arguments.of({"alternate-exchange": "other"})

# The objects that are there: queue `q`, exchanges `x`, `other` and `topics`. `new` is not.
OPERATIONS: dict[str, tuple[Method, type[Method], list[tuple[str, str, str]]]] = {
    # what is sent, what comes back, and (permission, kind, name) in the order in which they are asked for
    "queue.declare": (QueueDeclare("new"), QueueDeclareOk, [("configure", "queue", "new")]),
    "queue.declare of one that is there": (QueueDeclare("q"), QueueDeclareOk, [("configure", "queue", "q")]),
    "queue.declare with x-dead-letter-exchange": (
        QueueDeclare("new", arguments=DLX),
        QueueDeclareOk,
        [("configure", "queue", "new"), ("read", "queue", "new"), ("write", "exchange", "other")],
    ),
    "queue.declare passive": (QueueDeclare("q", passive=True), QueueDeclareOk, [("any", "queue", "q")]),
    "queue.delete": (QueueDelete("q"), QueueDeleteOk, [("configure", "queue", "q")]),
    "queue.delete of one that is not there": (QueueDelete("new"), QueueDeleteOk, [("configure", "queue", "new")]),
    "queue.purge": (QueuePurge("q"), QueuePurgeOk, [("read", "queue", "q")]),
    "queue.bind": (QueueBind("q", "x"), QueueBindOk, [("write", "queue", "q"), ("read", "exchange", "x")]),
    "queue.unbind": (QueueUnbind("q", "x"), QueueUnbindOk, [("write", "queue", "q"), ("read", "exchange", "x")]),
    "exchange.declare": (ExchangeDeclare("new", "fanout"), ExchangeDeclareOk, [("configure", "exchange", "new")]),
    "exchange.declare with alternate-exchange": (
        ExchangeDeclare("new", "fanout", arguments=ALTERNATE),
        ExchangeDeclareOk,
        [("configure", "exchange", "new"), ("read", "exchange", "new"), ("write", "exchange", "other")],
    ),
    "exchange.declare passive": (
        ExchangeDeclare("x", "fanout", passive=True),
        ExchangeDeclareOk,
        [("any", "exchange", "x")],
    ),
    "exchange.delete": (ExchangeDelete("x"), ExchangeDeleteOk, [("configure", "exchange", "x")]),
    "exchange.bind": (
        ExchangeBind("other", "x"),
        ExchangeBindOk,
        [("write", "exchange", "other"), ("read", "exchange", "x")],
    ),
    "exchange.unbind": (
        ExchangeUnbind("other", "x"),
        ExchangeUnbindOk,
        [("write", "exchange", "other"), ("read", "exchange", "x")],
    ),
    "basic.get": (BasicGet("q"), BasicGetEmpty, [("read", "queue", "q")]),
    "basic.consume": (BasicConsume("q"), BasicConsumeOk, [("read", "queue", "q")]),
}
SETS = [
    dict(zip(PERMISSIONS, patterns, strict=True))
    for patterns in product(["", ".*", "^(q|x)$", "^(other|new)$"], repeat=3)
]
"""Every permission is nothing, everything, or some of the names."""


def connect(permissions: dict[str, str], *topics: tuple[str, str, str], accounts: AccessWorld | None = None) -> Link:
    """A connection with objects on it that a privileged one declared, and the rights that a test is about."""
    world = World(late=False)
    admin = world.channel()
    admin.send(QueueDeclare("q"), *[ExchangeDeclare(name, "fanout") for name in ("x", "other")])
    admin.send(ExchangeDeclare("topics", "topic"), ExchangeDeclare("plain", "direct"))
    admin.send(QueueBind("q", "topics", "#"), QueueBind("q", "plain", "k"), QueueBind("q", "x"))
    accounts = accounts or AccessWorld()
    user = "federator"
    accounts.user(user)
    if permissions:
        accounts.administration.set_permission(user, "/", **permissions)
    for exchange, write, read in topics:
        accounts.administration.set_topic_permission(user, "/", exchange, write, read)
    world.access.rights[user] = UserRights(accounts.accounts, user, "/")
    link = world.link()
    link.open("federator", "secret")
    link.open_channel(1)
    link.received.clear()
    return link


def allows(permissions: dict[str, str], permission: str, name: str) -> bool:
    """The oracle: what these patterns say."""
    if permission == "any":
        return any(allows(permissions, each, name) for each in PERMISSIONS)
    pattern = permissions.get(permission, "")
    return {"": False, ".*": True, "^(q|x)$": name in "qx", "^(other|new)$": name in ("other", "new")}[pattern]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_with_every_set_of_permissions(operation: str) -> None:
    method, expected, needs = OPERATIONS[operation]
    for permissions in ({}, *SETS):
        link = connect(permissions)
        link.send(method)
        (answer,) = link.on(1)
        refused = next((need for need in needs if not allows(permissions, need[0], need[2])), None)
        if refused is None:
            assert type(answer) is expected, (permissions, answer)
        else:
            permission, kind, name = refused
            shown = "configure" if permission == "any" else permission
            text = f"ACCESS_REFUSED - {shown} access to {kind} '{name}' in vhost '/' refused for user 'federator'"
            assert answer == ChannelClose(403, text, method.id >> 16, method.id & 0xFFFF), permissions


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_tags_allow_nothing_of_it(operation: str, tag: str) -> None:
    accounts = AccessWorld()
    link = connect({}, accounts=accounts)
    accounts.administration.set_tags("federator", (tag,))
    link.send(OPERATIONS[operation][0])
    (answer,) = link.on(1)
    assert isinstance(answer, ChannelClose)
    assert answer.reply_code == 403


@pytest.mark.parametrize("operation", OPERATIONS)
def test_permissions_of_another_virtual_host_allow_nothing_here(operation: str) -> None:
    accounts = AccessWorld("shop")
    accounts.user("federator")
    accounts.administration.set_permission("federator", "shop", ".*", ".*", ".*")
    link = connect({}, accounts=accounts)
    link.send(OPERATIONS[operation][0])
    (answer,) = link.on(1)
    assert isinstance(answer, ChannelClose)
    assert answer.reply_code == 403


@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_is_deleted_may_do_nothing_any_more(operation: str) -> None:
    accounts = AccessWorld()
    link = connect(dict.fromkeys(PERMISSIONS, ".*"), accounts=accounts)
    accounts.administration.delete_user("federator")
    link.send(OPERATIONS[operation][0])
    (answer,) = link.on(1)
    assert isinstance(answer, ChannelClose)
    assert answer.reply_code == 403


def test_every_operation_of_the_table_is_here() -> None:
    api = {"queue.pause"}  # tests/management/http
    here = {*OPERATIONS, *api, "basic.publish", "bind source", "queue.bind destination", "exchange.bind destination"}
    assert {*TABLE} <= here


@pytest.mark.parametrize("operation", TABLE)
def test_the_broker_itself_may_do_everything(operation: str) -> None:
    authorize(EVERYTHING, operation, "/")


def test_what_has_no_name_is_the_default_exchange() -> None:
    accounts = AccessWorld()
    accounts.user("ann")
    rights = UserRights(accounts.accounts, "ann", "/")
    with pytest.raises(AccessRefused) as refusal:
        authorize(rights, "basic.publish", "/", exchange="")
    assert str(refusal.value) == "write access to exchange 'amq.default' in vhost '/' refused for user 'ann'"
    accounts.administration.set_permission("ann", "/", "", "^amq\\.default$", "")
    authorize(rights, "basic.publish", "/", exchange="")


class TestPublishing:
    refused = "ACCESS_REFUSED - write access to exchange '{}' in vhost '/' refused for user 'federator'"

    @pytest.mark.parametrize(
        ("exchange", "shown"), [("", "amq.default"), ("x", "x"), ("nowhere", "nowhere"), ("amq.rabbitmq.trace",) * 2]
    )
    def test_without_the_permission(self, exchange: str, shown: str) -> None:
        """Whether the exchange is there is not told."""
        link = connect({"configure": ".*", "write": "^other$", "read": ".*"})
        link.publish(b"1", exchange=exchange)
        assert link.last(1) == ChannelClose(403, self.refused.format(shown), 60, 40)

    def test_with_it(self) -> None:
        link = connect({"configure": "", "write": "^(x|amq\\.default)$", "read": "^q$"})
        link.publish(b"1", exchange="x")
        link.publish(b"2", exchange="", key="q")
        assert link.on(1) == []
        assert link.call(QueueDeclare("q", passive=True)) == QueueDeclareOk("q", 2, 0)

    def test_what_came_before_in_the_same_read_counts(self) -> None:
        link = connect({"configure": "", "write": "^x$", "read": "^q$"})
        link.push(content(b"1", exchange="x") + content(b"2", exchange="other"))
        link.feed(content(b"3", exchange="x"))
        assert link.last(1) == ChannelClose(403, self.refused.format("other"), 60, 40)
        link.open_channel(2)
        assert link.call(QueueDeclare("q", passive=True), channel=2) == QueueDeclareOk("q", 1, 0)

    def test_rights_that_are_taken_away_end_at_once(self) -> None:
        accounts = AccessWorld()
        link = connect({"configure": "", "write": "^x$", "read": "^q$"}, accounts=accounts)
        link.publish(b"1", exchange="x")
        accounts.administration.set_permission("federator", "/", "", "", "")
        link.publish(b"2", exchange="x")
        assert link.take() == [ChannelClose(403, self.refused.format("x"), 60, 40)]
        accounts.administration.set_permission("federator", "/", "", "^x$", "")
        link.open_channel(2)
        link.publish(b"3", exchange="x", channel=2)
        assert link.take(2) == []


class TestTopics:
    refused = "ACCESS_REFUSED - {} access to topic '{}' in exchange 'topics' in vhost '/' refused for user 'federator'"
    everything = dict.fromkeys(PERMISSIONS, ".*")

    def connect(self) -> Link:
        return connect(self.everything, ("topics", "^{username}\\.", "^news\\."), ("plain", "^never$", "^never$"))

    def test_publishing(self) -> None:
        link = self.connect()
        link.publish(b"1", exchange="topics", key="federator.a")
        assert link.on(1) == []
        link.publish(b"2", exchange="topics", key="ann.a")
        assert link.last(1) == ChannelClose(403, self.refused.format("write", "ann.a"), 60, 40)

    def test_mixed_with_other_keys_in_one_read(self) -> None:
        link = self.connect()
        link.feed(
            content(b"1", exchange="topics", key="federator.a")
            + content(b"2", exchange="x")
            + content(b"3", exchange="topics", key="federator.b")
            + content(b"4", exchange="topics", key="ann.a")
            + content(b"5", exchange="x")
        )
        assert link.last(1) == ChannelClose(403, self.refused.format("write", "ann.a"), 60, 40)
        link.open_channel(2)
        assert link.call(QueueDeclare("q", passive=True), channel=2) == QueueDeclareOk("q", 3, 0)

    @pytest.mark.parametrize("copies", [{"CC": ["ann.a"]}, {"BCC": ["federator.x", "ann.a"]}])
    def test_every_routing_key_counts(self, copies: dict[str, list[str]]) -> None:
        link = self.connect()
        link.publish(b"1", exchange="topics", key="federator.a", properties=headers(copies))
        assert link.last(1) == ChannelClose(403, self.refused.format("write", "ann.a"), 60, 40)

    def test_copies_that_are_allowed(self) -> None:
        link = self.connect()
        link.publish(b"1", exchange="topics", key="federator.a", properties=headers({"CC": ["federator.b"]}))
        assert link.on(1) == []

    def test_binding(self) -> None:
        link = self.connect()
        assert link.call(QueueBind("q", "topics", "news.a")) == QueueBindOk()
        link.send(QueueBind("q", "topics", "#"))
        assert link.last(1) == ChannelClose(403, self.refused.format("read", "#"), 50, 20)

    def test_binding_exchanges(self) -> None:
        link = self.connect()
        assert link.call(ExchangeBind("x", "topics", "news.a")) == ExchangeBindOk()
        link.send(ExchangeUnbind("x", "topics", "#"))
        assert link.last(1) == ChannelClose(403, self.refused.format("read", "#"), 40, 40)

    def test_only_topic_exchanges_look_at_it(self) -> None:
        link = self.connect()
        link.publish(b"1", exchange="plain", key="k")
        assert link.on(1) == []
        assert link.call(QueueBind("q", "plain", "other")) == QueueBindOk()


def headers(table: dict[str, Any]) -> bytes:
    return encode_properties(Properties(headers=table))


def content(body: bytes, *, exchange: str, key: str = "q") -> bytes:
    """One message on channel 1."""
    return content_frames(1, BasicPublish(exchange, key), TRANSIENT, body, 131072)
