"""The packaged athletics knows its events under every well-known name, however it is written."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator

import pytest

from olympics.catalogue import Order, load_catalogue

ATHLETICS = load_catalogue().sports["athletics"]

FIELD = {
    "en": """
        Long jump; High jump; Triple jump; Pole vault; Shot put; Shotput; Shot-put; Shot; Discus;
        Discus throw; Hammer; Hammer throw; Javelin; Javelin throw; Weight throw;
        Standing long jump; Standing broad jump; Standing triple jump; Standing high jump;
        Longjump; Highjump; Triplejump; Polevault; LongJump; HighJump; ShotPut; Pole-vault;
        Club throw; Ball throw; Softball throw; Putting the shot; Throws; Jumps; Vault;
        Shot put 4 kg; Shot put (7.26 kg); Javelin 800g; Discus 1.5 kg; Hammer 16 lb;
        35 lb weight throw
        """,
    "short": """
        LJ; HJ; TJ; PV; SP; DT; HT; JT; WT; SLJ; JT 800g; JT 600 g; SP 7.260 kg; WT 35 lb;
        DT 1.75kg
        """,
    "es": """
        Salto de longitud; Salto en longitud; Salto longitud; Longitud; Salto largo;
        Salto en largo; Largo; Salto de altura; Salto en altura; Salto alto; Salto en alto; Altura;
        Triple; Triple salto; Salto triple; Salto con pértiga; Salto de pértiga; Pértiga;
        Salto con garrocha; Garrocha; Lanzamiento de peso; Lanzamiento de bala; Impulso de bala;
        Impulsión de bala; Impulso de la bala; Bala; Peso; Lanzamiento de disco;
        Lanzamiento del disco; Disco; Lanzamiento de martillo; Martillo; Lanzamiento de jabalina;
        Lanzamiento de la jabalina; Jabalina; Lanz. jabalina; Salto largo sin impulso;
        Lanzamiento de pelota; Bala 4 kg; Jabalina 800 g; Jabalina 700 gramos; Jabalina 800
        """,
    "pt": """
        Salto em distância; Salto em comprimento; Salto em altura; Salto triplo; Triplo salto;
        Salto com vara; Salto à vara; Arremesso de peso; Lançamento do peso; Lançamento do disco;
        Lançamento do dardo; Dardo; Lançamento do martelo; Martelo; Arremesso de dardo
        """,
    "fr": """
        Saut en longueur; Saut en hauteur; Triple saut; Saut à la perche; Perche; Longueur;
        Hauteur; Lancer du poids; Poids; Lancer du disque; Disque; Lancer du marteau; Marteau;
        Lancer du javelot; Javelot
        """,
    "it": """
        Salto in lungo; Salto in alto; Salto triplo; Salto con l'asta; Asta; Getto del peso;
        Lancio del disco; Lancio del martello; Martello; Lancio del giavellotto; Giavellotto
        """,
    "de": """
        Weitsprung; Hochsprung; Dreisprung; Stabhochsprung; Kugelstoßen; Kugel; Diskuswurf; Diskus;
        Hammerwurf; Speerwurf; Speer; Speerwerfen
        """,
}
COMBINED = """
    Decathlon; Heptathlon; Pentathlon; Octathlon; Tetrathlon; Hexathlon; Combined events; Decatlón;
    Heptatlón; Pentatlón; Octatlón; Hexatlón; Pruebas combinadas; Decatlo; Heptatlo; Pentatlo;
    Décathlon; Zehnkampf; Siebenkampf; Fünfkampf; Throws pentathlon; Weight pentathlon
    """
RACES = {
    "en": """
        60m; 60 m; 60 metres; 60m hurdles; 60mH; 100m; 100 m; 100 metres; 100 meter dash; 100;
        200m; 300m; 400m; 600m; 800m; 1000m; 1500m; 1,500m; 3000m; 5000m; 5,000 m; 10000m; 10,000m;
        10 000 m; 100m hurdles; 110m hurdles; 110mH; 110m H; 400m hurdles; 400mH; Hurdles;
        High hurdles; 3000m steeplechase; 3000m SC; Steeplechase; 2000m steeple; 4x100; 4x100m;
        4 x 100 m relay; 4×400; 4X400M mixed relay; Medley relay; Sprint medley relay;
        Distance medley relay; Shuttle hurdle relay; Mile; 1 mile; One mile run; Marathon;
        Half marathon; Half-marathon; Mixed marathon race walk relay; 20 km walk; 20km race walk;
        35km racewalk; 50 km walk; 5K; 10K; 5 km; Cross country; Triathlon; Duathlon; Biathlon;
        Aquathlon; Quadrathlon; Jumpers 100m race; High school 100m; High school mile;
        Discovery 100 m; Balance 200 m; 100m T54; 100 yards; 1 hour run; Sprint; Jumpstart 5K;
        Hammersmith 400m; Shotgun start 10K; Triple Crown 100m; Cooper 2400 m
        """,
    "es": """
        100 metros; 100 metros planos; 100 m lisos; 100 mts; 200 metros llanos; 400 m vallas;
        110 mv; 110 m vallas; 100 metros con vallas; 80 metros; 60 metros lisos; 800 metros;
        1.500 metros; 1500 metros planos; 3.000 m obstáculos; 3000 metros con obstáculos; 5.000 m;
        10.000 m; 10 000 metros; Relevos; Relevo 4x100; Relevos 4 x 400; 4 por 100; Posta 4x100;
        Marcha; 20 km marcha; Marcha 20 km; 10.000 m marcha; Maratón; Media maratón; Medio maratón;
        Milla; Milla urbana; Campo a través; Campo traviesa; Triatlón; Duatlón; Biatlón;
        Cuadriatlón; 100 m Altura; El Alto 10K; Palo Alto 100 m; 100 m Largo; Vallas; Obstáculos;
        Carrera 5 km; Cien metros planos; Carrera de velocidad; Copa Triple 100 m;
        Preparatoria San Pablo 100m SP
        """,
    "other": """
        100 metros rasos; 110 metros com barreiras; Revezamento 4x100; Marcha atlética; Maratona;
        100 mètres; 110 m haies; 3000 m steeple; Relais 4x100; 400 m Hürden; 3000 m Hindernis;
        4x100-m-Staffel; 110 metri ostacoli; 3000 siepi; Staffetta 4x400; Marcia 20 km; 100-m-Lauf
        """,
}
COMBINED_NAMES = ("Decathlon", "Heptathlon", "Decatlón", "Heptatlón", "Pentathlon", "Decatlo")
COMBINED_RACES = (
    *("100m", "100 m", "400m", "1500m", "1500 m", "1.500 m", "110m hurdles", "110mH", "800m"),
    *("200m", "200 metros", "60m", "60 m hurdles", "100 m vallas", "1500 metros", "1000m", "800"),
)
COMBINED_FIELD = (
    *("long jump", "LJ", "HJ", "SP", "DT", "JT", "PV", "shot put", "discus", "javelin"),
    *("pole vault", "high jump", "salto largo", "bala", "disco", "garrocha", "jabalina", "altura"),
)
GENDERS = (
    *("men", "women", "Men's", "W", "M", "mixed", "U20", "F44", "hombres", "mujeres", "damas"),
    *("varones", "femenino", "masculino", "sub-23", "Herren", "femmes", ""),
)
STAGES = (
    *("final", "Final", "heat 2", "semi-final", "qualification", "round 1", "Final A", "semifinal"),
    *("clasificación", "serie 3", "eliminatoria", "group B", "2026-11-20", "10:30", ""),
)


def names(text: str) -> list[str]:
    return [" ".join(it.split()) for it in text.split(";")]


def written(name: str) -> Iterator[str]:
    """The ways in which people write a unit's name."""
    for gender, stage in itertools.product(GENDERS, STAGES):
        parts = [it for it in (gender, name, stage) if it]
        yield " ".join(parts)
        yield " - ".join(reversed(parts))
    for gender, stage in (("Women", "final"), ("", "final"), ("", "")):
        parts = [it for it in (name, gender, stage) if it]
        for text in (", ".join(parts), "/".join(parts), f"{name} ({gender}) {stage}"):
            yield from (text, text.upper(), text.lower(), text.casefold())
            yield from (unicodedata.normalize(form, text) for form in ("NFD", "NFKC"))
            yield "".join(
                it for it in unicodedata.normalize("NFD", text) if not unicodedata.combining(it)
            )
        yield "-".join(parts).lower().replace(" ", "-")
        yield "_".join(parts).upper().replace(" ", "_")
        yield ".".join(parts)


def check(name: str, order: Order) -> None:
    for unit in written(name):
        assert ATHLETICS.order_of(unit) == order, unit
        assert ATHLETICS.recognises(unit), unit


@pytest.mark.parametrize("name", [name for text in FIELD.values() for name in names(text)])
def test_every_jump_and_throw_ranks_the_highest_first(name: str) -> None:
    check(name, "higher")


@pytest.mark.parametrize("name", [name for text in RACES.values() for name in names(text)])
def test_every_race_ranks_the_lowest_first(name: str) -> None:
    check(name, "lower")


@pytest.mark.parametrize("name", names(COMBINED))
def test_combined_events_rank_the_highest_total_first(name: str) -> None:
    check(name, "higher")


@pytest.mark.parametrize("combined", COMBINED_NAMES)
def test_inside_combined_events_races_rank_lower_and_the_rest_higher(combined: str) -> None:
    for race in COMBINED_RACES:
        check(f"{combined} {race}", "lower")
        check(f"{race}, {combined}", "lower")
    for event in COMBINED_FIELD:
        check(f"{combined} {event}", "higher")
        check(f"{event} ({combined})", "higher")


FIELD_CODES = ("HIGHJUMP", "LONGJUMP", "TRPLJUMP", "PLEVAULT", "SHOTPUT", "DISCUS", "HAMMER")
RACE_CODES = ("100M", "1500M", "10000M", "100MH", "110MH", "400MH", "3KMSTEEPLE", "3000MSC")


@pytest.mark.parametrize("gender", ["M", "W", "X", "O", "-"])
@pytest.mark.parametrize(
    ("event", "phase", "order"),
    [
        *(
            (event, phase, "higher")
            for event in (*FIELD_CODES, "JAVELIN", "SHOTPUT-F20", "LONGJUMP-T38")
            for phase in ("QUAL", "FNL-")
        ),
        *(
            (event, phase, "lower")
            for event in (*RACE_CODES, "4X100M", "4X400M", "MARATHON", "20KMWALK", "100M-T54")
            for phase in ("HEAT", "SFNL", "FNL-", "R01-")
        ),
        *(
            (event, phase, "higher")
            for event in ("DECATH", "HEPTATH", "PENTATH", "OCTATH")
            for phase in ("LJ--", "HJ--", "SP--", "DT--", "JT--", "PV--", "FNL-", "----")
        ),
        *(
            (event, phase, "lower")
            for event in ("DECATH", "HEPTATH", "PENTATH")
            for phase in ("100M", "110H", "400M", "1500", "100H", "200M", "800M", "100-", "60H-")
            if phase != "60H-" or event == "PENTATH"
        ),
    ],
)
def test_codes_of_the_feed(gender: str, event: str, phase: str, order: Order) -> None:
    for number in ("000100--", "000200--", "--------"):
        unit = f"ATH{gender}{event:-<18}{phase}{number}"
        assert ATHLETICS.order_of(unit) == order, unit
        assert ATHLETICS.recognises(unit), unit


@pytest.mark.parametrize("unit", ["Final", "Women's final", "Discovery", "Balance final", "Heat 2"])
def test_what_tells_no_event_is_not_recognised(unit: str) -> None:
    assert not ATHLETICS.recognises(unit)


def test_entries_are_recognised_whatever_their_ids() -> None:
    assert ATHLETICS.recognises("entry/4f1c")
