"""*Pipeline*: how results travel from the gateway to Redis, from Prometheus."""

from __future__ import annotations

import re
from typing import Any, Final

from grafana import model
from grafana.kinds import lines, stat
from grafana.model import (
    BLUE,
    GREEN,
    MOST_LINES,
    ORANGE,
    PROMETHEUS,
    RED,
    Dashboard,
    Panel,
    Row,
    Target,
    query_variable,
    redis,
    steps,
    top,
)

_RATE: Final = "[$__rate_interval]"
_METRIC: Final = re.compile(r"\b((?:medallero|process)_[a-z_]+|up(?=\{))(\{)?")

#: Namespaces of Kubernetes, of one games each; elsewhere there is none, and all means that.
NAMESPACE: Final = query_variable(
    "namespace",
    "Namespace",
    "Where Medallero runs, on Kubernetes",
    PROMETHEUS,
    {
        "query": "label_values(medallero_gateway_kafka_ready, namespace)",
        "refId": "PrometheusVariableQueryEditor-VariableQuery",
    },
    several=True,
    everything=".*",
)


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="medallero-pipeline",
        title="Medallero: pipeline",
        description="From a request to the snapshot in Redis: how much, how fast, and what stands "
        "in the way",
        empty="Nothing measured",
        variables=(NAMESPACE,),
        content=(
            *_now(),
            Row("In: gateways"),
            *_gateways(),
            Row("Through: workers"),
            *_workers(),
            Row("Out: the board in Redis"),
            *_board(),
            Row("Redis"),
            *_redis(),
            Row("Kafka, as its clients see it"),
            *_kafka(),
            Row("Processes"),
            *_processes(),
        ),
    )


def promql(expr: str, legend: str = "", *, most: int = 0) -> Target:
    """Return a query of our own metrics, of the namespaces chosen; *most*: the highest so many."""

    def chosen(found: re.Match[str]) -> str:
        return f'{found[1]}{{namespace=~"$namespace"{", " if found[2] else "}"}'

    ours = _METRIC.sub(chosen, expr)
    return model.promql(top(ours, most) if most else ours, legend)


def quantiles(metric: str, by: str = "", most: int = 0) -> tuple[Target, ...]:
    """Return p50 and p99 of a histogram, in the time that the graph's step stands for.

    *most*: of each the highest so many.
    """
    labels = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return tuple(
        promql(
            f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{_RATE})))",
            f"p{q * 100:g}{legend}",
            most=most,
        )
        for q in (0.5, 0.99)
    )


def _now() -> tuple[Panel, ...]:
    return (
        stat(
            "Accepted a second",
            "Records that all in-sync replicas have acknowledged, a second, over the last minute.",
            promql("sum(rate(medallero_gateway_records_accepted_total[1m]))"),
            decimals=1,
            width=3,
            graph=True,
        ),
        stat(
            "Counted a second",
            "Records of the results topic that workers have applied, a second, over the last "
            "minute; a restart applies some again.",
            promql("sum(rate(medallero_worker_records_total[1m]))"),
            decimals=1,
            width=3,
            graph=True,
        ),
        stat(
            "Lag",
            "Records that the workers' group has not committed, over all partitions, as the "
            "brokers say. It goes up and down with commits, twice a second.",
            promql("sum(max by (namespace, partition) (medallero_worker_group_lag_records))"),
            decimals=0,
            width=3,
            unit="locale",
            thresholds=steps(GREEN, (50_000, ORANGE), (500_000, RED)),
            graph=True,
        ),
        stat(
            "Oldest commit",
            "For how long the committed offset of the worst partition has stood still although "
            "records wait behind it.",
            promql("max(medallero_worker_committed_age_seconds)"),
            unit="s",
            decimals=0,
            width=3,
            thresholds=steps(GREEN, (10, ORANGE), (60, RED)),
        ),
        stat(
            "On the board within (p99)",
            "From a result's way to Kafka to the snapshot in Redis that counts it, of the result "
            "that waited longest in each snapshot; the 99th percentile of five minutes.",
            promql(
                "histogram_quantile(0.99, sum by (le) "
                "(rate(medallero_worker_latency_seconds_bucket[5m])))"
            ),
            unit="s",
            width=3,
            thresholds=steps(GREEN, (1, ORANGE), (5, RED)),
        ),
        stat(
            "Age of the board",
            "Time since a snapshot was written to Redis; every second, even if nothing changes.",
            promql("time() - max(medallero_worker_snapshot_timestamp_seconds > 0)"),
            unit="s",
            decimals=1,
            width=3,
            thresholds=steps(GREEN, (5, ORANGE), (15, RED)),
        ),
        stat(
            "Gateways that write",
            "Gateways for which Kafka really acknowledges records.",
            promql("sum(medallero_gateway_kafka_ready)"),
            decimals=0,
            width=3,
            thresholds=steps(RED, (1, GREEN)),
        ),
        stat(
            "Partitions without an owner",
            "Partitions of the results topic that no worker has restored; a few seconds in a "
            "rebalance are normal.",
            promql(
                "count(max by (namespace, partition) (medallero_worker_group_lag_records)) "
                "- sum(medallero_worker_partitions)"
            ),
            decimals=0,
            width=3,
            thresholds=steps(GREEN, (1, RED)),
        ),
    )


def _gateways() -> tuple[Panel, ...]:
    return (
        lines(
            "Requests by answer",
            "Requests that carry records, a second, by protocol and answer: accepted (all or some "
            "records), rejected (none), or the refusal's code.",
            promql(
                f"sum by (protocol, answer) (rate(medallero_gateway_requests_total{_RATE})) > 0 "
                "or sum by (protocol, answer) (rate(medallero_gateway_requests_total"
                f'{{answer="accepted"}}{_RATE}))',
                "{{protocol}} {{answer}}",
                most=MOST_LINES,
            ),
            unit="reqps",
        ),
        lines(
            "Requests by path",
            "Requests that carry records, a second, by the path or gRPC method that took them.",
            promql(
                f"sum by (path) (rate(medallero_gateway_request_seconds_count{_RATE}))",
                "{{path}}",
                most=MOST_LINES,
            ),
            unit="reqps",
        ),
        lines(
            "Time to answer by path",
            "From a request's headers to its answer, by path: the median and the 99th percentile.",
            *quantiles("medallero_gateway_request_seconds", "path", MOST_LINES // 2),
            unit="s",
        ),
        lines(
            "Time to answer",
            "From a request's headers to its answer, by protocol: the median and the 99th "
            "percentile.",
            *quantiles("medallero_gateway_request_seconds", "protocol"),
            unit="s",
        ),
        lines(
            "Records accepted",
            "Records a second that all in-sync replicas have acknowledged, by kind.",
            promql(
                f"sum by (kind) (rate(medallero_gateway_records_accepted_total{_RATE}))",
                "{{kind}}",
            ),
            unit="cps",
            stacked=True,
        ),
        lines(
            "Records rejected by the rules",
            "Records a second that the gateway has rejected, by kind and field: what people get "
            "wrong. Nothing is shown for what was never wrong.",
            promql(
                f"sum by (kind, field) (rate(medallero_gateway_records_rejected_total{_RATE}))",
                "{{kind}}: {{field}}",
                most=MOST_LINES,
            ),
            unit="cps",
        ),
        lines(
            "In flight",
            "Bytes of the requests that are being served. Near MEDALLERO_MAX_IN_FLIGHT (64 MiB), "
            "requests are refused with 429.",
            promql("medallero_gateway_in_flight_bytes", "{{instance}}", most=MOST_LINES),
            unit="bytes",
        ),
        lines(
            "Viewers of the live page",
            "Streams of the live page that are open.",
            promql("medallero_gateway_viewers", "{{instance}}", most=MOST_LINES),
            decimals=0,
        ),
    )


def _workers() -> tuple[Panel, ...]:
    return (
        lines(
            "Lag by partition",
            "Records that the group has not committed, as the brokers say.",
            promql(
                "max by (namespace, partition) (medallero_worker_group_lag_records)",
                "partition {{partition}}",
                most=MOST_LINES,
            ),
        ),
        lines(
            "Age of the committed offset",
            "For how long a partition's committed offset has stood still although records wait "
            "behind it.",
            promql(
                "max by (namespace, partition) (medallero_worker_committed_age_seconds)",
                "partition {{partition}}",
                most=MOST_LINES,
            ),
            unit="s",
            thresholds=steps("transparent", (60, RED)),
        ),
        lines(
            "Records counted",
            "Records a second of the results topic that were applied, by worker.",
            promql(f"rate(medallero_worker_records_total{_RATE})", "{{instance}}", most=MOST_LINES),
            unit="cps",
            stacked=True,
        ),
        lines(
            "Not results",
            "Records a second of the results topic that are no results and went to the topic of "
            "rejected records: somebody writes past the gateway, or a sport or faculty is gone.",
            promql(
                f"rate(medallero_worker_rejected_records_total{_RATE})",
                "{{instance}}",
                most=MOST_LINES,
            ),
            unit="cps",
        ),
        lines(
            "Left to restore",
            "Changelog records that a restore must still read before its partitions are served.",
            promql("medallero_worker_recovery_remaining_records", "{{instance}}", most=MOST_LINES),
        ),
        lines(
            "Assignment",
            "Partitions that each worker owns and has restored, and rebalances of the group in the "
            "last five minutes.",
            promql("medallero_worker_partitions", "{{instance}}", most=MOST_LINES - 1),
            promql("max(increase(medallero_worker_rebalances_total[5m]))", "rebalances"),
            decimals=0,
        ),
        lines(
            "Time for a batch",
            "Decoding and applying a batch, and making its changes durable: 99th percentiles.",
            _p99("medallero_worker_apply_seconds", "apply"),
            _p99("medallero_worker_changelog_seconds", "changelog"),
            unit="s",
        ),
        lines(
            "Records in a batch",
            "Records that the agent gets at once, on average: more under load.",
            promql(
                f"sum(rate(medallero_worker_batch_records_sum{_RATE})) "
                f"/ sum(rate(medallero_worker_batch_records_count{_RATE}) > 0)",
                "records",
            ),
        ),
        lines(
            "Results in memory",
            "Results that a worker's table holds, of any status.",
            promql("medallero_worker_results", "{{instance}}", most=MOST_LINES),
            stacked=True,
        ),
    )


def _board() -> tuple[Panel, ...]:
    return (
        lines(
            "From Kafka to the board",
            "From the timestamp that a result got on its way to Kafka to the snapshot in Redis "
            "that counts it, of the result that waited longest in each snapshot.",
            *quantiles("medallero_worker_latency_seconds"),
            unit="s",
            thresholds=steps("transparent", (5, RED)),
        ),
        lines(
            "Snapshots",
            "Snapshots a second by outcome: written, refused by the fence (an older one than "
            "Redis has), failed (Redis away or read-only).",
            promql(
                f"sum by (outcome) (rate(medallero_worker_mirror_writes_total{_RATE}))",
                "{{outcome}}",
            ),
            unit="cps",
            colors={"written": GREEN, "refused": ORANGE, "failed": RED},
        ),
        lines(
            "Time to write a snapshot",
            "From a snapshot's making to Redis's answer.",
            *quantiles("medallero_worker_mirror_seconds"),
            unit="s",
        ),
    )


def _redis() -> tuple[Panel, ...]:
    def info(title: str, description: str, section: str, column: str, **more: Any) -> Panel:
        return stat(title, description, redis("info", section=section), column=column, **more)

    return (
        info("Memory", "Memory that Redis uses.", "memory", "used_memory", unit="bytes"),
        info(
            "Commands a second",
            "Commands that Redis handles: snapshots, pages, dashboards.",
            "stats",
            "instantaneous_ops_per_sec",
            unit="ops",
            decimals=0,
        ),
        info(
            "Clients",
            "Connections to Redis.",
            "clients",
            "connected_clients",
            unit="locale",
            decimals=0,
        ),
        info(
            "Evicted keys",
            "The board is no cache: anything but 0 means that Redis throws parts of it away. Set "
            "maxmemory-policy to noeviction.",
            "stats",
            "evicted_keys",
            decimals=0,
            thresholds=steps(GREEN, (1, RED)),
        ),
        info("Up for", "Time since Redis was started.", "server", "uptime_in_seconds", unit="s"),
        info(
            "Role",
            "Workers write to the primary only: master.",
            "replication",
            "role",
            text=True,
        ),
    )


def _kafka() -> tuple[Panel, ...]:
    return (
        lines(
            "Time to acknowledge",
            "From handing a batch to the producer to its acknowledgement by all in-sync replicas: "
            "gateways' batches of results.",
            *quantiles("medallero_gateway_kafka_seconds"),
            unit="s",
        ),
        lines(
            "Batches by outcome",
            "Batches that gateways hand to Kafka, a second: acknowledged, failed, or not "
            "acknowledged in time.",
            promql(
                f"sum by (outcome) (rate(medallero_gateway_batches_total{_RATE}))", "{{outcome}}"
            ),
            unit="cps",
            colors={"acknowledged": GREEN, "failed": RED, "timeout": ORANGE},
        ),
        lines(
            "Replicas out of sync",
            "Replicas of each topic's partitions that are not in sync: one broker more that dies "
            "may stop writes.",
            promql(
                "max by (topic) (medallero_worker_missing_replicas)", "{{topic}}", most=MOST_LINES
            ),
            decimals=0,
            thresholds=steps("transparent", (1, RED)),
        ),
        stat(
            "Brokers",
            "Brokers that the cluster knows of.",
            promql("max(medallero_worker_brokers)"),
            width=8,
            decimals=0,
            thresholds=steps(RED, (1, BLUE)),
        ),
        stat(
            "Questions without an answer",
            "Times in the last quarter of an hour that a worker could not ask the brokers about "
            "lag and replicas.",
            promql("sum(increase(medallero_worker_probe_failures_total[15m]))"),
            width=8,
            decimals=0,
            thresholds=steps(GREEN, (1, ORANGE)),
        ),
    )


def _processes() -> tuple[Panel, ...]:
    ours = '{job=~"medallero-.+"}'
    return (
        lines(
            "CPU by process",
            "Cores that each process keeps busy.",
            promql(
                f"rate(process_cpu_seconds_total{ours}{_RATE})", "{{instance}}", most=MOST_LINES
            ),
            unit="none",
        ),
        lines(
            "Memory by process",
            "Memory of each process that is in RAM.",
            promql(f"process_resident_memory_bytes{ours}", "{{instance}}", most=MOST_LINES),
            unit="bytes",
        ),
        lines(
            "Wait for the event loop",
            "How late a gateway's event loop wakes a task (99th percentile): what every request "
            "waits in addition.",
            _p99("medallero_gateway_loop_lag_seconds", "p99"),
            unit="s",
        ),
        lines(
            "Open files",
            "File descriptors, as a part of what each process may have.",
            promql(
                f"process_open_fds{ours} / process_max_fds{ours}", "{{instance}}", most=MOST_LINES
            ),
            unit="percentunit",
        ),
        stat(
            "Processes that answer",
            "Gateways and workers whose metrics could be read.",
            promql(f"sum(up{ours})"),
            width=8,
            decimals=0,
            thresholds=steps(RED, (1, GREEN)),
        ),
    )


def _p99(metric: str, legend: str) -> Target:
    return promql(f"histogram_quantile(0.99, sum by (le) (rate({metric}_bucket{_RATE})))", legend)
