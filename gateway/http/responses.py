"""HTTP answers: JSON of one shape for outcomes, and of one shape for refusals.

Each answer is made once and goes out through aiohttp or over the fast lane.
"""

from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.web import Response

from gateway.errors import Reason, Refused
from gateway.outcome import Outcome

JSON: Final = "application/json"
SERVER: Final = "medallero"

_encode = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """An answer in JSON; ``headers`` are those that not every answer has."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def answer_of(outcome: Outcome, status: int) -> Answer:
    """All or some accepted: *status*. None accepted, all bad: 422 with the same body."""
    return Answer(422 if outcome.all_bad else status, _encode(outcome))


def answer_to(refused: Refused, request_id: str) -> Answer:
    """``{"error": words, "code", "retryable", "request_id"}``, and what else is known.

    That is the ``field`` that is wrong, what others have changed, what became of the records.
    """
    reason = refused.reason
    body: dict[str, Any] = {
        "error": refused.message,
        "code": reason.code,
        "retryable": reason.retryable,
        "request_id": request_id,
    }
    if refused.field is not None:
        body["field"] = refused.field
    if refused.changed:
        body["changed"] = refused.changed
    if refused.outcome is not None:
        body |= msgspec.structs.asdict(refused.outcome)
    headers = []
    if reason.retryable:
        headers.append(("Retry-After", str(refused.retry_after)))
    if reason is Reason.NO_TOKEN:
        headers.append(("WWW-Authenticate", "Bearer"))
    if refused.allow is not None:
        headers.append(("Allow", refused.allow))
    return Answer(reason.http_status, _encode(body), tuple(headers))


def response_of(answer: Answer) -> Response:
    """Return *answer* for aiohttp to send."""
    response = Response(body=answer.body, status=answer.status, content_type=JSON)
    response.headers.extend(answer.headers)
    return response


def bytes_of(answer: Answer, request_id: str, *, close: bool) -> bytes:
    """Return *answer* as it goes over the wire; *close*: it is the connection's last."""
    status, body, headers = answer
    more = "Connection: close\r\n" if close else ""
    for name, value in headers:
        more += f"{name}: {value}\r\n"
    return (
        f"{_START[status]}{rfc822_formatted_time()}\r\nX-Request-ID: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n{more}\r\n"
    ).encode() + body


def json_answer(body: Any, status: int = 200) -> Response:
    return Response(body=_encode(body), status=status, content_type=JSON)


_START: Final = {
    status: (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {JSON}\r\nServer: {SERVER}\r\nDate: "
    )
    for status in (200, 202, 422, *(reason.http_status for reason in Reason))
}
