"""Clients of a run: they send through any gateway, try again, and log what was accepted."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

from tests.soak.games import Record
from tests.support.waiting import wait_until

#: Results in a request; with more than so many a second, requests are longer.
_BATCH: Final = 100
_REQUESTS: Final = 25
_TIMEOUT: Final = 15.0
_PAUSE: Final = 0.1
#: Bytes, as ``array("Q")`` reads them.
_DIGEST_SIZE: Final = 8
_HEADERS: Final = {"Content-Type": "application/json"}


class Senders:
    """Threads that share one stream of results; leaving the context ends them.

    Each sends a list of results until it is accepted, through one gateway after the other, and
    then writes the digests of its results into a log of its own: what is in there, the system has
    promised to count.
    """

    def __init__(
        self,
        records: Iterator[Record],
        ports: Callable[[], Sequence[int]],
        directory: Path,
        rate: int,
        threads: int = 4,
    ) -> None:
        """*ports* tells where gateways are now; *rate* is results a second of all together."""
        self._records = records
        self._ports = ports
        self._batch = max(_BATCH, rate // _REQUESTS)
        self._pause = self._batch * threads / rate
        self._over = threading.Event()
        self._may_begin = threading.Event()
        self._may_begin.set()
        self._given_up = False
        #: where in its log each client's promises of this epoch begin
        self._epoch_starts = [0] * threads
        self._lock = threading.Lock()
        self._logs = [directory / f"client-{number}.log" for number in range(threads)]
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"client {number}")
            for number in range(threads)
        ]
        #: in all, also by clients of an earlier run with these logs
        self.accepted = sum(it.stat().st_size for it in self._logs if it.exists()) // _DIGEST_SIZE
        #: requests that were not answered with 202, by what they were answered with
        self.refused: dict[str, int] = {}
        #: results in requests that have begun and have no answer yet
        self.waiting = 0
        self._busy = 0
        self.problem: BaseException | None = None

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exception: object) -> None:
        # Who ends a run early does not wait for a system that may never answer again.
        self._given_up = kind is not None
        self.stop()

    def stop(self) -> None:
        """Send no more; what was begun is brought to its end."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def hold(self) -> None:
        """Begin nothing until ``go_on``; return when all that was begun is accepted."""
        self._may_begin.clear()
        wait_until(lambda: not self._busy or self.problem, timeout=600, what="clients are idle")

    def go_on(self) -> None:
        self._may_begin.set()

    def begin_epoch(self) -> None:
        """Forget what was promised: it is gone with its log. Call it while nothing is accepted."""
        self._epoch_starts = [log.stat().st_size for log in self._logs]

    def promised(self) -> array[int]:
        """Return the digests of all results accepted in this epoch, from the logs, in order."""
        found: array[int] = array("Q")
        for log, start in zip(self._logs, self._epoch_starts, strict=True):
            with log.open("rb") as file:
                file.seek(start)
                found.frombytes(file.read())
        return array("Q", sorted(found))

    def _run(self, number: int) -> None:
        try:
            with self._logs[number].open("ab") as log:
                while not self._over.is_set():
                    if not self._may_begin.wait(_PAUSE):
                        continue
                    began = time.monotonic()
                    with self._lock:
                        self._busy += 1
                        records = list(itertools.islice(self._records, self._batch))
                    # Those with a partition are garbage, which only a foreign producer can send.
                    values = [it.value for it in records if it.value and it.partition is None]
                    if not values:
                        return
                    self._send(number, values)
                    log.write(b"".join(digest(value) for value in values))
                    log.flush()
                    with self._lock:
                        self.accepted += len(values)
                        self._busy -= 1
                    self._over.wait(max(0.0, began + self._pause - time.monotonic()))
        except BaseException as problem:
            self.problem = problem

    def _send(self, number: int, values: list[bytes]) -> None:
        """Send until it is accepted, even after the end: only then is it known what happened."""
        body = b"[" + b",".join(values) + b"]"
        for attempt in itertools.count(number):
            if self._given_up:
                raise InterruptedError
            ports = self._ports()
            with self._lock:
                self.waiting += len(values)
            try:
                status, answer = post(ports[attempt % len(ports)], body)
            except (OSError, http.client.HTTPException) as error:
                status, answer = 0, type(error).__name__.encode()
            finally:
                with self._lock:
                    self.waiting -= len(values)
            if status == 202:
                assert b'"rejected_count":0' in answer, answer[:500]
                return
            assert status in (0, 429, 503), f"{status}: {answer[:500]!r}"
            what = str(status) if status else answer.decode()
            with self._lock:
                self.refused[what] = self.refused.get(what, 0) + 1
            time.sleep(_PAUSE)


def digest(value: bytes) -> bytes:
    """Return what stands for a record in a client's log."""
    return blake2b(value, digest_size=_DIGEST_SIZE).digest()


def post(port: int, body: bytes) -> tuple[int, bytes]:
    """Send results; return the status and the body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("POST", "/v1/results", body, _HEADERS)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
