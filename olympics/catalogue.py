"""The catalogue: which sports and faculties there are, how they are called, how a sport ranks.

A catalogue is a TOML file (``olympics/catalogue.toml`` is the packaged one)::

    revision = 1                        # raise it with every change: tallies carry it

    [sports.swimming]                   # the name: letters, digits, "-" and "_"
    title = "Swimming"                  # for people; the name if absent
    titles = { es = "Natación" }        # optional: the title in other languages
    code = "SWM"                        # the discipline in ODF codes
    number = 1                          # optional: another way to name the sport
    aliases = ["Aquatics"]              # optional
    order = "lower"                     # better marks are lower, higher, or head-to-head
    times = true                        # optional: where lower is better, marks are times
    two_bronzes = false                 # optional: both losing semi-finalists take bronze (not in
                                        # sports that fight for it: judo, karate, …)
    irm = { did_not_start = ["WDR"] }   # optional: further invalid-result marks, by their class
    events = [                          # optional: units with rules or a title of their own
      { words = ["ergometer", "erg"], order = "higher" },
      { units = "SWM?PLUNGE*", order = "higher" },
      { units = "*swim-off*", phase = "other", title = "Swim-off" },
    ]

    [faculties.engineering]
    title = "Engineering"
    aliases = ["Ingeniería"]
    short = "ENG"                       # optional: where there is little room
    colour = "#1f77b4"                  # optional

    [games]                             # optional, and so is each of its keys
    title = "University Games"
    titles = { es = "Juegos Universitarios" }
    begins = 2026-11-20
    ends = 2026-11-29
    place = "Córdoba"

    [irm]                               # optional: as in a sport, for all sports
    disqualified = ["DISC"]

Names, short names, titles in any language, codes, numbers and aliases all name the same thing; they
are compared without case, accents or repeated white space, so two that collide then are an error.
"""

from __future__ import annotations

import functools
import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, get_args

import msgspec

from olympics.patterns import Patterns, check_phrase, first_match
from olympics.text import canonical_text, folded, shown
from olympics.words import ENTRY_UNIT_PREFIX
from olympics.words import IrmClass as IrmClass
from olympics.words import Order as Order
from olympics.words import Phase as Phase

# The revision of the rules in this package: raise it when the same results would count otherwise.
RULES_REVISION = 2
_CATALOGUE_REVISIONS = 1_000_000

_Kind = Literal["sport", "faculty"]


# Invalid-result marks of the Olympic Data Feed, and of programs for meets.
_IRM_CLASSES: Mapping[str, IrmClass] = {
    **dict.fromkeys(("DNS", "NS", "SCR", "SICK", "DFS"), "did_not_start"),
    **dict.fromkeys(("DSQ", "DQ", "DISQ", "DQB", "DISQUALIFIED"), "disqualified"),
    **dict.fromkeys(("EXH",), "out_of_competition"),
}


class Event(msgspec.Struct, frozen=True):
    """What the units that match a pattern have of their own; None is not said here."""

    patterns: Patterns
    order: Order | None = None
    phase: Phase | None = None
    two_bronzes: bool | None = None
    times: bool | None = None
    title: str | None = None
    titles: tuple[tuple[str, str], ...] = ()


class UnitRules(NamedTuple):
    """How a unit is counted. ``phase`` is None where the unit's results say it."""

    order: Order
    phase: Phase | None
    two_bronzes: bool


class Sport(msgspec.Struct, frozen=True, dict=True):
    """A sport and how it ranks.

    What ``events`` say of a unit is looked up for each property apart: the first pattern that
    matches the unit and has the property decides, else the sport.
    """

    name: str
    code: str
    number: int | None
    title: str
    aliases: tuple[str, ...]
    order: Order
    events: tuple[Event, ...]
    two_bronzes: bool
    #: pairs of a language (ISO 639, two letters) and the title in it
    titles: tuple[tuple[str, str], ...] = ()
    #: where lower is better, marks are times: shown as such, and never 0 or less
    times: bool = False
    #: pairs of an invalid-result mark and its class: all that have one in this sport
    irm: tuple[tuple[str, IrmClass], ...] = tuple(sorted(_IRM_CLASSES.items()))

    def order_of(self, unit: str) -> Order:
        """Return how ``unit`` ranks."""
        return self._order_of(unit) or self.order

    def phase_of(self, unit: str) -> Phase | None:
        """Return the phase that the catalogue gives ``unit``, whatever its results say."""
        return self._phase_of(unit)

    def two_bronzes_of(self, unit: str) -> bool:
        """Return whether both losers take bronze if ``unit`` is a semi-final."""
        said = self._two_bronzes_of(unit)
        return self.two_bronzes if said is None else said

    def times_of(self, unit: str) -> bool:
        """Return whether marks of ``unit`` are times: shown as such, and never 0 or less."""
        said = self._times_of(unit)
        return self.times and self.order_of(unit) == "lower" if said is None else said

    def has_times(self) -> bool:
        """Return whether there may be a unit whose marks are times."""
        return self.times or any(it.times for it in self.events)

    def rules_of(self, unit: str) -> UnitRules:
        """Return order, phase and two_bronzes of ``unit`` together."""
        return UnitRules(self.order_of(unit), self.phase_of(unit), self.two_bronzes_of(unit))

    def title_of(self, unit: str, language: str) -> str | None:
        """Return what the catalogue calls ``unit`` in ``language`` (two letters), if anything.

        In a language that the event does not have, its ``title``.
        """
        event = self.titled_by(unit)
        return dict(event.titles).get(language, event.title) if event else None

    def titled_by(self, unit: str) -> Event | None:
        """Return the event that has the title of ``unit``, if any has."""
        return self._titled_by(unit)

    def recognises(self, unit: str) -> bool:
        """Return False if events say how units rank, and none of them matches ``unit``.

        It then ranks as the sport does, which nobody may have meant.
        """
        return (
            self._order_of(unit) is not None
            or not any(it.order for it in self.events)
            or unit.startswith(ENTRY_UNIT_PREFIX)
        )

    def irm_class(self, code: str) -> IrmClass | None:
        """Return the class of an invalid-result mark in any case and spacing; None has no rule."""
        return self._irm.get(code) or self._irm.get(_irm_code(code))

    @functools.cached_property
    def _order_of(self) -> Callable[[str], Order | None]:
        return first_match([(it.patterns, it.order) for it in self.events if it.order is not None])

    @functools.cached_property
    def _phase_of(self) -> Callable[[str], Phase | None]:
        return first_match([(it.patterns, it.phase) for it in self.events if it.phase is not None])

    @functools.cached_property
    def _two_bronzes_of(self) -> Callable[[str], bool | None]:
        said = [(it.patterns, it.two_bronzes) for it in self.events if it.two_bronzes is not None]
        return first_match(said)

    @functools.cached_property
    def _times_of(self) -> Callable[[str], bool | None]:
        return first_match([(it.patterns, it.times) for it in self.events if it.times is not None])

    @functools.cached_property
    def _titled_by(self) -> Callable[[str], Event | None]:
        return first_match([(it.patterns, it) for it in self.events if it.title or it.titles])

    @functools.cached_property
    def _irm(self) -> dict[str, IrmClass]:
        return dict(self.irm)


class Faculty(msgspec.Struct, frozen=True):
    """The organisation that competitors stand for."""

    name: str
    title: str
    aliases: tuple[str, ...]
    titles: tuple[tuple[str, str], ...] = ()
    #: at most 12 characters, for narrow tables
    short: str | None = None
    #: "#rrggbb", in small letters
    colour: str | None = None


class Games(msgspec.Struct, frozen=True):
    """What the games are called, when and where they are; None is not known."""

    title: str | None = None
    titles: tuple[tuple[str, str], ...] = ()
    begins: date | None = None
    ends: date | None = None
    place: str | None = None


class UnknownName(ValueError):
    """A text that names no sport, or no faculty, of the catalogue."""

    def __init__(self, kind: _Kind, text: object, known: tuple[str, ...]) -> None:
        super().__init__(f"expected {_listed(kind, known)}, got {shown(text)}")
        self.kind = kind
        self.text = text
        self.known = known


class CatalogueError(ValueError):
    """A catalogue that cannot be used: in which file, at which key, and what was expected."""

    def __init__(self, file: str, place: str, expected: str) -> None:
        super().__init__(f"{file}: {place}: {expected}" if place else f"{file}: {expected}")
        self.file = file
        self.place = place
        self.expected = expected


@dataclass(frozen=True)
class Catalogue:
    """Sports and faculties by their names. Made by ``load_catalogue`` or ``make_catalogue``."""

    revision: int
    games: Games
    sports: Mapping[str, Sport]
    faculties: Mapping[str, Faculty]
    _sports_by_text: dict[str, Sport] = field(repr=False, compare=False)
    _faculties_by_text: dict[str, Faculty] = field(repr=False, compare=False)

    def sport(self, text: object) -> Sport:
        """Return the sport of this name, code, number or alias (text or int).

        Raises UnknownName, also for values of any other type.
        """
        found = _find(self._sports_by_text, text)
        if found is None:
            raise UnknownName("sport", text, tuple(self.sports))
        return found

    def faculty(self, text: object) -> Faculty:
        """Return the faculty of this name or alias; raises UnknownName, as above."""
        found = _find(self._faculties_by_text, text)
        if found is None:
            raise UnknownName("faculty", text, tuple(self.faculties))
        return found

    @functools.cached_property
    def fingerprint(self) -> str:
        """A short hash of the revision and of all that decides how results count.

        What things are called and how they look is no part of it, nor is the order of sports and
        faculties: the results on the topic have names only.
        """
        content = msgspec.json.encode(
            [
                self.revision,
                [counted_by(sport) for _, sport in sorted(self.sports.items())],
                sorted(self.faculties),
            ]
        )
        return hashlib.blake2b(content, digest_size=6).hexdigest()


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read and check a catalogue; without a path the packaged one. Raises CatalogueError."""
    return make_catalogue(catalogue_text(path), file=str(path or "catalogue.toml"))


def catalogue_text(path: Path | None = None) -> str:
    """Return the text of a catalogue; without a path the packaged one. Raises CatalogueError."""
    if path is None:
        return resources.files("olympics").joinpath("catalogue.toml").read_text("utf-8")
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise CatalogueError(
            str(path), "", f"expected a readable file ({error.strerror})"
        ) from error
    except UnicodeDecodeError as error:
        raise CatalogueError(str(path), "", f"expected UTF-8 ({error})") from error


def make_catalogue(text: str, *, file: str = "catalogue") -> Catalogue:
    """Check the text of a catalogue. ``file`` is what errors call it. Raises CatalogueError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(file, "", f"expected TOML ({error})") from error
    return catalogue_of(document, file=file)


def catalogue_of(document: Mapping[str, object], *, file: str = "catalogue") -> Catalogue:
    """Check a catalogue that was read from TOML. Raises CatalogueError, as above."""
    raw = _converted(document, _RawCatalogue, file, "")
    games = _games(_converted(raw.games, _RawGames, file, "games"), file)
    irm = _irm_classes(_converted(raw.irm, _RawIrm, file, "irm"), _IRM_CLASSES, file, "irm")
    sports = {
        name: _sport(name, _converted(value, _RawSport, file, f"sports.{name}"), irm, file)
        for name, value in raw.sports.items()
    }
    faculties = {
        name: _faculty(name, _converted(value, _RawFaculty, file, f"faculties.{name}"), file)
        for name, value in raw.faculties.items()
    }
    for place, found in (("sports", sports), ("faculties", faculties)):
        if not found:
            raise CatalogueError(file, place, "expected at least one")
    return Catalogue(
        revision=raw.revision,
        games=games,
        sports=MappingProxyType(sports),
        faculties=MappingProxyType(faculties),
        _sports_by_text=_index(
            sports,
            lambda s: (
                *(s.name, s.code, s.title, *s.aliases, *dict(s.titles).values()),
                *(() if s.number is None else (str(s.number),)),
            ),
            file,
            "sports",
        ),
        _faculties_by_text=_index(
            faculties,
            lambda f: (
                *(f.name, f.title, *f.aliases, *dict(f.titles).values()),
                *(() if f.short is None else (f.short,)),
            ),
            file,
            "faculties",
        ),
    )


def rules_revision(catalogue: Catalogue) -> int:
    """Return one ordered number for the rules of this package and the catalogue together."""
    return RULES_REVISION * _CATALOGUE_REVISIONS + catalogue.revision


def split_revision(number: int) -> tuple[int, int]:
    """Return the revisions of the package's rules and of the catalogue in a rules revision."""
    return divmod(number, _CATALOGUE_REVISIONS)


# The file's own shape. msgspec checks it; what it cannot express is checked below.

_Pattern = Annotated[str, msgspec.Meta(min_length=1)]
_Language = Annotated[str, msgspec.Meta(pattern=r"\A[a-z]{2}\Z")]


class _RawCatalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    revision: Annotated[int, msgspec.Meta(ge=0, lt=_CATALOGUE_REVISIONS)]
    sports: dict[str, dict[str, Any]]
    faculties: dict[str, dict[str, Any]]
    games: dict[str, Any] = {}
    irm: dict[str, Any] = {}


class _RawGames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str | None = None
    titles: dict[_Language, str] = {}
    begins: date | None = None
    ends: date | None = None
    place: str | None = None


class _RawIrm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    did_not_start: tuple[str, ...] = ()
    disqualified: tuple[str, ...] = ()
    out_of_competition: tuple[str, ...] = ()


class _RawEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    units: _Pattern | Annotated[tuple[_Pattern, ...], msgspec.Meta(min_length=1)] = ()
    words: _Pattern | Annotated[tuple[_Pattern, ...], msgspec.Meta(min_length=1)] = ()
    order: Order | None = None
    phase: Phase | None = None
    two_bronzes: bool | None = None
    times: bool | None = None
    title: str | None = None
    titles: dict[_Language, str] = {}


#: By code and by name.
_FIGHT_FOR_BRONZE: Final = frozenset(
    ("JUD", "KTE", "TKW", "WRE", "judo", "karate", "taekwondo", "wrestling")
)


class _RawSport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z][A-Z0-9]{2}\Z")]
    order: Order
    number: Annotated[int, msgspec.Meta(ge=0)] | None = None
    title: str | None = None
    titles: dict[_Language, str] = {}
    aliases: tuple[str, ...] = ()
    events: tuple[_RawEvent, ...] = ()
    two_bronzes: bool = False
    times: bool = False
    irm: _RawIrm = _RawIrm()


class _RawFaculty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str | None = None
    titles: dict[_Language, str] = {}
    aliases: tuple[str, ...] = ()
    short: str | None = None
    colour: str | None = None


# Names become parts of Redis keys, and values in frames of a dashboard that turns whatever Go's
# ParseFloat accepts into a number: a faculty called INF would show as one.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_GO_NUMBER = re.compile(
    r"-?(?:inf(?:inity)?|nan|[0-9_]+(?:e-?[0-9_]+)?|0x[0-9a-f_]+(?:p-?[0-9_]+)?)",
    re.ASCII | re.IGNORECASE,
)

_Raw = TypeVar("_Raw")
_Named = TypeVar("_Named", Sport, Faculty)
_Said = TypeVar("_Said")

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_LONGEST_SHORT_NAME = 12
# As in results: letters, digits and signs, and no more than these can have.
_IRM = re.compile(r"[!-~]{1,16}")


def _converted(value: object, shape: type[_Raw], file: str, place: str) -> _Raw:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        # "Expected `int`, got `str` - at `$.sports[...].number`": the place's root is known here.
        expected, _, path = str(error).partition(" - at `$")
        inner = path.rstrip("`").lstrip(".")
        where = ".".join(part for part in (place, inner) if part)
        raise CatalogueError(file, where, expected[:1].lower() + expected[1:]) from error


def fights_for_bronze(name: str, code: str) -> bool:
    """Whether a sport always fights for its bronzes, whatever its catalogue says of two_bronzes.

    The contests decide there; bronzes for losing semi-finalists would come on top of theirs.
    (Sport rules of the IJF, World Taekwondo, United World Wrestling and the WKF: two contests for
    bronze a weight class, between repechage winners and losing semi-finalists.)
    """
    return code in _FIGHT_FOR_BRONZE or folded(name) in _FIGHT_FOR_BRONZE


def _sport(name: str, raw: _RawSport, irm: Mapping[str, IrmClass], file: str) -> Sport:
    place = f"sports.{name}"
    return Sport(
        name=_name(name, file, place),
        code=raw.code,
        number=raw.number,
        title=_title(raw.title, file, f"{place}.title") or name,
        titles=_titles(raw.titles, file, place),
        aliases=raw.aliases,
        order=raw.order,
        events=tuple(
            _event(event, file, f"{place}.events[{number}]")
            for number, event in enumerate(raw.events)
        ),
        two_bronzes=raw.two_bronzes and not fights_for_bronze(name, raw.code),
        times=raw.times,
        irm=tuple(sorted(_irm_classes(raw.irm, irm, file, f"{place}.irm").items())),
    )


def _event(raw: _RawEvent, file: str, place: str) -> Event:
    event = Event(
        patterns=_patterns(raw, file, place),
        order=raw.order,
        phase=raw.phase,
        two_bronzes=raw.two_bronzes,
        times=raw.times,
        title=_title(raw.title, file, f"{place}.title"),
        titles=_titles(raw.titles, file, place),
    )
    if event == Event(event.patterns):
        raise CatalogueError(
            file,
            place,
            "expected beside units and words: order, phase, two_bronzes, times, title or titles",
        )
    return event


def _patterns(raw: _RawEvent, file: str, place: str) -> Patterns:
    patterns = Patterns(
        *((it,) if isinstance(it, str) else it for it in (raw.units, raw.words)),
    )
    if patterns == Patterns():
        raise CatalogueError(file, place, "expected units or words: which units it is about")
    for number, phrase in enumerate(patterns.phrases):
        try:
            check_phrase(phrase)
        except ValueError as error:
            raise CatalogueError(
                file, f"{place}.words[{number}]", f"expected {error}, got {shown(phrase)}"
            ) from error
    return patterns


def counted_by(sport: Sport) -> list[Any]:
    """Return all of a sport that decides how results count; its events come last."""
    events = [(it.patterns, it.order, it.phase, it.two_bronzes, it.times) for it in sport.events]
    return [
        *(sport.name, sport.code, sport.order, sport.two_bronzes, sport.times, sport.irm),
        [event for event in events if event[1:] != (None, None, None, None)],
    ]


def _faculty(name: str, raw: _RawFaculty, file: str) -> Faculty:
    place = f"faculties.{name}"
    if raw.colour is not None and not _COLOUR.fullmatch(raw.colour):
        raise CatalogueError(
            file, f"{place}.colour", f"expected a colour such as #1f77b4, got {shown(raw.colour)}"
        )
    return Faculty(
        name=_name(name, file, place),
        title=_title(raw.title, file, f"{place}.title") or name,
        titles=_titles(raw.titles, file, place),
        aliases=raw.aliases,
        short=_title(raw.short, file, f"{place}.short", longest=_LONGEST_SHORT_NAME),
        colour=raw.colour.lower() if raw.colour else None,
    )


def _games(raw: _RawGames, file: str) -> Games:
    if raw.begins and raw.ends and raw.ends < raw.begins:
        raise CatalogueError(
            file, "games.ends", f"expected {raw.begins} (the day on which they begin) or later"
        )
    return Games(
        title=_title(raw.title, file, "games.title"),
        titles=_titles(raw.titles, file, "games"),
        begins=raw.begins,
        ends=raw.ends,
        place=_title(raw.place, file, "games.place"),
    )


def _irm_classes(
    raw: _RawIrm, known: Mapping[str, IrmClass], file: str, place: str
) -> dict[str, IrmClass]:
    """Return the classes of *known* with those of *raw*, which come first."""
    said: dict[str, IrmClass] = {}
    for irm_class in get_args(IrmClass):
        for number, text in enumerate(getattr(raw, irm_class)):
            where = f"{place}.{irm_class}[{number}]"
            code = _irm_code(text)
            if not _IRM.fullmatch(code):
                raise CatalogueError(
                    file, where, f"expected a code such as DNS or DSQ, got {shown(text)}"
                )
            if said.setdefault(code, irm_class) != irm_class:
                raise CatalogueError(
                    file, where, f"expected each code in one class, but {code} is {said[code]} too"
                )
    return {**known, **said}


def _irm_code(text: str) -> str:
    return "".join(text.split()).upper()


def _name(name: str, file: str, place: str) -> str:
    if not _NAME.fullmatch(name):
        raise CatalogueError(
            file, place, 'expected a name of 1 to 64 letters (a-z), digits, "-" and "_"'
        )
    if _GO_NUMBER.fullmatch(name):
        raise CatalogueError(
            file, place, "expected a name that no dashboard takes for a number (so not inf or nan)"
        )
    return name


def _title(title: str | None, file: str, place: str, *, longest: int | None = None) -> str | None:
    if title is None:
        return None
    try:
        clean = canonical_text(title, joiners=True)
    except ValueError as error:
        raise CatalogueError(file, place, f"expected {error}") from error
    if not clean:
        raise CatalogueError(file, place, "expected a text that is not empty")
    if longest is not None and len(clean) > longest:
        raise CatalogueError(
            file, place, f"expected at most {longest} characters, got {len(clean)}"
        )
    return clean


def _titles(titles: dict[str, str], file: str, place: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (language, _title(title, file, f"{place}.titles.{language}") or "")
        for language, title in sorted(titles.items())
    )


def _index(
    named: dict[str, _Named],
    texts_of: Callable[[_Named], tuple[str, ...]],
    file: str,
    place: str,
) -> dict[str, _Named]:
    """Map every text that names something to it: as spelled (the fast way in), and folded."""
    index: dict[str, _Named] = {}
    for name, value in named.items():
        for text in texts_of(value):
            key = folded(text)
            if not key:
                raise CatalogueError(
                    file, f"{place}.{name}", f"expected names with letters, got {shown(text)}"
                )
            other = index.setdefault(key, value)
            if other is not value:
                raise CatalogueError(
                    file,
                    f"{place}.{name}",
                    f"expected names of its own, but {shown(text)} also names {other.name} "
                    "(case, accents and white space do not tell names apart)",
                )
    # A spelling that folds to another's key cannot hide it: its own folded key is that very key.
    for value in named.values():
        for text in texts_of(value):
            index[text] = value
    return index


def _find(index: dict[str, _Named], text: object) -> _Named | None:
    if isinstance(text, str):
        found = index.get(text)
        if found is None and len(text) <= _LONGEST_NAME:
            found = index.get(folded(text))
        return found
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text < 10**9:
        return index.get(str(text))
    return None


# Longer texts are not worth folding: whoever sends megabytes as a faculty waits for nobody.
_LONGEST_NAME = 256


def _listed(kind: _Kind, known: tuple[str, ...]) -> str:
    if len(known) <= 12:
        return f"a {kind} of the catalogue: {', '.join(known)}"
    return f"one of the {len(known)} names of a {kind} in the catalogue, such as {known[0]}"
