"""Which client an endpoint asks for."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from medallero.client.answers import Client

DEFAULT_ENDPOINT: Final = "http://127.0.0.1:8080"


class GatewayAddress(NamedTuple):
    """Where the gateway is, what it is shown, and whose word is taken for its certificate."""

    #: ``http://host:port``, ``https://…``, ``grpc://…`` or ``grpcs://…``
    endpoint: str
    token: str | None = None
    #: certificates in PEM; None: the public ones
    ca: Path | None = None


class EndpointError(ValueError):
    """The endpoint is not an address that a gateway can have, or there is no way to trust it."""


def connect(gateway: GatewayAddress, *, connections: int) -> Client:
    """Return a client of the gateway. Nothing is sent yet.

    :raises EndpointError: the address is none, the token is none, or the file of certificates
        cannot be used.
    """
    token = gateway.token
    scheme, trusted = certificates_of(gateway)
    # Imported here: gRPC costs a quarter of a second that HTTP need not pay, and the reverse.
    if scheme in ("grpc", "grpcs"):
        from medallero.client.grpc import GrpcClient

        return GrpcClient(gateway.endpoint, token=token, trusted=trusted)
    from medallero.client.http import HttpClient

    return HttpClient(gateway.endpoint, connections=connections, token=token, trusted=trusted)


def certificates_of(gateway: GatewayAddress) -> tuple[str, str | None]:
    """Return the scheme of the gateway's address, and the certificates that vouch for its.

    :raises EndpointError: as above.
    """
    token = gateway.token
    if token is not None and not (token.isascii() and token.isprintable()):
        raise EndpointError("the token has characters that no token has")
    scheme = _scheme_of(gateway.endpoint)
    trusted = None if gateway.ca is None else _certificates(gateway.ca)
    if trusted is not None and scheme not in ("https", "grpcs"):
        raise EndpointError(
            f"{gateway.endpoint!r}: certificates vouch for https:// and grpcs:// only"
        )
    return scheme, trusted


def _certificates(path: Path) -> str:
    try:
        text = path.read_text("ascii")
        ssl.create_default_context(cadata=text)
    except ssl.SSLError:
        raise EndpointError(f"{path}: expected certificates in PEM") from None
    except (OSError, UnicodeDecodeError) as error:
        raise EndpointError(f"cannot read the certificates in {path}: {error}") from None
    return text


def _scheme_of(endpoint: str) -> str:
    example = "expected for example http://127.0.0.1:8080 or grpc://127.0.0.1:50051"
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError as error:
        raise EndpointError(f"{endpoint!r}: {error}; {example}") from None
    if parts.scheme not in ("http", "https", "grpc", "grpcs") or not parts.hostname:
        raise EndpointError(f"{endpoint!r}: {example}")
    if parts.scheme.startswith("grpc") and port is None:
        raise EndpointError(f"{endpoint!r}: the port is missing; {example}")
    return parts.scheme
