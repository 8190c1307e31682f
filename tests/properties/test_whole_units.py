"""Units counted by compiled code come out as those that Python counts, whatever is in them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olympics.latest import (
    OFFICIAL,
    UNOFFICIAL,
    WITHDRAWN,
    Latest,
    decode_latest,
    decode_together,
    encode_latest,
    head_of,
)
from olympics.mark import MARK_LIMIT
from olympics.ranking import UnitPlace
from olympics.result import COMPETITOR_LENGTH, MAX_RANK, MAX_VERSION, NAME_LENGTH
from olympics.tally import COMPILED, Tally
from tests.properties.games import CATALOGUE, FACULTIES, IRMS, made, medals, outcomes, phases

needs_the_compiled = pytest.mark.skipif(
    not COMPILED, reason="nothing was compiled here: there is one way to count only"
)
both_ways = pytest.mark.parametrize("compiled", [True, False] if COMPILED else [False])

KEYS = (
    *(b"swimming/final", b"athletics/long jump", b"athletics/a/bout"),
    *("boxing/más".encode(), b"boxing/long", b"boxing/a/b", b"rowing/final", b"rowing/erg"),
    *(b"running/final", b"running/erg", b"running/hold"),
)


def around(*numbers: int) -> st.SearchStrategy[int]:
    """Numbers where the length of what is written changes, and their neighbours."""
    return st.sampled_from(sorted({n + by for n in numbers for by in (-1, 0, 1)}))


_digests = st.integers(0, 3).map(lambda number: number.to_bytes(8, "big"))
_marks = around(0, 2**7, 2**8, 2**15, 2**16, 2**31, 2**32, -(2**5), -(2**7), -(2**15), -(2**31))
_all_marks = _marks | st.sampled_from((1 - MARK_LIMIT, MARK_LIMIT - 1))
_versions = st.sampled_from((1, 1, 1, 2, 127, 128, 2**16, 2**32, MAX_VERSION))
_texts = st.sampled_from(("", "a", "é" * 15 + "a", "é" * 16, "a" * 255, "字" * 200))


@st.composite
def plain(draw: st.DrawFn, competitors: int, phase: str) -> Latest:
    """A result as most are: official, with a mark."""
    return Latest(
        version=draw(_versions),
        status=OFFICIAL,
        digest=draw(_digests),
        conflict=False,
        offset=draw(around(2**8, 2**16, 2**32, 2**40)),
        phase=phase,  # type: ignore[arg-type]
        faculty=draw(st.sampled_from(FACULTIES)),
        mark=draw(_all_marks),
        outcome=None,
        rank=None,
        irm=None,
        medal=None,
        name=draw(st.none() | _texts.map(lambda text: text[:NAME_LENGTH])),
        competitor=f"{draw(st.integers(1, competitors))}{draw(_texts)}"[:COMPETITOR_LENGTH],
        ten_thousandths=draw(st.sampled_from((0, 0, 0, 1, 9))),
    )


@st.composite
def any_latest(draw: st.DrawFn, competitors: int, phase: str) -> Latest:
    """A result with everything that may be known of one."""
    return msgspec.structs.replace(
        draw(plain(competitors, phase)),
        status=draw(st.sampled_from((OFFICIAL, OFFICIAL, UNOFFICIAL, WITHDRAWN))),
        conflict=draw(st.sampled_from((False, False, False, True))),
        phase=draw(phases) if draw(st.integers(0, 15)) == 0 else phase,
        mark=draw(st.none() | _all_marks),
        outcome=draw(st.none() | outcomes),
        rank=draw(st.none() | st.sampled_from((1, 2, 3, 4, 5, 127, 128, MAX_RANK))),
        irm=draw(st.none() | st.sampled_from(IRMS)),
        medal=draw(st.none() | medals),
    )


def as_before(one: Latest) -> bytes:
    """The result as versions wrote it that knew no ten-thousandths."""
    fields: list[object] = list(msgspec.structs.astuple(one))
    assert fields.pop() == 0
    return encode_latest(fields)


def written(one: Latest) -> st.SearchStrategy[bytes]:
    """The result as this version writes it or, if that is possible, as versions before it did."""
    ways = [encode_latest(one)] + ([] if one.ten_thousandths else [as_before(one)])
    return st.sampled_from(ways)


@st.composite
def batches(draw: st.DrawFn) -> list[dict[bytes, list[bytes]]]:
    """Batches of a few units; half of the units have plain results only."""
    kinds = {
        key: draw(
            st.sampled_from((plain, any_latest)).map(
                lambda kind: kind(competitors, phase)  # noqa: B023
            )
        )
        for key in draw(st.sets(st.sampled_from(KEYS), min_size=1))
        for competitors in (draw(st.sampled_from((1, 2, 3, 9))),)
        for phase in (draw(phases),)
    }
    units = st.fixed_dictionaries(
        {},
        optional={
            key: st.lists(kind.flatmap(written), min_size=1, max_size=9)
            for key, kind in kinds.items()
        },
    )
    return draw(st.lists(units, min_size=1, max_size=5))


def _decoded(changes: dict[bytes, bytes]) -> dict[bytes, Latest]:
    return {key: decode_latest(value) for key, value in changes.items()}


def assert_equal(compiled: Tally, in_python: Tally) -> None:
    assert dict(compiled.counts()) == dict(in_python.counts())
    for number in ("results", "provisional", "conflicts"):
        assert getattr(compiled, number) == getattr(in_python, number)
    for key in KEYS:
        one, other = (_places(it, key) for it in (compiled, in_python))
        assert one == other


# Half a minute of processor time, most of which goes into making the batches.
@pytest.mark.timeout(900)
@needs_the_compiled
@settings(max_examples=400, deadline=None)
@given(batches())
def test_any_units_in_any_batches_count_the_same(
    given_batches: Sequence[dict[bytes, list[bytes]]],
) -> None:
    compiled, in_python = Tally(CATALOGUE, compiled=True), Tally(CATALOGUE, compiled=False)
    for batch in given_batches:
        changes: dict[bytes, bytes] = {}
        expected: dict[bytes, bytes] = {}
        assert compiled.put(batch, changes) == in_python.put(batch, expected)
        # Whoever wants changes has results of this version; what an older one wrote is restored.
        assert _decoded(changes) == _decoded(expected)
        assert_equal(compiled, in_python)


@needs_the_compiled
@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from((31, 32, 33, 100, 600)), st.sampled_from((1, 30, 45, 700)))
def test_units_of_any_size_in_batches_of_any_size_count_the_same(
    data: st.DataObject, size: int, batch: int
) -> None:
    chance = data.draw(st.randoms(use_true_random=False))
    template = data.draw(plain(1, "final"))
    compiled, in_python = Tally(CATALOGUE, compiled=True), Tally(CATALOGUE, compiled=False)
    news = [
        msgspec.structs.replace(
            template,
            competitor=str(chance.randrange(size * 20)),
            faculty=chance.choice(FACULTIES),
            mark=chance.randrange(size),
            ten_thousandths=chance.randrange(10),
            version=chance.choice((1, 1, 2)),
            offset=offset,
        )
        for offset in range(size)
    ]
    for begin in range(0, size, batch):
        some = {KEYS[1]: [encode_latest(one) for one in news[begin : begin + batch]]}
        assert compiled.put(some) == in_python.put(some)
    assert_equal(compiled, in_python)


def _places(tally: Tally, key: bytes) -> list[UnitPlace] | None:
    return None if tally.version(key) is None else list(made(tally.ranking(key)).places())


def _count(results: list[bytes], *, compiled: bool) -> object:
    """Return what comes of a unit; None if it is refused."""
    tally = Tally(CATALOGUE, compiled=compiled)
    try:
        highest = tally.put({KEYS[0]: results})
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return highest, dict(tally.counts()), _places(tally, KEYS[0])


_GOOD = Latest(
    *(1, OFFICIAL, b"12345678", False, 7, "final", "law", 9_790),
    *("won", 2, "DNS", "gold", "Ana", "é"),
)


@needs_the_compiled
@pytest.mark.parametrize(
    "whole",
    [
        _GOOD,
        msgspec.structs.replace(_GOOD, outcome=None, rank=None, irm=None, medal=None),
        msgspec.structs.replace(_GOOD, mark=None, outcome=None, rank=None, name=None),
        msgspec.structs.replace(_GOOD, status=UNOFFICIAL),
        msgspec.structs.replace(_GOOD, version=2**40, mark=-(2**20), offset=2**16, irm=None),
    ],
)
def test_what_is_damaged_counts_or_is_refused_as_in_python(whole: Latest) -> None:
    encoded = encode_latest(whole)
    damaged = [encoded, encoded + b"\xc0"]
    for place in range(len(encoded)):
        damaged.append(encoded[:place])
        damaged += [
            encoded[:place] + bytes((byte,)) + encoded[place + 1 :]
            for byte in (
                0x00,
                0x03,
                0x78,
                0x7F,
                0x91,
                0xA1,
                0xC0,
                0xC1,
                0xC2,
                0xC3,
                0xCD,
                0xD9,
                0xFF,
            )
        ]
    beside = encode_latest(msgspec.structs.replace(_GOOD, competitor="2"))
    refused = 0
    for wrong in damaged:
        for unit in ([wrong], [beside, wrong]):
            found = _count(unit, compiled=True)
            assert found == _count(unit, compiled=False), wrong
            refused += found is None
    assert 0 < refused < 2 * len(damaged)


@both_ways
@pytest.mark.parametrize("size", [0, 1, 15, 16, 2**16 - 1, 2**16])
def test_a_list_has_the_head_that_its_length_asks_for(compiled: bool, size: int) -> None:
    one = Latest(
        *(1, OFFICIAL, b"12345678", False, 7, "round", "law", 9_790),
        *(None, None, None, None, None, ""),
    )
    results = [msgspec.structs.replace(one, competitor=str(number)) for number in range(size)]
    encoded = [encode_latest(result) for result in results]
    together = head_of(size) + b"".join(encoded)
    assert together == encode_latest(results)
    assert decode_together(together) == results
    if encoded:
        tally = Tally(CATALOGUE, compiled=compiled)
        tally.put({KEYS[0]: encoded})
        tally.put({KEYS[0]: encoded})
        assert tally.results == size


@both_ways
def test_what_a_newer_version_wrote_counts_and_is_kept(compiled: bool) -> None:
    # given a result with a field that this version does not know
    def encoded(competitor: str, version: int = 1) -> bytes:
        known = (version, OFFICIAL, b"12345678", False, 7, "final", "law", 9_790)
        return encode_latest([*known, None, None, None, None, None, competitor, 0, "wind"])

    tally = Tally(CATALOGUE, compiled=compiled)
    for one in (encoded("1"), encoded("2"), encoded("1", version=2), encoded("1")):
        tally.put({KEYS[0]: [one]})
    assert tally.results == 2
    ((_, counted),) = tally.counts()
    assert counted.gold == 2
