"""Asking the gateway, and reading its lists page by page."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from contracts.latest import ShownChange
from contracts.reasons import reason_of
from medallero.client.answers import NOBODY_THERE
from medallero.client.connect import EndpointError, GatewayAddress, certificates_of
from medallero.terminal import CannotDo

_MOST: Final = 500
#: Statuses of a gateway, or of a proxy before it, that pass.
_NOT_NOW: Final = (408, 429, 502, 503, 504)
_TIMEOUT: Final = 30.0
_TRY_AGAIN: Final = "Try again in a moment."
_GIVE_TOKEN: Final = "Give a token with MEDALLERO_TOKEN or --token."


class NotNow(CannotDo):
    """The gateway is away, or says that the same may be asked again."""


async def read_list(
    gateway: GatewayAddress, path: str, items: str, parameters: Mapping[str, str | None], limit: int
) -> AsyncIterator[dict[str, Any]]:
    """Yield the answers with up to *limit* items of the list at *path*; at least one answer.

    :raises CannotDo: the gateway cannot be asked, or refuses.
    """
    query = {name: value for name, value in parameters.items() if value}
    async with session(gateway) as client:
        while True:
            query["limit"] = str(min(limit, _MOST))
            status, answer = await answer_of(client, gateway, "GET", path, query=query)
            if status != 200 or not isinstance(answer, dict) or "next" not in answer:
                raise problem_of(gateway, status, answer)
            yield answer
            limit -= len(answer[items])
            if answer["next"] is None or limit <= 0:
                return
            query["cursor"] = answer["next"]


async def read_latest(gateway: GatewayAddress) -> list[ShownChange]:
    """Return the latest changes, the newest first.

    :raises CannotDo: the gateway cannot be asked, or refuses; NotNow if that may pass.
    """
    async with session(gateway) as client:
        status, answer = await answer_of(client, gateway, "GET", "/v1/latest")
    if status != 200 or not isinstance(answer, dict):
        raise problem_of(gateway, status, answer)
    return msgspec.convert(answer["latest"], list[ShownChange])


async def read_medal_table(gateway: GatewayAddress) -> list[dict[str, Any]]:
    """Return the rows of the medal table, which are none before the first result.

    :raises CannotDo: the gateway cannot be asked, or refuses.
    """
    async with session(gateway) as client:
        status, answer = await answer_of(client, gateway, "GET", "/v1/standings")
    if status != 200 or not isinstance(answer, dict):
        raise problem_of(gateway, status, answer)
    table: list[dict[str, Any]] = answer["medal_table"]
    return table


def session(gateway: GatewayAddress) -> aiohttp.ClientSession:
    """Return what asks the gateway, with its token.

    :raises CannotDo: nothing can be asked at such an address.
    """
    try:
        scheme, trusted = certificates_of(gateway)
    except EndpointError as error:
        raise CannotDo(str(error)) from None
    if scheme.startswith("grpc"):
        raise CannotDo(
            f"{gateway.endpoint}: this goes over HTTP only.",
            "Give the gateway's http:// or https:// address with --endpoint or MEDALLERO_ENDPOINT.",
        )
    context = True if trusted is None else ssl.create_default_context(cadata=trusted)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context),
        headers={} if gateway.token is None else {"Authorization": f"Bearer {gateway.token}"},
        timeout=aiohttp.ClientTimeout(total=_TIMEOUT),
    )


async def answer_of(
    client: aiohttp.ClientSession,
    gateway: GatewayAddress,
    method: str,
    path: str,
    body: object = None,
    query: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """Return status and JSON of the gateway's answer; None where it is no JSON.

    :raises NotNow: there is no answer.
    """
    url = URL(gateway.endpoint.rstrip("/") + path, encoded=True)
    try:
        async with client.request(
            method,
            url.update_query(query or {}),
            json=body,
            allow_redirects=False,
        ) as response:
            data = await response.read()
            status = response.status
    except TimeoutError:
        raise NotNow(f"{url} did not answer in {_TIMEOUT:g} s.") from None
    except (aiohttp.ClientError, OSError) as error:
        raise NotNow(f"Cannot read {url}: {reason_of(error)}.", NOBODY_THERE) from None
    try:
        return status, msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return status, None


def problem_of(gateway: GatewayAddress, status: int, answer: Any) -> CannotDo:
    """Return the error for an answer that is none that was asked for."""
    problem = answer.get("error") if isinstance(answer, dict) else None
    kind = NotNow if status in _NOT_NOW else CannotDo
    if problem is None:
        return kind(
            f"{gateway.endpoint} answered {status}; is this a Medallero gateway of this version?"
        )
    remedies = {401: _GIVE_TOKEN, 429: _TRY_AGAIN, 503: _TRY_AGAIN}
    return kind(f"The gateway answered {status}: {problem}.", remedies.get(status, ""))
