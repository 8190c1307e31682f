"""The files into which `medallero send` writes what was rejected, with the reasons."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from typing import IO, Final

import msgspec

from medallero.files import Record, Unreadable

SUFFIX: Final = ".rejected.ndjson"


class RejectedFiles:
    """Writes each rejected record once, a JSON object a line, next to the file it came from.

    Files are made when there is something to write. A line can be corrected and sent again as
    it is: `send` takes the ``record`` out of it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._open: dict[Path, IO[bytes]] = {}
        self._seen: set[tuple[str, int]] = set()
        self.reasons: Counter[str] = Counter()
        self.problem: str | None = None

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
        path = self.path_for(source)
        if path not in self._open:
            self._open[path] = path.open("wb")
        return self._open[path]
