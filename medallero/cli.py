"""The command line: one group whose sub-commands are imported only when they are used.

`medallero send` must not pay for importing Faust, and `medallero --help` should answer at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

# Name, module (attribute `command`) and one line of help: the help is here, so that the list of
# commands needs no import of the commands.
_COMMANDS: Final[dict[str, str]] = {
    "up": "Start everything on this machine: Kafka, Redis, the gateway, workers.",
    "down": "End what `up` has started in the background.",
    "status": "Say whether `up` runs here, and what is ready.",
    "demo": "Play a games day on this machine, to look at.",
    "gateway": "Run the gateway: HTTP and gRPC in, Kafka out.",
    "worker": "Run a streams worker: Kafka in, standings out.",
    "topics": "Create the topics on a Kafka of your own, and check them.",
    "weather-worker": "Run a weather worker: weather reports from Kafka, counted into Redis.",
    "weather-consumer": "Run a weather consumer: the same from RabbitMQ, into Valkey.",
    "token": "Make a token that may send, for the gateway's file of tokens.",
    "catalogue": "Check a catalogue, show it, compare two, or make one of result files.",
    "send": "Send results from files.",
    "board": "Watch the medal table and the splits in the terminal.",
    "events": "Find races, bouts and heats: who leads, who has which medal.",
    "latest": "Tell which events changed last, and why.",
    "medallists": "List who won the medals of the medal table.",
    "correct": "Replace a competitor's result by a higher version.",
    "withdraw": "Withdraw a competitor's result.",
    "history": "List every version of a unit's results.",
    "backup": "Write the results topic, and what belongs to it, into a file.",
    "restore": "Put a back-up's records onto a new results topic.",
    "audit": "Recount the raw topic and compare every number with Redis.",
    "doctor": "Check what is reachable and configured, and say what to do.",
    "completion": "Print what bash, zsh or fish needs to complete commands.",
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names and help, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"medallero.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        with _plain_errors():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; where a package is missing that an extra brings, say which extra."""
        try:
            with _plain_errors():
                return super().invoke(ctx)
        except ModuleNotFoundError as error:
            from medallero.extras import missing_package

            if told := missing_package(error.name):
                raise told from None
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name, and import no command for it."""
        if not incomplete or incomplete[0].isalnum():
            return [
                CompletionItem(name, help=text)
                for name, text in _COMMANDS.items()
                if name.startswith(incomplete)
            ]
        return super().shell_complete(ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Make the message of an error plain that ends a command: it may quote what others wrote."""
    try:
        yield
    except click.ClickException as error:
        from medallero.formatting import plain

        error.message = plain(error.message, lines=True)
        raise


def _tell_version(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from medallero.version import told

        click.echo(told())
        ctx.exit()


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Tell version, commit, and what is compiled.",
)
def main() -> None:
    """Live standings of a university games: results in, medal table out.

    Start with `medallero up`; then, in a second terminal, `medallero send FILE` and
    `medallero board`.
    """
