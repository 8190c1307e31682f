"""Files for spreadsheets: no cell is a formula, whatever people call themselves."""

import csv
import io

import pytest

from gateway.spreadsheets import written


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1", "'＝1"),
        ("-", "'-"),
        ("-1.5", "-1.5"),
        ("+3", "+3"),
        ('Ana, "la =1"', 'Ana, "la =1"'),
        ("Ñandú", "Ñandú"),
        (None, ""),
        (3, "3"),
    ],
)
def test_no_cell_is_a_formula(cell: object, expected: str) -> None:
    text = written(("name",), [[cell]]).decode("utf-8-sig")

    assert list(csv.reader(io.StringIO(text, newline=""))) == [["name"], [expected]]
