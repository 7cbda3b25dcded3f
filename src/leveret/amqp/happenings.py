"""What events tell about logins, connections and channels (`broker/events`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..access.mechanisms import PARSERS
from ..broker.events import NODE
from ..errors import AmqpError

if TYPE_CHECKING:
    from ..ports import User
    from ..wire.fields import Value
    from .channel import Connection
    from .session import Session

_PROTOCOL: Final = "{0,9,1}"


def authenticated(session: Session, user: User) -> None:
    """A login was accepted."""
    session.broker.events.emit("user.authentication.success", _login(session, user.name))


def refused(session: Session, error: str) -> None:
    """A login was not accepted. `name` is missing when the client did not get so far as to say one."""
    client = session.client
    assert client is not None
    about = _login(session, client.claimed)
    session.broker.events.emit("user.authentication.failure", about | {"error": error})


def claimed_name(mechanism: str, response: bytes) -> str:
    """Whom the client says to be; empty when it does not say, or nobody can read it."""
    parse = PARSERS.get(mechanism)
    if parse is None:
        return ""
    try:
        name, _ = parse(response)
    except AmqpError:
        return ""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _login(session: Session, name: str) -> dict[str, Value]:
    client = session.client
    assert client is not None
    about: dict[str, Value] = {"connection_type": "network"}
    if name:
        about["name"] = name
    return about | {
        "connection_name": str(session.peer),
        "protocol": _PROTOCOL,
        "auth_mechanism": client.mechanism,
        "ssl": session.peer.tls is not None,
        **_ends(session),
    }


def connection_created(session: Session) -> None:
    """It is open."""
    client, connection = session.client, session.connection
    assert client is not None
    assert connection is not None
    about: dict[str, Value] = {
        "name": connection.name,
        "vhost": connection.vhost.name,
        "user": connection.user.name,
        "protocol": _PROTOCOL,
        "type": "network",
        "auth_mechanism": client.mechanism,
        "channel_max": client.channel_max,
        "frame_max": client.frame_max,
        "timeout": 0 if session.heartbeat is None else session.heartbeat.timeout_s,
        "ssl": session.peer.tls is not None,
        "connected_at": session.broker.clock.wall_ms(),
        "node": NODE,
        "user_who_performed_action": connection.user.name,
        **_ends(session),
        **_client(session),
    }
    session.broker.events.emit("connection.created", about)


def connection_closed(session: Session, connection: Connection) -> None:
    """It was open."""
    about: dict[str, Value] = {"name": connection.name, "vhost": connection.vhost.name, "user": connection.user.name}
    about |= {"node": NODE, **_client(session)}
    session.broker.events.emit("connection.closed", about)


def channel(session: Session, name: str, number: int) -> None:
    """A channel came or went."""
    connection = session.connection
    about: dict[str, Value] = {"name": f"{session.peer} ({number})", "number": number, "connection": str(session.peer)}
    if connection is not None:
        user = connection.user.name
        about |= {"vhost": connection.vhost.name, "user": user, "user_who_performed_action": user}
    session.broker.events.emit(name, about)


def _client(session: Session) -> dict[str, Value]:
    """What the client says about itself."""
    properties = {} if session.client is None else dict(session.client.properties)
    about: dict[str, Value] = {"client_properties": properties}
    if isinstance(name := properties.get("connection_name"), str):
        about["user_provided_name"] = name
    return about


def _ends(session: Session) -> dict[str, Value]:
    peer = session.peer
    return {"host": peer.local_host, "port": peer.local_port, "peer_host": peer.host, "peer_port": peer.port}
