"""The course's users, and senders of whole lists. README.md says how to start them.

Settings by environment: LOAD_ENTRIES, the file of entries; MEDALLERO_TOKEN, sent as Bearer;
LOAD_BATCH, results in a list.
"""

from __future__ import annotations

import itertools
import json
import os
import uuid
from collections import deque
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, constant, events, task
from locust.exception import StopUser

_ENTRIES = Path(os.environ.get("LOAD_ENTRIES", Path(__file__).with_name("entries.ndjson")))
_BATCH = int(os.environ.get("LOAD_BATCH", "500"))
_TOKEN = os.environ.get("MEDALLERO_TOKEN", "")

#: Answers after which the same request may be sent again; 0 is a connection that broke.
_RETRYABLE = frozenset((0, 408, 429, 503))
_ATTEMPTS = 20

_left: deque[dict[str, Any]] = deque()
_at_work = 0


@events.test_start.add_listener
def _read_entries(environment: Any, **_: Any) -> None:
    _left.clear()
    if CourseUser not in environment.user_classes:
        return
    if not _ENTRIES.exists():
        raise SystemExit(f"There is no {_ENTRIES}; first: python load/entries.py")
    with _ENTRIES.open(encoding="utf-8") as lines:
        _left.extend(json.loads(line) for line in lines)


class Sender(FastHttpUser):
    """What both kinds of users have in common."""

    abstract = True
    network_timeout = 60.0
    connection_timeout = 10.0

    def send(self, path: str, body: bytes, name: str, **headers: str) -> None:
        """Post until there is an answer that is final, as the gateway's contract asks for."""
        if _TOKEN:
            headers["Authorization"] = f"Bearer {_TOKEN}"
        for _ in range(_ATTEMPTS):
            with self.client.post(
                path, data=body, headers=headers, name=name, catch_response=True
            ) as answer:
                if answer.status_code == 202 and answer.json()["rejected_count"] == 0:
                    return
                answer.failure(f"{answer.status_code}: {(answer.text or '')[:200]}")
                if answer.status_code not in _RETRYABLE:
                    return
                wait = float((answer.headers or {}).get("Retry-After", 1))
            gevent.sleep(wait)


class CourseUser(Sender):
    """One of the course's users: takes the next entry of the file and posts it on its own.

    When nothing is left, the users stop, and then the run ends.
    """

    wait_time = constant(0)

    def on_start(self) -> None:
        global _at_work
        _at_work += 1

    def on_stop(self) -> None:
        global _at_work
        _at_work -= 1
        if not _left and _at_work == 0 and len(self.environment.user_classes) == 1:
            self.environment.runner.quit()

    @task
    def post_entry(self) -> None:
        """Post one entry. Its key makes the retries safe, and the whole run repeatable."""
        if not _left:
            raise StopUser
        entry = _left.popleft()
        self.send(
            entry["path"],
            json.dumps(entry["body"], ensure_ascii=False).encode(),
            name=entry["path"],
            **{"Content-Type": "application/json", "Idempotency-Key": entry["key"]},
        )


class BulkSender(Sender):
    """A timing system that sends whole lists of results, as an array and as NDJSON in turns."""

    wait_time = constant(0)

    def on_start(self) -> None:
        self._numbers = itertools.count()
        self._meeting = uuid.uuid4().hex[:8]

    @task
    def post_array(self) -> None:
        """Post a JSON array."""
        body = b"[" + b",".join(self._results()) + b"]"
        self.send("/v1/results", body, "array", **{"Content-Type": "application/json"})

    @task
    def post_lines(self) -> None:
        """Post NDJSON."""
        body = b"\n".join(self._results())
        self.send("/v1/results", body, "NDJSON", **{"Content-Type": "application/x-ndjson"})

    def _results(self) -> list[bytes]:
        return [self._result(number) for number in itertools.islice(self._numbers, _BATCH)]

    def _result(self, number: int) -> bytes:
        result = {
            "sport": ("swimming", "athletics")[number // 8 % 2],
            "unit": f"{self._meeting} heat {number // 8}",
            "competitor": {"id": f"{self._meeting}-{number}", "name": "Ana García"},
            "faculty": ("engineering", "agronomy")[number % 2],
            "mark": f"{50 + number % 40}.{number % 100:02d}",
        }
        return json.dumps(result, ensure_ascii=False).encode()
