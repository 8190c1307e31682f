"""The catalogue as the gateway tells it: what may be sent, and what it is called."""

from typing import Any

import msgspec

from olympics.catalogue import Catalogue, Faculty, Sport


def catalogue_document(catalogue: Catalogue) -> bytes:
    """Return the catalogue as JSON; its shape is in the OpenAPI document."""
    return msgspec.json.encode(
        {
            "revision": catalogue.revision,
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
            "faculties": [_names(faculty) for faculty in catalogue.faculties.values()],
        }
    )


def _names(it: Sport | Faculty) -> dict[str, Any]:
    return {
        "name": it.name,
        "title": it.title,
        "titles": dict(it.titles),
        "aliases": it.aliases,
    }
