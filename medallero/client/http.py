"""Sending batches over HTTP, as NDJSON."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
import msgspec

from contracts.reasons import reason_of
from medallero.client.answers import (
    NOBODY_THERE,
    Answer,
    BadRequest,
    Rejection,
    RequestRefused,
    TryAgain,
    checked,
)
from medallero.files.inputs import Kind

_PATHS: Final[Mapping[Kind, str]] = {
    kind: f"/v1/{kind}" for kind in ("results", "entries", "reports")
}
_NOT_NOW: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class HttpClient:
    """A pool of connections to the gateway at *endpoint* (``http://host:port``)."""

    def __init__(
        self,
        endpoint: str,
        *,
        connections: int,
        token: str | None = None,
        trusted: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        """*trusted*: certificates (PEM) that vouch for the gateway's; None: the public ones."""
        self._endpoint = endpoint.rstrip("/")
        headers = {"Content-Type": "application/x-ndjson", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections,
                ssl=True if trusted is None else ssl.create_default_context(cadata=trusted),
            ),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=timeout, connect=min(timeout, 5.0)),
        )
        self._timeout = timeout

    async def send(self, kind: Kind, bodies: Sequence[bytes]) -> Answer:
        """See `medallero.client.answers.Client.send`."""
        url = self._endpoint + _PATHS[kind]
        try:
            async with self._session.post(
                url, data=b"\n".join(bodies) + b"\n", allow_redirects=False
            ) as response:
                body = await response.read()
                return _answer(response.status, response.headers, body, len(bodies), url)
        except TimeoutError:
            raise TryAgain(f"no answer from {self._endpoint} in {self._timeout:g} s") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise RequestRefused(f"not an address: {error}") from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise RequestRefused(f"no secure connection to {self._endpoint}: {error}") from None
        except aiohttp.ClientConnectorError as error:
            raise TryAgain(
                f"cannot connect to {self._endpoint}: {reason_of(error)}", remedy=NOBODY_THERE
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise TryAgain(f"connection to {self._endpoint} lost: {reason_of(error)}") from None

    async def close(self) -> None:
        """See `medallero.client.answers.Client.close`."""
        await self._session.close()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the answer asks to wait: it gives them, or a date."""
    text = headers.get("Retry-After")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except ValueError:
            return None
    # NaN, and what lies in the past, ask for nothing.
    return max(seconds, 0.0) if seconds == seconds else None


class _RejectedRecord(msgspec.Struct):
    index: int
    field: str = ""
    error: str = ""


class _Body(msgspec.Struct):
    accepted: int
    rejected_count: int
    rejected: list[_RejectedRecord] = []


class _ErrorBody(msgspec.Struct):
    error: str = ""


def _answer(status: int, headers: Mapping[str, str], body: bytes, sent: int, url: str) -> Answer:
    if status in (202, 422):
        try:
            read = msgspec.json.decode(body, type=_Body)
        except msgspec.MsgspecError:
            if status == 422:
                raise BadRequest(_error_of(body, status)) from None
            raise RequestRefused(f"{url} gave an answer that no Medallero gateway gives") from None
        rejected = [Rejection(it.index, it.field, it.error) for it in read.rejected]
        return checked(Answer(read.accepted, rejected), sent)
    if status in _NOT_NOW:
        raise TryAgain(_error_of(body, status), retry_after(headers))
    if status in (400, 413):
        raise BadRequest(_error_of(body, status))
    if status in (401, 403):
        hint = "is the token right?" if status == 403 else "give a token with --token"
        raise RequestRefused(f"{_error_of(body, status)}; {hint}")
    raise RequestRefused(f"{url} answered {_error_of(body, status)}; is this a Medallero gateway?")


def _error_of(body: bytes, status: int) -> str:
    try:
        error = msgspec.json.decode(body, type=_ErrorBody).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        error = ""
    return f"{status}: {error}" if error else f"HTTP status {status}"
