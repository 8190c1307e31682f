"""Clients that take all they can get, from a network of their own, beside the honest ones."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

#: Honest clients come from 127.0.0.1.
_SOURCE: Final = "127.0.0.2"
#: Two of them are more than what a gateway holds of all requests at once.
_SLOW_BODY: Final = 12_500_000
_SLOW: Final = 2
_LIST: Final = 5_000
_PAUSE: Final = 2.0
_TIMEOUT: Final = 20.0

#: What a gateway of a run with greedy clients may give away: little, so that it runs out.
LIMITS: Final = {"max_connections": "200", "max_viewers": "40"}


class Greedy:
    """Threads that ask every gateway for too much, again and again; leaving the context ends them.

    ``answers`` counts what they were told, by what they did.
    """

    def __init__(self, ports: Callable[[], Sequence[int]]) -> None:
        self._ports = ports
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.problem: BaseException | None = None
        works = (self._slow_bodies, self._connections, self._viewers, self._large_lists)
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=f"greedy {work.__name__}")
            for work in works
        ]

    def __enter__(self) -> Greedy:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, work: Callable[[int], None]) -> None:
        try:
            while not self._over.wait(_PAUSE):
                for port in self._ports():
                    try:
                        work(port)
                    except (OSError, http.client.HTTPException) as error:  # they come and go
                        self._told(work.__name__.strip("_"), type(error).__name__)
        except BaseException as problem:
            self.problem = problem

    def _told(self, what: str, answer: object) -> None:
        with self._lock:
            self.answers[f"{what}: {answer}"] += 1

    def _slow_bodies(self, port: int) -> None:
        """Send two large bodies but for their ends, then a byte now and then."""
        head = (
            f"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {_SLOW_BODY}\r\n\r\n"
        )
        with _connections(port, _SLOW) as opened:
            for one in opened:
                one.sendall(head.encode() + b" " * (_SLOW_BODY - 100))
            for _ in range(10):
                if self._over.wait(_PAUSE):
                    return
                for one in opened:
                    one.sendall(b" ")
            for one in opened:
                self._told("slow body", _status(one))

    def _connections(self, port: int) -> None:
        """Hold more connections than there are places."""
        with _connections(port, int(LIMITS["max_connections"])) as opened:
            for one in opened:
                with contextlib.suppress(OSError):  # it was closed by then
                    one.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    self._told("connection", _status(one))
            self._over.wait(5 * _PAUSE)

    def _viewers(self, port: int) -> None:
        """Take places of the live stream, and read nothing of it."""
        with _connections(port, int(LIMITS["max_viewers"])) as opened:
            for one in opened:
                one.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self._told("viewer", _status(one))
            self._over.wait(10 * _PAUSE)

    def _large_lists(self, port: int) -> None:
        """Send long lists of which nothing is a result."""
        body = json.dumps([{"sport": "none", "unit": str(it)} for it in range(_LIST)])
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=_TIMEOUT, source_address=(_SOURCE, 0)
        )
        with contextlib.closing(connection):
            connection.request("POST", "/v1/results", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self._told("large list", answer.status)


@contextlib.contextmanager
def _connections(port: int, number: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as opened:
        yield [
            opened.enter_context(
                socket.create_connection(("127.0.0.1", port), _TIMEOUT, (_SOURCE, 0))
            )
            for _ in range(number)
        ]


def _status(connection: socket.socket) -> str:
    line = connection.recv(65_536).partition(b"\r\n")[0].decode("latin-1")
    return line.split(" ")[1] if " " in line else "closed"
