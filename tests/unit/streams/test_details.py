"""One event with all its units, and one competitor with all results, of a worker's partitions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from contracts.details import ROWS, CompetitorQuestion, CompetitorsQuestion, EventQuestion
from contracts.partitioning import partition_of
from olympics.events import order_of
from olympics.ranking import SLICE
from olympics.result import key_of
from olympics.rsc import is_event_code
from streams.details import Details, _first_of
from streams.events import EventIndex
from tests.unit.streams.test_events import CATALOGUE, FINAL, PARTITIONS, Partitions, swum

CODE = "SWMM50MFR"
HEATS = [f"SWMM50MFR-------------HEAT000{heat}00--" for heat in range(1, 7)]
ALL = tuple(range(PARTITIONS))


def event(worker: Partitions, text: str, **fields: Any) -> Any:
    details = Details(CATALOGUE, worker.events)
    asked = {"partitions": ALL, "limit": 100, "sport": "swimming", "event": text, **fields}
    return asyncio.run(details.event(EventQuestion(**asked)))


def competitor(worker: Partitions, text: str, **fields: Any) -> Any:
    details = Details(CATALOGUE, worker.events)
    asked = {"partitions": ALL, "limit": 100, "competitor": text, **fields}
    return asyncio.run(details.competitor(CompetitorQuestion(**asked)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CODE, True),
        ("SWMM", True),
        ("BOXMO92KG", True),
        (FINAL, False),
        ("100 m final", False),
        ("swmm50mfr", False),
        ("SWM", False),
        ("SWMM50MFR" + "X" * 14, False),
    ],
)
def test_what_units_share_has_the_shape_of_a_code(text: str, expected: bool) -> None:
    assert is_event_code(text) is expected


def test_an_event_has_all_its_units_and_no_others() -> None:
    others = ["SWMM50MFRX------------FNL-000100--", "SWMM50MBF-------------FNL-000100--", "x"]
    units = [FINAL, *HEATS]
    partitions = Partitions([swum(unit, "1", "21.25") for unit in (*units, *others)])

    told = event(partitions, CODE)

    assert (told.total, len(told.offsets)) == (7, PARTITIONS)
    assert sorted(it.unit for it in told.units) == sorted(units)
    paged: list[Any] = []
    while page := event(partitions, CODE, limit=2, after=paged[-1].place() if paged else None):
        assert page.total == 7
        if not page.units:
            break
        # As the gateway does with what several workers answer.
        paged += sorted(page.units, key=lambda it: order_of(it.sport, it.unit, it.phase))[:2]
    assert [it.unit for it in paged] == [FINAL, *HEATS]


def test_a_unit_is_told_without_a_list_of_all_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EventIndex, "update", lambda *_: pytest.fail("all units are looked at"))
    partitions = Partitions([swum(FINAL, "1", "21.25", name="Cameron")])

    (unit,) = event(partitions, FINAL).units

    assert [(it.rank, it.name, it.mark_text, it.medal) for it in unit.rows] == [
        (1, "Cameron", "21.25", "gold")
    ]
    assert (unit.stage, unit.phase, unit.state, unit.changes) == ("Final", "final", "official", [])


def test_the_last_changes_of_an_event_are_told_the_latest_first() -> None:
    partitions = Partitions([swum(FINAL, str(it), f"2{it}") for it in range(4)])
    partitions.put(
        [
            swum(FINAL, "3", "20.5", version=2),
            swum(FINAL, "0", "20", version=2, irm="DSQ"),
            swum(FINAL, "1", "21", version=2, status="withdrawn"),
            swum(FINAL, "3", "20.4", version=3),
        ]
    )

    (unit,) = event(partitions, FINAL).units

    assert [(it.competitor, it.version, it.status) for it in unit.changes] == [
        ("3", 3, "official"),
        ("1", 2, "withdrawn"),
        ("0", 2, "official"),
    ]
    assert [(it.competitor, it.medal) for it in unit.rows] == [
        ("3", "gold"), ("2", "silver"), ("0", None)
    ]  # fmt: skip


def test_a_large_unit_is_told_in_part() -> None:
    partitions = Partitions([swum("f", str(it), "50") for it in range(ROWS + 5)])

    (unit,) = event(partitions, "f").units

    assert (len(unit.rows), unit.results) == (ROWS, ROWS + 5)


def test_what_has_no_results_is_no_event() -> None:
    partitions = Partitions([swum("f", "1", "50", version=2)])
    partitions.put([swum("f", "1", "50", version=3, status="withdrawn")])

    for text in ("f", "g", CODE):
        told = event(partitions, text)
        assert (told.units, told.total, len(told.offsets)) == ([], 0, PARTITIONS)


def test_a_competitor_has_the_results_and_medals_of_all_sports() -> None:
    bout = {"sport": "boxing", "unit": "71kg", "phase": "final", "competitor": {"id": "é7"}}
    partitions = Partitions(
        [
            swum(FINAL, "é7", "21.25", name="Ana"),
            swum(FINAL, "8", "21.20", name="é7", faculty="arts"),
            *(swum(heat, "é7", "22", name="Ana", phase="round") for heat in HEATS),
            swum("other", "7", "22", name="é7", faculty="arts"),
            swum("gone", "é7", "22", version=2, status="withdrawn"),
            {**bout, "outcome": "won", "faculty": "arts"},
        ]
    )

    told = competitor(partitions, "é7")

    assert sorted(it.unit for it in told.results) == sorted([FINAL, *HEATS, "71kg"])
    named = {(it.name, it.faculty): it.results for it in told.named}
    assert named == {("Ana", "law"): 7, (None, "arts"): 1}
    medals = {(it.sport, it.faculty): (it.gold, it.silver, it.bronze) for it in told.medals}
    assert medals == {("swimming", "law"): (0, 1, 0), ("boxing", "arts"): (1, 0, 0)}
    final = next(it for it in told.results if it.unit == FINAL)
    assert (final.rank, final.medal, final.results, final.title) == (
        2, "silver", 2, "Men’s 50 m freestyle"
    )  # fmt: skip

    # Also where a unit takes its results one by one.
    partitions.put([swum(FINAL, "é7", "21.00", version=2, name="Ana")])
    (final,) = (it for it in competitor(partitions, "é7").results if it.unit == FINAL)
    assert (final.rank, final.medal, final.version) == (1, "gold", 2)


def test_what_changes_while_a_competitor_is_looked_for_is_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    units = [str(it) for it in range(40)]
    partitions = Partitions([swum(it, "7", "50", phase="final") for it in units])
    home = {it: partition_of(key_of("swimming", it), PARTITIONS) for it in units}
    asked = [it for it in units if home[it] == 0]
    assert competitor(partitions, "7", partitions=(0,)).medals[0].gold == len(asked)
    # Every event is a slice of its own, and each of the first ones lets results come in.
    monkeypatch.setattr("streams.events._AT_ONCE", 1)
    monkeypatch.setattr("streams.events._SLICE", 0.0)
    news = [
        swum(asked[0], "7", "50", phase="final", version=2, status="withdrawn"),
        swum(asked[1], "8", "49", phase="final"),
        swum(asked[-1], "7", "50", phase="final", version=2, status="withdrawn"),
        swum(next(str(it) for it in range(100, 200)
                  if partition_of(key_of("swimming", str(it)), PARTITIONS) == 0), "7", "50"),
    ]  # fmt: skip

    question = CompetitorQuestion((0,), 100, competitor="7")

    async def ask() -> Any:
        details = Details(CATALOGUE, partitions.events)
        asking = asyncio.create_task(details.competitor(question))
        for result in news:
            for _ in range(3):
                await asyncio.sleep(0)
            assert not asking.done()
            partitions.put([result])
        return await asking

    told = asyncio.run(ask())

    assert told.offsets[0].offset == partitions.states[0].offset
    assert told == competitor(partitions, "7", partitions=(0,))
    assert len(told.results) == len(asked) - 2 + 1
    assert sum(it.gold for it in told.medals) == len(asked) - 3


def competitors(worker: Partitions, name: str, **fields: Any) -> Any:
    details = Details(CATALOGUE, worker.events)
    asked = {"partitions": ALL, "limit": 100, "name": name, **fields}
    return asyncio.run(details.competitors(CompetitorsQuestion(**asked)))


def test_competitors_are_found_by_the_beginnings_of_their_names() -> None:
    partitions = Partitions(
        [
            *[swum(unit, "7", "21.25", name="Mária Ruiz") for unit in (FINAL, *HEATS)],
            swum(FINAL, "8", "21.30", name="Ruiz Menéndez", faculty="arts"),
            swum(FINAL, "9", "21.40", name="Ana Paz"),
            swum(HEATS[0], "7", "30.00", name="Mária Ruiz", faculty="arts", status="unofficial"),
            swum(HEATS[1], "70", "22.00"),
            swum("gone", "71", "22.00", name="Ruina", status="withdrawn", version=2),
            swum("100 m ruby", "72", "60.00", name="Eva"),
        ]
    )

    def found(name: str, **fields: Any) -> list[tuple[str, str | None, str]]:
        told = competitors(partitions, name, **fields)
        assert len(told.offsets) == PARTITIONS
        return [(it.competitor, it.name, it.faculty) for it in told.competitors]

    assert found("RUIZ maria") == [("7", "Mária Ruiz", "law")]
    assert found("ru") == [("7", "Mária Ruiz", "law"), ("8", "Ruiz Menéndez", "arts")]
    # Words of two people, of an event, and none.
    assert found("ruiz paz") == found("free") == found("ruby") == found("-") == []
    assert found("70") == [("70", None, "law")]
    assert competitors(partitions, "ru").more is False
    assert found("ru", limit=1) == [("7", "Mária Ruiz", "law")]
    assert competitors(partitions, "ru", limit=1).more is True


def test_of_many_who_are_called_so_a_few_are_sorted_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []

    def first_of(called: Any, limit: int) -> Any:
        sizes.append(len(called))
        return _first_of(called, limit)

    monkeypatch.setattr("streams.details._first_of", first_of)
    names = [f"Ana {number:04}" for number in reversed(range(SLICE + 50))]
    swimmers = [swum(FINAL, name[4:], "21.25", name=name) for name in names]
    partitions = Partitions([*swimmers, swum(HEATS[0], "a", "21.25", name="Ana 0001 Paz")])

    told = competitors(partitions, "ana", limit=4)

    expected = ["Ana 0000", "Ana 0001", "Ana 0001 Paz", "Ana 0002"]
    assert ([it.name for it in told.competitors], told.more) == (expected, True)
    assert max(sizes) <= 5 + SLICE


def test_people_are_looked_for_in_some_events_only(monkeypatch: pytest.MonkeyPatch) -> None:
    partitions = Partitions([swum(it, it[-5], "21.25", name=f"Ana {it[-5]}") for it in HEATS])
    assert competitors(partitions, "ana").more is False
    monkeypatch.setattr("streams.details.EVENTS_WITH_NAMES", 1)

    told = competitors(partitions, "ana")

    held = {partition_of(key_of("swimming", it), PARTITIONS) for it in HEATS}
    assert (len(told.competitors), told.more) == (len(held), True)
