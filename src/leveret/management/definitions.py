"""Definition files: what RabbitMQ's hold, as types, and reading and writing them (RabbitMQ page "Definitions").

A file tells of a whole broker, or of one virtual host; then its objects do not say which. Files of RabbitMQ load here
and ours load there. What a file says beside that is ignored.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import msgspec

from .. import __version__
from ..errors import DefinitionError
from ..limits import DEFINITIONS_SIZE_MAX

RABBITMQ_VERSION: Final = "4.2.0"
"""Tools look at the version to know what a file may hold."""


class User(msgspec.Struct):
    """With a hash, or (in files that people write) a password."""

    name: str
    password_hash: str | None = None
    password: str | msgspec.UnsetType = msgspec.UNSET
    hashing_algorithm: str | None = None
    tags: list[str] | str = []
    limits: dict[str, Any] | list[Any] = {}

    def __repr__(self) -> str:
        return f"User({self.name!r})"


class VHost(msgspec.Struct):
    name: str
    description: str | None = None
    tags: list[str] | str | None = None
    default_queue_type: str | None = None
    protected_from_deletion: bool | None = None
    metadata: dict[str, Any] | None = None


class Permission(msgspec.Struct):
    user: str
    configure: str
    write: str
    read: str
    vhost: str | None = None


class TopicPermission(msgspec.Struct):
    user: str
    exchange: str
    write: str
    read: str
    vhost: str | None = None


class Parameter(msgspec.Struct):
    component: str
    name: str
    value: Any
    vhost: str | None = None


class GlobalParameter(msgspec.Struct):
    name: str
    value: Any


class Policy(msgspec.Struct, rename={"apply_to": "apply-to"}):
    name: str
    pattern: str
    definition: dict[str, Any]
    priority: int = 0
    apply_to: str = "all"
    vhost: str | None = None


class Queue(msgspec.Struct):
    name: str
    durable: bool = True
    auto_delete: bool = False
    arguments: dict[str, Any] | list[Any] = {}
    type: str | None = None
    vhost: str | None = None


class Exchange(msgspec.Struct):
    name: str
    type: str
    durable: bool = True
    auto_delete: bool = False
    internal: bool = False
    arguments: dict[str, Any] | list[Any] = {}
    vhost: str | None = None


class Binding(msgspec.Struct):
    source: str
    destination: str
    destination_type: str
    routing_key: str = ""
    arguments: dict[str, Any] | list[Any] = {}
    vhost: str | None = None


class Definitions(msgspec.Struct):
    """A file. Lists that are missing are empty."""

    rabbit_version: str = RABBITMQ_VERSION
    rabbitmq_version: str = RABBITMQ_VERSION
    product_name: str = "Leveret"
    product_version: str = __version__
    rabbitmq_definition_format: str = "cluster"
    original_vhost_name: str | msgspec.UnsetType = msgspec.UNSET
    users: list[User] = []
    vhosts: list[VHost] = []
    permissions: list[Permission] = []
    topic_permissions: list[TopicPermission] = []
    parameters: list[Parameter] = []
    global_parameters: list[GlobalParameter] = []
    policies: list[Policy] = []
    queues: list[Queue] = []
    exchanges: list[Exchange] = []
    bindings: list[Binding] = []


_decoder: Final = msgspec.json.Decoder(Definitions)
_encoder: Final = msgspec.json.Encoder(enc_hook=str)


def read(data: bytes) -> Definitions:
    """Raises DefinitionError, which says where, for what is no definition file."""
    if len(data) > DEFINITIONS_SIZE_MAX:
        raise DefinitionError(f"definitions of {len(data)} bytes are larger than {DEFINITIONS_SIZE_MAX}")
    try:
        return _decoder.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DefinitionError(f"not a definition file: {error}") from None


def write(definitions: Definitions) -> bytes:
    """As JSON that people can read."""
    going = writing(definitions)
    while True:
        try:
            next(going)
        except StopIteration as end:
            return msgspec.json.format(b"".join(end.value), indent=2) + b"\n"


def writing(definitions: Definitions) -> Generator[None, None, list[bytes]]:
    """As JSON, an object a line, in pieces; it pauses after every one."""
    pieces = [b"{\n"]
    for name in definitions.__struct_fields__:
        value = getattr(definitions, name)
        if value is msgspec.UNSET:
            continue
        pieces.append(b"%b:" % _encoder.encode(name))
        if isinstance(value, list):
            for number, one in enumerate(value):
                pieces.append((b",\n  " if number else b"[\n  ") + _encoder.encode(_said(one)))
                yield
            pieces.append(b"],\n" if value else b"[],\n")
        else:
            pieces.append(_encoder.encode(value) + b",\n")
    pieces[-1] = pieces[-1].removesuffix(b",\n") + b"\n}\n"
    return pieces


def _said(one: object) -> object:
    """What is of the file's one virtual host does not say which."""
    if getattr(one, "vhost", "") is not None:
        return one
    told: dict[str, Any] = msgspec.to_builtins(one, builtin_types=(), enc_hook=str)
    del told["vhost"]
    return told


def words(value: object) -> tuple[str, ...] | None:
    """Tags: a list, or (in older files) a text with commas. Raises DefinitionError for what is neither."""
    if value is None:
        return None
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise DefinitionError("tags are a list of texts")
    return tuple(dict.fromkeys(word for part in parts if (word := part.strip())))
