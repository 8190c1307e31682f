"""The OpenAPI document: what the HTTP interface is, for people and for generators of clients."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.pages import LAST_PLACE, MOST_PLACES
from contracts.snapshot import COUNTS
from gateway.http import openapi_events, openapi_units
from gateway.outcome import LISTED
from gateway.paths import OWN, RecordPath
from gateway.reading.details import COMPETITORS_PARAMETERS, MOST_UNITS, PARAMETERS
from gateway.reading.events import EVENTS_PARAMETERS, MEDALLISTS_PARAMETERS, MOST
from gateway.settings import GatewaySettings
from olympics.entry import ENTRY_ID_LENGTH
from olympics.entry import NAMES as ENTRY_NAMES
from olympics.result import (
    COMPETITOR_LENGTH,
    IRM_LENGTH,
    MAX_AGE,
    MAX_FIRST_VERSION,
    MAX_RANK,
    MAX_VERSION,
    NAME_LENGTH,
    UNIT_LENGTH,
)
from weather.report import (
    DESCRIPTION_LENGTH,
    HIGHEST_TEMPERATURE,
    ID_LENGTH,
    LATEST,
    LOWEST_TEMPERATURE,
    MUNICIPALITIES,
    PLACE_LENGTH,
    WEATHER_LENGTH,
    WEATHERS,
)
from weather.report import NAMES as REPORT_NAMES

Schema = dict[str, Any]

_JSON: Final = "application/json"
_LINES: Final = "application/x-ndjson"

_RESULT_EXAMPLE: Final = {
    "sport": "swimming",
    "unit": "100m breaststroke final",
    "phase": "final",
    "competitor": {"id": "8", "name": "Ana", "age": 20},
    "faculty": "engineering",
    "mark": "1:05.28",
}
_ENTRY_EXAMPLE: Final = {
    "student": "Alvaro García",
    "age": 20,
    "faculty": "Ingeniería",
    "discipline": 1,
}
_TWEET_EXAMPLE: Final = {"description": "Está lloviendo", "country": "GT", "weather": "Lluvioso"}
_REPORT_EXAMPLE: Final = {
    "municipality": "mixco",
    "temperature": 22.5,
    "humidity": 60,
    "weather": "rainy",
}
_COURSE_EXAMPLE: Final = {"student": "Alvaro García", "age": 20, "discipline": 1}


def openapi_document(settings: GatewaySettings, paths: Mapping[str, RecordPath]) -> bytes:
    """Return the document, OpenAPI 3.1 in JSON, with the limits of *settings*.

    *paths* are those that take records.
    """
    return msgspec.json.encode(_document(settings, paths))


def _document(settings: GatewaySettings, paths: Mapping[str, RecordPath]) -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Medallero gateway",
            "version": "1",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": (
                "Raw results in, live standings out. A 202 (200 on the course's paths) means that "
                "every accepted record is on Kafka, acknowledged by all in-sync replicas; nothing "
                "is answered before that. "
                "Paths are compared without case, accents and a slash at the end. "
                "Every answer carries X-Request-ID: the client's own, if it sent one."
            ),
        },
        "paths": _paths(settings, paths),
        "components": {
            "schemas": _schemas(),
            "parameters": _parameters(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Says who sends, and what: the operator gives it out.",
                }
            },
        },
    }


def _paths(settings: GatewaySettings, record_paths: Mapping[str, RecordPath]) -> Schema:
    paths: Schema = {
        path: {"post": _of_records(settings, path, it)} for path, it in record_paths.items()
    }
    if settings.weather_writers:
        paths["/readyz/weather"] = {
            "get": _get(
                "getWeatherReadiness",
                "Weather reports are really taken. /readyz does not depend on this.",
                "Status",
            )
        }
    paths |= {
        "/v1/standings": {
            "get": _get("getStandings", "The standings, one consistent snapshot", "Standings")
        },
        "/v1/stream": {
            "get": _get_text(
                "getStream",
                "Server-sent events: standings (the body of /v1/standings, when it changed), "
                "latest (that of /v1/latest, when something else is told), rates (pairs of Unix "
                "seconds and results a second), alive (every two seconds: the data's age in "
                "seconds, whether Redis can be read, and, if the results topic was made again in "
                "this epoch, the problem)",
                "text/event-stream",
            )
        },
        "/v1/catalogue": {
            "get": _get("getCatalogue", "The sports and faculties", "Catalogue", away=False)
        },
        "/v1/latest": {"get": _get("getLatest", "The last changes, the newest first", "Latest")},
        "/v1/events": {
            "get": _search(
                "getEvents",
                "Races, bouts and heats, finals first: who leads, and who has which medal",
                "Events",
                EVENTS_PARAMETERS,
            )
        },
        "/v1/medallists": {
            "get": _search(
                "getMedallists",
                "Who won the medals of the medal table, gold first",
                "Medallists",
                MEDALLISTS_PARAMETERS,
            )
        },
        "/v1/events/{sport}/{event}": {
            "get": _found(
                "getEvent",
                "An event with the results, the medals and the last changes of its units",
                "Event",
                [
                    _path_parameter("sport", "Name, code, number or alias", "swimming"),
                    _path_parameter(
                        "event", "A unit, or what the ODF codes of units share", "SWMM50MFR"
                    ),
                ],
                MOST_UNITS,
            )
        },
        "/v1/competitors": {
            "get": _search(
                "getCompetitors",
                "Who is called so",
                "Competitors",
                COMPETITORS_PARAMETERS,
            )
        },
        "/v1/competitors/{competitor}": {
            "get": _found(
                "getCompetitor",
                "All results and medals that have this competitor id",
                "Competitor",
                [_path_parameter("competitor", "The id that results carry", "1946161")],
                MOST,
            )
        },
        "/v1/faculties/{faculty}": {
            "get": _found(
                "getFaculty",
                "A faculty: its rank, its sports, and whose its medals are",
                "Faculty",
                [_path_parameter("faculty", "Name or alias", "engineering")],
                MOST,
            )
        },
        "/v1/units/{sport}/{unit}": {
            "get": _get("getUnit", "The ranking of one event unit, or a page of it", "Unit")
            | {
                "parameters": [
                    _path_parameter("sport", "Name, code, number or alias", "swimming"),
                    _path_parameter(
                        "unit", "The unit; slashes may stand as they are", "100m final"
                    ),
                    _query_parameter(
                        "from", "The page's first place, counted from 0", 0, 0, LAST_PLACE
                    ),
                    _query_parameter(
                        "limit", "The page's places at most", MOST_PLACES, 1, MOST_PLACES
                    ),
                ]
            }
        },
        **openapi_units.paths(_get, _answer),
        "/healthz": {"get": _get("getHealth", "The process is alive", "Status", away=False)},
        "/readyz": {
            "get": _get(
                "getReadiness",
                "Kafka really takes records. Does not depend on Redis, which is only read.",
                "Status",
            )
        },
        "/metrics": {
            "get": _get_text("getMetrics", "Metrics in Prometheus' text format", "text/plain")
        },
        "/openapi.json": {"get": _get_text("getOpenapi", "This document", _JSON)},
    }
    paths["/"]["get"] = _get_text("getPage", "The page for people", "text/html")
    paths["/v1/stream"]["get"]["responses"]["429"] = _answer(
        "There are as many viewers as allowed", "Error", retry=True
    )
    paths["/v1/units/{sport}/{unit}"]["get"]["responses"] |= {
        "400": _answer("from or limit is no number that it may be", "Error"),
        "404": _answer("No such sport, or no results of that unit", "Error"),
    }
    return paths


def _of_records(settings: GatewaySettings, path: str, it: RecordPath) -> Schema:
    own = path in OWN
    if it.kind == "result":
        summary = "Submit results"
        description = (
            "One result, an array of results, or NDJSON. Sending a result again changes "
            "nothing; a higher version replaces a lower one."
        )
        example: Schema = _RESULT_EXAMPLE
    elif it.kind == "entry":
        summary = f"Submit entries of {it.faculty}" if it.faculty else "Submit entries"
        description = (
            "One entry, an array of entries, or NDJSON. A fair coin, a function of the entry's "
            "id, settles each."
        )
        if it.faculty:
            description += f" Entries without a faculty are of {it.faculty}."
        if it.nameless:
            description += " The student may be absent."
        example = _ENTRY_EXAMPLE if it.faculty is None else _COURSE_EXAMPLE
    else:
        summary = "Submit weather reports"
        description = (
            "One report, an array of reports, or NDJSON. An accepted report is wherever this "
            f"gateway puts them: {settings.weather_writers.replace(',', ' and ')}."
        )
        example = _REPORT_EXAMPLE if own else _TWEET_EXAMPLE
    if not own:
        description += " For clients that know this path; /v1/ has the same."
    words = re.findall("[a-z0-9]+", path.removeprefix("/v1"))
    operation = f"post{''.join(map(str.title, words))}" if words else "postRoot"
    item = it.kind.title()
    return _post(settings, operation, summary, description, item, example, it.status)


def _post(
    settings: GatewaySettings,
    operation: str,
    summary: str,
    description: str,
    item: str,
    example: Schema,
    status: int,
) -> Schema:
    item_schema = {"$ref": f"#/components/schemas/{item}"}
    parameters = [
        {"$ref": f"#/components/parameters/{name}"}
        for name in ("RequestId", "Traceparent", "Tracestate")
    ]
    if item != "Result":
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return {
        "operationId": operation,
        "summary": summary,
        "description": description,
        "parameters": parameters,
        # A token, or none where the gateway asks for none.
        "security": [{"token": []}, {}],
        "requestBody": {
            "required": True,
            "description": (
                f"JSON up to {settings.max_body} bytes; lines of NDJSON up to "
                f"{settings.max_line} bytes each, as many as you like. UTF-8. Content-Encoding "
                "gzip or deflate; the limits hold after decompression. Without a Content-Type "
                "the body is read as JSON."
            ),
            "content": {
                _JSON: {
                    "schema": {"oneOf": [item_schema, {"type": "array", "items": item_schema}]},
                    "example": example,
                },
                _LINES: {"schema": {"type": "string", "description": f"one {item} a line"}},
            },
        },
        "responses": {
            str(status): _answer("All, or some, records are accepted", "Outcome"),
            "400": _answer("Not JSON, a broken body, or an empty Idempotency-Key", "Error"),
            "401": _unauthorised(),
            "403": _answer("The token is wrong, or has expired", "Error"),
            "408": _answer("The body came too slowly; try again", "Error", retry=True),
            "413": _answer(
                "The JSON body, or a line of NDJSON, is too large. Of NDJSON, the records before "
                "that line are accounted for in the answer; a retry does no harm",
                "PartialError",
            ),
            "415": _answer("Another type or encoding than those above", "Error"),
            "422": _answer("No record is accepted, all are bad", "Outcome"),
            "429": _answer("Too much in flight; try again", "Error", retry=True),
            "503": _answer(
                "Kafka (or RabbitMQ) cannot take the records in time, or the outcome of any of "
                "them is unknown. A retry is safe for results, and for whatever carries an id",
                "PartialError",
                retry=True,
            ),
        },
    }


def _unauthorised() -> Schema:
    answer = _answer("A token is needed", "Error")
    answer["headers"]["WWW-Authenticate"] = {
        "description": "Bearer",
        "schema": {"type": "string"},
    }
    return answer


def _get(operation: str, summary: str, schema: str, *, away: bool = True) -> Schema:
    responses = {"200": _answer(summary, schema)}
    if away:
        responses["503"] = _answer("Not now; try again", "Error", retry=True)
    return {"operationId": operation, "summary": summary, "responses": responses}


def _search(operation: str, summary: str, schema: str, parameters: Sequence[str]) -> Schema:
    found = _get(operation, summary, schema)
    found["parameters"] = openapi_events.parameters(parameters)
    found["responses"]["400"] = _answer("A parameter is wrong; the answer says which", "Error")
    found["responses"]["429"] = _answer("Many ask for other things; try again", "Error", retry=True)
    return found


def _found(operation: str, summary: str, schema: str, names: list[Schema], most: int) -> Schema:
    found = _search(operation, summary, schema, PARAMETERS)
    limit = found["parameters"][0]["schema"]
    found["parameters"][0]["schema"] = limit | {"maximum": most}
    found["parameters"] = [*names, *found["parameters"]]
    found["responses"]["404"] = _answer("There is none of this name", "Error")
    return found


def _get_text(operation: str, summary: str, media: str) -> Schema:
    schema = {"type": "object"} if media == _JSON else {"type": "string"}
    answer = {"description": summary, "content": {media: {"schema": schema}}}
    return {"operationId": operation, "summary": summary, "responses": {"200": answer}}


def _answer(description: str, schema: str, *, retry: bool = False) -> Schema:
    headers: Schema = {
        "X-Request-ID": {"description": "names this request", "schema": {"type": "string"}}
    }
    if retry:
        headers["Retry-After"] = {"description": "seconds", "schema": {"type": "integer"}}
    content = {_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "headers": headers, "content": content}


def _path_parameter(name: str, description: str, example: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }


def _query_parameter(
    name: str, description: str, default: int, lowest: int, highest: int
) -> Schema:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {
            "type": "integer",
            "minimum": lowest,
            "maximum": highest,
            "default": default,
        },
    }


def _parameters() -> Schema:
    return {
        "RequestId": {
            "name": "X-Request-ID",
            "in": "header",
            "description": "Up to 128 visible ASCII characters; returned in the answer.",
            "schema": {"type": "string", "maxLength": 128},
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": (
                "Makes a retry safe for entries and reports without an id: it becomes the id of a "
                "single item; of the items of an array, and of lines, it is key#index."
            ),
            "schema": {"type": "string", "minLength": 1},
        },
        "Traceparent": _trace_parameter("traceparent", 55),
        "Tracestate": _trace_parameter("tracestate", 512),
    }


def _trace_parameter(name: str, length: int) -> Schema:
    return {
        "name": name,
        "in": "header",
        "description": "W3C Trace Context: goes onto the Kafka records. Malformed, it is left out.",
        "schema": {"type": "string", "maxLength": length},
    }


def _schemas() -> Schema:
    count = {"type": "integer", "minimum": 0}
    counts = dict.fromkeys(COUNTS, count)
    text = {"type": "string"}
    text_or_null = {"type": ["string", "null"]}
    outcome: Schema = {
        "accepted": count | {"description": "records that are held for good"},
        "minted": {
            "type": "array",
            "maxItems": LISTED,
            "description": "ids that entries and reports without one were given; the first "
            f"{LISTED}",
            "items": _object({"index": count, "id": text}),
        },
        "rejected_count": count,
        "rejected": {
            "type": "array",
            "maxItems": LISTED,
            "description": f"the first {LISTED}; index counts from 0: place in the array, or line",
            "items": _object({"index": count, "id": text_or_null, "field": text, "error": text}),
        },
    }
    error: Schema = {
        "error": text | {"description": "for people"},
        "code": text | {"description": "for programs: not_json, too_large, unavailable …"},
        "retryable": {"type": "boolean"},
        "request_id": text,
        "field": text | {"description": "the parameter that is wrong, if it is one"},
    }
    always = [name for name in error if name != "field"]
    row: Schema = {
        "rank": {"type": ["integer", "null"]},
        "competitor": text,
        "name": text_or_null,
        "faculty": text,
        "mark": text_or_null | {"description": "exact: three decimals, times in seconds"},
        "mark_text": text_or_null | {"description": "for people, such as 1:02.41"},
        "outcome": text_or_null,
        "irm": text_or_null,
        "medal": text_or_null,
        "split": text_or_null,
        "status": text,
        "version": count,
    }
    titles: Schema = {
        "type": "object",
        "description": "by language, two letters",
        "additionalProperties": text,
    }
    order: Schema = {"enum": ["lower", "higher", "head-to-head"]}
    day: Schema = {"type": ["string", "null"], "format": "date"}
    names: Schema = {
        "name": text,
        "title": text,
        "titles": titles,
        "aliases": {"type": "array", "items": text},
    }
    return {
        "Result": _result(),
        "Entry": _entry(),
        "Report": _report(),
        "Outcome": _object(outcome),
        "Error": _object(error, always),
        "PartialError": _object(error, always)
        | {"properties": error | outcome, "description": "the counts are there for NDJSON only"},
        "Status": _object({"status": {"enum": ["alive", "ready"]}}),
        "Standings": _object(
            {
                "state": {
                    "enum": ["empty", "live", "stale"],
                    "description": "stale: the age is above ten seconds",
                },
                "age": {
                    "type": ["number", "null"],
                    "description": "seconds since the partition that was silent for longest was "
                    "heard of",
                },
                "meta": {
                    "type": ["object", "null"],
                    "description": "`next_revision` above 0: a change of the rules is under way, "
                    "and `next_partitions` partitions have the new ones; `older_partitions` above "
                    "0: so many are counted by older rules alone, and stand still",
                },
                "medal_table": {
                    "type": "array",
                    "items": _object({"rank": count, "faculty": text, "total": count, **counts}),
                },
                "sports": {"type": "array", "items": _object({"sport": text, **counts})},
                "pairs": {
                    "type": "array",
                    "items": _object({"sport": text, "faculty": text, **counts}),
                },
            }
        ),
        "Catalogue": _object(
            {
                "revision": count,
                "games": _object(
                    {
                        "title": text_or_null,
                        "titles": titles,
                        "begins": day,
                        "ends": day,
                        "place": text_or_null,
                    }
                ),
                "sports": {
                    "type": "array",
                    "items": _object(
                        {
                            **names,
                            "code": text,
                            "number": {"type": ["integer", "null"]},
                            "order": order,
                            "two_bronzes": {"type": "boolean"},
                        }
                    ),
                },
                "faculties": {
                    "type": "array",
                    "items": _object(
                        {
                            **names,
                            "short": text_or_null,
                            "colour": text_or_null | {"description": "#rrggbb"},
                        }
                    ),
                },
            }
        ),
        **openapi_events.schemas(_object),
        **openapi_units.schemas(_object),
        "Unit": _object(
            {
                "sport": text,
                "unit": text,
                "title": text_or_null
                | {"description": "the catalogue's; else what an ODF code says"},
                "titles": titles,
                "event": text_or_null
                | {"description": "the event's code, if the unit is an ODF code"},
                "stage": text_or_null | {"description": "heat, semi-final …, of an ODF code"},
                "stages": titles,
                "phase": text_or_null,
                "order": order,
                "recognised": {
                    "type": "boolean",
                    "description": "false: the sport's catalogue says how units rank, and none of "
                    "its patterns matches this one, which ranks as the sport does",
                },
                "offset": {
                    "type": "integer",
                    "description": "all results of its partition before this offset are in it",
                },
                "digest": text
                | {
                    "description": "the same on all pages of one ranking; where it differs, the "
                    "ranking changed in between"
                },
                "total": {"type": "integer", "description": "the places of all pages"},
                "from": {"type": "integer", "description": "the first of these places, from 0"},
                "next": {
                    "type": ["integer", "null"],
                    "description": "the next page's from; null: this page is the last",
                },
                "rows": {"type": "array", "items": _object(row)},
            }
        ),
    }


def _object(properties: Schema, required: list[str] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }


def _result() -> Schema:
    properties: Schema = {
        "id": {"type": ["string", "integer"], "description": "echoed in rejections, not stored"},
        "sport": {
            "type": ["string", "integer"],
            "description": "name, code, number or alias; absent if the unit is an ODF code",
        },
        "unit": {
            "type": "string",
            "minLength": 1,
            "maxLength": UNIT_LENGTH,
            "description": "the race, bout or heat; an ODF code (RSC) gives sport and phase",
        },
        "phase": {"enum": ["round", "semifinal", "final", "bronze", "other"]},
        "competitor": _object(
            {
                "id": {"type": ["string", "integer"], "maxLength": COMPETITOR_LENGTH},
                "name": {"type": "string", "maxLength": NAME_LENGTH},
                "age": {"type": "integer", "minimum": 0, "maximum": MAX_AGE},
            },
            ["id"],
        ),
        "faculty": {"type": "string", "description": "name or alias"},
        "mark": {
            "type": ["string", "number"],
            "description": "[[h:]m:]s[.ffff] or a decimal, also with a comma; above 0 if a time",
            "examples": ["55.78", "3:10.61", "2:06:26", 8.35, "276.7867"],
        },
        "outcome": {"enum": ["won", "lost", "tied"]},
        "rank": {"type": "integer", "minimum": 1, "maximum": MAX_RANK},
        "irm": {"type": "string", "maxLength": IRM_LENGTH, "examples": ["DNS", "DSQ"]},
        "medal": {"enum": ["gold", "silver", "bronze", "none"]},
        "status": {"enum": ["official", "unofficial", "withdrawn"], "default": "official"},
        "version": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_VERSION,
            "default": 1,
            "description": f"above {MAX_FIRST_VERSION} only beside replaces",
        },
        "replaces": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_VERSION - 1,
            "description": "of a correction: the version that it replaces; not stored",
        },
    }
    return _object(properties, ["unit", "competitor", "faculty"]) | {
        "description": "at least one of mark, outcome, rank, irm and medal, unless withdrawn",
        "additionalProperties": False,
    }


def _also(field: str) -> str:
    return ", ".join(name for name in ENTRY_NAMES[field] if name != field)


def _entry() -> Schema:
    properties: Schema = {
        "id": {
            "type": ["string", "integer"],
            "maxLength": ENTRY_ID_LENGTH,
            "description": "makes a retry safe",
        },
        "student": {
            "type": "string",
            "maxLength": NAME_LENGTH,
            "description": f"also: {_also('student')}; the fields of an entry in any case",
        },
        "age": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_AGE,
            "description": f"also: {_also('age')}",
        },
        "faculty": {
            "type": "string",
            "description": f"also: {_also('faculty')}; the path's stands in for an absent one",
        },
        "discipline": {
            "type": ["string", "integer"],
            "description": f"also: {_also('discipline')}",
        },
    }
    return _object(properties, []) | {
        "description": "a student, a discipline, and a faculty of its own or the path's"
    }


def _report() -> Schema:
    def also(field: str) -> str:
        return ", ".join(name for name in REPORT_NAMES[field] if name != field)

    def number(field: str, unit: str, lowest: int, highest: int) -> Schema:
        return {
            "type": ["number", "string"],
            "minimum": lowest,
            "maximum": highest,
            "description": f"{unit}; kept to hundredths; text may have a decimal comma; "
            f"also: {also(field)}",
        }

    def numbered(names: Sequence[str], longest: int, description: str) -> Schema:
        listed = ", ".join(f"{place} {name}" for place, name in enumerate(names, 1))
        return {
            "type": ["string", "integer"],
            "minLength": 1,
            "maxLength": longest,
            "minimum": 1,
            "maximum": len(names),
            "description": f"{description}; numbers: {listed}",
        }

    properties: Schema = {
        "id": {
            "type": ["string", "integer"],
            "maxLength": ID_LENGTH,
            "description": "makes a retry safe",
        },
        "country": {
            "type": "string",
            "minLength": 1,
            "maxLength": PLACE_LENGTH,
            "description": f"a code such as GT, or a name; also: {also('country')}; "
            "the fields of a report, but for id, in any case",
        },
        "municipality": numbered(
            MUNICIPALITIES, PLACE_LENGTH, f"instead of a country; also: {also('municipality')}"
        ),
        "weather": numbered(WEATHERS, WEATHER_LENGTH, f"also: {also('weather')}"),
        "description": {
            "type": "string",
            "maxLength": DESCRIPTION_LENGTH,
            "description": f"also: {also('description')}",
        },
        "temperature": number("temperature", "°C", LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE),
        "humidity": number("humidity", "%", 0, 100),
        "at": {
            "type": ["integer", "string"],
            "minimum": 0,
            "maximum": LATEST,
            "description": "when it was so, Unix milliseconds or RFC 3339 with an offset; absent: "
            "when the gateway received it",
        },
    }
    return _object(properties, ["weather"]) | {
        "description": "exactly one of country and municipality",
        "additionalProperties": False,
    }
