"""Where a node listens, and what comes before the protocol there: from options to what the server takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .config.values import split_endpoint
from .errors import ConfigError
from .net.proxy import Trusted
from .net.tls import Certificate, TlsContext, TlsOptions

if TYPE_CHECKING:
    from .config import Options


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen, and what comes before the protocol there."""

    host: str
    port: int
    tls: TlsContext | None = None
    proxied: Trusted | None = None


def listeners_of(options: Options) -> list[Listener]:
    """What the options say. Raises ConfigError for certificates that cannot be used."""
    proxied = None
    if options.proxy_protocol:
        try:
            proxied = Trusted(options.proxy_trusted)
        except ValueError as error:
            raise ConfigError(f"proxy-trusted must be addresses or networks: {error}") from None
    plain = options.listen or (f"{options.host}:{options.port}",)
    found = [Listener(*split_endpoint(where), None, proxied) for where in plain if where != "none"]
    secure = options.tls_listen or ((f"{options.host}:{options.tls_port}",) if options.tls_port else ())
    if secure:
        context = TlsContext(tls_options_of(options))
        found += [Listener(*split_endpoint(where), context, proxied) for where in secure]
    if not found:
        raise ConfigError("there is nowhere to listen (from listen)")
    return found


def tls_options_of(options: Options) -> TlsOptions:
    """What the options say of TLS. Raises ConfigError."""
    if options.tls_certfile is None or options.tls_keyfile is None:
        raise ConfigError("TLS needs a certificate and its key (tls-certfile, tls-keyfile)")
    if options.tls_verify and options.tls_cafile is None:
        raise ConfigError("certificates of clients cannot be verified without tls-cafile")
    return TlsOptions(
        Certificate(options.tls_certfile, options.tls_keyfile, options.tls_password),
        options.tls_cafile,
        options.tls_verify,
        options.tls_require_certificate,
        options.tls_versions,
        options.tls_ciphers,
        options.tls_honor_cipher_order,
        dict(_name(entry) for entry in options.tls_names),
    )


def _name(entry: str) -> tuple[str, Certificate]:
    """`host=certfile:keyfile`. Raises ConfigError."""
    host, _, files = entry.partition("=")
    certfile, _, keyfile = files.partition(":")
    if not (host and certfile and keyfile):
        raise ConfigError(f"tls-names must be host=certfile:keyfile, not {entry!r}")
    return host, Certificate(Path(certfile), Path(keyfile))
