"""Who is asked about users: from options to the chain of backends, and what those ask over the network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .access.cache import CachedBackend
from .access.chain import Link
from .access.http import HttpBackend, Paths
from .access.internal import InternalBackend
from .access.oauth2 import ALGORITHMS, OAuth2Backend, Resource
from .errors import ConfigError
from .net.fetching import FetchedKeys, Fetcher

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from .access.accounts import Accounts
    from .access.backend import Backend
    from .access.credentials import Credentials
    from .config import Options
    from .ports import Clock

NAMES = ("internal", "http", "oauth2", "cache")


class Backends:
    """Makes each backend once."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: Options,
        clock: Clock,
        accounts: Accounts,
        credentials: Credentials,
    ) -> None:
        self._loop = loop
        self._options = options
        self._clock = clock
        self._made: dict[str, Backend] = {"internal": InternalBackend(accounts, credentials)}
        self._fetchers: list[Fetcher] = []

    def links(self) -> list[Link]:
        """The chain that the options say. Raises ConfigError."""
        links = []
        for entry in self._options.auth_backends:
            who, _, what = entry.partition(":")
            links.append(Link(self._backend(who), (self._backend(what),) if what else ()))
        return links

    async def stop(self) -> None:
        """Nobody is asked any more."""
        for fetcher in self._fetchers:
            await fetcher.stop()

    def _backend(self, name: str) -> Backend:
        if name not in NAMES:
            raise ConfigError(f"auth-backends must be of {', '.join(NAMES)}, not {name!r}")
        if name not in self._made:
            make = {"http": self._http, "oauth2": self._oauth2, "cache": self._cache}[name]
            self._made[name] = make()
        return self._made[name]

    def _fetcher(self, method: str = "get") -> Fetcher:
        fetcher = Fetcher(self._loop, method, self._options.auth_http_timeout)
        self._fetchers.append(fetcher)
        return fetcher

    def _cache(self) -> Backend:
        options = self._options
        return CachedBackend(
            self._backend(options.auth_cache_backend), self._clock, options.auth_cache_ttl, os.urandom(32)
        )

    def _http(self) -> Backend:
        options = self._options
        paths = Paths(
            options.auth_http_user_path,
            options.auth_http_vhost_path,
            options.auth_http_resource_path,
            options.auth_http_topic_path,
        )
        for name, url in zip(paths.__slots__, (paths.user, paths.vhost, paths.resource, paths.topic), strict=True):
            if not url.startswith(("http://", "https://")):
                raise ConfigError(f"the backend http needs auth-http-{name}-path, a URL")
        return HttpBackend(paths, self._fetcher(options.auth_http_method))

    def _oauth2(self) -> Backend:
        options = self._options
        if not options.auth_oauth2_resource_server_id:
            raise ConfigError("the backend oauth2 needs auth-oauth2-resource-server-id")
        aliases = {}
        for entry in options.auth_oauth2_scope_aliases:
            alias, _, given = entry.partition("=")
            aliases[alias] = given.split()
        unknown = [name for name in options.auth_oauth2_algorithms if name not in ALGORITHMS]
        if unknown:
            raise ConfigError(f"auth-oauth2-algorithms must be of {', '.join(ALGORITHMS)}, not {unknown[0]!r}")
        resource = Resource(
            options.auth_oauth2_resource_server_id,
            options.auth_oauth2_scope_prefix or None,
            aliases,
            options.auth_oauth2_additional_scopes_key,
            options.auth_oauth2_username_claims,
            options.auth_oauth2_verify_aud,
            options.auth_oauth2_algorithms or ALGORITHMS,
            options.auth_oauth2_issuer,
        )
        keys = FetchedKeys(
            options.auth_oauth2_jwks_url,
            self._fetcher(),
            self._clock,
            dict(map(_key, options.auth_oauth2_signing_keys)),
            options.auth_oauth2_default_key,
            options.auth_oauth2_issuer,
        )
        return OAuth2Backend(resource, keys, self._clock)


def _key(entry: str) -> tuple[str, Any]:
    """Of `name=file`. Raises ConfigError."""
    from pathlib import Path

    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    name, _, file = entry.partition("=")
    path: Path = Path(file)
    try:
        return name, load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror} (from auth-oauth2-signing-keys)") from None
    except ValueError:
        raise ConfigError(f"{path} is no public key in PEM (from auth-oauth2-signing-keys)") from None
