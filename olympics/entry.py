"""An entry: the course's payload. A student enters a discipline, and a fair coin settles it.

The coin is a pure function of the entry's id and the games' seed: retried, replayed or recomputed,
it falls the same way.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any, Final

from olympics.catalogue import Catalogue, Sport
from olympics.result import (
    COMPETITOR_LENGTH,
    MAX_AGE,
    NAME_LENGTH,
    Competitor,
    Result,
    ResultError,
    faculty_of,
    sport_of,
    text_of,
    whole_number,
)
from olympics.synonyms import Given, agreed, is_given, meanings
from olympics.text import shown
from olympics.words import ENTRY_UNIT_PREFIX as ENTRY_UNIT_PREFIX

#: The id is also the competitor's; shorter by what stands before it in the unit.
ENTRY_ID_LENGTH: Final = COMPETITOR_LENGTH - len(ENTRY_UNIT_PREFIX)


def parse_entry(
    raw: object,
    catalogue: Catalogue,
    *,
    entry_id: str,
    seed: str,
    faculty: str | None = None,
    nameless: bool = False,
) -> Result:
    """Settle an entry as a result: the unit ``entry/<id>``, won with gold or lost without medal.

    ``faculty`` is that of the request's path, if any: it stands in for an absent one. ``nameless``:
    the student may be absent. Fields have the names of the course's clients, in English or Spanish
    and in any case; the student may be an object that has some of them. Other fields are ignored.
    Raises ResultError.
    """
    if not isinstance(raw, dict):
        raise ResultError("", f"expected a JSON object, got {shown(raw)}")
    identity = text_of(entry_id, "id", ENTRY_ID_LENGTH)
    if identity is None:
        raise ResultError("id", f"expected text of 1 to {ENTRY_ID_LENGTH} characters, got nothing")
    given = _given(raw)
    student = _student(given["student"], nameless)
    age = _age(given["age"])
    sport = _sport(given["discipline"], catalogue)
    won = coin(identity, seed)
    return Result(
        sport=sport.name,
        unit=ENTRY_UNIT_PREFIX + identity,
        phase="other",
        competitor=Competitor(identity, student, age),
        faculty=_faculty(given["faculty"], catalogue, faculty),
        status="official",
        version=1,
        outcome="won" if won else "lost",
        medal="gold" if won else "none",
    )


def coin(entry_id: str, seed: str) -> bool:
    """Toss the coin of an entry: one bit of BLAKE2b, keyed by the seed."""
    tossed = hashlib.blake2b(entry_id.encode(), digest_size=1, key=_key(seed))
    return tossed.digest()[0] & 1 == 1


@functools.lru_cache(maxsize=8)
def _key(seed: str) -> bytes:
    # Hashed, since a key has at most 64 bytes and a seed any length. A seed from the environment
    # may hold bytes that are not UTF-8, which Python shows as lone surrogates.
    return hashlib.blake2b(seed.encode("utf-8", "surrogatepass")).digest()


#: What clients call the fields of an entry, in any case.
NAMES: Final = {
    "student": ("student", "name", "nombre", "estudiante"),
    "age": ("age", "edad"),
    "faculty": ("faculty", "facultad"),
    "discipline": ("discipline", "disciplina", "sport", "deporte"),
}
_meaning = meanings(NAMES)


def _given(raw: dict[Any, Any]) -> dict[str, list[Given]]:
    """Return what *raw* gives for each field of an entry."""
    found: dict[str, list[Given]] = {field: [] for field in NAMES}
    _collect(raw, found)
    for name, value in [it for it in found["student"] if isinstance(it[1], dict)]:
        found["student"].remove((name, value))
        _collect(value, found)
    return found


def _collect(raw: dict[Any, Any], found: dict[str, list[Given]]) -> None:
    for name, value in raw.items():
        field = _meaning(name)
        if field is not None and is_given(value):
            found[field].append((name, value))


def _student(given: list[Given], nameless: bool) -> str | None:
    if not given:
        if nameless:
            return None
        raise ResultError("student", "expected text, got nothing")
    return agreed([(field, text_of(it, field, NAME_LENGTH, joiners=True)) for field, it in given])


def _age(given: list[Given]) -> int | None:
    if not given:
        return None
    return agreed([(field, whole_number(it, field, 0, MAX_AGE)) for field, it in given])


def _sport(given: list[Given], catalogue: Catalogue) -> Sport:
    if not given:
        return sport_of(None, "discipline", catalogue)
    return agreed([(field, sport_of(_whole(it), field, catalogue)) for field, it in given])


def _whole(value: Any) -> Any:
    """Return 1 for 1.0, as some programs write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _faculty(given: list[Given], catalogue: Catalogue, of_path: str | None) -> str:
    if not given:
        return faculty_of(of_path, "faculty", catalogue)
    return agreed([(field, faculty_of(it, field, catalogue)) for field, it in given])
