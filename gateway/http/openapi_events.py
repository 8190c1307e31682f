"""The part of the OpenAPI document about events, medallists, competitors and faculties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, get_args

from contracts.details import CHANGES, ROWS
from contracts.events import LEADERS
from contracts.latest import CHANGE_LEADERS, LATEST
from contracts.snapshot import COUNTS
from gateway.reading.details import MOST_UNITS
from gateway.reading.events import DEFAULT, LONGEST_TEXT, MOST, STATES
from olympics.changes import WHATS
from olympics.events import MEDALS, PHASES
from olympics.words import Order, Outcome

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}


def parameters(names: Sequence[str]) -> list[Schema]:
    """Return the parameters that have these names."""
    return [
        {"name": name, "in": "query", "required": name == "name", **_PARAMETERS[name]}
        for name in names
    ]


def schemas(an_object: Callable[[Schema], Schema]) -> Schema:
    """Return the schemas; *an_object* makes one of its properties, all of them required."""
    titles = {"type": "object", "additionalProperties": _TEXT, "description": "by language"}
    event: Schema = {
        "sport": _TEXT,
        "unit": _TEXT,
        "event": _TEXT_OR_NULL | {"description": "the event's code, if the unit is an ODF code"},
        "title": _TEXT_OR_NULL | {"description": "null: the unit is what people call it"},
        "titles": titles,
        "stage": _TEXT_OR_NULL | {"description": "heat, semi-final …, of an ODF code"},
        "stages": titles,
        "phase": {"enum": list(PHASES)},
    }
    placed: Schema = {
        "rank": {"type": ["integer", "null"]},
        "competitor": _TEXT,
        "name": _TEXT_OR_NULL,
        "faculty": _TEXT,
        "mark": _TEXT_OR_NULL | {"description": "exact: three decimals, times in seconds"},
        "mark_text": _TEXT_OR_NULL | {"description": "for people, such as 1:02.41"},
        "outcome": {"enum": [*get_args(Outcome), None]},
        "irm": _TEXT_OR_NULL,
        "medal": {"enum": [*MEDALS, None]},
    }
    complete: Schema = {
        "complete": {"type": "boolean", "description": "false: partitions are missing"},
        "missing": {"type": "array", "items": _COUNT},
        "offsets": {
            "type": "array",
            "description": "the answer counts all results before these",
            "items": an_object({"partition": _COUNT, "offset": _COUNT, "revision": _COUNT}),
        },
    }
    page: Schema = {
        "next": _TEXT_OR_NULL | {"description": "the cursor of what follows, if there is more"},
        **complete,
    }
    medals = {
        "type": "array",
        "items": an_object(
            {"sport": _TEXT, "faculty": _TEXT, **dict.fromkeys(MEDALS, _COUNT)},
        ),
    }
    state = {
        "enum": list(STATES),
        "description": "official: all results are; provisional: none is; running: some are",
    }
    conflicts = _COUNT | {
        "description": "results of which two contents have the surviving version and status"
    }
    result = {
        **placed,
        "split": {"enum": ["winner", "loser", "tie", "did_not_start", None]},
        "status": {"enum": ["official", "unofficial"]},
        "version": _COUNT,
    }
    change = {
        "competitor": _TEXT,
        "name": _TEXT_OR_NULL,
        "faculty": _TEXT,
        "status": {"enum": ["official", "unofficial", "withdrawn"]},
        "version": _COUNT,
        "offset": _COUNT | {"description": "in the unit's partition: the greater, the later"},
    }
    total = _COUNT | {"description": "all of them, not those of this answer alone"}
    medallists = {"type": "array", "items": an_object({**event, **placed})}
    leaders = {
        "type": "array",
        "maxItems": LEADERS,
        "description": "who has a medal; else who won; else who is first",
        "items": an_object(placed),
    }
    line: Schema = {
        **event,
        "state": state,
        "results": _COUNT,
        "conflicts": conflicts,
        "leaders": leaders,
    }
    unit: Schema = {
        **line,
        "order": {"enum": list(get_args(Order))},
        "recognised": {"type": "boolean", "description": "whether a pattern gives the order"},
        "rows": {
            "type": "array",
            "maxItems": ROWS,
            "description": "the first results; /v1/units has all",
            "items": an_object(result),
        },
        "changes": {
            "type": "array",
            "maxItems": CHANGES,
            "description": "results that replaced an earlier version, or were withdrawn, the last "
            "one first; of each competitor the last change alone, since workers keep no history",
            "items": an_object(change),
        },
    }
    return {
        "Event": an_object(
            {
                **{it: event[it] for it in ("sport", "event", "title", "titles", "phase")},
                "state": state
                | {"description": "of all units of this answer; running if they differ"},
                "units": {"type": "array", "maxItems": MOST_UNITS, "items": an_object(unit)},
                "total": total,
                **page,
            }
        ),
        "Competitor": an_object(
            {
                "competitor": _TEXT,
                "name": _TEXT_OR_NULL | {"description": "what most of the results say"},
                "faculty": _TEXT | {"description": "what most of the results say"},
                "named": {
                    "type": "array",
                    "description": "all that results say: ids such as 7 may be several people's",
                    "items": an_object(
                        {"name": _TEXT_OR_NULL, "faculty": _TEXT, "results": _COUNT}
                    ),
                },
                "medals": an_object(dict.fromkeys(MEDALS, _COUNT)),
                "results": {
                    "type": "array",
                    "items": an_object({**event, "state": state, "results": _COUNT, **result}),
                },
                "total": total,
                **page,
            }
        ),
        "Competitors": an_object(
            {
                "competitors": {
                    "type": "array",
                    "items": an_object(
                        {"competitor": _TEXT, "name": _TEXT_OR_NULL, "faculty": _TEXT}
                    ),
                },
                "more": {"type": "boolean", "description": "there may be others"},
                **complete,
            }
        ),
        "Faculty": an_object(
            {
                "faculty": _TEXT,
                "title": _TEXT,
                "titles": titles,
                "rank": {"type": ["integer", "null"], "description": "in the medal table"},
                "sports": {
                    "type": "array",
                    "description": "what the standings count; they may be a moment older",
                    "items": an_object({"sport": _TEXT, **dict.fromkeys(COUNTS, _COUNT)}),
                },
                "medallists": medallists,
                "medals": medals | {"description": "by sport"},
                "entries": medals | {"description": "of entries of the course, by sport"},
                **page,
            }
        ),
        "Events": an_object(
            {
                "events": {
                    "type": "array",
                    "items": an_object(line),
                },
                "total": _COUNT | {"description": "all that match, not those of this answer alone"},
                "entries": _COUNT
                | {"description": "entries of the course beside the events, which are not listed"},
                **page,
            }
        ),
        "Latest": an_object(
            {
                "latest": {
                    "type": "array",
                    "maxItems": LATEST,
                    "items": an_object(
                        {
                            **event,
                            "state": {
                                "enum": [*STATES, None],
                                "description": "null: all results are withdrawn",
                            },
                            "results": _COUNT,
                            "leaders": leaders | {"maxItems": CHANGE_LEADERS},
                            "change": {
                                "enum": list(WHATS),
                                "description": "what the last result that came did",
                            },
                            "changed": an_object(placed)
                            | {"description": "whose result that was, as it is now"},
                            "at": {
                                "type": "number",
                                "description": "when it came, in Unix seconds; 0: nobody knows",
                            },
                            "partition": _COUNT,
                            "offset": _COUNT | {"description": "of that result on the topic"},
                        }
                    ),
                },
                **complete,
            }
        ),
        "Medallists": an_object(
            {
                "medallists": medallists,
                "medals": medals
                | {"description": "of all that match, not those of this answer alone"},
                "entries": medals
                | {"description": "of entries of the course, whose winners are not listed"},
                **page,
            }
        ),
    }


_PARAMETERS: Final[dict[str, Schema]] = {
    "sport": {"description": "name, code, number or alias", "schema": _TEXT},
    "faculty": {"description": "name or alias", "schema": _TEXT},
    "phase": {"description": "what the event decides", "schema": {"enum": list(PHASES)}},
    "state": {"description": "whether it is over", "schema": {"enum": list(STATES)}},
    "text": {
        "description": "words, each of which begins a word of the event's title, code or sport, "
        "or of a competitor's name; case, accents and order do not matter",
        "schema": {"type": "string", "maxLength": LONGEST_TEXT},
    },
    "name": {
        "description": "words, each of which begins a word of the competitor's name",
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
    },
    "conflicts": {
        "description": "true: only events with results in conflict",
        "schema": {"enum": ["true"]},
    },
    "limit": {
        "description": "items of the answer",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT},
    },
    "cursor": {"description": "next of an earlier answer", "schema": _TEXT},
}
