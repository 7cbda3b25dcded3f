"""Certificates of an authority of our own, as files."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from leveret.net.tls import Certificate

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


class Authority:
    """Signs certificates, and writes them to a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self.cafile = folder / f"{name}.pem"
        self._authority.cert_pem.write_to_path(self.cafile)

    def certificate(
        self, *names: str, file: str = "server", common_name: str | None = None, expired: bool = False
    ) -> Certificate:
        """Of these names; the files are made or replaced."""
        made = self._authority.issue_cert(
            *(names or ("localhost", "127.0.0.1")),
            common_name=common_name,
            not_after=YESTERDAY if expired else None,
            not_before=YESTERDAY - timedelta(days=9) if expired else None,
            key_type=trustme.KeyType.ECDSA,
        )
        certfile, keyfile = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        certfile.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        keyfile.write_bytes(made.private_key_pem.bytes())
        return Certificate(certfile, keyfile)

    def client(self, certificate: Certificate | None = None) -> ssl.SSLContext:
        """The context of a client that trusts this authority, and perhaps has a certificate."""
        context = ssl.create_default_context(cafile=str(self.cafile))
        if certificate is not None:
            context.load_cert_chain(certificate.certfile, certificate.keyfile)
        return context
