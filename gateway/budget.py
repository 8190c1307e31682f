"""How many bytes of requests may be in flight at once."""

from gateway.metrics import Metrics
from gateway.refusal import Reason, Refused


class Budget:
    """A number of bytes that all requests share: what is beyond it is refused, not queued."""

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._used = 0
        metrics.in_flight_bytes.set_function(lambda: self._used)

    def lease(self, size: int) -> "Lease":
        """Take *size* bytes before they are read.

        :raises Refused: too busy.
        """
        lease = Lease(self)
        lease.grow(size)
        return lease

    def check(self, size: int) -> None:
        """Refuse what does not fit now, without taking anything. Raises Refused."""
        if self._used + size > self._limit:
            raise Refused(
                Reason.TOO_BUSY,
                f"{self._used} bytes of other requests are being served, at most {self._limit} fit",
            )

    def take(self, size: int) -> None:
        """Take *size* bytes. Raises Refused."""
        self.check(size)
        self._used += size

    def give_back(self, size: int) -> None:
        self._used -= size


class Lease:
    """The part of the budget that one request holds; give it back with ``end``."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    def grow(self, size: int) -> None:
        """Hold at least *size* bytes in all; raises Refused."""
        if size > self.size:
            self._budget.take(size - self.size)
            self.size = size

    def check(self, size: int) -> None:
        """Refuse what does not fit now, so that nobody sends it in vain. Raises Refused."""
        self._budget.check(size - self.size)

    def end(self) -> None:
        self._budget.give_back(self.size)
        self.size = 0
