"""One assignment of one partition to this process: which of its records are finished."""

import os
from collections import deque

from faust.types import TP

from faust_bulk.logs import TAG_SIZE, Note


class Range:
    """Records delivered together; ``end`` is the offset after the last of them."""

    __slots__ = ("end", "finished")

    def __init__(self, end: int) -> None:
        self.end = end
        self.finished = False


class Assignment:
    """The time from a partition's assignment to this process until it is taken away.

    Acknowledgements belong to an assignment: those that come after its end say nothing about
    the next one. ``tag`` is random, so that what two owners write never has the same key.
    """

    __slots__ = ("_open", "committed", "delivered", "finished", "note", "over", "tag", "tp")

    def __init__(self, tp: TP) -> None:
        self.tp = tp
        self.tag = os.urandom(TAG_SIZE)
        #: The log that it is of, and its changelog: known when it is restored.
        self.note: Note | None = None
        self._open: deque[Range] = deque()
        #: The offset after the last record that went to an agent.
        self.delivered: int | None = None
        #: The offset that may be committed: everything delivered before it is finished.
        self.finished: int | None = None
        #: What the group is known to have committed: when the assignment began, or by it.
        self.committed: int | None = None
        #: Whether the partition was taken away.
        self.over = False

    @property
    def busy(self) -> bool:
        """Whether something that was delivered is not finished."""
        return bool(self._open)

    @property
    def committable(self) -> int | None:
        """The offset that is to be committed; None if there is nothing new."""
        if self.finished is None or (self.committed or 0) >= self.finished:
            return None
        return self.finished

    def deliver(self, end: int) -> Range:
        """Note that the records up to *end* go to an agent. Call it in the order of delivery."""
        delivered = Range(end)
        self._open.append(delivered)
        self.delivered = end
        return delivered

    def finish(self, delivered: Range) -> None:
        """Note that *delivered* is finished, and advance over all that is finished at the head.

        Gaps in the offsets (compaction, transactions' markers) do not matter: the order of
        delivery says what lies before what.
        """
        delivered.finished = True
        waiting = self._open
        while waiting and waiting[0].finished:
            end = waiting.popleft().end
            if self.finished is None or end > self.finished:
                self.finished = end
