"""A client that believes nothing: answers must be what HTTP and the contract say, to the byte."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import Reason
from tests.fuzz.expected import Violation

#: aiohttp answers in the version that was asked, also in one that there is not.
_STATUS: Final = re.compile(rb"HTTP/\d\.\d ([1-5]\d\d) [ -~]*")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)")
_OUTCOME: Final = {"accepted", "minted", "rejected_count", "rejected"}
_REFUSAL: Final = {"error", "code", "retryable", "request_id"}
_REASONS: Final = {reason.code: reason for reason in Reason if reason is not Reason.INTERNAL}
_LONGEST_HEAD: Final = 16 * 2**10


@dataclass(frozen=True)
class Answer:
    """A well-formed answer; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def last(self) -> bool:
        """Whether it says that the connection ends."""
        return self.headers.get("connection", "").lower() == "close"

    @property
    def outcome(self) -> dict[str, Any] | None:
        """What it says about records; None if nothing."""
        if self.status in (202, 422):
            outcome: dict[str, Any] = json.loads(self.body)
            return outcome
        if self.status == 200 and self.headers.get("content-type") == "application/json":
            told = json.loads(self.body)  # of a path of the course, or something that was read
            return told if told.keys() == _OUTCOME else None
        if self.headers.get("content-type") == "application/json" and self.status >= 400:
            refusal: dict[str, Any] = json.loads(self.body)
            return refusal if "accepted" in refusal else None
        return None


async def read_answer(reader: asyncio.StreamReader, *, of_head: bool = False) -> Answer | None:
    """Return the next answer that is not interim; None at the connection's end.

    :raises Violation: it is not well-formed HTTP.
    """
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise Violation(f"the answer breaks off: {error.partial[:200]!r}") from None
            return None
        except asyncio.LimitOverrunError:
            raise Violation("the answer's head is endless") from None
        status_line, *lines = head[:-4].split(b"\r\n")
        matched = _STATUS.fullmatch(status_line)
        if matched is None:
            raise Violation(f"status line {status_line[:200]!r}")
        status = int(matched[1])
        if status == 100:
            continue
        headers: dict[str, str] = {}
        for line in lines:
            header = _HEADER.fullmatch(line)
            if header is None:
                raise Violation(f"header {line[:200]!r}")
            name = header[1].decode().lower()
            if name in headers:
                raise Violation(f"header {name} twice")
            headers[name] = header[2].decode("latin-1")
        length = headers.get("content-length", "")
        if not length.isdigit():
            raise Violation(f"an answer without a length: {head!r}")
        try:
            body = b"" if of_head else await reader.readexactly(int(length))
        except asyncio.IncompleteReadError:
            raise Violation(f"the answer's body breaks off: {head!r}") from None
        return Answer(status, headers, body)


def check_answer(answer: Answer) -> None:
    """Check an answer by the contract alone, without knowing the question.

    :raises Violation: it is none of the contract.
    """
    _require(bool(answer.headers.get("x-request-id")), "no X-Request-ID", answer)
    kind = answer.headers.get("content-type")
    if answer.status == 200:
        _require(bool(kind), "no Content-Type", answer)
        outcome = answer.outcome
        if outcome is not None:
            check_outcome_shape(outcome)
            _require(
                outcome["accepted"] > 0 or outcome["rejected_count"] == 0, "none accepted", answer
            )
        return
    _require(kind == "application/json", "not JSON", answer)
    try:
        told = json.loads(answer.body)
    except ValueError:
        raise Violation(f"an answer that is no JSON: {answer}") from None
    if answer.status in (202, 422):
        _require(told.keys() == _OUTCOME, "not an outcome", answer)
        check_outcome_shape(told)
        none_good = told["rejected_count"] > 0 and told["accepted"] == 0
        _require(none_good == (answer.status == 422), "not the status of its outcome", answer)
        return
    _require(told.keys() in (_REFUSAL, _REFUSAL | _OUTCOME), "not a refusal", answer)
    reason = _REASONS.get(told["code"])
    _require(reason is not None, "an unknown code", answer)
    assert reason is not None
    _require(answer.status == reason.http_status, "not the code's status", answer)
    _require(bool(told["error"]) and isinstance(told["error"], str), "no words", answer)
    _require(told["retryable"] is reason.retryable, "not the code's retryable", answer)
    _require(("retry-after" in answer.headers) is reason.retryable, "Retry-After", answer)
    _require(told["request_id"] == answer.headers["x-request-id"], "two request ids", answer)
    if "accepted" in told:
        check_outcome_shape(told)


def check_outcome_shape(told: dict[str, Any]) -> None:
    """Check that an outcome is one; raises Violation."""
    numbers = [told["accepted"], told["rejected_count"]]
    listed = [it["index"] for it in told["rejected"]]
    good = (
        all(type(number) is int and number >= 0 for number in numbers)
        and len(listed) == min(1000, told["rejected_count"])
        and listed == sorted(set(listed))
        and all(it.keys() == {"index", "id", "field", "error"} for it in told["rejected"])
        and all(it["error"] and isinstance(it["field"], str) for it in told["rejected"])
        and all(it["id"] and type(it["index"]) is int for it in told["minted"])
    )
    if not good:
        raise Violation(f"not an outcome: {told}")


def _require(true: bool, what: str, answer: Answer) -> None:
    if not true:
        raise Violation(f"{what}: {answer.status} {answer.headers} {answer.body[:500]!r}")
