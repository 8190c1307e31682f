"""Headings of tables of results, and the fields that they mean.

Our own names of fields, the Olympic Data Feed's columns, those of well-known collections of
results, and their Spanish names. Case, accents, blanks and punctuation do not matter, nor does a
unit in parentheses: ``Stage_Code``, ``stage code``, ``Marca (m)``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from olympics.text import folded

# Where two fields of a pair are both there, the first is used: a code before a name, an id before a
# bib. Fields that only help to tell results apart or to describe them are at the end.
HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "sport_code": ("discipline code", "sport code", "código de deporte"),
    "sport": (
        *("sport", "sport name", "discipline", "discipline name", "discipline title"),
        *("deporte", "disciplina", "esporte", "modalidade", "sportart"),
    ),
    "unit": ("unit", "unit code", "stage code", "unidad"),
    "bout": (
        *("bout", "match", "game", "combate", "partido", "encuentro", "juego", "bout number"),
        *("match number", "número de partido", "número de combate", "no partido", "no combate"),
    ),
    "event_code": ("event code", "código de prueba"),
    "event": (
        *("event", "event name", "event title", "prueba", "nombre de la prueba", "evento"),
        *("competencia", "modalidad", "especialidad", "apparatus", "aparato", "weapon", "arma"),
        *("prova", "épreuve", "wettbewerb"),
    ),
    "stage": ("stage", "phase", "round", "fase", "etapa", "ronda", "instancia"),
    "event_stage": ("event stage",),
    "heat": (
        *("heat", "heat number", "heat no", "heat id", "serie", "número de serie", "manga"),
        *("tanda", "batería"),
    ),
    "group": ("group", "pool", "grupo", "zona"),
    "competitor_id": (
        *("competitor id", "competitor code", "participant code", "participant id"),
        *("athlete id", "athlete code", "student id", "id competidor", "id atleta"),
        *("id participante", "código de atleta", "código atleta", "carné", "carnet", "matrícula"),
        *("número de carné", "no carné", "legajo", "código estudiantil", "código de estudiante"),
        *("código universitario", "número de control", "no control", "boleta", "expediente"),
    ),
    "id": ("id",),
    "bib": ("bib", "bib number", "start number", "dorsal", "número de dorsal"),
    "competitor": (
        *("competitor", "participant", "athlete", "player", "swimmer", "runner", "student"),
        *("competidor", "competidora", "participante", "atleta", "deportista", "jugador"),
        *("jugadora", "nadador", "nadadora", "corredor", "corredora", "estudiante", "alumno"),
        *("alumna", "concursante", "ajedrecista", "arquero", "arquera", "boxeador", "boxeadora"),
        *("ciclista", "clavadista", "esgrimista", "gimnasta", "judoka", "karateca", "luchador"),
        *("luchadora", "pareja", "dupla", "patinador", "patinadora", "pesista", "pugilista"),
        *("remero", "remera", "tenista", "tirador", "tiradora", "triatleta", "tripulación"),
        *("archer", "boxer", "crew", "cyclist", "diver", "fencer", "gymnast", "lifter", "pair"),
        *("rider", "rower", "shooter", "wrestler", "athlète", "athlet", "athletin"),
    ),
    "name": (
        *("name", "competitor name", "participant name", "athlete name", "full name"),
        *("athlete full name", "first name", "given name", "nombre", "nombres"),
        *("nombre completo", "nombre y apellido", "nombre y apellidos", "nombre del atleta"),
        *("nombre atleta", "nombre competidor", "nombre del competidor", "apellidos y nombres"),
        *("apellido y nombre", "apellidos y nombre", "apellido y nombres", "nombres y apellidos"),
        *("nombre del deportista", "nombre del participante", "nombre del estudiante"),
        *("nombre del alumno", "nombre del jugador"),
    ),
    "family_name": ("last name", "family name", "surname", "apellido", "apellidos"),
    "age": ("age", "competitor age", "edad"),
    "faculty": (
        *("faculty", "facultad", "participant country code", "noc", "organisation"),
        *("organization", "organisation code", "organization code", "organización"),
        *("country 3 letter code", "committee", "comité", "university", "universidad"),
        *("escuela", "school", "institution", "institución", "delegation", "delegación"),
        *("affiliation", "afiliación", "unidad académica", "college", "dependencia", "plantel"),
        *("faculdade", "universidade", "faculté", "université", "facoltà", "fakultät"),
        *("campus", "recinto", "casa de estudios", "facultad o escuela", "facultad/escuela"),
    ),
    "club": (
        *("club", "team", "equipo", "team name", "club name", "nombre del equipo", "selección"),
    ),
    "country": (*("participant country", "country", "country name", "nation", "nación", "país"),),
    "country_code": ("country code", "código de país"),
    "mark": (
        *("mark", "result", "performance", "final result", "value unit"),
        *("marca", "resultado", "marca final", "resultado final", "marcador"),
    ),
    "time": (
        *("time", "final time", "swim time", "finish time", "tiempo", "tiempo final"),
        *("tempo", "temps", "zeit"),
    ),
    "distance": ("distance", "distancia"),
    "points": (
        *("points", "score", "total points", "total score", "goals"),
        *("puntos", "puntaje", "puntuación", "puntos totales", "puntaje total", "goles"),
        *("calificación", "calificación final", "nota final", "puntuación final", "puntaje final"),
        *("puntuación total", "total de puntos", "pts", "sets", "sets ganados", "tantos"),
        *("tocados", "total"),
    ),
    "result_type": ("result type", "value type", "mark type", "tipo de marca", "tipo de resultado"),
    "outcome": (
        *(
            "outcome",
            "result wlt",
            "wlt",
            "wdl",
            "win loss",
            "w/l",
            "wl",
            "desenlace",
            "g/p",
            "v/d",
        ),
        *("g/e/p", "g/p/e", "v/e/d", "v/d/e", "ganó/perdió", "ganador/perdedor", "won/lost"),
        *("victoria/derrota",),
    ),
    "rank": (
        *("rank", "place", "position", "pos", "final rank", "final place", "rank position"),
        *("puesto", "posición", "lugar", "clasificación", "puesto final", "lugar final"),
        *("colocação", "classificação", "rang", "classement", "posizione", "platz"),
        *("posición final", "ubicación", "lugar obtenido", "orden de llegada"),
    ),
    "irm": ("irm", "result irm", "código irm", "incidencia", "incidencias"),
    "medal": (
        *("medal", "medal type", "medalla", "medallas", "presea", "award", "premio", "podio"),
        *("tipo de medalla", "medalla obtenida"),
    ),
    "notes": (
        *("observaciones", "observación", "obs", "comentarios", "comentario", "remarks", "remark"),
        *("notes", "comments"),
    ),
    "status": ("status", "result status", "estado"),
    "stage_status": ("stage status", "unit status", "estado de la fase"),
    "version": ("version", "versión"),
    "gender": ("gender", "sex", "género", "sexo", "rama"),
    "category": ("category", "categoría", "age group", "division", "división"),
    "weight": (
        *("weight", "weight class", "weight category", "peso", "categoría de peso"),
        *("división de peso",),
    ),
    "games": ("games", "slug game", "juegos"),
    "year": ("year", "año"),
    # Known, and no part of a result.
    "date": ("date", "fecha", "day", "día"),
    "start_time": ("start time", "hora", "hora de inicio"),
    "venue": ("venue", "sede", "city", "ciudad", "location"),
    "lane": ("lane", "carril"),
    "start_order": ("start order", "orden de salida"),
    "result_diff": ("result diff", "gap", "diferencia"),
    "qualification_mark": ("qualification mark", "qualified"),
    "participant_type": ("participant type",),
    "rank_equal": ("rank equal",),
    "athletes": ("athletes",),
    "url": ("url", "athlete url"),
    "season": ("season", "temporada"),
}

#: Fields that hold a mark, and what they say about its type.
MARK_FIELDS: Final[Mapping[str, str]] = {
    "mark": "",
    "time": "TIME",
    "distance": "DISTANCE",
    "points": "POINTS",
}
#: Fields of which the first that a file has names the competitor, the faculty.
IDENTITY_FIELDS: Final = ("competitor_id", "id", "bib", "competitor", "name", "family_name")
FACULTY_FIELDS: Final = ("faculty", "club", "country_code", "country")
SPORT_FIELDS: Final = ("sport_code", "sport")

#: Fields that are known and no part of a result.
FIELDS_WITHOUT_USE: Final = tuple(HEADINGS)[tuple(HEADINGS).index("date") :]


def field_of(heading: str) -> str | None:
    """Return the field that a heading means; None if it is not known."""
    return _FIELD_OF.get(_squeezed(heading)) or _FIELD_OF.get(
        _squeezed(re.sub(r"\([^)]*\)|\[[^]]*\]", "", heading))
    )


class Missing(NamedTuple):
    """What a table lacks, and headings that would be understood."""

    what: str
    headings: tuple[str, ...]

    def __str__(self) -> str:
        return f"no column for {self.what} ({', '.join(self.headings)}, …)"


def missing(fields: Sequence[str]) -> list[Missing]:
    """Return what a table with these fields lacks for its rows to be results."""
    known = frozenset(fields)
    lacking = []
    if not known & {"unit", "event", "bout", "weight", "category", "stage"}:
        lacking.append(Missing("the unit or event", ("unit", "event", "stage_code", "prueba")))
    # A team is its own competitor.
    if known.isdisjoint(IDENTITY_FIELDS) and known.isdisjoint(FACULTY_FIELDS):
        lacking.append(
            Missing("the competitor", ("competitor_id", "name", "participant_code", "atleta"))
        )
    if known.isdisjoint(FACULTY_FIELDS):
        lacking.append(Missing("the faculty", ("faculty", "participant_country_code", "facultad")))
    return lacking


def _squeezed(heading: str) -> str:
    return re.sub(r"[\W_]+", "", folded(heading))


_FIELD_OF: Final[Mapping[str, str]] = {
    _squeezed(heading): field
    for field, headings in HEADINGS.items()
    for heading in (*headings, field)
}
