"""Every metric of a worker: its unit and its meaning.

What happens once a batch, a snapshot or more seldom is counted where it happens; what somebody
counts already, and states, are read when the metrics are asked for (see :class:`Readings`).
Nothing is done once a record.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

RECORDS = Counter("medallero_worker_records_total", "Records of the results topic applied")
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
    "medallero_worker_apply_seconds", "Time to decode and apply a batch", buckets=_SECONDS
)
CHANGELOG_SECONDS = Histogram(
    "medallero_worker_changelog_seconds",
    "From a batch's changes to their acknowledgement by all in-sync replicas",
    buckets=_SECONDS,
)
TALLIES = Counter("medallero_worker_tallies_total", "Tallies published")
MIRROR_WRITES = Counter(
    "medallero_worker_mirror_writes_total",
    "Snapshots offered to Redis, by outcome (written; refused: by the fence; failed: Redis was "
    "away or read-only)",
    ["outcome"],
)
MIRROR_SECONDS = Histogram(
    "medallero_worker_mirror_seconds",
    "From a snapshot's making to Redis's answer that it is written",
    buckets=_SECONDS,
)
SNAPSHOT_TIME = Gauge(
    "medallero_worker_snapshot_timestamp_seconds",
    "When this worker last wrote a snapshot, in Unix seconds; 0 if it never did",
)
LATENCY = Histogram(
    "medallero_worker_latency_seconds",
    "From the timestamp that a result got on its way to Kafka to the snapshot in Redis that counts "
    "it: once a snapshot and partition, of the result that waited longest. The first snapshot of a "
    "scoreboard's keeper is left out, which may have been written before",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60, 300),
)
# A rate of something that has never happened should be 0, not unknown.
WRITTEN, REFUSED, FAILED = map(MIRROR_WRITES.labels, ("written", "refused", "failed"))

GROUP_LAG = Gauge(
    "medallero_worker_group_lag_records",
    "Records of a partition of the results topic that the group has not committed, as the brokers "
    "say; of every partition, so that one without an owner is seen too",
    ["partition"],
)
COMMITTED_AGE = Gauge(
    "medallero_worker_committed_age_seconds",
    "For how long a partition's committed offset has stood still with records behind it; 0 if it "
    "moves or none wait",
    ["partition"],
)
MISSING_REPLICAS = Gauge(
    "medallero_worker_missing_replicas",
    "Replicas of a topic's partitions that are not in sync, as the brokers say",
    ["topic"],
)
BROKERS = Gauge("medallero_worker_brokers", "Brokers that the cluster knows of")
PROBE_FAILURES = Counter(
    "medallero_worker_probe_failures_total",
    "Times that the brokers could not be asked about lag and replicas; these are unknown then",
)


@dataclass(frozen=True, kw_only=True)
class Readings:
    """States and totals of a worker at one moment."""

    #: partition → records that are known of and not applied
    lags: Mapping[int, int] = field(default_factory=dict)
    recovery_remaining: int = 0
    results: int = 0
    scoreboard: bool = False
    ready: bool = False
    rebalances: int = 0
    restored_partitions: int = 0
    restored_records: int = 0
    restore_seconds: float = 0.0
    published_records: int = 0
    fetches_dropped: int = 0
    acks_dropped: int = 0

    def families(self) -> Iterator[Metric]:
        """Yield them as metrics."""
        lag = GaugeMetricFamily(
            "medallero_worker_lag_records",
            "Records of an owned partition, as far as the broker has told, that are not applied "
            "yet",
            labels=["partition"],
        )
        for partition, records in sorted(self.lags.items()):
            lag.add_metric([str(partition)], records)
        yield lag
        yield GaugeMetricFamily(
            "medallero_worker_partitions",
            "Partitions of the results topic that this worker owns and has restored",
            value=len(self.lags),
        )
        yield GaugeMetricFamily(
            "medallero_worker_recovery_remaining_records",
            "Changelog records that a restore must still read",
            value=self.recovery_remaining,
        )
        yield GaugeMetricFamily(
            "medallero_worker_results",
            "Results that the table holds, of any status",
            value=self.results,
        )
        yield GaugeMetricFamily(
            "medallero_worker_scoreboard",
            "1 on the worker that keeps the scoreboard and writes to Redis, else 0",
            value=self.scoreboard,
        )
        yield GaugeMetricFamily(
            "medallero_worker_ready", "1 while /readyz says so, else 0", value=self.ready
        )
        yield CounterMetricFamily(
            "medallero_worker_rebalances",
            "Times that the group's partitions were assigned anew",
            value=self.rebalances,
        )
        yield CounterMetricFamily(
            "medallero_worker_restored_partitions",
            "Partitions whose state was restored from the changelog",
            value=self.restored_partitions,
        )
        yield CounterMetricFamily(
            "medallero_worker_restored_records",
            "Changelog records that were read for it",
            value=self.restored_records,
        )
        yield CounterMetricFamily(
            "medallero_worker_restore_seconds", "Time that it took", value=self.restore_seconds
        )
        yield CounterMetricFamily(
            "medallero_worker_changelog_records",
            "Records written to the changelog",
            value=self.published_records,
        )
        yield CounterMetricFamily(
            "medallero_worker_dropped_fetches",
            "Fetches that were thrown away, and read again, because a rebalance overtook them",
            value=self.fetches_dropped,
        )
        yield CounterMetricFamily(
            "medallero_worker_dropped_acknowledgements",
            "Batches that were finished after their partition had been given up; the next owner "
            "reads them again",
            value=self.acks_dropped,
        )


class _Given(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def families(readings: Readings) -> list[Metric]:
    """Return every metric of this process, those of *readings* among them."""
    return [*REGISTRY.collect(), *readings.families()]


def registry(readings: Readings) -> CollectorRegistry:
    """Return a registry of every metric of this process, for the exposition."""
    every = CollectorRegistry()
    every.register(_Given(families(readings)))
    return every
