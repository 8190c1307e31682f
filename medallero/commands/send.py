"""`medallero send`: records from files to the gateway, each exactly as far as it says."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, Literal

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from medallero.client.answers import MOST_REJECTED
from medallero.client.connect import EndpointError, GatewayAddress, connect
from medallero.client.delivery import Delivery, Plan, Report
from medallero.client.options import gateway_options
from medallero.client.pump import in_pieces
from medallero.files.following import (
    STATE,
    Delivered,
    Follower,
    SentState,
    StateError,
    Totals,
    with_ids_by_content,
)
from medallero.files.inputs import (
    STDIN,
    Input,
    InputError,
    Kind,
    Reading,
    Record,
    TextOptions,
    Unreadable,
    open_input,
)
from medallero.files.inspection import Inspection, inspect
from medallero.files.options import sport_option
from medallero.files.rejected import RejectedFiles
from medallero.formatting import plain
from medallero.stop_flag import StopFlag
from medallero.terminal import (
    CANNOT,
    INTERRUPTED,
    CannotDo,
    echo_json,
    echo_json_text,
    quiet_libraries,
    read_catalogue,
    read_settings,
    stderr,
    stdout,
)
from olympics.catalogue import Catalogue
from olympics.importers import Names, NamesError, read_names
from olympics.importers.names import EXAMPLE, why_no_field

SOME_REJECTED: Final = 1
NOT_SENT: Final = 3

_NOTE_EVERY: Final = 5.0


@click.command(name="send")
@click.argument("files", nargs=-1, metavar="FILE...")
@gateway_options
@click.option(
    "--kind",
    type=click.Choice(["auto", "results", "entries", "reports"]),
    default="auto",
    show_default=True,
    help="What the records are; auto sees it by their fields.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, MOST_REJECTED),
    default=500,
    show_default=True,
    help="Most records in a request.",
)
@click.option(
    "--connections",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="Requests in flight at once. Records of one unit keep their order.",
)
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), help="Records a second; default: all it can."
)
@click.option("--shuffle", is_flag=True, help="Send in random order (reads everything first).")
@click.option("--seed", type=int, help="The same seed shuffles the same way; needs --shuffle.")
@click.option(
    "--duplicate",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Send everything so many times over; the standings must not change.",
)
@click.option("--ignore-rank", is_flag=True, help="Leave out officials' ranks.")
@click.option(
    "--strict",
    is_flag=True,
    help="Send nothing if anything is doubtful: what is else only told is an error.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Read and check, print the records as NDJSON, and send nothing.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="HEADING=FIELD",
    help="What a column of a table is; HEADING=- leaves it out. May be given several times.",
)
@click.option(
    "--map",
    "map_path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file in TOML that says what foreign columns, stages, faculties and sports mean.",
)
@click.option(
    "--sheet",
    metavar="NAME",
    default="",
    help="The sheet of a workbook, by name or number; default: the first with headings of results.",
)
@sport_option
@click.option(
    "--encoding",
    metavar="NAME",
    help="The files' encoding, such as cp1252 or utf-16; default: found from their bytes.",
)
@click.option(
    "--rejected",
    "rejected_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where rejected records go. [default: FILE.rejected.ndjson]",
)
@click.option(
    "--give-up-after",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a batch is tried again while the gateway is away or busy.",
)
@click.option(
    "--run-id",
    metavar="TEXT",
    help="Seed of the ids given to entries that have none: the same run id, file and order "
    "give the same ids, so that an interrupted run can be sent again safely.",
)
@click.option(
    "--follow",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Send each file of a folder once, and its changes as corrections, until interrupted.",
)
@click.option(
    "--state",
    "state_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"Where --follow keeps what was sent. [default: DIR/{STATE}]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as a JSON object.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, and a summary only if not all in.")
def command(
    files: tuple[str, ...],
    gateway: GatewayAddress,
    kind: Literal["auto", "results", "entries", "reports"],
    batch: int,
    connections: int,
    rate: float | None,
    shuffle: bool,
    seed: int | None,
    duplicate: int,
    ignore_rank: bool,
    strict: bool,
    dry_run: bool,
    columns: tuple[str, ...],
    map_path: Path | None,
    sheet: str,
    sport: str,
    encoding: str | None,
    rejected_path: Path | None,
    give_up_after: float,
    run_id: str | None,
    follow: Path | None,
    state_path: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Send results, entries or weather reports from files; - is standard input.

    The format is recognised by content: a table (CSV, Excel .xlsx, OpenDocument .ods), a file of a
    meet program (Lenex .lef and .lxf, Hy-Tek .hy3, SDIF .cl2, FinishLynx .lif, the Olympic Data
    Feed's DT_RESULT), NDJSON (an object a line) or a JSON array. A JSON record with a student or
    name and a discipline, and no unit, is an entry; one with weather and a country or municipality
    is a weather report; anything else a result.

    \b
    A table has a row for each competitor in each unit, and headings in its first line:
      sport          sport, discipline_name, deporte …
      unit           unit, stage_code; or event, prueba, with the phase
      phase          phase, stage, fase …: Final, Semifinal 2, Heat 3, Por el bronce …
      competitor     competitor_id, participant_code, carné …; name, atleta, nombre …
      faculty        faculty, participant_country_code, facultad …
      mark           mark, result, time, distance, points, marca, tiempo, puntos …
      rank           rank, place, puesto …        outcome   outcome, result_WLT
      medal          medal, medalla               irm       irm, result_IRM: DNS, DSQ …
    Separators, decimal commas, encodings and capitals are recognised. `--column Heading=field`
    says what a heading of your own means. All of them: docs/guide/importing.md.

    \b
    --map FILE says more, in TOML:
      [columns]                 "Nombre y facultad" = "name"     (a field, or - to leave it out)
      [stages]                  "Ronda de oro" = "final"         (or an event's name)
      [faculties]               "FIUSAC" = "engineering"
      [sports]                  "Nado" = "swimming"

    \b
    Examples:
      medallero send results.ndjson
      medallero send results.csv --dry-run
      medallero send results.csv --strict --column Nombre=name --column Viento=-
      medallero send resultados.xlsx --sheet Natación --map nombres.toml
      medallero send meet.lxf
      medallero send race.lif --sport athletics
      medallero send Swimming.csv --ignore-rank
      medallero send lunes.csv --sport natación
      medallero send entries.json --endpoint grpc://127.0.0.1:50051
      echo '{"sport": "swimming", "unit": "100m final", "phase": "final",
             "competitor": {"id": "7", "name": "Ana"}, "faculty": "engineering",
             "mark": "58.40"}' | medallero send -

    Before anything is sent, what is doubtful is told, with file, line and remedy: columns, stages
    and marks that cannot be read, two spellings of one event, heats that are all finals, members of
    a team as rows, and more. This needs the gateway's catalogue (MEDALLERO_CATALOGUE). JSON on
    standard input is sent as it comes, and checked with --strict or --dry-run alone.

    A busy or absent gateway is waited for, and what it did not acknowledge is sent again; results,
    and entries and reports with an id, count once however often they are sent; entries and reports
    without one get one here, before the first attempt.

    --follow DIR sends a folder's files when they have stopped growing, in a second or so: of a file
    that changes, what is new, what changed as a higher version, and what is gone as withdrawn. What
    was sent is kept in the folder, so that a restart sends nothing twice. Ctrl-C ends it.

    Rejected records are written to FILE.rejected.ndjson with their reasons (in the current
    directory, where FILE's cannot be written to); correct them there and send that file.

    \b
    Exit code: 0 all in, 1 some rejected, 2 not all delivered, 3 doubtful and --strict, so nothing
    was sent, 130 interrupted.
    """
    if bool(files) == (follow is not None):
        raise click.UsageError("Name the files to send, or a folder with --follow.")
    if follow is not None and (dry_run or shuffle or duplicate > 1):
        raise click.UsageError("--follow goes without --dry-run, --shuffle and --duplicate.")
    if follow is None and state_path is not None:
        raise click.UsageError("--state needs --follow.")
    if seed is not None and not shuffle:
        raise click.UsageError("--seed needs --shuffle.")
    if files.count(STDIN) > 1:
        raise click.UsageError("Standard input (-) can be read only once.")
    _refuse_overwriting(rejected_path, files)
    quiet_libraries()
    reading = Reading(kind=_chosen(kind), ignore_rank=ignore_rank, run=run_id or uuid.uuid4().hex)
    again = strict or dry_run or (duplicate > 1 and not shuffle)
    catalogue = _catalogue(needed=strict or dry_run or follow is not None)
    text = TextOptions(encoding, sheet, _names(map_path, columns), sport, catalogue)
    if follow is not None:
        assert catalogue is not None
        run = run_id or f"folder {follow.resolve()}"
        folder = _Folder(
            replace(reading, run=run),
            text,
            strict,
            gateway,
            Plan(batch=batch, connections=connections, rate=rate, give_up_after=give_up_after),
            rejected_path,
            map_path,
            as_json,
            quiet,
        )
        raise SystemExit(folder.follow(follow, state_path or follow / STATE, catalogue))
    try:
        inputs = [open_input(path, again=again, text=text) for path in files]
        inspection = inspect(inputs, reading, catalogue, whole=strict or dry_run)
    except InputError as error:
        raise CannotDo(str(error)) from None
    inspection.show(stderr(), only_grave=quiet)
    exit_code = None
    if dry_run:
        exit_code = _show_dry_run(inputs, reading, inspection, strict, as_json, quiet)
    elif strict and inspection.grave:
        exit_code = _refuse(inspection, as_json)
    if exit_code is not None:
        for it in inputs:
            it.close()
        raise SystemExit(exit_code)
    plan = Plan(batch=batch, connections=connections, rate=rate, give_up_after=give_up_after)
    rejected = RejectedFiles(rejected_path)
    source = _Source(inputs, reading, duplicate, random.Random(seed) if shuffle else None)
    began = time.monotonic()
    try:
        report, problem = asyncio.run(
            _deliver(source, gateway, plan, rejected, _progress(source, quiet))
        )
    except EndpointError as error:
        raise CannotDo(str(error)) from None
    finally:
        rejected.close()
    if not report.stopped:  # else a thread may still hang in a read
        for it in inputs:
            it.close()
    outcome = _Outcome(report, rejected, reading.run, time.monotonic() - began, problem, inspection)
    if as_json:
        echo_json(outcome.as_json())
    else:
        outcome.show(stdout(), stderr(), quiet, [it.source for it in inputs])
    raise SystemExit(outcome.exit_code)


def _chosen(kind: Literal["auto", "results", "entries", "reports"]) -> Kind | None:
    return None if kind == "auto" else kind


def _catalogue(*, needed: bool) -> Catalogue | None:
    """Return the catalogue to check with; where it is not needed, None if there is none."""
    try:
        return read_catalogue(read_settings())
    except CannotDo as error:
        if needed:
            raise
        stderr().print(
            Text(f"Not checked before it is sent: {error.message}", style="yellow"), soft_wrap=True
        )
        return None


def _names(path: Path | None, columns: Sequence[str]) -> Names:
    """Return what foreign names mean: by a mapping file, and by --column, which overrides it."""
    names = Names()
    if path is not None:
        try:
            names = read_names(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise CannotDo(f"{path}: cannot be read: {error}") from None
        except NamesError as error:
            raise CannotDo(f"{path}: {error}", f"Such a file is, for example:\n{EXAMPLE}") from None
    chosen = dict(names.columns)
    for it in columns:
        heading, equals, name = it.rpartition("=")
        if not equals or not heading:
            raise click.BadParameter(f"expected HEADING=FIELD, got {it!r}", param_hint="--column")
        if problem := why_no_field(name):
            raise click.BadParameter(problem, param_hint="--column")
        chosen[heading] = name
    return names._replace(columns=chosen)


def _findings(inspection: Inspection) -> dict[str, Any]:
    return {"findings": [it.as_json() for it in inspection.notes if it.grave]}


def _many_findings(inspection: Inspection) -> str:
    return "1 finding" if inspection.grave == 1 else f"{inspection.grave:,} findings"


def _refuse(inspection: Inspection, as_json: bool) -> int:
    if as_json:
        echo_json(_findings(inspection))
    stderr().print(
        f"Nothing was sent: {_many_findings(inspection)}. Correct the files, or send without "
        "--strict.",
        style="red",
        soft_wrap=True,
    )
    return NOT_SENT


def _show_dry_run(
    inputs: Sequence[Input],
    reading: Reading,
    inspection: Inspection,
    strict: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Print what would be sent, and return the exit code."""
    counts = {kind: inspection.counts[kind] for kind in _ONE}
    if as_json:
        summary = {
            "would_send": counts,
            "would_be_rejected": inspection.rejected,
            "no_results": inspection.unreadable,
        }
        echo_json(summary | _findings(inspection))
    else:
        for source in inputs:
            for record in source.records(reading):
                if isinstance(record, Record):
                    echo_json_text(record.body.decode())
    if not quiet:
        notes = stderr()
        inspection.show_units(notes)
        told = ", ".join(
            f"{count:,} {kind if count > 1 else _ONE[kind]}"
            for kind, count in counts.items()
            if count
        )
        notes.print(
            f"Nothing was sent. Would be sent: {told or 'nothing'}; of these would be rejected: "
            f"{inspection.rejected:,}; rows without a result: {inspection.unreadable:,}; "
            f"{_many_findings(inspection)}.",
            soft_wrap=True,
        )
    if strict and inspection.grave:
        return NOT_SENT
    return SOME_REJECTED if inspection.unreadable or inspection.rejected else 0


_ONE: Final[Mapping[Kind, str]] = {"results": "result", "entries": "entry", "reports": "report"}


def _refuse_overwriting(rejected: Path | None, files: Sequence[str]) -> None:
    if rejected is None:
        return
    for path in files:
        if path != STDIN and rejected.resolve() == Path(path).resolve():
            raise click.UsageError(f"--rejected would overwrite {path}, which is to be sent.")


class _Source:
    """All records of all inputs, as often as wanted, in order or shuffled."""

    def __init__(
        self,
        inputs: Sequence[Input],
        reading: Reading,
        times: int,
        shuffler: random.Random | None,
    ) -> None:
        self._inputs = inputs
        self._reading = reading
        self._times = times
        self._shuffler = shuffler
        sizes = [it.size for it in inputs]
        self.size = None if None in sizes else sum(it or 0 for it in sizes) * times

    def records(self) -> Iterator[Record | Unreadable]:
        if self._shuffler is None:
            for _ in range(self._times):
                yield from self._once()
            return
        everything = list(self._once()) * self._times
        self._shuffler.shuffle(everything)
        yield from everything

    def _once(self) -> Iterator[Record | Unreadable]:
        return itertools.chain.from_iterable(it.records(self._reading) for it in self._inputs)


class _Folder:
    """Follows a folder: reads and sends each of its files as the options say."""

    def __init__(
        self,
        reading: Reading,
        text: TextOptions,
        strict: bool,
        gateway: GatewayAddress,
        plan: Plan,
        rejected_path: Path | None,
        map_path: Path | None,
        as_json: bool,
        quiet: bool,
    ) -> None:
        self._own = [it for it in (rejected_path, map_path) if it is not None]
        self._reading = reading
        self._text = text
        self._strict = strict
        self._gateway = gateway
        self._plan = plan
        self._rejected_path = rejected_path
        self._as_json = as_json
        self._quiet = quiet
        self._stop = StopFlag()

    def follow(self, directory: Path, state_path: Path, catalogue: Catalogue) -> int:
        """Follow the folder until a signal ends it; return the exit code."""
        self._catch_signals()
        if not self._quiet:
            text = f"Following {directory}; Ctrl-C ends it."
            stderr().print(Text(plain(text), style="dim"), soft_wrap=True)
        try:
            state = SentState(state_path, catalogue)
            follower = Follower(directory, state, self._read, self._send, self._say, own=self._own)
            totals = follower.run(self._stop)
        except StateError as error:
            remedy = "It must be readable and writable; --state FILE keeps it elsewhere."
            raise CannotDo(f"What was sent cannot be kept: {error}", remedy) from None
        except OSError as error:
            raise CannotDo(f"{directory}: cannot be read: {error.strerror or error}") from None
        except EndpointError as error:
            raise CannotDo(str(error)) from None
        self._say(f"in all, {totals.files:,} files", totals, "")
        return SOME_REJECTED if totals.rejected or totals.not_sent else 0

    def _catch_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._stop.set())

    def _read(self, path: Path) -> list[Record | Unreadable] | None:
        source = open_input(str(path), again=True, text=self._text)
        try:
            inspection = inspect([source], self._reading, self._text.catalogue, whole=True)
            inspection.show(stderr(), only_grave=self._quiet)
            if self._strict and inspection.grave:
                return None
            return list(with_ids_by_content(source.records(self._reading), self._reading.run))
        finally:
            source.close()

    def _send(self, records: Sequence[Record | Unreadable]) -> Delivered:
        if not records:
            return Delivered(True, set())
        rejected = RejectedFiles(self._rejected_path)
        try:
            held, progress = _Held(records), _progress(None, self._quiet)
            report, _ = asyncio.run(_deliver(held, self._gateway, self._plan, rejected, progress))
        finally:
            rejected.close()
            self._catch_signals()  # the delivery had its own
        if report.stopped:
            self._stop.set()
        if report.failure:
            stderr().print(Text(f"Not delivered: {report.failure}", style="red"), soft_wrap=True)
        complete = report.complete and not report.undelivered
        return Delivered(complete, {place for _, place in rejected.seen})

    def _say(self, name: str, totals: Totals, problem: str) -> None:
        if self._as_json:
            echo_json({"file": name, **asdict(totals), "problem": problem})
        elif problem or not self._quiet:
            text = f"{name}: {problem or totals.as_words()}"
            style = "red" if problem else ""
            stderr().print(Text(plain(text), style=style), soft_wrap=True)


class _Held:
    """Records that are there already."""

    size = None

    def __init__(self, records: Sequence[Record | Unreadable]) -> None:
        self._records = records

    def records(self) -> Iterator[Record | Unreadable]:
        return iter(self._records)


async def _deliver(
    source: _Source | _Held,
    gateway: GatewayAddress,
    plan: Plan,
    rejected: RejectedFiles,
    progress: _Showing,
) -> tuple[Report, str | None]:
    """Deliver; return the report, and what was wrong with an input if that ended it."""
    client = connect(gateway, connections=plan.connections)
    delivery = Delivery(client, plan, rejected.add)
    task = asyncio.current_task()

    def interrupt() -> None:
        # The first asks for an orderly end, the second does not wait for it.
        if delivery.report.stopped and task is not None:
            task.cancel()
        delivery.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    watch = asyncio.create_task(progress.follow(delivery.report))
    problem = None
    pieces: AsyncIterator[list[Record | Unreadable]] = in_pieces(source.records())
    try:
        await delivery.run(pieces)
    except InputError as error:
        problem = str(error)
    except asyncio.CancelledError:
        delivery.report.stopped = True
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        watch.cancel()
        await asyncio.wait({watch})
        progress.finish(delivery.report)
        await client.close()
    return delivery.report, problem


class _Outcome:
    """What came of it, for people and for programs."""

    def __init__(
        self,
        report: Report,
        rejected: RejectedFiles,
        run: str,
        seconds: float,
        problem: str | None,
        inspection: Inspection,
    ) -> None:
        self._inspection = inspection
        self._report = report
        self._rejected = rejected
        self._run = run
        self._seconds = seconds
        self._problem = problem

    @property
    def exit_code(self) -> int:
        report = self._report
        if report.stopped:
            return INTERRUPTED
        if self._problem or not report.complete or report.undelivered:
            return CANNOT
        return SOME_REJECTED if report.rejected else 0

    def as_json(self) -> dict[str, Any]:
        report = self._report
        return {
            "read": report.read,
            "accepted": report.accepted,
            "rejected": report.rejected,
            "undelivered": report.undelivered,
            "minted": report.minted,
            "requests": report.requests,
            "retries": report.retries,
            "seconds": round(self._seconds, 3),
            "rate": round(report.accepted / max(self._seconds, 1e-9), 1),
            "run_id": self._run,
            "rejected_files": [str(path) for path in self._rejected.paths],
            "failure": self._problem or report.failure,
            "interrupted": report.stopped,
            **_findings(self._inspection),
        }

    def show(self, out: Console, notes: Console, quiet: bool, sources: list[str]) -> None:
        report = self._report
        if not quiet or self.exit_code:
            out.print(self._table())
        for reason, count in self._rejected.reasons.most_common(5):
            notes.print(Text(f"  {count:,} × {reason}"), soft_wrap=True)
        if (more := len(self._rejected.reasons) - 5) > 0:
            notes.print(f"  and {more:,} other reasons")
        if report.rejected and not self._rejected.problem:
            paths = ", ".join(plain(str(path)) for path in self._rejected.paths)
            moved = ", ".join(plain(str(path)) for path in self._rejected.moved)
            why = f" (nothing can be written in {moved})" if moved else ""
            text = f"Rejected records, with their reasons: {paths}{why}"
            notes.print(Text(text), soft_wrap=True)
        if self._rejected.problem:
            notes.print(
                Text(
                    f"Rejected records could not be written ({self._rejected.problem}); "
                    "choose a place with --rejected PATH and send again."
                ),
                style="red",
                soft_wrap=True,
            )
        for path in self._rejected.stale(sources):
            notes.print(
                Text(f"({plain(str(path))} is from an earlier run.)"), style="dim", soft_wrap=True
            )
        if self._problem:
            notes.print(Text(f"Stopped reading: {self._problem}"), style="red", soft_wrap=True)
        if report.failure:
            notes.print(Text(f"Not delivered: {report.failure}"), style="red", soft_wrap=True)
            if report.remedy:
                notes.print(Text(report.remedy), soft_wrap=True)
        if report.stopped:
            notes.print("Interrupted: what is accepted above is safely on the topic.")
        if self.exit_code in (CANNOT, INTERRUPTED):
            notes.print(Text(self._how_to_go_on()), soft_wrap=True)

    def _how_to_go_on(self) -> str:
        if self._report.minted or self._report.undelivered:
            again = (
                "Sending the same file again is safe: what was accepted counts once. "
                f"For entries without ids add: --run-id {self._run}"
            )
        else:
            again = "Sending the same file again is safe: what was accepted counts once."
        return again

    def _table(self) -> Table:
        report = self._report
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(justify="right")
        table.add_row("read", f"{report.read:,}")
        table.add_row("accepted", Text(f"{report.accepted:,}", style="green"))
        table.add_row("rejected", _count(report.rejected, "yellow"))
        table.add_row("not delivered", _count(report.undelivered, "red"))
        if report.minted:
            table.add_row("ids given", f"{report.minted:,}")
        rate = report.accepted / max(self._seconds, 1e-9)
        table.add_row("time", f"{self._seconds:.1f} s, {rate:,.0f} a second")
        requests = f"{report.requests:,}"
        if report.retries:
            requests += f", {report.retries:,} of them again"
        table.add_row("requests", requests)
        return table


def _count(number: int, style: str) -> Text:
    return Text(f"{number:,}", style=style if number else "")


class _Showing:
    """Shows a report while it changes; this one says only, now and then, why it waits."""

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._advised = False

    async def follow(self, report: Report) -> None:
        said, pause = 0.0, _NOTE_EVERY
        while True:
            await asyncio.sleep(0.2)
            now = time.monotonic()
            if not report.waiting:
                pause = _NOTE_EVERY
            elif self._console and now - said > pause:
                # Less and less often, so that a log is not filled with it.
                said, pause = now, 2 * pause
                self._console.print(
                    Text(f"waiting: {report.waiting}"), style="yellow", soft_wrap=True
                )
            self._advise(report)

    def _advise(self, report: Report) -> None:
        """Say once what can be done, while it is still of use."""
        if self._console and report.remedy and not self._advised:
            self._advised = True
            self._console.print(Text(report.remedy), style="yellow", soft_wrap=True)

    def finish(self, report: Report) -> None:
        """Leave the terminal as it should stay."""


class _Bar(_Showing):
    """A progress bar by bytes, with the rate in records of the last two seconds."""

    def __init__(self, console: Console, size: int | None) -> None:
        super().__init__(console)
        self._size = size
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[accepted]:,}"),
            _Rate(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", style="yellow", markup=False),
            console=console,
            transient=True,
            expand=True,
        )
        self._task: TaskID | None = None

    async def follow(self, report: Report) -> None:
        self._task = self._progress.add_task("", total=self._size, accepted=0, rate=0.0, note="")
        recent = [(time.monotonic(), 0)]
        self._progress.start()
        while True:
            await asyncio.sleep(0.1)
            recent.append((time.monotonic(), report.accepted))
            recent = recent[-20:]
            (then, before), (now, after) = recent[0], recent[-1]
            self._update(report, (after - before) / max(now - then, 1e-9))
            self._advise(report)

    def finish(self, report: Report) -> None:
        if self._task is not None:
            self._progress.stop()

    def _update(self, report: Report, rate: float) -> None:
        notes = [f"{report.rejected:,} rejected"] if report.rejected else []
        if report.waiting:
            notes.append(f"waiting: {report.waiting}")
        assert self._task is not None
        self._progress.update(
            self._task,
            completed=report.done_size,
            accepted=report.accepted,
            rate=rate,
            note="; ".join(notes),
        )


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['rate']:,.0f}/s", style="cyan")


def _progress(source: _Source | None, quiet: bool) -> _Showing:
    """Return what shows the progress; *source*: what a bar would be of."""
    console = stderr()
    if quiet:
        return _Showing(None)
    if source is None or not console.is_terminal:
        return _Showing(console)
    return _Bar(console, source.size)
