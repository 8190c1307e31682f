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
    two_bronzes = false                 # optional: both losing semi-finalists take bronze
    events = [                          # optional: units that rank otherwise, first match
      { units = "SWM?PLUNGE*", order = "higher" },
    ]

    [faculties.engineering]
    title = "Engineering"
    aliases = ["Ingeniería"]

Names, titles in any language, codes, numbers and aliases all name the same thing; they are compared
without case, accents or repeated white space, so two that collide then are an error.
"""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from olympics.text import canonical_text, folded, shown
from olympics.words import Order as Order

# The revision of the rules in this package: raise it when the same results would count otherwise.
RULES_REVISION = 1
_CATALOGUE_REVISIONS = 1_000_000

_Kind = Literal["sport", "faculty"]


class Sport(msgspec.Struct, frozen=True):
    """A sport and how it ranks. ``events``: pairs of a pattern on the unit and the order there."""

    name: str
    code: str
    number: int | None
    title: str
    aliases: tuple[str, ...]
    order: Order
    events: tuple[tuple[str, Order], ...]
    two_bronzes: bool
    #: pairs of a language (ISO 639, two letters) and the title in it
    titles: tuple[tuple[str, str], ...] = ()
    #: where lower is better, marks are times, and are shown as such
    times: bool = False

    def order_of(self, unit: str) -> Order:
        """Return how ``unit`` ranks: by the first pattern that matches it, else as the sport does.

        Patterns are those of a shell (``*``, ``?``, ``[…]``), without regard to case.
        """
        return _orders(self.events)(unit) or self.order if self.events else self.order


class Faculty(msgspec.Struct, frozen=True):
    """The organisation that competitors stand for."""

    name: str
    title: str
    aliases: tuple[str, ...]
    titles: tuple[tuple[str, str], ...] = ()


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
        """A short hash of the content but for ``times``, which changes nothing but how marks look.

        Equal catalogues have equal ones, in any order.
        """
        content = msgspec.json.encode(
            [
                self.revision,
                [_counted_by(sport) for _, sport in sorted(self.sports.items())],
                sorted(self.faculties.values(), key=lambda faculty: faculty.name),
            ]
        )
        return hashlib.blake2b(content, digest_size=6).hexdigest()


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read and check a catalogue; without a path the packaged one. Raises CatalogueError."""
    if path is None:
        text = resources.files("olympics").joinpath("catalogue.toml").read_text("utf-8")
        return make_catalogue(text, file="catalogue.toml")
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise CatalogueError(
            str(path), "", f"expected a readable file ({error.strerror})"
        ) from error
    except UnicodeDecodeError as error:
        raise CatalogueError(str(path), "", f"expected UTF-8 ({error})") from error
    return make_catalogue(text, file=str(path))


def make_catalogue(text: str, *, file: str = "catalogue") -> Catalogue:
    """Check the text of a catalogue. ``file`` is what errors call it. Raises CatalogueError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(file, "", f"expected TOML ({error})") from error
    raw = _converted(document, _RawCatalogue, file, "")
    sports = {
        name: _sport(name, _converted(value, _RawSport, file, f"sports.{name}"), file)
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
            lambda f: (f.name, f.title, *f.aliases, *dict(f.titles).values()),
            file,
            "faculties",
        ),
    )


def rules_revision(catalogue: Catalogue) -> int:
    """Return one ordered number for the rules of this package and the catalogue together."""
    return RULES_REVISION * _CATALOGUE_REVISIONS + catalogue.revision


# The file's own shape. msgspec checks it; what it cannot express is checked below.

_Language = Annotated[str, msgspec.Meta(pattern=r"\A[a-z]{2}\Z")]


class _RawCatalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    revision: Annotated[int, msgspec.Meta(ge=0, lt=_CATALOGUE_REVISIONS)]
    sports: dict[str, dict[str, Any]]
    faculties: dict[str, dict[str, Any]]


class _RawEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    units: Annotated[str, msgspec.Meta(min_length=1)]
    order: Order


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


class _RawFaculty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str | None = None
    titles: dict[_Language, str] = {}
    aliases: tuple[str, ...] = ()


# Names become parts of Redis keys, and values in frames of a dashboard that turns whatever Go's
# ParseFloat accepts into a number: a faculty called INF would show as one.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_GO_NUMBER = re.compile(
    r"-?(?:inf(?:inity)?|nan|[0-9_]+(?:e-?[0-9_]+)?|0x[0-9a-f_]+(?:p-?[0-9_]+)?)",
    re.ASCII | re.IGNORECASE,
)

_Raw = TypeVar("_Raw")
_Named = TypeVar("_Named", Sport, Faculty)


def _converted(value: object, shape: type[_Raw], file: str, place: str) -> _Raw:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        # "Expected `int`, got `str` - at `$.sports[...].number`": the place's root is known here.
        expected, _, path = str(error).partition(" - at `$")
        inner = path.rstrip("`").lstrip(".")
        where = ".".join(part for part in (place, inner) if part)
        raise CatalogueError(file, where, expected[:1].lower() + expected[1:]) from error


def _sport(name: str, raw: _RawSport, file: str) -> Sport:
    place = f"sports.{name}"
    return Sport(
        name=_name(name, file, place),
        code=raw.code,
        number=raw.number,
        title=_title(raw.title, name, file, place),
        titles=_titles(raw.titles, name, file, place),
        aliases=raw.aliases,
        order=raw.order,
        events=tuple((event.units, event.order) for event in raw.events),
        two_bronzes=raw.two_bronzes,
        times=raw.times,
    )


def _counted_by(sport: Sport) -> dict[str, Any]:
    content = msgspec.structs.asdict(sport)
    del content["times"]
    return content


def _faculty(name: str, raw: _RawFaculty, file: str) -> Faculty:
    place = f"faculties.{name}"
    return Faculty(
        name=_name(name, file, place),
        title=_title(raw.title, name, file, place),
        titles=_titles(raw.titles, name, file, place),
        aliases=raw.aliases,
    )


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


def _title(title: str | None, name: str, file: str, place: str) -> str:
    if title is None:
        return name
    try:
        clean = canonical_text(title, joiners=True)
    except ValueError as error:
        raise CatalogueError(file, f"{place}.title", f"expected {error}") from error
    if not clean:
        raise CatalogueError(file, f"{place}.title", "expected a text that is not empty")
    return clean


def _titles(
    titles: dict[str, str], name: str, file: str, place: str
) -> tuple[tuple[str, str], ...]:
    return tuple(
        (language, _title(title, name, file, f"{place}.titles.{language}"))
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


@functools.lru_cache(maxsize=256)
def _orders(events: tuple[tuple[str, Order], ...]) -> Callable[[str], Order | None]:
    """Return a function from a unit to the order of the first pattern that matches it."""
    patterns = [pattern.lower() for pattern, _ in events]
    # One expression with a group per pattern: alternatives are tried from left to right.
    together = _any_of([f"({fnmatch.translate(it)})" for it in patterns]).match
    # Most units match none of them. To see that is quicker with those that begin anywhere apart.
    begins = _any_of([fnmatch.translate(it) for it in patterns if it[:1] != "*"]).match
    within = _any_of([fnmatch.translate(it.lstrip("*")) for it in patterns if it[:1] == "*"]).search

    def order_of(unit: str) -> Order | None:
        text = unit.lower()
        if begins(text) is None and within(text) is None:
            return None
        match = together(text)
        return events[match.lastindex - 1][1] if match and match.lastindex else None

    return order_of


def _any_of(expressions: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(expressions) or "(?!)")
