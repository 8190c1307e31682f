"""Results: liberal in what people send, one canonical form, strict on the topic."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from olympics.catalogue import load_catalogue, make_catalogue
from olympics.result import (
    Competitor,
    Result,
    ResultError,
    decode,
    digest_of,
    encode,
    key_of,
    parse_result,
)

CATALOGUE = load_catalogue()
HEAT = "SWMM100MBA------------HEAT000100--"


def raw(**changes: Any) -> dict[str, Any]:
    """A full result as people send it, with some fields changed; `...` takes one away."""
    whole: dict[str, Any] = {
        "sport": "Natación",
        "unit": "100m",
        "competitor": {"id": "8", "name": "Ana", "age": 20},
        "faculty": "Ingeniería",
        "mark": "55.78",
    }
    whole.update(changes)
    return {field: value for field, value in whole.items() if value is not ...}


def parse(**changes: Any) -> Result:
    return parse_result(raw(**changes), CATALOGUE)


def test_a_result_is_normalised() -> None:
    assert parse() == Result(
        sport="swimming",
        unit="100m",
        phase="round",
        competitor=Competitor("8", "Ana", 20),
        faculty="engineering",
        status="official",
        version=1,
        mark="55.780",
    )


def test_every_field_reaches_the_topic_in_one_canonical_spelling() -> None:
    result = parse(
        id="ignored",
        sport=1,
        unit="  100m \u00a0 final ",
        phase="FINAL",
        competitor={"id": 8, "name": " Ana\tMari\u0301a ", "age": "20"},
        faculty="agronomia",
        mark="1:55,78",
        outcome="W",
        rank="=2",
        irm="dnf",
        medal=" Silver ",
        status="Unofficial",
        version=3.0,
    )
    assert (
        encode(result)
        == (
            '{"sport":"swimming","unit":"100m final","phase":"final",'
            '"competitor":{"id":"8","name":"Ana María","age":20},"faculty":"agronomy",'
            '"status":"unofficial","version":3,"mark":"115.780","outcome":"won","rank":2,'
            '"irm":"DNF","medal":"silver"}'
        ).encode()
    )
    assert decode(encode(result), CATALOGUE) == result


def test_absent_null_and_empty_text_are_the_same() -> None:
    optional = ("phase", "outcome", "rank", "irm", "medal", "status", "version")
    for nothing in (None, "", "  "):
        competitor = {"id": "8", "name": nothing, "age": nothing}
        assert parse(competitor=competitor, **dict.fromkeys(optional, nothing)) == parse(
            competitor={"id": "8"}
        )


@pytest.mark.parametrize(
    ("spelling", "outcome"),
    [("w", "won"), ("L", "lost"), ("T", "tied"), ("D", "tied"), ("WON", "won"), (" tied ", "tied")],
)
def test_outcomes_are_known_by_word_and_letter(spelling: str, outcome: str) -> None:
    assert parse(outcome=spelling).outcome == outcome


def test_the_sport_of_a_code_need_not_be_said() -> None:
    for nothing in (..., None, "", " "):
        assert parse(sport=nothing, unit=HEAT).sport == "swimming"


def test_a_code_that_contradicts_the_sport_is_refused() -> None:
    with pytest.raises(ResultError, match="a unit of boxing \\(BOX\\), got a code of SWM") as error:
        parse(sport="boxing", unit=HEAT)
    assert error.value.field == "unit"


def test_a_sport_may_have_several_disciplines_by_its_aliases() -> None:
    catalogue = make_catalogue(
        'revision = 1\n[sports.aquatics]\ncode = "SWM"\naliases = ["DIV"]\norder = "lower"\n'
        "[faculties.engineering]"
    )
    dive = HEAT.replace("SWM", "DIV")
    for sport in ("aquatics", "div", ...):
        given = raw(sport=sport, unit=dive, faculty="engineering")
        result = parse_result(given, catalogue)
        assert result.sport == "aquatics"
        assert decode(encode(result), catalogue) == result
    with pytest.raises(ResultError):
        parse_result(raw(sport="aquatics", unit=HEAT.replace("SWM", "WPO")), catalogue)


@pytest.mark.parametrize(
    ("unit", "given", "phase"),
    [
        ("100m", ..., "round"),
        ("SWMM100MBA------------FNL-000100--", ..., "final"),
        ("SWMM100MBA------------SFNL000100--", ..., "semifinal"),
        ("SWMM100MBA------------FNL-000100--", "other", "other"),
        (HEAT, "bronze", "bronze"),
    ],
)
def test_an_explicit_phase_beats_the_codes(unit: str, given: Any, phase: str) -> None:
    assert parse(unit=unit, phase=given).phase == phase


@pytest.mark.parametrize(
    "evidence",
    [
        {"mark": "1"},
        {"outcome": "lost"},
        {"rank": 1},
        {"irm": "DNS"},
        {"medal": "none"},
        {"status": "withdrawn"},
    ],
)
def test_any_evidence_is_enough_and_a_withdrawal_needs_none(evidence: dict[str, Any]) -> None:
    result = parse(**({"mark": ...} | evidence))
    assert decode(encode(result), CATALOGUE) == result


@pytest.mark.parametrize("status", ["official", "unofficial"])
@pytest.mark.parametrize("mark", [..., None, "", "  "])
def test_without_any_evidence_there_is_no_result(status: str, mark: Any) -> None:
    with pytest.raises(ResultError, match="at least one of mark, outcome, rank, irm, medal"):
        parse(mark=mark, status=status)


@pytest.mark.parametrize("irm", ["W/O", "dns", "R-OT", "LAP", "RM17.2", "X" * 16])
def test_unknown_irms_are_kept(irm: str) -> None:
    assert parse(irm=irm).irm == irm.upper()


@pytest.mark.parametrize(
    ("sport", "unit", "mark", "canonical"),
    [
        ("swimming", "100m", "1'02\"34", "62.340"),
        ("swimming", "100m", "54.30 s", "54.300"),
        ("athletics", "100 m", "10.52w", "10.520"),
        ("athletics", "marathon", "2h06:26", "7586.000"),
        ("athletics", "long jump", "6.12m", "6.120"),
        ("athletics", "long jump", "8,12 (+1.2)", "8.120"),
        ("athletics", "decathlon", "8 847", "8847.000"),
        ("boxing", "bout", "276.7867 pts", "276.7867"),
        ("boxing", "bout", 0, "0.000"),
        ("athletics", "long jump", "0.00", "0.000"),
        ("boxing", "bout", "-1", "-1.000"),
    ],
)
def test_marks_are_read_as_what_is_measured_in_their_unit(
    sport: str, unit: str, mark: object, canonical: str
) -> None:
    result = parse(sport=sport, unit=unit, mark=mark)
    assert result.mark == canonical
    assert decode(encode(result), CATALOGUE) == result


@pytest.mark.parametrize("mark", ["1'02\"34", "2h06:26", "18' 3\""])
def test_clocks_are_not_read_where_they_may_be_feet(mark: str) -> None:
    with pytest.raises(ResultError, match=r"mark: expected a mark.*got .*: "):
        parse(sport="athletics", unit="long jump", mark=mark)


def test_a_time_of_nothing_on_the_topic_is_no_result() -> None:
    for mark in ("0.000", "-1.000", "-0.0001"):
        with pytest.raises(ResultError, match="a time above 0") as error:
            decode(on_topic(mark=mark), CATALOGUE)
        assert error.value.field == "mark"
        assert decode(on_topic(sport="boxing", mark=mark), CATALOGUE).mark == mark


def test_what_nobody_sees_is_left_out_of_texts() -> None:
    result = parse(
        unit="100 m\u00ad lib\u200bre", competitor={"id": "\ufeff8\u200e", "name": "Mül\u00adler"}
    )
    assert (result.unit, result.competitor.id) == ("100 m libre", "8")
    assert result.competitor.name == "Müller"
    # so two identities never differ in nothing but that
    assert result == parse(unit="100 m libre", competitor={"id": "8", "name": "Müller"})
    assert (
        parse(competitor={"id": "8", "name": "مریم\u200cزاده"}).competitor.name == "مریم\u200cزاده"
    )


def test_a_unit_may_have_the_length_of_a_programmes_heading() -> None:
    unit = "Gimnasia artística femenina - Concurso completo individual, final por aparatos"
    assert len(unit) > 64
    assert decode(encode(parse(unit=unit)), CATALOGUE).unit == unit


@pytest.mark.parametrize(
    "rank",
    [*("2", "=2", "2=", "T2", "2.0", "2.", "2nd", "2º", "2.ª", "2e", "2do", "２", "#2"), 2.0],
)
def test_ranks_are_read_as_they_are_printed(rank: object) -> None:
    assert parse(rank=rank).rank == 2


@pytest.mark.parametrize("rank", ["2.5", "1-2", "second", "2x", "x2", "-2", "==2", "0", "²"])
def test_what_is_no_rank_is_refused(rank: str) -> None:
    with pytest.raises(ResultError, match="a whole number from 1 to 100000"):
        parse(rank=rank)


def test_a_correction_always_has_room_for_a_version() -> None:
    assert parse(version=2**52).version == 2**52
    with pytest.raises(ResultError, match="a whole number from 1 to 4503599627370496"):
        parse(version=2**52 + 1)
    for version in (2**52, 2**52 + 1):
        assert parse(version=version, replaces=2**52).version == version
    assert parse(version=2**53, replaces=2**53 - 1).version == 2**53
    with pytest.raises(ResultError, match="expected 7 or 8, since it replaces 7"):
        parse(version=2**53, replaces=7)
    # what is on the topic is read
    assert decode(on_topic(version=2**53), CATALOGUE).version == 2**53


def test_lengths_at_their_limits_are_accepted() -> None:
    result = parse(
        unit="字" * 128,
        competitor={"id": "é" * 64, "name": "ñ" * 200, "age": 150},
        rank=100_000,
        version=2**52,
        mark="999999999.9999",
    )
    assert decode(encode(result), CATALOGUE) == result


BAD = [
    ("unit", ..., "expected text of 1 to 128 characters"),
    ("unit", " ", "expected text of 1 to 128 characters"),
    ("unit", 100, "expected text, got 100"),
    ("unit", "u" * 129, "at most 128 characters, got 129"),
    ("unit", "u" * 10**7, "at most 128 characters"),
    ("unit", "a\0b", "without control characters \\(U\\+0000\\)"),
    ("unit", "a\x1b[2Jb", "without control characters \\(U\\+001B\\)"),
    ("unit", "a\u0600b", "without format characters \\(U\\+0600\\)"),
    ("unit", "\u200b", "expected text of 1 to 128 characters"),
    ("unit", "a\ud800b", "without lone surrogates"),
    ("sport", ..., "expected a sport of the catalogue: swimming, athletics, boxing, got nothing"),
    ("sport", "chess", "got 'chess'"),
    ("sport", 4, "got 4"),
    ("sport", True, "got true"),
    ("sport", ["swimming"], "got an array"),
    ("faculty", ..., "expected a faculty of the catalogue: engineering, agronomy, got nothing"),
    ("faculty", "", "got nothing"),
    ("faculty", "medicine", "got 'medicine'"),
    ("faculty", 1, "got 1"),
    ("phase", "finale", "expected one of round, semifinal, final, bronze, other; got 'finale'"),
    ("phase", 1, "expected one of round"),
    ("status", "maybe", "expected one of official, unofficial, withdrawn"),
    ("outcome", "victory", "expected one of won, lost, tied; got 'victory'"),
    ("outcome", True, "expected one of won"),
    ("medal", "wood", "expected one of gold, silver, bronze, none"),
    ("medal", ["gold"], "got an array"),
    ("mark", "1:75", "expected a mark: a time"),
    ("mark", "55.78001", "four decimals; got '55.78001': marks have at most four decimals and"),
    ("mark", "0.00", "a time above 0, got 0.000: without a time, leave mark out and give irm"),
    ("mark", "00:00.00", "a time above 0, got 0.000"),
    ("mark", 0, "a time above 0"),
    ("mark", -1, "a time above 0, got -1.000"),
    ("mark", "−1,00", "a time above 0, got -1.000"),
    ("mark", "59.9h", "got '59.9h': a hand time"),
    ("mark", "NT", "got 'NT': a code is not a mark: leave mark out and give the code as irm"),
    ("mark", "6.12 m", "marks are times here"),
    ("mark", float("nan"), "got nan"),
    ("mark", float("inf"), "got inf"),
    ("mark", True, "got true"),
    ("mark", {}, "got an object"),
    ("mark", "W/O", "got 'W/O': a code is not a mark"),
    ("rank", 0, "a whole number from 1 to 100000, got 0"),
    ("rank", -1, "got -1"),
    ("rank", 1.5, "got 1.5"),
    ("rank", 100_001, "got 100001"),
    ("rank", "first", "got 'first'"),
    ("rank", True, "got true"),
    ("rank", "9" * 10**6, "a whole number"),
    ("rank", "²", "a whole number"),
    ("irm", "X" * 17, "at most 16 letters"),
    ("irm", "did not start", "a code such as DNS"),
    ("irm", "ñ", "a code such as DNS"),
    ("irm", 1, "got 1"),
    ("version", 0, "a whole number from 1 to 4503599627370496, got 0"),
    ("version", 2**52 + 1, "a whole number"),
    ("replaces", 0, "a whole number"),
    ("version", float("inf"), "got inf"),
    ("version", [], "got an array"),
    ("competitor", ..., 'an object such as {"id"'),
    ("competitor", "8", 'an object such as {"id"'),
    ("competitor", [], "got an array"),
    ("lane", 4, "unknown field; expected only competitor, faculty, id, irm"),
    ("\u202e", 4, "unknown field"),
]


@pytest.mark.parametrize(
    ("field", "value", "expected"), BAD, ids=[f"{f} {v!r}"[:30] for f, v, _ in BAD]
)
def test_a_bad_field_is_named_and_told_what_was_expected(
    field: str, value: Any, expected: str
) -> None:
    with pytest.raises(ResultError, match=expected) as error:
        parse(**{field: value})
    assert error.value.field.strip("'") == field.encode("unicode_escape").decode()
    assert len(str(error.value)) < 300
    str(error.value).encode()  # an answer can always be written


@pytest.mark.parametrize(
    ("competitor", "field"),
    [
        ({}, "competitor.id"),
        ({"id": ""}, "competitor.id"),
        ({"id": None}, "competitor.id"),
        ({"id": True}, "competitor.id"),
        ({"id": 1.5}, "competitor.id"),
        ({"id": 10**18}, "competitor.id"),
        ({"id": "x" * 65}, "competitor.id"),
        ({"id": "a\nb\x07"}, "competitor.id"),
        ({"id": "8", "name": 5}, "competitor.name"),
        ({"id": "8", "name": "x" * 201}, "competitor.name"),
        ({"id": "8", "name": "a\x1bb"}, "competitor.name"),
        ({"id": "8", "age": -1}, "competitor.age"),
        ({"id": "8", "age": 151}, "competitor.age"),
        ({"id": "8", "age": 20.5}, "competitor.age"),
        ({"id": "8", "age": True}, "competitor.age"),
        ({"id": "8", "age": "twenty"}, "competitor.age"),
        ({"id": "8", "height": 180}, "competitor.height"),
    ],
)
def test_a_bad_competitor_is_told_by_its_field(competitor: Any, field: str) -> None:
    with pytest.raises(ResultError) as error:
        parse(competitor=competitor)
    assert error.value.field == field


@pytest.mark.parametrize("value", [None, [], "text", 1, True, [{}]])
def test_what_is_no_object_is_no_result(value: object) -> None:
    with pytest.raises(ResultError, match="expected a JSON object") as error:
        parse_result(value, CATALOGUE)
    assert error.value.field == ""


def on_topic(**changes: Any) -> bytes:
    """A record of the topic with some fields changed; `...` takes one away."""
    whole = msgspec.json.decode(encode(parse())) | changes
    return msgspec.json.encode({key: value for key, value in whole.items() if value is not ...})


def test_the_topics_reader_tolerates_other_order_and_fields_of_newer_writers() -> None:
    record = msgspec.json.decode(on_topic(lane=4))
    record["competitor"]["height"] = 180
    backwards = dict(reversed(record.items()))
    assert decode(msgspec.json.encode(backwards), CATALOGUE) == parse()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sport": "Natación"}, "sport"),
        ({"sport": 1}, "sport"),
        ({"faculty": "Ingeniería"}, "faculty"),
        ({"unit": ""}, "unit"),
        ({"unit": " 100m"}, "unit"),
        ({"unit": "a  b"}, "unit"),
        ({"unit": "a\0"}, "unit"),
        ({"unit": "u" * 129}, "unit"),
        ({"unit": "e\u0301"}, "unit"),
        ({"unit": HEAT.replace("SWM", "BOX")}, "unit"),
        ({"phase": "Final"}, "phase"),
        ({"status": "OFFICIAL"}, "status"),
        ({"version": 0}, "version"),
        ({"version": 2**53 + 1}, "version"),
        ({"version": "1"}, "version"),
        ({"version": True}, "version"),
        ({"competitor": "8"}, "competitor"),
        ({"competitor": {"id": 8}}, "competitor.id"),
        ({"competitor": {"id": ""}}, "competitor.id"),
        ({"competitor": {"id": "8 "}}, "competitor.id"),
        ({"competitor": {"id": "8", "name": "a  b"}}, "competitor.name"),
        ({"competitor": {"id": "8", "name": "a\u202e"}}, "competitor.name"),
        ({"competitor": {"id": "8", "age": 151}}, "competitor.age"),
        ({"mark": "55.78"}, "mark"),
        ({"mark": "-0.000"}, "mark"),
        ({"mark": 55.78}, "mark"),
        ({"rank": 0}, "rank"),
        ({"irm": "dns"}, "irm"),
        ({"irm": ""}, "irm"),
        ({"irm": "A B"}, "irm"),
        ({"medal": "wood"}, "medal"),
        ({"mark": ...}, ""),
        ({"unit": ...}, ""),
        ({"version": ...}, ""),
    ],
)
def test_the_topics_reader_accepts_nothing_but_the_canonical_form(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(ResultError) as error:
        decode(on_topic(**changes), CATALOGUE)
    assert error.value.field == field


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"null", b"[]", b"1", b"{", b"{}", b'{"sport":"swimming"}', b"garbage\x00\xff"),
        *(b"[" * 100_000, b'{"a":' * 100_000),
        on_topic().replace(b'"100m"', b'"\xff\xfe"'),
        on_topic().replace(b'"100m"', b'"\\ud800"'),
        on_topic().replace(b'"100m"', b'"\xed\xa0\x80"'),
        on_topic() + b"x",
    ],
    ids=lambda data: ascii(data)[:20],
)
def test_garbage_on_the_topic_is_a_result_error_and_nothing_else(data: bytes) -> None:
    with pytest.raises(ResultError) as error:
        decode(data, CATALOGUE)
    str(error.value).encode()


def test_keys_are_told_apart_by_sport() -> None:
    assert key_of("swimming", "entry/é") == "swimming/entry/é".encode()


def test_the_digest_is_that_of_the_bytes_and_stays_so() -> None:
    # Fixed: workers of different versions must agree on which of two results survives.
    assert digest_of(b"medallero") == 0x64BCE6591837FD09
    assert 0 <= digest_of(b"") < 2**64
