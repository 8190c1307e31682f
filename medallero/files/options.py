"""Options of the commands that read files of results."""

from __future__ import annotations

import click

sport_option = click.option(
    "--sport",
    metavar="NAME",
    default="",
    help="The sport of rows that name none; default: as the title lines or the file's name say.",
)
