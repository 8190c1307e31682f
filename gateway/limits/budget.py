"""What all clients share, and how much of it one client may take."""

from gateway.errors import Reason, Refused
from gateway.metrics import Metrics

#: A client may always hold this part of what there is, if it is free.
_SHARE = 8
#: Beyond its share it has to leave this part to others.
_RESERVE = 4


class Shares:
    """A number of things; a client is the name of a token, or a network.

    A client that is alone may take most of them. Some are left to those who hold no more than
    their share, so that one client, however greedy or slow, cannot shut out the others.
    """

    __slots__ = ("_held", "_limit", "_open", "_share", "used")

    def __init__(self, limit: int, *, largest: int = 1) -> None:
        """*largest*: so many at once must fit for a client that is alone."""
        self._limit = limit
        self._share = max(1, limit // _SHARE)
        #: up to so many in all, a client may hold more than its share
        self._open = limit - max(0, min(limit // _RESERVE, limit - largest))
        self._held: dict[str, int] = {}
        self.used = 0

    def fit(self, client: str, size: int = 1) -> bool:
        """Whether *client* may take so many now."""
        used = self.used + size
        if used <= self._open:
            return True
        return used <= self._limit and self._held.get(client, 0) + size <= self._share

    def take_if_fit(self, client: str, size: int) -> bool:
        """Take so many if they fit; return whether they did."""
        used = self.used + size
        held = self._held.get(client, 0) + size
        if used > self._open and (used > self._limit or held > self._share):
            return False
        self.used = used
        self._held[client] = held
        return True

    def held(self, client: str) -> int:
        """Return how many *client* holds."""
        return self._held.get(client, 0)

    def take(self, client: str, size: int = 1) -> None:
        """Take so many, whether they fit or not."""
        self.used += size
        self._held[client] = self._held.get(client, 0) + size

    def give_back(self, client: str, size: int = 1) -> None:
        """Undo ``take``."""
        self.used -= size
        left = self._held[client] - size
        if left:
            self._held[client] = left
        else:
            del self._held[client]


class Budget:
    """The bytes of requests that may be in flight: what does not fit is refused, not queued."""

    def __init__(self, limit: int, metrics: Metrics, *, largest: int = 0) -> None:
        """*largest*: a request of so many bytes must fit for a client that is alone."""
        self._limit = limit
        self._shares = Shares(limit, largest=largest)
        metrics.in_flight_bytes.set_function(lambda: self._shares.used)

    def lease(self, client: str, size: int) -> "Lease":
        """Take *size* bytes for *client* before they are read.

        :raises Refused: too busy.
        """
        lease = Lease(self, client)
        lease.grow(size)
        return lease

    def check(self, client: str, size: int) -> None:
        """Refuse what does not fit now, without taking anything. Raises Refused."""
        if not self._shares.fit(client, size):
            raise self._too_busy(client)

    def take(self, client: str, size: int) -> None:
        """Take *size* bytes. Raises Refused."""
        if size and not self._shares.take_if_fit(client, size):
            raise self._too_busy(client)

    def give_back(self, client: str, size: int) -> None:
        if size:
            self._shares.give_back(client, size)

    def _too_busy(self, client: str) -> Refused:
        return Refused(
            Reason.TOO_BUSY,
            f"{self._shares.used} bytes of requests are being served, "
            f"{self._shares.held(client)} of them this client's; at most {self._limit} fit, "
            "and no client may take what others need",
        )


class Lease:
    """The part of the budget that one request holds; give it back with ``end``."""

    __slots__ = ("_budget", "_client", "size")

    def __init__(self, budget: Budget, client: str) -> None:
        self._budget = budget
        self._client = client
        self.size = 0

    def grow(self, size: int) -> None:
        """Hold at least *size* bytes in all; raises Refused."""
        if size > self.size:
            self._budget.take(self._client, size - self.size)
            self.size = size

    def check(self, size: int) -> None:
        """Refuse what does not fit now, so that nobody sends it in vain. Raises Refused."""
        self._budget.check(self._client, size - self.size)

    def end(self) -> None:
        self._budget.give_back(self._client, self.size)
        self.size = 0
