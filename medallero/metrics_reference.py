"""Writes `docs/metrics.md` from the modules that declare the metrics.

Run it as ``python -m medallero.metrics_reference`` in the repository's root; a test compares the
two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import REGISTRY, CollectorRegistry, Metric
from prometheus_client.metrics import MetricWrapperBase

PAGE: Final = Path("docs/metrics.md")

_HEAD: Final = """\
# Metrics

What `/metrics` of gateways and workers has, in Prometheus' text format, beside what every process
has there: `process_…` (CPU, memory, open files) and `python_…`. [Operations](operations.md#alerts)
says which of them raise an alert, [Grafana](grafana.md) where they are shown.

A counter only grows, until its process is started again: ask for its `rate`. A histogram has
`_bucket`, `_sum` and `_count`: ask for `histogram_quantile` over the `rate` of its buckets. A
gauge is a state.

This page is written by `python -m medallero.metrics_reference`; do not edit it.
"""

#: The end of a name is its unit, as Prometheus' conventions have it.
_UNITS: Final = {
    "seconds": "seconds",
    "bytes": "bytes",
    "records": "records",
    "requests": "requests",
    "batches": "batches",
    "replicas": "replicas",
    "partitions": "partitions",
    "results": "results",
    "tallies": "tallies",
    "writes": "writes",
    "brokers": "brokers",
    "rebalances": "times",
    "failures": "times",
    "fetches": "fetches",
    "messages": "messages",
    "acknowledgements": "batches",
    "viewers": "streams",
    "connections": "connections",
    "accepted": "records",
    "rejected": "records",
    "ready": "0 or 1",
    "shut": "0 or 1",
    "scoreboard": "0 or 1",
}


class UnknownUnit(ValueError):
    """The name of a metric does not end in a unit."""

    def __init__(self, name: str) -> None:
        super().__init__(f"what is {name} counted in? Give it a name that says so")
        self.name = name


class Described(NamedTuple):
    """A metric as the page has it; the names of its labels in their order."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    meaning: str


def gateway_metrics() -> list[Described]:
    """Return the gateway's metrics, by name."""
    from gateway.metrics import Metrics

    registry = Metrics().registry
    return sorted(_described(registry.collect(), _labels(registry)))


def worker_metrics() -> list[Described]:
    """Return the worker's metrics, by name."""
    from streams import metrics

    # One partition, so that the labels of what is read at the time are known.
    readings = metrics.Readings(lags={0: 0})
    found = _described(metrics.families(readings), _labels(REGISTRY))
    # Both kinds of process declare theirs in the one registry that they have each.
    return sorted(it for it in found if it.name.startswith("medallero_worker_"))


def weather_metrics() -> list[Described]:
    """Return the metrics of the processes that count weather reports, by name."""
    from streams.weather import metrics

    names = {it._name for it in vars(metrics).values() if isinstance(it, MetricWrapperBase)}
    found = (it for it in REGISTRY.collect() if it.name in names)
    return sorted(_described(found, _labels(REGISTRY)))


def page() -> str:
    """Return the whole page in Markdown."""
    sections = (
        ("Gateway", gateway_metrics()),
        ("Worker", worker_metrics()),
        ("Weather worker and weather consumer", weather_metrics()),
    )
    return "\n".join([_HEAD, *(_section(*it) for it in sections)])


def unit_of(name: str) -> str:
    """Return the unit of the metric *name*, which may end in ``_total``.

    :raises UnknownUnit: the name does not say it.
    """
    last = name.removesuffix("_total").rpartition("_")[2]
    try:
        return _UNITS[last]
    except KeyError:
        raise UnknownUnit(name) from None


def main() -> None:
    """Write the page to where it belongs, relative to the repository's root, or to a path given."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    path.write_text(page(), encoding="utf-8")


def _described(
    families: Iterable[Metric], labels: dict[str, tuple[str, ...]]
) -> Iterator[Described]:
    for family in families:
        if not family.name.startswith("medallero_"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found = labels.get(family.name)
        if found is None:
            found = tuple(family.samples[0].labels) if family.samples else ()
        yield Described(name, family.type, unit_of(name), found, family.documentation)


def _labels(registry: CollectorRegistry) -> dict[str, tuple[str, ...]]:
    """Return the names of the labels of each declared metric: a family without samples has none."""
    collectors = {it for it in registry._collector_to_names if isinstance(it, MetricWrapperBase)}
    return {it._name: tuple(it._labelnames) for it in collectors}


def _section(title: str, metrics: list[Described]) -> str:
    rows = [
        f"| `{it.name}` | {it.kind} | {it.unit} | {', '.join(f'`{x}`' for x in it.labels) or '–'} "
        f"| {it.meaning.replace('|', chr(92) + '|')} |"
        for it in metrics
    ]
    head = ["| metric | type | unit | labels | meaning |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([f"## {title}", "", *head, *rows, ""])


if __name__ == "__main__":
    main()
