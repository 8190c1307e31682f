"""A catalogue made of result files: a start, which a person completes.

``draft`` takes what files say of sports, events and faculties, and returns TOML. Sports that
``olympics/sports.toml`` knows, by their code or their name, are taken from there, with their
comments; how the others rank is concluded from their results. Where files cannot tell, the
text has a comment that begins with ``TODO``, and nothing else has one.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Final, NamedTuple

from olympics.catalogue import Catalogue, Sport, UnknownName, make_catalogue
from olympics.mark import parse_mark
from olympics.patterns import words_of
from olympics.plausibility import ORDER_OF_TYPE
from olympics.rsc import default_phase, parse_rsc
from olympics.text import canonical_text, folded
from olympics.words import ENTRY_UNIT_PREFIX, Order, Phase

KNOWN_SPORTS: Final = "sports.toml"


class Seen(NamedTuple):
    """What one result in a file says; empty or None where it does not.

    ``sport`` and ``faculty`` are names as the file has them, ``event`` and the titles are texts for
    people. ``result_type``: what the mark is, such as TIME or POINTS.
    """

    sport: str
    unit: str
    competitor: str
    faculty: str
    sport_title: str = ""
    faculty_title: str = ""
    event: str = ""
    phase: Phase | None = None
    rank: int | None = None
    mark: str | None = None
    outcome: str | None = None
    result_type: str = ""


class Draft(NamedTuple):
    """A catalogue's text, and how much there is in it. ``todos``: what a person must decide."""

    text: str
    sports: int
    events: int
    faculties: int
    todos: Sequence[str]


class NothingSeen(ValueError):
    """Files without one result that names a sport and a faculty."""


@functools.cache
def known_sports() -> tuple[Catalogue, str]:
    """Return the catalogue of sports that come with the program, and its text."""
    text = resources.files("olympics").joinpath(KNOWN_SPORTS).read_text("utf-8")
    return make_catalogue(text, file=KNOWN_SPORTS), text


def draft(results: Iterable[Seen]) -> Draft:
    """Return a catalogue of what the results name. Raises NothingSeen."""
    sports, faculties = _gathered(results)
    if not sports or not faculties:
        raise NothingSeen
    known, text = known_sports()
    taken, names = _named(sports, known)
    blocks = [_sport_block(name, seen, known, text, names) for name, seen in sorted(taken.items())]
    todos = [todo for it in blocks for todo in it.todos]
    parts = [_HEAD, *("\n".join(it.lines) for it in blocks), *_faculty_blocks(faculties)]
    return Draft(
        "\n\n".join(part.strip("\n") for part in parts) + "\n",
        sports=len(blocks),
        events=sum(len(it.events) for it in taken.values()),
        faculties=len(faculties),
        todos=todos,
    )


_HEAD: Final = """\
# Made of result files. A comment with TODO is about what they cannot tell.
# Raise the revision with every change from the day on which it is used.
revision = 1"""
_TODO: Final = "# TODO: "


# What is gathered of the results.


@dataclass
class _Unit:
    """One unit: competitor → (rank, mark, outcome) of its results."""

    phases: Counter[Phase | None] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    results: dict[str, tuple[int | None, str | None, str | None]] = field(default_factory=dict)

    @property
    def phase(self) -> Phase | None:
        return self.phases.most_common(1)[0][0]

    @property
    def decided(self) -> bool:
        """Whether it is of two, one of whom won."""
        return len(self.results) == 2 and any(it[2] for it in self.results.values())


@dataclass
class _Event:
    titles: Counter[str] = field(default_factory=Counter)
    units: dict[str, _Unit] = field(default_factory=lambda: defaultdict(_Unit))

    def parts(self, key: str, sport: Sport) -> list[_Part]:
        """Return the event, or its units where they rank differently: a heptathlon's do."""
        by_catalogue = {sport.order_of(it) for it in self.units}
        by_files = {_told_alone(it) for it in self.units.values()}
        decided = any(it.decided for it in self.units.values())
        if len(by_catalogue) < 2 and (decided or not {"lower", "higher"} <= by_files):
            return [_Part(key, self)]
        return [_Part("", _Event(units={name: it})) for name, it in self.units.items()]

    def order(self) -> Order | None:
        """Return how it ranks, as ranks beside marks tell, else won and lost, else the type."""
        votes: Counter[Order] = Counter()
        for unit in self.units.values():
            votes.update(_steps(unit))
        told = votes.most_common(2)
        if told and (len(told) == 1 or told[0][1] > 4 * told[1][1]):
            return told[0][0]
        types = Counter(it for unit in self.units.values() for it in unit.types.elements())
        typed = [ORDER_OF_TYPE[it] for it, _ in types.most_common() if it in ORDER_OF_TYPE]
        if "lower" not in typed and sum(it.decided for it in self.units.values()) * 2 > len(
            self.units
        ):
            return "head-to-head"
        return typed[0] if typed else None

    def timed(self) -> bool:
        return any("TIME" in unit.types for unit in self.units.values())


class _Part(NamedTuple):
    """An event by its key, or one unit of an event, which has no key."""

    key: str
    event: _Event


def _told_alone(unit: _Unit) -> Order | None:
    """Return how a unit ranks, where several ranks say the same, or the type of its marks."""
    steps = list(_steps(unit))
    if len(steps) > 1:
        return steps[0] if len(set(steps)) == 1 else None
    return next((ORDER_OF_TYPE[it] for it in unit.types if it in ORDER_OF_TYPE), None)


def _steps(unit: _Unit) -> Iterator[Order]:
    """Yield what each two neighbours in the ranking say about the order of their marks."""
    ranked: list[tuple[int, int]] = []
    for rank, mark, _ in unit.results.values():
        if rank is None or mark is None:
            continue
        try:
            ranked.append((rank, parse_mark(mark)))
        except ValueError:
            continue
    for (rank, value), (next_rank, next_value) in itertools.pairwise(sorted(ranked)):
        if rank < next_rank and value != next_value:
            yield "lower" if value < next_value else "higher"


@dataclass
class _SportSeen:
    """A sport as the files have it; ``texts`` are all that they call it, beside titles."""

    texts: list[str]
    codes: Counter[str] = field(default_factory=Counter)
    titles: Counter[str] = field(default_factory=Counter)
    events: dict[str, _Event] = field(default_factory=lambda: defaultdict(_Event))

    @property
    def title(self) -> str:
        return self.titles.most_common(1)[0][0] if self.titles else self.texts[0]

    def known_as(self, known: Catalogue) -> str | None:
        """Return the name of the known sport that this is."""
        for text in (*self.codes, *self.texts, *self.titles):
            try:
                return known.sport(text).name
            except UnknownName:
                pass
        return None

    def join(self, other: _SportSeen) -> None:
        """Take in what the files say of this sport under another name."""
        self.texts += other.texts
        self.codes += other.codes
        self.titles += other.titles
        for key, event in other.events.items():
            its = self.events[key]
            its.titles += event.titles
            for name, unit in event.units.items():
                same = its.units[name]
                same.phases += unit.phases
                same.types += unit.types
                same.results |= unit.results


@dataclass
class _FacultySeen:
    text: str
    titles: Counter[str] = field(default_factory=Counter)


def _gathered(results: Iterable[Seen]) -> tuple[list[_SportSeen], list[_FacultySeen]]:
    sports: dict[str, _SportSeen] = {}
    faculties: dict[str, _FacultySeen] = {}
    for result in results:
        it = _cleaned(result)
        rsc = parse_rsc(it.unit)
        text = it.sport or (rsc.discipline if rsc else "")
        if not text or not it.faculty or not it.unit:
            continue
        faculty = faculties.setdefault(folded(it.faculty), _FacultySeen(it.faculty))
        if it.faculty_title:
            faculty.titles[it.faculty_title] += 1
        sport = sports.setdefault(folded(text), _SportSeen([text]))
        if it.sport_title:
            sport.titles[it.sport_title] += 1
        if it.unit.startswith(ENTRY_UNIT_PREFIX):
            continue
        if rsc:
            sport.codes[rsc.discipline] += 1
        event = sport.events[_event_key(it)]
        if it.event:
            event.titles[it.event] += 1
        unit = event.units[it.unit]
        unit.phases[it.phase] += 1
        if it.mark is not None and it.result_type:
            unit.types[it.result_type.strip().upper()] += 1
        unit.results[it.competitor] = (it.rank, it.mark, it.outcome)
    return list(sports.values()), list(faculties.values())


def _cleaned(it: Seen) -> Seen:
    """Return it with texts that a catalogue may have: empty where there is no letter."""
    return it._replace(
        sport=_clean(it.sport),
        faculty=_clean(it.faculty),
        sport_title=_clean(it.sport_title),
        faculty_title=_clean(it.faculty_title),
        event=_clean(it.event),
    )


@functools.lru_cache(maxsize=4096)
def _clean(text: str) -> str:
    try:
        text = canonical_text(text)
    except ValueError:
        return ""
    return text if any(it.isalnum() for it in folded(text)) else ""


def _event_key(it: Seen) -> str:
    """Return the glob of a code's event, men and women apart; else its name, or the unit's."""
    rsc = parse_rsc(it.unit)
    if rsc is None:
        return it.event or it.unit
    event = rsc.event.rstrip("-")
    return f"{rsc.discipline}{rsc.gender}{event}{'-' if len(event) < len(rsc.event) else ''}*"


# What is written of a sport.


@dataclass
class _Block:
    name: str
    lines: list[str]
    todos: list[str] = field(default_factory=list)

    def todo(self, words: str) -> list[str]:
        """Note what is to be decided, and return it as a comment."""
        self.todos.append(f"{self.name}: {words}")
        return textwrap.wrap(
            _TODO + words,
            99,
            subsequent_indent="# ",
            break_long_words=False,
            break_on_hyphens=False,
        )


class _Names:
    """Names that are taken, each by whom."""

    def __init__(self) -> None:
        self._owners: dict[str, object] = {}

    def take(self, text: str, owner: object) -> bool:
        """Whether *text* can name *owner*: nothing else is called like it."""
        return self._owners.setdefault(folded(text), owner) == owner

    def give(self, wanted: str, owner: object) -> str:
        """Return *wanted* for *owner*, with a number where something else is called like it."""
        names = itertools.chain((wanted,), (f"{wanted}-{n}" for n in itertools.count(2)))
        return next(it for it in names if self.take(it, owner))

    def hand_over(self, owner: object, name: str) -> None:
        """Call an owner by its name from now on."""
        self._owners = {text: name if its == owner else its for text, its in self._owners.items()}


def _named(sports: Iterable[_SportSeen], known: Catalogue) -> tuple[dict[str, _SportSeen], _Names]:
    """Return the sports by their names, those that are one together; and the names in use."""
    named: dict[str, _SportSeen] = {}
    others: dict[str, _SportSeen] = {}
    for seen in sorted(sports, key=lambda it: folded(it.texts[0])):
        name = seen.known_as(known)
        group, key = (others, folded(seen.title)) if name is None else (named, name)
        if key in group:
            group[key].join(seen)
        else:
            group[key] = seen
    names = _Names()
    for name in named:
        sport = known.sports[name]
        for text in (name, sport.code, sport.title, *dict(sport.titles).values(), *sport.aliases):
            names.take(text, name)
    for key, seen in others.items():  # what the files say finds its sport, whatever else does
        for text in (seen.title, *seen.texts):
            names.take(text, (key,))
    for key, seen in others.items():
        name = names.give(_slug(seen.title, "sport"), (key,))
        names.hand_over((key,), name)
        named[name] = seen
    return named, names


def _sport_block(name: str, seen: _SportSeen, known: Catalogue, text: str, names: _Names) -> _Block:
    block = _Block(name, [])
    sport = known.sports.get(name)
    if sport is not None:
        block.lines = _section(text, name)
        _aliases(block, (*seen.texts, *seen.titles), names, sport)
    else:
        sport = _unknown_sport(block, seen, names)
    _two_bronzes(block, sport, seen)
    events = [*_orders(block, sport, seen), *_phases(seen), *_titles(seen)]
    if any(line.startswith("[[") for line in block.lines):
        head = next(i for i, line in enumerate(block.lines) if line.startswith("[["))
        while block.lines[head - 1].startswith("#") or not block.lines[head - 1]:
            head -= 1
        # What is said of these files' own events comes first: the first pattern decides.
        said = [line for it in events for line in it.as_table(name)]
        block.lines[head:head] = said
    elif events:
        block.lines += ["events = [", *(line for it in events for line in it.inline()), "]"]
    return block


def _section(text: str, name: str) -> list[str]:
    """Return the lines of a sport in the text of a catalogue."""
    match = re.search(rf"(?ms)^\[sports\.{re.escape(name)}\]\n.*?(?=^\[(?!\[)|\Z)", text)
    assert match, name
    return match[0].strip("\n").split("\n")


def _unknown_sport(block: _Block, seen: _SportSeen, names: _Names) -> Sport:
    """Write a sport that is not known, and return how it ranks."""
    told = Counter(it.order() for it in seen.events.values())
    del told[None]
    order: Order = told.most_common(1)[0][0] or "higher" if told else "higher"
    title = seen.title
    codes = (code for code, _ in seen.codes.most_common())
    code = next((it for it in codes if names.take(it, block.name)), "")
    times = order == "lower" and any(it.timed() for it in seen.events.values())
    block.lines = [f"[sports.{block.name}]"]
    if names.take(title, block.name):
        block.lines.append(f"title = {_text(title)}")
    if not code:
        code = _code(title, names, block.name)
        block.lines += block.todo(f"a code of three capitals; {code} is made of the title")
    block.lines.append(f'code = "{code}"')
    if not told:
        block.lines += block.todo("the files do not tell whether lower or higher marks are better")
    block.lines.append(f'order = "{order}"')
    if times:
        block.lines.append("times = true")
    sport = Sport(
        name=block.name,
        code=code,
        number=None,
        title=title,
        aliases=(),
        order=order,
        events=(),
        two_bronzes=False,
        times=times,
    )
    _aliases(block, (*seen.texts, *seen.titles), names, sport)
    return sport


def _aliases(block: _Block, texts: Iterable[str], names: _Names, sport: Sport) -> None:
    """Write what else the files call a sport, behind its title."""
    known = {folded(it) for it in (sport.name, sport.title, sport.code, *sport.aliases)}
    known |= {folded(it) for _, it in sport.titles}
    new: dict[str, str] = {}
    for text in texts:
        if folded(text) not in known and names.take(text, block.name):
            new.setdefault(folded(text), text)
    if not new:
        return
    aliases = [*sport.aliases, *new.values()]
    block.lines = [it for it in block.lines if not it.startswith("aliases = ")]
    at = next((i for i, it in enumerate(block.lines) if it.startswith("title = ")), 0)
    block.lines[at + 1 : at + 1] = [f"aliases = [{', '.join(map(_text, aliases))}]"]


def _code(title: str, names: _Names, owner: str) -> str:
    letters = [it for it in folded(title).upper() if it in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] or ["X"]
    candidates = ["".join((letters * 3)[:3])]
    candidates += [f"{letters[0]}{number:02d}" for number in range(1, 100)]
    return next(it for it in candidates if names.take(it, owner))


def _two_bronzes(block: _Block, sport: Sport, seen: _SportSeen) -> None:
    """Say whether losing semi-finalists take bronze, where the files contradict the sport."""
    without, fought = [], []
    for key, event in seen.events.items():
        phases = Counter(
            it.phase or default_phase(unit) for unit, it in event.units.items() if it.decided
        )
        if phases["bronze"]:
            fought.append(key)
        elif phases["semifinal"] == 2 and phases["final"] == 1:
            without.append(key)
    lines = block.lines
    if without and not fought and not sport.two_bronzes:
        order = next(i for i, line in enumerate(lines) if line.startswith("order = "))
        lines[order + 1 : order + 1] = [
            *block.todo(
                "no bronze match is in the files, so both losing semi-finalists take bronze; "
                "remove the line if the matches are only missing"
            ),
            "two_bronzes = true",
        ]
        hints = [i for i, line in enumerate(lines) if line.startswith("# Add two_bronzes")]
        for index in reversed(hints):
            del lines[index]
    elif fought and sport.two_bronzes:
        index = next(i for i, line in enumerate(lines) if line.startswith("two_bronzes"))
        lines[index : index + 1] = block.todo(
            "the files have bronze matches, so losing semi-finalists take none; "
            "else add two_bronzes = true"
        )


class _EventLine(NamedTuple):
    """An event of a catalogue, with the comments before it."""

    patterns: Mapping[str, Sequence[str]]
    said: Mapping[str, str]
    comments: Sequence[str] = ()

    def inline(self) -> Iterator[str]:
        """Yield the lines in a list of events."""
        yield from (f"  {it}" for it in self.comments)
        pairs = [f"{key} = {_list(its)}" for key, its in self.patterns.items()]
        pairs += [f"{key} = {_text(it)}" for key, it in self.said.items()]
        line = f"  {{ {', '.join(pairs)} }},"
        if len(line) <= 100:
            yield line
            return
        for key, its in self.patterns.items():
            yield f"  {{ {key} = ["
            yield from _wrapped(its, "    ")
            yield f"  ], {', '.join(f'{key} = {_text(it)}' for key, it in self.said.items())} }},"

    def as_table(self, sport: str) -> Iterator[str]:
        """Yield the lines of a table of its own."""
        yield ""
        yield from self.comments
        yield f"[[sports.{sport}.events]]"
        for key, its in self.patterns.items():
            line = f"{key} = {_list(its)}"
            if len(line) <= 100:
                yield line
            else:
                yield from (f"{key} = [", *_wrapped(its, "  "), "]")
        yield from (f"{key} = {_text(it)}" for key, it in self.said.items())


def _orders(block: _Block, sport: Sport, seen: _SportSeen) -> Iterator[_EventLine]:
    """Yield the events that do not rank as the sport says."""
    differing: dict[Order, list[_Part]] = defaultdict(list)
    unknown: list[_Part] = []
    rest: list[_Part] = []
    for part in (it for key, event in seen.events.items() for it in event.parts(key, sport)):
        event = part.event
        unit = next(iter(event.units))
        by_files = event.order()
        marked = any(mark for it in event.units.values() for _, mark, _ in it.results.values())
        recognised = sport.recognises(unit)
        other = by_files not in (None, sport.order_of(unit))
        if by_files and ((other and _tells(event, by_files, sport)) or (marked and not recognised)):
            differing[by_files].append(part)
            continue
        rest.append(part)
        if marked and not recognised:
            unknown.append(part)
    for order, parts in sorted(differing.items()):
        comments = []
        if _is_known(sport):
            comments = block.todo(f"the results in the files rank {_WORDS[order]} here")
        yield _EventLine(_patterns_of(parts), {"order": order}, comments)
    if unknown:
        comments = block.todo("the files do not tell how these rank")
        yield _EventLine(_patterns_of(unknown), {"order": sport.order}, comments)
    if differing and not sport.events and rest:
        # With orders of its own for some events, an event that is in none would be told as unknown.
        yield _EventLine(_patterns_of(rest), {"order": sport.order})


_WORDS: Final[Mapping[Order, str]] = {
    "lower": "the lowest first",
    "higher": "the highest first",
    "head-to-head": "two against each other",
}


def _tells(event: _Event, order: Order, sport: Sport) -> bool:
    """Whether the files overrule the sport: by ranks beside marks, or if it is not known."""
    if order == "head-to-head" or sport.order == "head-to-head":
        return not sport.events and not _is_known(sport)
    return not _is_known(sport) or sum(len(list(_steps(unit))) for unit in event.units.values()) > 1


def _is_known(sport: Sport) -> bool:
    return sport.name in known_sports()[0].sports


def _patterns_of(parts: Iterable[_Part]) -> dict[str, list[str]]:
    """Return the patterns of events: globs of codes without gender, else words or whole names."""
    globs: dict[str, None] = {}
    words: dict[str, None] = {}
    for key, event in parts:
        units = event.units
        if all(parse_rsc(unit) for unit in units):
            globs.update((f"{it[:3]}?{it[4:]}", None) for it in ([key] if key else units))
        elif words_of(key) and all(_has(words_of(unit), words_of(key)) for unit in units):
            words[key] = None
        else:
            globs.update((_escaped(unit), None) for unit in units)
    found = {"words": list(words), "units": list(globs)}
    return {key: its for key, its in found.items() if its}


def _has(words: Sequence[str], phrase: Sequence[str]) -> bool:
    return any(words[i : i + len(phrase)] == phrase for i in range(len(words)))


def _escaped(unit: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", unit)


def _phases(seen: _SportSeen) -> Iterator[_EventLine]:
    """Yield the units by code whose phase their code does not tell, where it decides a medal."""
    by_phase: dict[Phase, dict[str, None]] = defaultdict(dict)
    for event in seen.events.values():
        alike: defaultdict[str, dict[str, Phase | None]] = defaultdict(dict)
        for code, unit in event.units.items():
            if parse_rsc(code):
                alike[f"{code[:3]}?{code[4:26]}"][code] = unit.phase
        for stem, phases in alike.items():
            for code, phase in phases.items():
                default = default_phase(code)
                deciding = {phase, default} & {"final", "bronze", "semifinal"}
                if phase is not None and phase != default and deciding:
                    # All units of this phase, if there are several and they are the same.
                    whole = len(phases) > 1 and len(set(phases.values())) == 1
                    by_phase[phase][f"{stem}*" if whole else f"{stem}{code[26:]}"] = None
    clashing = Counter(glob for globs in by_phase.values() for glob in globs)
    for phase, globs in by_phase.items():
        agreed = [it for it in globs if clashing[it] == 1]
        if agreed:
            yield _EventLine({"units": agreed}, {"phase": phase})


def _titles(seen: _SportSeen) -> Iterator[_EventLine]:
    for key, event in seen.events.items():
        if event.titles and all(parse_rsc(unit) for unit in event.units):
            yield _EventLine({"units": [key]}, {"title": event.titles.most_common(1)[0][0]})


# What is written of faculties.


def _faculty_blocks(faculties: Iterable[_FacultySeen]) -> Iterator[str]:
    names = _Names()
    ordered = sorted(faculties, key=lambda it: folded(it.text))
    for seen in ordered:  # what the files say finds its faculty, whatever else does
        names.take(seen.text, folded(seen.text))
    for seen in ordered:
        owner = folded(seen.text)
        is_code = re.fullmatch(r"[A-Z][A-Z0-9]{1,5}", seen.text)
        wanted = _not_a_number(seen.text) if is_code else _slug(seen.text, "faculty")
        key = names.give(wanted, owner)
        titles = [it for it, _ in seen.titles.most_common() if names.take(it, owner)]
        if not titles and seen.text != key:
            titles = [seen.text]
        aliases = [it for it in titles[1:] if folded(it) != folded(titles[0])]
        if owner not in map(folded, (key, *titles)):
            aliases.append(seen.text)
        lines = [f"[faculties.{key}]"]
        if titles:
            lines.append(f"title = {_text(titles[0])}")
        if aliases:
            lines.append(f"aliases = [{', '.join(map(_text, aliases))}]")
        yield "\n".join(lines)


# Words.


def _slug(text: str, otherwise: str) -> str:
    words = re.findall(r"[a-z0-9]+", folded(text))
    return _not_a_number("-".join(words)[:64].strip("-") or otherwise)


def _not_a_number(name: str) -> str:
    """Return a name that no dashboard takes for a number."""
    if name[0].isdigit() or name.lower() in ("inf", "infinity", "nan"):
        return f"x-{name}"
    return name


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _list(texts: Sequence[str]) -> str:
    return _text(texts[0]) if len(texts) == 1 else f"[{', '.join(map(_text, texts))}]"


def _wrapped(texts: Sequence[str], indent: str) -> list[str]:
    lines = [indent]
    for text in map(_text, texts):
        if len(lines[-1]) + len(text) > 98 and lines[-1] != indent:
            lines[-1] = lines[-1].rstrip()
            lines.append(indent)
        lines[-1] += f"{text}, "
    lines[-1] = lines[-1].rstrip()
    return lines
