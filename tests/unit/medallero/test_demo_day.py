"""The demonstration's day: made of facts, and what it promises to show happens."""

from __future__ import annotations

import pytest

from medallero.demo.day import CATALOGUE, DAY, LENGTH, MOMENTS, Moment, Step, demo_catalogue, steps
from olympics.latest import Latest, join, latest_of
from olympics.recount import recount, unit_standings
from olympics.result import Result, encode
from tests import demo_day, paris2024

RULES = demo_catalogue()
MOMENT = {it.kind: it for it in MOMENTS}


def sent(day: list[Step]) -> list[Result]:
    return [result for step in day for result in step.results]


def test_the_files_are_made_of_the_facts() -> None:
    # python -m tests.demo_day writes them
    assert DAY.read_text(encoding="utf-8") == demo_day.day()
    assert CATALOGUE.read_text(encoding="utf-8") == demo_day.catalogue()


@pytest.mark.parametrize("seed", [1, 7])
def test_the_day_ends_with_the_facts_and_the_official_medals(seed: int) -> None:
    day = steps(RULES, seed)
    facts = list(demo_day.facts())

    survivors: dict[tuple[str, str], tuple[Latest, Result]] = {}
    for result in sent(day):
        key = result.unit, result.competitor.id
        new = latest_of(result, encode(result), 0)
        old = survivors.get(key)
        if old is None or join(old[0], new) is not old[0]:
            survivors[key] = new, result

    assert {
        (it.unit, it.competitor.id, it.mark is None, it.irm or "") for _, it in survivors.values()
    } == {(it.unit, it.competitor, not it.mark or bool(it.irm), it.irm) for it in facts}
    assert {it.status for _, it in survivors.values()} == {"official"}
    counted = recount(map(encode, sent(day)), RULES)
    assert (counted.results, counted.conflicts, counted.rejected) == (len(facts), 0, 0)
    for sport in ("swimming", "boxing", "judo", "shooting"):
        medals = {
            committee: (it.gold, it.silver, it.bronze)
            for (its, committee), it in counted.pairs.items()
            if its == sport and it.gold + it.silver + it.bronze
        }
        assert medals == paris2024.official_medals(sport)


def test_the_seed_decides_the_order_of_the_events_alone() -> None:
    one, same, other = (steps(RULES, seed) for seed in (1, 1, 2))

    assert one == same
    assert one != other
    assert sorted(map(encode, sent(one))) == sorted(map(encode, sent(other)))


def test_the_day_keeps_to_its_time_and_nobody_is_in_a_final_before_the_semifinal() -> None:
    day = steps(RULES, 1)

    assert [it.at for it in day] == sorted(it.at for it in day)
    assert day[0].at == 0
    assert 0.9 * LENGTH < day[-1].at < LENGTH
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for step in day:
        for result in step.results:
            event = result.unit[:22]
            if result.phase == "final":
                first.setdefault(event, step.at)
            elif result.phase in ("semifinal", "bronze"):
                last[event] = step.at
    finals = {it for it in first if it[:3] in ("SWM", "BOX", "JUD")}
    assert finals & last.keys()
    assert all(last[it] < first[it] for it in finals & last.keys())


def entered_and_then(moment: Moment) -> tuple[dict[str, str], dict[str, str]]:
    """Return who had which medal before the unit's last step, and after it: medal → committees."""
    of_unit = [it for it in sent(steps(RULES, 1)) if it.unit == moment.unit]
    before = [it for it in of_unit if it.version == 1]
    tables = []
    for results in (before, of_unit):
        medals: dict[str, str] = {}
        for row in unit_standings(results, RULES):
            if row.medal:
                medals[row.medal] = f"{medals.get(row.medal, '')} {row.result.faculty}".strip()
        tables.append(medals)
    return tables[0], tables[1]


def test_two_tie_for_silver_and_nobody_has_bronze() -> None:
    medals = {"gold": "ITA", "silver": "USA GBR"}
    assert entered_and_then(MOMENT["tie"]) == (medals, medals)


def test_a_correction_moves_no_medal() -> None:
    medals = {"gold": "ROU", "silver": "GBR", "bronze": "USA"}
    assert entered_and_then(MOMENT["correction"]) == (medals, medals)
    marks = [
        it.mark
        for it in sent(steps(RULES, 1))
        if it.unit == MOMENT["correction"].unit
        and it.competitor.id == MOMENT["correction"].competitor
        and it.status == "official"
    ]
    assert len(set(marks)) == 2


def test_a_slip_of_the_pen_moves_the_gold() -> None:
    assert entered_and_then(MOMENT["moved medal"]) == (
        {"gold": "GBR", "silver": "AUS", "bronze": "FRA"},
        {"gold": "AUS", "silver": "GBR", "bronze": "FRA"},
    )


def test_a_disqualification_moves_the_bronze() -> None:
    assert entered_and_then(MOMENT["disqualification"]) == (
        {"gold": "CAN", "silver": "USA", "bronze": "USA"},
        {"gold": "CAN", "silver": "USA", "bronze": "AUS"},
    )


def test_each_moment_is_told_and_races_are_provisional_first() -> None:
    day = steps(RULES, 1)

    for moment in MOMENTS:
        assert sum(moment.line in step.line for step in day) == 1
        statuses = [it.status for it in sent(day) if it.unit == moment.unit]
        assert statuses[0] == "unofficial"
        assert statuses[-1] == "official"
