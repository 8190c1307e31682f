"""An entry: the course's payload. A student enters a discipline, and a fair coin settles it.

The coin is a pure function of the entry's id and the games' seed: retried, replayed or recomputed,
it falls the same way.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any, Final, TypeVar

from olympics.catalogue import Catalogue, Sport
from olympics.result import (
    MAX_AGE,
    NAME_LENGTH,
    UNIT_LENGTH,
    Competitor,
    Result,
    ResultError,
    faculty_of,
    sport_of,
    text_of,
    whole_number,
)
from olympics.text import shown
from olympics.words import ENTRY_UNIT_PREFIX as ENTRY_UNIT_PREFIX

ENTRY_ID_LENGTH: Final = UNIT_LENGTH - len(ENTRY_UNIT_PREFIX)


def parse_entry(
    raw: object,
    catalogue: Catalogue,
    *,
    entry_id: str,
    seed: str,
    faculty: str | None = None,
) -> Result:
    """Settle an entry as a result: the unit ``entry/<id>``, won with gold or lost without medal.

    ``faculty`` is the one that the request's path names, if any: it stands in for an absent one,
    and must agree with one that is there. Old clients' fields in English and Spanish are accepted,
    their other fields ignored. Raises ResultError.
    """
    if not isinstance(raw, dict):
        raise ResultError("", f"expected a JSON object, got {shown(raw)}")
    identity = text_of(entry_id, "id", ENTRY_ID_LENGTH)
    if identity is None:
        raise ResultError("id", f"expected text of 1 to {ENTRY_ID_LENGTH} characters, got nothing")
    student = _student(raw)
    age = _age(raw)
    sport = _sport(raw, catalogue)
    won = coin(identity, seed)
    return Result(
        sport=sport.name,
        unit=ENTRY_UNIT_PREFIX + identity,
        phase="other",
        competitor=Competitor(identity, student, age),
        faculty=_faculty(raw, catalogue, faculty),
        status="official",
        version=1,
        outcome="won" if won else "lost",
        medal="gold" if won else "none",
    )


def coin(entry_id: str, seed: str) -> bool:
    """Toss the coin of an entry: one bit of BLAKE2b, keyed by the seed."""
    tossed = hashlib.blake2b(entry_id.encode(), digest_size=1, key=_key(seed))
    return tossed.digest()[0] & 1 == 1


_Value = TypeVar("_Value")


@functools.lru_cache(maxsize=8)
def _key(seed: str) -> bytes:
    # Hashed, since a key has at most 64 bytes and a seed any length. A seed from the environment
    # may hold bytes that are not UTF-8, which Python shows as lone surrogates.
    return hashlib.blake2b(seed.encode("utf-8", "surrogatepass")).digest()


def _student(raw: dict[Any, Any]) -> str:
    return _agreed(
        "student",
        [
            (field, text)
            for field in ("student", "name", "nombre")
            if (text := text_of(raw.get(field), field, NAME_LENGTH, joiners=True)) is not None
        ],
    )


def _age(raw: dict[Any, Any]) -> int | None:
    given = [
        (field, age)
        for field in ("age", "edad")
        if (age := whole_number(raw.get(field), field, 0, MAX_AGE)) is not None
    ]
    return _agreed("age", given) if given else None


def _sport(raw: dict[Any, Any], catalogue: Catalogue) -> Sport:
    given = [
        (field, sport_of(raw[field], field, catalogue))
        for field in ("discipline", "disciplina", "sport")
        if _is_given(raw.get(field))
    ]
    return _agreed("discipline", given) if given else sport_of(None, "discipline", catalogue)


def _faculty(raw: dict[Any, Any], catalogue: Catalogue, of_path: str | None) -> str:
    given = [
        (field, faculty_of(raw[field], field, catalogue))
        for field in ("faculty", "facultad")
        if _is_given(raw.get(field))
    ]
    if of_path is None:
        return _agreed("faculty", given) if given else faculty_of(None, "faculty", catalogue)
    name = faculty_of(of_path, "faculty", catalogue)
    for field, value in given:
        if value != name:
            raise ResultError(field, f"expected {name}, as the path says, got {value}")
    return name


def _is_given(value: object) -> bool:
    return value is not None and not (isinstance(value, str) and not value.strip())


def _agreed(field: str, given: list[tuple[str, _Value]]) -> _Value:
    """Return the one value that all the spellings of a field give."""
    if not given:
        raise ResultError(field, "expected text, got nothing")
    (first, value), *others = given
    for other, its_value in others:
        if its_value != value:
            raise ResultError(other, f"expected the same as {first}, of which it is a synonym")
    return value
