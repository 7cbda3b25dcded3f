"""What events tell about logins, connections and channels (`broker/events`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ports import User

if TYPE_CHECKING:
    from ..wire.fields import Value
    from .channel import Connection
    from .session import Session


def authenticated(session: Session, result: object) -> None:
    """A login was accepted (a User) or refused. The name of who was refused is in the broker's log only."""
    assert session.client is not None
    about: dict[str, Value] = {
        "auth_mechanism": session.client.mechanism,
        "connection_type": "network",
        "connection_name": str(session.peer),
        "ssl": session.peer.tls,
        **_ends(session),
    }
    if isinstance(result, User):
        session.broker.events.emit("user.authentication.success", {"name": result.name, **about})
    else:
        session.broker.events.emit("user.authentication.failure", {"name": "", "error": "refused", **about})


def connection_created(session: Session) -> None:
    """It is open."""
    client, connection = session.client, session.connection
    assert client is not None
    assert connection is not None
    properties = dict(client.properties)
    name = properties.get("connection_name")
    about: dict[str, Value] = {
        "name": connection.name,
        "vhost": connection.vhost.name,
        "user": connection.user.name,
        "protocol": "{0,9,1}",
        "type": "network",
        "auth_mechanism": client.mechanism,
        "channel_max": client.channel_max,
        "frame_max": client.frame_max,
        "timeout": 0 if session.heartbeat is None else session.heartbeat.timeout_s,
        "ssl": session.peer.tls,
        "client_properties": properties,
        "user_provided_name": name if isinstance(name, str) else "",
        **_ends(session),
    }
    session.broker.events.emit("connection.created", about)


def connection_closed(session: Session, connection: Connection) -> None:
    """It was open."""
    about: dict[str, Value] = {"name": connection.name, "vhost": connection.vhost.name, "user": connection.user.name}
    session.broker.events.emit("connection.closed", about)


def channel(session: Session, name: str, number: int) -> None:
    """A channel came or went."""
    connection = session.connection
    about: dict[str, Value] = {"name": f"{session.peer} ({number})", "number": number, "connection": str(session.peer)}
    if connection is not None:
        about |= {"vhost": connection.vhost.name, "user": connection.user.name}
    session.broker.events.emit(name, about)


def _ends(session: Session) -> dict[str, Value]:
    peer = session.peer
    return {"host": peer.local_host, "port": peer.local_port, "peer_host": peer.host, "peer_port": peer.port}
