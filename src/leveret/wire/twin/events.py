"""What a decoder says besides batches: settlements, commands, the protocol header, violations."""

from __future__ import annotations

from collections.abc import Sequence

from .constants import ACK, BASIC_ACK, REJECT, REQUEUE


class Settlement:
    """Adjacent acks, nacks or rejects of one method and kind on one channel, in their order."""

    __slots__ = ("_items", "channel", "kind", "method")

    def __init__(self, channel: int, kind: int, items: Sequence[tuple[int, bool]], method: int = BASIC_ACK) -> None:
        if kind not in (ACK, REQUEUE, REJECT):
            raise ValueError("no such kind of settlement")
        self.channel = channel
        self.kind = kind
        self.method = method
        self._items = list(items)

    @property
    def items(self) -> list[tuple[int, bool]]:
        """(delivery tag, multiple)"""
        return self._items

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Settlement({self.channel}, {self.kind}, {self._items}, {self.method:#x})"


class Command:
    """A method frame other than basic.publish, ack, nack, reject."""

    __slots__ = ("arguments", "channel", "method")

    def __init__(self, channel: int, method: int, arguments: bytes) -> None:
        self.channel = channel
        self.method = method
        self.arguments = arguments

    def __repr__(self) -> str:
        return f"Command({self.channel}, {self.method:#x}, {self.arguments!r})"


class ProtocolHeader:
    """The first 8 bytes of a connection, right or wrong."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __repr__(self) -> str:
        return f"ProtocolHeader({self.data!r})"


class Violation:
    """The peer broke the protocol: the code and text of the close frame it gets, and where."""

    __slots__ = ("channel", "class_id", "code", "method_id", "text")

    def __init__(self, channel: int, code: int, text: str, class_id: int = 0, method_id: int = 0) -> None:
        self.channel = channel
        self.code = code
        self.text = text
        self.class_id = class_id
        self.method_id = method_id

    def __repr__(self) -> str:
        return f"Violation({self.channel}, {self.code}, {self.text!r}, {self.class_id}, {self.method_id})"
