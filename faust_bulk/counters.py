"""What the extension has done so far, for whatever metrics the application has."""

from dataclasses import dataclass


@dataclass
class Counters:
    """Totals since the process began; only ``recovery_remaining`` goes down again."""

    #: batches that went to agents, and the records in them
    batches: int = 0
    records: int = 0
    #: fetches that were thrown away, and read again, because a rebalance overtook them
    fetches_dropped: int = 0
    #: acknowledgements that came after the end of their assignment
    acks_dropped: int = 0
    #: publications to changelogs, the records in them, and the time until they were durable
    publications: int = 0
    published_records: int = 0
    publish_seconds: float = 0.0
    #: partitions restored, the changelog records read for it, and the time that it took
    restored_partitions: int = 0
    restored_records: int = 0
    restore_seconds: float = 0.0
    #: changelog records that a restore under way has still to read
    recovery_remaining: int = 0
