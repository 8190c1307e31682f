"""How long to wait before a batch is sent again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential waits with full jitter on top of what the gateway asks for.

    ``first``: the first wait's upper bound in seconds, doubled by each attempt up to ``longest``.
    The gateway's own figure is a lower bound; the jitter on top keeps those whom it sent away
    together from coming back together.
    """

    first: float = 0.1
    longest: float = 10.0
    dice: random.Random = field(default_factory=random.Random)

    def wait(self, attempt: int, retry_after: float | None) -> float:
        """Return the seconds to wait after the *attempt*-th failure, counted from 1."""
        bound = min(self.longest, self.first * 2.0 ** min(attempt - 1, 30))
        if retry_after is not None:
            return retry_after + self.dice.uniform(0, min(bound, 1.0))
        # Never less than half: a wait of nothing would only fail again.
        return self.dice.uniform(bound / 2, bound)
