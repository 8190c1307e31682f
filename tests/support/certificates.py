"""Certificates that a test makes for itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: a server's certificate and key, and the certificate of who vouches for it."""

    ca: Path
    certificate: Path
    key: Path

    def copy_over(self, other: Certificate) -> None:
        """Put our certificate and key in the other's place, each at once, as renewals do."""
        for ours, theirs in ((self.key, other.key), (self.certificate, other.certificate)):
            fresh = theirs.with_suffix(".new")
            fresh.write_bytes(ours.read_bytes())
            fresh.replace(theirs)


def make_certificate(directory: Path) -> Certificate:
    """Make a certificate for this machine, by an authority of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    server = authority.issue_cert(*HOSTS)
    made = Certificate(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    authority.cert_pem.write_to_path(made.ca)
    # The one format that Java reads as well.
    key = load_pem_private_key(server.private_key_pem.bytes(), password=None)
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for number, part in enumerate(server.cert_chain_pems):
        part.write_to_path(made.certificate, append=number > 0)
    return made
