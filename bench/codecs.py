"""What each compression of Kafka's makes of results: bytes, and processor time to read them.

``python -m bench.codecs`` prints the table of ``docs/sizing.md``. No broker takes part: the batches
are made by aiokafka, and read record by record.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from statistics import median
from typing import Final

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from bench.kafka import Record
from bench.worker.workloads import WORKLOADS

#: name → its number in a batch's attributes
CODECS: Final = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_SIZES: Final = (10, 500)
_RECORDS: Final = 20_000
_ROUNDS: Final = 5


def measure(codec: int, size: int, records: Sequence[Record]) -> tuple[float, float]:
    """Return bytes, and microseconds of processor time to read, a record in batches of *size*."""
    left = iter(records)
    batches = []
    while some := list(islice(left, size)):
        builder = DefaultRecordBatchBuilder(
            2, codec, 0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=1 << 20
        )
        for place, (key, value) in enumerate(some):
            builder.append(place, 1_700_000_000_000, key, value, [])
        batches.append(bytes(builder.build()))
    spent = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        read = sum(1 for data in batches for _ in _records(data))
        spent.append(time.process_time() - began)
        assert read == len(records)
    bytes_ = sum(map(len, batches)) / len(records)
    return bytes_, median(spent) / len(records) * 1e6


def _records(data: bytes) -> DefaultRecordBatch:
    batch = DefaultRecordBatch(data)
    assert batch.validate_crc()
    return batch


def main() -> None:
    """Print the table."""
    records = list(WORKLOADS["A"].records(_RECORDS))
    print("| compression | " + " | ".join(f"bytes, of {it} | µs to read" for it in _SIZES) + " |")
    print("| --- |" + " ---: |" * 2 * len(_SIZES))
    for name, codec in CODECS.items():
        cells = [measure(codec, size, records) for size in _SIZES]
        print(f"| {name} | " + " | ".join(f"{b:.0f} | {us:.2f}" for b, us in cells) + " |")


if __name__ == "__main__":
    main()
