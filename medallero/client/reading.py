"""Reading lists from the gateway, page by page."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
import msgspec

from medallero.client.answers import NOBODY_THERE
from medallero.client.connect import EndpointError, GatewayAddress, certificates_of
from medallero.reasons import reason_of
from medallero.terminal import CannotDo

_MOST: Final = 500
_TIMEOUT: Final = 30.0


async def read_list(
    gateway: GatewayAddress, path: str, items: str, parameters: Mapping[str, str | None], limit: int
) -> AsyncIterator[dict[str, Any]]:
    """Yield the answers with up to *limit* items of the list at *path*; at least one answer.

    :raises CannotDo: the gateway cannot be asked, or refuses.
    """
    query = {name: value for name, value in parameters.items() if value}
    async with _session(gateway) as session:
        while True:
            query["limit"] = str(min(limit, _MOST))
            answer = await _get(session, gateway.endpoint.rstrip("/") + path, query)
            yield answer
            limit -= len(answer[items])
            if answer["next"] is None or limit <= 0:
                return
            query["cursor"] = answer["next"]


def _session(gateway: GatewayAddress) -> aiohttp.ClientSession:
    try:
        scheme, trusted = certificates_of(gateway)
    except EndpointError as error:
        raise CannotDo(str(error)) from None
    if scheme.startswith("grpc"):
        raise CannotDo(
            f"{gateway.endpoint}: lists are read over HTTP only.",
            "Give the gateway's http:// or https:// address with --endpoint or MEDALLERO_ENDPOINT.",
        )
    context = True if trusted is None else ssl.create_default_context(cadata=trusted)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context),
        timeout=aiohttp.ClientTimeout(total=_TIMEOUT),
    )


async def _get(session: aiohttp.ClientSession, url: str, query: Mapping[str, str]) -> Any:
    try:
        async with session.get(url, params=query, allow_redirects=False) as response:
            body = await response.read()
            status = response.status
    except TimeoutError:
        raise CannotDo(f"{url} did not answer in {_TIMEOUT:g} s.") from None
    except (aiohttp.ClientError, OSError) as error:
        raise CannotDo(f"Cannot read {url}: {reason_of(error)}.", NOBODY_THERE) from None
    try:
        answer = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        answer = None
    if status == 200 and isinstance(answer, dict) and "next" in answer:
        return answer
    problem = answer.get("error") if isinstance(answer, dict) else None
    if problem is None:
        raise CannotDo(f"{url} answered {status}; is this a Medallero gateway of this version?")
    remedy = "Try again in a moment." if status in (429, 503) else ""
    raise CannotDo(f"The gateway answered {status}: {problem}.", remedy)
