"""``python -m bench.replicas.plan``: what more results than this machine's would take.

Linear in what was measured, and no more than that: what does not grow in a straight line is said in
docs/sizing.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

#: Results a minute that are planned for.
RATES: Final = (10_000, 1_000_000, 100_000_000)
#: No process is planned to be busier: what comes in bursts needs room.
_BUSY: Final = 0.6
#: Copies of each record, and of the bytes that brokers write.
_REPLICAS: Final = 3
_DAY: Final = 86_400


class Need(NamedTuple):
    """What a rate takes. ``gateways`` and ``workers``: processes, of a core each."""

    a_minute: int
    gateways: int
    workers: int
    kafka_cores: float
    topics_bytes_a_second: float
    disk_bytes_a_day: float
    memory_bytes_a_million: float


def need(report: Mapping[str, Any], load: str, a_minute: int) -> Need:
    """Return what *a_minute* results take, by the costs of *load* with one gateway and worker."""
    figures = report["systems"][0]["loads"][load]
    cpu, a_second = figures["cpu_us"], a_minute / 60
    cores = {part: a_second * cpu[part] / 1e6 for part in cpu}
    sizes = report["bytes"]
    topics = a_second * (sizes["results"] + sizes["changelog"]) * _REPLICAS
    return Need(
        a_minute=a_minute,
        gateways=math.ceil(cores["gateways"] / _BUSY),
        workers=math.ceil(cores["workers"] / _BUSY),
        # Each copy is written by a broker of its own.
        kafka_cores=cores["kafka"] * _REPLICAS,
        topics_bytes_a_second=topics,
        disk_bytes_a_day=a_second * sizes["results"] * _REPLICAS * _DAY,
        memory_bytes_a_million=figures["worker_memory_bytes_a_result"] * 1e6,
    )


def markdown(report: Mapping[str, Any]) -> str:
    """Return a table a load."""
    parts = []
    for load, title in report["loads"].items():
        rows = [need(report, load, rate) for rate in RATES]
        parts.append(
            f"**{title[:1].upper()}{title[1:]}**\n\n"
            "| results a minute | gateways | workers | Kafka, cores | written by brokers, MB/s | "
            "`results` on disk, GB a day |\n"
            "| ---: | ---: | ---: | ---: | ---: | ---: |\n"
            + "\n".join(
                f"| {it.a_minute:,} | {it.gateways:,} | {it.workers:,} | {it.kafka_cores:,.1f} | "
                f"{it.topics_bytes_a_second / 1e6:,.1f} | {it.disk_bytes_a_day / 1e9:,.0f} |"
                for it in rows
            )
            + "\n"
        )
    return "\n".join(parts)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "report",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=Path(__file__).parent.parent / "out" / "replicas.json",
)
def main(report: Path) -> None:
    """Print what 10 thousand, 1 million and 100 million results a minute take.

    By the costs in REPORT, which `make bench-replicas` writes.
    """
    click.echo(markdown(json.loads(report.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
