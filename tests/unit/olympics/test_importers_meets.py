"""Files of meet programs: one meet in each format gives the same results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from medallero.files.inputs import (
    InputError,
    Reading,
    Record,
    TextOptions,
    Unreadable,
    open_input,
)
from olympics.catalogue import load_catalogue
from olympics.importers import Names, Remark, archives, read_names, table
from tests.support.meet_files import (
    LYNX,
    archive,
    hytek,
    lenex,
    odf,
    packed,
    sdif,
)

FINAL = "Women's 100 m freestyle Final"
PRELIMINARY = "Men's 50 m butterfly Preliminary heat 3"


def read(
    tmp_path: Path, data: bytes, *, tell: Callable[[Remark], None] | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Return the results of a file; rows that cannot be read as what is wrong with them."""
    path = tmp_path / "input"
    path.write_bytes(data)
    source = open_input(str(path), text=TextOptions(**options))
    try:
        return [
            msgspec.json.decode(it.body) if isinstance(it, Record) else {"error": it.error}
            for it in source.records(Reading(tell=tell))
        ]
    finally:
        source.close()


def short(results: list[dict[str, Any]]) -> dict[str, list[tuple[Any, ...]]]:
    """Return what results say, by unit: competitor, name, faculty, rank, mark, IRM."""
    units: dict[str, list[tuple[Any, ...]]] = {}
    for it in results:
        said = tuple(it.get(name) for name in ("faculty", "rank", "mark", "irm"))
        who = it["competitor"]
        units.setdefault(it["unit"], []).append((who["id"], who["name"], *said))
    return {unit: sorted(rows) for unit, rows in units.items()}


FINALISTS = [
    ("11", "Ana Ruiz", "ENG", 1, "58.40", None),
    ("12", "Eva Soto", "AGR", 2, "58.91", None),
    ("13", "Luz Paz", "AGR", 3, "59.30", None),
    ("14", "Inés Núñez", "ENG", None, None, "DNS"),
    ("15", "Lía Vega", "ENG", None, None, "DSQ"),
]


@pytest.mark.parametrize(
    ("data", "relay", "teams", "relay_time"),
    [
        (hytek(), "Women's 200 m freestyle relay Final", "A", "112.10"),
        (sdif(), "Women's 200 m freestyle relay Final", "A", "1:52.10"),
        (lenex(), "Women's 4 x 50 m freestyle relay Final", "1", "1:52.10"),
        (packed(lenex()), "Women's 4 x 50 m freestyle relay Final", "1", "1:52.10"),
    ],
    ids=["hy3", "cl2", "lef", "lxf"],
)
def test_a_meet_is_the_same_in_every_format(
    tmp_path: Path, data: bytes, relay: str, teams: str, relay_time: str
) -> None:
    remarks: list[Remark] = []
    results = read(tmp_path, data, tell=remarks.append)

    units = short(results)
    # One unit of two heats; who has no time and no code is no result.
    assert units[FINAL] == FINALISTS
    assert units[PRELIMINARY] == [("21", "Leo Gil", "ENG", None, "25.10", None)]
    engineers = units[relay][1]
    assert (engineers[0], *engineers[2:]) == (f"ENG {teams}", "ENG", 1, relay_time, None)
    assert len(units[relay]) == 2
    assert len(units) == 3
    phases = {it["unit"]: it["phase"] for it in results}
    assert phases == {FINAL: "final", relay: "final", PRELIMINARY: "round"}
    assert {it["sport"] for it in results} == {"SWM"}
    told = " ".join(it.words for it in remarks)
    assert "splits" in told
    assert "times of disqualified" in told
    assert not any(it.grave for it in remarks)


def test_an_odf_message_tells_version_and_status(tmp_path: Path) -> None:
    official = read(tmp_path, odf(version="3"))
    live = read(tmp_path, odf(status="LIVE", version="2"))

    assert short(official)["SWMW100MFR------------FNL-000100--"] == FINALISTS
    assert {it["version"] for it in official} == {"3"}
    assert all("status" not in it for it in official)
    assert {(it["version"], it["status"]) for it in live} == {("2", "unofficial")}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (odf(kind="DT_MEDALS"), "expected a message DT_RESULT, found 'DT_MEDALS'"),
        (odf(status="START_LIST"), "START_LIST"),
        (odf(status="PERHAPS"), "expected a ResultStatus such as OFFICIAL, got 'PERHAPS'"),
        (odf(version="0"), "expected a Version from 1"),
        (odf(version=""), "expected a Version from 1"),
        (odf().replace(b"SWMW100MFR---", b"SWMW100MFR"), "expected a code of 34 characters"),
        (odf()[:-40], "it ends too early"),
    ],
    ids=lambda it: it[:20] if isinstance(it, str) else "data",
)
def test_other_messages_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, data)


def test_a_team_of_the_feed_is_not_named_after_a_member(tmp_path: Path) -> None:
    message = (
        '<OdfBody DocumentType="DT_RESULT" DocumentCode="SWMW4X100MFR----------FNL-000100--" '
        'ResultStatus="OFFICIAL" Version="1"><Competition>'
        '<Result Rank="1" Result="3:40.00" ResultType="TIME"><Competitor Code="T1" Type="T" '
        'Organisation="ENG"><Composition><Athlete Code="11"><Description GivenName="Ana"/>'
        "</Athlete></Composition></Competitor></Result>"
        '<Result SortOrder="2"><Competitor Code="TBD" Type="T" Organisation=""/></Result>'
        "</Competition></OdfBody>"
    )
    (team,) = read(tmp_path, message.encode())
    assert team["competitor"] == {"id": "T1"}
    assert (team["rank"], team["mark"]) == (1, "3:40.00")


def test_a_race_of_lynx_ranks_by_its_times(tmp_path: Path) -> None:
    results = read(tmp_path, LYNX.encode("utf-16"), sport="athletics")

    assert short(results) == {
        "100m Final Women": [
            ("11", "Ana Ruiz", "ENG", None, "11.92", None),
            ("12", "Eva Soto", "AGR", None, "11.95", None),
            ("14", "Inés Núñez", "ENG", None, None, "DNS"),
            ("15", "Lía Vega", "ENG", None, None, "DQ"),
        ]
    }
    assert {it["phase"] for it in results} == {"final"}


def test_places_of_lynx_are_sent_where_times_are_equal(tmp_path: Path) -> None:
    remarks: list[Remark] = []
    data = LYNX.replace("11.95", "11.92").encode()
    results = read(tmp_path, data, sport="athletics", tell=remarks.append)

    assert [it.get("rank") for it in results] == [1, 2, None, None]
    assert any("same time" in it.words for it in remarks)


@pytest.mark.parametrize(
    ("name", "names", "unit", "phase"),
    [
        ("100m Women", Names(), "100m Women round 1 heat 2", "round"),
        ("100m Women", read_names('[stages]\n"100M WOMEN" = "final"'), "100m Women", "final"),
        ("100m Semifinal", Names(), "100m Semifinal round 1 heat 2", "semifinal"),
        ("100m Women Heat 2", Names(), "100m Women Heat 2", "round"),
    ],
)
def test_the_name_of_a_lynx_race_or_a_mapping_tells_the_phase(
    tmp_path: Path, name: str, names: Names, unit: str, phase: str
) -> None:
    data = LYNX.replace("100m Final Women", name).replace("4,1,1", "4,1,2").encode()
    remarks: list[Remark] = []
    results = read(tmp_path, data, sport="athletics", names=names, tell=remarks.append)

    assert {(it["unit"], it["phase"]) for it in results} == {(unit, phase)}
    # What is only guessed to give no medals is told.
    assert any(it.kind == "no stage" for it in remarks) == (unit == "100m Women round 1 heat 2")


def test_a_format_without_its_sport_asks_for_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="say it with --sport"):
        read(tmp_path, LYNX.encode())


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lenex(head=BOMB), "declares entities"),
        (lenex()[:-30], "it ends too early"),
        (lenex().replace(b"<RESULT ", b"<ENTRY "), "mismatched tag|well-formed"),
        (b"<LENEX><MEETS/></LENEX>", "has no results"),
        (b"<LENEX>" + b"<a>" * 100, "nested too deeply"),
        (packed(lenex())[:-60], "damaged or cut"),
        (packed(lenex()).replace(b"PK\x01\x02", b"PK\x01\x03"), "damaged or cut"),
        (archive({"a.lef": lenex(), "b.lef": lenex()}), "expected one .lef file"),
        (sdif(end=False), "Z0"),
        (sdif(kind="01"), "not of meet results"),
        (hytek()[:400], "has no results"),
        (hytek().replace(b"\r\nE2", b"\r\n??"), "expected a record of Hy-Tek"),
    ],
    ids=lambda it: it[:20] if isinstance(it, str) else "data",
)
def test_damaged_files_are_refused_whole(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, data)


def test_an_archive_is_not_unpacked_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = packed(lenex())
    monkeypatch.setattr(archives, "LARGEST", len(lenex()) - 1)
    with pytest.raises(InputError, match="unpacked it has more than"):
        read(tmp_path, data)


def test_a_record_that_is_cut_is_told_with_its_line(tmp_path: Path) -> None:
    whole = hytek().rstrip()
    end = whole.rindex(b"F2F") + 40
    results = read(tmp_path, whole[:end])
    (error,) = [it["error"] for it in results if "error" in it]
    assert "it is cut" in error


def test_the_places_of_age_groups_are_of_units_of_their_own(tmp_path: Path) -> None:
    second = (
        '</AGEGROUP><AGEGROUP agegroupid="2" agemin="18" agemax="20"><RANKINGS>'
        '<RANKING place="1" resultid="112"/></RANKINGS></AGEGROUP></AGEGROUPS><HEATS><HEAT'
    )
    data = lenex().decode().replace("</AGEGROUP></AGEGROUPS><HEATS><HEAT", second, 1)
    units = short(read(tmp_path, data.encode()))
    assert units["Women's 100 m freestyle 18-20 Final"] == [
        ("12", "Eva Soto", "AGR", 1, "58.91", None)
    ]
    assert [it[3] for it in units[FINAL][:3]] == [1, 2, 3]


@pytest.mark.parametrize("write", [lenex, hytek, sdif, odf])
def test_results_that_repeat_a_long_name_without_end_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[], bytes]
) -> None:
    monkeypatch.setattr(table, "_MOST_CHARACTERS", 200)
    with pytest.raises(InputError, match="results of more than 200 characters"):
        read(tmp_path, write())


def test_results_that_share_an_id_do_not_multiply_with_its_places(tmp_path: Path) -> None:
    rankings = '<RANKING place="1" resultid="7"/>' * 50
    group = f'<AGEGROUP agemin="-1" agemax="-1"><RANKINGS>{rankings}</RANKINGS></AGEGROUP>'
    data = (
        '<LENEX><MEETS><MEET><EVENTS><EVENT eventid="1" gender="F" round="TIM">'
        '<SWIMSTYLE distance="50" relaycount="1" stroke="FREE"/>'
        f"<AGEGROUPS>{group}{group}</AGEGROUPS></EVENT></EVENTS>"
        '<CLUBS><CLUB code="ENG"><ATHLETES><ATHLETE athleteid="1"><RESULTS>'
        + '<RESULT resultid="7" eventid="1" swimtime="00:00:30.00"/>' * 50
        + "</RESULTS></ATHLETE></ATHLETES></CLUB></CLUBS></MEET></MEETS></LENEX>"
    )
    assert len(read(tmp_path, data.encode())) == 100 + 49


def test_a_b_final_without_places_gives_no_medals(tmp_path: Path) -> None:
    data = lenex().replace(b'heatid="1" number="1"', b'heatid="1" number="1" final="B"')
    data = data.replace(b'<RANKING place="1" resultid="111"/>', b"")
    results = read(tmp_path, data)
    ana = next(it for it in results if it["competitor"]["id"] == "11")
    assert (ana["unit"], ana["phase"]) == ("Women's 100 m freestyle Final B", "other")


def test_heats_that_are_not_official_are_provisional(tmp_path: Path) -> None:
    data = lenex().replace(b'number="2" status="OFFICIAL"', b'number="2" status="INOFFICIAL"')
    by_id = {it["competitor"]["id"]: it.get("status") for it in read(tmp_path, data)}
    assert (by_id["11"], by_id["12"]) == (None, "unofficial")


def test_exhibition_swims_keep_their_time(tmp_path: Path) -> None:
    data = lenex().replace(b'status="DSQ"', b'status="EXH"')
    lia = next(it for it in read(tmp_path, data) if it["competitor"]["id"] == "15")
    assert (lia["irm"], lia["mark"]) == ("EXH", "58.00")


def test_the_catalogue_decides_which_name_of_a_club_is_the_faculty(tmp_path: Path) -> None:
    data = lenex().replace(b'code="ENG"', b'code="X1"').replace(b'code="AGR"', b'code="X2"')
    known = read(tmp_path, data, catalogue=load_catalogue())
    assert {it["faculty"] for it in known} == {"Engineering", "Agronomy"}
    mapped = read_names('[faculties]\nx1 = "agronomy"\n"X2" = "engineering"')
    results = read(tmp_path, data, catalogue=load_catalogue(), names=mapped)
    ana = next(it for it in results if it["competitor"]["id"] == "11")
    assert ana["faculty"] == "agronomy"


def test_unreadable_rows_keep_their_text(tmp_path: Path) -> None:
    path = tmp_path / "race.lif"
    path.write_text(LYNX + "3,16,7\n")
    source = open_input(str(path), text=TextOptions(sport="athletics"))
    (row,) = [it for it in source.records(Reading()) if isinstance(it, Unreadable)]
    assert (row.line, row.text) == (6, "3,16,7")
    assert "it is cut" in row.error
