"""One small meet as the programs of timekeepers write it, and workbooks as spreadsheets do.

Women's 100 m freestyle, a timed final in two heats: Ana 58.40, Eva 58.91, Luz 59.30; Inés did not
start, Lía was disqualified, Mía has no time. A relay of two teams. A preliminary heat of men.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape


class Swim(NamedTuple):
    """A swimmer's result: number, first and last name, faculty, heat, time, place, code."""

    number: int
    first: str
    last: str
    faculty: str
    heat: int
    time: str
    place: int = 0
    code: str = ""


FINAL: Final = (
    Swim(11, "Ana", "Ruiz", "ENG", 1, "58.40", 1),
    Swim(12, "Eva", "Soto", "AGR", 2, "58.91", 2),
    Swim(13, "Luz", "Paz", "AGR", 2, "59.30", 3),
    Swim(14, "Inés", "Núñez", "ENG", 1, "", 0, "DNS"),
    Swim(15, "Lía", "Vega", "ENG", 2, "58.00", 0, "DSQ"),
    Swim(16, "Mía", "Cruz", "AGR", 2, ""),
)
HEAT: Final = (Swim(21, "Leo", "Gil", "ENG", 3, "25.10", 4),)
RELAYS: Final = (
    Swim(1, "", "", "ENG", 1, "1:52.10", 1),
    Swim(1, "", "", "AGR", 1, "1:53.00", 2),
)
FACULTIES: Final = {"ENG": "Engineering", "AGR": "Agronomy"}


def fixed(width: int, fields: Mapping[int, str]) -> str:
    """Return a record of fixed columns; fields are by their first column, from 1."""
    cells = [" "] * width
    for start, text in fields.items():
        cells[start - 1 : start - 1 + len(text)] = text
    return "".join(cells)


def hytek(*, cut: int | None = None) -> bytes:
    """Return the meet as Hy-Tek Meet Manager exports it."""
    lines = [
        "A107Results From MM to TM    Hy-Tek, Ltd    MM5 8.0Fd     11272026  7:17 PM",
        "B1University Games",
        fixed(128, {1: "B2", 99: "L"}),
    ]
    for faculty, name in FACULTIES.items():
        lines.append(f"C1{faculty:5}{name:30}")
        lines += (_hytek_swimmer(it) for it in (*FINAL, *HEAT) if it.faculty == faculty)
        for swims, event in ((FINAL, "FW   100A"), (HEAT, "MM    50D")):
            for it in swims:
                if it.faculty == faculty:
                    lines.append(fixed(128, {1: f"E1F{it.number:5}", 14: event, 51: "L"}))
                    lines.append(_hytek_result("E2", "F" if swims is FINAL else "P", it))
        for it in RELAYS:
            if it.faculty == faculty:
                lines.append(fixed(128, {1: f"F1{faculty:5}A", 14: "FF   200A", 51: "L"}))
                lines.append(_hytek_result("F2", "F", it))
                lines.append(f"G1F 2   27.21F 4   49.50\nF3{'F   11Ruiz F1'}")
    checked = [f"{part:128}00" for line in lines for part in line.split("\n")]
    return "\r\n".join(checked)[:cut].encode("cp1252")


def _hytek_swimmer(it: Swim) -> str:
    fields = {1: f"D1F{it.number:5}{it.last:20}{it.first:20}", 89: "01012006", 97: " 20"}
    return fixed(128, fields)


def _hytek_result(kind: str, round_: str, it: Swim) -> str:
    code = {"DNS": "R", "DSQ": "Q"}.get(it.code, "")
    minutes, _, seconds = it.time.rpartition(":")
    time = f"{int(minutes or 0) * 60 + float(seconds or 0):.2f}"
    fields = {1: f"{kind}{round_}{time:>8}L{code}", 21: f"{it.heat:3}", 30: f"{it.place:4}"}
    return fixed(128, fields)


def sdif(*, end: bool = True, kind: str = "02") -> bytes:
    """Return the meet in the Standard Data Interchange Format."""
    lines = [fixed(160, {1: "A01V3", 12: kind})]
    for faculty, name in FACULTIES.items():
        lines.append(fixed(160, {1: "C11", 12: f"GT{faculty}", 18: name}))
        for it in (*FINAL, *HEAT):
            if it.faculty != faculty:
                continue
            time = {"DNS": "NS", "DSQ": it.time}.get(it.code, it.time)
            fields = {1: "D01", 12: f"{it.last}, {it.first}", 40: str(it.number), 89: "59.31   L"}
            if it in FINAL:
                course = "X" if it.code == "DSQ" else "L"
                fields |= {67: "F 1001", 77: "UNOV", 116: f"{time:>8}{course}", 129: f"{it.heat:2}"}
                fields |= {136: f"{it.place:3}"}
            else:
                fields |= {67: "M  504", 77: "UNOV", 98: f"{time:>8}L", 125: f"{it.heat:2}"}
            lines.append(fixed(160, fields))
        for it in RELAYS:
            if it.faculty == faculty:
                fields = {1: "E01", 12: f"A{faculty}", 21: "F 2006", 31: "UNOV"}
                fields |= {73: f"{it.time:>8}L", 86: " 1", 93: f"{it.place:3}"}
                lines.append(fixed(160, fields))
    lines += [fixed(160, {1: "Z01"})] if end else []
    return "\r\n".join(lines).encode("cp1252")


def lenex(*, head: str = "") -> bytes:
    """Return the meet in Lenex."""
    heats = "".join(f'<HEAT heatid="{it}" number="{it}" status="OFFICIAL"/>' for it in (1, 2))
    swims = [(100, it) for it in FINAL] + [(300, it) for it in HEAT]
    ranked = "".join(_ranking(100 + it.number, it.place) for it in FINAL)
    relay = "".join(_ranking(900 + at, it.place) for at, it in enumerate(RELAYS))
    events = (
        _lenex_event(100, "F", "TIM", (100, 1, "FREE"), ranked, heats),
        _lenex_event(200, "F", "FIN", (50, 4, "FREE"), relay),
        _lenex_event(300, "M", "PRE", (50, 1, "FLY"), "", '<HEAT heatid="3" number="3"/>'),
    )
    clubs = []
    for faculty, name in FACULTIES.items():
        athletes = "".join(
            f'<ATHLETE athleteid="{it.number}" firstname="{it.first}" lastname="{it.last}">'
            f'<RESULTS><RESULT resultid="{event + it.number}" eventid="{event}" heatid="{it.heat}"'
            f' swimtime="{_lenex_time(it.time)}" status="{it.code}">'
            '<SPLITS><SPLIT distance="50" swimtime="00:00:28.00"/></SPLITS></RESULT></RESULTS>'
            "</ATHLETE>"
            for event, it in swims
            if it.faculty == faculty
        )
        relays = "".join(
            f'<RELAY number="1"><RESULTS><RESULT resultid="{900 + at}" eventid="200"'
            f' swimtime="{_lenex_time(it.time)}"><RELAYPOSITIONS>'
            '<RELAYPOSITION number="1" athleteid="11"/></RELAYPOSITIONS></RESULT></RESULTS></RELAY>'
            for at, it in enumerate(RELAYS)
            if it.faculty == faculty
        )
        clubs.append(
            f'<CLUB code="{faculty}" name="{name}"><ATHLETES>{athletes}</ATHLETES>'
            f"<RELAYS>{relays}</RELAYS></CLUB>"
        )
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{head}<LENEX version="3.0"><MEETS><MEET>'
        f"<SESSIONS><SESSION><EVENTS>{''.join(events)}</EVENTS></SESSION></SESSIONS>\n"
        f"<CLUBS>{''.join(clubs)}</CLUBS></MEET></MEETS></LENEX>"
    )
    return text.encode()


def _ranking(result: int, place: int) -> str:
    return f'<RANKING place="{place}" resultid="{result}"/>' if place else ""


def _lenex_event(
    number: int, gender: str, round_: str, style: tuple[int, int, str], ranked: str, heats: str = ""
) -> str:
    distance, legs, stroke = style
    return (
        f'<EVENT eventid="{number}" gender="{gender}" round="{round_}">'
        f'<SWIMSTYLE distance="{distance}" relaycount="{legs}" stroke="{stroke}"/>'
        f'<AGEGROUPS><AGEGROUP agegroupid="1" agemin="-1" agemax="-1"><RANKINGS>{ranked}</RANKINGS>'
        f"</AGEGROUP></AGEGROUPS><HEATS>{heats}</HEATS></EVENT>"
    )


def _lenex_time(time: str) -> str:
    minutes, _, seconds = time.rpartition(":")
    return f"00:{minutes or '00':0>2}:{seconds}" if time else "NT"


def packed(data: bytes, name: str = "meet.lef") -> bytes:
    """Return a zip archive with one file."""
    return archive({name: data})


def archive(files: Mapping[str, bytes | str]) -> bytes:
    """Return a zip archive, always the same for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            # Programs write the mimetype as it is, so that it can be seen.
            kind = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            zipped.writestr(zipfile.ZipInfo(name), data, kind)
    return out.getvalue()


LYNX: Final = (
    "4,1,1,100m Final Women,1.2,m/s,,,,100,14:05:11.20\r\n"
    "1,11,4,Ruiz,Ana,ENG,11.92,,11.92,,,,,,\r\n"
    "2,12,3,Soto,Eva,AGR,11.95,,0.03,,,,,,\r\n"
    "DNS,14,5,Núñez,Inés,ENG,,,,,,,,,\r\n"
    "DQ,15,6,Vega,Lía,ENG,11.80,,,,,,,,\r\n"
)

Cell = str | float | tuple[str, float]


def odf(*, status: str = "OFFICIAL", version: str = "1", kind: str = "DT_RESULT") -> bytes:
    """Return the women's final as a message of the Olympic Data Feed."""
    results = "".join(
        f'<Result SortOrder="{at}" {_odf_evidence(it)}><Competitor Code="{it.number}" Type="A"'
        f' Organisation="{it.faculty}"><Composition><Athlete Code="{it.number}" Order="1">'
        f'<Description GivenName="{it.first}" FamilyName="{it.last}"/></Athlete></Composition>'
        "</Competitor></Result>\n"
        for at, it in enumerate(FINAL)
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<OdfBody CompetitionCode="UG2026" '
        f'DocumentCode="SWMW100MFR------------FNL-000100--" DocumentType="{kind}" '
        f'ResultStatus="{status}" Version="{version}"><Competition>\n{results}'
        "</Competition></OdfBody>"
    )
    return text.encode()


def _odf_evidence(it: Swim) -> str:
    if it.code:
        return f'IRM="{it.code}" ResultType="IRM"'
    if not it.time:
        return ""
    return f'Rank="{it.place}" Result="{it.time}" ResultType="TIME"'


def xlsx(sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> bytes:
    """Return a workbook of Excel; numbers may come as (kind, number): time, date or number."""
    texts: list[str] = []
    styles = {"number": 0, "time": 1, "date": 2}

    def cell(reference: str, value: Cell) -> str:
        if isinstance(value, str):
            if value not in texts:
                texts.append(value)
            return f'<c r="{reference}" t="s"><v>{texts.index(value)}</v></c>'
        kind, number = value if isinstance(value, tuple) else ("number", value)
        return f'<c r="{reference}" s="{styles[kind]}"><v>{number!r}</v></c>'

    files: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": '<workbook xmlns:r="r"><sheets>'
        + "".join(
            f'<sheet name="{escape(name)}" sheetId="{at}" r:id="rId{at}"/>'
            for at, name in enumerate(sheets, 1)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": "<Relationships>"
        + "".join(
            f'<Relationship Id="rId{at}" Target="worksheets/sheet{at}.xml"/>'
            for at in range(1, len(sheets) + 1)
        )
        + "</Relationships>",
        "xl/styles.xml": '<styleSheet><numFmts><numFmt numFmtId="170" formatCode="[m]:ss.00"/>'
        '</numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="170"/><xf numFmtId="14"/></cellXfs>'
        "</styleSheet>",
    }
    for at, rows in enumerate(sheets.values(), 1):
        lines = "".join(
            f'<row r="{number}">'
            + "".join(
                cell(f"{chr(65 + column)}{number}", it) for column, it in enumerate(row) if it != ""
            )
            + "</row>"
            for number, row in enumerate(rows, 1)
        )
        files[f"xl/worksheets/sheet{at}.xml"] = (
            f"<worksheet><sheetData>{lines}</sheetData></worksheet>"
        )
    shared = "".join(f"<si><t>{escape(it)}</t></si>" for it in texts)
    return archive(files | {"xl/sharedStrings.xml": f"<sst>{shared}</sst>"})


def ods(sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> bytes:
    """Return a spreadsheet of OpenDocument; as programs do, with cells without end on the right."""

    def cell(value: Cell) -> str:
        if isinstance(value, str):
            return (
                f'<table-cell office:value-type="string"><text:p>{escape(value)}</text:p>'
                "</table-cell>"
                if value
                else "<table-cell/>"
            )
        kind, number = value if isinstance(value, tuple) else ("number", value)
        if kind == "time":
            said = f'time" office:time-value="PT00H00M{number * 86400:.2f}S'
        else:
            said = f'float" office:value="{number!r}'
        # What is shown has fewer decimals.
        return f'<table-cell office:value-type="{said}"><text:p>{number:.1f}</text:p></table-cell>'

    tables = "".join(
        f'<table table:name="{escape(name)}">'
        + "".join(
            "<table-row>"
            + "".join(map(cell, row))
            + '<table-cell table:number-columns-repeated="16380"/></table-row>'
            for row in rows
        )
        + '<table-row table:number-rows-repeated="1048500"><table-cell '
        'table:number-columns-repeated="16384"/></table-row></table>'
        for name, rows in sheets.items()
    )
    content = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="o" '
        f'xmlns:text="t" xmlns:table="b"><body><spreadsheet>{tables}</spreadsheet></body>'
        "</office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return archive({"mimetype": kind, "content.xml": content})
