"""HTTP answers: JSON of one shape for outcomes, and of one shape for refusals."""

from typing import Any, Final

import msgspec
from aiohttp.web import Response

from gateway.outcome import Outcome
from gateway.refusal import Reason, Refused

JSON: Final = "application/json"

_encode = msgspec.json.Encoder().encode


def outcome_answer(outcome: Outcome) -> Response:
    """All or some accepted: 202. None accepted, all bad: 422 with the same body."""
    return Response(
        body=_encode(outcome), status=422 if outcome.all_bad else 202, content_type=JSON
    )


def refusal_answer(refused: Refused, request_id: str) -> Response:
    """``{"error": words, "code", "retryable", "request_id"}``, and what is known of the records."""
    reason = refused.reason
    body: dict[str, Any] = {
        "error": refused.message,
        "code": reason.code,
        "retryable": reason.retryable,
        "request_id": request_id,
    }
    if refused.outcome is not None:
        body |= msgspec.structs.asdict(refused.outcome)
    response = json_answer(body, reason.http_status)
    if reason.retryable:
        response.headers["Retry-After"] = str(refused.retry_after)
    if reason is Reason.NO_TOKEN:
        response.headers["WWW-Authenticate"] = "Bearer"
    if refused.allow is not None:
        response.headers["Allow"] = refused.allow
    return response


def json_answer(body: Any, status: int = 200) -> Response:
    return Response(body=_encode(body), status=status, content_type=JSON)
