"""`medallero backup`: the results topic, and what belongs to it, into a file."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import click

from contracts.raw_topic import RawTopic, TopicUnavailable, open_topic
from contracts.settings import DEFAULT_SEED, CommonSettings
from medallero.backup.format import BackupWriter, Head, StoredRecord, lies_right
from medallero.terminal import (
    CannotDo,
    quiet_libraries,
    read_catalogue,
    read_settings,
    reading_bar,
    stderr,
)
from olympics.catalogue import catalogue_text

INCOMPLETE: Final = 1
SUFFIX: Final = ".backup"
_UNFINISHED: Final = ".unfinished"
_ABANDONED_AFTER: Final = 86_400.0


@click.command(name="backup")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Remove the oldest back-ups of this topic from the directory, so that N are left.",
)
def command(path: Path, keep: int | None) -> None:
    """Write the results topic into FILE, with what belongs to it.

    Everything else follows from `results`: `medallero restore` makes a system of FILE that comes to
    the same numbers. FILE holds every record with its key, headers and time, the epoch, the
    catalogue, and the games' seed if MEDALLERO_SEED is set here. It is compressed, and each part of
    it has a digest. Results may come in meanwhile: FILE holds those that were there at the start.

    FILE may be a directory; then the file is named after the topic and the time. FILE appears when
    it is whole, and none is ever overwritten. Only its owner may read it, since it holds names, and
    perhaps the seed.

    \b
    Examples:
      medallero backup games.backup
      MEDALLERO_SEED=$(cat .medallero/seed) medallero backup games.backup
      medallero backup --keep 14 /var/backups/medallero/

    \b
    Exit code: 0 it is written, 1 written, but older records are gone from the topic (then --keep
    removes nothing), 2 it could not be done.
    """
    quiet_libraries()
    settings = read_settings()
    read_catalogue(settings)
    directory = path if path.is_dir() else None
    if keep is not None and directory is None:
        raise click.UsageError(f"--keep needs a directory, and {path} is none.")
    if directory is not None:
        path = directory / f"{settings.results_topic}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"
    try:
        complete = asyncio.run(_back_up(settings, path))
    except TopicUnavailable as error:
        raise CannotDo(f"There is no back-up: {error.problem}.", error.remedy) from None
    except OSError as error:
        raise CannotDo(f"{path} cannot be written: {error.strerror}.") from None
    # Where the topic has lost records, older files may be all that has them.
    if directory is not None and keep is not None and complete:
        _remove_older(directory, settings.results_topic, keep)
    raise SystemExit(0 if complete else INCOMPLETE)


async def _back_up(settings: CommonSettings, path: Path) -> bool:
    """Write the file; return whether the topic still had all its records."""
    began = time.monotonic()
    async with open_topic(settings) as topic:
        bounds = await topic.bounds()
        lost = {partition: begin for partition, begin in bounds.begins.items() if begin}
        head = _head(settings, topic, lost)
        total = sum(bounds.ends.values()) - sum(bounds.begins.values())
        with _appearing(path) as file, reading_bar("backing up the topic") as progress:
            writer = BackupWriter(file, head)
            read = misplaced = 0
            # One partition after the other: so a block's records are neighbours, and compress.
            for partition, end in sorted(bounds.ends.items()):
                async for batch in topic.read({partition: end}):
                    for it in batch:
                        record = StoredRecord(it.timestamp, it.key, it.value, tuple(it.headers))
                        writer.add(partition, record)
                        if it.key and not lies_right(it.key, partition, head.partitions):
                            misplaced += 1
                    read += len(batch)
                    progress(read, total)
            writer.finish()
    seconds = time.monotonic() - began
    click.echo(
        f"{path}: {writer.records:,} records of {topic.name!r} ({len(topic.partitions)} "
        f"partitions, epoch {settings.epoch}), {writer.size:,} bytes, in {seconds:.1f} s"
    )
    click.echo(f"digest {writer.digest}")
    _tell(settings, topic, head, misplaced)
    return not lost


def _head(settings: CommonSettings, topic: RawTopic, lost: dict[int, int]) -> Head:
    return Head(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        topic=topic.name,
        # Where partitions were added, older records were placed by the number in the settings.
        partitions=sorted({len(topic.partitions), settings.partitions}),
        epoch=settings.epoch,
        catalogue=catalogue_text(settings.catalogue),
        seed=None if settings.seed == DEFAULT_SEED else seed_bytes(settings),
        begins=lost,
    )


def seed_bytes(settings: CommonSettings) -> bytes:
    """Return the seed as it stood in the environment, which may be no UTF-8."""
    return os.fsencode(settings.seed)


def _tell(settings: CommonSettings, topic: RawTopic, head: Head, misplaced: int) -> None:
    """Say what is not as one would expect."""
    notes = stderr()
    if head.seed is None:
        notes.print(
            "The games' seed is not in it, as MEDALLERO_SEED is not set here.", soft_wrap=True
        )
    if len(topic.partitions) != settings.partitions:
        notes.print(
            f"The topic has {len(topic.partitions)} partitions, the settings say "
            f"{settings.partitions}: records that lie right by either count as results.",
            style="yellow",
            soft_wrap=True,
        )
    if misplaced:
        notes.print(
            f"Records that do not lie in the partition of their key: {misplaced:,}. They are no "
            "results, and a restore makes none of them. If partitions were added to the topic, "
            "set MEDALLERO_PARTITIONS to the number of before, and back up again.",
            style="yellow",
            soft_wrap=True,
        )
    for partition, begin in head.begins.items():
        notes.print(
            f"Partition {partition} begins at offset {begin:,}: older records are gone, and are "
            "not in the file. See `medallero doctor`.",
            style="red",
            soft_wrap=True,
        )


@contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that is at *path* when it is whole, and nowhere if it never is."""
    if path.exists():
        raise CannotDo(f"{path} is there already.", "A back-up overwrites no file: name another.")
    # Only the owner may read it.
    number, name = tempfile.mkstemp(_UNFINISHED, f".{path.name}.", path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
        _name(Path(name), path)
    finally:
        Path(name).unlink(missing_ok=True)


def _name(file: Path, path: Path) -> None:
    """Give the file that name too, if no other has it."""
    try:
        path.hardlink_to(file)
    except FileExistsError:
        raise CannotDo(
            f"{path} was made meanwhile.", "A back-up overwrites no file: name another."
        ) from None
    except OSError:  # not every file system can give a file two names
        file.rename(path)


def back_ups(directory: Path, topic: str) -> list[Path]:
    """Return the back-ups of a topic that were named by their time, the oldest first."""
    name = re.compile(rf"{re.escape(topic)}-\d{{8}}T\d{{6}}Z{re.escape(SUFFIX)}")
    return sorted(it for it in directory.iterdir() if name.fullmatch(it.name))


def _remove_older(directory: Path, topic: str, keep: int) -> None:
    for path in back_ups(directory, topic)[:-keep]:
        path.unlink()
        click.echo(f"{path}: removed, {keep} newer ones are kept")
    # Of runs that were killed.
    for path in directory.glob(f".{topic}-*{_UNFINISHED}"):
        if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
            path.unlink()
