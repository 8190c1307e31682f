"""Every metric of a worker, with its unit and meaning."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter("medallero_worker_records_total", "Records of the results topic applied", [])
REJECTED = Counter(
    "medallero_worker_rejected_records_total",
    "Records of the results topic that are not results, as often as they were read",
)
BATCH_RECORDS = Histogram(
    "medallero_worker_batch_records",
    "Records handed to the agent at once",
    buckets=(1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000),
)
APPLY_SECONDS = Histogram(
    "medallero_worker_apply_seconds", "Time to decode and apply a batch, in seconds"
)
CHANGELOG_SECONDS = Histogram(
    "medallero_worker_changelog_seconds",
    "Time from a batch's changes to their acknowledgement by all in-sync replicas, in seconds",
)
TALLIES = Counter("medallero_worker_tallies_total", "Tallies published")
MIRROR_WRITES = Counter(
    "medallero_worker_mirror_writes_total",
    "Snapshots offered to Redis, by outcome: written, refused (by the fence) or failed",
    ["outcome"],
)
LAG = Gauge(
    "medallero_worker_lag_records",
    "Records of an owned partition, as far as the broker has told, that are not applied yet",
    ["partition"],
)
RECOVERY_REMAINING = Gauge(
    "medallero_worker_recovery_remaining_records",
    "Changelog records that a restore must still read",
)
IDENTITIES = Gauge("medallero_worker_results", "Results that the table holds, of any status")
