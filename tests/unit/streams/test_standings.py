"""The state of one partition: what it changes, refuses, restores, and when it may speak."""

import dataclasses
import random
import re
from typing import NamedTuple

import msgspec
import pytest

from contracts.partitioning import partition_of
from olympics.catalogue import Catalogue, load_catalogue
from olympics.counts import Counts
from olympics.recount import recount
from olympics.result import digest_of, encode, key_of, parse_result
from streams.standings import COMPILED, OtherLogError, Standings
from streams.tallies import decode_tally, encode_tally, tally_of

CATALOGUE = load_catalogue()


@pytest.fixture(autouse=True, params=[True, False] if COMPILED else [False])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Everything holds with the compiled reader and without it."""
    monkeypatch.setattr("streams.standings.COMPILED", request.param)
    return bool(request.param)


class Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None


def record(offset: int, unit: str = "final-1", **fields: object) -> Record:
    raw = {
        "sport": "swimming",
        "unit": unit,
        "phase": "final",
        "competitor": {"id": "c1", "name": "Somebody"},
        "faculty": "engineering",
        "mark": "55.78",
        **fields,
    }
    result = parse_result(raw, CATALOGUE)
    return Record(offset, key_of(result.sport, result.unit), encode(result))


def fresh(catalogue: Catalogue = CATALOGUE) -> Standings:
    standings = Standings(0, 1, catalogue)
    standings.restored(0, 0)
    return standings


def counts(standings: Standings) -> dict[tuple[str, str], Counts]:
    return dict(standings.tally.counts())


def some_log(size: int, seed: int = 1) -> list[Record]:
    chance = random.Random(seed)
    return [
        record(
            offset,
            unit=f"u{chance.randrange(size // 4)}",
            phase=chance.choice(["round", "semifinal", "final", "bronze"]),
            competitor={"id": f"c{chance.randrange(5)}"},
            faculty=chance.choice(["engineering", "agronomy"]),
            mark=str(chance.randrange(50, 55)),
            version=chance.randrange(1, 4),
            status=chance.choice(["official", "official", "unofficial", "withdrawn"]),
        )
        for offset in range(size)
    ]


def test_a_competitor_that_changes_twice_in_a_batch_is_published_once() -> None:
    standings = fresh()
    changes, rejected = standings.apply([record(0), record(1, version=2, mark="50")])
    results = [key for key in changes if not key.startswith(b"\0")]
    assert results == [b"swimming/final-1\0c1"]
    assert rejected == []


def test_a_result_that_changes_nothing_is_not_published() -> None:
    standings = fresh()
    standings.apply([record(0, version=2)])
    changes, _ = standings.apply([record(1, version=1), record(2, version=2)])
    # then only how far these rules have come
    assert [key[:1] for key in changes] == [b"\0"]


def test_the_state_after_any_batches_equals_the_oracle() -> None:
    log = some_log(400)
    standings = fresh()
    for start in range(0, len(log), 7):
        standings.apply(log[start : start + 7])
    expected = recount((r.value or b"" for r in log), CATALOGUE)
    assert counts(standings) == {pair: c for pair, c in expected.pairs.items() if c.entries}
    assert standings.tally.conflicts == expected.conflicts
    assert standings.tally.provisional == expected.provisional
    assert standings.tally.results == expected.results


def test_a_restore_from_any_mixture_of_owners_is_the_same_state() -> None:
    # given two owners, of which the second began at an older offset, as after a stale commit
    log = some_log(300)
    first, second = fresh(), fresh()
    changelog: list[tuple[bytes, bytes]] = []
    for start in range(0, 200, 10):
        changelog += first.apply(log[start : start + 10])[0].items()
    second.restore(changelog[: len(changelog) // 2])
    second.restored(100, 300)
    for start in range(100, 300, 10):
        changelog += second.apply(log[start : start + 10])[0].items()
    # when their values are restored in another order, some of them twice
    random.Random(3).shuffle(changelog)
    restored = Standings(0, 1, CATALOGUE)
    restored.restore(changelog + changelog[:50])
    restored.restored(300, 300)
    # then
    whole = fresh()
    whole.apply(log)
    assert counts(restored) == counts(whole)
    assert restored.tally.conflicts == whole.tally.conflicts


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_a_restore_in_pieces_of_any_size_is_the_same_state(size: int) -> None:
    # given units of one competitor and of several, with their older values, some of them twice
    log = some_log(300)
    whole = fresh()
    changelog: list[tuple[bytes, bytes]] = []
    for start in range(0, 300, 3):
        changelog += whole.apply(log[start : start + 3])[0].items()
    changelog += changelog[::5]
    random.Random(4).shuffle(changelog)
    # when
    restored = Standings(0, 1, CATALOGUE)
    for start in range(0, len(changelog), size):
        restored.restore(changelog[start : start + size])
    restored.restored(300, 300)
    # then it is what it was, and finds nothing new in what it has read
    for _ in range(2):
        assert counts(restored) == counts(whole)
        for number in ("results", "provisional", "conflicts"):
            assert getattr(restored.tally, number) == getattr(whole.tally, number)
        changes, _rejected = restored.apply(log)
        assert [key for key in changes if not key.startswith(b"\0")] == []


@pytest.mark.parametrize("size", [1, 1_000])
def test_what_the_catalogue_has_no_more_is_left_out_of_a_restore(size: int) -> None:
    # given results alone in their unit, and such that share it
    left = [record(0, "u1"), record(1, "u2"), record(2, "u2", competitor={"id": "c2"})]
    gone = [
        record(3, "u2", competitor={"id": "c3"}, faculty="agronomy"),
        record(4, "u3", faculty="agronomy"),
        record(5, "u4", sport="boxing"),
        record(6, "u5", sport="boxing"),
        record(7, "u5", sport="boxing", competitor={"id": "c2"}),
    ]
    changes = list(fresh().apply([*left, *gone])[0].items())
    smaller = dataclasses.replace(
        CATALOGUE,
        sports={name: it for name, it in CATALOGUE.sports.items() if name != "boxing"},
        faculties={name: it for name, it in CATALOGUE.faculties.items() if name != "agronomy"},
    )
    # when
    restored = Standings(0, 1, smaller)
    for start in range(0, len(changes), size):
        restored.restore(changes[start : start + size])
    # then
    expected = fresh(smaller)
    expected.apply(left)
    assert counts(restored) == counts(expected)
    assert restored.tally.results == 3


def test_times_of_nothing_that_other_rules_accepted_are_left_out_of_a_restore() -> None:
    # given rules to which all marks are numbers, and a time of 0 that replaced another
    swimming = msgspec.structs.replace(CATALOGUE.sports["swimming"], times=False)
    numbers = dataclasses.replace(CATALOGUE, sports={**CATALOGUE.sports, "swimming": swimming})
    log = [
        record(0, mark="58.40"),
        record(1, mark="58.50", version=2),
        record(2, mark="59", competitor={"id": "c2"}),
        record(3, "u2", mark="1"),
        record(4, "u3", sport="boxing", mark="0"),
    ]
    for place, mark in ((1, b"0.000"), (3, b"-0.0001")):
        value = log[place].value or b""
        log[place] = log[place]._replace(value=re.sub(rb"[0-9]+\.[0-9]+", mark, value))
    before = fresh(numbers)
    changes, rejected = before.apply(log)
    assert rejected == []
    assert before.tally.results == 4
    # when they become times
    successor = Standings(0, 1, CATALOGUE)
    successor.restore(changes.items())
    assert successor.restored(5, 5) == 0
    _, rejected = successor.apply(log)
    # then what they replaced counts again
    assert [(it.offset, it.error.field) for it in rejected] == [(1, "mark"), (3, "mark")]
    expected = fresh()
    expected.apply(log)
    assert counts(successor) == counts(expected)
    assert successor.tally.results == expected.tally.results == 3
    assert successor.rejected == 2


def test_after_a_restore_it_stays_silent_until_it_has_passed_what_the_changelog_saw() -> None:
    # given a changelog that is ahead of the committed offset
    log = [record(offset, competitor={"id": f"c{offset}"}) for offset in range(10)]
    owner = fresh()
    changes, _ = owner.apply(log)
    successor = Standings(0, 1, CATALOGUE)
    successor.restore(changes.items())
    successor.restored(4, 10)
    # then
    assert not successor.live
    successor.apply(log[4:9])
    assert not successor.live
    successor.apply(log[9:])
    assert successor.live
    assert counts(successor) == counts(owner)


def test_a_conflict_is_not_told_before_the_record_that_made_it_was_passed() -> None:
    # given the greater digest first: it survives, and the later record only adds the conflict
    first, last = sorted(
        (record(0, mark=mark) for mark in ("50", "51")),
        key=lambda it: digest_of(it.value or b""),
        reverse=True,
    )
    log = [first, record(1, competitor={"id": "c2"}), last._replace(offset=2)]
    owner = fresh()
    changelog = [change for it in log for change in owner.apply([it])[0].items()]
    # when a successor begins before that record
    successor = Standings(0, 1, CATALOGUE)
    successor.restore(changelog)
    successor.restored(1, 3)
    successor.apply(log[1:2])
    # then
    assert not successor.live
    successor.apply(log[2:])
    assert successor.live
    assert successor.tally.conflicts == 1


def test_rejected_records_are_counted_once_however_often_they_are_read() -> None:
    log = [record(0), Record(1, b"k", b"garbage"), Record(2, None, None), record(3)]
    owner = fresh()
    changes, rejected = owner.apply(log)
    assert [r.offset for r in rejected] == [1, 2]
    owner.apply(log)
    assert owner.rejected == 2
    successor = Standings(0, 1, CATALOGUE)
    successor.restore(changes.items())
    successor.restored(0, 4)
    successor.apply(log)
    assert successor.rejected == 2


@pytest.mark.parametrize(
    ("key", "field"),
    [(b"swimming/other", "key"), (None, "key"), (b"boxing/final-1", "key")],
)
def test_a_result_under_another_key_is_refused_with_the_reason(
    key: bytes | None, field: str
) -> None:
    good = record(0)
    standings = fresh()
    # also when the unit of that key is known already
    standings.apply([record(0, unit="other")])
    _, rejected = standings.apply([Record(1, key, good.value)])
    assert [r.error.field for r in rejected] == [field]


def test_a_record_that_another_partitioner_placed_is_refused() -> None:
    misplaced = record(0)
    assert misplaced.key is not None
    home = partition_of(misplaced.key, 4)
    standings = Standings((home + 1) % 4, 4, CATALOGUE)
    standings.restored(0, 0)
    _, rejected = standings.apply([misplaced])
    assert [r.error.field for r in rejected] == ["partition"]


def test_state_from_another_log_is_refused() -> None:
    owner = fresh()
    changes, _ = owner.apply([record(offset) for offset in range(3)])
    successor = Standings(0, 1, CATALOGUE)
    successor.restore(changes.items())
    with pytest.raises(OtherLogError, match="raise the epoch"):
        successor.restored(0, 0)


def test_a_change_of_the_rules_replays_the_topic() -> None:
    # given a changelog that was written under another revision of the catalogue
    log = [record(0), Record(1, b"k", b"garbage"), record(2, competitor={"id": "c2"})]
    changes, _ = fresh().apply(log)
    newer = dataclasses.replace(CATALOGUE, revision=CATALOGUE.revision + 1)
    successor = Standings(0, 1, newer)
    successor.restore(changes.items())
    # when the group had committed all of it
    begins = successor.restored(3, 3)
    # then
    assert begins == 0
    assert not successor.live
    again, _ = successor.apply(log)
    assert successor.live
    assert successor.rejected == 1
    # and from now on it need not replay again
    third = Standings(0, 1, newer)
    third.restore([*changes.items(), *again.items()])
    assert third.restored(3, 3) == 3
    # unless all that is said is that its rules have come somewhere
    fourth = Standings(0, 1, newer)
    fourth.restore((key, b"" if b"rules/" in key else value) for key, value in again.items())
    assert fourth.restored(3, 3) == 0


def test_a_replay_that_ended_early_goes_on_where_it_was_and_not_where_older_rules_were() -> None:
    # given rules that reject a faculty, and have committed all of a log
    faculties = {name: it for name, it in CATALOGUE.faculties.items() if name != "agronomy"}
    older = Standings(0, 1, dataclasses.replace(CATALOGUE, faculties=faculties))
    older.restored(0, 0)
    log = [record(0), *(record(o, competitor={"id": f"d{o}"}, faculty="agronomy") for o in (1, 2))]
    changelog = [*older.apply(log)[0].items()]
    newer = dataclasses.replace(CATALOGUE, revision=CATALOGUE.revision + 1)
    replaying = Standings(0, 1, newer)
    replaying.restore(changelog)
    assert replaying.restored(3, 3) == 0
    # when its successor by newer rules dies behind the first record
    changelog += replaying.apply(log[:1])[0].items()
    successor = Standings(0, 1, newer)
    successor.restore(changelog)
    # then
    begins = successor.restored(3, 3)
    assert begins == 1
    successor.apply(log[begins:])
    assert successor.live
    assert successor.tally.results == 3


def test_a_tally_survives_its_own_encoding() -> None:
    standings = fresh()
    standings.apply(some_log(50))
    tally = tally_of(standings, epoch=2, rules="x", worker="http://127.0.0.1:1", at=1.5)
    assert decode_tally(encode_tally(tally)) == tally
    assert tally.counts() == counts(standings)
    assert tally.offset == 50
