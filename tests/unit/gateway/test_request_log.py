"""What is counted and logged of a request, and what never is."""

from __future__ import annotations

import time

import pytest
from structlog.testing import capture_logs

from gateway.auth.tokens import Caller
from gateway.errors import Reason, Refused
from gateway.metrics import Metrics
from gateway.observability.request_ids import RequestIds
from gateway.observability.request_log import RequestLog
from gateway.outcome import Outcome

CALLER = Caller("timing", None, None)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def rejected() -> Outcome:
    outcome = Outcome()
    outcome.reject(0, "7", "mark", "expected a mark, got 'Ana'")
    return outcome


def test_accepted_requests_are_counted_and_not_logged(metrics: Metrics) -> None:
    log = RequestLog("http", metrics, debug=False)

    with capture_logs() as logs:
        log.answered("id-1", CALLER, Outcome(accepted=3), 0.2)

    assert logs == []
    assert value(metrics, "medallero_gateway_requests_total", answer="accepted") == 1
    assert value(metrics, "medallero_gateway_request_seconds_sum", path="other") == 0.2


def test_time_to_answer_is_known_by_path(metrics: Metrics) -> None:
    log = RequestLog("http", metrics, debug=False)
    busy = Refused(Reason.TOO_BUSY, "too busy")

    log.answered("id-1", CALLER, Outcome(accepted=3), 0.2, "/agronomia")
    log.answered("id-2", CALLER, rejected(), 0.4, "/agronomia")
    log.refused("id-3", None, busy, 0.1, "/v1/results")
    log.refused("id-4", None, busy, 0.8)

    def seconds(path: str) -> float | None:
        return value(metrics, "medallero_gateway_request_seconds_sum", path=path)

    assert seconds("/agronomia") == pytest.approx(0.6)
    assert seconds("/v1/results") == 0.1
    assert seconds("other") == 0.8


def test_at_the_level_debug_they_are_logged_too(metrics: Metrics) -> None:
    log = RequestLog("http", metrics, debug=True)

    with capture_logs() as logs:
        log.answered("id-1", CALLER, Outcome(accepted=3), 0.2)

    assert logs == [
        {
            "event": "request_accepted",
            "log_level": "debug",
            "protocol": "http",
            "request_id": "id-1",
            "caller": "timing",
            "accepted": 3,
            "rejected": 0,
            "seconds": 0.2,
        }
    ]


def test_what_was_not_taken_is_one_event_with_the_request_id_and_without_words_of_the_client(
    metrics: Metrics,
) -> None:
    log = RequestLog("http", metrics, debug=False)
    refusals = [Refused(reason, "quotes Ana") for reason in Reason]

    with capture_logs() as logs:
        log.answered("id-0", CALLER, rejected(), 0.1)
        for number, refused in enumerate(refusals, 1):
            log.refused(f"id-{number}", None, refused, 0.1)

    assert [it["request_id"] for it in logs] == [f"id-{n}" for n in range(len(refusals) + 1)]
    assert logs[0]["rejected"] == 1
    assert [it["reason"] for it in logs[1:]] == [reason.code for reason in Reason]
    quoting = {it["reason"] for it in logs[1:] if "Ana" in str(it)}
    # Those whose words are the gateway's alone.
    assert quoting == {"no_token", "too_busy", "unavailable", "too_slow"}


def test_a_fault_is_logged_by_its_type_and_place_and_without_its_words(metrics: Metrics) -> None:
    log = RequestLog("grpc", metrics, debug=False)

    def fail(name: str) -> None:
        raise ValueError(f"cannot digest {name}")

    with capture_logs() as logs:
        try:
            fail("Ana")
        except ValueError as error:
            log.failed("id-1", error)

    (event,) = logs
    assert "Ana" not in str(event)
    assert event["error"] == "ValueError"
    assert event["where"][-1].startswith("test_request_log.py:")
    assert event["where"][-1].endswith(" fail")


def test_a_stampede_of_refusals_is_logged_in_part_and_says_how_much_is_missing(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    log = RequestLog("http", metrics, debug=False)
    busy = Refused(Reason.TOO_BUSY, "too busy")

    with capture_logs() as logs:
        for number in range(100):
            log.refused(f"id-{number}", None, busy, 0.0)
        now += 1
        log.refused("last", None, busy, 0.0)

    assert len(logs) == 21
    assert logs[-1]["unlogged"] == 80
    assert value(metrics, "medallero_gateway_requests_total", answer="too_busy") == 101


def test_a_clients_own_request_id_is_kept_if_it_can_stand_in_a_header() -> None:
    ids = RequestIds()

    assert ids.id_of("req-1/å"[:6]) == "req-1/"
    for bad in (None, "", "two words", "é", "x" * 129, "a\nb"):
        assert ids.id_of(bad) not in (None, bad)
    assert ids.id_of(None) != ids.id_of(None)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"protocol": "http", **labels})
