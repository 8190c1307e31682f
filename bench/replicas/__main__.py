"""``python -m bench.replicas``: one and two gateways, one and two workers, behind a balancer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from bench.builds import Missing
from bench.command import HELP, console_of_bench, header, out_option, quick_option, saying
from bench.gateway.generators import need_wrk
from bench.replicas import report
from bench.replicas.balancer import need_balancer
from bench.replicas.measure import LOADS, measure, measure_bytes, started_system
from bench.stack import started_stack

_SECONDS: Final = 10.0
_QUICK_SECONDS: Final = 3.0


@click.command(context_settings=HELP)
@quick_option("within two minutes")
@click.option(
    "--gateways", type=click.IntRange(1, 16), default=2, show_default=True, help="At most so many."
)
@click.option(
    "--workers", type=click.IntRange(1, 16), default=2, show_default=True, help="At most so many."
)
@click.option(
    "--partitions",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Of the results topic: what workers can share.",
)
@click.option("--seconds", type=click.FloatRange(min=1), help="Length of a measurement.")
@out_option
def main(
    quick: bool, gateways: int, workers: int, partitions: int, seconds: float | None, out: Path
) -> None:
    """Measure every number of gateways with every number of workers, behind HAProxy.

    A Kafka and a Redis are started for it. Needs wrk and HAProxy (`make deps-bench`). Writes
    replicas.json, replicas.txt, replicas.md and replicas.png. docs/replicas.md says what the
    figures mean.
    """
    console = console_of_bench()
    try:
        need_wrk()
        need_balancer()
    except Missing as missing:
        raise click.ClickException(str(missing)) from None
    if workers > partitions:
        raise click.BadParameter("more workers than partitions would idle", param_hint="workers")
    lasting = seconds or (_QUICK_SECONDS if quick else _SECONDS)
    found: dict[str, Any] = {
        **header("bench.replicas"),
        "seconds": lasting,
        "partitions": partitions,
        "loads": {load.name: load.title for load in LOADS},
        "systems": [],
    }
    say = saying(console)
    with started_stack(console) as stack:
        for number_of_workers in range(1, workers + 1):
            for number_of_gateways in range(1, gateways + 1):
                system: dict[str, Any] = {
                    "gateways": number_of_gateways,
                    "workers": number_of_workers,
                    "loads": {},
                }
                with started_system(
                    stack, number_of_gateways, number_of_workers, partitions
                ) as running:
                    for load in LOADS:
                        figures = measure(running, load, stack.directory, lasting)
                        system["loads"][load.name] = figures
                        say(
                            f"{number_of_gateways} gateways, {number_of_workers} workers, "
                            f"{load.title}: {figures['rate']:,.0f} accepted/s, "
                            f"{figures['visible_rate']:,.0f} visible/s"
                        )
                    if "bytes" not in found:
                        found["bytes"] = measure_bytes(running, LOADS[-1], stack.directory)
                found["systems"].append(system)
    report.save(out, found)
    report.show(console, found)
    files = ["replicas.json", "replicas.txt", "replicas.md"]
    try:
        report.plot(out, found)
        files.append("replicas.png")
    except ImportError:
        console.print("There is no plot: matplotlib is not installed.")
    console.print(f"Written to {out}: {', '.join(files)}")


if __name__ == "__main__":
    main()
