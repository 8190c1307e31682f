"""What became of requests that carry records: counted all, logged where something went wrong.

Logs never hold a token, a record or a part of one, nor where a request came from: they live longer
than the games and are read by more people than the results of a minor should be. So of whatever a
client wrote nothing is logged but its request id, and of an error of ours its type and place.
"""

import time
import traceback
from pathlib import Path
from typing import Final, Literal

import structlog
from prometheus_client import Histogram

from gateway.auth.tokens import Caller
from gateway.errors import Reason, Refused
from gateway.metrics import OTHER, Metrics
from gateway.outcome import Outcome

_log = structlog.get_logger("gateway.requests")

Protocol = Literal["http", "grpc"]

#: Refusals that are logged a second; a stampede must not fill the disk with one sentence.
_A_SECOND: Final = 20

#: Refusals whose words are ours alone; others may quote what the client wrote.
_OURS: Final = frozenset((Reason.NO_TOKEN, Reason.TOO_BUSY, Reason.UNAVAILABLE, Reason.TOO_SLOW))


class RequestLog:
    """Counts and logs the requests of one protocol."""

    def __init__(self, protocol: Protocol, metrics: Metrics, *, debug: bool) -> None:
        """*debug*: log accepted requests too."""
        self._protocol = protocol
        self._debug = debug
        self._answers = metrics.answers_of[protocol]
        self._metrics = metrics
        #: By path. Made when a path is first used: most of the course's paths never are.
        self._seconds: dict[str, Histogram] = {}
        self._second = 0
        self._logged = 0
        self._unlogged = 0

    def answered(
        self,
        request_id: str,
        caller: Caller,
        outcome: Outcome,
        seconds: float,
        path: str = OTHER,
    ) -> None:
        """Take note of a request whose records were judged one by one, *seconds* after it came.

        *path* is one that this gateway serves, as often as not another than the client wrote.
        """
        self._observe(path, seconds)
        if outcome.all_bad:
            self._answers["rejected"].inc()
            if self._has_room():
                _log.info(
                    "request_rejected",
                    **self._facts(request_id, caller),
                    rejected=outcome.rejected_count,
                )
            return
        self._answers["accepted"].inc()
        if self._debug:
            _log.debug(
                "request_accepted",
                **self._facts(request_id, caller),
                accepted=outcome.accepted,
                rejected=outcome.rejected_count,
                seconds=round(seconds, 6),
            )

    def refused(
        self,
        request_id: str,
        caller: Caller | None,
        refused: Refused,
        seconds: float,
        path: str = OTHER,
    ) -> None:
        """Take note of a request that was refused as a whole; no *caller*: before it was known."""
        reason = refused.reason
        self._observe(path, seconds)
        self._answers[reason.code].inc()
        if not self._has_room():
            return
        facts: dict[str, object] = {
            **self._facts(request_id, caller),
            "reason": reason.code,
            "seconds": round(seconds, 6),
        }
        if reason in _OURS:
            facts["detail"] = refused.message
        if refused.outcome is not None:
            facts["accepted"] = refused.outcome.accepted
        _log.log(30 if reason.retryable else 20, "request_refused", **facts)

    def failed(self, request_id: str, error: BaseException) -> None:
        """Take note of a fault of ours, which ``refused`` counts."""
        _log.error(
            "request_failed",
            protocol=self._protocol,
            request_id=request_id,
            **what_failed(error),
        )

    def _observe(self, path: str, seconds: float) -> None:
        histogram = self._seconds.get(path)
        if histogram is None:
            histogram = self._metrics.request_seconds.labels(self._protocol, path)
            self._seconds[path] = histogram
        histogram.observe(seconds)

    def _facts(self, request_id: str, caller: Caller | None) -> dict[str, object]:
        facts: dict[str, object] = {"protocol": self._protocol, "request_id": request_id}
        if caller is not None and caller.name:
            facts["caller"] = caller.name
        if self._unlogged:
            facts["unlogged"], self._unlogged = self._unlogged, 0
        return facts

    def _has_room(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._logged = second, 0
        self._logged += 1
        if self._logged <= _A_SECOND:
            return True
        self._unlogged += 1
        return False


def what_failed(error: BaseException) -> dict[str, object]:
    """Return the type of *error* and where it was raised, for a log: its words may quote data."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__qualname__,
        "where": [f"{Path(it.filename).name}:{it.lineno} {it.name}" for it in frames],
    }
