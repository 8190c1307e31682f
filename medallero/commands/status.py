"""`medallero status`: whether `up` runs in a data directory, and what is ready."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from medallero.options import data_dir_option, variable
from medallero.terminal import echo_json, stdout


@click.command(name="status")
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def command(data_dir: Path, as_json: bool) -> None:
    """Say whether `medallero up` runs here, where, and which of its parts are ready.

    `medallero doctor` looks deeper.

    \b
    Examples:
      medallero status
      medallero status --data-dir .medallero-demo

    Exit code: 0 all ready, 1 nothing runs or something is not ready, 2 it is just starting.
    """
    from medallero.embedded.datadir import holder
    from medallero.up.background import parts, read_environment

    data = data_dir.expanduser().absolute()
    pid = holder(data)
    if pid is None:
        if as_json:
            echo_json({"running": False})
        else:
            stdout().print(f"Nothing runs in {data_dir}: `medallero up` starts it.", soft_wrap=True)
        raise SystemExit(1)
    endpoint = read_environment(data)[variable("endpoint")]
    found = list(parts(data))
    if as_json:
        echo_json(
            {
                "running": True,
                "process": pid,
                "endpoint": endpoint,
                "parts": [it._asdict() for it in found],
            }
        )
    else:
        console = stdout()
        console.print(f"Process {pid} runs in {data_dir}: {endpoint}/", soft_wrap=True)
        table = Table(box=None, show_header=False, pad_edge=True)
        for it in found:
            table.add_row(it.name, it.address, it.problem or "ready")
        console.print(table)
    raise SystemExit(any(it.problem for it in found))
