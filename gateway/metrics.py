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

from gateway.auth.tokens import KINDS
from gateway.errors import Reason

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

#: The path of requests to none that is served.
OTHER: Final = "other"

_PROTOCOLS: Final = ("http", "grpc")
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
            "Records that all in-sync replicas have acknowledged, by kind (result, entry, report; "
            "reports: by RabbitMQ too, where they go there)",
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
        self.shut = Gauge(
            "medallero_gateway_shut",
            "1 while nobody may send, because the file of tokens is empty, broken or gone",
            registry=registry,
        )
        self.in_flight_bytes = Gauge(
            "medallero_gateway_in_flight_bytes",
            "Bytes of the requests that are being served, decompressed",
            registry=registry,
        )
        self.in_flight_requests = Gauge(
            "medallero_gateway_in_flight_requests",
            "Requests that are being served, by protocol (http, grpc)",
            ["protocol"],
            registry=registry,
        )
        self.connections = Gauge(
            "medallero_gateway_connections",
            "Open HTTP connections, by lane (fast: they brought nothing but plain posts of "
            "records; aiohttp: they brought something else)",
            ["lane"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "medallero_gateway_request_seconds",
            "From a request's headers to its answer, by protocol (http, grpc) and path (the "
            "gateway's own form of it, or the gRPC method; other: none that it serves), seconds; "
            "for requests that carry records",
            ["protocol", "path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.caller_records = Counter(
            "medallero_gateway_caller_records",
            "Records that all in-sync replicas have acknowledged, by the name of the token",
            ["caller"],
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
        self.linger_seconds = Histogram(
            "medallero_gateway_linger_seconds",
            "How long the first record of a batch waited before the batch was handed to the "
            "producer, seconds",
            buckets=_SECONDS,
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
        self.weather_ready = Gauge(
            "medallero_gateway_weather_ready",
            "1 while the writer (kafka, rabbitmq) really takes weather reports, else 0; there for "
            "the writers that are in use",
            ["writer"],
            registry=registry,
        )
        self.rabbitmq_messages = Counter(
            "medallero_gateway_rabbitmq_messages",
            "Messages for RabbitMQ, by outcome (confirmed; failed: refused, returned, or the "
            "connection was lost; timeout: not confirmed in time)",
            ["outcome"],
            registry=registry,
        )
        self.rabbitmq_seconds = Histogram(
            "medallero_gateway_rabbitmq_seconds",
            "From publishing a batch of messages to the confirm of the last one, seconds",
            buckets=_SECONDS,
            registry=registry,
        )
        self.viewers = Gauge(
            "medallero_gateway_viewers",
            "Viewers of the live stream",
            registry=registry,
        )

        self.loop_lag = Histogram(
            "medallero_gateway_loop_lag_seconds",
            "How late the event loop wakes a task that sleeps, looked at ten times a second, "
            "seconds: what every request waits in addition",
            buckets=_SECONDS,
            registry=registry,
        )

        # Looked up once: labels() costs as much as a good part of a request.
        self.accepted_of = {kind: self.accepted.labels(kind) for kind in KINDS}
        self.answers = {
            (protocol, answer): self.requests.labels(protocol, answer)
            for protocol in _PROTOCOLS
            for answer in ("accepted", "rejected", *(reason.code for reason in Reason))
        }
        self.answers_of = {
            protocol: {answer: it for (of, answer), it in self.answers.items() if of == protocol}
            for protocol in _PROTOCOLS
        }

    def expose(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
