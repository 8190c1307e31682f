"""Spreadsheets are tables like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medallero.files.inputs import InputError
from olympics.importers import Remark, sheets
from tests.support.meet_files import Cell, archive, ods, xlsx
from tests.unit.olympics.test_importers_meets import read, short

HEADINGS: list[Cell] = ["Deporte", "Prueba", "Fase", "Carné", "Atleta", "Facultad", "Tiempo"]
ROWS: list[list[Cell]] = [
    HEADINGS,
    ["Natación", "100 m libre", "Final", "011", "Inés Núñez", "ENG", ("time", 62.34 / 86400)],
    ["Natación", "100 m libre", "Final", 12.0, "Eva Soto", "AGR", 58.4],
]
SHEET = {"Natación": ROWS}
BOTH = pytest.mark.parametrize("write", [xlsx, ods], ids=["xlsx", "ods"])


@BOTH
def test_a_sheet_is_a_table(tmp_path: Path, write: Callable[..., bytes]) -> None:
    assert short(read(tmp_path, write(SHEET))) == {
        "100 m libre Final": [
            # Text keeps its zeros, a number has none; a time is a mark.
            ("011", "Inés Núñez", "ENG", None, "1:02.34", None),
            ("12", "Eva Soto", "AGR", None, "58.4", None),
        ]
    }


@BOTH
def test_what_arithmetic_adds_is_no_part_of_a_mark(
    tmp_path: Path, write: Callable[..., bytes]
) -> None:
    row = [*ROWS[1][:-1], 62.339999999999996]
    (result,) = read(tmp_path, write({"a": [HEADINGS, row]}))
    assert result["mark"] == "62.34"


@BOTH
def test_of_several_sheets_the_first_with_headings_is_read_and_that_is_told(
    tmp_path: Path, write: Callable[..., bytes]
) -> None:
    remarks: list[Remark] = []
    book = write({"Notas": [["Hola", "a todos"]], "Natación": ROWS, "Boxeo": ROWS})
    assert len(read(tmp_path, book, tell=remarks.append)) == 2
    (told,) = [it for it in remarks if it.kind == "sheets that are not read"]
    assert (told.value, told.grave) == ("Notas, Boxeo", True)
    for chosen in ("boxeo", "3"):
        assert len(read(tmp_path, book, sheet=chosen, tell=remarks.append)) == 2
    with pytest.raises(InputError, match="it has 'Notas', 'Natación', 'Boxeo'"):
        read(tmp_path, book, sheet="Judo")


@BOTH
def test_a_row_far_down_keeps_its_number(tmp_path: Path, write: Callable[..., bytes]) -> None:
    bad = ["Natación", "100 m libre", "Final", "13", "Luz", "AGR", "1:99"]
    rows = [["Resultados"], [], *ROWS, [], bad]
    results = read(tmp_path, write({"a": rows}))
    assert [it.get("error", "")[:8] for it in results] == ["", "", "expected"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (xlsx({"a": [[]]}), "all sheets are empty"),
        (xlsx({"a": [["Hola", "a todos"]]}), "sheet 'a': CSV with no column|no column for"),
        (xlsx(SHEET)[:-40], "damaged or cut"),
        (archive({"xl/a": "b", "[Content_Types].xml": "<a/>"}), "the archive has no xl/"),
        (archive({"[Content_Types].xml": "", "word/document.xml": ""}), "a Word document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"),
            "a Word document",
        ),
    ],
    ids=lambda it: it if isinstance(it, str) else "data",
)
def test_what_is_no_sheet_of_results_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, data)


def sheet_xml(xml: str, *, times: int = 1, text: str = "") -> bytes:
    """Return a workbook of Excel whose sheets are all this XML; *text* is its shared text."""
    sheets_ = '<sheet name="a" r:id="1"/>' * times
    return archive(
        {
            "[Content_Types].xml": "<Types/>",
            "xl/workbook.xml": f'<workbook xmlns:r="r">{sheets_}</workbook>',
            "xl/sharedStrings.xml": f"<sst><si><t>{text}</t></si></sst>",
            "xl/_rels/workbook.xml.rels": '<a><Relationship Id="1" Target="worksheets/a.xml"/></a>',
            "xl/worksheets/a.xml": xml,
        }
    )


@pytest.mark.parametrize(
    "xml",
    [
        '<a><row r="1"><c><v>1</v></c></row><row r="99999999"><c><v>1</v></c></row></a>',
        '<a><row r="1"><c r="XFD1"><v>1</v></c></row></a>',
        "<a>" + '<row><c r="ALL1"><v>1</v></c></row>' * 3 + "</a>",
    ],
)
def test_a_sheet_of_more_cells_than_there_are_results_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, xml: str
) -> None:
    monkeypatch.setattr(sheets, "_MOST_CELLS", 2_500)
    with pytest.raises(InputError, match="with more than"):
        read(tmp_path, sheet_xml(xml))


def ods_xml(row: str) -> bytes:
    """Return an OpenDocument spreadsheet with the XML of one row."""
    xml = f"<document-content><table>{row}</table></document-content>"
    return archive(
        {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": xml}
    )


def test_a_cell_that_repeats_without_end_is_refused(tmp_path: Path) -> None:
    cell = '<table-cell number-columns-repeated="1000000"><p>1</p></table-cell>'
    with pytest.raises(InputError, match="columns"):
        read(tmp_path, ods_xml(f"<table-row>{cell}</table-row>"))


TEXT = "1" * 1000
CELL = f"<table-cell><p>{TEXT}</p></table-cell>"
REPEATED = f'<table-cell number-columns-repeated="40"><p>{TEXT}</p></table-cell>'


@pytest.mark.parametrize(
    "data",
    [
        sheet_xml("<a>" + '<row><c t="s"><v>0</v></c></row>' * 40 + "</a>", text=TEXT),
        ods_xml(f"<table-row>{REPEATED}</table-row>"),
        ods_xml(f'<table-row number-rows-repeated="40">{CELL}</table-row>'),
    ],
    ids=["shared text", "columns", "rows"],
)
def test_a_text_that_many_cells_repeat_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(sheets, "LARGEST", 39_999)
    with pytest.raises(InputError, match="more than 39,999 characters"):
        read(tmp_path, data)


def test_many_sheets_together_have_no_more_cells_than_one_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "_MOST_CELLS", 2_500)
    # A row far down makes empty lines of what lies above it.
    xml = '<a><row r="1000"><c><v>1</v></c></row></a>'
    with pytest.raises(InputError, match="more than 2,500 cells"):
        read(tmp_path, sheet_xml(xml, times=3))
