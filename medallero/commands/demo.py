"""`medallero demo`: a games day on this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

import click

from medallero.client.connect import GatewayAddress
from medallero.options import read, variable
from medallero.stop_flag import StopFlag
from medallero.terminal import INTERRUPTED, CannotDo, stdout
from medallero.up.settings import UpSettings

#: Settings of the environment that are in force for a demonstration too.
_KEPT: Final = frozenset(map(variable, ("cache_dir", "maven", "kafka_heap", "start_timeout")))
#: Where it listens unless something else does.
_PORTS: Final = {"http_port": 8080, "grpc_port": 50051, "kafka_port": 9092, "redis_port": 6379}


@click.command(name="demo")
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="How much faster than fifteen minutes.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="In which order the events are held; the medals are the same.",
)
@click.option(
    "--gateway",
    "endpoint",
    metavar="URL",
    help="Start nothing, and play against this gateway, which must have the day's catalogue.",
)
@click.option(
    "--token",
    envvar="MEDALLERO_TOKEN",
    show_envvar=True,
    help="What that gateway wants to see.",
)
@click.option(
    "--http-port",
    metavar="N",
    help="Port of the page. [default: 8080, or a free one]",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".medallero-demo"),
    show_default=True,
    help="Directory of the demonstration's data; what an earlier one has left there is removed. "
    "One that `medallero up` has made is left alone.",
)
@click.option(
    "--catalogue", "show_catalogue", is_flag=True, help="Print the catalogue's path, and end."
)
def command(
    speed: float,
    seed: int,
    endpoint: str | None,
    token: str | None,
    http_port: str | None,
    data_dir: Path,
    show_catalogue: bool,
) -> None:
    """Play a games day of fifteen minutes, to look at: page, big screen, board.

    Starts what `medallero up` starts, with data, a catalogue and ports of its own, and sends the
    results of a day of Paris 2024 as they happen: four sports, 867 results. Races come in as
    provisional and become official. There are a tie, a correction, a medal that moves because of a
    slip of the pen, and a disqualification. Afterwards everything stays until Ctrl-C.

    Settings of the environment do not count, so that the demonstration never reaches your games.

    \b
    Examples:
      medallero demo
      medallero demo --speed 10
      medallero up --catalogue "$(medallero demo --catalogue)" --data-dir elsewhere
      medallero demo --gateway http://127.0.0.1:8080
    """
    from medallero.demo.day import CATALOGUE

    if show_catalogue:
        click.echo(CATALOGUE)
    elif endpoint is None:
        _with_all(speed, seed, http_port, data_dir)
    else:
        _against(GatewayAddress(endpoint, token or None), speed, seed)


def _with_all(speed: float, seed: int, http_port: str | None, data_dir: Path) -> None:
    """Start everything, play, and keep it running."""
    # Imported after --help and a wrong flag had their chance.
    from medallero.demo.day import CATALOGUE
    from medallero.demo.play import play
    from medallero.embedded.datadir import mark_demo
    from medallero.embedded.ports import free_port, is_free
    from medallero.up.endpoints import Whereabouts
    from medallero.up.run import run

    try:
        is_ours = mark_demo(data_dir.expanduser().absolute())
    except OSError as error:
        raise CannotDo(f"The data directory cannot be used: {error}.") from None
    if not is_ours:
        raise CannotDo(
            f"{data_dir} was made by `medallero up`: a demonstration would end and remove what is "
            "there.",
            "Choose another with --data-dir PATH.",
        )
    for name in [it for it in os.environ if it.startswith("MEDALLERO_") and it not in _KEPT]:
        del os.environ[name]
    given: dict[str, str | None] = {
        name: str(port if is_free("127.0.0.1", port) else free_port())
        for name, port in _PORTS.items()
    }
    given |= {"catalogue": str(CATALOGUE), "data_dir": str(data_dir)}
    if http_port is not None:
        given["http_port"] = http_port

    def meanwhile(where: Whereabouts, say: Callable[[str], None], stop: StopFlag) -> None:
        say("\nThe day begins.\n")
        if play(GatewayAddress(where.endpoint), say, stop, speed=speed, seed=seed):
            say(f"\nThe day is over; {where.endpoint}/ stays until Ctrl-C.")

    run(read(UpSettings, given), stdout(), fresh=True, meanwhile=meanwhile)


def _against(gateway: GatewayAddress, speed: float, seed: int) -> None:
    """Play against a gateway that runs, until the end or Ctrl-C."""
    from medallero.demo.play import play

    console = stdout()
    stop = StopFlag()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    before = {it: signal.signal(it, interrupt) for it in (signal.SIGINT, signal.SIGTERM)}
    try:
        ended = play(gateway, say, stop, speed=speed, seed=seed)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not ended:
        console.print("Stopped; sending all again from the beginning is safe.")
        raise SystemExit(INTERRUPTED)
    console.print("The day is over.")
