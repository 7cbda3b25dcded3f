"""What happens on channel 0 until the connection is open, and the little that happens there later.

Each function serves one method (or the header, or the answer about a login) that the table of `handshake` let in.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..broker.permits import Permits
from ..errors import AmqpError, LoginRefused, NotAllowed
from ..ports import Challenge, User
from ..wire.fields import Arguments
from ..wire.frames import PROTOCOL_HEADER
from ..wire.methods import (
    ConnectionOpen,
    ConnectionOpenOk,
    ConnectionSecure,
    ConnectionSecureOk,
    ConnectionStartOk,
    ConnectionTune,
    ConnectionTuneOk,
    ConnectionUpdateSecret,
    ConnectionUpdateSecretOk,
)
from . import ending, happenings
from .channel import Connection, send
from .failures import NO_METHOD
from .handshake import (
    BLOCKED_NOTIFY,
    CANCEL_NOTIFY,
    FAILURE_CLOSE,
    HEADERS,
    OPEN,
    OPENING,
    Moved,
    capabilities,
    describe_header,
    require_mechanism,
    require_tuned,
    start_frame,
    tune,
)
from .heartbeat import Heartbeat
from .watching import Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..authorize import Rights
    from ..broker.vhost import VHost
    from .session import Session

logger = logging.getLogger("leveret.amqp")


@dataclass(slots=True, eq=False)
class Client:
    """Who is at the other end, as far as the handshake got."""

    properties: Arguments
    mechanism: str
    failure_close: bool
    """Wants to be told when its login is refused."""
    cancel_notify: bool
    """Wants to be told when the broker ends a consumer."""
    blocked_notify: bool
    """Wants to be told when it is not read because a resource is short."""
    claimed: str = ""
    """Whom it says to be, for events; known only while somebody listens to them."""
    user: User | None = None
    vhost: str = ""
    """The virtual host that it wants to open."""
    channel_max: int = 0
    frame_max: int = 0


def header(session: Session, data: bytes) -> None:
    """The protocol header; a wrong one is answered with the right one (spec 4.2.2)."""
    if data in HEADERS:
        session.move(Moved.HEADER)
        settings, name = session.settings, session.broker.parameters.cluster_name
        mechanisms = session.access.mechanisms(session.peer.remote)
        session.out.send(start_frame(settings, mechanisms, name or settings.cluster_name))
    else:
        logger.error("closing AMQP connection %s: %s", session.peer, describe_header(data))
        session.out.send(PROTOCOL_HEADER)
        ending.end(session, Moved.BAD_HEADER)


def start_ok(session: Session, method: ConnectionStartOk) -> None:
    """connection.start-ok: who the client is, and its first word about its user."""
    session.move(method.id)
    understood = capabilities(method.client_properties)
    session.client = Client(
        Arguments(method.client_properties.raw),  # of which nothing is kept decoded
        method.mechanism,
        failure_close=FAILURE_CLOSE in understood,
        cancel_notify=CANCEL_NOTIFY in understood,
        blocked_notify=BLOCKED_NOTIFY in understood,
    )
    require_mechanism(session.access.mechanisms(session.peer.remote), method.mechanism)
    _authenticate(session, method.response)


def secure_ok(session: Session, method: ConnectionSecureOk) -> None:
    """connection.secure-ok: the answer to a challenge."""
    session.move(method.id)
    _authenticate(session, method.response)


def _authenticate(session: Session, response: bytes) -> None:
    assert session.client is not None
    client, wanted = session.client, session.broker.events.wanted
    session.login_ms = session.now_ms()
    if wanted:
        client.claimed = happenings.claimed_name(client.mechanism, response)
    answer = partial(session.resume, session.wait())
    try:
        session.access.authenticate(client.mechanism, response, session.peer.remote, answer)
    except AmqpError as error:
        if wanted:
            happenings.refused(session, str(error))
        raise


def answered(session: Session, result: object) -> None:
    """An answer that the connection as a whole waited for."""
    if isinstance(result, AmqpError):
        raise result
    if session.state is OPENING:
        assert not isinstance(result, User | Challenge)
        _opened(session, result)  # type: ignore[arg-type]
    elif session.state is OPEN:
        _refreshed(session, result)
    else:
        assert result is None or isinstance(result, User | Challenge)
        _authenticated(session, result)


def _authenticated(session: Session, result: User | Challenge | None) -> None:
    """What became of the login; None: it is refused, why is in the log of who checked it."""
    client = session.client
    assert client is not None
    session.deadline_ms += session.now_ms() - session.login_ms  # the peer cannot help how long that took
    if isinstance(result, User):
        client.user = result
        if session.broker.events.wanted:
            happenings.authenticated(session, result)
        session.move(send(ConnectionTune))
        session.send(tune(session.settings))
    elif isinstance(result, Challenge):
        session.move(send(ConnectionSecure))
        session.send(ConnectionSecure(result.data))
    else:
        if session.broker.events.wanted:
            happenings.refused(session, "refused")
        session.refuse_at_ms = session.login_ms + session.settings.login_refusal_delay_ms
        if session.now_ms() >= session.refuse_at_ms:
            refuse(session)
        else:
            session.wait()
            session.tick_soon()


def refuse(session: Session) -> None:
    """Tell the peer that its login is refused: so late that guessing takes long, and always as late."""
    client = session.client
    assert client is not None
    session.waiting = 0
    if client.failure_close:
        text = f"Login was refused using authentication mechanism {client.mechanism}."
        ending.close_connection(session, LoginRefused(f"{text} For details see the broker logfile."), NO_METHOD)
    else:
        ending.end(session, Moved.REFUSED)


def tune_ok(session: Session, method: ConnectionTuneOk) -> None:
    """connection.tune-ok: the maxima that hold from here on; heartbeats run at the client's choice (RabbitMQ)."""
    client = session.client
    assert client is not None
    require_tuned(session.settings, method)
    session.move(method.id)
    client.channel_max = method.channel_max
    client.frame_max = method.frame_max
    session.out.frame_max = method.frame_max
    if method.heartbeat:
        session.heartbeat = Heartbeat(method.heartbeat, session.now_ms())


def open_(session: Session, method: ConnectionOpen) -> None:
    """connection.open: the virtual host, if there is room for one more and the user may."""
    client = session.client
    assert client is not None
    assert client.user is not None
    name, user = method.virtual_host, client.user
    _vhost(session, name)
    session.broker.connections.check(user.name, name)
    session.move(method.id)
    client.vhost = name
    session.access.open(user, name, session.peer.remote, partial(session.resume, session.wait()))


def _vhost(session: Session, name: str) -> VHost:
    vhost = session.broker.vhosts.get(name)
    if vhost is None or vhost.closing:
        raise NotAllowed(f"vhost {name} not found")
    return vhost


def _opened(session: Session, rights: Rights | None) -> None:
    """What the user may do in the virtual host; None: not even connect."""
    client = session.client
    assert client is not None
    assert client.user is not None
    name, user = client.vhost, client.user
    if rights is None:
        raise NotAllowed(f"access to vhost '{name}' refused for user '{user.name}'")
    vhost = _vhost(session, name)  # meanwhile it may be gone
    session.broker.connections.admit(session, user.name, name)
    session.connected_at_ms = session.broker.clock.wall_ms()
    session.move(Moved.ADMITTED)
    session.throttle.notify = client.blocked_notify
    session.connection = Connection(
        session.out,
        vhost,
        session,
        user,
        rights,
        Permits(rights, vhost),
        session.broker.log,
        session.broker.pager,
        session.broker.randomness,
        session.throttle,
        session.settings,
        client.cancel_notify,
        Timeouts(session.settings.consumer_timeout_ms, session.tick_soon),
        session.park,
        session.resume,
        str(session.peer),
    )
    session.open_decoder(client.frame_max, client.channel_max)
    session.send(ConnectionOpenOk())
    if session.broker.events.wanted:
        happenings.connection_created(session)
    logger.info(
        "connection %s: user '%s' authenticated and granted access to vhost '%s'", session.peer, user.name, name
    )


def update_secret(session: Session, method: ConnectionUpdateSecret) -> None:
    """connection.update-secret is for logins that expire; for others it changes nothing, as in RabbitMQ."""
    session.move(method.id)
    connection = session.connection
    assert connection is not None
    session.access.refresh(connection.user, method.new_secret, partial(session.resume, session.wait()))


def _refreshed(session: Session, result: object) -> None:
    """First the user with the new secret, or why it is refused; then what it may do now."""
    connection = session.connection
    assert connection is not None
    if isinstance(result, str):
        raise NotAllowed(result)
    if isinstance(result, User):
        connection.user = result
        answer = partial(session.resume, session.wait())
        session.access.open(result, connection.vhost.name, session.peer.remote, answer)
        return
    if result is None:
        raise NotAllowed(f"access to vhost '{connection.vhost.name}' refused for user '{connection.user.name}'")
    rights: Rights = result  # type: ignore[assignment]
    connection.rights = rights
    connection.permits = Permits(rights, connection.vhost)
    session.send(ConnectionUpdateSecretOk())
    session.tick_soon()


HANDLERS: Final[dict[int, Callable[[Session, Any], None]]] = {
    ConnectionStartOk.id: start_ok,
    ConnectionSecureOk.id: secure_ok,
    ConnectionTuneOk.id: tune_ok,
    ConnectionOpen.id: open_,
    ConnectionUpdateSecret.id: update_secret,
}
"""What a peer may say on channel 0, beside closing."""
