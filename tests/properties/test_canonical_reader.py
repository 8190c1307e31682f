"""What compiled code recognises is what Python would read; all else it leaves to Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.partitioning import partition_of
from olympics.catalogue import Catalogue, load_catalogue
from olympics.latest import decode_latest, encode_latest, latest_of
from olympics.mark import MARK_LIMIT, format_mark
from olympics.result import (
    MAX_AGE,
    MAX_RANK,
    MAX_VERSION,
    UNIT_LENGTH,
    Competitor,
    Result,
    decode,
    encode,
    key_of,
)
from olympics.tally import Tally
from olympics.text import canonical_text
from streams.standings import COMPILED, Standings
from tests.properties.games import CATALOGUE, IRMS, SPORTS, medals, outcomes, phases, statuses

if COMPILED:
    from streams.canonical import CanonicalReader

needs_the_compiled = pytest.mark.skipif(
    not COMPILED, reason="nothing was compiled here: there is one way to read only"
)

Units = dict[bytes, list[bytes]]


class Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None


def record(result: Result, offset: int = 0) -> Record:
    return Record(offset, key_of(result.sport, result.unit), encode(result))


def texts(longest: int) -> st.SearchStrategy[str]:
    """Canonical texts, most of them short, some of the greatest length."""
    characters = st.sampled_from("aZ09-/ .'éÑ字😀") | st.characters(categories=("L", "N", "P", "S"))
    return (
        (st.text(characters, min_size=1, max_size=12) | st.text(characters, min_size=longest - 2))
        .map(canonical_text)
        .filter(lambda text: 0 < len(text) <= longest)
    )


_marks = st.integers(1 - MARK_LIMIT, MARK_LIMIT - 1).map(format_mark)


@st.composite
def any_result(draw: st.DrawFn) -> Result:
    """Any result that a gateway may write."""
    status = draw(statuses)
    mark = draw(st.none() | _marks)
    outcome, medal = draw(st.none() | outcomes), draw(st.none() | medals)
    rank = draw(st.none() | st.sampled_from((1, 9, 10, MAX_RANK)))
    irm = draw(st.none() | st.sampled_from(IRMS))
    if status != "withdrawn" and (mark, outcome, medal, rank, irm) == (None,) * 5:
        mark = "0.000"
    return Result(
        sport=draw(st.sampled_from(SPORTS)),
        unit=draw(texts(UNIT_LENGTH).filter(lambda unit: len(unit) != 34)),
        phase=draw(phases),
        competitor=Competitor(
            draw(texts(64)),
            draw(st.none() | texts(200)),
            draw(st.none() | st.sampled_from((0, 7, 10, MAX_AGE))),
        ),
        faculty=draw(st.sampled_from(tuple(CATALOGUE.faculties))),
        status=status,
        version=draw(st.sampled_from((1, 2, 10, MAX_VERSION))),
        mark=mark,
        outcome=outcome,
        rank=rank,
        irm=irm,
        medal=medal,
    )


def by_reader(records: Sequence[Record], catalogue: Catalogue = CATALOGUE) -> Units:
    """Read what must be recognised."""
    units, others = CanonicalReader(catalogue, 0, 1).read(records)
    assert others == []
    return units


def left_by_reader(one: Record, catalogue: Catalogue = CATALOGUE) -> bool:
    """Whether the record is left to Python, which then finds nothing that was made of it."""
    units, left = CanonicalReader(catalogue, 0, 1).read([one])
    assert bool(left) != bool(units)
    return left == [one]


def in_both_ways(records: Sequence[Record], partition: int = 0, partitions: int = 1) -> Standings:
    """Apply the records with and without the compiled code: it must make no difference."""
    compiled = Standings(partition, partitions, CATALOGUE)
    in_python = Standings(partition, partitions, CATALOGUE)
    assert compiled._reader is not None
    in_python._reader = None
    in_python.tally = Tally(CATALOGUE, compiled=False)
    changes, rejected = compiled.apply(records)
    expected, expected_rejected = in_python.apply(records)
    assert changes == expected
    assert [(it[:3], str(it.error)) for it in rejected] == [
        (it[:3], str(it.error)) for it in expected_rejected
    ]
    assert dict(compiled.tally.counts()) == dict(in_python.tally.counts())
    assert compiled.offset == in_python.offset
    return compiled


@pytest.mark.system
def test_it_is_compiled_where_all_is_installed() -> None:
    assert COMPILED


@needs_the_compiled
@settings(max_examples=150, deadline=None)
@given(any_result(), st.integers(0, 2**62))
def test_what_gateways_write_is_recognised_and_read_as_python_reads_it(
    result: Result, offset: int
) -> None:
    one = record(result, offset)
    assert one.key is not None
    assert one.value is not None
    if b"\\" in one.value:
        assert left_by_reader(one)
        return
    read = decode(one.value, CATALOGUE)
    assert read == result
    # to the byte, so that a successor that reads otherwise writes the same
    assert by_reader([one]) == {one.key: [encode_latest(latest_of(read, one.value, offset))]}


@needs_the_compiled
def test_digests_of_every_length_are_those_of_python() -> None:
    # The hash takes 128 bytes at a time: lengths around its multiples are where it goes wrong.
    lengths = set()
    for size in range(1, 64):
        for name in (1, 60, 120, 200):
            result = Result(
                sport="boxing",
                unit="u",
                phase="round",
                competitor=Competitor("c" * size, "n" * name),
                faculty="law",
                status="official",
                version=1,
                mark="1.000",
            )
            value = encode(result)
            ((latest,),) = by_reader([record(result)]).values()
            assert decode_latest(latest).digest == latest_of(result, value, 0).digest
            lengths.add(len(value))
    assert {256, 257, 384, 385} <= lengths


@needs_the_compiled
@settings(max_examples=200, deadline=None)
@given(texts(UNIT_LENGTH), st.integers(1, 300))
def test_a_key_is_recognised_in_its_own_partition_only(unit: str, partitions: int) -> None:
    key = key_of("boxing", unit)
    value = b'{"sport":"boxing","unit":"%b","phase":"round","competitor":{"id":"1"},' % (
        unit.encode()
    )
    value += b'"faculty":"law","status":"official","version":1,"mark":"1.000"}'
    home = partition_of(key, partitions)
    for partition in {home, 0, partitions - 1}:
        reader = CanonicalReader(CATALOGUE, partition, partitions)
        units, left = reader.read([Record(0, key, value)])
        assert bool(units) == (
            partition == home and len(unit) != 34 and b"\\" not in key and b'"' not in key
        )
        assert len(left) + len(units) == 1


# Pieces of results and of what is nearly one, to be put into the wrong places.
_TOKENS = (
    *(b'"', b"\\", b"\\u0041", b"{", b"}", b"[", b",", b":", b" ", b"  ", b"\0", b"\x7f", b"\x1f"),
    *(b"0", b"00", b"-", b"-0.000", b".", b"1.0", b"1e2", b"9007199254740993", b"100001", b"151"),
    *(b"null", b"true", b'""', b'"final"', b"official", b"Swimming", b"swimming", b"law", b"dns"),
    *(b'"mark":"1.000"', b',"mark":"1.000"', b',"rank":1', b',"extra":1', b',"medal":"gold"'),
    *("é".encode(), "e\u0301".encode(), "\xa0".encode(), "\u200d".encode(), "\u2028".encode()),
    *(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", "字".encode() * 70, b"a" * 70, b"a" * 210),
)


def damaged(one: Record, chance: random.Random) -> Record:
    """A record like *one*, in which a few bytes are missing, doubled, or others."""
    assert one.key is not None
    assert one.value is not None
    key, value = one.key, one.value
    for _ in range(chance.randint(1, 3)):
        begin = chance.randint(0, len(value))
        end = begin + chance.choice((0, 0, 1, 2, 8))
        value = value[:begin] + chance.choice((b"", *_TOKENS)) + value[end:]
    if chance.random() < 0.25:
        begin = chance.randint(0, len(key))
        end = begin + chance.choice((0, 1, 3))
        key = key[:begin] + chance.choice((b"", b"/", *_TOKENS)) + key[end:]
    return one._replace(key=key, value=value)


@needs_the_compiled
@settings(max_examples=60, deadline=None)
@given(st.lists(any_result().map(record), min_size=1, max_size=3), st.integers(0, 2**32))
def test_what_is_damaged_is_taken_or_refused_as_python_does(whole: list[Record], seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        records = [it if chance.random() < 0.2 else damaged(it, chance) for it in whole]
        in_both_ways([it._replace(offset=offset) for offset, it in enumerate(records)])


def _result(**fields: object) -> bytes:
    parts = {
        "sport": '"swimming"',
        "unit": '"final"',
        "phase": '"final"',
        "competitor": '{"id":"1","name":"Ana","age":20}',
        "faculty": '"law"',
        "status": '"official"',
        "version": "1",
        "mark": '"9.790"',
        **fields,
    }
    text = ",".join(f'"{name}":{value}' for name, value in parts.items() if value is not None)
    return ("{" + text + "}").encode()


FORMS = {
    "it is": (_result(), True),
    "without an age": (_result(competitor='{"id":"1","name":"Ana"}'), True),
    "without a name": (_result(competitor='{"id":"1","age":20}'), True),
    "with the id alone": (_result(competitor='{"id":"1"}'), True),
    "a withdrawal": (_result(status='"withdrawn"', mark=None), True),
    "without evidence": (_result(mark=None), False),
    "with an outcome": (_result(mark=None, outcome='"won"'), True),
    "an unknown outcome": (_result(outcome='"drawn"'), False),
    "rank 0": (_result(rank="0"), False),
    "the last rank": (_result(rank="100000"), True),
    "beyond the last rank": (_result(rank="100001"), False),
    "version 0": (_result(version="0"), False),
    "a version that begins with 0": (_result(version="01"), False),
    "the last version": (_result(version=str(2**53)), True),
    "beyond the last version": (_result(version=str(2**53 + 1)), False),
    "a version beyond all machine words": (_result(version="1" * 40), False),
    "no version": (_result(version='""'), False),
    "a version with a fraction": (_result(version="1.0"), False),
    "age 151": (_result(competitor='{"id":"1","age":151}'), False),
    "a mark of ten digits": (_result(mark='"1000000000.000"'), False),
    "a mark of nine": (_result(mark='"999999999.999"'), True),
    "a mark of two decimals": (_result(mark='"9.79"'), False),
    "a mark of four decimals": (_result(mark='"276.7867"'), True),
    "a mark of four decimals that ends in 0": (_result(mark='"9.7900"'), False),
    "a mark of five decimals": (_result(mark='"9.79001"'), False),
    "a mark of nine and four": (_result(mark='"-999999999.9999"'), True),
    "a mark that begins with 0": (_result(mark='"09.790"'), False),
    "a mark below nothing": (_result(mark='"-0.001"'), True),
    "a mark just below nothing": (_result(mark='"-0.0001"'), True),
    "less than nothing, and nothing": (_result(mark='"-0.000"'), False),
    "a mark that does not end": (_result(mark='"9.790x'), False),
    "a longer mark that does not end": (_result(mark='"9.7901x'), False),
    "no mark but a sign": (_result(mark='"-"'), False),
    "an irm": (_result(mark=None, irm='"W/O"'), True),
    "an irm of small letters": (_result(irm='"dns"'), False),
    "an empty irm": (_result(irm='""'), False),
    "an irm of 16": (_result(irm=f'"{"A" * 16}"'), True),
    "an irm of 17": (_result(irm=f'"{"A" * 17}"'), False),
    "an irm with an escape": (_result(irm='"W\\/O"'), False),
    "an irm with a letter of others": (_result(irm='"É"'), False),
    "a medal": (_result(medal='"none"'), True),
    "an id of 64": (_result(competitor=f'{{"id":"{"字" * 64}"}}'), True),
    "an id of 65": (_result(competitor=f'{{"id":"{"字" * 65}"}}'), False),
    "an id of 65 letters": (_result(competitor=f'{{"id":"{"a" * 65}"}}'), False),
    "an empty id": (_result(competitor='{"id":""}'), False),
    "an empty name": (_result(competitor='{"id":"1","name":""}'), False),
    "a name of 201": (_result(competitor=f'{{"id":"1","name":"{"a" * 201}"}}'), False),
    "a space at the end": (_result(competitor='{"id":"1 "}'), False),
    "a space at the beginning": (_result(competitor='{"id":" 1"}'), False),
    "two spaces": (_result(competitor='{"id":"1  2"}'), False),
    "one space": (_result(competitor='{"id":"1 2"}'), True),
    "not normalised": (_result(competitor='{"id":"e\u0301"}'), False),
    "invisible": (_result(competitor='{"id":"a\u200b"}'), False),
    "an escape": (_result(competitor='{"id":"\\u0041"}'), False),
    "a name with a joiner, which Python allows": (
        _result(competitor='{"id":"1","name":"a\u200db"}'),
        False,
    ),
    "another order": (_result(sport=None, version=None)[:-1] + b',"version":1}', False),
    "white space": (_result().replace(b":", b": "), False),
    "null": (_result(outcome="null"), False),
    "an unknown field": (_result(weather='"fine"'), False),
    "twice the same": (_result()[:-1] + b',"mark":"9.800"}', False),
    "something behind it": (_result() + b" ", False),
    "cut off": (_result()[:-1], False),
    "nothing": (b"", False),
    "an unknown faculty": (_result(faculty='"nowhere"'), False),
    "an unknown phase": (_result(phase='"heat"'), False),
    "an unknown status": (_result(status='"live"'), False),
}


@needs_the_compiled
@pytest.mark.parametrize("form", FORMS)
def test_forms_that_are_recognised_and_forms_that_are_left(form: str) -> None:
    value, recognised = FORMS[form]
    one = Record(0, b"swimming/final", value)
    assert left_by_reader(one) is not recognised
    in_both_ways([one])


@needs_the_compiled
def test_what_was_cut_off_anywhere_is_left() -> None:
    value = _result(outcome='"won"', rank="7", irm='"W/O"', medal='"gold"')
    whole = Record(0, b"swimming/final", value)
    assert not left_by_reader(whole)
    for size in range(len(value)):
        assert left_by_reader(whole._replace(value=value[:size]))


@needs_the_compiled
@pytest.mark.parametrize(
    "one",
    [
        Record(0, None, _result()),
        Record(0, b"swimming/final", None),
        Record(0, b"", _result()),
        Record(0, b"swimming", _result()),
        Record(0, b"swimming/", _result(unit='""')),
        Record(0, b"athletics/final", _result()),
        Record(0, b"swimming/final2", _result()),
        Record(0, b"swimming/fina", _result()),
        Record(0, b"chess/final", _result(sport='"chess"')),
        Record(0, b"swimming/" + b"a" * 129, _result(unit=f'"{"a" * 129}"')),
        Record(0, b"swimming/a  b", _result(unit='"a  b"')),
        Record(0, b"swimming/\xff", _result().replace(b"final", b"\xff", 1)),
    ],
)
def test_records_under_a_key_that_is_not_theirs_are_left(one: Record) -> None:
    assert left_by_reader(one)
    _, rejected = Standings(0, 1, CATALOGUE).apply([one])
    assert len(rejected) == 1
    in_both_ways([one])


@needs_the_compiled
def test_a_code_of_another_discipline_is_left() -> None:
    swimming, boxing = (f"{code}M100MBA------------HEAT000100--" for code in ("SWM", "BOX"))
    games = load_catalogue()
    for unit, recognised in ((swimming, True), (boxing, False)):
        value = _result(unit=f'"{unit}"', faculty='"engineering"')
        one = Record(0, key_of("swimming", unit), value)
        assert left_by_reader(one, games) is not recognised


@needs_the_compiled
@pytest.mark.parametrize("turned", [False, True])
def test_a_key_that_only_looks_like_the_text_of_its_record_is_not_its_key(turned: bool) -> None:
    # given a unit whose name has a backslash in it, which JSON writes as two
    rightly = Record(0, rb"swimming/x\u0041", _result(unit=r'"x\\u0041"'))
    # and a record of the unit "xA" under the same key
    wrongly = Record(1, rb"swimming/x\u0041", _result(unit=r'"x\u0041"'))
    records = [rightly, wrongly]
    if turned:
        records = [wrongly._replace(offset=0), rightly._replace(offset=1)]
    # when they come in one batch
    found = in_both_ways(records)
    # then only the first counts
    assert found.rejected == 1
    assert found.tally.results == 1


@needs_the_compiled
@example([b"swimming/a", b"swimming/b", b"swimming/a"])
@given(st.lists(st.sampled_from((b"swimming/a", b"swimming/b", b"athletics/a")), max_size=8))
def test_units_that_take_turns_in_a_batch_get_their_own_results(keys: list[bytes]) -> None:
    records = []
    for offset, key in enumerate(keys):
        sport, _, unit = key.decode().partition("/")
        value = _result(
            sport=f'"{sport}"', unit=f'"{unit}"', competitor=f'{{"id":"{offset}"}}', version="2"
        )
        records.append(Record(offset, key, value))
    units = by_reader(records)
    assert {
        key: [decode_latest(it).offset for it in results] for key, results in units.items()
    } == {key: [offset for offset, it in enumerate(keys) if it == key] for key in keys}
    in_both_ways(records)
