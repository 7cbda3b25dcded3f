"""TLS: what a listener offers, certificates that are read again when they change, and a socket that speaks it.

OpenSSL reads and writes the socket itself, without a thread and without buffers of ours; a connection that is idle
gives its buffers back. Names in certificates are told in RabbitMQ's notation (page "TLS Support").
"""

from __future__ import annotations

import logging
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import ConfigError
from ..limits import CERTIFICATES_LOOK_MS
from ..ports import Tls
from .poller import READABLE, WRITABLE

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping

    from .poller import Poller, Watcher
    from .timers import Timers

VERSIONS: Final = {"tlsv1.2": ssl.TLSVersion.TLSv1_2, "tlsv1.3": ssl.TLSVersion.TLSv1_3}
"""What can be offered, as RabbitMQ calls it. Older ones are broken."""

_PROBLEMS: Final = {
    "KEY_VALUES_MISMATCH": "the key belongs to another certificate",
    "PEM lib": "no certificate or no key in PEM is in it, or the password of the key is wrong",
    "NO_CERTIFICATE_OR_CRL_FOUND": "no certificate in PEM is in it",
    "No cipher can be selected": "OpenSSL knows none of them",
}
"""OpenSSL's words for what is wrong with a file, and ours."""

logger = logging.getLogger("leveret.net")


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of one certificate (with what is needed to verify it) and its key, in PEM."""

    certfile: Path
    keyfile: Path
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """What a listener offers. `cafile`: who signs certificates of clients."""

    certificate: Certificate
    cafile: Path | None = None
    verify: bool = False
    """Whether a client's certificate has to be good, if it shows one."""
    require: bool = False
    """Whether it has to show one."""
    versions: tuple[str, ...] = ("tlsv1.2", "tlsv1.3")
    ciphers: str = ""
    """OpenSSL's notation, for TLS 1.2; empty: its own choice."""
    honor_cipher_order: bool = True
    names: Mapping[str, Certificate] = field(default_factory=dict)
    """Other certificates, by the host name that a client asks for; `*.example.com` is one label."""


def _why(error: OSError | ValueError) -> str:
    text = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return next((words for theirs, words in _PROBLEMS.items() if theirs in text), text)


class TlsContext:
    """The context of a listener. It changes when its files do: connections that are open keep what they have."""

    __slots__ = ("_by_name", "_context", "_options", "_seen")

    def __init__(self, options: TlsOptions) -> None:
        """Raises ConfigError for files that cannot be used."""
        self._options = options
        self._seen = self._times()
        self._context, self._by_name = self._make()

    def wrap(self, accepted: socket.socket) -> ssl.SSLSocket:
        """The socket as one that speaks TLS; the handshake is still to be done. Raises OSError."""
        return self._context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)

    def for_asyncio(self) -> ssl.SSLContext:
        """One that asyncio can keep: it hands each connection over to what holds then."""
        context = self._one(self._options.certificate)

        def hand_over(wrapped: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
            wrapped.context = self._context
            self._choose(wrapped, name, self._context)

        context.sni_callback = hand_over
        return context

    def reload(self) -> bool:
        """Read the files again if they have changed. Whether there is a new context; what cannot be used changes
        nothing.
        """
        times = self._times()
        if times == self._seen:
            return False
        self._seen = times
        try:
            self._context, self._by_name = self._make()
        except ConfigError as error:
            logger.error("certificates were not reloaded, the old ones stay: %s", error)
            return False
        logger.info("certificates reloaded: %s", self._options.certificate.certfile)
        return True

    def _files(self) -> list[Path]:
        options = self._options
        certificates = [options.certificate, *options.names.values()]
        files = [file for one in certificates for file in (one.certfile, one.keyfile)]
        return files if options.cafile is None else [*files, options.cafile]

    def _times(self) -> list[tuple[int, int]]:
        times = []
        for file in self._files():
            try:
                found = file.stat()
            except OSError:
                times.append((0, 0))
            else:
                times.append((found.st_mtime_ns, found.st_size))
        return times

    def _make(self) -> tuple[ssl.SSLContext, dict[str, ssl.SSLContext]]:
        options = self._options
        by_name = {name.lower(): self._one(certificate) for name, certificate in options.names.items()}
        context = self._one(options.certificate)
        if by_name:
            context.sni_callback = self._choose
        return context, by_name

    def _one(self, certificate: Certificate) -> ssl.SSLContext:
        options = self._options
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        versions = [VERSIONS[name] for name in options.versions]
        context.minimum_version, context.maximum_version = min(versions), max(versions)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        if options.honor_cipher_order:
            context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
        try:
            for file in (certificate.certfile, certificate.keyfile):
                what = str(file)
                file.open("rb").close()  # OpenSSL does not say which of them it cannot read
            what = f"{certificate.certfile} with {certificate.keyfile}"
            context.load_cert_chain(certificate.certfile, certificate.keyfile, lambda: certificate.password)
            if options.cafile is not None:
                what = str(options.cafile)
                context.load_verify_locations(options.cafile)
            if options.ciphers:
                what = f"ciphers {options.ciphers}"
                context.set_ciphers(options.ciphers)
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot use {what} for TLS: {_why(error)}") from None
        if options.verify:
            context.verify_mode = ssl.CERT_REQUIRED if options.require else ssl.CERT_OPTIONAL
        return context

    def _choose(self, wrapped: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        """The client names the host that it wants to speak to."""
        if name:
            name = name.lower()
            found = self._by_name.get(name) or self._by_name.get("*." + name.partition(".")[2])
            if found is not None:
                wrapped.context = found


class Reloading:
    """Looks every now and then whether certificates have changed."""

    def __init__(self, timers: Timers, contexts: Iterable[TlsContext]) -> None:
        self._timers = timers
        self._contexts = list(dict.fromkeys(contexts))
        self.tick_at_ms: int | None = None

    def add(self, context: TlsContext, now_ms: int) -> None:
        """This one, too."""
        self._contexts.append(context)
        if len(self._contexts) == 1:
            self.start(now_ms)

    def start(self, now_ms: int) -> None:
        """Look again in a while."""
        if self._contexts:
            self._timers.at(now_ms + CERTIFICATES_LOOK_MS, self)

    def tick(self, now_ms: int) -> None:
        """It is time."""
        self.reload()
        self.start(now_ms)

    def reload(self) -> None:
        """Read what has changed, now."""
        for context in self._contexts:
            context.reload()


class TlsTransport:
    """A socket that has shaken hands, as a connection uses it (see `transport.Transport`)."""

    __slots__ = ("_number", "_poller", "_socket", "_unsent", "_watched", "_watcher")

    def __init__(self, wrapped: ssl.SSLSocket, poller: Poller, watcher: Watcher) -> None:
        """Takes the socket over, if it does not raise OSError."""
        self._socket = wrapped
        self._number = wrapped.fileno()
        self._poller = poller
        self._watcher = watcher
        self._watched = 0
        self._unsent: memoryview | None = None
        self.watch(READABLE, True)

    @property
    def unsent(self) -> int:
        """Bytes that the socket has not taken yet; nothing is to be written until it has."""
        return 0 if self._unsent is None else len(self._unsent)

    def receive(self, buffer: memoryview) -> int:
        """As many records as there are and as fit; 0 when the peer closed its end. Raises BlockingIOError, OSError."""
        wrapped = self._socket
        size = 0
        try:
            while size < len(buffer):
                got = wrapped.recv_into(buffer[size:])
                if not got:
                    if size:
                        self._poller.again.append((self._number, READABLE))  # the end is told next
                    return size
                size += got
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if not size:
                raise BlockingIOError from None
            return size
        except ssl.SSLError:
            if not size:
                raise
            return size  # it comes up again with the next read
        self._read_on()
        return size

    def _read_on(self) -> None:
        """What OpenSSL has decrypted already is not told by the poller."""
        if self._socket.pending():
            self._poller.again.append((self._number, READABLE))

    def write(self, data: bytes) -> bool:
        """Send it; False when the socket did not take all. Raises OSError."""
        assert self._unsent is None
        self._unsent = memoryview(data)
        if self._send_on():
            return True
        self.watch(WRITABLE, True)
        return False

    def write_on(self) -> bool:
        """The socket takes bytes again: send what it did not take; False when there is still some. Raises OSError."""
        if self._unsent is not None:
            if not self._send_on():
                return False
            self.watch(WRITABLE, False)
        return True

    def _send_on(self) -> bool:
        left = self._unsent
        assert left is not None
        try:
            while left:
                left = left[self._socket.send(left) :]
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            self._unsent = left
            return False
        self._unsent = None
        return True

    def watch(self, event: int, wanted: bool) -> None:
        """Whether the watcher is told of READABLE, or of WRITABLE."""
        watched = self._watched | event if wanted else self._watched & ~event
        if watched != self._watched:
            self._watched = watched
            self._poller.watch(self._number, watched, self._watcher)
            if wanted and event == READABLE:
                self._read_on()

    def shut(self) -> None:
        """Close our end only: the peer reads all that was written, then the end. Raises OSError."""
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):  # the peer's part may come or not
            self._socket.unwrap()

    def close(self) -> None:
        """Close the socket at once, whatever is unsent or unread."""
        self._poller.watch(self._number, 0, self._watcher)
        self._unsent = None
        self._socket.close()


# Names


def tls_of(wrapped: ssl.SSLSocket) -> Tls:
    """What was agreed on, and who the client is if its certificate was verified."""
    cipher, _, bits = wrapped.cipher() or ("", "", 0)
    certificate: dict[str, Any] = wrapped.getpeercert() or {}
    return Tls(
        protocol=(wrapped.version() or "").replace("TLSv", "tlsv"),
        cipher=cipher,
        bits=bits,
        subject=distinguished_name(certificate.get("subject", ())),
        issuer=distinguished_name(certificate.get("issuer", ())),
        common_names=_values(certificate.get("subject", ()), "commonName"),
        alternative_names=tuple(certificate.get("subjectAltName", ())),
        validity=f"{certificate.get('notBefore', '')} - {certificate.get('notAfter', '')}" if certificate else "",
    )


_SHORT: Final = {
    "commonName": "CN",
    "surname": "SN",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "title": "TITLE",
    "serialNumber": "SERIALNUMBER",
    "givenName": "GIVENNAME",
    "pseudonym": "PSEUDONYM",
    "domainComponent": "DC",
    "emailAddress": "EMAILADDRESS",
    "userId": "UID",
}
_Name = tuple[tuple[tuple[str, str], ...], ...]


def distinguished_name(name: _Name) -> str:
    """In RFC 4514's notation, as RabbitMQ shows it: the most specific part first."""
    parts = ["+".join(f"{_SHORT.get(kind, kind)}={_escaped(value)}" for kind, value in part) for part in name]
    return ",".join(reversed(parts))


def _escaped(value: str) -> str:
    escaped = "".join(f"\\{letter}" if letter in ',+"\\<>;' else letter for letter in value)
    if escaped[:1] in (" ", "#"):
        escaped = "\\" + escaped
    if len(escaped) > 1 and escaped.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    return escaped


def _values(name: _Name, wanted: str) -> tuple[str, ...]:
    return tuple(value for part in name for kind, value in part if kind == wanted)


SAN_TYPES: Final = {"dns": "DNS", "ip": "IP Address", "email": "email", "uri": "URI"}
"""Of alternative names, by RabbitMQ's words."""


def login_name(tls: Tls, source: str = "distinguished_name", san_type: str = "dns", san_index: int = 0) -> str:
    """The user that a certificate stands for, empty when it does not say: by `ssl_cert_login_from`, and for an
    alternative name its type and number.
    """
    if source == "common_name":
        return ",".join(tls.common_names)
    if source == "subject_alternative_name":
        names = [value for kind, value in tls.alternative_names if kind == SAN_TYPES[san_type]]
        return names[san_index] if san_index < len(names) else ""
    return tls.subject
