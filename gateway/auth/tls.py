"""TLS on both protocols, with certificates that are renewed while the gateway runs."""

import ssl
from pathlib import Path
from typing import Any, Final

import grpc
import structlog

from gateway.auth.watched_files import WatchedFiles
from gateway.settings import GatewaySettings

_log = structlog.get_logger("gateway.tls")

#: gRPC's core takes nothing older either.
_OLDEST: Final = ssl.TLSVersion.TLSv1_2


class TlsError(ValueError):
    """The certificate cannot be used; the text tells the operator why."""


class Tls:
    """The certificate of both servers; connections that are open keep the one they began with."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Raises TlsError if certificate and key of the settings cannot be used."""
        certificate, key = settings.tls_certificate, settings.tls_key
        if key is not None and certificate is None:
            raise TlsError("MEDALLERO_TLS_KEY names a key, but MEDALLERO_TLS_CERTIFICATE is empty")
        self._context: ssl.SSLContext | None = None
        if certificate is None:
            return
        self._certificate = certificate
        self._key = key or certificate  # one file may hold both
        self._files = WatchedFiles([certificate, self._key])
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = _OLDEST
        self._context.set_alpn_protocols(["http/1.1"])
        self._configuration = self._load()
        # What gRPC's threads have not fetched yet.
        self._renewed: Any = None

    @property
    def http_context(self) -> ssl.SSLContext | None:
        """What the HTTP server speaks TLS with; None: it speaks plain HTTP."""
        return self._context

    def grpc_credentials(self) -> Any:
        """Return what the gRPC server speaks TLS with; None: it speaks without."""
        if self._context is None:
            return None
        return grpc.dynamic_ssl_server_credentials(self._configuration, self._fetch)

    def refresh(self) -> None:
        """Take a renewed certificate for connections to come; a broken one changes nothing."""
        if self._context is None or not self._files.changed():
            return
        try:
            self._renewed = self._load()
        except TlsError as error:
            # The key may be written a moment after the certificate; then there is another look.
            _log.error("certificate_unusable", error=str(error))
        else:
            _log.info("certificate_renewed", file=str(self._certificate))

    def _fetch(self) -> Any:
        """Called by gRPC before each handshake; None leaves everything as it is."""
        renewed, self._renewed = self._renewed, None
        return renewed

    def _load(self) -> Any:
        """Load both files into the HTTP context and return them as gRPC's configuration."""
        assert self._context is not None
        chain, key = _read(self._certificate), _read(self._key)
        # First elsewhere: a key that does not fit would spoil the context that is in use.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self._context):
            try:
                context.load_cert_chain(self._certificate, self._key, password=_no_password)
            except (ssl.SSLError, OSError) as error:
                raise TlsError(
                    f"certificate {self._certificate} and key {self._key} cannot be used: "
                    f"{_words(error)}"
                ) from None
        return grpc.ssl_server_certificate_configuration([(key, chain)])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsError(f"cannot read {path}: {error.strerror}") from None


def _no_password() -> str:
    # Otherwise OpenSSL would ask the terminal.
    raise TlsError("the key is encrypted; a key without a password is needed")


def _words(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    if reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate"
    if isinstance(error, ssl.SSLError):
        return f"expected PEM ({reason.lower().replace('_', ' ') if reason else 'none found'})"
    return error.strerror or str(error)
