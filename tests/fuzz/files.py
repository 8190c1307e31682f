"""`python -m tests.fuzz.files --inputs 100000`: broken files for every reader of `send`."""

from __future__ import annotations

import contextlib
import io
import random
import resource
import secrets
import signal
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from typing import Final

import click

from olympics.catalogue import Catalogue, load_catalogue
from olympics.importers import (
    Choices,
    CsvTable,
    Imported,
    NamedTable,
    Names,
    RecordTable,
    TableError,
    find_format,
    import_rows,
)
from olympics.result import ResultError, parse_result
from tests.support.meet_files import (
    LYNX,
    Cell,
    archive,
    hytek,
    lenex,
    odf,
    ods,
    packed,
    sdif,
    xlsx,
)

_SHEET: Final[dict[str, list[list[Cell]]]] = {
    "Natación": [
        ["Deporte", "Prueba", "Fase", "Carné", "Atleta", "Facultad", "Tiempo", "Puesto"],
        ["Natación", "100 m", "Final", "011", "Inés Núñez", "ENG", ("time", 0.0007), 1.0],
        ["Natación", "100 m", "Final", 12.0, "Eva Soto", "AGR", 61.5, "2"],
    ]
}
_CSV: Final = "\n".join(
    ";".join(str(it[1] if isinstance(it, tuple) else it) for it in row)
    for row in _SHEET["Natación"]
)
#: A good file of each format.
SEEDS: Final[dict[str, bytes]] = {
    "csv": _CSV.encode(),
    "xlsx": xlsx(_SHEET),
    "ods": ods(_SHEET),
    "lef": lenex(),
    "lxf": packed(lenex()),
    "hy3": hytek(),
    "cl2": sdif(),
    "lif": LYNX.encode(),
    "odf": odf(),
}
_PIECES: Final = (
    *(
        b"",
        b"\0",
        b"\xff",
        b'"',
        b",",
        b";",
        b"\t",
        b"\r\n",
        b"<",
        b">",
        b"&",
        b"&#0;",
        b"-1",
        b"0",
    ),
    *(
        b"99999999999999999999",
        b"1e400",
        b"NaN",
        b"<a>",
        b"</a>",
        b"]]>",
        b"<!--",
        b"DSQ",
        b"Final",
    ),
    *(b'<!DOCTYPE a [<!ENTITY b "c">]>', b"&b;", "ñ".encode(), b"\xc3", b'r="XFD1048576"', b"s:"),
    *(b'number-columns-repeated="999999999"', b'number-rows-repeated="999999999"', b"E1F", b"F2F"),
)
#: Seconds of computing after which an input counts as hanging: thousands of times what one takes.
_PATIENCE: Final = 30
#: Inputs after which caches are full, and what memory may grow by from then on.
_WARM: Final = 5_000
_GROWTH: Final = 64 << 20


class Hangs(Exception):
    """An input took too long."""


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Return a file with some damage; of an archive, in what is packed or in the archive itself."""
    if data.startswith(b"PK") and chance.random() < 0.8:
        files = {it.filename: b"" for it in zipfile.ZipFile(io.BytesIO(data)).infolist()}
        with zipfile.ZipFile(io.BytesIO(data)) as whole:
            files = {name: whole.read(name) for name in files}
        name = chance.choice([it for it in files if it != "mimetype"])
        files[name] = _damaged(chance, files[name])
        return archive(files)
    return _damaged(chance, data)


def _damaged(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.choice((0, 1, 1, 3, 10, 100)))
        kind = chance.randrange(6)
        if kind == 0:
            data = data[:at] + chance.choice(_PIECES) + data[to:]
        elif kind == 1:
            data = data[:at] + data[at:to] * chance.choice((2, 3, 50)) + data[to:]
        elif kind == 2:
            data = data[:at] + chance.randbytes(to - at) + data[to:]
        elif kind == 3:
            data = data[:at] + data[to:]
        elif kind == 4 and chance.random() < 0.3:
            data = data[:at]
        else:
            lines = data.splitlines(keepends=True)
            if lines:
                lines.insert(chance.randrange(len(lines)), chance.choice(lines))
                data = b"".join(lines)
    return data


def read(data: bytes, catalogue: Catalogue) -> str:
    """Read a file as `send` does; return what came of it: "read", "refused" or "foreign"."""
    found = find_format(data)
    if found is not None and found.read is None:
        return "foreign"
    try:
        if found is None:
            text = data.decode("utf-8", "replace")
            table: CsvTable | RecordTable = CsvTable(lambda: io.StringIO(text, newline=""))
        else:
            assert found.read is not None
            table = found.read(data, Choices())
        named = NamedTable(table, Names(), sport="swimming")
        for it in import_rows(named, tell=lambda remark: None):
            if isinstance(it, Imported):
                with contextlib.suppress(ResultError):
                    parse_result(it.result, catalogue)
    except TableError:
        return "refused"
    return "read"


def campaign(
    inputs: int, seed: int, progress: Callable[[int], None] = lambda _: None
) -> Counter[tuple[str, str]]:
    """Read so many damaged files; return what came of them by format.

    Raises whatever a reader raises that it should not, with a note that gives the input.
    """
    chance = random.Random(seed)
    catalogue = load_catalogue()
    tally: Counter[tuple[str, str]] = Counter()
    warm = 0

    def hangs(*_: object) -> None:
        raise Hangs(f"longer than {_PATIENCE} seconds")

    before = signal.signal(signal.SIGVTALRM, hangs)
    try:
        for number in range(inputs):
            name = chance.choice(tuple(SEEDS))
            data = mutated(chance, SEEDS[name])
            signal.setitimer(signal.ITIMER_VIRTUAL, _PATIENCE)
            try:
                tally[name, read(data, catalogue)] += 1
            except Exception as error:
                error.add_note(f"seed {seed}, input {number}, of {name}: {data!r}")
                raise
            if number == min(_WARM, inputs // 2):
                warm = _memory()
            progress(1)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    grown = _memory() - warm
    if grown > _GROWTH:
        raise MemoryError(f"seed {seed}: memory grew by {grown:,} bytes")
    return tally


def _memory() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@click.command()
@click.option("--inputs", default=100_000, show_default=True, help="How many files to read.")
@click.option("--seed", type=int, help="The source of chance; without it a new one, which is told.")
def main(inputs: int, seed: int | None) -> None:
    """Damage good files of every format and read them: no reader may crash, hang or grow."""
    chosen = secrets.randbits(32) if seed is None else seed
    click.echo(f"seed {chosen}")
    with click.progressbar(length=inputs, file=sys.stderr) as bar:
        tally = campaign(inputs, chosen, bar.update)
    for name in SEEDS:
        counts = ", ".join(
            f"{what} {tally[name, what]:,}" for what in ("read", "refused", "foreign")
        )
        click.echo(f"{name}: {counts}")


if __name__ == "__main__":
    main()
