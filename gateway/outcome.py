"""What became of a request's records: the answer that both protocols give."""

import msgspec

#: ``minted`` and ``rejected`` name at most so many records each; the counts are always whole.
LISTED = 1000


class Minted(msgspec.Struct, frozen=True, gc=False):
    """The id that the gateway gave to an entry that had none."""

    index: int
    id: str


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A record that is not accepted: which one, its field ("" is the whole), what was expected.

    ``id`` is the record's own, if it had one.
    """

    index: int
    id: str | None
    field: str
    error: str


class Outcome(msgspec.Struct):
    """How many records Kafka holds for good, and which ones were rejected and why.

    ``index`` counts from 0 in the request: place in the array, line of NDJSON, record of a stream.
    """

    accepted: int = 0
    minted: list[Minted] = []
    rejected_count: int = 0
    rejected: list[Rejected] = []

    @property
    def all_bad(self) -> bool:
        """Whether there were records and none is accepted."""
        return self.rejected_count > 0 and self.accepted == 0

    def mint(self, index: int, entry_id: str) -> None:
        if len(self.minted) < LISTED:
            self.minted.append(Minted(index, entry_id))

    def reject(self, index: int, record_id: str | None, field: str, error: str) -> None:
        self.rejected_count += 1
        if len(self.rejected) < LISTED:
            self.rejected.append(Rejected(index, record_id, field, error))

    def add(self, other: "Outcome") -> None:
        """Take in what became of a later part of the same request."""
        self.accepted += other.accepted
        self.rejected_count += other.rejected_count
        self.minted += other.minted[: LISTED - len(self.minted)]
        self.rejected += other.rejected[: LISTED - len(self.rejected)]
