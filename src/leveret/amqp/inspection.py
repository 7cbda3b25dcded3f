"""A connection and its channels as the management API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..broker.events import NODE

if TYPE_CHECKING:
    from .channel import Channel, Connection
    from .session import Session

PROTOCOL: Final = "AMQP 0-9-1"


def connection(session: Session) -> dict[str, Any]:
    """An open connection."""
    client, shared, peer = session.client, session.connection, session.peer
    assert client is not None
    assert shared is not None
    properties = {name: _plain(value) for name, value in dict(client.properties).items()}
    tls = peer.tls
    return {
        "name": str(peer),
        "user": shared.user.name,
        "vhost": shared.vhost.name,
        "node": f"rabbit@{NODE}",
        "protocol": PROTOCOL,
        "type": "network",
        "state": _state(session),
        "host": peer.local_host,
        "port": peer.local_port,
        "peer_host": peer.host,
        "peer_port": peer.port,
        "ssl": tls is not None,
        "ssl_protocol": None if tls is None else tls.protocol,
        "ssl_cipher": None if tls is None else tls.cipher,
        "peer_cert_subject": None if tls is None else tls.subject,
        "peer_cert_issuer": None if tls is None else tls.issuer,
        "peer_cert_validity": None if tls is None else tls.validity,
        "auth_mechanism": client.mechanism,
        "channel_max": client.channel_max,
        "frame_max": client.frame_max,
        "timeout": 0 if session.heartbeat is None else session.heartbeat.timeout_s,
        "channels": len(session.channels),
        "client_properties": properties,
        "user_provided_name": properties.get("connection_name"),
        "connected_at": session.connected_at_ms,
        "recv_oct": session.received_bytes,
        "send_oct": session.out.taken,
        "send_pend": session.out.unwritten,
        "ssl_hash": None,
        "ssl_key_exchange": None,
        "user_who_performed_action": shared.user.name,
    }


def _state(session: Session) -> str:
    if session.throttle.on:
        return "blocked" if session.throttle.alarms.short else "flow"
    return str(session.state)


def channels(session: Session) -> list[dict[str, Any]]:
    """The channels of an open connection."""
    shared = session.connection
    return [] if shared is None else [_channel(session, shared, one) for one in session.channels.values()]


def _channel(session: Session, shared: Connection, one: Channel) -> dict[str, Any]:
    name = str(session.peer)
    deliveries, publishing = one.inspected()
    consumers = 0 if deliveries is None else len(deliveries.consumers)
    limit = None if deliveries is None else deliveries.credit
    return {
        "name": f"{name} ({one.number})",
        "number": one.number,
        "user": shared.user.name,
        "vhost": shared.vhost.name,
        "node": f"rabbit@{NODE}",
        "state": "running" if one.ready else "waiting",
        "connection_details": {
            "name": name,
            "peer_host": session.peer.host,
            "peer_port": session.peer.port,
        },
        "consumer_count": consumers,
        "prefetch_count": one.prefetch,
        "global_prefetch_count": 0 if limit is None else limit.limit,
        "confirm": publishing is not None and publishing.confirms is not None,
        "transactional": publishing is not None and publishing.transaction is not None,
        "messages_unacknowledged": 0 if deliveries is None else len(deliveries.ledger),
        "messages_unconfirmed": 0 if publishing is None or publishing.confirms is None else len(publishing.confirms),
        "messages_uncommitted": 0
        if publishing is None or publishing.transaction is None
        else sum(map(len, publishing.transaction.batches)),
        "acks_uncommitted": 0,
        "user_who_performed_action": shared.user.name,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value
