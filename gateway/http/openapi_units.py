"""The part of the OpenAPI document about what officials do with a unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, get_args

from contracts.unit_log import Fate
from gateway.http.unit_requests import LARGEST, MOST_RESULTS, MOST_UNITS
from olympics.events import MEDALS

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_JSON: Final = "application/json"
_SECURITY: Final[list[Schema]] = [{"token": []}, {}]


def paths(get: Callable[..., Schema], answer: Callable[..., Schema]) -> Schema:
    """Return the paths; *get* makes an operation that reads, *answer* one of its answers."""
    refusals = {
        "401": answer("A token is needed", "Error"),
        "403": answer("The token is wrong, has expired, or may not send results", "Error"),
        "413": answer("More than a request may hold, or than this unit may have", "Error"),
        "429": answer("Too busy, or too fast; try again", "Error", retry=True),
        "503": answer("Kafka cannot be read or written now; try again", "Error", retry=True),
    }
    of_bodies = {
        "400": answer("Not JSON, or another object than expected", "Error"),
        "408": answer("The body came too slowly; try again", "Error", retry=True),
        "415": answer("Another type or encoding than JSON", "Error"),
    }
    history = get("getHistory", "Every version of a unit's results: when, and by whom", "History")
    history["security"] = _SECURITY
    history["parameters"] = [
        _path_parameter("sport", "Name, code, number or alias"),
        _path_parameter("unit", "The unit; slashes may stand as they are"),
    ]
    history["responses"] |= refusals | {
        "404": answer("No such sport, or no results of that unit", "Error")
    }
    results = {"type": "array", "maxItems": MOST_RESULTS, "items": _of("Result")}
    preview = {
        "type": "object",
        "properties": {
            "results": results,
            "beside": {
                "type": "boolean",
                "default": False,
                "description": "true: rank them beside what is there now",
            },
        },
        "required": ["results"],
        "additionalProperties": False,
    }
    change = {
        "oneOf": [
            _of("Change"),
            {"type": "array", "maxItems": MOST_RESULTS, "items": _of("Change")},
        ]
    }
    return {
        "/v1/history/{sport}/{unit}": {"get": history},
        "/v1/preview": {
            "post": {
                "operationId": "postPreview",
                "summary": "Rankings and medals as results would make them; nothing is written",
                "security": _SECURITY,
                "requestBody": _body(preview),
                "responses": {"200": answer("What they would do", "Preview")}
                | of_bodies
                | refusals,
            }
        },
        "/v1/changes": {
            "post": {
                "operationId": "postChanges",
                "summary": "Replace results, if what they replace is still there",
                "description": (
                    "All of the request or nothing. A change is always the next version of the one "
                    "that it replaces. To send it again does no harm."
                ),
                "security": _SECURITY,
                "requestBody": _body(change),
                "responses": {
                    "202": answer("All are written", "Outcome"),
                    "409": answer(
                        "Somebody else has changed some; the answer has what is there now. Unless "
                        "accepted says otherwise nothing is written",
                        "Changed",
                    ),
                    "422": answer("Some are bad; nothing is written", "Outcome"),
                }
                | of_bodies
                | refusals,
            }
        },
    }


def schemas(an_object: Callable[..., Schema]) -> Schema:
    """Return the schemas; *an_object* makes one of its properties, all of them required."""
    place = an_object(
        {
            "partition": _COUNT,
            "offset": _COUNT,
            "timestamp": _COUNT | {"description": "milliseconds since 1970"},
            "sender": _TEXT_OR_NULL | {"description": "the name of the token"},
        }
    )
    version = an_object(
        {
            "result": _of("Result"),
            "digest": _TEXT | {"description": "of its bytes: of two equals the greater survives"},
            "fate": {"enum": list(get_args(Fate))},
            "conflict": {
                "type": "boolean",
                "description": "another content has the surviving version and status, too",
            },
            "records": {"type": "array", "items": place},
        }
    )
    error: Schema = {
        "error": _TEXT,
        "code": _TEXT,
        "retryable": {"type": "boolean"},
        "request_id": _TEXT,
    }
    changed = {
        "type": "array",
        "items": an_object(
            {
                "index": _COUNT,
                "replaces": _COUNT,
                "now": {"oneOf": [_of("Version"), {"type": "null"}]},
            }
        ),
    }
    rejected = an_object({"index": _COUNT, "id": _TEXT_OR_NULL, "field": _TEXT, "error": _TEXT})
    moved = {"type": "integer"}
    return {
        "Version": version,
        "History": an_object(
            {
                "sport": _TEXT,
                "unit": _TEXT,
                "partition": _COUNT,
                "end": _COUNT | {"description": "all records before this offset are in it"},
                "competitors": {
                    "type": "object",
                    "description": "by id: the versions, the surviving one first",
                    "additionalProperties": {"type": "array", "items": _of("Version")},
                },
                "refused": {
                    "type": "array",
                    "description": "records that are no results",
                    "items": an_object({"place": place, "error": _TEXT}),
                },
            }
        ),
        "Change": an_object({"replaces": _COUNT, "unit": _TEXT, "competitor": {"type": "object"}})
        | {
            "description": "a result with all its fields; replaces 0: there is none yet. The "
            "version is always the next one"
        },
        "Changed": an_object(
            {**error, "changed": changed, "accepted": _COUNT}, [*error, "changed"]
        ),
        "Preview": an_object(
            {
                "units": {
                    "type": "array",
                    "items": an_object(
                        {
                            "now": {"oneOf": [_of("Ranking"), {"type": "null"}]},
                            "after": _of("Ranking"),
                        }
                    ),
                },
                "medals": {
                    "type": "array",
                    "description": "what faculties gain or lose",
                    "items": an_object({"faculty": _TEXT, **dict.fromkeys(MEDALS, moved)}),
                },
                "rejected_count": _COUNT,
                "rejected": {"type": "array", "items": rejected},
                "changed": changed,
                "sender": _TEXT_OR_NULL | {"description": "the name of the token that asks"},
            }
        ),
        "Ranking": {"type": "object", "description": "a Unit without its offset"},
    }


def _of(schema: str) -> Schema:
    return {"$ref": f"#/components/schemas/{schema}"}


def _body(schema: Schema) -> Schema:
    return {
        "required": True,
        "description": (f"up to {LARGEST} bytes, {MOST_RESULTS} results and {MOST_UNITS} units"),
        "content": {_JSON: {"schema": schema}},
    }


def _path_parameter(name: str, description: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": _TEXT,
    }
