"""What people send as a weather report, what becomes of it, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.report import (
    ID_LENGTH,
    LATEST,
    PLACE_LENGTH,
    Report,
    ReportError,
    decode,
    encode,
    key_of,
    parse_report,
)

TWEET: dict[str, Any] = {"description": "Está lloviendo", "country": "GT", "weather": "Lluvioso"}
MEASURED: dict[str, Any] = {
    "municipality": "mixco",
    "temperature": 22.5,
    "humidity": 60,
    "weather": "sunny",
}


def parsed(raw: object) -> Report:
    return parse_report(raw, report_id="a", at=1_000)


def refusal(raw: object) -> ReportError:
    with pytest.raises(ReportError) as caught:
        parsed(raw)
    return caught.value


def test_a_tweet_of_the_course_is_a_report_of_a_country() -> None:
    assert parsed(TWEET) == Report(
        id="a",
        place_kind="country",
        place="GT",
        weather="lluvioso",
        at=1_000,
        description="Está lloviendo",
    )


def test_the_later_edition_is_a_report_of_a_municipality_with_measurements() -> None:
    assert parsed(MEASURED) == Report(
        id="a",
        place_kind="municipality",
        place="mixco",
        weather="sunny",
        at=1_000,
        temperature=2_250,
        humidity=6_000,
    )


def test_spelling_in_other_cases_and_spaces_is_the_same_place_and_weather() -> None:
    for country, weather in (("gt", "LLUVIOSO"), (" Gt ", "lluvioso\n")):
        report = parsed({"country": country, "weather": weather})
        assert (report.place, report.weather) == ("GT", "lluvioso")
    assert parsed(MEASURED | {"municipality": "Mixco"}).place == "mixco"


@pytest.mark.parametrize(
    "raw",
    [
        {"descripcion": "Está lloviendo", "Pais": "GT", "Clima": "Lluvioso"},
        {"Descripción": "Está lloviendo", "país": "gt", "CLIMA": "lluvioso"},
        {"Description": "Está lloviendo", "Country": "GT", "Weather": "LLUVIOSO"},
        {"descripcion": "Está lloviendo", "name": "GT", "clima": "Lluvioso"},
        TWEET | {"Pais": "gt", "clima": "lluvioso", "descripcion": None},
    ],
)
def test_a_tweet_in_the_words_of_other_clients_is_the_same_report(raw: dict[str, Any]) -> None:
    assert parsed(raw) == parsed(TWEET)


@pytest.mark.parametrize(
    "raw",
    [
        {"municipality": 1, "temperature": 22.5, "humidity": 60, "weather": 1},
        {"municipality": "1", "temperature": "22.5", "humidity": "60", "weather": "1"},
        {"municipality": 1.0, "temperature": 22.5, "humidity": 60.0, "weather": 1.0},
        {"municipio": "Mixco", "temperatura": "22,5", "humedad": 60, "clima": "Sunny"},
        {"Municipio": 1, "Temperatura": 22.5, "Humedad": "60", "Clima": " 1 "},
    ],
)
def test_measurements_in_the_words_of_other_clients_are_the_same_report(
    raw: dict[str, Any],
) -> None:
    assert parsed(raw) == parsed(MEASURED)


def test_municipalities_and_weathers_are_numbered_as_the_courses_clients_do() -> None:
    reports = [parsed({"municipality": it, "weather": it}) for it in range(1, 5)]

    assert [(it.place, it.weather) for it in reports] == [
        ("mixco", "sunny"),
        ("guatemala", "cloudy"),
        ("amatitlan", "rainy"),
        ("chinautla", "foggy"),
    ]


@pytest.mark.parametrize(
    ("value", "hundredths"),
    [
        (22, 2_200),
        (22.5, 2_250),
        ("22,5", 2_250),
        (" -0.05 ", -5),
        (-89.2, -8_920),
        ("+3", 300),
        (1e-9, 0),
        (22.125, 2_212),  # half to even
        (22.135, 2_214),
    ],
)
def test_a_temperature_is_kept_in_hundredths(value: object, hundredths: int) -> None:
    assert parsed(MEASURED | {"temperature": value}).temperature == hundredths


@pytest.mark.parametrize(
    "value", [101, -100.5, True, "warm", "1e1", "--1", "1.2.3", "٣", [1], float("inf"), "nan", "-"]
)
def test_what_is_no_temperature_is_refused(value: object) -> None:
    assert refusal(MEASURED | {"temperature": value}).field == "temperature"


def test_humidity_is_from_0_to_100_percent() -> None:
    assert parsed(MEASURED | {"humidity": 100}).humidity == 10_000
    for value in (-1, 100.01, "101"):
        assert refusal(MEASURED | {"humidity": value}).field == "humidity"


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (0, 0),
        (1_759_536_300_000, 1_759_536_300_000),
        (1_759_536_300_000.0, 1_759_536_300_000),
        ("2025-10-04T00:05:00Z", 1_759_536_300_000),
        ("2025-10-03T18:05:00.250-06:00", 1_759_536_300_250),
        (LATEST, LATEST),
    ],
)
def test_the_senders_time_wins_over_that_of_receipt(value: object, at: int) -> None:
    assert parsed(TWEET | {"at": value}).at == at


@pytest.mark.parametrize("value", ["2025-10-04", "2025-10-04T00:05:00", -1, LATEST + 1, 1.5, True])
def test_what_is_no_time_is_refused(value: object) -> None:
    assert refusal(TWEET | {"at": value}).field == "at"


def test_null_and_empty_text_are_no_field() -> None:
    absent = {"municipality": "", "temperature": None, "humidity": " ", "at": "", "id": None}
    assert parsed(TWEET | absent | {"description": ""}) == parsed(
        {"country": "GT", "weather": "Lluvioso"}
    )


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ([], ""),
        ("GT", ""),
        ({}, "country"),
        ({"country": "GT"}, "weather"),
        ({"weather": "x"}, "country"),
        ({"weather": "x", "country": " "}, "country"),
        ({"weather": "x", "country": "GT", "municipality": "mixco"}, "municipality"),
        ({"weather": "x", "country": 502}, "country"),
        ({"weather": ["x"], "country": "GT"}, "weather"),
        ({"weather": "x\u0600", "country": "GT"}, "weather"),
        ({"weather": "x" * 65, "country": "GT"}, "weather"),
        ({"weather": "x", "country": "G" * 65}, "country"),
        ({"weather": "x", "country": "ß" * 40}, "country"),  # SS in capitals
        ({"weather": "x", "country": "GT", "description": "x" * 501}, "description"),
        ({"weather": "x", "country": "GT", "temp": 3}, "temp"),
        ({"weather": "x", "country": "GT", "ID": "a"}, "ID"),
        ({"weather": "x", "country": "GT", "Temperatura": "hot"}, "Temperatura"),
        ({"weather": "x", "clima": "y", "country": "GT"}, "clima"),
        ({"weather": "x", "Pais": 5}, "Pais"),
        ({"weather": "x", "country": "GT", "name": "MX"}, "name"),
        ({"weather": "x", "municipality": "mixco", "name": "MX"}, "municipality"),
        ({"weather": 0, "country": "GT"}, "weather"),
        ({"weather": "5", "country": "GT"}, "weather"),
        ({"weather": 1.5, "country": "GT"}, "weather"),
        ({"weather": True, "country": "GT"}, "weather"),
        ({"weather": "x", "municipality": 5}, "municipality"),
        ({"clima": "x", "municipio": "0"}, "municipio"),
    ],
)
def test_what_is_no_report_is_refused_with_its_field(raw: object, field: str) -> None:
    assert refusal(raw).field == field


@pytest.mark.parametrize("report_id", ["", " ", "x" * (ID_LENGTH + 1), "a\u0600"])
def test_an_id_is_text_of_a_bounded_length(report_id: str) -> None:
    with pytest.raises(ReportError) as caught:
        parse_report(TWEET, report_id=report_id, at=0)
    assert caught.value.field == "id"


def test_the_format_has_a_version_and_may_grow() -> None:
    written = json.loads(encode(parsed(MEASURED)))
    assert written["v"] == 1

    grown = json.dumps(written | {"pressure": {"hPa": 1013}}).encode()
    assert decode(grown) == parsed(MEASURED)
    with pytest.raises(ReportError):
        decode(json.dumps(written | {"v": 2}).encode())


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"place": "gt"}, "place"),
        ({"place_kind": "municipality"}, "place"),
        ({"place_kind": "planet"}, "place_kind"),
        ({"weather": "Lluvioso"}, "weather"),
        ({"weather": "lluvioso "}, "weather"),
        ({"weather": "e\u0301"}, "weather"),
        ({"id": ""}, "id"),
        ({"id": " a"}, "id"),
        ({"at": -1}, "at"),
        ({"at": "0"}, "at"),
        ({"temperature": 10_001}, "temperature"),
        ({"temperature": 22.5}, "temperature"),
        ({"humidity": -1}, "humidity"),
        ({"description": " x"}, "description"),
    ],
)
def test_consumers_do_not_guess(changed: dict[str, object], field: str) -> None:
    written = json.loads(encode(parsed(TWEET)))
    with pytest.raises(ReportError) as caught:
        decode(json.dumps(written | changed).encode())
    assert caught.value.field == field


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b"null"])
def test_what_is_no_json_object_is_refused(value: bytes) -> None:
    with pytest.raises(ReportError):
        decode(value)


_TEXTS = st.text(max_size=PLACE_LENGTH + 2)
_RAW = st.fixed_dictionaries(
    {"weather": _TEXTS},
    optional={
        "country": _TEXTS,
        "municipality": _TEXTS,
        "description": st.text(),
        "temperature": st.floats() | st.integers(-200, 200) | st.decimals().map(str),
        "humidity": st.floats(-1, 101) | st.integers(-1, 101) | st.text(max_size=8),
        "at": st.integers() | st.datetimes().map(lambda it: f"{it.isoformat()}Z") | st.text(),
    },
)


@given(raw=_RAW, report_id=st.text(max_size=ID_LENGTH + 1))
def test_whatever_is_accepted_is_read_back_as_it_was(raw: dict[str, Any], report_id: str) -> None:
    try:
        report = parse_report(raw, report_id=report_id, at=1)
    except ReportError:
        return
    assert decode(encode(report)) == report
    assert key_of(report) == report.id.encode()
    # what was accepted once is accepted again as it stands
    again = parse_report(
        {report.place_kind: report.place, "weather": report.weather}, report_id=report.id, at=1
    )
    assert (again.place, again.weather) == (report.place, report.weather)
