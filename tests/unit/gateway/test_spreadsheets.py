"""Files for spreadsheets: no cell is a formula, whatever people call themselves."""

import asyncio
import csv
import io
from collections.abc import Iterator

import pytest

from gateway.http.spreadsheets import written


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
    text = asyncio.run(written(("name",), [[cell]])).decode("utf-8-sig")

    assert list(csv.reader(io.StringIO(text, newline=""))) == [["name"], [expected]]


def test_others_have_their_turn_while_a_long_file_is_written() -> None:
    turns: list[int] = []

    def lines() -> Iterator[list[object]]:
        for _ in range(1000):
            yield [len(turns)]

    async def write() -> bytes:
        async def other() -> None:
            while True:
                turns.append(len(turns))
                await asyncio.sleep(0)

        others = asyncio.create_task(other())
        try:
            return await written(("turns",), lines())
        finally:
            others.cancel()

    told = asyncio.run(write()).decode("utf-8-sig").split()[1:]

    assert len(told) == 1000
    assert len(set(told)) >= 5
