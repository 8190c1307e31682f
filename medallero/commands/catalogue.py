"""`medallero catalogue`: check a catalogue, show it, compare two, and make one of result files."""

from __future__ import annotations

import difflib
import json
import sys
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from medallero.catalogue.check import check_text, todos_of
from medallero.catalogue.diff import differences
from medallero.catalogue.draft import Draft, NothingSeen, Seen, draft, known_sports
from medallero.catalogue.result_files import seen_in
from medallero.files.inputs import STDIN, InputError, TextOptions, open_input
from medallero.files.options import sport_option
from medallero.terminal import CannotDo, read_catalogue, read_settings, stdout
from olympics.catalogue import (
    Catalogue,
    Event,
    Order,
    Sport,
    UnknownName,
    fights_for_bronze,
    load_catalogue,
)
from olympics.rsc import default_phase, parse_rsc
from olympics.text import shown
from olympics.words import Phase

FAILED: Final = 1
#: Longest value that a difference shows.
_BRIEF: Final = 60

_ORDERS: Final[dict[Order, str]] = {
    "lower": "the lowest first",
    "higher": "the highest first",
    "head-to-head": "two against each other",
}


@click.group(name="catalogue")
def command() -> None:
    """Check a catalogue, show the one in use, compare two, or make one of result files.

    The catalogue is the file that says which sports and faculties there are and how each sport
    ranks. MEDALLERO_CATALOGUE names the one in use; without it, it is the packaged one.

    \b
    Examples:
      medallero catalogue from results/*.csv -o games.toml
      medallero catalogue check games.toml --events events.txt --sport athletics
      MEDALLERO_CATALOGUE=games.toml medallero catalogue show athletics
    """


# check


class _Name(NamedTuple):
    """A unit's name and where it stands; its sport as far as that is told."""

    sport: str
    unit: str
    phase: Phase | None = None


class _Ranked(NamedTuple):
    """How a unit would rank; ``phase`` is None if only its results say it."""

    sport: str
    unit: str
    recognised: bool
    order: Order
    phase: Phase | None
    two_bronzes: bool
    title: str | None


def _ignored_bronzes(text: str) -> list[str]:
    """Return the sports of a catalogue that say two_bronzes in vain."""
    try:
        sports = tomllib.loads(text).get("sports")
    except tomllib.TOMLDecodeError:
        return []
    return [
        name
        for name, sport in (sports.items() if isinstance(sports, dict) else ())
        if isinstance(sport, dict)
        and sport.get("two_bronzes") is True
        and fights_for_bronze(name, str(sport.get("code")))
    ]


@command.command(name="check")
@click.argument("file", type=click.Path(), required=False)
@click.option(
    "--events",
    metavar="LIST",
    help="Names of units, one a line, or a file of results; - is standard input. "
    "Each is told how it would rank.",
)
@click.option("--sport", metavar="NAME", help="The sport of the names that do not tell it.")
@click.option("--json", "as_json", is_flag=True, help="Print what is found as JSON.")
def check(file: str | None, events: str | None, sport: str | None, as_json: bool) -> None:
    """Check a catalogue: everything that is wrong with FILE, each with its line.

    Without FILE it is the catalogue in use. With --events it also tells of each name how the unit
    would rank, and which are not recognised: these rank as their sport does by default, which
    for a shot put may be upside down. A code of the Olympic Data Feed and a file of results
    tell the sport; for a list of names say it with --sport, or write "athletics: Long jump final".

    \b
    Examples:
      medallero catalogue check games.toml
      medallero catalogue check games.toml --events results.csv
      printf 'Shot put final\\n100 m heat 1\\n' | medallero catalogue check --events - --sport ATH

    \b
    Exit code: 0 all is well, 1 something is wrong or not recognised, 2 it could not be checked.
    """
    path, text = _text_of(file)
    catalogue, problems = check_text(text)
    todos = todos_of(text)
    ranked: list[_Ranked] = []
    if events is not None and catalogue is not None:
        ranked = [_rank(it, catalogue) for it in _names_in(events, sport, catalogue)]
    unknown = [it for it in ranked if not it.recognised]
    if as_json:
        _print_json(
            {
                "file": path,
                "problems": [it._asdict() for it in problems],
                "todos": [it._asdict() for it in todos],
                "events": [it._asdict() for it in ranked],
            }
        )
    else:
        for problem in problems:
            line = f", line {problem.line}" if problem.line else ""
            place = f"{problem.place}: " if problem.place else ""
            _say(f"{path}{line}: {place}{problem.expected}", "  ")
        for todo in todos:
            _say(f"{path}, line {todo.line}: to be decided: {todo.words}", "  ")
        for name in _ignored_bronzes(text):
            _say(
                f"{path}: sports.{name}.two_bronzes is not used: {name} fights for its bronzes, "
                "and its contests of phase bronze decide. Leave it out.",
                "  ",
            )
        if problems and events is not None:
            _say("The events are not looked at: correct the catalogue first.")
        _show_ranked(ranked)
        if catalogue is not None:
            _say(f"{path}: {_summary(catalogue)}. It can be used.")
        elif problems:
            _say(f"{path}: {_count(len(problems), 'problem')}. It cannot be used.")
        if unknown:
            _say(
                f"{len(unknown)} of {_count(len(ranked), 'event')} not recognised: add a pattern "
                "to the sport's events in the catalogue, or name them as it does.",
                "  ",
            )
    raise SystemExit(FAILED if problems or unknown else 0)


@command.command(name="diff")
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print what is found as JSON.")
def diff(old: str, new: str, as_json: bool) -> None:
    """Tell what differs between two catalogues, and whether workers count all results again.

    Titles, aliases, short names, colours and the games' own data change no count. How a sport
    ranks, and which sports and faculties there are, do: workers with the new file read the topic
    again from its beginning, and need a higher revision.

    \b
    Example:
      medallero catalogue diff games.toml games-tomorrow.toml

    \b
    Exit code: 0 no count changes, 1 counts change, 2 a file is no catalogue.
    """
    before, after = _catalogue_of(old), _catalogue_of(new)
    found = differences(before, after)
    counts = any(it.counts for it in found)
    replays = before.fingerprint != after.fingerprint
    if as_json:
        _print_json(
            {
                "differences": [it._asdict() for it in found],
                "revisions": [before.revision, after.revision],
                "counts": counts,
                "replays": replays,
            }
        )
    else:
        for it in found:
            mark = " (counts)" if it.counts else ""
            _say(f"{it.place}: {_brief(it.old)} → {_brief(it.new)}{mark}", "  ")
        _say(_meaning(before.revision, after.revision, counts, replays), "  ")
    raise SystemExit(FAILED if counts else 0)


def _meaning(old: int, new: int, counts: bool, replays: bool) -> str:
    if counts and new <= old:
        return (
            f"Counts change, and the revision is {new}: raise it above {old}, or the standings "
            "stay as they are."
        )
    if counts:
        return (
            "Counts change: restart the workers, then the gateways. Workers count all results "
            f"again by revision {new}."
        )
    if new < old:
        return (
            f"No count changes, but the revision falls from {old} to {new}: leave it at {old}, or "
            "the standings stay as they are."
        )
    if replays:
        return (
            f"No count changes, but the revision does, from {old} to {new}: workers count all "
            f"results again for it. Leave it at {old} to spare that."
        )
    return "No count changes: restarted processes use the new file at once."


def _brief(value: object) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 1]}…"


def _catalogue_of(file: str) -> Catalogue:
    name, text = _text_of(file)
    catalogue, problems = check_text(text)
    if catalogue is None:
        raise CannotDo(
            f"{name} cannot be used: {problems[0].place}: {problems[0].expected}",
            f"`medallero catalogue check {name}` tells everything that is wrong.",
        )
    return catalogue


def _text_of(file: str | None) -> tuple[str, str]:
    """Return what to call the catalogue, and its text."""
    path = Path(file) if file is not None else read_settings().catalogue
    if path is None:
        packaged = Path(sys.modules[load_catalogue.__module__].__file__ or "")
        path, name = packaged.with_name("catalogue.toml"), "the packaged catalogue"
    else:
        name = str(path)
    try:
        return name, path.read_text("utf-8")
    except OSError as error:
        raise CannotDo(
            f"{path} cannot be read: {error.strerror}",
            "Name a file, or none for the catalogue in use.",
        ) from None
    except UnicodeDecodeError as error:
        raise CannotDo(
            f"{path} is not in UTF-8: byte 0x{error.object[error.start]:02x} at {error.start}.",
            "Save it as UTF-8.",
        ) from None


def _names_in(events: str, sport: str | None, catalogue: Catalogue) -> list[_Name]:
    """Return the units that a list or a file of results names, each once, in order."""
    lines: list[str] | None = None
    if events == STDIN:
        lines = sys.stdin.read().splitlines()
    else:
        names = _names_in_results(events, sport, catalogue)
        if names is not None:
            return names
        try:
            lines = Path(events).read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
            raise CannotDo(
                f"{events} cannot be read: {reason}.",
                "Name a text with a name on each line, a file of results, or - for standard input.",
            ) from None
    named: dict[_Name, None] = {}
    for line in lines:
        text = " ".join(line.split())
        if text and not text.startswith("#"):
            named[_name(text, sport, catalogue)] = None
    if not named:
        raise CannotDo(f"{events}: no names of events.", "Write one on each line.")
    return list(named)


def _name(text: str, sport: str | None, catalogue: Catalogue) -> _Name:
    rsc = parse_rsc(text)
    if rsc is not None:
        return _Name(rsc.discipline, text)
    before, colon, after = text.partition(":")
    if colon:
        try:
            return _Name(catalogue.sport(before.strip()).name, after.strip())
        except UnknownName:
            pass
    if sport is None and len(catalogue.sports) == 1:
        sport = next(iter(catalogue.sports))
    if sport is None:
        raise CannotDo(
            f"Of which sport is {shown(text)}?",
            'Say it with --sport NAME, or write "athletics: Long jump final" in the list.',
        )
    return _Name(sport, text)


def _names_in_results(path: str, sport: str | None, catalogue: Catalogue) -> list[_Name] | None:
    """Return the units in a file of results; None if it is none."""
    try:
        source = open_input(path, text=TextOptions(sport=sport or "", catalogue=catalogue))
    except InputError:
        return None
    found: dict[tuple[str, str], _Name] = {}
    try:
        for it in seen_in(source):
            if isinstance(it, Seen) and it.unit:
                rsc = parse_rsc(it.unit)
                its_sport = it.sport or (rsc.discipline if rsc else sport or "")
                found.setdefault((its_sport, it.unit), _Name(its_sport, it.unit, it.phase))
    except InputError as error:
        raise CannotDo(str(error)) from None
    finally:
        source.close()
    return list(found.values()) or None


def _rank(name: _Name, catalogue: Catalogue) -> _Ranked:
    try:
        sport = catalogue.sport(name.sport)
    except UnknownName as error:
        raise CannotDo(
            f"{shown(name.unit)}: {error}",
            "Add the sport to the catalogue (medallero catalogue from FILE makes one), or name "
            "another with --sport.",
        ) from None
    phase = sport.phase_of(name.unit) or name.phase
    if phase is None and parse_rsc(name.unit):
        phase = default_phase(name.unit)
    return _Ranked(
        sport.name,
        name.unit,
        sport.recognises(name.unit),
        sport.order_of(name.unit),
        phase,
        sport.two_bronzes_of(name.unit),
        sport.title_of(name.unit, "en"),
    )


def _show_ranked(ranked: Sequence[_Ranked]) -> None:
    for it in ranked:
        said = [_ORDERS[it.order]]
        if it.phase is not None:
            said.append(f"phase {it.phase}")
        if it.two_bronzes and it.phase in (None, "semifinal"):
            said.append("losing semi-finalists take bronze")
        if not it.recognised:
            said.append("NOT RECOGNISED, so by the sport's default")
        title = f" ({it.title})" if it.title else ""
        _say(f"{it.sport}: {it.unit}{title}: {'; '.join(said)}", "  ")


# from


@command.command(name="from")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="OUT",
    help="The file to write; else it is printed.",
)
@sport_option
def from_files(files: tuple[str, ...], output: str | None, sport: str) -> None:
    """Make a catalogue of the sports, events and organisations in result files, as a start.

    It reads what `medallero send` reads. Sports that are well known, by their code or name,
    come with what is known of them; how the others rank follows from officials' ranks beside marks,
    from won and lost, and from the type of result (TIME, DISTANCE, POINTS …). Organisations
    become faculties. Where the files cannot tell, a comment with TODO says what to decide.

    \b
    Examples:
      medallero catalogue from swimming.csv boxing.csv -o games.toml
      medallero catalogue check games.toml
      medallero send swimming.csv boxing.csv --dry-run

    \b
    Exit code: 0 made, 2 it could not be made. A file that exists is not overwritten.
    """
    if output is not None and Path(output).exists():
        raise CannotDo(f"{output} exists.", "Remove it, or name another file with -o.")
    unusable = 0
    text = TextOptions(sport=sport, catalogue=known_sports()[0])

    def seen() -> Iterator[Seen]:
        nonlocal unusable
        for path in files:
            source = open_input(path, again=True, text=text)
            try:
                for it in seen_in(source):
                    if isinstance(it, Seen):
                        yield it
                    else:
                        unusable += 1
            finally:
                source.close()

    try:
        made = draft(seen())
    except InputError as error:
        raise CannotDo(str(error), "medallero send --help says what can be read.") from None
    except NothingSeen:
        raise CannotDo(
            f"No result in {', '.join(files)} names a sport and an organisation.",
            "medallero send --help says which columns and fields there are.",
        ) from None
    _write(made, output)
    _say_made(made, unusable, output)


def _write(made: Draft, output: str | None) -> None:
    if output is None:
        click.echo(made.text, nl=False)
        return
    try:
        with Path(output).open("x", encoding="utf-8") as stream:
            stream.write(made.text)
    except OSError as error:
        raise CannotDo(
            f"{output} cannot be written: {error.strerror}.", "Name another file with -o."
        ) from None


def _say_made(made: Draft, unusable: int, output: str | None) -> None:
    counts = [
        _count(made.sports, "sport"),
        _count(made.events, "event"),
        _count(made.faculties, "organisation"),
    ]
    _say(f"{', '.join(counts)}.", err=True)
    if unusable:
        _say(f"{_count(unusable, 'row')} of which nothing can be used.", err=True)
    for todo in made.todos:
        _say(f"To be decided: {todo}", "  ", err=True)
    if output is not None:
        _say(f"Written to {output}. Next: medallero catalogue check {output}", "  ", err=True)


# show


@command.command(name="show")
@click.argument("sport", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(sport: str | None, as_json: bool) -> None:
    """Show the catalogue in use: sports, how they rank, and faculties.

    With SPORT (a name, code, number or title) it is that sport with all its events.

    \b
    Examples:
      medallero catalogue show
      medallero catalogue show athletics
      medallero catalogue show --json | jq '.sports[].name'
    """
    settings = read_settings()
    catalogue = read_catalogue(settings)
    chosen = _sport_called(sport, catalogue) if sport is not None else None
    if as_json:
        _print_json(_sport_json(chosen) if chosen else _catalogue_json(catalogue))
        return
    if chosen is not None:
        _show_sport(chosen)
        return
    path = settings.catalogue
    _say(f"{path or 'The packaged catalogue'}: {_summary(catalogue)}.")
    _show_games(catalogue)
    click.echo("\nSports")
    for it in catalogue.sports.values():
        _say(f"{it.name}: {_called(it)}", "    ", indent="  ")
        _say(_ranks(it), "    ", indent="    ")
    click.echo("\nFaculties")
    for faculty in catalogue.faculties.values():
        names = [faculty.title, *dict(faculty.titles).values(), *faculty.aliases]
        names += [faculty.short] if faculty.short else []
        also = ", ".join(it for it in dict.fromkeys(names) if it != faculty.name)
        _say(f"{faculty.name}: {also}" if also else faculty.name, "    ", indent="  ")


def _sport_called(text: str, catalogue: Catalogue) -> Sport:
    try:
        return catalogue.sport(text)
    except UnknownName as error:
        near = difflib.get_close_matches(text.casefold(), catalogue.sports, n=3, cutoff=0.5)
        hint = f"Perhaps {' or '.join(near)}. " if near else ""
        raise CannotDo(
            f"{str(error)[:1].upper()}{str(error)[1:]}.",
            f"{hint}medallero catalogue show lists all sports.",
        ) from None


def _show_games(catalogue: Catalogue) -> None:
    games = catalogue.games
    days = " to ".join(str(it) for it in (games.begins, games.ends) if it)
    said = [it for it in (games.title, *dict(games.titles).values(), days, games.place) if it]
    if said:
        _say(", ".join(said))


def _show_sport(sport: Sport) -> None:
    _say(f"{sport.name}: {_called(sport)}", "  ")
    _say(_ranks(sport), "  ", indent="  ")
    for irm_class in ("did_not_start", "disqualified", "out_of_competition"):
        codes = ", ".join(code for code, its in sport.irm if its == irm_class)
        if codes:
            _say(f"{irm_class.replace('_', ' ')}: {codes}", "    ", indent="  ")
    if sport.events:
        click.echo("")
        _say("Events, of which the first that has the word or pattern decides")
    for event in sport.events:
        click.echo("")
        _say("; ".join(_said(event)), "    ", indent="  ")
        if event.patterns.phrases:
            _say(f"words: {', '.join(event.patterns.phrases)}", "      ", indent="    ")
        if event.patterns.globs:
            _say(f"units: {', '.join(event.patterns.globs)}", "      ", indent="    ")


def _called(sport: Sport) -> str:
    names = [sport.title, *dict(sport.titles).values(), sport.code]
    names += [] if sport.number is None else [str(sport.number)]
    return ", ".join(dict.fromkeys((*names, *sport.aliases)))


def _ranks(sport: Sport) -> str:
    said = [_ORDERS[sport.order]]
    if sport.times:
        said.append("marks are times")
    if sport.two_bronzes:
        said.append("losing semi-finalists take bronze")
    if sport.events:
        said.append(_count(len(sport.events), "event rule"))
    return ", ".join(said)


def _said(event: Event) -> list[str]:
    said = [_ORDERS[event.order]] if event.order else []
    if event.phase:
        said.append(f"phase {event.phase}")
    if event.two_bronzes is not None:
        took = "take" if event.two_bronzes else "take no"
        said.append(f"losing semi-finalists {took} bronze")
    if event.title:
        said.append(f"title {event.title}")
    said += [f"title in {language} {title}" for language, title in event.titles]
    return said or ["see --json"]


def _catalogue_json(catalogue: Catalogue) -> dict[str, Any]:
    games = catalogue.games
    return {
        "revision": catalogue.revision,
        "fingerprint": catalogue.fingerprint,
        "games": {
            "title": games.title,
            "titles": dict(games.titles),
            "begins": str(games.begins) if games.begins else None,
            "ends": str(games.ends) if games.ends else None,
            "place": games.place,
        },
        "sports": [_sport_json(it) for it in catalogue.sports.values()],
        "faculties": [
            _fields(it) | {"titles": dict(it.titles)} for it in catalogue.faculties.values()
        ],
    }


def _sport_json(sport: Sport) -> dict[str, Any]:
    return _fields(sport) | {
        "titles": dict(sport.titles),
        "irm": dict(sport.irm),
        "events": [
            {"units": it.patterns.globs, "words": it.patterns.phrases}
            | {key: value for key, value in _fields(it).items() if key != "patterns"}
            | {"titles": dict(it.titles)}
            for it in sport.events
        ],
    }


def _fields(value: Sport | Event | Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


# Words.


def _summary(catalogue: Catalogue) -> str:
    counts = [
        _count(len(catalogue.sports), "sport"),
        _count(len(catalogue.faculties), "faculty"),
        f"revision {catalogue.revision}",
    ]
    return ", ".join(counts)


def _count(number: int, what: str) -> str:
    if number == 1:
        return f"1 {what}"
    return f"{number} {what[:-1]}ies" if what.endswith("ty") else f"{number} {what}s"


def _say(text: str, more: str = "", *, indent: str = "", err: bool = False) -> None:
    """Print a paragraph as wide as the terminal, at most 100; ``more`` indents further lines."""
    lines: Iterable[str] = [indent + text]
    console = stdout(wide=True)
    if console.is_terminal or console.width < 200:
        lines = textwrap.wrap(
            text,
            max(20, min(console.width, 100)),
            initial_indent=indent,
            subsequent_indent=more,
            break_on_hyphens=False,
        )
    for line in lines:
        click.echo(line, err=err)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
