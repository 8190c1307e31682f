"""`medallero completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the lines by which a shell completes commands, options and files with Tab.

    \b
    bash, in ~/.bashrc:    eval "$(medallero completion bash)"
    zsh, in ~/.zshrc:      eval "$(medallero completion zsh)"
    fish, once:            medallero completion fish > ~/.config/fish/completions/medallero.fish

    bash must be 4.4 or later; macOS has an older one.
    """
    from medallero.cli import main

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "medallero", "_MEDALLERO_COMPLETE").source())
