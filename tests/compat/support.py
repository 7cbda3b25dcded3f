"""What these tests share: a client's channel over a session in this process, on which a closed channel opens again."""

from __future__ import annotations

from leveret.wire.fields import Arguments, Value
from leveret.wire.methods import BasicGet, BasicGetOk, ChannelClose, ChannelCloseOk, ChannelOpen, ChannelOpenOk, Method
from leveret.wire.properties import Properties, encode_properties

from ..amqp.support import Content, Link, World

MANDATORY_RETURN = 312


def args(**fields: Value) -> Arguments:
    """A table; underscores in names stand for the hyphens that most arguments have."""
    return Arguments.of({name.replace("_", "-"): value for name, value in fields.items()})


def headers(fields: dict[str, Value]) -> bytes:
    """Properties with these headers."""
    return encode_properties(Properties(headers=Arguments.of(fields)))


def client() -> Link:
    """A connection of its own broker, channel 1 open."""
    return World().channel()


def refused(link: Link, method: Method, channel: int = 1) -> tuple[int, str]:
    """The code and text of the channel.close that answers a method; the channel is open again afterwards."""
    answer = link.call(method, channel)
    assert isinstance(answer, ChannelClose), answer
    assert (answer.class_id, answer.method_id) == (method.id >> 16, method.id & 0xFFFF)
    reopen(link, channel)
    return answer.reply_code, answer.reply_text


def reopen(link: Link, channel: int = 1) -> None:
    link.send(ChannelCloseOk(), channel=channel)
    assert link.call(ChannelOpen(), channel) == ChannelOpenOk()
    link.received.clear()


def bodies_in(link: Link, queue: str) -> list[bytes]:
    """Takes everything out of a queue."""
    bodies = []
    while isinstance(got := link.call(BasicGet(queue, no_ack=True)), Content):
        assert isinstance(got.method, BasicGetOk)
        bodies.append(got.body)
    link.received.clear()
    return bodies


def routed(link: Link, exchange: str, key: str = "", properties: bytes = b"\0\0") -> bool:
    """Whether a message reaches a queue: a mandatory one does not come back."""
    link.received.clear()
    link.publish(b"?", exchange=exchange, key=key, mandatory=True, properties=properties)
    returned = [what for what in link.take() if isinstance(what, Content)]
    assert [getattr(content.method, "reply_code", 0) for content in returned] in ([], [MANDATORY_RETURN])
    return not returned
