"""What may be committed of one assignment."""

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from faust_bulk.assignment import Assignment

TP0 = TP("results", 0)


def test_nothing_may_be_committed_before_something_is_finished() -> None:
    assignment = Assignment(TP0)
    assignment.deliver(10)
    assert assignment.finished is None


def test_what_finishes_out_of_order_waits_for_what_was_delivered_before() -> None:
    assignment = Assignment(TP0)
    first, second = assignment.deliver(10), assignment.deliver(25)
    assignment.finish(second)
    assert assignment.finished is None
    assignment.finish(first)
    assert assignment.finished == 25


def test_gaps_between_deliveries_do_not_stop_the_commit() -> None:
    # Compaction and transactions' markers leave offsets that no record has.
    assignment = Assignment(TP0)
    for end in (1, 1_000, 1_003):
        assignment.finish(assignment.deliver(end))
    assert assignment.finished == 1_003


def test_records_that_are_delivered_again_do_not_move_the_commit_back() -> None:
    assignment = Assignment(TP0)
    assignment.finish(assignment.deliver(100))
    assignment.finish(assignment.deliver(40))
    assert assignment.finished == 100


def test_what_is_committed_is_not_to_be_committed_again() -> None:
    assignment = Assignment(TP0)
    assert assignment.committable is None
    assignment.finish(assignment.deliver(10))
    assert assignment.committable == 10
    assignment.committed = 10
    assert assignment.committable is None


def test_records_that_are_read_again_do_not_move_the_groups_commit_back() -> None:
    # given an assignment that begins before what the group has committed
    assignment = Assignment(TP0)
    assignment.committed = 100
    assignment.finish(assignment.deliver(40))
    assert assignment.committable is None
    assignment.finish(assignment.deliver(101))
    assert assignment.committable == 101


def test_two_assignments_never_share_a_tag() -> None:
    assert Assignment(TP0).tag != Assignment(TP0).tag


@given(st.permutations(range(1, 8)), st.integers(0, 7))
def test_the_commit_covers_exactly_the_finished_head(order: list[int], finished: int) -> None:
    # given seven deliveries, of which some have finished in any order
    assignment = Assignment(TP0)
    delivered = [assignment.deliver(end) for end in range(1, 8)]
    done = set(order[:finished])
    # when
    for end in order[:finished]:
        assignment.finish(delivered[end - 1])
    # then everything before the committed offset is finished, and the next delivery is not
    head = 0
    while head + 1 in done:
        head += 1
    assert (assignment.finished or 0) == head
