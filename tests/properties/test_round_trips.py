"""What is parsed, encoded and read back is the same, and nothing else gets through."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from olympics.catalogue import UnknownName, load_catalogue
from olympics.entry import coin, parse_entry
from olympics.mark import (
    MARK_LIMIT,
    format_mark,
    mark_of,
    parse_mark,
)
from olympics.plain import encode_plain, read_plain
from olympics.result import Result, ResultError, decode, digest_of, encode, parse_result
from olympics.rsc import RSC_LENGTH
from olympics.text import canonical_text, folded, is_canonical
from tests.properties.games import CATALOGUE, results

GAMES = load_catalogue()

_settings = settings(max_examples=150, deadline=None)

marks = st.integers(1 - MARK_LIMIT, MARK_LIMIT - 1)

# Any text that can be in a Python string, with more than chance's share of what is troublesome.
any_text = st.text(
    st.characters()
    | st.sampled_from(" \t\n\0\x7f\x85\xa0\u0301\u200c\u200d\u202e\u2028\ufeff\ud800\u0130ßÑ/")
)
likely_text = st.text(st.sampled_from("aBé Ñ\u0301\t1/'\""), min_size=1, max_size=64)

# Objects that are nearly results: right fields, with values that are right, wrong or absurd.
_value = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    any_text,
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def _field(*likely: object) -> st.SearchStrategy[Any]:
    return st.sampled_from(likely) | st.sampled_from(likely) | st.sampled_from(likely) | _value


raw_results = st.fixed_dictionaries(
    {
        "sport": _field("swimming", "Natación", 1, "BOX", "atletismo"),
        "unit": likely_text | _field("100m", "SWMM100MBA------------HEAT000100--"),
        "competitor": st.fixed_dictionaries(
            {"id": likely_text | _field("8", 8)},
            optional={"name": likely_text | _field("Ana"), "age": _field(20, "20", 0)},
        ),
        "faculty": _field("Ingeniería", "agronomia", "ENGINEERING"),
    },
    optional={
        "mark": _field("55.78", "3:10,61", 8, 8.95, "-1", "0.00", "276.7867", "1'02\"34", "6.12 m"),
        "outcome": _field("won", "L", "T", ""),
        "rank": _field(1, "2", "=3", 1.0),
        "irm": _field("DNS", "w/o", "dsq"),
        "medal": _field("gold", "NONE"),
        "phase": _field("final", "Semifinal", "other"),
        "status": _field("official", "UNOFFICIAL", "withdrawn"),
        "version": _field(1, 2, "3"),
        "id": _value,
    },
)


A_RESULT: dict[str, Any] = {
    "sport": "swimming",
    "unit": "100m",
    "competitor": {"id": "8"},
    "faculty": "engineering",
    "mark": "55.78",
}

# Results as a program sends them that keeps to the documents.
_tidy = st.text(st.sampled_from("aBéÑ1/"), min_size=1, max_size=60).filter(is_canonical)
plain_results = st.fixed_dictionaries(
    {
        "sport": st.sampled_from(sorted(GAMES.sports)),
        "unit": _tidy.filter(lambda text: len(text) != RSC_LENGTH),
        "competitor": st.fixed_dictionaries(
            {"id": _tidy}, optional={"name": _tidy, "age": st.integers(0, 150)}
        ),
        "faculty": st.sampled_from(sorted(GAMES.faculties)),
        "mark": st.sampled_from(["55.78", "3:10.61", "8", 8, 8.95, "276.7867", 276.7867]),
    },
    optional={
        "outcome": st.sampled_from(["won", "lost", "tied"]),
        "rank": st.integers(1, 99),
        "medal": st.sampled_from(["gold", "none"]),
        "phase": st.sampled_from(["final", "other"]),
        "status": st.sampled_from(["official", "withdrawn"]),
        "version": st.integers(1, 2**52),
    },
)


@settings(max_examples=600, deadline=None)
@given(raw_results | plain_results)
@example({**A_RESULT, "mark": 1.0})
@example({**A_RESULT, "mark": 1})
@example({**A_RESULT, "unit": "SWMM100MBA------------SFNL000100--"})
@example({**A_RESULT, "competitor": {"id": "8", "name": "a\u200cb"}})
@example({**A_RESULT, "unit": "a", "competitor": {"id": "\u0301b"}})
def test_the_short_way_in_gives_the_bytes_of_the_long_one(raw: dict[str, Any]) -> None:
    try:
        body = json.dumps(raw, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # no JSON can be made of it
        return
    plain = read_plain(body, GAMES)
    if plain is not None:
        assert encode_plain(plain) == encode(parse_result(json.loads(body), GAMES))


@settings(max_examples=200, deadline=None)
@given(plain_results)
def test_what_keeps_to_the_documents_goes_the_short_way(raw: dict[str, Any]) -> None:
    assert read_plain(json.dumps(raw).encode(), GAMES) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"sport": "Natación"},
        {"faculty": "Ingeniería"},
        {"unit": " 100m"},
        {"unit": "100m  final"},
        {"unit": ""},
        {"unit": "x" * 129},
        {"competitor": {"id": 8}},
        {"competitor": {"id": "8", "name": "a\u0301"}},
        {"competitor": {"id": "8", "team": "A"}},
        {"mark": ""},
        {"mark": "fast"},
        {"mark": "0.00"},
        {"mark": -1},
        {"mark": "58.40 s"},
        {"mark": "５８"},
        {"mark": True},
        {"mark": None},
        {"version": 0},
        {"version": 2**52 + 1},
        {"replaces": 1},
        {"rank": "=1"},
        {"irm": "DNS"},
        {"id": "7"},
        {"phase": "Final"},
    ],
)
def test_whatever_is_to_be_understood_or_refused_goes_the_long_way(change: dict[str, Any]) -> None:
    assert read_plain(json.dumps(A_RESULT).encode(), GAMES) is not None

    assert read_plain(json.dumps({**A_RESULT, **change}).encode(), GAMES) is None


@pytest.mark.parametrize("mark", [0, "0.00", -1, "-1,5"])
def test_marks_of_nothing_and_less_go_the_short_way_where_they_are_no_times(mark: object) -> None:
    raw = {**A_RESULT, "mark": mark, "sport": "boxing"}
    assert read_plain(json.dumps(raw).encode(), GAMES) is not None


@settings(max_examples=300, deadline=None)
@given(raw_results)
def test_whatever_is_accepted_reads_back_as_the_equal_value(raw: dict[str, Any]) -> None:
    try:
        result = parse_result(raw, GAMES)
    except ResultError as error:
        str(error).encode()  # can be written into any answer
        return
    data = encode(result)
    assert decode(data, GAMES) == result
    assert encode(decode(data, GAMES)) == data
    # The canonical form is a fixed point of the liberal parser too.
    assert parse_result(json.loads(data), GAMES) == result


@_settings
@given(results())
def test_every_result_reads_back_as_the_equal_value(result: Result) -> None:
    assert decode(encode(result), CATALOGUE) == result


@_settings
@given(_value)
def test_no_value_breaks_the_parsers(value: object) -> None:
    with pytest.raises(ResultError):
        parse_result(value, GAMES)
    with pytest.raises(ResultError):
        parse_entry(value, GAMES, entry_id="e", seed="s")


@_settings
@given(st.binary())
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with pytest.raises(ResultError):
        decode(data, GAMES)


@settings(max_examples=300, deadline=None)
@given(results(), st.data())
def test_a_damaged_record_is_refused_or_is_a_canonical_result(
    result: Result, data: st.DataObject
) -> None:
    record = bytearray(encode(result))
    place = data.draw(st.integers(0, len(record) - 1))
    record[place : place + data.draw(st.integers(0, 2))] = data.draw(
        st.binary(max_size=2) | st.sampled_from([b" ", b"  ", b"\x7f", b"\0", b"\\u0000", b"\\t"])
    )
    try:
        survivor = decode(bytes(record), CATALOGUE)
    except ResultError:
        return
    competitor = survivor.competitor
    assert is_canonical(survivor.unit)
    assert is_canonical(competitor.id)
    assert competitor.name is None or is_canonical(competitor.name, joiners=True)
    assert survivor.mark is None or mark_of(survivor.mark) is not None
    assert parse_result(json.loads(encode(survivor)), CATALOGUE) == survivor


@_settings
@given(st.text(st.sampled_from('ab \\"\x01\x7fé\u0301\u200c\ud800'), max_size=6))
def test_the_reader_accepts_a_unit_exactly_if_it_is_canonical(unit: str) -> None:
    record = {
        "sport": "boxing",
        "unit": unit,
        "phase": "final",
        "competitor": {"id": "8"},
        "faculty": "law",
        "status": "official",
        "version": 1,
        "rank": 1,
    }
    try:
        spellings = {json.dumps(record).encode(), json.dumps(record, ensure_ascii=False).encode()}
    except UnicodeEncodeError:
        spellings = {json.dumps(record).encode()}
    for data in spellings:
        if unit and is_canonical(unit):
            assert decode(data, CATALOGUE).unit == unit
        else:
            with pytest.raises(ResultError):
                decode(data, CATALOGUE)


@_settings
@given(marks)
@example(MARK_LIMIT - 1)
@example(1 - MARK_LIMIT)
def test_a_mark_survives_every_way_of_writing_it(mark: int) -> None:
    text = format_mark(mark)
    assert mark_of(text) == mark
    for written in (text, text.replace(".", ","), text + "000", mark / 10_000, Decimal(text)):
        assert parse_mark(written) == mark
    assert parse_mark(json.loads(text)) == mark


@_settings
@given(st.integers(0, 10**9), st.integers(0, 9_999))
def test_a_time_is_its_seconds(seconds: int, fraction: int) -> None:
    minutes, rest = divmod(seconds % 10**7, 60)
    hours, of_hour = divmod(minutes, 60)
    expected = (seconds % 10**7) * 10_000 + fraction
    assert parse_mark(f"{minutes}:{rest:02d}.{fraction:04d}") == expected
    assert parse_mark(f"{hours}:{of_hour:02d}:{rest:02d},{fraction:04d}") == expected


@_settings
@given(st.floats())
def test_a_float_is_a_mark_exactly_if_its_shortest_decimal_is(value: float) -> None:
    shortest = Decimal(repr(value))
    exact = shortest.is_finite() and abs(shortest) * 10_000 < MARK_LIMIT
    if exact and shortest * 10_000 == (shortest * 10_000).to_integral_value():
        assert parse_mark(value) == int(shortest * 10_000)
    else:
        with pytest.raises(ValueError, match="expected a mark"):
            parse_mark(value)


@_settings
@given(any_text)
def test_no_text_breaks_marks(text: str) -> None:
    try:
        mark = parse_mark(text)
    except ValueError:
        return
    assert parse_mark(format_mark(mark)) == mark


@settings(max_examples=300, deadline=None)
@given(any_text | likely_text, st.booleans())
def test_canonical_text_is_a_fixed_point_and_nothing_else_is(text: str, joiners: bool) -> None:
    try:
        canonical = canonical_text(text, joiners=joiners)
    except ValueError:
        assert not is_canonical(text, joiners=joiners)
        return
    assert is_canonical(text, joiners=joiners) == (text == canonical)
    assert is_canonical(canonical, joiners=joiners)
    assert unicodedata.is_normalized("NFC", canonical)
    assert " ".join(canonical.split()) == canonical
    canonical.encode()


@settings(max_examples=300, deadline=None)
@given(any_text | likely_text)
def test_folding_is_a_fixed_point_and_does_not_see_case_or_white_space(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert folded(f"  {text}\t") == once
    assert folded(unicodedata.normalize("NFD", text)) == once
    assert folded(unicodedata.normalize("NFC", text)) == once


@_settings
@given(st.data())
def test_a_name_is_found_in_any_spelling(data: st.DataObject) -> None:
    name = data.draw(
        st.sampled_from(["Natación", "Ingeniería", "swimming", "Facultad de Agronomía"])
    )
    spelled = "".join(data.draw(st.sampled_from((c, c.upper(), c.lower()))) for c in name)
    spelled = unicodedata.normalize(data.draw(st.sampled_from(("NFC", "NFD"))), spelled)
    spelled = data.draw(st.sampled_from(("", " ", "\t"))) + spelled.replace(" ", "  ")
    find = GAMES.sport if name in ("Natación", "swimming") else GAMES.faculty
    assert find(spelled) is find(name)


@_settings
@given(_value)
def test_no_value_breaks_the_search_for_names(value: object) -> None:
    try:
        GAMES.sport(value)
    except UnknownName as error:
        str(error).encode()


@_settings
@given(likely_text, any_text)
def test_the_coin_falls_as_it_fell(entry_id: str, seed: str) -> None:
    assert coin(entry_id, seed) is coin(entry_id, seed)


@settings(max_examples=20, deadline=None)
@given(any_text)
def test_the_coin_is_fair_with_any_seed(seed: str) -> None:
    heads = sum(coin(f"entry-{number}", seed) for number in range(2_000))
    assert abs(heads - 1_000) < 180  # eight standard deviations


@_settings
@given(st.binary())
def test_a_digest_has_64_bits(data: bytes) -> None:
    assert 0 <= digest_of(data) < 2**64
    assert digest_of(data) == digest_of(bytes(bytearray(data)))
