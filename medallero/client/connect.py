"""Which client an endpoint asks for."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from medallero.client.answers import Client

DEFAULT_ENDPOINT: Final = "http://127.0.0.1:8080"


class EndpointError(ValueError):
    """The endpoint is not an address that a gateway can have."""


def connect(endpoint: str, *, connections: int, token: str | None = None) -> Client:
    """Return a client for ``http://host:port``, ``https://…``, ``grpc://…`` or ``grpcs://…``.

    Nothing is sent yet, so nothing fails that is not in the text itself.

    :raises EndpointError: the text is none of these.
    """
    scheme = _scheme_of(endpoint)
    # Imported here: gRPC costs a quarter of a second that HTTP need not pay, and the reverse.
    if scheme in ("grpc", "grpcs"):
        from medallero.client.grpc import GrpcClient

        return GrpcClient(endpoint, token=token)
    from medallero.client.http import HttpClient

    return HttpClient(endpoint, connections=connections, token=token)


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
