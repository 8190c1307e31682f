"""Entries: the course's payload in all its variants, and a coin that always falls the same way."""

from __future__ import annotations

from typing import Any

import pytest

from olympics.catalogue import load_catalogue
from olympics.entry import coin, parse_entry
from olympics.result import Competitor, Result, ResultError, decode, encode

CATALOGUE = load_catalogue()
OFFICIAL = {"student": "Alvaro García", "age": 20, "faculty": "Ingeniería", "discipline": 1}


def parse(raw: object, entry_id: str = "e1", faculty: str | None = None) -> Result:
    return parse_entry(raw, CATALOGUE, entry_id=entry_id, seed="games", faculty=faculty)


def test_an_entry_is_settled_as_a_result() -> None:
    by_outcome = {parse(OFFICIAL, f"e{number}").outcome: number for number in range(20)}
    won = parse(OFFICIAL, f"e{by_outcome['won']}")
    lost = parse(OFFICIAL, f"e{by_outcome['lost']}")
    assert won == Result(
        sport="swimming",
        unit=f"entry/e{by_outcome['won']}",
        phase="other",
        competitor=Competitor(f"e{by_outcome['won']}", "Alvaro García", 20),
        faculty="engineering",
        status="official",
        version=1,
        outcome="won",
        medal="gold",
    )
    assert (lost.outcome, lost.medal) == ("lost", "none")
    for result in (won, lost):
        assert decode(encode(result), CATALOGUE) == result


@pytest.mark.parametrize(
    "raw",
    [
        {"name": "Alvaro García", "age": 20, "faculty": "ingenieria", "discipline": "1"},
        {"nombre": "Alvaro García", "edad": 20, "facultad": "INGENIERÍA", "disciplina": 1},
        {"student": "Alvaro García", "age": "20", "faculty": "engineering", "sport": "Natación"},
        OFFICIAL | {"name": "Alvaro  García", "edad": 20.0, "sport": "SWM", "facultad": None},
        OFFICIAL | {"carnet": 201900000, "id": "whatever", "extra": {"deep": []}},
        {"Student": "Alvaro García", "AGE": 20, "Faculty": "Ingenieria", "Discipline": 1.0},
        {"Nombre": "Alvaro García", "Edad": "20", "Facultad": "Ingenieria", "Deporte": "natacion"},
        {"student": {"name": "Alvaro García", "age": 20}, "faculty": "ingenieria", "discipline": 1},
        {
            "estudiante": {"nombre": "Alvaro García", "edad": 20, "facultad": "ingenieria"},
            "disciplina": "1",
        },
    ],
)
def test_the_variants_of_old_clients_mean_the_same(raw: dict[str, Any]) -> None:
    assert parse(raw) == parse(OFFICIAL)


def test_an_age_may_be_absent_but_not_be_wrong() -> None:
    assert parse({**OFFICIAL, "age": None}).competitor.age is None
    with pytest.raises(ResultError) as error:
        parse({**OFFICIAL, "age": -1})
    assert error.value.field == "age"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"student": None}, "student"),
        ({"student": " "}, "student"),
        ({"student": 5}, "student"),
        ({"student": {"name": {"name": "Ana"}}}, "name"),
        ({"student": {"faculty": "agronomia", "name": "Ana"}}, "faculty"),
        ({"Discipline": 2}, "Discipline"),
        ({"discipline": 1.5}, "discipline"),
        ({"student": "x" * 201}, "student"),
        ({"student": "a\0"}, "student"),
        ({"name": "Somebody Else"}, "name"),
        ({"edad": 21}, "edad"),
        ({"age": True}, "age"),
        ({"discipline": None}, "discipline"),
        ({"discipline": ""}, "discipline"),
        ({"discipline": 4}, "discipline"),
        ({"discipline": True}, "discipline"),
        ({"discipline": None, "disciplina": "ajedrez"}, "disciplina"),
        ({"disciplina": 2}, "disciplina"),
        ({"faculty": None}, "faculty"),
        ({"faculty": "medicina"}, "faculty"),
        ({"facultad": "agronomia"}, "facultad"),
        ({"facultad": ["agronomia"]}, "facultad"),
    ],
)
def test_a_bad_field_is_named_as_the_client_wrote_it(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ResultError, match="expected") as error:
        parse(OFFICIAL | changes)
    assert error.value.field == field


def test_the_path_stands_in_for_an_absent_faculty() -> None:
    assert parse({**OFFICIAL, "faculty": ""}, faculty="agronomia").faculty == "agronomy"


def test_a_faculty_that_agrees_with_the_path_is_fine_in_any_spelling() -> None:
    assert parse(OFFICIAL, faculty="engineering").faculty == "engineering"


def test_the_faculty_of_the_body_counts_if_the_path_has_another() -> None:
    assert parse(OFFICIAL, faculty="agronomy").faculty == "engineering"


def test_a_body_whose_faculty_is_unknown_is_not_counted_for_that_of_the_path() -> None:
    with pytest.raises(ResultError) as error:
        parse({**OFFICIAL, "faculty": "Medicina"}, faculty="agronomy")
    assert error.value.field == "faculty"


def test_a_student_may_be_absent_where_the_path_says_so() -> None:
    raw = {"Faculty": "Ingeniería", "Discipline": 1}

    result = parse_entry(raw, CATALOGUE, entry_id="e1", seed="games", nameless=True)

    assert result.competitor == Competitor("e1", None, None)
    assert decode(encode(result), CATALOGUE) == result
    with pytest.raises(ResultError) as error:
        parse(raw)
    assert error.value.field == "student"
    with pytest.raises(ResultError, match="expected text"):
        parse_entry({**raw, "name": 5}, CATALOGUE, entry_id="e1", seed="games", nameless=True)


@pytest.mark.parametrize("entry_id", ["", " ", "x" * 59, "a\0b", "a\u0600b", "\ud800"])
def test_an_id_that_cannot_be_part_of_a_unit_is_an_error(entry_id: str) -> None:
    with pytest.raises(ResultError) as error:
        parse(OFFICIAL, entry_id)
    assert error.value.field == "id"


def test_the_longest_id_fits_a_unit() -> None:
    assert parse(OFFICIAL, "x" * 58).unit == "entry/" + "x" * 58


@pytest.mark.parametrize("raw", [None, [], "text", 1, [OFFICIAL]])
def test_what_is_no_object_is_no_entry(raw: object) -> None:
    with pytest.raises(ResultError, match="expected a JSON object"):
        parse(raw)


def test_the_coin_depends_on_the_id_and_the_seed_alone() -> None:
    # Fixed: a later version must settle a repeated entry as this one does.
    tossed = "".join("H" if coin(f"e{number}", "games") else "t" for number in range(16))
    assert tossed == "HtHHtHHtHttHtHHH"
    other = "".join("H" if coin(f"e{number}", "other") else "t" for number in range(16))
    assert other != tossed


def test_the_coin_is_fair() -> None:
    heads = sum(coin(str(number), "medallero") for number in range(10_000))
    assert abs(heads - 5_000) < 250  # five standard deviations


def test_a_seed_may_be_any_text() -> None:
    for seed in ("", "s" * 1_000, "semilla ñ", "\udcff"):
        assert coin("e1", seed) in (True, False)
