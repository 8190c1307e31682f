"""*Standings*: what the games' public wants to know, from Redis alone.

It knows no sport and no faculty by name: both come from streams, and any catalogue is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from contracts.redis_keys import SnapshotKeys
from grafana.kinds import bar_gauge, bars, lines, stat, table
from grafana.model import (
    BLUE,
    BRONZE,
    GOLD,
    GREEN,
    GREY,
    ORANGE,
    RED,
    REDIS,
    SILVER,
    Dashboard,
    Json,
    Row,
    fixed,
    keep,
    limit,
    organize,
    query_variable,
    redis,
    rename,
    sort_by,
    steps,
    stream,
)

PREFIX: Final = "olympics:"
META: Final = f"{PREFIX}meta"
MEDAL_TABLE: Final = f"{PREFIX}medal_table"
SPORTS: Final = f"{PREFIX}sports"
HISTORY: Final = f"{PREFIX}history"
LATEST: Final = f"{PREFIX}latest"
MEDALLISTS: Final = f"{PREFIX}medallists"

#: How many faculties a chart of bars shows at most.
FACULTIES: Final = 20

#: How many of the latest changes are listed.
LATEST_RESULTS: Final = 20

#: What nobody should see of a row: ids of the stream, and the name beside the title.
_HIDDEN: Final = ("$streamId", "$time", "faculty", "sport")
_FACULTY: Final = {"title": "Faculty"}
_SPORT: Final = {"title": "Sport"}
_LATEST: Final = {"at": "When", "sport": "Sport", "event": "Event", "what": "Result"}
_CHOICE: Final = "/^(?<value>[^=]+)=(?<text>.+)$/"
_COUNTS: Final = (
    "gold",
    "silver",
    "bronze",
    "total",
    "entries",
    "winners",
    "losers",
    "ties",
    "did_not_start",
)
_MEDALS: Final = {"Gold": GOLD, "Silver": SILVER, "Bronze": BRONZE}
_NAMES: Final = {
    "rank": "Rank",
    "gold": "Gold",
    "silver": "Silver",
    "bronze": "Bronze",
    "total": "Total",
    "entries": "Entries",
    "winners": "Winners",
    "losers": "Losers",
    "ties": "Ties",
    "did_not_start": "Did not start",
}


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="medallero-standings",
        title="Medallero: standings",
        description="Medal table, winners and losers by sport and by faculty, as they are now",
        since="now-30m",
        empty="No results yet",
        variables=_variables(),
        content=(
            stat(
                "Results",
                "Results that the standings hold, of any status; entries are results, too.",
                redis("hget", META, field="results"),
                unit="locale",
                decimals=0,
            ),
            stat(
                "Results a second",
                "How fast results were counted between the last two entries of the history, which "
                "are five seconds apart.",
                redis("xrevrange", HISTORY, start="-", end="+", count=1),
                column="results_per_second",
                decimals=1,
            ),
            stat(
                "Leader",
                "The faculty that the medal table lists first.",
                stream(MEDAL_TABLE, 1),
                column="title",
                width=6,
                text=True,
            ),
            stat(
                "Last written",
                "When the standings were written last: every second, even if nothing changes. "
                "More than ten seconds ago means that nobody writes them.",
                redis("hmget", META, field="updated_at"),
                unit="dateTimeFromNow",
                transformations=(
                    {
                        "id": "calculateField",
                        "options": {
                            "mode": "binary",
                            "alias": "written",
                            "replaceFields": True,
                            "binary": {"left": "updated_at", "operator": "*", "right": "1000"},
                        },
                    },
                ),
            ),
            stat(
                "Provisional",
                "Unofficial results: shown as provisional, and counting for nothing until they "
                "are official.",
                redis("hget", META, field="provisional"),
                width=3,
                unit="locale",
                decimals=0,
            ),
            stat(
                "Conflicts",
                "Results with the same version and status but two contents: work for officials. "
                "`medallero doctor` lists them.",
                redis("hget", META, field="conflicts"),
                width=3,
                unit="locale",
                decimals=0,
                thresholds=steps(GREEN, (1, ORANGE)),
            ),
            table(
                "Medal table",
                "Every faculty in the order of the medal table: gold, then silver, then bronze; "
                "equal on all three share the rank.",
                stream(MEDAL_TABLE),
                transformations=(
                    organize("rank", "title", *_COUNTS, rename=_NAMES | _FACULTY, drop=_HIDDEN),
                ),
                fields=_medal_cells(),
                height=12,
            ),
            table(
                "Latest results",
                "The events that changed last, the newest first: who has which medal or is first, "
                "and after a correction, a disqualification or a withdrawal whose result it was.",
                stream(LATEST, LATEST_RESULTS),
                transformations=(
                    organize(
                        "at",
                        "sport",
                        "event",
                        "what",
                        rename=_LATEST,
                        drop=("$streamId", "$time", "item"),
                    ),
                ),
                fields={
                    "When": {"unit": "dateTimeFromNow", "custom.width": 140},
                    "Sport": {"custom.width": 160},
                    "Event": {"custom.width": 320},
                },
            ),
            table(
                "Medallists",
                "The medals of the events that changed last, the newest first.",
                stream(MEDALLISTS),
                transformations=(
                    organize(
                        "at",
                        "medal",
                        "name",
                        "faculty",
                        "sport",
                        "event",
                        rename=_LATEST | {"medal": "Medal", "name": "Name", "faculty": "Faculty"},
                        drop=("$streamId", "$time", "item"),
                    ),
                ),
                fields={
                    "When": {"unit": "dateTimeFromNow", "custom.width": 140},
                    "Medal": {"custom.width": 90},
                },
            ),
            Row("Faculties"),
            bar_gauge(
                "The ten first by medals",
                "Medals of the ten faculties that the medal table lists first.",
                stream(MEDAL_TABLE, 10),
                column="total",
                color=GOLD,
                transformations=_only("title", "total"),
            ),
            _by_faculty(
                "Medals by faculty",
                f"Gold, silver and bronze of the {FACULTIES} faculties that the medal table lists "
                "first.",
                ("gold", "silver", "bronze"),
                _MEDALS,
                stacked=True,
                ordered="",
            ),
            _by_faculty(
                "Students by faculty",
                "Entries by faculty: a student counts once in each event unit. The "
                f"{FACULTIES} faculties with the most.",
                ("entries",),
                {"Entries": BLUE},
            ),
            _by_faculty(
                "Winners by faculty",
                f"Entries that were won. The {FACULTIES} faculties with the most.",
                ("winners",),
                {"Winners": GREEN},
            ),
            _by_faculty(
                "Losers by faculty",
                f"Entries that were lost. The {FACULTIES} faculties with the most.",
                ("losers",),
                {"Losers": RED},
            ),
            Row("Sports"),
            _by_sport(
                "Winners and losers by sport",
                "Entries that were won, lost or tied in each sport.",
                ("winners", "losers", "ties"),
                {"Winners": GREEN, "Losers": RED, "Ties": GREY},
            ),
            _by_sport(
                "Medals by sport",
                "Medals that each sport has given so far.",
                ("gold", "silver", "bronze"),
                _MEDALS,
                stacked=True,
            ),
            bar_gauge(
                "Sports that the winners come from",
                "Winners in each sport, the most first.",
                stream(SPORTS),
                column="winners",
                width=12,
                transformations=(*_only("title", "winners"), sort_by("winners")),
            ),
            table(
                "Sports",
                "All counts of each sport, in the catalogue's order.",
                stream(SPORTS),
                transformations=(
                    organize(
                        "title",
                        "entries",
                        "winners",
                        "losers",
                        "ties",
                        "did_not_start",
                        "gold",
                        "silver",
                        "bronze",
                        rename=_NAMES | _SPORT,
                        drop=_HIDDEN,
                    ),
                ),
                width=12,
                height=9,
                fields={name: _cell(color) for name, color in _MEDALS.items()},
            ),
            Row("One faculty, one sport"),
            _all_counts(
                "The chosen faculty",
                "Rank and counts of the faculty that is chosen at the top.",
                f"{PREFIX}faculty:$faculty",
                "rank",
                "title",
                *_COUNTS,
                rename=_FACULTY,
            ),
            _all_counts(
                "The chosen sport",
                "Counts of the sport that is chosen at the top.",
                f"{PREFIX}sport:$sport",
                "title",
                *(it for it in _COUNTS if it != "total"),
                rename=_SPORT,
            ),
            _all_counts(
                "The chosen faculty in the chosen sport",
                "Counts of that faculty in that sport; empty without an entry.",
                f"{PREFIX}sport:$sport:faculty:$faculty",
                *(it for it in _COUNTS if it != "total"),
            ),
            lines(
                "Medals of the chosen faculty over time",
                "Its gold, silver and bronze; a correction can take one away.",
                redis("xrange", HISTORY, start="", end=""),
                transformations=(
                    keep(r"^(\$time|(${faculty})_(gold|silver|bronze))$"),
                    *(rename(f"^.+_{name.lower()}$", name) for name in _MEDALS),
                ),
                decimals=0,
                width=24,
                height=8,
                colors=_MEDALS,
            ),
            Row("Over time"),
            lines(
                "Gold medals over time",
                "Gold medals of the ten faculties that the medal table lists first, of those that "
                "have one; a correction can take one away.",
                redis("xrange", HISTORY, start="", end=""),
                transformations=(
                    keep(r"^(\$time|gold (${leaders:pipe}) .+)$"),
                    rename(r"^gold \S+ (.+)$", "$1"),
                ),
                decimals=0,
                width=12,
                height=9,
            ),
            lines(
                "Results a second over time",
                "How fast results are counted.",
                redis("xrange", HISTORY, start="", end=""),
                transformations=(
                    keep(r"^(\$time|results_per_second)$"),
                    rename("^results_per_second$", "Results a second"),
                ),
                width=12,
                height=9,
                colors={"Results a second": BLUE},
            ),
            lines(
                "Winners and losers over time",
                "Entries that were won and lost, in all sports.",
                redis("xrange", HISTORY, start="", end=""),
                transformations=(
                    keep(r"^(\$time|winners|losers)$"),
                    organize("$time", "winners", "losers", rename=_NAMES),
                ),
                decimals=0,
                width=12,
                height=9,
                colors={"Winners": GREEN, "Losers": RED},
            ),
            lines(
                "Results over time",
                "Results that the standings hold, and of these the provisional ones.",
                redis("xrange", HISTORY, start="", end=""),
                transformations=(
                    keep(r"^(\$time|results|provisional)$"),
                    organize(
                        "$time",
                        "results",
                        "provisional",
                        rename={"results": "Results", "provisional": "Provisional"},
                    ),
                ),
                decimals=0,
                width=12,
                height=9,
                colors={"Results": BLUE, "Provisional": GREY},
            ),
        ),
    )


def _variables() -> tuple[Json, ...]:
    keys = SnapshotKeys(PREFIX)
    return (
        query_variable(
            "faculty",
            "Faculty",
            "Of which one row of panels tells more",
            REDIS,
            f"SMEMBERS {keys.faculty_choices}",
            regex=_CHOICE,
        ),
        query_variable(
            "sport",
            "Sport",
            "Of which one row of panels tells more",
            REDIS,
            f"SMEMBERS {keys.sport_choices}",
            regex=_CHOICE,
        ),
        query_variable(
            "leaders",
            "Leaders",
            "The faculties that the medal table lists first",
            REDIS,
            f"SMEMBERS {keys.leaders}",
            several=True,
            hidden=True,
        ),
    )


def _all_counts(
    title: str,
    description: str,
    key: str,
    *names: str,
    rename: Mapping[str, str] | None = None,
) -> Any:
    """Return a hash as a table of one row."""
    return table(
        title,
        description,
        redis("hmget", key, field=" ".join(names)),
        transformations=(organize(*names, rename=_NAMES | dict(rename or {})),),
        fields={name: _cell(color) for name, color in _MEDALS.items()},
        height=4,
    )


def _by_faculty(
    title: str,
    description: str,
    counts: tuple[str, ...],
    colors: dict[str, str],
    *,
    stacked: bool = False,
    ordered: str | None = None,
) -> Any:
    """Return bars over faculties, by the first count unless they are ordered already."""
    column = _NAMES[counts[0]] if ordered is None else ordered
    return bars(
        title,
        description,
        stream(MEDAL_TABLE),
        x="Faculty",
        colors=colors,
        stacked=stacked,
        width=8,
        transformations=(
            *_only("title", *counts, rename=_NAMES | _FACULTY),
            *([sort_by(column)] if column else []),
            limit(FACULTIES),
        ),
    )


def _by_sport(
    title: str,
    description: str,
    counts: tuple[str, ...],
    colors: dict[str, str],
    *,
    stacked: bool = False,
) -> Any:
    return bars(
        title,
        description,
        stream(SPORTS),
        x="Sport",
        colors=colors,
        stacked=stacked,
        transformations=_only("title", *counts, rename=_NAMES | _SPORT),
    )


def _only(*names: str, rename: Mapping[str, str] | None = None) -> tuple[Json, ...]:
    """Return the transformations that keep these columns, in this order."""
    pattern = f"^({'|'.join(names)})$"
    named = rename or {}
    return (
        keep(pattern),
        organize(*names, rename={it: named[it] for it in names if it in named}),
    )


def _medal_cells() -> dict[str, dict[str, Any]]:
    gauge = {
        "custom.cellOptions": {"type": "gauge", "mode": "gradient", "valueDisplayMode": "text"}
    }
    return {
        "Rank": {"custom.width": 70},
        "Faculty": {"custom.minWidth": 160},
        **{name: _cell(color) for name, color in _MEDALS.items()},
        "Total": {**gauge, **fixed(BLUE), "min": 0},
    }


def _cell(color: str) -> dict[str, Any]:
    return {
        "custom.cellOptions": {"type": "color-background", "mode": "basic"},
        **fixed(color),
        "custom.width": 90,
        "custom.align": "center",
    }
