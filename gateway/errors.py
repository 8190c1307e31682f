"""Requests that are refused as a whole, in the terms of both protocols."""

from collections.abc import Sequence
from enum import Enum

import msgspec

from contracts.unit_log import Version
from gateway.outcome import Outcome


class StaleChange(msgspec.Struct, frozen=True):
    """A change, by its place in the request, whose result somebody else has changed.

    ``replaces``: the version that it meant to replace; ``now``: what is there, if anything is.
    """

    index: int
    replaces: int
    now: Version | None


class Reason(Enum):
    """Why a request is refused: a word for programs, the HTTP status and gRPC's status name."""

    BAD_REQUEST = ("bad_request", 400, "INVALID_ARGUMENT")
    NOT_JSON = ("not_json", 400, "INVALID_ARGUMENT")
    NO_TOKEN = ("no_token", 401, "UNAUTHENTICATED")
    WRONG_TOKEN = ("wrong_token", 403, "PERMISSION_DENIED")
    NOT_FOUND = ("not_found", 404, "NOT_FOUND")
    METHOD_NOT_ALLOWED = ("method_not_allowed", 405, "UNIMPLEMENTED")
    CHANGED = ("changed", 409, "ABORTED")
    TOO_SLOW = ("too_slow", 408, "DEADLINE_EXCEEDED")
    TOO_LARGE = ("too_large", 413, "INVALID_ARGUMENT")
    WRONG_TYPE = ("wrong_type", 415, "INVALID_ARGUMENT")
    MISDIRECTED = ("misdirected", 421, "INVALID_ARGUMENT")
    TOO_BUSY = ("too_busy", 429, "RESOURCE_EXHAUSTED")
    INTERNAL = ("internal", 500, "INTERNAL")
    NOT_IMPLEMENTED = ("not_implemented", 501, "UNIMPLEMENTED")
    UNAVAILABLE = ("unavailable", 503, "UNAVAILABLE")
    WRONG_VERSION = ("wrong_version", 505, "UNIMPLEMENTED")

    def __init__(self, code: str, http_status: int, grpc_status: str) -> None:
        self.code = code
        self.http_status = http_status
        self.grpc_status = grpc_status

    @property
    def retryable(self) -> bool:
        """Whether the same request may well be accepted a little later."""
        return self in (Reason.TOO_BUSY, Reason.UNAVAILABLE, Reason.TOO_SLOW)


#: Seconds after which a refused client should try again, if the refusal does not say more.
RETRY_AFTER = 1


class Refused(Exception):
    """A request is refused; ``message`` says why in words for people.

    ``outcome`` is what is certain of a request that was taken in parts (NDJSON, client streams):
    the records that Kafka had acknowledged, and those that were rejected, before the refusal.
    ``changed`` is what others have changed. ``field`` is the parameter that is wrong, if it is one.
    ``retry_after`` is after how many seconds a retry makes sense, if the reason is retryable.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        allow: str | None = None,
        outcome: Outcome | None = None,
        changed: Sequence[StaleChange] = (),
        field: str | None = None,
        retry_after: int = RETRY_AFTER,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.allow = allow
        self.outcome = outcome
        self.changed = changed
        self.field = field
        self.retry_after = retry_after
