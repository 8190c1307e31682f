from collections.abc import Iterable, Sequence

from olympics.catalogue import Catalogue
from streams.standings import Record

class CanonicalReader:
    def __init__(self, catalogue: Catalogue, partition: int, partitions: int) -> None: ...
    def read(
        self, records: Iterable[Record]
    ) -> tuple[dict[bytes, list[bytes]], Sequence[Record]]: ...
