"""The part of the OpenAPI document about events and medallists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, get_args

from contracts.events import LEADERS
from contracts.latest import CHANGE_LEADERS, LATEST
from gateway.events import DEFAULT, LONGEST_TEXT, MOST, STATES
from olympics.changes import WHATS
from olympics.events import MEDALS, PHASES
from olympics.words import Outcome

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}


def parameters(names: Sequence[str]) -> list[Schema]:
    """Return the parameters that have these names."""
    return [{"name": name, "in": "query", "required": False, **_PARAMETERS[name]} for name in names]


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
    leaders = {
        "type": "array",
        "maxItems": LEADERS,
        "description": "who has a medal; else who won; else who is first",
        "items": an_object(placed),
    }
    return {
        "Events": an_object(
            {
                "events": {
                    "type": "array",
                    "items": an_object(
                        {
                            **event,
                            "state": state,
                            "results": _COUNT,
                            "conflicts": conflicts,
                            "leaders": leaders,
                        }
                    ),
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
                "medallists": {"type": "array", "items": an_object({**event, **placed})},
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
