"""Does readiness tell the truth? Each gateway is asked, and given a result, every second."""

from __future__ import annotations

import http.client
import threading
import time
from array import array
from collections.abc import Sequence
from typing import Final

from olympics.catalogue import load_catalogue
from olympics.result import Competitor, Result, encode
from tests.soak.faults import NotRight
from tests.soak.senders import digest, post
from tests.support.stack import Member

_PERIOD: Final = 1.0
#: For so long a gateway may say that it is ready and take nothing, seconds.
LONGEST: Final = 60.0
_UNIT: Final = 8


class Readiness:
    """A thread for each gateway; leaving the context ends them.

    ``longest`` is the longest time, in seconds, for which one said at every look that it is ready
    while it accepted nothing.
    """

    def __init__(self, gateways: Sequence[Member]) -> None:
        catalogue = load_catalogue(None)
        self._sport, self._faculty = next(iter(catalogue.sports)), next(iter(catalogue.faculties))
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(it,), name=f"readiness of {it.name}")
            for it in gateways
        ]
        self._promised: array[int] = array("Q")
        self.longest = 0.0
        #: looks, those at which the gateway was ready, and results that were accepted
        self.looks = self.ready = self.accepted = 0
        self.problem: BaseException | None = None

    def __enter__(self) -> Readiness:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def promised(self) -> array[int]:
        """Return the digests of what was accepted since the epoch began."""
        with self._lock:
            return array("Q", self._promised)

    def begin_epoch(self) -> None:
        """Forget what was promised: it is gone with its log."""
        with self._lock:
            del self._promised[:]

    def _run(self, gateway: Member) -> None:
        try:
            since: float | None = None
            number = 0
            while not self._over.wait(_PERIOD):
                began = time.monotonic()
                ready = gateway.problem() is None
                number += 1
                value = encode(
                    Result(
                        sport=self._sport,
                        unit=f"probe-{gateway.port}-{number // _UNIT}",
                        phase="final",
                        competitor=Competitor(f"c{number}", "Probe", 20),
                        faculty=self._faculty,
                        mark="50.000",
                        status="official",
                        version=1,
                    )
                )
                try:
                    accepted = post(gateway.port, b"[" + value + b"]")[0] == http.client.ACCEPTED
                except (OSError, http.client.HTTPException):
                    accepted = False
                since = None if accepted or not ready else since or began
                self._note(ready, value if accepted else None, since)
        except BaseException as problem:
            self.problem = problem

    def _note(self, ready: bool, accepted: bytes | None, since: float | None) -> None:
        with self._lock:
            self.looks += 1
            self.ready += ready
            if accepted is not None:
                self.accepted += 1
                self._promised.frombytes(digest(accepted))
            if since is not None:
                self.longest = max(self.longest, time.monotonic() - since)
        if self.longest > LONGEST:
            raise NotRight(f"a gateway was ready for {self.longest:.0f} s, and took nothing")
