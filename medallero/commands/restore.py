"""`medallero restore`: a back-up's records into a new results topic."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import NoReturn

import click

from contracts.raw_topic import TopicUnavailable, open_topic
from contracts.settings import CommonSettings
from medallero.backup.forget import Forgetter
from medallero.backup.format import Damaged
from medallero.backup.restore import CannotRestore, Contents, Restored, examine, restore
from medallero.commands.backup import back_ups, seed_bytes
from medallero.formatting import plain
from medallero.terminal import (
    CannotDo,
    quiet_libraries,
    read_catalogue,
    read_settings,
    reading_bar,
    stderr,
)
from olympics.catalogue import catalogue_text
from olympics.text import canonical_text


@click.command(name="restore")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--forget",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="IDS",
    help="Leave out the names and ages of these competitors: a file with an id a line.",
)
@click.option("--check", is_flag=True, help="Only read FILE, say what it holds and if it is whole.")
@click.option(
    "--extract",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write the catalogue, and the seed if there is one, into this directory.",
)
def command(path: Path, forget: Path | None, check: bool, extract: Path | None) -> None:
    """Put the records of FILE, a back-up, onto a new and empty results topic.

    The whole file is checked before anything is written. The topic may have another number of
    partitions than the one in the back-up: records go where their keys belong, those of a key in
    their order. If a restore is interrupted, run the same command again: it compares what is there
    and writes the rest. A topic with other records is refused.

    The settings are those of the new system (MEDALLERO_KAFKA, MEDALLERO_TOPIC_PREFIX,
    MEDALLERO_EPOCH …). Its epoch must be higher than that of the back-up, since the new log is
    another one: raise it for gateways and workers too. FILE may be a directory; then the newest
    back-up in it of this topic is meant.

    --forget leaves names and ages out; results, counts and medals stay as they are. Back-ups and
    topics that were made before keep the names: remove them.

    \b
    Examples:
      medallero restore --check games.backup
      MEDALLERO_EPOCH=2 medallero restore games.backup && medallero audit
      MEDALLERO_EPOCH=2 medallero restore --forget ids.txt games.backup

    \b
    Exit code: 0 everything is there, 2 not.
    """
    quiet_libraries()
    settings = read_settings()
    if path.is_dir():
        path = _newest(path, settings)
    forgetter = None if forget is None else Forgetter(_ids(forget))
    try:
        with reading_bar("checking the file") as progress:
            contents = examine(path, forgetter, progress)
    except Damaged as error:
        _refuse(path, error)
    head = contents.head
    click.echo(
        f"{path}: {contents.records:,} records of {head.topic!r}, made {head.made}, epoch "
        f"{head.epoch}, whole"
    )
    click.echo(f"digest {contents.digest}")
    if head.begins:
        stderr().print(
            "It is of a topic whose oldest records were gone.", style="yellow", soft_wrap=True
        )
    if extract is not None:
        _extract(contents, extract)
    if check:
        return
    _compare_settings(contents, settings)
    began = time.monotonic()
    try:
        restored, topic = asyncio.run(_restore(contents, settings, forgetter))
    except Damaged as error:
        _refuse(path, error)
    except (CannotRestore, TopicUnavailable) as error:
        remedy = error.remedy.replace("`medallero up` creates it", "`medallero topics` creates it")
        raise CannotDo(f"It is not restored: {error.problem}.", remedy) from None
    there = f", {restored.present:,} were there already" if restored.present else ""
    click.echo(
        f"{restored.written:,} records written to {topic!r}{there}, in "
        f"{time.monotonic() - began:.1f} s"
    )
    if forgetter is not None:
        _tell_forgotten(forgetter)


async def _restore(
    contents: Contents, settings: CommonSettings, forgetter: Forgetter | None
) -> tuple[Restored, str]:
    async with open_topic(settings) as topic:
        with reading_bar("restoring") as progress:
            return await restore(contents, topic, settings, forgetter, progress), topic.name


def _refuse(path: Path, error: Damaged) -> NoReturn:
    raise CannotDo(
        f"{path} cannot be used: {error}.", "Nothing was written. Take another copy or back-up."
    ) from None


def _newest(directory: Path, settings: CommonSettings) -> Path:
    found = back_ups(directory, settings.results_topic)
    if not found:
        raise CannotDo(
            f"There is no back-up of topic {settings.results_topic!r} in {directory}.",
            "Name the file.",
        )
    return found[-1]


def _ids(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
        return [it for it in map(canonical_text, lines) if it]
    except OSError as error:
        raise CannotDo(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CannotDo(f"{path}: expected a competitor's id a line, in UTF-8 ({error}).") from None


def _extract(contents: Contents, directory: Path) -> None:
    files = {"catalogue.toml": contents.head.catalogue.encode()}
    if contents.head.seed is not None:
        files["seed"] = contents.head.seed
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = directory / name
            # As a run that was interrupted has left it.
            if path.is_file() and path.read_bytes() == content:
                continue
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(content)
            click.echo(f"{path}: written")
    except OSError as error:
        raise CannotDo(f"{error.filename or directory}: {error.strerror}.") from None


def _compare_settings(contents: Contents, settings: CommonSettings) -> None:
    head = contents.head
    if settings.epoch <= head.epoch:
        raise CannotDo(
            f"The back-up is of epoch {head.epoch}, and the settings say {settings.epoch}.",
            f"Set MEDALLERO_EPOCH to {head.epoch + 1} or higher, here and for gateways and "
            "workers: what they know of the old log does not hold for the new one.",
        )
    read_catalogue(settings)
    if head.catalogue != catalogue_text(settings.catalogue):
        _warn(
            "The back-up was made with another catalogue, by which other results may count: "
            "--extract writes it, MEDALLERO_CATALOGUE names it."
        )
    if head.seed is not None and head.seed != seed_bytes(settings):
        _warn(
            "The back-up holds the games' seed, and it is not the one that is set here: --extract "
            "writes it. Give it to the gateways (MEDALLERO_SEED), or entries that are sent again "
            "may toss another coin."
        )


def _tell_forgotten(forgetter: Forgetter) -> None:
    click.echo(f"Names and ages of {len(forgetter.found):,} competitors are left out.")
    if absent := sorted(forgetter.competitors - forgetter.found):
        listed = ", ".join(plain(it) for it in absent[:5])
        _warn(f"{len(absent):,} of the ids have no record: {listed}{' …' if absent[5:] else ''}.")
    if forgetter.unreadable:
        _warn(
            f"{forgetter.unreadable:,} records with such an id cannot be read and are kept as they "
            "are; they may hold names. They are among the rejected ones: see `medallero doctor`."
        )


def _warn(text: str) -> None:
    stderr().print(text, style="yellow", soft_wrap=True)
