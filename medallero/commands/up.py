"""`medallero up`: Kafka, Redis, the gateway and workers on this machine."""

from __future__ import annotations

import click

from medallero.options import export, read, settings_options
from medallero.terminal import stdout
from medallero.up.settings import UpSettings


@click.command(name="up")
@click.option(
    "--fresh",
    is_flag=True,
    help="Begin anew: end what runs in the data directory, and remove its data.",
)
@click.option(
    "--with",
    "parts",
    type=click.Choice(["weather"]),
    multiple=True,
    help="Start a further part: weather takes weather reports and counts them, by Kafka and by "
    "RabbitMQ, if that is installed.",
)
@click.option(
    "--detach",
    "-d",
    is_flag=True,
    help="Return when everything runs; `medallero down` ends it, `medallero status` looks at it.",
)
@settings_options(UpSettings)
def command(fresh: bool, parts: tuple[str, ...], detach: bool, **given: str | None) -> None:
    """Start everything on this machine and keep it running until Ctrl-C.

    Kafka and Redis are started unless --kafka or --redis, or their environment variables, name
    running ones. Everything listens on 127.0.0.1 unless told otherwise. What is stored stays for
    the next start. Every option can also be given by the environment variable that its help
    names.
    """
    # Imported after --help and a wrong flag had their chance.
    from medallero.up.endpoints import forget_started
    from medallero.up.run import run, take

    forget_started()
    settings = read(UpSettings, given)
    if detach:
        from medallero.up.background import start

        with take(settings, fresh=fresh) as data:
            path = data.path
        arguments = ["--fresh"] * fresh + [f"--with={it}" for it in parts]
        # Not by the environment, which names the directory only where the shell has named it.
        arguments.append(f"--data-dir={settings.data_dir}")
        del given["data_dir"]
        export(given)
        raise SystemExit(start(arguments, path, lambda it: stdout().print(it, soft_wrap=True)))
    run(settings, stdout(), fresh=fresh, weather="weather" in parts)
