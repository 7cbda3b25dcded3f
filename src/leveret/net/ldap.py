"""Users of an LDAP server (RabbitMQ plugin rabbitmq_auth_backend_ldap): who can bind is let in, groups give tags and
virtual hosts. Asked by workers, since the library waits for answers.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..access.backend import Identity, Refused

if TYPE_CHECKING:
    from ..access.backend import LoggedIn, Login, Opened
    from ..authorize import Kind, Permission
    from ..ports import Remote, Workers

logger = logging.getLogger("leveret.access")

NAME: Final = "${username}"
"""Where the user's name goes in a pattern."""


@dataclass(frozen=True, slots=True)
class Directory:
    """A server, and how users are found there."""

    servers: Sequence[str]
    port: int = 389
    tls: bool = False
    """From the start; else see `start_tls`."""
    start_tls: bool = False
    cafile: Path | None = None
    user_dn_pattern: str = NAME
    lookup_attribute: str = ""
    """With `lookup_base`: users are looked up by this attribute rather than by a pattern."""
    lookup_base: str = ""
    lookup_dn: str = ""
    """Who looks; empty: anybody."""
    lookup_password: str = field(default="", repr=False)
    tag_groups: Mapping[str, str] = field(default_factory=dict)
    """The group whose members have a tag, by tag."""
    vhost_groups: Mapping[str, str] = field(default_factory=dict)
    """The group whose members may use a virtual host; of one that is not named everybody may (RabbitMQ)."""
    timeout_ms: int = 10_000


class LdapBackend:
    """A directory that knows users."""

    __slots__ = ("_directory", "_workers")
    name: Final = "ldap"

    def __init__(self, directory: Directory, workers: Workers) -> None:
        self._directory = directory
        self._workers = workers

    def log_in(self, login: Login, answer: LoggedIn) -> None:
        """Whether the user can bind. An empty password would bind as nobody, so it is refused."""
        if not login.password:
            answer(Refused("a blank password is prohibited"))
            return
        password = login.password.decode(errors="replace")
        self._workers.run(lambda: self._bind(login.name, password), answer)

    def look_up(self, login: Login, answer: LoggedIn) -> None:
        """Whether the user is there."""
        self._workers.run(lambda: self._find(login.name), answer)

    def open(self, identity: Identity, vhost: str, remote: Remote, answer: Opened) -> None:
        """Whether the user is in the group for a virtual host, if there is one."""
        group = self._directory.vhost_groups.get(vhost)
        if group is None:
            answer(Anything(identity.name))
            return

        def told(found: bool) -> None:
            answer(Anything(identity.name) if found else Refused(f"the user is not in {group}"))

        self._workers.run(lambda: self._is_member(str(identity.state), group), told)

    def refresh(self, identity: Identity, secret: bytes, answer: LoggedIn) -> None:
        """Its logins do not expire."""
        answer(identity)

    # -- in a worker ---------------------------------------------------------------------------------------------

    def _bind(self, name: str, password: str) -> Identity | Refused:
        import ldap3

        try:
            dn = self._dn(name)
            if dn is None:
                return Refused("the directory does not know it")
            with self._connect(dn, password) as connection:
                return Identity(name, self._tags(connection, dn), dn)
        except ldap3.core.exceptions.LDAPBindError:
            return Refused("invalid credentials")
        except (ldap3.core.exceptions.LDAPException, OSError) as error:
            logger.error("the directory cannot be asked: %s", type(error).__name__)
            return Refused("the directory cannot be asked")

    def _find(self, name: str) -> Identity | Refused:
        import ldap3

        directory = self._directory
        try:
            dn = self._dn(name)
            if dn is None:
                return Refused("the directory does not know it")
            with self._connect(directory.lookup_dn, directory.lookup_password) as connection:
                return Identity(name, self._tags(connection, dn), dn)
        except (ldap3.core.exceptions.LDAPException, OSError) as error:
            logger.error("the directory cannot be asked: %s", type(error).__name__)
            return Refused("the directory cannot be asked")

    def _is_member(self, dn: str, group: str) -> bool:
        import ldap3

        directory = self._directory
        try:
            with self._connect(directory.lookup_dn, directory.lookup_password) as connection:
                return _in_group(connection, dn, group)
        except (ldap3.core.exceptions.LDAPException, OSError) as error:
            logger.error("the directory cannot be asked: %s", type(error).__name__)
            return False

    def _dn(self, name: str) -> str | None:
        """Whom the name means. What it holds is text, never a part of a name or a filter."""
        from ldap3.utils.conv import escape_filter_chars
        from ldap3.utils.dn import escape_rdn

        directory = self._directory
        if not directory.lookup_attribute:
            inside = "=" in directory.user_dn_pattern  # of a name; else the user says the whole of it
            return directory.user_dn_pattern.replace(NAME, escape_rdn(name) if inside else name)
        with self._connect(directory.lookup_dn, directory.lookup_password) as connection:
            wanted = f"({directory.lookup_attribute}={escape_filter_chars(name)})"
            connection.search(directory.lookup_base, wanted, attributes=[])
            found = [entry["dn"] for entry in connection.response or () if entry["type"] == "searchResEntry"]
        return found[0] if len(found) == 1 else None

    @contextmanager
    def _connect(self, dn: str, password: str) -> Iterator[Any]:
        """Bound as this entry, or (empty) as nobody. Raises LDAPException, LDAPBindError when it may not."""
        import ldap3

        directory = self._directory
        timeout_s = max(1, directory.timeout_ms // 1000)  # the library knows whole ones only
        security = None
        if directory.tls or directory.start_tls:
            cafile = None if directory.cafile is None else str(directory.cafile)
            security = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=cafile)
        failure: Exception = ldap3.core.exceptions.LDAPSocketOpenError("no server")
        for host in directory.servers:
            server = ldap3.Server(
                host, directory.port, directory.tls, tls=security, get_info=ldap3.NONE, connect_timeout=timeout_s
            )
            connection = ldap3.Connection(
                server, dn or None, password or None, receive_timeout=timeout_s, read_only=True
            )
            try:
                connection.open()
            except (ldap3.core.exceptions.LDAPException, OSError) as error:
                failure = error
                if connection.socket is not None:
                    connection.socket.close()
                continue
            try:
                if directory.start_tls:
                    connection.start_tls()
                if not connection.bind():
                    raise ldap3.core.exceptions.LDAPBindError
                yield connection
            finally:
                connection.unbind()
            return
        raise failure

    def _tags(self, connection: Any, dn: str) -> tuple[str, ...]:
        groups = self._directory.tag_groups.items()
        return tuple(tag for tag, group in groups if _in_group(connection, dn, group))


def _in_group(connection: Any, dn: str, group: str) -> bool:
    """Whether the group has it as a member."""
    import ldap3
    from ldap3.utils.conv import escape_filter_chars

    member = escape_filter_chars(dn)
    wanted = f"(|(member={member})(uniqueMember={member}))"
    connection.search(group, wanted, search_scope=ldap3.BASE, attributes=[])
    return any(entry["type"] == "searchResEntry" for entry in connection.response or ())


class Anything:
    """Everything in a virtual host is allowed, as with RabbitMQ when nobody says otherwise; to restrict it, have rights
    asked of another backend.
    """

    __slots__ = ("user",)
    version: Final = 0

    def __init__(self, user: str) -> None:
        self.user = user

    def may(self, permission: Permission, kind: Kind, name: str) -> bool:
        return True

    def has_topics(self, exchange: str) -> bool:
        return False

    def may_topic(self, permission: Permission, exchange: str, routing_key: str) -> bool:
        return True
