from collections.abc import Iterable, Sequence

from olympics.catalogue import Catalogue
from olympics.latest import Latest
from streams.standings import Record

class CanonicalReader:
    def __init__(self, catalogue: Catalogue, partition: int, partitions: int) -> None: ...
    def read(
        self, records: Iterable[Record]
    ) -> tuple[dict[bytes, tuple[str, str, list[Latest]]], Sequence[Record]]: ...
