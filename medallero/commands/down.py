"""`medallero down`: end what runs in a data directory."""

from __future__ import annotations

from pathlib import Path

import click

from medallero.options import data_dir_option
from medallero.terminal import stdout


@click.command(name="down")
@data_dir_option
def command(data_dir: Path) -> None:
    """End the `medallero up` of a data directory; what is stored stays.

    \b
    Examples:
      medallero down
      medallero down --data-dir .medallero-demo

    Exit code: 0 when nothing runs there any more, 2 if it does not end.
    """
    from medallero.up.background import stop

    pid = stop(data_dir)
    if pid is None:
        stdout().print(f"Nothing runs in {data_dir}.", soft_wrap=True)
    else:
        stdout().print(f"Stopped process {pid}; the data stays in {data_dir}.", soft_wrap=True)
