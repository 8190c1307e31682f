"""What is held of a partition: how far it was told, and whether the next assignment may have it."""

from __future__ import annotations

from faust.types import TP

from streams.bulk import DictState
from streams.bulk.assignment import Assignment
from streams.bulk.held import Held
from streams.bulk.producer import Written

LOG = "cluster/topic/0"


def held_until(position: int) -> Held[DictState[int]]:
    """Return a state that was told everything before *position*."""
    held = Held(lambda: DictState(lambda it: b"%d" % it, int, max))
    assert held.start(LOG, 0, position) == 0
    held.restore([(b"key", b"3")], position)
    return held


def test_an_empty_state_begins_where_the_changelog_begins() -> None:
    held = Held(lambda: DictState(lambda it: b"%d" % it, int, max))

    assert held.start(LOG, 7, 9) == 7


def test_a_state_that_was_told_all_goes_on_behind_it() -> None:
    held = held_until(10)

    assert held.leave()
    assert held.start(LOG, 0, 12) == 10
    assert held.state.get(b"key") == 3


def test_own_writes_that_follow_upon_what_it_was_told_need_not_be_read() -> None:
    held = held_until(10)
    first, second = held.publishing({}), held.publishing({})

    # the answers come in another order than the writes
    held.durable(second, Written(12, 15))
    held.durable(first, Written(10, 12))

    assert held.start(LOG, 0, 15) == 15


def test_what_others_have_written_in_between_is_read() -> None:
    held = held_until(10)

    held.durable(held.publishing({}), Written(11, 13))
    held.durable(held.publishing({}), Written(13, 14))

    assert held.start(LOG, 0, 14) == 10


def test_a_write_whose_place_is_unknown_is_read() -> None:
    held = held_until(10)

    held.durable(held.publishing({}), None)

    assert held.start(LOG, 0, 12) == 10


def test_what_is_of_another_log_is_forgotten() -> None:
    for log, beginning, end in (("cluster/new/0", 0, 20), (LOG, 0, 9), (LOG, 11, 20)):
        held = held_until(10)

        assert held.start(log, beginning, end) == beginning
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
