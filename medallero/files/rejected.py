"""The files into which `medallero send` writes what was rejected, with the reasons."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from pathlib import Path
from typing import IO, Final

import msgspec

from medallero.files.inputs import Record, Unreadable

SUFFIX: Final = ".rejected.ndjson"


class RejectedFiles:
    """Writes each rejected record once, a JSON object a line, next to the file it came from.

    Files are made when there is something to write; in the current directory, or else in that for
    temporary files, where the file's own cannot be written to. A line can be corrected and sent
    again as it is: `send` takes the ``record`` out of it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._elsewhere: dict[Path, Path] = {}
        self._open: dict[Path, IO[bytes]] = {}
        self._seen: set[tuple[str, int]] = set()
        self.reasons: Counter[str] = Counter()
        self.problem: str | None = None

    @property
    def moved(self) -> list[Path]:
        """Directories that could not be written to, so that a file is elsewhere."""
        return sorted({path.parent for path in self._elsewhere})

    @property
    def seen(self) -> set[tuple[str, int]]:
        """Sources and places of the records that were rejected."""
        return self._seen

    @property
    def paths(self) -> list[Path]:
        """The files written so far."""
        return list(self._open)

    def path_for(self, source: str) -> Path:
        """Return where the rejected records of *source* go."""
        if self._path is not None:
            return self._path
        return Path(f"stdin{SUFFIX}" if source == "standard input" else f"{source}{SUFFIX}")

    def add(self, record: Record | Unreadable, field: str, error: str) -> None:
        """Write one; a disk that cannot take it is told in ``problem``, once."""
        self.reasons[f"{field}: {error}" if field else error] += 1
        identity = (record.source, record.place)
        if identity in self._seen:
            return
        self._seen.add(identity)
        line = {
            "source": record.source,
            "line": record.line,
            "index": record.place,
            "field": field,
            "error": error,
        }
        if isinstance(record, Unreadable):
            line["text"] = record.text
            data = msgspec.json.encode(line)
        else:
            data = msgspec.json.encode({**line, "record": msgspec.Raw(record.body)})
        try:
            self._file(record.source).write(data + b"\n")
        except OSError as failure:
            self.problem = self.problem or str(failure)

    def close(self) -> None:
        """Close all files; what could not be written is told in ``problem``."""
        for file in self._open.values():
            try:
                file.close()
            except OSError as failure:
                self.problem = self.problem or str(failure)

    def stale(self, sources: list[str]) -> list[Path]:
        """Return the files that an earlier run left and this one did not write."""
        found = {self.path_for(source) for source in sources} - self._open.keys()
        with contextlib.suppress(OSError):
            return sorted(path for path in found if path.is_file())
        return []

    def _file(self, source: str) -> IO[bytes]:
        wanted = self.path_for(source)
        path = self._elsewhere.get(wanted, wanted)
        if path not in self._open:
            try:
                self._open[path] = path.open("wb")
            except OSError:
                if self._path is not None:  # it was named: nowhere else is meant
                    raise
                path = self._open_elsewhere(wanted)
        return self._open[path]

    def _open_elsewhere(self, wanted: Path) -> Path:
        """Open a file of the same name where it is possible. Raises OSError of the last try."""
        for directory in (Path.cwd(), Path(tempfile.gettempdir())):
            path = directory / wanted.name
            if path in self._open:
                break
            try:
                self._open[path] = path.open("wb")
                break
            except OSError:
                if directory != Path.cwd():
                    raise
        self._elsewhere[wanted] = path
        return path
