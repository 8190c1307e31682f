"""A folder that is followed: each of its files is sent once, and what changes in it as corrections.

A file is read when it has stayed the same between two looks. What was sent is kept in a file, so
that a restart sends nothing as new: by competitor and unit, the last result. A result that changed
gets the next version; one that is no longer in its file is withdrawn.

What is about to be sent is kept before it is. Where it is not known whether it arrived, as after a
kill, it is sent again as it was; and if it has changed meanwhile, with a version above it: two
contents of one version would leave it to chance which of them counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from medallero.files.inputs import InputError, Record, Unreadable, minted_id
from medallero.files.rejected import SUFFIX
from medallero.stop_flag import StopFlag
from olympics.catalogue import Catalogue
from olympics.result import Result, ResultError, encode, parse_result

#: Where what was sent is kept, in the folder itself.
STATE: Final = ".medallero-sent.json"
#: Seconds between two looks at the folder: a file is sent after two of them at most.
LOOK_EVERY: Final = 0.4
#: Looks to leave a file alone that could not be delivered.
_PAUSE: Final = 12
# Of programs that are still writing, and of our own.
_PASSED_OVER: Final = (".tmp", ".temp", ".part", ".crdownload", "~", SUFFIX)


class _Sent(msgspec.Struct):
    """A result that was sent: from which file, and its canonical JSON."""

    file: str
    result: msgspec.Raw


class _Stored(msgspec.Struct):
    """What the state's file holds."""

    files: dict[str, str] = {}
    results: dict[str, _Sent] = {}
    # What may have arrived, and has no answer yet.
    trying: dict[str, _Sent] = {}


class StateError(Exception):
    """What was sent cannot be read or kept."""


class SentState:
    """What was sent from a folder: digests of files, and the last version of each result."""

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        self._path = path
        self._catalogue = catalogue
        self._stored = _Stored()
        try:
            self._stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
        except FileNotFoundError:
            self.save()
        except (OSError, msgspec.MsgspecError) as error:
            raise StateError(f"{path}: {error}") from None

    @property
    def paths(self) -> tuple[Path, Path]:
        """The file in which it is kept, and the one that takes its place."""
        return self._path, self._path.with_name(f"{self._path.name}.new")

    def save(self) -> None:
        """Keep it, whole or not at all. Raises StateError."""
        _, new = self.paths
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.encode(self._stored))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise StateError(f"{new}: {error}") from None

    def has(self, file: str, digest: str) -> bool:
        """Whether this content of a file was sent."""
        return self._stored.files.get(file) == digest

    def plan(self, file: str, records: Iterable[Record | Unreadable]) -> Plan:
        """Return what is to be sent of a file, given what was."""
        plan = Plan()
        seen: set[str] = set()
        source = file
        for it in records:
            result = self._result(it)
            if isinstance(it, Unreadable) or result is None:
                # An entry or a report; or the gateway, or we, say what is wrong with it.
                plan.records.append(it)
                plan.entries_or_reports += isinstance(it, Record) and it.kind != "results"
                continue
            source = it.source
            key = _key(result)
            seen.add(key)
            last = self._last(key)
            told = b'"version"' in it.body
            if last is None or (told and result.version > last.version):
                plan.new += 1
                plan.add(it, key, result)
            elif told and result.version < last.version:
                plan.older += 1
            elif msgspec.structs.replace(result, version=last.version) != last:
                plan.corrections += 1
                plan.add(it, key, msgspec.structs.replace(result, version=last.version + 1))
            elif key not in self._stored.trying:
                plan.unchanged.append(key)
            else:
                if key in self._stored.results:
                    plan.corrections += 1
                else:
                    plan.new += 1
                plan.add(it, key, last)
        # Of a file without any result nothing is known.
        for key in self._of_file(file) if seen else ():
            last = self._last(key)
            if last is None or key in seen:
                continue
            if last.status != "withdrawn":
                last = msgspec.structs.replace(last, version=last.version + 1, status="withdrawn")
            elif key not in self._stored.trying:
                continue
            plan.withdrawn += 1
            place = -1 - plan.withdrawn
            record = Record("results", b"", last.unit.casefold(), source, place, 0, 0, False)
            plan.add(record, key, last)
        # Of several versions in a file the highest is the last one.
        plan.results.sort(key=lambda it: it[2].version)
        return plan

    def begin(self, file: str, plan: Plan) -> None:
        """Take up that a plan is going to be carried out. Raises StateError."""
        for _, key, result in plan.results:
            self._stored.trying[key] = _Sent(file, msgspec.Raw(encode(result)))
        if plan.results:
            self.save()

    def note(self, file: str, digest: str, plan: Plan, rejected: set[int]) -> None:
        """Take up that a plan was carried out, but for the records at the places *rejected*."""
        self._stored.files[file] = digest
        for key in plan.unchanged:
            self._stored.results[key].file = file
        for place, key, result in plan.results:
            self._stored.trying.pop(key, None)
            if place not in rejected:
                self._stored.results[key] = _Sent(file, msgspec.Raw(encode(result)))
        self.save()

    def _result(self, record: Record | Unreadable) -> Result | None:
        if isinstance(record, Unreadable) or record.kind != "results":
            return None
        try:
            return parse_result(msgspec.json.decode(record.body), self._catalogue)
        except (ResultError, msgspec.MsgspecError):
            return None

    def _of_file(self, file: str) -> list[str]:
        """Return the keys of the results that a file has brought, or may have."""
        brought = {**self._stored.trying, **self._stored.results}
        return [key for key, sent in brought.items() if sent.file == file]

    def _last(self, key: str) -> Result | None:
        """Return the last version that was accepted, or may have been."""
        sent = self._stored.trying.get(key) or self._stored.results.get(key)
        if sent is None:
            return None
        try:
            return parse_result(msgspec.json.decode(sent.result), self._catalogue)
        except ResultError:  # another catalogue
            return None


@dataclass
class Plan:
    """What is to be sent of a file; ``results``: of each its place, identity and content."""

    records: list[Record | Unreadable] = field(default_factory=list)
    results: list[tuple[int, str, Result]] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    new: int = 0
    corrections: int = 0
    withdrawn: int = 0
    older: int = 0
    entries_or_reports: int = 0

    def add(self, record: Record, key: str, result: Result) -> None:
        """Add a result that is to be sent in the place of a record."""
        self.records.append(record._replace(body=encode(result)))
        self.results.append((record.place, key, result))


def with_ids_by_content(
    records: Iterable[Record | Unreadable], run: str
) -> Iterator[Record | Unreadable]:
    """Give entries and reports without an id one of their content, in the place of their line's.

    Of a file that changes, or is replaced by another of the same name, a line would have the id of
    what stood there before, and count no more.
    """
    times: Counter[str] = Counter()
    for it in records:
        if isinstance(it, Record) and it.minted:
            value = msgspec.json.decode(it.body)
            del value["id"]
            content = f"{it.source}:{msgspec.json.encode(value, order='sorted').decode()}"
            value["id"] = minted_id(run, content, times[content])
            times[content] += 1
            yield it._replace(body=msgspec.json.encode(value))
        else:
            yield it


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(result: Result) -> str:
    return f"{result.sport}\n{result.unit}\n{result.competitor.id}"


@dataclass
class Totals:
    """What was done with a file, or with all of them."""

    files: int = 0
    new: int = 0
    corrections: int = 0
    withdrawn: int = 0
    unchanged: int = 0
    older: int = 0
    entries_or_reports: int = 0
    rejected: int = 0
    not_sent: int = 0

    def add(self, other: Totals) -> None:
        """Add what was done with one more file."""
        for it in fields(self):
            setattr(self, it.name, getattr(self, it.name) + getattr(other, it.name))

    def as_words(self) -> str:
        """Return what was done, for people."""
        said = [
            f"{count:,} {name.replace('_', ' ')}"
            for name, count in asdict(self).items()
            if count and name != "files"
        ]
        return ", ".join(said) or "nothing new"


class Delivered(NamedTuple):
    """What came of a delivery: whether each record has its answer, and the places rejected."""

    complete: bool
    rejected: set[int]


#: Reads a file; None: it is doubtful and not to be sent. Raises InputError.
Read = Callable[[Path], list[Record | Unreadable] | None]
Deliver = Callable[[Sequence[Record | Unreadable]], Delivered]
#: Called with a file's name, what was done with it, and what is wrong with it ("" for nothing).
Say = Callable[[str, Totals, str], None]


class Follower:
    """Follows a folder: `run` until the flag is set, or one `look` after the other.

    *own* are files that are no results if they lie in the folder: of a rejected record another
    would come, again and again.
    """

    def __init__(
        self,
        directory: Path,
        state: SentState,
        read: Read,
        deliver: Deliver,
        say: Say,
        own: Iterable[Path] = (),
    ) -> None:
        self._directory = directory
        within = directory.resolve()
        self._own = {it.name for it in (*state.paths, *own) if it.parent.resolve() == within}
        self._state = state
        self._read = read
        self._deliver = deliver
        self._say = say
        self._seen: dict[Path, tuple[int, int]] = {}
        self._done: dict[Path, tuple[int, int]] = {}
        self._pause: dict[Path, int] = {}
        # What the system says of a file that it does not give, which is told once.
        self._unreadable: dict[Path, str] = {}
        self.totals = Totals()

    def run(self, stop: StopFlag) -> Totals:
        """Look at the folder again and again; return what was done in all."""
        while not stop.is_set():
            self.look(stop)
            stop.wait(LOOK_EVERY)
        return self.totals

    def look(self, stop: StopFlag | None = None) -> None:
        """Send what is ready. Raises StateError; OSError if the folder cannot be read."""
        now = dict(self._files())
        ready = [
            path
            for path, stat in now.items()
            if self._seen.get(path) == stat and self._done.get(path) != stat
        ]
        self._seen = now
        for path in sorted(ready, key=lambda it: (now[it][1], it.name)):
            if stop is not None and stop.is_set():
                return
            left = self._pause.pop(path, 0)
            if left > 1:
                self._pause[path] = left - 1
            elif self._send(path):
                self._done[path] = now[path]
            else:
                self._pause[path] = _PAUSE

    def _files(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        for entry in os.scandir(self._directory):
            if entry.name.startswith((".", "~")) or entry.name.lower().endswith(_PASSED_OVER):
                continue
            if entry.name in self._own:
                continue
            with contextlib.suppress(OSError):  # it may be gone by now
                stat = entry.stat()
                if entry.is_file() and stat.st_size:
                    yield Path(entry.path), (stat.st_size, stat.st_mtime_ns)

    def _send(self, path: Path) -> bool:
        """Send a file; return whether it is done with, until it changes."""
        name, records, problem = path.name, None, "doubtful, and --strict"
        try:
            digest = _digest(path)
            if self._state.has(name, digest):
                return True
            try:
                records = self._read(path)
            except InputError as error:
                problem = error.problem
            if _digest(path) != digest:
                return False  # it was written to meanwhile: what is missing is no withdrawal
        except FileNotFoundError:
            return True
        except OSError as error:
            problem = error.strerror or str(error)
            if self._unreadable.get(path) != problem:
                self._unreadable[path] = problem
                self._tell(name, Totals(not_sent=1), problem)
            return False
        self._unreadable.pop(path, None)
        if records is None:
            return self._tell(name, Totals(not_sent=1), problem)
        plan = self._state.plan(name, records)
        self._state.begin(name, plan)
        delivered = self._deliver(plan.records)
        if not delivered.complete:
            self._tell(name, Totals(), "not all was delivered; it is tried again")
            return False
        self._state.note(name, digest, plan, delivered.rejected)
        totals = Totals(
            files=1,
            new=plan.new,
            corrections=plan.corrections,
            withdrawn=plan.withdrawn,
            unchanged=len(plan.unchanged),
            older=plan.older,
            entries_or_reports=plan.entries_or_reports,
            rejected=len(delivered.rejected),
        )
        return self._tell(name, totals, "")

    def _tell(self, name: str, totals: Totals, problem: str) -> bool:
        self.totals.add(totals)
        self._say(name, totals, problem)
        return True
