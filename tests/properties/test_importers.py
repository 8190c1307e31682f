"""Whatever a file holds, it gives results or clear errors; and no cell is lost in silence."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from medallero.files.inputs import InputError, Reading, Record, Unreadable, open_input
from olympics.importers import CsvTable, Imported, Remark, TableError, import_rows
from olympics.importers.encodings import UnknownEncoding, find_encoding
from olympics.importers.headings import HEADINGS, MARK_FIELDS
from olympics.importers.stages import read_stage, read_stage_in_name
from olympics.plausibility import comparable, without_heat

GOOD = (
    "Deporte;Unidad;Fase;Carné;Atleta;Facultad;Puesto;Tiempo;Medalla\r\n"
    'Natación;"50 m; libre";Final;011;Inés Núñez;Ingeniería;1;58,40;ORO\r\n'
    "Natación;50 m libre;Final;012;Zoë;Agronomía;2;1:00,12;plata\r\n"
)
WHOLE = [GOOD.encode(it) for it in ("utf-8", "cp1252", "utf-16", "utf-16-le")] + [
    json.dumps([{"unit": "a"}], indent=1).encode(),
    b'{"unit": "a"}\n{"unit": "b"}\n',
    b"4,1,1,100m Final\n1,11,4,Ruiz,Ana,ENG,11.92\n",
    b"sep=,\n" + GOOD.replace(";", ",").encode(),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good file of any format with a few bytes replaced, removed or put in."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 6)))
        data[at:end] = draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b";", b"\n", b"\r", b"\0", b",,,"])
        )
    return bytes(data)


@settings(deadline=None)
@given(st.binary(max_size=300) | damaged())
@example(b'sport;unit;id;faculty;rank\n"')
@example(b"sport,unit,id,faculty,mark\r1,2,3,4,5")
@example(b"\xff\xfe")
@example(b"\xff\xfe\x00")
@example(b"\xef\xbb\xbf")
@example(b"PK\x03\x04")
@example(b"<")
@example(b"sep=;")
@example(b"sep=,\nsep=,\n")
def test_any_bytes_give_results_or_a_clear_error(data: bytes) -> None:
    said: list[Remark] = []
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "results"
        path.write_bytes(data)
        found, error = everything(path, said)
        assert error is None or (str(path) in str(error) and len(error.problem) > 5)
    for it in found:
        assert it.line >= 1
        assert b"\n" not in it.body if isinstance(it, Record) else it.error
    assert all(it.words for it in said)


def everything(
    path: Path, said: list[Remark]
) -> tuple[list[Record | Unreadable], InputError | None]:
    """Read a file to its end, or to the error that ends it."""
    found: list[Record | Unreadable] = []
    try:
        source = open_input(str(path))
    except InputError as error:
        return found, error
    try:
        found.extend(source.records(Reading(tell=said.append)))
    except InputError as error:
        return found, error
    finally:
        source.close()
    return found, None


@given(st.binary(max_size=200), st.integers(1, 50))
def test_an_encoding_that_is_found_can_be_decoded(data: bytes, piece: int) -> None:
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    line = 1
    try:
        found = find_encoding(pieces)
    except UnknownEncoding as error:
        line = error.line
    else:
        if found.name in ("utf-8", "cp1252"):
            assert found.sample in data.decode(found.name)
    assert 1 <= line <= 1 + data.count(b"\n")


@given(st.text())
def test_words_of_any_text_are_read(text: str) -> None:
    read_stage(text)
    assert comparable(f" {text} ") == comparable(text)
    without_heat(text)


# Texts that mean something in some columns, and texts that mean nothing.
TEXTS = st.sampled_from(
    [
        *("1", "2.0", "=3", "T1", "58.40", "1:02,34", "59.9x", "DNS", "DSQ / R 1", "W", "lost"),
        *("gold", "plata", "chocolate", "Final", "Semifinal 2", "Heat 3", "Ultimate", "20"),
        *("Ana Ruiz", "ENG", "swimming", "unofficial", "no se sabe", "Timed final heat 2", "w/o"),
        *("F", "6-4 6-2", "3.º", "Bronze", "🥉", "TIME", "DISTANCE"),
    ]
)
# What is read for the whole file, or says the same as another column; and cells that say what is
# meant without them.
NOT_OF_A_ROW = frozenset(("games", "year", "event_code", "event", "sport"))
SAYS_NOTHING = frozenset(("official", "TIME", "DISTANCE"))
# Where any other text makes a row unusable, which is told as a whole.
TEXTS_OF = {
    "rank": st.sampled_from(["1", "2.0", "=3", "T4", "DNS", "DQ"]),
    "status": st.sampled_from(["unofficial", "provisional", "DNS", "withdrawn"]),
}
EVERY = [(field, heading) for field, headings in HEADINGS.items() for heading in headings[:2]]


PARTS = """
    semi; media; medias; half; demi; halb; meia; mezza; 1/2; ½; quarter; cuartos; cuarto; 4tos; 4os
    1/4; ¼; quart; quarts; quartas; quarti; viertel; eighth; octavos; 8vos; 8avos; 1/8; 8th
    oitavas; ottavi; achtel; sixteenth; dieciseisavos; 16avos; 1/16; seizièmes; sedicesimi; 32avos
    treintaidosavos; huitième; 1/3; pre; previa a la; clasificación a la; camino a la; 2da; segunda
    consolation; consuelo; losers; small; pequeña; petite; kleines; B; C; grupo A; zona 2; pool B
"""


@given(
    st.sampled_from([it.strip() for it in PARTS.replace("\n", ";").split(";") if it.strip()]),
    st.sampled_from((" ", "-", " de ", " de la ", " of the ", " di ")),
    st.sampled_from(("final", "finals", "finales", "finale", "finali", "finais")),
    st.sampled_from(("", "100 m ", "100 m - ", "Damas, ", "-60 kg (")),
    st.sampled_from(("", " femenina", " 2", " - 100 m")),
    st.sampled_from((str.lower, str.upper, str.title)),
)
def test_a_part_of_a_final_or_another_one_is_never_the_final(
    part: str, between: str, final: str, before: str, after: str, spelt: Any
) -> None:
    text = before + spelt(f"{part}{between}{final}") + after
    assert read_stage(text).phase != "final"
    assert read_stage_in_name(text).phase != "final"


@st.composite
def one_row(draw: st.DrawFn) -> dict[str, str]:
    """A row by its headings: what a result needs, and any other columns."""
    row = {"deporte": "swimming", "unidad": "u 1", "carné": "7", "facultad": "ENG"}
    if draw(st.booleans()):
        del row["unidad"]
        row["prueba"] = "50 m"
    evidence = draw(st.sampled_from(["puesto", "marca", "result_wlt"]))
    row[evidence] = {"puesto": "1", "marca": "58.40", "result_wlt": "W"}[evidence]
    field_of_it = {"puesto": "rank", "marca": "mark", "result_wlt": "outcome"}[evidence]
    taken = {"sport", "unit", "competitor_id", "faculty", field_of_it}
    for field, heading in draw(st.lists(st.sampled_from(EVERY), max_size=8)):
        what = "mark" if field in MARK_FIELDS else field.removeprefix("stage_")
        if what not in taken:
            taken.add(what)
            row[heading] = draw(TEXTS_OF.get(field, TEXTS))
    for heading in draw(st.lists(st.sampled_from(["viento", "Nom", "x1"]), unique=True)):
        row[heading] = draw(TEXTS)
    return row


def outcome_of(row: dict[str, str]) -> Any:
    """Everything that an import of one row gives and says."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(row)
    writer.writerow(row.values())
    lines = text.getvalue().splitlines(keepends=True)
    remarks: list[Remark] = []
    try:
        (it,) = import_rows(CsvTable(lambda: lines), tell=remarks.append)
    except (TableError, ValueError) as error:
        return str(error)
    if isinstance(it, Imported):
        return it.result, it.result_type, it.faculty_title, remarks
    return it.field, it.error, remarks


@settings(deadline=None)
@given(one_row())
def test_every_cell_is_used_or_told(row: dict[str, str]) -> None:
    """Without the cell something else would come out, or be said."""
    whole = outcome_of(row)
    assume(not isinstance(whole, str) and len(whole) == 4)
    for heading, text in row.items():
        field = next((it for it, known in HEADINGS.items() if heading in known), None)
        # What stands in two columns is used once.
        says_more = text not in SAYS_NOTHING and list(row.values()).count(text) == 1
        if field not in NOT_OF_A_ROW and says_more:
            assert outcome_of(row | {heading: ""}) != whole, (heading, text)
