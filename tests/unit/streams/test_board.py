"""The scoreboard: tallies in any order, one snapshot."""

import itertools
import json
from pathlib import Path

import msgspec
import pytest

from contracts.latest import ChangeLine, PlacedLine
from contracts.redis_keys import SnapshotKeys
from olympics.catalogue import load_catalogue
from olympics.counts import Counts
from streams.board import Board
from streams.tallies import TallyRecord

CATALOGUE = load_catalogue()
KEYS = SnapshotKeys("olympics:")


def tally(partition: int, offset: int, *, gold: int = 0, epoch: int = 1, at: float = 0.0,
          since: float = 0.0, revision: int = 1) -> TallyRecord:  # fmt: skip
    row = Counts(offset, gold, offset - gold, 0, 0, gold, 0, 0)
    return TallyRecord(
        epoch=epoch,
        partition=partition,
        offset=offset,
        revision=revision,
        rules="r",
        rows=[("swimming", "engineering", row)],
        results=offset,
        provisional=0,
        rejected=0,
        conflicts=0,
        worker=f"http://127.0.0.1:{partition}",
        at=at,
        since=since,
    )


def test_the_highest_tally_of_a_partition_counts_in_whatever_order_they_come() -> None:
    heard = [tally(0, 5, gold=1), tally(0, 9, gold=2), tally(1, 3), tally(0, 7, gold=2)]
    seen = set()
    for order in itertools.permutations(heard):
        board = Board(1, 2, CATALOGUE)
        for each in order:
            board.hear(each)
        hashes = board.tables(KEYS).hashes
        seen.add(tuple(sorted(hashes["olympics:sport:swimming"].items())))
        assert board.fence() == {"0": (9, 1), "1": (3, 1)}
    assert len(seen) == 1


def test_tallies_of_different_rules_are_never_added_up() -> None:
    board = Board(1, 2, CATALOGUE)
    for each in (tally(0, 5), tally(1, 3), tally(0, 6, revision=2, gold=3)):
        board.hear(each)
    assert board.fence() == {"0": (5, 1), "1": (3, 1)}
    assert board.tables(KEYS).hashes["olympics:sport:swimming"]["gold"] == 0

    assert not board.hear(tally(0, 7, revision=2, gold=3))
    assert board.hear(tally(1, 3, revision=2, gold=1))
    assert board.fence() == {"0": (7, 2), "1": (3, 2)}
    assert board.tables(KEYS).hashes["olympics:sport:swimming"]["gold"] == 4
    assert board.rules() == (2, "r")


def test_two_catalogues_of_one_revision_are_different_rules() -> None:
    board = Board(1, 2, CATALOGUE)
    board.hear(tally(0, 5))
    board.hear(msgspec.structs.replace(tally(1, 3), rules="changed without a new revision"))
    assert not board.complete


def test_what_other_rules_tell_of_the_same_result_is_told_too() -> None:
    lawyer = PlacedLine(None, "7", "Ana", "law", None, None, None, "X", None)
    line = ChangeLine("swimming", "heat", 4, 1000, "result", lawyer, "round", "official", 1, [])
    board = Board(1, 1, CATALOGUE)
    told = []
    for rules, what in (("r", "result"), ("s", "disqualification")):
        latest = [msgspec.structs.replace(line, what=what)]
        board.hear(msgspec.structs.replace(tally(0, 5), rules=rules, latest=latest))
        told += [json.loads(row["item"])["change"] for row in board.latest()[0]]
    assert told == ["result", "disqualification"]


def test_the_list_of_latest_changes_never_goes_back_and_may_be_behind_the_counts() -> None:
    lawyer = PlacedLine(None, "7", "Ana", "law", None, None, None, "X", None)
    line = ChangeLine("swimming", "heat", 2, 1000, "result", lawyer, "round", "official", 1, [])
    board = Board(1, 1, CATALOGUE)

    def hear(offset: int, latest_offset: int, latest: list[ChangeLine]) -> bool:
        listed = {"latest": latest, "latest_offset": latest_offset}
        return board.hear(msgspec.structs.replace(tally(0, offset), **listed))

    assert hear(5, 3, [line])
    assert board.latest_offsets() == {"0": (3, 1)}
    # the first list of another owner, whose counts are further
    assert hear(6, 2, [])
    assert (board.fence(), board.latest_offsets()) == ({"0": (6, 1)}, {"0": (3, 1)})
    assert len(board.latest()[0]) == 1
    # the same counts, and a list that has caught up
    assert hear(6, 6, [])
    assert board.latest_offsets() == {"0": (6, 1)}
    assert not board.latest()[0]
    assert not hear(6, 6, [])


def test_the_last_medals_are_those_of_more_changes_than_are_told() -> None:
    board = Board(1, 6, CATALOGUE)
    at = itertools.count(1000)
    for partition in range(6):
        lines = [
            ChangeLine("swimming", f"{partition}/{number}", offset, next(at), "result",
                       PlacedLine(1, "7", None, "law", None, None, None, None, None), "final",
                       "official", 3, medals(partition, number))
            for number, offset in enumerate(range(24, -1, -1))
        ]  # fmt: skip
        listed = {"latest": lines, "latest_offset": 25}
        board.hear(msgspec.structs.replace(tally(partition, 25), **listed))

    changes, shown = board.latest()

    assert len(changes) == 100
    # The newest change of all is the last one of the last partition.
    items = [json.loads(it["item"]) for it in shown]
    assert [it[1] for it in items[:3]] == ["5/24", "5/24", "5/24"]
    assert [(it[5], it[6]) for it in items[:2]] == [("7", "gold"), ("Bea", "silver")]
    # A partition has sixty: three of each change, but none of one in five.
    assert {it[2] for it in items} == {5, 4, 3, 2}
    assert len(shown) == 200
    first = {name: shown[0][name] for name in ("medal", "name", "faculty", "sport", "event")}
    assert first == {
        "medal": "gold", "name": "#7", "faculty": "law", "sport": "Swimming",
        "event": "5/24 · final",
    }  # fmt: skip


def medals(partition: int, number: int) -> list[PlacedLine]:
    """Return the medals of an event; every fifth one has none yet."""
    if number % 5 == 0:
        return []
    return [
        PlacedLine(1, "7", None, "law", None, None, None, None, "gold"),
        PlacedLine(2, "Bea", "Bea Paz", "law", None, None, None, None, "silver"),
        PlacedLine(3, "Eva", "Eva Gil", "law", None, None, None, None, "bronze"),
    ]


def test_new_rules_are_shown_when_they_have_come_as_far_as_the_old_ones() -> None:
    board = Board(1, 2, CATALOGUE)
    heard = [tally(0, 5), tally(1, 3), tally(0, 4, revision=2), tally(1, 9, revision=2)]
    for order in itertools.permutations(heard):
        board = Board(1, 2, CATALOGUE)
        for each in order:
            board.hear(each)
        assert board.fence() == {"0": (5, 1), "1": (3, 1)}
    assert board.hear(tally(0, 5, revision=2))
    assert board.fence() == {"0": (5, 2), "1": (9, 2)}


def test_a_worker_with_old_rules_that_counts_on_puts_nothing_back() -> None:
    board = Board(1, 2, CATALOGUE)
    for each in (tally(0, 5, revision=2, gold=2), tally(1, 3, revision=2, gold=1)):
        board.hear(each)
    board.never_before(2)
    for each in (tally(0, 8), tally(1, 9)):
        assert not board.hear(each)
    assert board.fence() == {"0": (5, 2), "1": (3, 2)}


def test_what_redis_has_decides_which_rules_a_new_scoreboard_shows() -> None:
    board = Board(1, 1, CATALOGUE)
    for each in (tally(0, 8), tally(0, 5, revision=2)):
        board.hear(each)
    assert board.fence() == {"0": (8, 1)}
    board.never_before(2)
    assert board.fence() == {"0": (5, 2)}


def test_what_redis_alone_knew_is_no_reason_to_be_silent_when_redis_is_another() -> None:
    board = Board(1, 2, CATALOGUE)
    for each in (tally(0, 8), tally(1, 4), tally(0, 5, revision=2), tally(1, 4, revision=2)):
        board.hear(each)
    board.hear(tally(0, 9, revision=3))
    board.never_before(3)
    assert board.fence() == {"0": (5, 2), "1": (4, 2)}
    assert board.hear(tally(1, 4, revision=3))
    assert board.fence() == {"0": (9, 3), "1": (4, 3)}


def test_it_says_how_far_a_change_of_rules_is() -> None:
    board = Board(1, 3, CATALOGUE)
    none = {"next_revision": 0, "next_partitions": 0, "older_revision": 0, "older_partitions": 0}
    for partition in range(3):
        board.hear(tally(partition, 5, revision=2))
    assert board.change_of_rules() == none

    board.hear(tally(0, 5, revision=3, at=1.0))
    board.hear(tally(1, 6, revision=3))
    assert board.change_of_rules() == none | {"next_revision": 3, "next_partitions": 2}
    board.hear(tally(0, 5, revision=2, at=2.0))  # the old rules own it again
    assert board.change_of_rules() == none | {"next_revision": 3, "next_partitions": 1}

    board.hear(tally(1, 7, revision=1))
    older = {"older_revision": 1, "older_partitions": 1}
    assert board.change_of_rules() == none | older


def test_a_tally_of_another_log_is_not_heard_and_one_that_does_not_say_is() -> None:
    board = Board(1, 1, CATALOGUE, log="this")
    assert not board.hear(msgspec.structs.replace(tally(0, 9), log="another"))
    assert board.hear(tally(0, 3))
    assert board.hear(msgspec.structs.replace(tally(0, 5), log="this"))
    assert board.fence() == {"0": (5, 1)}


def test_it_is_not_complete_before_every_partition_was_heard() -> None:
    board = Board(1, 2, CATALOGUE)
    board.hear(tally(1, 3))
    assert not board.complete
    board.hear(tally(0, 0))
    assert board.complete


def test_tallies_of_another_epoch_are_not_heard() -> None:
    board = Board(2, 1, CATALOGUE)
    assert not board.hear(tally(0, 5, epoch=1))
    assert not board.hear(tally(0, 5, epoch=3))
    assert not board.complete


def test_the_same_counts_again_are_a_sign_of_life() -> None:
    board = Board(1, 1, CATALOGUE)
    assert board.hear(tally(0, 5, at=1.0))
    assert not board.hear(tally(0, 5, at=4.0))
    assert board.heard_at() == 4.0


def test_every_sport_and_faculty_of_the_catalogue_is_in_the_snapshot() -> None:
    board = Board(1, 1, CATALOGUE)
    board.hear(tally(0, 0))
    hashes, sports, table = board.tables(KEYS)
    assert [row["sport"] for row in sports] == list(CATALOGUE.sports)
    assert all(hashes[f"olympics:sport:{row['sport']}"] == row for row in sports)
    for sport in CATALOGUE.sports:
        assert KEYS.sport(sport) in hashes
    assert [row["faculty"] for row in table] == sorted(CATALOGUE.faculties)
    assert {row["rank"] for row in table} == {1}


def test_the_oldest_result_that_no_snapshot_shows_is_known_until_one_does() -> None:
    board = Board(1, 2, CATALOGUE)
    for heard in (
        tally(0, 5, since=100.0),
        tally(0, 9, since=103.0),
        tally(0, 7, since=90.0),  # behind: it adds nothing
        tally(1, 4),
    ):
        board.hear(heard)

    taken = board.take_waiting()
    board.hear(tally(0, 12, since=107.0))
    board.wait(taken)  # the snapshot was not written

    assert taken == {0: 100.0}
    assert board.take_waiting() == {0: 100.0}
    assert board.take_waiting() == {}


def test_sports_and_faculties_have_titles_beside_their_names() -> None:
    board = Board(1, 1, CATALOGUE)
    board.hear(tally(0, 1, gold=1))

    hashes, sports, table = board.tables(KEYS)

    assert [row["title"] for row in sports] == [it.title for it in CATALOGUE.sports.values()]
    assert {row["faculty"]: row["title"] for row in table} == {
        it.name: it.title for it in CATALOGUE.faculties.values()
    }
    assert hashes[KEYS.sport("swimming")]["title"] == CATALOGUE.sports["swimming"].title
    assert hashes[KEYS.faculty("engineering")]["title"] == "Engineering"
    assert "title" not in hashes[KEYS.pair("swimming", "engineering")]


@pytest.mark.parametrize("title", ["1890", "1.5", "-7e3", "Inf", "nan", "0x1p-2", "1_000"])
def test_a_title_that_a_dashboard_would_take_for_a_number_is_not_shown(
    tmp_path: Path, title: str
) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text(
        f'''revision = 1
        [sports.swimming]
        title = "{title}"
        code = "SWM"
        order = "lower"
        [faculties.engineering]
        title = "{title}"
        [faculties.law]
        title = "Class of {title}"
        ''',
        encoding="utf-8",
    )
    board = Board(1, 1, load_catalogue(file))
    board.hear(tally(0, 0))

    _, sports, table = board.tables(KEYS)

    assert [it["title"] for it in sports] == ["swimming"]
    assert [it["title"] for it in table] == ["engineering", f"Class of {title}"]
