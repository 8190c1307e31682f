"""Every metric of the gateway: its unit and its meaning."""

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from gateway.refusal import Reason

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_COUNTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


class Metrics:
    """The metrics of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        registry = self.registry

        self.requests = Counter(
            "medallero_gateway_requests",
            "Requests that carry records, by protocol (http, grpc) and answer (accepted: all or "
            "some records; rejected: none; else the refusal's code)",
            ["protocol", "answer"],
            registry=registry,
        )
        self.accepted = Counter(
            "medallero_gateway_records_accepted",
            "Records that all in-sync replicas have acknowledged, by kind (result, entry)",
            ["kind"],
            registry=registry,
        )
        self.rejected = Counter(
            "medallero_gateway_records_rejected",
            "Records that the rules reject, by kind and field (object: the record as a whole; "
            "other: no field of ours)",
            ["kind", "field"],
            registry=registry,
        )
        self.in_flight_bytes = Gauge(
            "medallero_gateway_in_flight_bytes",
            "Bytes of the requests that are being served, decompressed",
            registry=registry,
        )
        self.batches = Counter(
            "medallero_gateway_batches",
            "Record batches, by outcome (acknowledged; failed: Kafka refused or was lost; timeout: "
            "not acknowledged in time)",
            ["outcome"],
            registry=registry,
        )
        self.batch_records = Histogram(
            "medallero_gateway_batch_records",
            "Records in an acknowledged batch",
            buckets=_COUNTS,
            registry=registry,
        )
        self.batch_bytes = Histogram(
            "medallero_gateway_batch_bytes",
            "Size of an acknowledged batch, bytes",
            buckets=tuple(4**power for power in range(4, 12)),
            registry=registry,
        )
        self.kafka_seconds = Histogram(
            "medallero_gateway_kafka_seconds",
            "From handing a batch to the producer to its acknowledgement, seconds",
            buckets=_SECONDS,
            registry=registry,
        )
        self.kafka_ready = Gauge(
            "medallero_gateway_kafka_ready",
            "1 while Kafka really acknowledges records, else 0",
            registry=registry,
        )

        # Looked up once: labels() costs as much as a good part of a request.
        self.accepted_of = {kind: self.accepted.labels(kind) for kind in ("result", "entry")}
        self.answers = {
            (protocol, answer): self.requests.labels(protocol, answer)
            for protocol in ("http", "grpc")
            for answer in ("accepted", "rejected", *(reason.code for reason in Reason))
        }

    def expose(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
