"""``python -m bench.weather``: the questions of the weather stream, each measured in one run."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from redis import Redis
from rich.console import Console
from rich.table import Table

from bench.command import HELP, console_of_bench, header, out_option, quick_option
from bench.report import load, machine_line, save, shown
from bench.weather.measure import SECTIONS, Bench
from medallero.terminal import quiet_libraries
from tests.soak.weather import servers
from tests.support.environment import forget_settings


@click.command(context_settings=HELP | {"show_default": True})
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(SECTIONS)),
    help="Measure this alone; can be given several times.",
)
@click.option("--seconds", type=click.FloatRange(min=0.5), default=10.0, help="Of a load.")
@click.option(
    "--reports", type=click.IntRange(min=100), default=200_000, help="Of a backlog, or of a store."
)
@quick_option("with 3 seconds and 20,000 reports")
@out_option
def main(only: tuple[str, ...], seconds: float, reports: int, quick: bool, out: Path) -> None:
    """Measure the ways of the weather reports beside one another.

    Starts a Kafka, a Redis, a RabbitMQ (Debian: rabbitmq-server) and a Valkey for it. Writes
    weather.json, weather.txt and weather.md; what is not measured again is kept. A store is durable
    (`appendfsync always` in Valkey, and in Redis where it says so) before a report counts as
    counted.
    """
    forget_settings()
    quiet_libraries()
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    console = console_of_bench()
    if quick:
        seconds, reports = 3.0, 20_000
    report = load(out / "weather.json")
    report |= header("bench.weather") | {"seconds": seconds, "reports": reports}
    report.setdefault("sections", {})
    with tempfile.TemporaryDirectory(prefix="medallero-bench-") as scratch:
        directory = Path(scratch)
        with servers(directory) as running:
            report["servers"] = {
                "Redis": version_of(running.redis.address),
                "Valkey": version_of(running.valkey.address),
            }
            bench = Bench(running, directory, seconds, reports)
            for name in only or SECTIONS:
                title, measure = SECTIONS[name]
                console.print(f"{name}: {title} ...", markup=False)
                report["sections"][name] = measure(bench)
                save(out, "weather", report, show)
    (out / "weather.md").write_text("\n".join(markdown(report)) + "\n", encoding="utf-8")
    show(console, report)


def version_of(url: str) -> str:
    """Return the version of a Redis, or of a Valkey."""
    with Redis.from_url(url, decode_responses=True) as redis:
        info: Any = redis.info("server")
    return str(info.get("valkey_version") or info["redis_version"])


def show(console: Console, report: Mapping[str, Any]) -> None:
    """Print the tables."""
    console.print(machine_line(report), markup=False)
    for title, rows in _tables(report):
        table = Table(title=title, title_justify="left")
        for name in rows[0]:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(*(shown(it) for it in row.values()))
        console.print(table, markup=False)


def markdown(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the same tables in Markdown."""
    yield f"{machine_line(report)}; `{report['command']}`."
    for title, rows in _tables(report):
        yield f"\n**{title}**\n"
        yield f"| {' | '.join(rows[0])} |"
        yield f"|{' ---: |' * len(rows[0])}"
        for row in rows:
            yield f"| {' | '.join(shown(it) for it in row.values())} |"


def _tables(report: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the sections, with how each rate stands to the first of its section."""
    for name, (title, _) in SECTIONS.items():
        rows = report["sections"].get(name)
        if rows:
            first = rows[0].get("rate")
            yield (
                title,
                [
                    {**row, **({"of the first": (row["rate"] or 0) / first} if first else {})}
                    for row in rows
                ],
            )


if __name__ == "__main__":
    main()
