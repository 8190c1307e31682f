"""A partition's state as this process has it: how far it was told, and what is under way."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from faust_bulk.assignment import Assignment, Range
from faust_bulk.light import LightRecord
from faust_bulk.logs import Log, Sieve
from faust_bulk.producer import Written
from faust_bulk.state import LocalState, PartitionState

StateT = TypeVar("StateT", bound=PartitionState)


class Publication:
    """Changes on their way to the changelog."""

    __slots__ = ("changes", "durable", "written")

    def __init__(self, changes: Mapping[bytes, bytes]) -> None:
        self.changes = changes
        self.durable = False
        self.written: Written | None = None


class Held(Generic[StateT]):
    """The state of a partition, complete up to an offset in the changelog.

    A state in memory may outlive its assignment: when the partition comes back, only what the
    changelog has got since is read. For that the state must have nothing that the changelog has
    not: a change that only memory has would be found unchanged when its record is read again,
    and would never be published. So it is kept only if everything that was begun is finished.
    """

    __slots__ = (
        "_begun",
        "_local",
        "_log",
        "_lost",
        "_make",
        "_position",
        "_waiting",
        "assignment",
        "sieve",
        "state",
    )

    def __init__(self, make: Callable[[], StateT]) -> None:
        self._make = make
        self.state = make()
        state: PartitionState = self.state
        self._local = state if isinstance(state, LocalState) else None
        #: the assignment that it serves; None: it is being restored, or waits for the next one
        self.assignment: Assignment | None = None
        #: what of the changelog is of the same log as the state
        self.sieve = Sieve(Log(0, ""))
        self._log = ""
        self._lost = False
        self._position = 0
        self._begun: deque[Range] = deque()
        self._waiting: deque[Publication] = deque()

    # While it is restored.

    def start(self, source: Log, changelog: str, beginning: int, end: int) -> int:
        """Return the offset in the changelog from which it must be told.

        *changelog* names the changelog's partition, which begins and ends at the offsets; what is
        not of it, or of another log than *source*, is thrown away.
        """
        log = f"{changelog}/{source.id}"
        self._lost = False
        if self._local is not None:
            self._position = self._local.start(log, beginning, end)
            # What is not read from its beginning was found to be of this log before.
            self.sieve = Sieve(source, own=self._position > beginning)
        elif self._log != log or not beginning <= self._position <= end:
            if self._log:
                self.state = self._make()
            self._log, self._position = log, beginning
            self.sieve = Sieve(source)
        return self._position

    def restore(self, records: Sequence[LightRecord], position: int) -> int:
        """Join what *records* of the changelog, which end before *position*, have of this log.

        Return how many values that are.
        """
        values, void = self.sieve.sift(records)
        if void:
            if self._local is not None:
                self._local.forget()
            else:
                self.state = self._make()
        self.state.restore(values)
        self.complete(position)
        return len(values)

    def lose(self) -> bool:
        """Throw away what was restored, as the changelog cannot be read on.

        Return False, and do nothing, for a state on disk: it remembers how far it was told, and
        would be taken for complete after the next start.
        """
        if self._local is not None:
            return False
        self.state = self._make()
        self._lost = True
        return True

    def complete(self, position: int) -> None:
        """Note that it has been told everything before *position*."""
        self._position = max(self._position, position)
        if self._local is not None:
            self._local.keep_restored(position)

    @property
    def empty(self) -> bool:
        """Whether nothing is known from the changelog."""
        return self._position == 0 or self._lost

    # While it serves an assignment.

    def begin(self, delivered: Range) -> None:
        """Note that a batch is about to be applied."""
        begun = self._begun
        while begun and begun[0].finished:
            begun.popleft()
        begun.append(delivered)

    def publishing(self, changes: Mapping[bytes, bytes]) -> Publication:
        """Note a publication that begins, in the changelog's order."""
        publication = Publication(changes if self._local is not None else {})
        self._waiting.append(publication)
        return publication

    def durable(self, publication: Publication, written: Written | None) -> None:
        """Note that the changelog has a publication; *written* says where, if that is known.

        What follows upon the position moves it. Otherwise somebody else has written in between,
        who has to be read.
        """
        publication.durable, publication.written = True, written
        waiting = self._waiting
        while waiting and waiting[0].durable:
            first = waiting.popleft()
            if first.written is not None and first.written.first == self._position:
                self._position = first.written.end
            if self._local is not None:
                self._local.keep(first.written, first.changes.items())

    # When its partition is taken away.

    def leave(self) -> bool:
        """End the assignment; return whether the state may be kept for the next one."""
        self.assignment = None
        if self._local is not None:
            self._local.close()
            return False
        if self._lost:
            # The group's commit may be beyond what it has been told since.
            return False
        clean = not self._waiting and all(delivered.finished for delivered in self._begun)
        self._begun.clear()
        return clean
