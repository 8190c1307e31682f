"""Results in, live standings out, through real processes."""

from __future__ import annotations

import signal

import pytest

from tests.support.stack import StackFactory

pytestmark = pytest.mark.integration


def test_a_result_that_was_accepted_is_in_the_standings(stack: StackFactory) -> None:
    games = stack()

    status, answer = games.gateway.request(
        "POST",
        "/v1/results",
        {
            "sport": "swimming",
            "unit": "100 m final",
            "phase": "final",
            "competitor": {"id": "8"},
            "faculty": "engineering",
            "mark": "55.78",
        },
    )

    assert (status, answer["accepted"]) == (202, 1)
    assert games.settled().sports["swimming"]["gold"] == 1


def test_a_worker_that_was_killed_counts_on_where_it_was(stack: StackFactory) -> None:
    games = stack(workers=2)
    entries = [
        {"id": str(number), "student": "Ana", "age": 20, "faculty": "agronomia", "discipline": 2}
        for number in range(200)
    ]
    assert games.gateway.request("POST", "/v1/entries", entries[:100])[0] == 202
    games.settled()

    games.workers[0].kill(signal.SIGKILL)
    assert games.gateway.request("POST", "/v1/entries", entries[100:])[0] == 202
    games.workers[0].start()

    snapshot = games.settled()
    counts = snapshot.sports["athletics"]
    assert counts["entries"] == counts["winners"] + counts["losers"] == 200
