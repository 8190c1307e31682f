"""The paths that take records: this gateway's own, those of the course's clients, and further ones.

A path is compared without case, accents, repeated slashes and a slash at its end: ``/Ingeniería/``
is ``/ingenieria``.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Annotated, Final, Literal, NamedTuple, cast, get_args
from urllib.parse import unquote

from pydantic import AfterValidator

from olympics.catalogue import Catalogue, UnknownName
from olympics.text import folded

RecordKind = Literal["result", "entry", "report"]
Status = Literal[200, 202]


class RecordPath(NamedTuple):
    """What a path takes, and how it answers.

    ``faculty``: that of entries that have none. ``status``: the answer when records are accepted.
    ``nameless``: its entries may lack the student.
    """

    kind: RecordKind
    faculty: str | None = None
    status: Status = 202
    nameless: bool = False


class PathsError(ValueError):
    """The setting ``paths`` cannot be used; the text tells the operator why."""


SETTING: Final = "MEDALLERO_PATHS"

#: Paths that no setting can change.
OWN: Final = {
    "/v1/results": RecordPath("result"),
    "/v1/entries": RecordPath("entry"),
    "/v1/reports": RecordPath("report"),
}

_ENGINEERING: Final = RecordPath("entry", "engineering", 200)
_AGRONOMY: Final = RecordPath("entry", "agronomy", 200)
_ENTRY: Final = RecordPath("entry", status=200)
_REPORT: Final = RecordPath("report", status=200)

#: Paths of the course's clients. Some of them take 200 alone for success.
COURSE: Final = {
    "/ingenieria": _ENGINEERING,
    "/engineering": _ENGINEERING,
    "/send_student_inge": _ENGINEERING,
    "/ingenieria/add_student": _ENGINEERING,
    "/agronomia": _AGRONOMY,
    "/agronomy": _AGRONOMY,
    "/send_student_agro": _AGRONOMY,
    "/agronomia/add_student": _AGRONOMY,
    "/": _ENTRY,
    "/sendstudent": _ENTRY,
    "/student": _ENTRY,
    "/students": _ENTRY,
    "/api/students": _ENTRY,
    "/grpc-rust": _ENTRY,
    "/grpc-go": _ENTRY,
    "/participate": RecordPath("entry", status=200, nameless=True),
    "/input": _REPORT,
    "/clima": _REPORT,
    "/weather": _REPORT,
    "/weathertweet": _REPORT,
    "/api/weather": _REPORT,
    "/tweet": _REPORT,
    "/api/tweet": _REPORT,
    "/api/tweets": _REPORT,
}

#: Below it all paths are this gateway's own, also those to come.
_RESERVED: Final = "/v1/"
_EXPECTED: Final = (
    "expected for example '/medicine entry faculty=medicine status=200, /bulk result': a path, "
    "what it takes (result, entry or report), and options (faculty=NAME, status=200 or 202, "
    "nameless=true)"
)
_SLASHES: Final = re.compile("/{2,}")
_LONGEST: Final = 200
_NEAREST: Final = 3


def canonical_path(path: str) -> str:
    """Return the form in which *path* (percent-encoded or not) is compared."""
    return _SLASHES.sub("/", folded(unquote(path))).rstrip("/") or "/"


def nearest_paths(path: str, known: Iterable[str]) -> list[str]:
    """Return those of *known* that *path* may have meant, the nearest first; at most three."""
    others = [it for it in known if it != "/"]
    return get_close_matches(canonical_path(path)[:_LONGEST], others, n=_NEAREST, cutoff=0.6)


def parse_paths(text: str) -> dict[str, RecordPath]:
    """Return what the setting ``paths`` says: lines, or parts between commas, of ``PATH KIND``.

    :raises PathsError: it cannot be understood, or takes a path that is not free.
    """
    found: dict[str, RecordPath] = {}
    for item in re.split(r"[,\n]", text):
        words = item.split()
        if not words:
            continue
        if len(words) < 2:
            raise PathsError(f"{item.strip()!r}: {_EXPECTED}")
        path = _path(words[0])
        if path in found:
            raise PathsError(f"{words[0]!r} is there twice")
        found[path] = _record_path(words[0], words[1], words[2:])
    return found


def record_paths(text: str, catalogue: Catalogue, *, reports: bool) -> dict[str, RecordPath]:
    """Return all paths that take records, by their canonical form, with the catalogue's faculties.

    *text* is the setting ``paths``. *reports*: weather reports are taken too; else their built-in
    paths are not there. A built-in path whose faculty the catalogue lacks gives none.

    :raises PathsError: the setting cannot be used.
    """
    further = parse_paths(text)
    for path, it in further.items():
        if it.kind == "report" and not reports:
            raise PathsError(
                f"{SETTING}: {path} takes reports, but MEDALLERO_WEATHER_WRITERS does not say "
                "where they go"
            )
    paths = {
        path: it if it.faculty is None else it._replace(faculty=_known(it.faculty, catalogue))
        for path, it in {**OWN, **COURSE}.items()
        if it.kind != "report" or reports
    }
    for path, it in further.items():
        if it.faculty is not None:
            name = _known(it.faculty, catalogue)
            if name is None:
                names = ", ".join(catalogue.faculties)
                raise PathsError(
                    f"{SETTING}: {path}: there is no faculty {it.faculty!r}; expected {names}"
                )
            it = it._replace(faculty=name)
        paths[path] = it
    return paths


def _checked(text: str) -> str:
    parse_paths(text)
    return text


#: The text of the setting, for pydantic.
PathsText = Annotated[str, AfterValidator(_checked)]


def _path(text: str) -> str:
    path = canonical_path(text)
    if not text.startswith("/") or not path.isascii() or not path.isprintable():
        raise PathsError(f"{text!r} is not a path such as /medicine; {_EXPECTED}")
    if any(sign in path for sign in "?#%;"):
        raise PathsError(f"{text!r}: expected a path without any of ?, #, % and ;")
    if path == "/v1" or path.startswith(_RESERVED):
        raise PathsError(f"{text!r}: all paths below {_RESERVED} are the gateway's own")
    return path


def _record_path(path: str, kind: str, options: list[str]) -> RecordPath:
    if kind not in get_args(RecordKind):
        raise PathsError(f"{path} {kind!r}: expected result, entry or report; {_EXPECTED}")
    given = dict(_options(path, options))
    status = given.pop("status", "202")
    nameless = given.pop("nameless", "false")
    faculty = given.pop("faculty", None)
    if given:
        raise PathsError(f"{path}: unknown option {next(iter(given))!r}; {_EXPECTED}")
    if status not in ("200", "202"):
        raise PathsError(f"{path}: expected status=200 or status=202, got {status!r}")
    if nameless not in ("true", "false"):
        raise PathsError(f"{path}: expected nameless=true or nameless=false, got {nameless!r}")
    if kind != "entry" and (faculty is not None or nameless == "true"):
        raise PathsError(f"{path}: only a path of entries has a faculty or nameless entries")
    return RecordPath(
        cast(RecordKind, kind), faculty, cast(Status, int(status)), nameless == "true"
    )


def _options(path: str, options: list[str]) -> Iterator[tuple[str, str]]:
    seen = set()
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not value:
            raise PathsError(f"{path}: {option!r} is not an option; {_EXPECTED}")
        if name in seen:
            raise PathsError(f"{path}: {name!r} is there twice")
        seen.add(name)
        yield name, value


def _known(faculty: str, catalogue: Catalogue) -> str | None:
    try:
        return catalogue.faculty(faculty).name
    except UnknownName:
        return None
