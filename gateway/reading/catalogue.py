"""The catalogue as the gateway tells it: what may be sent, and what it is called."""

from typing import Any

import msgspec

from olympics.catalogue import Catalogue, Faculty, Sport


def catalogue_document(catalogue: Catalogue) -> bytes:
    """Return the catalogue as JSON; its shape is in the OpenAPI document."""
    games = catalogue.games
    return msgspec.json.encode(
        {
            "revision": catalogue.revision,
            "games": {
                "title": games.title,
                "titles": dict(games.titles),
                "begins": games.begins,
                "ends": games.ends,
                "place": games.place,
            },
            "sports": [
                {
                    **_names(sport),
                    "code": sport.code,
                    "number": sport.number,
                    "order": sport.order,
                    "two_bronzes": sport.two_bronzes,
                }
                for sport in catalogue.sports.values()
            ],
            "faculties": [
                {**_names(faculty), "short": faculty.short, "colour": faculty.colour}
                for faculty in catalogue.faculties.values()
            ],
        }
    )


def _names(it: Sport | Faculty) -> dict[str, Any]:
    return {
        "name": it.name,
        "title": it.title,
        "titles": dict(it.titles),
        "aliases": it.aliases,
    }
