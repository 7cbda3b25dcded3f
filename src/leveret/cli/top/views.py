"""What can be looked at: queues, connections, channels; columns of each, and how to sort by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..sparks import short, size

Item = Mapping[str, Any]
"""An object of the HTTP API."""
_NAME_LEAST: Final = 32


@dataclass(frozen=True, slots=True)
class Column:
    """One column. That of the highest `rank` goes first when a terminal is narrow; rank 0 has what is left."""

    name: str
    title: str
    width: int
    rank: int
    shown: Callable[[Item], str]
    sort: str = ""
    """The field by which the server sorts; empty: it cannot be sorted by."""
    text: bool = False
    """To the left, and sorted from the first one."""


@dataclass(frozen=True, slots=True)
class View:
    """One kind of objects."""

    name: str
    path: str
    """Of the API."""
    path_of_vhost: tuple[str, ...]
    """The same within a virtual host, whose name stands for the empty part."""
    fields: tuple[str, ...]
    """What is asked for."""
    columns: tuple[Column, ...]
    sort: str

    def column(self, name: str) -> Column:
        """Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def sorts(self) -> list[str]:
        """Names of columns that can be sorted by."""
        return [column.name for column in self.columns if column.sort]

    def fitting(self, width: int, some_vhost: bool) -> list[Column]:
        """The columns that there is room for; that of the virtual host only without one."""
        columns = [column for column in self.columns if not (some_vhost and column.name == "vhost")]
        while _wide(columns) > width and len(columns) > 1:
            columns.remove(max(columns, key=lambda column: column.rank))
        return columns

    def name_width(self, columns: Sequence[Column], items: Sequence[Item], width: int) -> int:
        """Of the names' column: no wider than the longest name, unless that is very short."""
        longest = max((len(columns[0].shown(item)) for item in items), default=0)
        return max(1, min(width - _wide(columns) + columns[0].width, max(longest, _NAME_LEAST)))


def _wide(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(columns) - 1


def clean(value: object) -> str:
    """A name of somebody else's, without what would move the cursor or turn the line round."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def at(item: Any, path: str) -> Any:
    """`a.b` of {"a": {"b": ...}}; None if there is none."""
    for name in path.split("."):
        if not isinstance(item, Mapping):
            return None
        item = item.get(name)
    return item


def number(item: Any, path: str) -> float:
    """As `at`; 0 if there is none."""
    value = at(item, path)
    return float(value) if isinstance(value, int | float) else 0.0


def _text(path: str) -> Callable[[Item], str]:
    return lambda item: clean(at(item, path) if at(item, path) is not None else "")


def _count(path: str) -> Callable[[Item], str]:
    def shown(item: Item) -> str:
        value = number(item, path)
        return f"{value:,.0f}" if value < 1_000_000 else short(value)

    return shown


def _rate(path: str) -> Callable[[Item], str]:
    return lambda item: short(number(item, path))


def _size(path: str) -> Callable[[Item], str]:
    return lambda item: size(number(item, path))


def _stat(name: str) -> str:
    return f"message_stats.{name}_details.rate"


def _state(item: Item) -> str:
    return "paused" if item.get("paused") else clean(item.get("state", ""))


def _mode(item: Item) -> str:
    return "confirm" if item.get("confirm") else "tx" if item.get("transactional") else ""


def _client(item: Item) -> str:
    properties = item.get("client_properties") or {}
    return " ".join(clean(properties[name]) for name in ("product", "version") if properties.get(name))


def _connection(item: Item) -> str:
    name = item.get("user_provided_name")
    return clean(name) if name else _peer(item)


def _peer(item: Item) -> str:
    """Of 127.0.0.1:4567 -> 127.0.0.1:5672 (1) what tells it from others."""
    peer, _, rest = clean(item.get("name", "")).partition(" -> ")
    return f"{peer} {rest.partition(' ')[2]}".rstrip()


def _features(item: Item) -> str:
    said = [("D", "durable"), ("AD", "auto_delete"), ("E", "exclusive")]
    flags = [short for short, name in said if item.get(name)]
    return " ".join(flags + (["P"] if item.get("policy") else []))


QUEUES: Final = View(
    "queues",
    "queues",
    ("queues", ""),
    (
        "name",
        "vhost",
        "type",
        "state",
        "paused",
        "durable",
        "auto_delete",
        "exclusive",
        "policy",
        "consumers",
        "memory",
        "message_bytes",
        "messages",
        "messages_ready",
        "messages_unacknowledged",
        _stat("publish"),
        _stat("deliver_get"),
        _stat("ack"),
        _stat("redeliver"),
    ),
    (
        Column("name", "queue", 18, 0, _text("name"), "name", text=True),
        Column("vhost", "vhost", 12, 11, _text("vhost"), "vhost", text=True),
        Column("type", "type", 8, 12, _text("type"), "type", text=True),
        Column("features", "features", 8, 14, _features, text=True),
        Column("ready", "ready", 8, 1, _count("messages_ready"), "messages_ready"),
        Column("unacked", "unacked", 8, 2, _count("messages_unacknowledged"), "messages_unacknowledged"),
        Column("messages", "messages", 9, 10, _count("messages"), "messages"),
        Column("in", "in/s", 6, 3, _rate(_stat("publish")), _stat("publish")),
        Column("out", "out/s", 6, 4, _rate(_stat("deliver_get")), _stat("deliver_get")),
        Column("ack", "ack/s", 6, 5, _rate(_stat("ack")), _stat("ack")),
        Column("redelivered", "redel/s", 8, 13, _rate(_stat("redeliver")), _stat("redeliver")),
        Column("consumers", "cons", 5, 6, _count("consumers"), "consumers"),
        Column("bytes", "bytes", 8, 9, _size("message_bytes"), "message_bytes"),
        Column("memory", "memory", 7, 8, _size("memory"), "memory"),
        Column("state", "state", 7, 7, _state, "state", text=True),
    ),
    "in",
)

CONNECTIONS: Final = View(
    "connections",
    "connections",
    ("vhosts", "", "connections"),
    (
        "name",
        "user_provided_name",
        "user",
        "vhost",
        "state",
        "channels",
        "ssl",
        "protocol",
        "client_properties.product",
        "client_properties.version",
        "recv_oct",
        "send_oct",
        "recv_oct_details.rate",
        "send_oct_details.rate",
    ),
    (
        Column("name", "connection", 24, 0, _connection, "name", text=True),
        Column("user", "user", 10, 4, _text("user"), "user", text=True),
        Column("vhost", "vhost", 12, 6, _text("vhost"), "vhost", text=True),
        Column("client", "client", 20, 7, _client, text=True),
        Column("tls", "tls", 3, 8, lambda item: "tls" if item.get("ssl") else "", "ssl", text=True),
        Column("channels", "chan", 5, 3, _count("channels"), "channels"),
        Column("in", "in B/s", 8, 1, _size("recv_oct_details.rate"), "recv_oct_details.rate"),
        Column("out", "out B/s", 8, 2, _size("send_oct_details.rate"), "send_oct_details.rate"),
        Column("received", "received", 8, 10, _size("recv_oct"), "recv_oct"),
        Column("sent", "sent", 8, 11, _size("send_oct"), "send_oct"),
        Column("state", "state", 8, 5, _state, "state", text=True),
    ),
    "in",
)

CHANNELS: Final = View(
    "channels",
    "channels",
    ("vhosts", "", "channels"),
    (
        "name",
        "user",
        "vhost",
        "state",
        "confirm",
        "transactional",
        "prefetch_count",
        "consumer_count",
        "messages_unacknowledged",
        "messages_unconfirmed",
        _stat("publish"),
        _stat("deliver_get"),
        _stat("ack"),
    ),
    (
        Column("name", "channel", 24, 0, _peer, "name", text=True),
        Column("user", "user", 10, 9, _text("user"), "user", text=True),
        Column("vhost", "vhost", 12, 10, _text("vhost"), "vhost", text=True),
        Column("mode", "mode", 7, 7, _mode, text=True),
        Column("consumers", "cons", 5, 5, _count("consumer_count"), "consumer_count"),
        Column("prefetch", "prefetch", 8, 11, _count("prefetch_count"), "prefetch_count"),
        Column("unacked", "unacked", 8, 3, _count("messages_unacknowledged"), "messages_unacknowledged"),
        Column("unconfirmed", "unconf", 7, 6, _count("messages_unconfirmed"), "messages_unconfirmed"),
        Column("in", "in/s", 6, 1, _rate(_stat("publish")), _stat("publish")),
        Column("out", "out/s", 6, 2, _rate(_stat("deliver_get")), _stat("deliver_get")),
        Column("ack", "ack/s", 6, 4, _rate(_stat("ack")), _stat("ack")),
        Column("state", "state", 8, 8, _state, "state", text=True),
    ),
    "in",
)

VIEWS: Final = {view.name: view for view in (QUEUES, CONNECTIONS, CHANNELS)}
