"""From rows to results: what each cell means, and that none is lost in silence."""

from __future__ import annotations

from typing import Any

import pytest

from olympics.importers import (
    CsvTable,
    Imported,
    Remark,
    Row,
    Survey,
    Unusable,
    import_row,
    import_rows,
)
from olympics.result import ResultError, parse_result
from tests.paris2024 import SportName, facts, odf_csv, paris_catalogue

FINAL = "SWMM100MBA------------FNL-000100--"
HEAT = "SWMM100MBA------------HEAT000100--"


def row(**cells: str | None) -> Row:
    whole = {"unit": HEAT, "competitor_id": "8", "faculty": "ESP", "mark": "55.78"} | cells
    return Row(2, {field: text for field, text in whole.items() if text})


def imported(**cells: str | None) -> dict[str, Any]:
    return import_row(row(**cells), Survey()).result


def read(text: str, **options: Any) -> tuple[list[Imported | Unusable], list[Remark]]:
    """Read a table; its cells are separated by commas."""
    remarks: list[Remark] = []
    lines = text.splitlines(keepends=True)
    rows = list(import_rows(CsvTable(lambda: lines), tell=remarks.append, **options))
    return rows, remarks


def results(text: str, **options: Any) -> list[dict[str, Any]]:
    rows, _ = read(text, **options)
    assert all(isinstance(it, Imported) for it in rows), rows
    return [it.result for it in rows if isinstance(it, Imported)]


def told(text: str, **options: Any) -> list[tuple[str, str]]:
    """Return the kinds and values of grave remarks."""
    _, remarks = read(text, **options)
    return [(it.kind, it.value) for it in remarks if it.grave]


def test_a_full_row_becomes_an_object_for_the_parser() -> None:
    result = imported(
        stage="Heat 1",
        sport_code="SWM",
        name="Spain",
        rank="1.0",
        result_type="TIME",
        age="20",
        status="unofficial",
        version="2",
    )
    assert result == {
        "sport": "SWM",
        "unit": HEAT,
        "competitor": {"id": "8", "name": "Spain", "age": 20},
        "faculty": "ESP",
        "rank": 1,
        "mark": "55.78",
        "status": "unofficial",
        "version": "2",
    }
    assert parse_result(result, paris_catalogue()).rank == 1


def test_every_other_column_may_be_absent() -> None:
    bare = {"unit": HEAT, "competitor": {"id": "8"}, "faculty": "ESP", "mark": "55.78"}
    assert imported() == bare
    assert parse_result(bare, paris_catalogue()).sport == "swimming"


def test_whole_sports_are_imported_row_by_row() -> None:
    catalogue = paris_catalogue()
    titles = {name: faculty.title for name, faculty in catalogue.faculties.items()}
    sports: tuple[SportName, ...] = ("swimming", "boxing")
    for sport in sports:
        rows, remarks = read(odf_csv(sport))
        assert [it.line for it in rows] == list(range(2, 2 + len(facts(sport))))
        assert not [it for it in remarks if it.grave]
        for it, fact in zip(rows, facts(sport), strict=True):
            assert isinstance(it, Imported)
            result = it.result
            assert result["competitor"]["id"] == fact.competitor
            assert str(result.get("rank", "")) == fact.rank
            assert result.get("mark", "") == fact.mark
            assert result.get("outcome") == {"W": "won", "L": "lost", "": None}[fact.outcome]
            assert result.get("irm", "") == fact.irm
            assert it.event == fact.event
            assert it.sport_title == catalogue.sports[sport].title
            assert it.faculty_title == titles[fact.committee]
            if sport == "swimming" and fact.mark:
                assert it.result_type == "TIME"


@pytest.mark.parametrize(
    ("text", "rank"),
    [
        *(("1", 1), ("1.0", 1), ("12.00", 12), ("=3", 3), ("3=", 3), ("T3", 3)),
        *(("1.", 1), ("2nd", 2), ("3º", 3), ("1.º", 1), ("1er", 1), ("4to", 4)),
        *(("1o", 1), ("2a", 2), ("1er lugar", 1), ("2do puesto", 2), ("3rd place", 3)),
        *(("", None), ("-", None), ("–", None), ("0", None), ("0.0", None), ("NA", None)),
    ],
)
def test_ranks_are_read_as_officials_and_spreadsheets_write_them(
    text: str, rank: int | None
) -> None:
    assert imported(rank=text).get("rank") == rank


@pytest.mark.parametrize("text", ["1.5", "primero que", "1 2", "-1", "1000000"])
def test_a_rank_that_cannot_be_read_is_an_error_since_a_computed_one_might_contradict_it(
    text: str,
) -> None:
    with pytest.raises(ResultError) as error:
        imported(rank=text)
    assert error.value.field == "rank"


def test_ranks_can_be_left_out() -> None:
    assert "rank" not in import_row(row(rank="2.0"), Survey(), ignore_rank=True).result
    with pytest.raises(ResultError, match="the rank was to be ignored"):
        import_row(row(rank="2.0", mark=""), Survey(), ignore_rank=True)


def test_a_rank_that_disagrees_with_the_mark_is_kept_beside_it() -> None:
    result = imported(rank="7", mark="40.00")
    assert (result["rank"], result["mark"]) == (7, "40.00")


@pytest.mark.parametrize(
    ("cells", "irm", "mark"),
    [
        ({"irm": "DNS", "mark": ""}, "DNS", None),
        ({"irm": "dsq", "mark": "55.78"}, "DSQ", "55.78"),
        ({"irm": "DNS", "mark": "0.00"}, "DNS", None),
        ({"irm": "NOBODY_LISTED", "mark": ""}, "NOBODY_LISTED", None),
        ({"irm": "Fall", "outcome": "L", "mark": ""}, "FALL", None),
        ({"irm": "DSQ / R 162.7", "mark": ""}, "DSQ", None),
        ({"result_type": "IRM", "mark": "dnf"}, "DNF", None),
        ({"mark": "DNS"}, "DNS", None),
        ({"result_type": "IRM", "irm": "DSQ", "mark": "0"}, "DSQ", None),
        ({"mark": "w/o"}, "W/O", None),
        ({"rank": "DNF", "mark": ""}, "DNF", None),
        ({"rank": "8", "mark": "dq"}, "DQ", None),
        ({"status": "DNS", "mark": ""}, "DNS", None),
        ({"outcome": "W", "mark": "KO"}, None, None),
        ({"rank": "1", "mark": "W/O"}, None, None),
        ({"rank": "1", "mark": "6-4 6-2"}, None, None),
        ({"mark": "No se presentó"}, "DNS", None),
        ({"rank": "Descalificada", "mark": ""}, "DSQ", None),
        ({"status": "Abandonó", "mark": ""}, "DNF", None),
        ({"outcome": "No compareció", "mark": ""}, "DNS", None),
        ({"irm": "PB"}, None, "55.78"),
        ({"irm": "Lesionada"}, None, "55.78"),
        ({"mark": "2:06:26"}, None, "2:06:26"),
        ({"mark": "86,45"}, None, "86,45"),
    ],
)
def test_irms_and_marks_are_told_apart_wherever_they_stand(
    cells: dict[str, str], irm: str | None, mark: str | None
) -> None:
    result = imported(**cells)
    assert (result.get("irm"), result.get("mark")) == (irm, mark)


IRMS = {
    "DNS": """
        No se presentó; No presentado; NO PRESENTADA; No salió; No compareció; Ausente; NP; N.P.
        No asistió; No partió; Inasistencia; No participó; did not start; Didn't start; No show
        Não compareceu; Absent; forfait; Nicht angetreten; Non partito; No se presentó a la final
        Retirado antes de la salida
    """,
    "DSQ": """
        Descalificado; DESCALIFICADA; Descalificados; Descalificación; desc; DESC.; Disqualified
        Descalificado por salida en falso; Descalificada (R 162.7); DSQ / R 162.7; Desclassificado
        DESC. (salida falsa); Disqualifié; Squalificato; Disqualifiziert; D.S.Q.
    """,
    "DQB": "DQB; Descalificado por conducta antideportiva; Disqualified for doping",
    "DNF": """
        Abandonó; abandono; Abandona; Retirado; Retirada; Se retiró; RET; AB; No terminó; DNF
        No finalizó; No completó; Sin terminar; Did not finish; Retired; Abandonó por lesión
        Retirado en el km 12; Se retiró (lesión); Não terminou; Abandonné; Ritirato; Aufgegeben
    """,
    "DNQ": "No se clasificó; No clasificado; No clasificada; did not qualify; DNQ",
    "NM": "Sin marca; NM; Nulo; Nula; No mark; sin marca válida",
    "NT": "Sin tiempo; No time; NT",
    "OTL": "Fuera de tiempo; OTL",
    "EXH": "Fuera de concurso; Exhibición; Invitado; EXH",
    "W/O": "W/O; walkover; Walk-over",
}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (text.strip(), code)
        for code, texts in IRMS.items()
        for text in texts.replace("\n", ";").split(";")
        if text.strip()
    ],
)
def test_irms_are_read_as_people_write_them(text: str, code: str) -> None:
    for spelt in (text, text.lower(), text.upper()):
        assert imported(irm=spelt, mark="") | {"irm": code} == imported(irm=spelt, mark="")
        assert imported(mark=spelt)["irm"] == code


@pytest.mark.parametrize("text", ["Lesionado", "No presentó documentos", "Q", "PB", "Récord", "3"])
def test_what_is_no_irm_is_not_sent_and_told(text: str) -> None:
    rows, remarks = read(f"sport,unit,phase,id,faculty,mark,irm\nx,u,Final,1,ENG,5,{text}\n")
    assert [it.result.get("irm") for it in rows if isinstance(it, Imported)] == [None]
    assert [(it.kind, it.value) for it in remarks if it.heading == "irm"] == [
        ("unreadable irm", text)
    ]


@pytest.mark.parametrize("heading", ["irm", "mark", "rank"])
@pytest.mark.parametrize(
    ("text", "medal"), [("ORO", "gold"), ("Plata", "silver"), ("Medalla de bronce", "bronze")]
)
def test_a_medal_in_another_column_is_a_medal_and_told(heading: str, text: str, medal: str) -> None:
    rows, remarks = read(f"sport,unit,phase,id,faculty,{heading}\nx,u,Final,1,ENG,{text}\n")
    (it,) = rows
    assert isinstance(it, Imported)
    assert "irm" not in it.result
    assert it.result["medal"] == medal
    assert [(it.kind, it.value) for it in remarks if it.heading == heading] == [
        (f"unreadable {heading}", text)
    ]


@pytest.mark.parametrize("heading", ["irm", "mark"])
def test_an_olympic_record_is_no_medal(heading: str) -> None:
    text = f"sport,unit,phase,id,faculty,rank,{heading}\nx,u,Final,1,ENG,4,OR\n"
    ((result,), _) = read(text)
    assert isinstance(result, Imported)
    assert "medal" not in result.result
    assert result.result["rank"] == 4


def test_a_medal_in_another_column_that_contradicts_the_rank_is_grave() -> None:
    row = "sport,unit,phase,id,faculty,rank,irm\nx,u,Final,1,ENG,{},ORO\n"
    assert told(row.format(2)) == [("unreadable irm", "ORO")]
    assert told(row.format(1)) == []


@pytest.mark.parametrize("text", ["G", "S", "B", "O", "1"])
def test_letters_of_medals_in_the_column_for_irms_are_told(text: str) -> None:
    row = f"sport,unit,phase,id,faculty,rank,irm\nx,u,Final,1,ENG,1,{text}\n"
    assert told(row) == [("unreadable irm", text)]
    assert "irm" not in results(row)[0]


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"unit": ""}, "unit"),
        ({"competitor_id": ""}, "competitor_id"),
        ({"faculty": ""}, "faculty"),
        ({"mark": ""}, "mark"),
        ({"mark": "6-4 6-2"}, "mark"),
        ({"mark": "", "medal": "chocolate"}, "medal"),
        ({"status": "perhaps"}, "status"),
        ({"name": "BYE", "outcome": "L"}, ""),
        ({"irm": "BYE", "mark": "", "outcome": "W"}, ""),
    ],
)
def test_a_row_without_a_result_is_an_error_that_names_the_column(
    cells: dict[str, str | None], field: str
) -> None:
    with pytest.raises(ResultError, match="expected") as error:
        imported(**cells)
    assert error.value.field == field


def test_teams_and_ids_that_a_spreadsheet_took_for_numbers() -> None:
    assert imported(competitor_id="SWMM4X100MFRCHN01")["competitor"] == {"id": "SWMM4X100MFRCHN01"}
    assert imported(competitor_id="1901276.0")["competitor"] == {"id": "1901276"}
    assert imported(competitor_id="17.01")["competitor"] == {"id": "17.01"}
    assert imported(competitor_id="007")["competitor"] == {"id": "007"}


@pytest.mark.parametrize(
    ("cells", "competitor"),
    [
        ({"name": "Ana", "family_name": "Ruiz"}, {"id": "Ana Ruiz", "name": "Ana Ruiz"}),
        ({"competitor": "Ana Ruiz"}, {"id": "Ana Ruiz", "name": "Ana Ruiz"}),
        ({"competitor": "11"}, {"id": "11"}),
        ({"competitor": "11", "name": "Ana"}, {"id": "11", "name": "Ana"}),
        ({"bib": "11", "competitor": "Ana Ruiz"}, {"id": "11", "name": "Ana Ruiz"}),
        ({"id": "a1", "bib": "11", "name": "Ana"}, {"id": "a1", "name": "Ana"}),
        ({"competitor_id": "7", "competitor": "Ana Ruiz"}, {"id": "7", "name": "Ana Ruiz"}),
        ({"competitor_id": "7", "age": "NA"}, {"id": "7"}),
    ],
)
def test_who_competed_is_told_by_what_there_is(
    cells: dict[str, str], competitor: dict[str, Any]
) -> None:
    assert imported(**({"competitor_id": None} | cells))["competitor"] == competitor


@pytest.mark.parametrize(
    ("text", "medal"),
    [
        *(("gold", "gold"), ("GOLD", "gold"), ("ORO", "gold"), ("G", "gold"), ("1", "gold")),
        *(("Medalla de oro", "gold"), ("Gold Medal", "gold"), ("🥇", "gold"), ("1.0", "gold")),
        ("Or", "gold"),
        *(("plata", "silver"), ("S", "silver"), ("2", "silver"), ("Silver", "silver")),
        *(("bronce", "bronze"), ("B", "bronze"), ("3", "bronze"), ("medalla de bronce", "bronze")),
        *(("", None), ("NA", None), ("-", None), ("none", None)),
    ],
)
def test_medals_are_the_officials_word(text: str, medal: str | None) -> None:
    assert imported(medal=text).get("medal") == medal


OUTCOMES = [
    ("V D", "won lost"),
    ("V D E", "won lost tied"),
    ("W L D", "won lost tied"),
    ("W L T", "won lost tied"),
    ("W D", "won lost"),
    ("G P E", "won lost tied"),
    ("G P N", "won lost tied"),
    ("V S P", "won lost tied"),
    ("V P", "won lost"),
    ("S N U", "won lost tied"),
    ("Ganó por ippon; Perdió por W.O.", "won lost"),
    ("Ganador Perdedor Empate", "won lost tied"),
    ("ganó PERDIÓ Empató", "won lost tied"),
    ("Victoria Derrota V D", "won lost won lost"),
    ("Won Lost Draw", "won lost tied"),
    ("vitória derrota empate", "won lost tied"),
    ("Victoire Défaite Nul", "won lost tied"),
    ("Vittoria Sconfitta Pareggio", "won lost tied"),
    ("Sieg Niederlage Unentschieden", "won lost tied"),
    ("W", "won"),
    ("e", "tied"),
    # What may mean several things, contradicts or is not known.
    ("D", "?"),
    ("P", "?"),
    ("V L D", "? ? ?"),
    ("V D X", "won lost ?"),
    ("G P perhaps", "won lost ?"),
]


def cells_of(column: str) -> list[str]:
    return column.split("; ") if ";" in column else column.split()


#: What only a column for outcomes can say: elsewhere a number is a mark.
ANSWERS = [("1 0", "won lost"), ("Sí No", "won lost"), ("yes NO", "won lost")]


@pytest.mark.parametrize(
    ("column", "outcomes", "heading"),
    [(*it, heading) for it in OUTCOMES for heading in ("outcome", "marca")]
    + [(*it, "outcome") for it in ANSWERS],
)
def test_letters_of_outcomes_are_read_as_those_of_their_column(
    column: str, outcomes: str, heading: str
) -> None:
    lines = (f"judo,u{n},Ronda,{n},ENG,{it}\n" for n, it in enumerate(cells_of(column)))
    text = f"sport,unit,phase,competitor_id,faculty,{heading}\n" + "".join(lines)
    rows, _ = read(text)
    assert [
        it.result.get("outcome") if isinstance(it, Imported) else "?" for it in rows
    ] == outcomes.split()


@pytest.mark.parametrize("heading", ["V/D", "W/D", "Resultado WLT"])
def test_a_heading_of_letters_says_what_they_mean(heading: str) -> None:
    text = f"sport,unit,phase,id,faculty,{heading}\njudo,u,Final,1,ENG,{{}}\n"
    letter, outcome = ("D", "lost") if heading != "Resultado WLT" else ("D", "tied")
    columns = {heading: "outcome"}
    lines = text.format(letter).splitlines(keepends=True)
    (it,) = import_rows(CsvTable(lambda: lines, columns=columns))
    assert isinstance(it, Imported)
    assert it.result["outcome"] == outcome


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        *(({"stage_status": it}, None) for it in ("", "FINISHED", "Official")),
        *(({"stage_status": it}, "unofficial") for it in ("RUNNING", "UNOFFICIAL", "LIVE")),
        *(({"status": it}, "unofficial") for it in ("unofficial", "No oficial", "provisional")),
        *(({"status": it}, None) for it in ("official", "Oficial", "FINISHED")),
        ({"status": "withdrawn", "mark": ""}, "withdrawn"),
    ],
)
def test_a_unit_that_is_still_running_is_unofficial(
    cells: dict[str, str], expected: str | None
) -> None:
    assert imported(**cells).get("status") == expected


@pytest.mark.parametrize("sport", ["swimming", "boxing"])
def test_words_and_codes_agree_where_codes_know(sport: Any) -> None:
    for fact in facts(sport):
        phase = imported(unit=fact.unit, stage=fact.stage).get("phase")
        if "FNL-000100--" in fact.unit:
            assert phase == "final"
        elif "SFNL" in fact.unit:
            assert phase == "semifinal"
        else:
            assert phase is None


def test_the_stage_of_a_file_without_that_column_is_taken_from_the_longer_one() -> None:
    cells = {"event": "Final Four Bronze", "event_stage": "Final Four Bronze - Gold"}
    assert imported(**cells)["phase"] == "final"


HEADINGS = "sport,event,unit,phase,competitor_id,faculty,outcome,rank,mark\n"
DECATHLON = "ATHMDECATH------------{}"


@pytest.mark.parametrize(
    ("unit", "stage", "phase"),
    [
        (DECATHLON.format("FNL-000100--"), "Final Results", "final"),
        (DECATHLON.format("FNL-00010000"), "Final Standings", "final"),
        (DECATHLON.format("LJ----------"), "Long Jump", None),
        (DECATHLON.format("FNL-000100--"), "1500m", "other"),
        (DECATHLON.format("1500--------"), "1500m - Final", "other"),
        (FINAL, "Final", "final"),
    ],
)
def test_where_an_event_has_final_results_they_are_its_only_final(
    unit: str, stage: str, phase: str | None
) -> None:
    survey = Survey.of([row(unit=DECATHLON.format("FNL-00010000"), stage="Final results")])
    assert import_row(row(unit=unit, stage=stage), survey).result.get("phase") == phase


def test_units_that_are_no_codes_belong_together_by_their_event() -> None:
    text = (
        HEADINGS
        + "golf,strokes,r1,Final,1,ENG,,1,70\n"
        + "golf,strokes,total,Clasificación final,1,ENG,,1,280\n"
        + "golf,mixed,m1,Final,1,ENG,,1,70\n"
    )
    assert [it["phase"] for it in results(text)] == ["other", "final", "final"]


def test_a_small_final_of_two_with_won_and_lost_is_a_bronze_match() -> None:
    bout = HEADINGS + "".join(
        f"climbing,speed,small,Small Final,{n},ENG,{outcome},,\n" for n, outcome in enumerate("WL")
    )
    assert [it["phase"] for it in results(bout)] == ["bronze", "bronze"]
    race = HEADINGS + "".join(f"canoe,cross,small,Small Final,{n},ENG,,{n},\n" for n in range(1, 5))
    assert {it["phase"] for it in results(race)} == {"other"}


JUMP_OFF = (
    HEADINGS
    + "".join(f"jumping,ind,f,Final,{n},ENG,,{rank},0\n" for n, rank in ((1, 1), (2, 1), (3, 1)))
    + "jumping,ind,f,Final,4,ENG,,4,1\n"
)


def test_a_jump_off_separates_those_who_share_a_rank() -> None:
    text = JUMP_OFF + "".join(
        f"jumping,ind,j,Jump-Off,{n},ENG,,{rank},4\n" for n, rank in ((2, 1), (1, 2), (3, 3))
    )
    rows = results(text)
    assert [it["rank"] for it in rows[:4]] == [2, 1, 3, 4]
    assert {it["phase"] for it in rows[4:]} == {"other"}
    assert told(text) == []


def test_a_jump_off_that_does_not_decide_is_told() -> None:
    text = JUMP_OFF + "".join(f"jumping,ind,j,Desempate,{n},ENG,,{n},4\n" for n in (1, 2))
    assert [it["rank"] for it in results(text)[:4]] == [1, 1, 1, 4]
    assert told(text) == [("jump-off", "f")]


def timed_final(stage: str, ranks: list[int | str], units: str = "u{}") -> str:
    lines = [
        f"swimming,800 m,{units.format(n % 2 + 1)},{stage.format(n % 2 + 1)},{n},ENG,,{rank},9:1{n}"
        for n, rank in enumerate(ranks)
    ]
    return HEADINGS + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "stage", ["Timed final heat {}", "Final {} de 2", "Final A serie {}", "Finals - Heat {} of 2"]
)
@pytest.mark.parametrize("ranks", [[1, 2, 3, 4], ["", "", "", ""]])
def test_heats_of_a_timed_final_that_rank_as_one_are_one_unit(
    stage: str, ranks: list[int | str]
) -> None:
    rows = results(timed_final(stage, ranks, "800 m Heat {}"))
    assert {(it["unit"], it["phase"]) for it in rows} == {("800 m", "final")}
    _, remarks = read(timed_final(stage, ranks))
    assert [it.kind for it in remarks] == ["timed final"]


def test_heats_with_ranks_of_their_own_stay_apart() -> None:
    rows = results(timed_final("Timed final heat {}", [1, 1, 2, 2]))
    assert {it["unit"] for it in rows} == {"u1", "u2"}
    merged = results(timed_final("Timed final heat {}", [1, 1, 2, 2]), ignore_rank=False)
    assert merged == rows


def test_heats_of_a_timed_final_of_codes_take_the_first_ones_code() -> None:
    units = "SWMW800MFR------------FNL-000{}00--"
    rows = results(timed_final("Final heat {}", [1, 2, 3, 4], units))
    assert {it["unit"] for it in rows} == {units.format(1)}


def test_runs_of_the_same_competitors_are_no_heats() -> None:
    text = HEADINGS + "".join(
        f"luge,single,r{run},Final heat {run},{n},ENG,,{n + 2 * run},5{n}\n"
        for run in (1, 2)
        for n in (1, 2)
    )
    assert {it["unit"] for it in results(text)} == {"r1", "r2"}


SPANISH = "Deporte;Prueba;Rama;Fase;Serie;Carné;Atleta;Facultad;Tiempo;Puesto\n"


def test_without_a_unit_it_is_made_of_event_gender_stage_and_heat() -> None:
    text = (
        SPANISH
        + "Natación;100 m libre;F;Eliminatorias;2;11;Ana Ruiz;Ingeniería;1:02,34;1\n"
        + "Natación;100 m libre;M;Semifinal;;12;Luis Mora;Agronomía;58,40;1\n"
        + "Natación;100 m libre;F;Final;2;11;Ana Ruiz;Ingeniería;1:01,34;1\n"
        + "Natación;50 m mujeres final;F;Final;;11;Ana Ruiz;Ingeniería;29,1;1\n"
    )
    rows = results(text)
    assert [it["unit"] for it in rows] == [
        "100 m libre F Eliminatorias heat 2",
        "100 m libre M Semifinal",
        "100 m libre F Final",
        "50 m mujeres final",
    ]
    assert [it.get("phase") for it in rows] == [None, "semifinal", "final", "final"]
    assert rows[0]["competitor"] == {"id": "11", "name": "Ana Ruiz"}
    assert rows[0]["mark"] == "1:02,34"
    assert told(text) == []


def test_heats_of_a_timed_final_without_a_unit_share_one() -> None:
    text = (
        SPANISH
        + "Natación;800 m;F;Final por tiempos serie 1;;11;Ana;Ingeniería;9:10,00;3\n"
        + "Natación;800 m;F;Final por tiempos serie 2;;12;Eva;Ingeniería;8:50,00;1\n"
    )
    assert {it["unit"] for it in results(text)} == {"800 m F Final por tiempos"}
    first = "".join(text.splitlines(keepends=True)[:2])
    assert {it["unit"] for it in results(first)} == {"800 m F Final por tiempos"}
    by_column = text.replace(" serie 1;;", ";1;").replace(" serie 2;;", ";2;")
    assert {it["unit"] for it in results(by_column)} == {"800 m F Final por tiempos"}


@pytest.mark.parametrize("stage", ["Final por tiempos serie {};", "Final;{}"])
def test_heats_without_a_unit_and_with_ranks_of_their_own_stay_apart(stage: str) -> None:
    rows = (f"Natación;800 m;F;{stage.format(n)};1{n};Ana;ENG;9:1{n},0;1\n" for n in (1, 2))
    assert len({it["unit"] for it in results(SPANISH + "".join(rows))}) == 2


@pytest.mark.parametrize(
    ("unit", "phase"),
    [
        ("100 m libre final", "final"),
        ("Final 100 m", "final"),
        ("100 m semifinal 2", "semifinal"),
        ("Combate por el bronce", "bronze"),
        ("100 m heat 2", None),
        ("Final B 100 m", "other"),
    ],
)
def test_without_a_stage_the_units_name_tells_the_phase_and_that_is_said(
    unit: str, phase: str | None
) -> None:
    rows, remarks = read(f"sport,unit,competitor_id,faculty,mark\nswimming,{unit},1,ENG,58\n")
    assert [it.result.get("phase") for it in rows if isinstance(it, Imported)] == [phase]
    assert [it.kind for it in remarks] == ([] if phase is None else ["stage by name"])


def test_the_stage_at_the_end_of_an_event_is_read_beside_a_gender() -> None:
    text = (
        "Deporte;Prueba;Género;Serie;Carné;Facultad;Tiempo\n"
        "swimming;100 m - Final;F;;11;ENG;1:01,34\n"
        "swimming;100 m - Semifinal;F;2;11;ENG;1:02,34\n"
        "swimming;800 m - Final;F;1;11;ENG;9:30,00\n"
        "swimming;800 m - Final;F;2;12;ENG;9:20,00\n"
    )
    rows, remarks = read(text)
    assert [(it.result["unit"], it.result["phase"]) for it in rows if isinstance(it, Imported)] == [
        ("100 m - Final F", "final"),
        ("100 m - Semifinal F heat 2", "semifinal"),
        *[("800 m - Final F", "final")] * 2,
    ]
    assert {it.kind for it in remarks} == {"stage by name", "timed final"}


def test_bouts_by_number_are_of_their_event_and_stage() -> None:
    text = (
        "Deporte;Peso;Género;Fase;Combate;Judoka;Universidad;Resultado;Puntos\n"
        "Judo;-60 kg;M;Semifinal;1;Paz;UBA;Ganó;10\n"
        "Judo;-60 kg;M;Semifinal;1;Sur;UNC;Perdió;0\n"
        "Judo;-66 kg;M;Semifinal;Combate 1;Gil;UBA;Ganó;1\n"
        "Judo;-66 kg;M;Bronce;Bronce 1;Sol;UBA;Perdió;0\n"
    )
    rows = results(text)
    assert [it["unit"] for it in rows] == [
        *["M -60 kg Semifinal match 1"] * 2,
        "M -66 kg Semifinal Combate 1",
        "M -66 kg Bronce Bronce 1",
    ]
    assert [it["outcome"] for it in rows] == ["won", "lost", "won", "lost"]
    assert [it["mark"] for it in rows] == ["10", "0", "1", "0"]
    assert told(text) == []


def test_a_team_is_the_competitor_where_there_is_no_other_and_that_is_told() -> None:
    text = (
        "Deporte;Rama;Fase;Grupo;Partido;Equipo;Facultad;Goles;Resultado\n"
        "Fútbol;F;Fase de grupos;A;3;Las Águilas;Letras;0;E\n"
        "Fútbol;F;Final;;;Las Águilas;Letras;2;G\n"
        "Fútbol;F;Final;;;Sol;Derecho;1;P\n"
    )
    rows, remarks = read(text)
    made = [it.result for it in rows if isinstance(it, Imported)]
    assert [it["unit"] for it in made] == ["F Fase de grupos group A match 3", *["F Final"] * 2]
    assert made[0]["competitor"] == {"id": "Las Águilas", "name": "Las Águilas"}
    assert [it["faculty"] for it in made] == ["Letras", "Letras", "Derecho"]
    assert [it["outcome"] for it in made] == ["tied", "won", "lost"]
    assert {(it.kind, it.grave) for it in remarks} == {
        ("team as competitor", False),
        ("no id", False),
    }
    assert told(text.replace(";Equipo;", ";Mascota;")) == [
        ("team as competitor", ""),
        ("unknown column", ""),
    ]


def test_irms_among_remarks_are_taken() -> None:
    text = (
        "sport,event,phase,id,faculty,mark,Observaciones\n"
        "swimming,50 m,Final,1,ENG,,No se presentó\n"
        "swimming,50 m,Final,2,ENG,28.1,récord nacional\n"
    )
    rows, remarks = read(text)
    assert [it.result.get("irm") for it in rows if isinstance(it, Imported)] == ["DNS", None]
    assert [(it.value, it.grave) for it in remarks] == [("récord nacional", False)]


def test_headings_in_portuguese_are_read() -> None:
    text = (
        "Esporte;Prova;Fase;Atleta;Faculdade;Tempo;Colocação\n"
        "Natação;50 m livre;Final;Ana;Artes;28,45;1º\n"
        "Natação;50 m livre;Final;Eva;Letras;Não compareceu;\n"
    )
    first, second = results(text)
    assert (first["mark"], first["rank"], first["phase"]) == ("28,45", 1, "final")
    assert second["irm"] == "DNS"
    assert told(text) == []


def test_heats_without_a_stage_are_told() -> None:
    text = "sport,event,heat,competitor_id,faculty,mark\nswimming,100 m,2,1,ENG,58\n"
    assert told(text) == [("no stage", "")]


def test_the_letter_of_a_final_may_be_a_gender_and_that_is_told() -> None:
    text = HEADINGS + "rowing,single,u,Final D,1,ENG,,1,\n"
    assert told(text) == [("unreadable stage", "Final D")]
    assert told(text + "rowing,single,v,Final B,2,ENG,,1,\n") == []


def test_a_result_without_any_stage_is_told_where_it_could_give_a_medal() -> None:
    text = "sport,unit,competitor_id,faculty,rank,medal\nswimming,100 m,1,ENG,1,{}\n"
    assert told(text.format("")) == [("no stage", "")]
    assert told(text.format("gold")) == []


def test_what_a_cell_means_and_is_not_read_is_told_with_line_heading_and_remedy() -> None:
    text = (
        "Deporte,Unidad,Fase,Carné,Facultad,Puesto,Marca,Edad,Medalla\n"
        "swimming,u,Ultimate,1,ENG,1,59.9x?,U20,chocolate\n"
    )
    _, remarks = read(text)
    assert [(it.kind, it.line, it.heading, it.value) for it in remarks if it.grave] == [
        ("unreadable age", 2, "Edad", "U20"),
        ("unreadable medal", 2, "Medalla", "chocolate"),
        ("unreadable mark", 2, "Marca", "59.9x?"),
        ("unreadable stage", 2, "Fase", "Ultimate"),
    ]
    assert all(it.remedy for it in remarks)


def test_a_text_beside_an_outcome_is_told_and_not_grave() -> None:
    _, remarks = read(HEADINGS + "tennis,singles,m1,Final,1,ENG,W,,6-4 6-2\n")
    assert [(it.kind, it.value, it.grave) for it in remarks] == [
        ("unreadable mark", "6-4 6-2", False)
    ]


def test_results_of_several_games_in_one_file_are_told() -> None:
    text = "sport,unit,phase,competitor_id,faculty,rank,Year\n"
    text += "swimming,u,final,1,ENG,1,2023\nswimming,u,final,2,ENG,1,2024\n"
    assert told(text) == [("several games", "2023, 2024")]


def test_a_file_of_medallists_is_read() -> None:
    text = (
        "ID,Name,Sex,Age,Team,NOC,Games,Sport,Event,Medal\n"
        "1,Ana Ruiz,F,20,Engineering,ENG,2026 Summer,Swimming,Women's 100 m,Gold\n"
        "2,Eva Soto,F,NA,Agronomy,AGR,2026 Summer,Swimming,Women's 100 m,NA\n"
    )
    first, second = read(text)[0]
    assert isinstance(first, Imported)
    assert first.result == {
        "sport": "Swimming",
        "unit": "Women's 100 m",
        "competitor": {"id": "1", "name": "Ana Ruiz", "age": 20},
        "faculty": "ENG",
        "medal": "gold",
    }
    assert isinstance(second, Unusable)
    assert second.error.endswith("got nothing")
