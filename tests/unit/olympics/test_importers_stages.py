"""The words of stages, and the phases that they mean."""

from __future__ import annotations

import pytest

from olympics.importers.stages import Stage, read_stage, read_stage_in_name

PHASES = {
    "final": """
        Final; Finals; Final A; A Final; Final 1-6; Gold Medal Match; Final - Gold; Women's Final
        Big Final; Men’s Gold Medal Contest; Timed Final; Timed Finals; Final por tiempos; Gold
        Final directa; Gran final; Finale; Finał; Medalla de oro; Super Final; Championship Final
        Final Round; FNL; F; final; Jumping - Individual Final; Combate por el oro
        100 m libre, final; Final masculina; Final femenil; Por el primer lugar; 1er puesto
        Partido final; Endlauf; Finali; Finais; Copa de Oro - Final; Final M; primer y segundo lugar
    """,
    "bronze": """
        Bronze Medal Game; Final - Bronze; BRONZE; Bronze Medal Contest A; For Bronze; bronce
        Bronze Medal of Table A; Contest for Bronze Medal B; Bronze Medal Contests; Final bronce
        Combate por el bronce; Por el bronce; Medalla de bronce; Tercer lugar; tercer puesto
        Partido por el tercer puesto; Final por el 3er lugar; 3.er y 4.º puesto; 3rd place
        3ro y 4to; tercer y cuarto lugar; Spiel um Platz 3; Finale 3° posto; disputa do 3º lugar
        Bronze medal (losers of semifinals)
        3rd/4th place; Third place play-off; Match for third; Final 3-4; REPF; Playoff 3/4
    """,
    "semifinal": """
        Semifinal; Semi-finals; Semifinal 2; Semifinales; Semis; Semifinal of Table A; SFNL; SF1
        Semifinal - Boulder; Semi final masculina; 1/2 final; semifinal; Semifinal Swim-Off
        Media final; Medias finales; ½ final; 1/2; Halbfinale; Demi-finales; Meia-final; Semifinais
        Semifinali; Copa de Oro, semifinal; Gold semifinal
    """,
    "other": """
        Final B; B Final; Small Final; Pequeña final; Final 7-12; Final C; Placing 5-8; Placing
        Placement 5-8; 5th Place Match; Classification 9-10; Classification 5th-8th; Round 1
        Semifinal 5-8 Classification; Ranking Round; Round 18; Final - Round 2; Contest for 5th
        For Places 5-6; Final de consolación; Consolation final; Por el quinto puesto; Ronda 2
        Clasificación 5-8; Puestos 5 a 8; Jump-Off; Desempate; other; 5th-8th semifinal
        Final femenina B; Kleines Finale; Petite finale; Final de consuelo; Final de perdedores
        Copa de Plata, final; Final de plata; Plate final
    """,
    "round": """
        Heat 1; Heats; Heats 1st Run; Series; Serie 3; Eliminatorias; Eliminatoria 1; Preliminary
        Preliminaries - Round of 16; Elimination Round of 32; Quarterfinal; Quarter-final 3; round
        Quarterfinals; 1/8 Finals; Eighth-final; 8th Finals; Cuartos de final; Octavos de final
        Dieciseisavos de final; Ronda preliminar; Primera ronda; Clasificación; Clasificatoria
        Qualification - Day 1; Qualifying; Repechage; Repechaje; Repesca; Grupo A; Pool B; Manga 2
        Fase de grupos; QFNL; HEAT; 50 m heat 2; R32; 4tos de final; 8vos de final; 16avos; cuartos
        1/4 final; ¼ de final; 1/4; Quart de finale; Viertelfinale; Quartas de final; Oitavas
        Ottavi di finale; Treintaidosavos de final; Batería 2; Vorlauf 3; Copa de Oro - cuartos
    """,
    None: """
        Ultimate; Stage 1; Medal Race; Final, Run 1; Final - Boulder; Time Trial; Race 5
        Repechage Final; Final de repechaje; Silver medal; Long Jump; 1500m; Final 1/4; Final 1/2
        Ronda previa a la final; Clasificación a la final; Final regional; Final grupo A; 2da final
        Final ida; Cuadrangular final; Final II; 8 final; Final - Juego 3
    """,
}


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        (text.strip(), phase)
        for phase, texts in PHASES.items()
        for text in texts.replace("\n", ";").split(";")
        if text.strip()
    ],
)
def test_words_tell_the_phase(text: str, phase: str | None) -> None:
    assert read_stage(text).phase == phase
    assert read_stage(f"  {text.upper()} ").phase == phase


@pytest.mark.parametrize(
    ("text", "heat"),
    [
        ("Timed final heat 1", "1"),
        ("Final - Heat 2 of 3", "2"),
        ("Final 1 de 3", "1"),
        ("Final A serie 2", "2"),
        ("Final por tiempos, serie 10", "10"),
        ("Final 2", "2"),
        ("Final", ""),
        ("Timed final", ""),
    ],
)
def test_heats_of_timed_finals_are_finals_with_a_number(text: str, heat: str) -> None:
    assert read_stage(text) == Stage("final", heat)


@pytest.mark.parametrize(
    "text",
    ["Final Results", "Final Standings", "Clasificación final", "Resultados finales", "Overall"],
)
def test_what_ranks_a_whole_event_is_known(text: str) -> None:
    assert read_stage(text) == Stage("final", total=True)


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("100 m - Final", "final"),
        ("100 m planos - Final, varones 2026", "final"),
        ("Final 4 x 100 m", "final"),
        ("-64 kg final", "final"),
        ("100 m - Semifinal 2 F", "semifinal"),
        ("100 m 4tos de final F", "round"),
        ("Fútbol - Final B", "other"),
        ("Vóleibol: tercer puesto", "bronze"),
        ("Final ida", None),
        ("8+ final", None),
        ("Decatlón 100 m", None),
    ],
)
def test_a_name_tells_its_stage_wherever_it_stands(name: str, phase: str | None) -> None:
    assert read_stage_in_name(name).phase == phase


def test_finals_of_places_have_their_letter() -> None:
    letters = [read_stage(it).letter for it in ("Final B", "Final femenina D", "C final", "Final")]
    assert letters == ["b", "d", "c", ""]


def test_nothing_is_known_of_no_words() -> None:
    assert read_stage("") == read_stage(" – ") == Stage(None)


def test_small_finals_and_jump_offs_are_told_apart() -> None:
    assert read_stage("Small Final").small
    assert read_stage("Desempate").jump_off
    assert not read_stage("Semifinal Swim-Off").jump_off
