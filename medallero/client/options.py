"""The options of every command that sends something to the gateway."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from medallero.client.connect import DEFAULT_ENDPOINT, GatewayAddress


def gateway_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--endpoint``, ``--token`` and ``--ca``; the command gets them as ``gateway``."""

    @wraps(command)
    def with_gateway(endpoint: str, token: str | None, ca: Path | None, **given: Any) -> Any:
        return command(gateway=GatewayAddress(endpoint, token or None, ca), **given)

    options = (
        click.option(
            "--endpoint",
            envvar="MEDALLERO_ENDPOINT",
            default=DEFAULT_ENDPOINT,
            show_default=True,
            show_envvar=True,
            help="The gateway: http://HOST:PORT or grpc://HOST:PORT, with TLS https:// or grpcs://.",
        ),
        click.option(
            "--token",
            envvar="MEDALLERO_TOKEN",
            show_envvar=True,
            help="Sent as a bearer token. Others on this machine see options; prefer the variable.",
        ),
        click.option(
            "--ca",
            envvar="MEDALLERO_CA",
            show_envvar=True,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Certificates (PEM) that vouch for the gateway's; default: the public ones.",
        ),
    )
    wrapped: Callable[..., Any] = with_gateway
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped
