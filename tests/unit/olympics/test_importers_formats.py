"""Encodings and formats are known by their bytes, and what is not read is refused by name."""

from __future__ import annotations

import gzip
import io
import re
import zipfile

import pytest

from olympics.importers import UnknownEncoding, find_encoding, find_format

TEXT = "Deporte;Atleta\nNatación;Inés Núñez\nBoxeo;Zoë Müller – «Ingeniería»\n"


def encoding_of(data: bytes, piece: int = 7) -> tuple[str, str]:
    found = find_encoding(data[at : at + piece] for at in range(0, len(data), piece))
    return found.name, found.sample


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "utf-8"),
        (b"plain ASCII", "utf-8"),
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("utf-16"), "utf-16-le"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-32"), "utf-32"),
        (TEXT.encode("cp1252"), "cp1252"),
        ("Ana;58,40 €; D’Angelo; 100 % – “sí”; n.º 1; 1ª; ¿?; ¡!".encode("cp1252"), "cp1252"),
        ("ÁNGEL MUÑOZ; ÑAÑEZ; Peña".encode("cp1252"), "cp1252"),
    ],
)
@pytest.mark.parametrize("piece", [8, 1 << 16])
def test_encodings_are_found(data: bytes, name: str, piece: int) -> None:
    assert encoding_of(data, piece)[0] == name


def test_a_word_is_shown_that_another_encoding_would_change() -> None:
    assert encoding_of(TEXT.encode("cp1252"), 1 << 16) == ("cp1252", "Natación")


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        ("Ana\nIngeniería, Núñez, Inés".encode("cp850"), 2, "would read"),
        ("José, Núñez, Peña y Ángel".encode("mac-roman"), 1, "would read|0x"),
        (b"Ana\nEva\n\x81\x8d", 3, "0x81"),
        ("Núñez\n".encode() + "Peña\n".encode("cp1252"), 2, "line 1 is"),
        ("Peña\n".encode("cp1252") + "Núñez\n".encode(), 1, "line 2 is"),
    ],
)
def test_what_is_uncertain_is_an_error_with_its_line(data: bytes, line: int, said: str) -> None:
    with pytest.raises(UnknownEncoding, match=said) as error:
        encoding_of(data, 1 << 16)
    assert error.value.line == line


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            # With one time, so that every process names the parameters alike.
            archive.writestr(zipfile.ZipInfo(name), "content " * 50)
    return file.getvalue()


HY_TEK = "A107Results From MM to TM    Hy-Tek, Ltd    MM5 8.0Fd     11272026  7:17 PM".ljust(128)
LYNX = (
    "4,1,1,100m Final Women,1.2,m/s,,,,100\n1,11,4,Ruiz,Ana,ENG,11.92,,\nDNS,13,5,Soto,Eva,MED,\n"
)
OPEN_DOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"
LENEX = '<?xml version="1.0"?>\n<!-- made by X -->\n<LENEX version="3.0"><MEETS/></LENEX>'
ODF = '<?xml version="1.0"?><OdfBody DocumentType="DT_RESULT"><Competition/></OdfBody>'


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (f"{HY_TEK}66\r\nB1University Games\r\n".encode(), "Hy-Tek"),
        ("A01V3      01".ljust(160, "x").encode(), "SDIF"),
        (LYNX.encode(), "FinishLynx"),
        (LYNX.encode("utf-16"), "FinishLynx"),
        (LYNX.replace("\n", "\r\n").encode("cp1252"), "FinishLynx"),
        (b"6;1;A;All\r\nLane1;58.40;58.41;\r\n", "Dolphin"),
        (LENEX.encode(), "Lenex"),
        (LENEX.encode("utf-8-sig"), "Lenex"),
        (zipped("meet.lef"), "Lenex"),
        (ODF.encode(), "Olympic Data Feed"),
        (b'<ResultList xmlns="http://www.orienteering.org/datastandard/3.0">', "IOF XML"),
        (b"<results/>", "XML"),
        (b"\n <!DOCTYPE html><html><body><table>", "web page"),
        (b"<table><tr><td>1", "web page"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "xlsx"),
        (zipped("results.csv"), "zip archive"),
        (
            b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            "ods",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
        (b"%PDF-1.7\n", "PDF"),
        (gzip.compress(TEXT.encode()), "gzip"),
        (b"\x89PNG\r\n", "PNG"),
        (b"SQLite format 3\0", "SQLite"),
        (b"PAR1", "Parquet"),
    ],
    # Not of the data: archives have the time in them, and processes must agree about names.
    ids=lambda it: it if isinstance(it, str) else "data",
)
def test_formats_are_called_by_name_and_have_a_reader_or_a_way_on(data: bytes, name: str) -> None:
    found = find_format(data)
    assert found is not None
    assert re.search(name, found.name)
    assert found.way_on or found.read


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"sport,unit\n",
        b'{"sport": "swimming"}\n',
        b"[1]",
        TEXT.encode(),
        TEXT.encode("utf-16"),
        b"1,2,3\n4,5,6\n",
        b"A107,unit,faculty\n",
    ],
)
def test_text_that_may_be_ours_is_not_foreign(data: bytes) -> None:
    assert find_format(data) is None
