"""What holds of the oracle's tables whatever was sent, and in whatever order."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from olympics.counts import Counts, total
from olympics.medal_table import medal_table
from olympics.recount import Recount, recount, unit_standings
from olympics.result import Competitor, Result, encode
from tests.properties.games import CATALOGUE, histories, one_unit, results

_settings = settings(max_examples=60, deadline=None)


def count(history: list[Result]) -> Recount:
    return recount([encode(result) for result in history], CATALOGUE)


@_settings
@given(histories())
def test_entries_are_winners_losers_ties_and_who_did_not_start(history: list[Result]) -> None:
    counted = count(history)
    for counts in counted.pairs.values():
        assert counts.entries == sum(counts[1:5]) > 0
        assert counts.gold + counts.silver + counts.bronze <= counts.entries
    assert total(counted.by_sport().values()) == total(counted.pairs.values())
    assert total(counted.by_faculty().values()) == total(counted.pairs.values())
    identities = {(it.sport, it.unit, it.competitor.id) for it in history}
    assert counted.results == len(identities)
    assert total(counted.pairs.values()).entries + counted.provisional <= counted.results


@_settings
@given(histories(), st.data())
def test_order_and_repetition_change_nothing(history: list[Result], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(history))) if history else []
    assert count(data.draw(st.permutations(history + again))) == count(history)


@_settings
@given(histories(), st.data())
def test_a_lower_version_of_what_is_known_changes_nothing(
    history: list[Result], data: st.DataObject
) -> None:
    newest: dict[tuple[str, str, str], int] = {}
    for it in history:
        identity = (it.sport, it.unit, it.competitor.id)
        newest[identity] = max(it.version, newest.get(identity, 1))
    late = [
        data.draw(results(unit=(sport, unit), competitors=(competitor,)))
        for sport, unit, competitor in newest
    ]
    late = [it for it in late if it.version < newest[it.sport, it.unit, it.competitor.id]]
    assert count(history + late) == count(history)


@_settings
@given(histories())
def test_a_correction_of_everything_replaces_everything(history: list[Result]) -> None:
    corrected = [msgspec.structs.replace(it, version=it.version + 3) for it in history]
    assert count(history + corrected) == count(corrected)


@_settings
@given(histories())
def test_nothing_counts_once_all_is_withdrawn(history: list[Result]) -> None:
    withdrawn = [msgspec.structs.replace(it, status="withdrawn") for it in history]
    assert count(history + withdrawn).pairs == {}
    assert count(history + withdrawn).provisional == 0


@_settings
@given(histories(), histories())
def test_unofficial_results_of_newcomers_change_nothing_but_their_number(
    history: list[Result], more: list[Result]
) -> None:
    newcomers = [
        msgspec.structs.replace(
            it,
            status="unofficial",
            competitor=msgspec.structs.replace(it.competitor, id="new " + it.competitor.id),
        )
        for it in more
    ]
    before, after = count(history), count(history + newcomers)
    assert after.pairs == before.pairs
    assert after.provisional == before.provisional + after.results - before.results


@_settings
@given(histories())
def test_units_count_for_themselves(history: list[Result]) -> None:
    units: dict[tuple[str, str], list[Result]] = {}
    for it in history:
        units.setdefault((it.sport, it.unit), []).append(it)
    sums: dict[tuple[str, str], Counts] = {}
    for its_results in units.values():
        for pair, counts in count(its_results).pairs.items():
            sums[pair] = sums.get(pair, Counts()) + counts
    assert count(history).pairs == sums


@_settings
@given(one_unit())
def test_standings_say_what_the_tables_count(history: list[Result]) -> None:
    rows = unit_standings(history, CATALOGUE)
    counted = total(count(history).pairs.values())
    splits = Counter(row.split for row in rows if not row.provisional)
    assert counted[1:5] == tuple(
        splits[split] for split in ("winner", "loser", "tie", "did_not_start")
    )
    medals = Counter(row.medal for row in rows)
    assert counted[5:] == (medals["gold"], medals["silver"], medals["bronze"])
    assert [row.rank or 10**9 for row in rows] == sorted(row.rank or 10**9 for row in rows)


@_settings
@given(st.lists(st.integers(9_000, 9_004), min_size=1, max_size=6), st.booleans())
def test_medals_by_marks_are_shared_and_skipped_as_the_rules_say(
    marks: list[int], higher: bool
) -> None:
    final = [
        Result(
            sport="athletics",
            unit="jump" if higher else "100 m",
            phase="final",
            competitor=Competitor(str(number)),
            faculty="law",
            status="official",
            version=1,
            mark=f"{mark}.000",
        )
        for number, mark in enumerate(marks)
    ]
    ordered = sorted(marks, reverse=higher)
    # The first three places in the order, and who shares them, take the medals of those places.
    place = {mark: ordered.index(mark) for mark in marks}
    expected = Counter(place[mark] for mark in marks)
    counted = total(count(final).pairs.values())
    assert (counted.gold, counted.silver, counted.bronze) == (expected[0], expected[1], expected[2])
    assert counted.winners == expected[0]
    assert counted.losers == len(marks) - expected[0]


@_settings
@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.builds(
            Counts, *[st.just(0)] * 5, st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)
        ),
    )
)
def test_the_medal_table_is_ordered_and_its_ranks_are_shared_by_equals(
    by_faculty: dict[str, Counts],
) -> None:
    table = medal_table(by_faculty)
    assert {row.faculty: row[2:5] for row in table} == {
        name: counts[5:] for name, counts in by_faculty.items()
    }
    for row in table:
        better = sum(counts[5:] > row[2:5] for counts in by_faculty.values())
        assert row.rank == 1 + better
        assert row.total == row.gold + row.silver + row.bronze
    assert table == sorted(table, key=lambda row: (row.rank, row.faculty))
