"""What is held of a partition: how far it was told, and whether the next assignment may have it."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from faust.types import TP

from faust_bulk import DictState
from faust_bulk.assignment import Assignment
from faust_bulk.held import Held
from faust_bulk.logs import MARK, AnotherLogError, Log, Note, read_note
from faust_bulk.producer import Written

SOURCE = Log(1, "source")
CHANGELOG = "cluster/topic/0"


class Change(NamedTuple):
    """A record of the changelog, under a tag."""

    offset: int
    key: bytes
    value: bytes
    timestamp: int = 0


def change(name: bytes, value: bytes, tag: bytes = b"8 bytes.") -> Change:
    return Change(0, name + tag, value)


def mark(log: Log, tag: bytes) -> Change:
    return change(MARK, log.encode(), tag)


def held_until(position: int) -> Held[DictState[int]]:
    """Return a state that was told everything before *position*."""
    held = Held(lambda: DictState(lambda it: b"%d" % it, int, max))
    assert held.start(SOURCE, CHANGELOG, 0, position) == 0
    held.restore([change(b"key", b"3")], position)
    return held


def test_an_empty_state_begins_where_the_changelog_begins() -> None:
    held = Held(lambda: DictState(lambda it: b"%d" % it, int, max))

    assert held.start(SOURCE, CHANGELOG, 7, 9) == 7


def test_a_state_that_was_told_all_goes_on_behind_it() -> None:
    held = held_until(10)

    assert held.leave()
    assert held.start(SOURCE, CHANGELOG, 0, 12) == 10
    assert held.state.get(b"key") == 3


def test_own_writes_that_follow_upon_what_it_was_told_need_not_be_read() -> None:
    held = held_until(10)
    first, second = held.publishing({}), held.publishing({})

    # the answers come in another order than the writes
    held.durable(second, Written(12, 15))
    held.durable(first, Written(10, 12))

    assert held.start(SOURCE, CHANGELOG, 0, 15) == 15


def test_what_others_have_written_in_between_is_read() -> None:
    held = held_until(10)

    held.durable(held.publishing({}), Written(11, 13))
    held.durable(held.publishing({}), Written(13, 14))

    assert held.start(SOURCE, CHANGELOG, 0, 14) == 10


def test_a_write_whose_place_is_unknown_is_read() -> None:
    held = held_until(10)

    held.durable(held.publishing({}), None)

    assert held.start(SOURCE, CHANGELOG, 0, 12) == 10


def test_what_is_of_another_log_is_forgotten() -> None:
    for source, changelog, beginning, end in (
        (SOURCE, "cluster/new/0", 0, 20),
        (Log(2, "another"), CHANGELOG, 0, 20),
        (SOURCE, CHANGELOG, 0, 9),
        (SOURCE, CHANGELOG, 11, 20),
    ):
        held = held_until(10)

        assert held.start(source, changelog, beginning, end) == beginning
        assert held.state.get(b"key") is None


def test_a_state_is_kept_only_if_all_that_was_begun_is_finished() -> None:
    held = held_until(10)
    assignment = held.assignment = Assignment(TP("topic", 0))
    done, begun = assignment.deliver(5), assignment.deliver(9)
    held.begin(done)
    held.begin(begun)
    assignment.finish(done)

    assert not held.leave()
    assert held.assignment is None


def test_a_state_with_a_publication_under_way_is_not_kept() -> None:
    held = held_until(10)
    held.publishing({b"key": b"4"})

    assert not held.leave()


OLD, NEW = b"old tag.", b"new tag."


def restored(records: list[Change], source: Log = SOURCE, size: int = 1) -> Held[DictState[int]]:
    """Return what a new owner has, who reads *size* records at a time."""
    held = Held(lambda: DictState(lambda it: b"%d" % it, int, max))
    held.start(source, CHANGELOG, 0, len(records))
    for at in range(0, len(records), size):
        held.restore(records[at : at + size], at + size)
    return held


@pytest.mark.parametrize("size", [1, 2, 100])
def test_what_is_marked_as_of_another_log_is_left_out(size: int) -> None:
    # given what a former log left, what the new one has, and a former owner who wakes up
    former = Log(1, "former")
    records = [
        change(b"key", b"7"),  # by a version that made no marks
        mark(former, OLD),
        change(b"key", b"8", OLD),
        mark(Log(2, "source"), NEW),
        change(b"key", b"3", NEW),
        change(b"key", b"9", OLD),
        change(b"other", b"4"),  # by the version without marks, which came back
    ]

    held = restored(records, Log(2, "source"), size)

    assert dict(held.state.items()) == {b"key": 3, b"other": 4}
    held.sieve.check("topic")
    assert held.sieve.others == {former}
    assert not dict(restored(records[:3], Log(2, "source"), size).state.items())


@pytest.mark.parametrize("size", [1, 100])
def test_what_has_no_mark_is_taken_as_it_is(size: int) -> None:
    records = [change(b"key", b"7"), mark(SOURCE, NEW), change(b"key", b"5", NEW)]

    held = restored(records, size=size)

    assert dict(held.state.items()) == {b"key": 7}
    held.sieve.check("topic")


def test_another_log_of_the_same_epoch_is_refused_and_the_same_of_another_is_not() -> None:
    for mine, theirs, refused in (
        (Log(1, "mine"), Log(1, "theirs"), True),
        (Log(1, "mine"), Log(2, "theirs"), True),
        (Log(2, "mine"), Log(1, "theirs"), False),
        (Log(1, "mine"), Log(1, "mine"), False),
        (Log(2, "mine"), Log(1, "mine"), False),
        (Log(1, "mine"), Log(2, "mine"), False),
    ):
        sieve = restored([mark(theirs, OLD)], mine).sieve
        if refused:
            with pytest.raises(AnotherLogError) as caught:
                sieve.check("topic")
            assert caught.value.epoch == theirs.epoch
        else:
            sieve.check("topic")


def test_a_note_is_read_as_it_was_written_and_what_is_none_is_none() -> None:
    note = Note(Log(3, "source"), "changelog")

    assert read_note(note.encode()) == note
    assert read_note(note.encode() + "/what a later version adds") == note
    assert read_note("") is None
    assert read_note("somebody else's") is None
