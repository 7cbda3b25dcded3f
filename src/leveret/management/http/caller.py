"""Who calls the API, and what they may see and do there (RabbitMQ page "Management", section Access and Permissions).

    management      their own virtual hosts: what AMQP lets them do
    policymaker     and policies and parameters there
    monitoring      every virtual host, connections and channels of everybody
    administrator   and users, virtual hosts, permissions; close connections of others

What touches objects goes through the same table as AMQP: with the rights of the caller in that virtual host.
"""

from __future__ import annotations

import binascii
import logging
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from ...ports import Remote, User
from .reply import ApiError, Turns, forbidden, not_found
from .waiting import Answer

if TYPE_CHECKING:
    from starlette.requests import Request

    from ...access.accounts import Accounts
    from ...access.administration import Administration
    from ...access.chain import Chain
    from ...access.credentials import Credentials
    from ...authorize import Rights
    from ...broker.broker import Broker
    from ...broker.vhost import VHost
    from ...net.lengths import Lengths
    from ...ports import Challenge, Clock, Position
    from ..definitions import Definitions
    from ..statistics import Statistics
    from .machine import Machine
    from .options import Listening, Logins, ManagementOptions

MANAGEMENT: Final = "management"
POLICYMAKER: Final = "policymaker"
MONITORING: Final = "monitoring"
ADMINISTRATOR: Final = "administrator"
_MAY_CALL: Final = frozenset({MANAGEMENT, POLICYMAKER, MONITORING, ADMINISTRATOR})
_IMPLIED: Final = {
    POLICYMAKER: {POLICYMAKER, ADMINISTRATOR},
    MONITORING: {MONITORING, ADMINISTRATOR},
    ADMINISTRATOR: {ADMINISTRATOR},
}
_REASONS: Final = {
    POLICYMAKER: "User not authorised to access policies or parameters",
    MONITORING: "Not monitor user",
    ADMINISTRATOR: "Not administrator user",
}


class Managed(Protocol):
    """The node that is managed."""

    @property
    def brain(self) -> Broker: ...

    @property
    def accounts(self) -> Accounts: ...

    @property
    def administration(self) -> Administration: ...

    @property
    def credentials(self) -> Credentials: ...

    @property
    def access(self) -> Chain: ...

    @property
    def logins(self) -> Logins: ...

    @property
    def turns(self) -> Lengths: ...

    @property
    def statistics(self) -> Statistics: ...

    @property
    def machine(self) -> Machine: ...

    @property
    def mechanisms(self) -> Sequence[str]: ...

    @property
    def cluster_name(self) -> str:
        """What the broker is called."""
        ...

    @property
    def data_dir(self) -> str: ...

    @property
    def config_files(self) -> Sequence[str]: ...

    @property
    def log_file(self) -> str: ...

    def disk_free(self) -> int | None:
        """Bytes that are free where data is kept; None when nobody knows."""
        ...

    @property
    def clock(self) -> Clock: ...

    @property
    def management(self) -> ManagementOptions: ...

    @property
    def consumer_timeout_ms(self) -> int:
        """How long consumers may take for a message; 0: any time."""
        ...

    @property
    def listening(self) -> Sequence[Listening]:
        """Where clients can connect."""
        ...

    def certificates_until(self) -> Mapping[str, float]:
        """When the certificates end, by file, in seconds of the wall clock."""
        ...

    def effective(self) -> Mapping[str, Any]:
        """Options as they are in effect, without secrets."""
        ...

    def import_definitions(self, data: bytes | Definitions, vhost: str | None = None) -> Position | None: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """A user who is logged in."""

    user: User
    remote: Remote
    node: Managed

    @property
    def tags(self) -> tuple[str, ...]:
        """What it is."""
        return self.user.tags

    def require(self, tag: str) -> None:
        """Raises ApiError unless it has this tag, or one that implies it."""
        if not self.has(tag):
            raise forbidden(_REASONS[tag])

    def has(self, tag: str) -> bool:
        """Whether it has this tag, or one that implies it."""
        return bool(_IMPLIED[tag] & set(self.tags))

    @property
    def sees_all(self) -> bool:
        """Whether it sees virtual hosts in which it may do nothing."""
        return self.has(MONITORING)

    @property
    def is_administrator(self) -> bool:
        """Whether it keeps house."""
        return self.has(ADMINISTRATOR)

    async def rights(self, vhost: str, level: int = logging.WARNING) -> Rights:
        """What it may do in a virtual host. Raises ApiError when it may not even connect, which is logged so."""
        answer: Answer[Rights | None] = Answer()
        self.node.access.open(self.user, vhost, self.remote, answer.tell, level)
        rights = await answer.get()
        if rights is None:
            raise forbidden("User not authorised to access virtual host")
        return rights

    async def vhost(self, name: str, *, makes: bool = False, level: int = logging.WARNING) -> VHost:
        """A virtual host that it may look at, or, with `makes`, in which it may make policies and parameters, should it
        be somebody who does: who only sees all needs rights there for that (RabbitMQ). Raises ApiError.
        """
        vhost = self.node.brain.vhosts.get(name)
        if vhost is None:
            raise not_found()
        if not (self.is_administrator if makes else self.sees_all):
            await self.rights(name, level)
        return vhost

    async def vhosts(self, *, makes: bool = False) -> list[VHost]:
        """All that it may look at, or may make policies in."""
        found = []
        turns = Turns()
        for name in [*self.node.brain.vhosts]:
            try:
                found.append(await self.vhost(name, makes=makes, level=logging.DEBUG))
            except ApiError:
                continue
            finally:
                if turns.over:
                    await turns.others()
        return found


async def log_in(request: Request, node: Managed) -> Caller:
    """By Basic authentication. Raises ApiError."""
    return await log_in_as(request, node, *basic_of(request))


async def log_in_as(request: Request, node: Managed, name: bytes, password: bytes) -> Caller:
    """With a name and a password. Raises ApiError."""
    if b"\0" in name + password:
        raise _failed_login()
    client = request.client
    host = "" if client is None else client.host
    remote = Remote(host, host == "::1" or host.startswith(("127.", "::ffff:127.")))
    node.logins.attempts += 1
    answer: Answer[User | Challenge | None] = Answer()
    node.access.authenticate("PLAIN", b"\0" + name + b"\0" + password, remote, answer.tell)
    user = await answer.get()
    if not isinstance(user, User):
        node.logins.failures += 1
        raise _failed_login()
    if not _MAY_CALL & set(user.tags):
        raise ApiError(401, "not_authorized", "Not management user")
    return Caller(user, remote, node)


def basic_of(request: Request) -> tuple[bytes, bytes]:
    """Name and password of the header `Authorization`. Raises ApiError."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise _failed_login()
    try:
        name, colon, password = b64decode(encoded, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        raise _failed_login() from None
    if not colon:
        raise _failed_login()
    return name, password


def _failed_login() -> ApiError:
    return ApiError(401, "not_authorized", "Login failed")
