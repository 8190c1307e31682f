"""`make soak-weather`: the command."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

import click

from medallero.terminal import quiet_libraries
from tests.soak.weather import Plan, servers, soak
from tests.support.environment import forget_settings


@click.command(context_settings={"show_default": True})
@click.option("--reports", type=click.IntRange(1_000), default=1_000_000, help="Reports to send.")
@click.option("--rate", type=click.IntRange(0), default=0, help="Records a second; 0: no limit.")
@click.option("--seed", type=int, default=1, help="The same seed gives the same reports.")
@click.option("--every", type=click.FloatRange(0.1), default=40.0, help="Seconds between faults.")
@click.option("--workers", type=click.IntRange(1), default=1, help="Processes, by Kafka.")
@click.option("--consumers", type=click.IntRange(1), default=2, help="Processes, by RabbitMQ.")
@click.option("--patience", type=click.FloatRange(1), default=900.0, help="Seconds at the end.")
@click.option("--keep", is_flag=True, help="Keep logs and data also when all is well.")
def command(
    reports: int,
    rate: int,
    seed: int,
    every: float,
    workers: int,
    consumers: int,
    patience: float,
    keep: bool,
) -> None:
    """Count reports by both ways while everything is killed in turn, then recount them.

    Needs RabbitMQ (Debian: rabbitmq-server) and the packages of `medallero[up]`.
    """
    forget_settings()
    quiet_libraries()
    directory = Path(tempfile.mkdtemp(prefix="medallero-soak-"))
    # It is ours to say that RabbitMQ was killed.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    plan = Plan(
        reports,
        rate=rate,
        seed=seed,
        every=every,
        workers=workers,
        consumers=consumers,
        patience=patience,
    )
    click.echo(f"{plan}\nlogs and data: {directory}")
    with servers(directory) as hurt:
        report = soak(plan, hurt, directory, click.echo)
    speed = report.records / report.seconds
    click.echo(
        f"both stores and the oracle agree on {report.summary.reports:,} reports of "
        f"{report.records:,} records, after {len(report.strikes)} faults, "
        f"in {report.seconds:.1f} s ({speed:,.0f} records/s by each way)"
    )
    if not keep:
        shutil.rmtree(directory)


if __name__ == "__main__":
    command()
