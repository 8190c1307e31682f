"""The options of every command that sends something to the gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from medallero.client.connect import DEFAULT_ENDPOINT


def gateway_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--endpoint`` and ``--token``."""
    token = click.option(
        "--token", envvar="MEDALLERO_TOKEN", show_envvar=True, help="Sent as a bearer token."
    )
    endpoint = click.option(
        "--endpoint",
        envvar="MEDALLERO_ENDPOINT",
        default=DEFAULT_ENDPOINT,
        show_default=True,
        show_envvar=True,
        help="The gateway: http://HOST:PORT or grpc://HOST:PORT.",
    )
    return endpoint(token(command))
