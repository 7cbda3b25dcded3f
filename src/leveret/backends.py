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
from .net.ldap import Directory, LdapBackend

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from .access.accounts import Accounts
    from .access.backend import Backend
    from .access.credentials import Credentials
    from .config import Options
    from .ports import Clock, Workers

NAMES = ("internal", "http", "ldap", "oauth2", "cache")


class Backends:
    """Makes each backend once."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: Options,
        clock: Clock,
        accounts: Accounts,
        credentials: Credentials,
        workers: Workers,
    ) -> None:
        self._loop = loop
        self._options = options
        self._clock = clock
        self._workers = workers
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
            make = {"http": self._http, "ldap": self._ldap, "oauth2": self._oauth2, "cache": self._cache}[name]
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

    def _ldap(self) -> Backend:
        options = self._options
        if not options.auth_ldap_servers:
            raise ConfigError("the backend ldap needs auth-ldap-servers")
        directory = Directory(
            options.auth_ldap_servers,
            options.auth_ldap_port,
            options.auth_ldap_use_ssl,
            options.auth_ldap_use_starttls,
            options.auth_ldap_cafile,
            options.auth_ldap_user_dn_pattern,
            options.auth_ldap_dn_lookup_attribute,
            options.auth_ldap_dn_lookup_base,
            options.auth_ldap_dn_lookup_bind_dn,
            options.auth_ldap_dn_lookup_bind_password,
            _pairs(options.auth_ldap_tag_groups),
            _pairs(options.auth_ldap_vhost_groups),
            options.auth_ldap_timeout,
        )
        return LdapBackend(directory, self._workers)

    def _oauth2(self) -> Backend:
        options = self._options
        if not options.auth_oauth2_resource_server_id:
            raise ConfigError("the backend oauth2 needs auth-oauth2-resource-server-id")
        aliases = {alias: given.split() for alias, given in _pairs(options.auth_oauth2_scope_aliases).items()}
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


def _pairs(entries: tuple[str, ...]) -> dict[str, str]:
    """Of `name=value` each."""
    return {name: value for name, _, value in (entry.partition("=") for entry in entries)}


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
