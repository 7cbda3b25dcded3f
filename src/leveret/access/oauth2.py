"""Users by OAuth 2: the password is a JSON Web Token, its scopes are permissions, its end is the login's end (RabbitMQ
page "OAuth 2").
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..limits import RIGHTS_CACHED_MAX, SCOPES_MAX, TOKEN_SIZE_MAX
from . import scopes
from .backend import Identity, Refused

if TYPE_CHECKING:
    from ..authorize import Kind, Permission
    from ..ports import Clock, Remote
    from .backend import LoggedIn, Login, Opened

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "EdDSA")
"""`none` is not one of them."""

logger = logging.getLogger("leveret.access")


class Keys(Protocol):
    """Who knows the keys that tokens are signed with."""

    def get(self, key_id: str | None, answer: Callable[[Any], None]) -> None:
        """Told the key of this name (None: the only or default one), now or later; None when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Resource:
    """What tokens are for. `scope_prefix`: None is the id and a dot."""

    id: str
    scope_prefix: str | None = None
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Scopes that stand for others."""
    more_scopes: str = ""
    """Another claim with scopes."""
    user_claims: Sequence[str] = ("sub", "client_id")
    """The first that a token has is the user's name."""
    verify_audience: bool = True
    algorithms: Sequence[str] = ALGORITHMS
    issuer: str = ""
    """Empty: any."""


class OAuth2Backend:
    """Tokens instead of passwords."""

    __slots__ = ("_clock", "_keys", "_resource")
    name: Final = "oauth2"

    def __init__(self, resource: Resource, keys: Keys, clock: Clock) -> None:
        self._resource = resource
        self._keys = keys
        self._clock = clock

    def log_in(self, login: Login, answer: LoggedIn) -> None:
        """Whether the password is a token for us; the user is whom it names."""
        if not login.password:
            answer(Refused("there is no token"))
        else:
            self._verify(login.password, answer)

    def look_up(self, login: Login, answer: LoggedIn) -> None:
        """Without a token nothing is known of a user."""
        answer(Refused("there is no token"))

    def open(self, identity: Identity, vhost: str, remote: Remote, answer: Opened) -> None:
        """A virtual host for which the token has any permission."""
        allowed = [scope for scope in _scopes_of(identity) if scope.vhost(vhost)]
        if allowed:
            answer(ScopeRights(identity.name, allowed))
        else:
            answer(Refused("the token has no scope for it"))

    def refresh(self, identity: Identity, secret: bytes, answer: LoggedIn) -> None:
        """A new token of the same user."""

        def verified(result: Identity | Refused) -> None:
            if isinstance(result, Identity) and result.name != identity.name:
                answer(Refused(f"the new token is of {result.name!r}"))
            else:
                answer(result)

        self._verify(secret, verified)

    def _verify(self, token: bytes, answer: LoggedIn) -> None:
        import jwt  # only where tokens are in use

        if len(token) > TOKEN_SIZE_MAX:
            answer(Refused("the token is too long"))
            return
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            answer(Refused("the password is not a token"))
            return
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._resource.algorithms:
            answer(Refused("the token is signed by an algorithm that is not allowed"))
            return

        def found(key: Any) -> None:
            if key is None:
                answer(Refused("the token is signed with a key that is not known"))
                return
            try:
                # Time is ours; an audience may be any of several.
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=[algorithm],
                    options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
                )
            except (jwt.PyJWTError, ValueError, TypeError):
                answer(Refused("the token's signature is wrong"))
                return
            answer(self._accept(claims))

        self._keys.get(key_id if isinstance(key_id, str) else None, found)

    def _accept(self, claims: dict[str, Any]) -> Identity | Refused:
        resource = self._resource
        now_ms = self._clock.wall_ms()
        expires = claims.get("exp")
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            return Refused("the token has no end")
        if expires * 1000 <= now_ms:
            return Refused("the token has expired")
        begins = claims.get("nbf", 0)
        if not isinstance(begins, int | float) or begins * 1000 > now_ms:
            return Refused("the token is not valid yet")
        if resource.issuer and claims.get("iss") != resource.issuer:
            return Refused("the token is of another issuer")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if resource.verify_audience and resource.id not in audiences:
            return Refused("the token is for another audience")
        name = next((claims[claim] for claim in resource.user_claims if isinstance(claims.get(claim), str)), "")
        if not name:
            return Refused("the token names no user")
        given = self._scopes(claims)
        return Identity(name, scopes.tags(given), tuple(given), int(expires * 1000))

    def _scopes(self, claims: dict[str, Any]) -> list[str]:
        resource = self._resource
        given = scopes.split(claims.get("scope"))
        if resource.more_scopes:
            more = claims.get(resource.more_scopes)
            given += scopes.split(more.get(resource.id) if isinstance(more, dict) else more)
        expanded = [one for scope in given for one in resource.aliases.get(scope, [scope])]
        prefix = f"{resource.id}." if resource.scope_prefix is None else resource.scope_prefix
        return scopes.without_prefix(expanded, prefix)[:SCOPES_MAX]


def _scopes_of(identity: Identity) -> list[scopes.Scope]:
    state = identity.state if isinstance(identity.state, tuple) else ()
    return [scope for text in state if (scope := scopes.parse(text)) is not None]


class ScopeRights:
    """The port `Rights`, by the scopes of a token for one virtual host."""

    __slots__ = ("_decided", "_scopes", "user")
    version: Final = 0

    def __init__(self, user: str, allowed: Sequence[scopes.Scope]) -> None:
        self.user = user
        self._scopes = tuple(allowed)
        self._decided: dict[tuple[str, ...], bool] = {}

    def may(self, permission: Permission, kind: Kind, name: str) -> bool:
        """Whether a scope says so."""
        return self._decide(permission, name, None)

    def has_topics(self, exchange: str) -> bool:
        """A scope may be about some routing keys only."""
        return True

    def may_topic(self, permission: Permission, exchange: str, routing_key: str) -> bool:
        """Whether a scope says so of this routing key."""
        return self._decide(permission, exchange, routing_key)

    def _decide(self, permission: str, name: str, routing_key: str | None) -> bool:
        asked = (permission, name) if routing_key is None else (permission, name, routing_key)
        decided = self._decided.get(asked)
        if decided is None:
            decided = any(
                scope.permission == permission
                and scope.name(name)
                and (routing_key is None or scope.routing_key(routing_key))
                for scope in self._scopes
            )
            if len(self._decided) >= RIGHTS_CACHED_MAX:
                self._decided.clear()
            self._decided[asked] = decided
        return decided
