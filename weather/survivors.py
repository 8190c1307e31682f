"""Of several records under one id one counts: the one with the least ``(at, bytes)``."""

from weather.counts import Counts
from weather.report import Report, decode


def survives(new: Report, new_value: bytes, old: Report, old_value: bytes) -> bool:
    """Tell whether *new* counts instead of *old*, which has the same id.

    The values are the encoded reports, as they were received. A retry has a later time of
    receipt, so it changes nothing; and whatever comes, everybody who has seen the same records
    has chosen the same one.
    """
    return (new.at, new_value) < (old.at, old_value)


class Survivors:
    """The surviving record of every id, and what the survivors come to."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._values: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, report_id: str) -> bytes | None:
        """Return the surviving record of an id, encoded."""
        return self._values.get(report_id)

    def put(self, report: Report, value: bytes) -> bool:
        """Take a record, encoded in *value*; return whether it counts, and did not before."""
        known = self._values.get(report.id)
        if known is None:
            self.counts.apply(report)
        elif known == value:
            return False
        else:
            old = decode(known)
            if not survives(report, value, old, known):
                return False
            self.counts.replace(old, report)
        self._values[report.id] = value
        return True
