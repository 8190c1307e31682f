"""Without the names and ages of some competitors a log comes to the same numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.records import read_record
from medallero.backup.forget import Forgetter
from olympics.recount import recount
from olympics.result import Competitor, Result, ResultError, digest_of, encode
from tests.properties.games import CATALOGUE, COMPETITORS, UNITS, results

NAMES = ("Ana Forgotten", "Luz Forgotten", 'Müller "J." Forgotten')


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """A result as our gateway writes it, or with something more, or broken."""
    result = draw(results(("swimming", draw(st.sampled_from(UNITS[:1]))), COMPETITORS[:3]))
    person = Competitor(
        result.competitor.id,
        draw(st.sampled_from((None, *NAMES))),
        draw(st.sampled_from((None, 20, 21))),
    )
    fields = {**json.loads(encode(result)), "competitor": msgspec.to_builtins(person)}
    match draw(st.integers(0, 9)):
        case 0:
            fields["new"] = {"name": [1, 2.50]}
        case 1:
            # What no rule reads: because of the name, of the age, or of something else.
            fields["competitor"]["name"] = draw(
                st.sampled_from(("", " Ana Forgotten", 7, "x" * 300))
            )
        case 2:
            fields["competitor"]["age"] = draw(st.sampled_from((-1, 500, "Forgotten", 2.5)))
        case 3:
            fields["mark"] = "fast"
        case 4:
            fields["competitor"]["id"] = int(fields["competitor"]["id"])
    return json.dumps(fields, ensure_ascii=draw(st.booleans())).encode()


logs = st.lists(values(), max_size=12)


def without(log: Sequence[bytes], competitors: Iterable[str]) -> list[bytes]:
    forgetter = Forgetter(competitors)
    for value in log:
        forgetter.look(value)
    for value in log:
        forgetter.look_beside(value)
    kept = [forgetter.without(value) for value in log]
    assert None not in kept
    return [it for it in kept if it is not None]


@given(logs, st.sets(st.sampled_from(COMPETITORS[:3])))
def test_the_numbers_stay_and_the_names_go(log: list[bytes], forgotten: set[str]) -> None:
    kept = without(log, forgotten)

    assert recount(kept, CATALOGUE) == recount(log, CATALOGUE)
    for old, new in zip(log, kept, strict=True):
        person = json.loads(new)["competitor"]
        if str(person["id"]) in forgotten:
            assert person.get("name", "") == ""
            assert "age" not in person
            assert b"Forgotten" not in new
        else:
            assert new == old
        # It counts if and only if it counted.
        assert _counts(old) == _counts(new)


def _counts(value: bytes) -> bool:
    try:
        return bool(read_record(b"swimming/final", value, 0, 1, CATALOGUE))
    except ResultError:
        return False


@given(logs)
def test_who_is_forgotten_twice_is_forgotten_once(log: list[bytes]) -> None:
    once = without(log, COMPETITORS)

    assert without(once, COMPETITORS) == once


def test_two_names_in_one_version_stay_a_conflict_with_the_same_survivor() -> None:
    def swim(name: str, mark: str) -> bytes:
        return encode(
            Result(
                sport="swimming",
                unit="final",
                phase="final",
                competitor=Competitor("1", name),
                faculty="law",
                status="official",
                version=1,
                mark=mark,
            )
        )

    for number in range(200):
        log = [swim(f"{letter} {number}", f"{mark}.000") for letter, mark in ("A1", "B2", "C1")]
        kept = without(log, ["1"])

        assert len(set(kept)) == 3
        assert recount(kept, CATALOGUE).conflicts == 1
        survivors = [max(it, key=digest_of) for it in (log, kept)]
        assert log.index(survivors[0]) == kept.index(survivors[1])


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"7",
        b"[]",
        b"\xff\xfe",
        b'{"competitor":"7"}',
        b'{"competitor":{"name":"Ana"}}',
        b'{"competitor":{"id":"7","name":"Ana"}',
        b'{"competitor":{"id":"8","name":"Ana"}}',
        b'{"competitor":{"id":"7"},  "mark": 1.50}',
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_what_holds_nothing_of_theirs_is_kept_to_the_byte(value: bytes | None) -> None:
    forgetter = Forgetter(["7"])
    forgetter.look(value)
    forgetter.look_beside(value)

    assert forgetter.without(value) == value


def test_what_cannot_be_read_but_has_an_id_is_counted() -> None:
    forgetter = Forgetter(["7", "ñ"])
    for value in (b'{"competitor":{"id":"7","name":"Ana"', "ñ".encode(), b"8", None):
        forgetter.look(value)
        forgetter.without(value)

    assert forgetter.unreadable == 2
    assert forgetter.found == set()
