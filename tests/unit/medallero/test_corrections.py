"""Files of corrections: what they say, and what is wrong with them."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import pytest

from medallero.corrections.changes import NothingToChange
from medallero.corrections.files import read_corrections
from medallero.terminal import CannotDo

NOW: dict[str, Any] = {
    "sport": "swimming",
    "unit": "100 m",
    "phase": "final",
    "competitor": {"id": "7", "name": "Ana"},
    "faculty": "engineering",
    "status": "official",
    "version": 3,
    "mark": "58.400",
    "rank": 2,
}


def applied(path: Path, content: str | bytes) -> list[dict[str, Any]]:
    """Return what each correction of the file makes of NOW, as far as it differs."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    changed = []
    for it in read_corrections(str(path)):
        assert (it.sport, it.unit, it.competitor) == ("swimming", "100 m", "7")
        after = it.change(dict(NOW))
        changed.append({name: value for name, value in after.items() if NOW.get(name) != value})
    return changed


HEAD = "sport,unit,competitor"


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        (f"{HEAD},mark,irm\nswimming,100 m,7,58.2,\n", {"mark": "58.2"}),
        (f"{HEAD},mark,rank\nswimming,100 m,7,,CLEAR\n", {"rank": None}),
        (
            f"{HEAD},name,age\nswimming,100 m,7,Eva,21\n",
            {"competitor": {"name": "Eva", "age": "21"}},
        ),
        ("Deporte;Prueba;Competidor;Marca\r\nswimming;100 m;7;58,20\r\n", {"mark": "58,20"}),
        (codecs.BOM_UTF8 + f"sep=,\n{HEAD},irm\nswimming,100 m,7,DSQ\n".encode(), {"irm": "DSQ"}),
        (f"\n{HEAD},irm,,\nswimming,100 m,7,DSQ,,\n\n", {"irm": "DSQ"}),
        (
            "sport,unit,competitor,faculty\nswimming,100 m,7,Agronomía\n".encode("cp1252"),
            {"faculty": "Agronomía"},
        ),
        ('{"sport":"swimming","unit":"100 m","competitor":"7","rank":null}\n', {"rank": None}),
        ('{"sport":"swimming","unit":"100 m","competitor":7,"rank":1,"mark":""}', {"rank": 1}),
        (
            '[{"sport":"swimming","unit":"100 m","competitor":{"id":"7","name":"Eva"}}]',
            {"competitor": {"name": "Eva"}},
        ),
    ],
)
def test_what_a_row_says_changes_and_the_rest_stays(
    tmp_path: Path, content: str | bytes, changes: dict[str, Any]
) -> None:
    (found,) = applied(tmp_path / "file", content)

    if "competitor" in changes:
        changes = {"competitor": {**NOW["competitor"], **changes["competitor"]}}
    assert found == changes


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\x00\x01", "binary"),
        ("sport,unit,mark\n", "expected a column 'competitor'"),
        (f"{HEAD},time\nswimming,100 m,7,58\n", "line 1: unknown column 'time'; expected sport"),
        (f"{HEAD},mark,marca\n", "two columns for mark"),
        (f"{HEAD},mark\n", "there are no corrections"),
        (f"{HEAD},mark\nswimming,100 m,,58\n", "line 2: competitor: expected text, got nothing"),
        (f"{HEAD},mark\n\nswimming,100 m,7,\n", "line 3: no field to change"),
        (f"{HEAD},mark\nswimming,100 m,7,58,59\n", "line 2: the cell '59' stands under no heading"),
        (f"{HEAD},faculty\nswimming,100 m,7,clear\n", "line 2: faculty: every result has one"),
        (f'{HEAD},mark\nswimming,"100 m,7,58\n', "not CSV"),
        ('{"sport":"swimming","unit":"100 m","competitor":"7","version":4}', "version: leave it"),
        ('{"sport":"swimming","unit":"100 m","competitor":"7","lane":4}', "lane: unknown field"),
        ('{"sport":"swimming"}\n{"sport":', "line 2: expected an object in JSON"),
        ("[1]", "element 1: expected an object"),
        ("[{]", "expected a JSON array"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "file"
    path.write_text(content)

    with pytest.raises(CannotDo) as error:
        read_corrections(str(path))

    assert said in error.value.message
    assert str(path) in error.value.message


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotDo, match="No such file"):
        read_corrections(str(tmp_path / "none"))


def test_all_wrong_rows_are_told_and_many_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("".join(json.dumps({"sport": "x", "rank": n}) + "\n" for n in range(30)))

    with pytest.raises(CannotDo) as error:
        read_corrections(str(path))

    assert "30 of 30 corrections" in error.value.message
    assert "line 20:" in error.value.message
    assert "and 10 more" in error.value.message


def test_a_file_of_withdrawals_has_identities_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(f"{HEAD}\nswimming,100 m,7\n")

    (wanted,) = read_corrections(str(path), withdraw=True)

    after = wanted.change(dict(NOW))
    assert after == {**NOW, "status": "withdrawn"}
    with pytest.raises(NothingToChange):
        wanted.change(after)
    path.write_text(f"{HEAD},mark\nswimming,100 m,7,58\n")
    with pytest.raises(CannotDo, match="a withdrawal has only"):
        read_corrections(str(path), withdraw=True)
