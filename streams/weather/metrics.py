"""Every metric of the processes that count weather reports: its unit and its meaning."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG: Final = (*_SECONDS, 30, 60, 300)

RECORDS = Counter(
    "medallero_weather_records_total",
    "Records of the topic, or messages of the queue, that were taken in, as often as they came",
)
REJECTED = Counter(
    "medallero_weather_rejected_records_total",
    "Of them those that are not weather reports, as often as they came",
)
WRITES = Counter(
    "medallero_weather_store_writes_total",
    "Writes offered to the store, by outcome (written; refused: by the fence; failed: the store "
    "was away or read-only)",
    ["outcome"],
)
WRITE_SECONDS = Histogram(
    "medallero_weather_store_seconds",
    "From a write's beginning to the store's answer that it has it",
    buckets=_SECONDS,
)
LATENCY = Histogram(
    "medallero_weather_latency_seconds",
    "From the time that a report got on its way (Kafka's timestamp, or the publisher's) to the "
    "store that counts it: once a write, of the report that waited longest",
    buckets=_LONG,
)
LAG = Gauge(
    "medallero_weather_lag_records",
    "Records of the topic that are known of and not counted, or messages that RabbitMQ has handed "
    "out and that are not acknowledged",
)
READY = Gauge("medallero_weather_ready", "1 while /readyz says so, else 0")

WRITTEN, REFUSED, FAILED = map(WRITES.labels, ("written", "refused", "failed"))
