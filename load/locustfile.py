"""The course's users, and senders of whole lists. README.md says how to start them.

Settings by environment: LOAD_ENTRIES, the file of entries; LOAD_TWEETS, that of tweets;
LOAD_CLIENTS, that of all that the course's clients send; MEDALLERO_TOKEN, sent as Bearer;
LOAD_BATCH, results in a list.
"""

from __future__ import annotations

import itertools
import json
import os
import uuid
from collections import deque
from pathlib import Path
from typing import Any, ClassVar

import gevent
from locust import FastHttpUser, constant, events, task
from locust.exception import StopUser

_ENTRIES = Path(os.environ.get("LOAD_ENTRIES", Path(__file__).with_name("entries.ndjson")))
_TWEETS = Path(os.environ.get("LOAD_TWEETS", Path(__file__).with_name("tweets.ndjson")))
_CLIENTS = Path(os.environ.get("LOAD_CLIENTS", Path(__file__).with_name("clients.ndjson")))
_BATCH = int(os.environ.get("LOAD_BATCH", "500"))
_TOKEN = os.environ.get("MEDALLERO_TOKEN", "")

#: Answers after which the same request may be sent again; 0 is a connection that broke.
_RETRYABLE = frozenset((0, 408, 429, 503))
_ATTEMPTS = 20


@events.test_start.add_listener
def _read_files(environment: Any, **_: Any) -> None:
    for user, file, script in (
        (CourseUser, _ENTRIES, "entries.py"),
        (TweetUser, _TWEETS, "tweets.py"),
        (ClientUser, _CLIENTS, "clients.py"),
    ):
        user.left.clear()
        if user not in environment.user_classes:
            continue
        if not file.exists():
            raise SystemExit(f"There is no {file}; first: python load/{script}")
        with file.open(encoding="utf-8") as lines:
            user.left.extend(json.loads(line) for line in lines)


class Sender(FastHttpUser):
    """What all kinds of users have in common."""

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
                if answer.status_code in (200, 202) and answer.json()["rejected_count"] == 0:
                    return
                answer.failure(f"{answer.status_code}: {(answer.text or '')[:200]}")
                if answer.status_code not in _RETRYABLE:
                    return
                wait = float((answer.headers or {}).get("Retry-After", 1))
            gevent.sleep(wait)


class FileUser(Sender):
    """Takes the next line of a file and posts it on its own.

    When nothing is left, the users stop, and then the run ends.
    """

    abstract = True
    wait_time = constant(0)
    #: of all users of a class
    left: ClassVar[deque[dict[str, Any]]]
    at_work = 0

    def on_start(self) -> None:
        type(self).at_work += 1

    def on_stop(self) -> None:
        type(self).at_work -= 1
        if not self.left and self.at_work == 0 and len(self.environment.user_classes) == 1:
            self.environment.runner.quit()

    def post_next(self, path: str | None = None) -> None:
        """Post one line. Its key makes the retries safe, and the whole run repeatable."""
        if not self.left:
            raise StopUser
        line = self.left.popleft()
        self.send(
            path or line["path"],
            json.dumps(line["body"], ensure_ascii=False).encode(),
            name=path or line["path"],
            **{"Content-Type": "application/json", "Idempotency-Key": line["key"]},
        )


class CourseUser(FileUser):
    """One of the course's users: entries, each to the path that its line names."""

    left: ClassVar[deque[dict[str, Any]]] = deque()

    @task
    def post_entry(self) -> None:
        """Post one entry."""
        self.post_next()


class TweetUser(FileUser):
    """One of the course's users who tweet the weather."""

    left: ClassVar[deque[dict[str, Any]]] = deque()

    @task
    def post_tweet(self) -> None:
        """Post one tweet."""
        self.post_next("/input")


class ClientUser(FileUser):
    """One of the course's clients: each line as one of them would send it, to the path it names."""

    left: ClassVar[deque[dict[str, Any]]] = deque()

    @task
    def post_line(self) -> None:
        """Post one line."""
        self.post_next()


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
