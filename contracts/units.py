"""A unit's ranking as everybody may read it."""

from typing import Any, Final

from contracts.details import row_fields
from contracts.pages import Page
from olympics.catalogue import Sport
from olympics.ranking import Ranking, Steps
from olympics.spelling import title_of

#: How many places are written in a step.
_PLACES: Final = 100


def told(ranking: Ranking, sport: Sport, unit: str, page: Page) -> Steps[dict[str, Any]]:
    """Return a page of a unit's ranking as gateways tell it."""
    times = sport.times_of(unit)
    title = title_of(sport, unit)
    end = min(page.begin + page.limit, len(ranking))
    rows: list[dict[str, Any]] = []
    for begin in range(page.begin, end, _PLACES):
        places = ranking.places(begin, min(begin + _PLACES, end))
        rows += [row_fields(place, times=times) for place in places]
        yield
    return {
        "sport": sport.name,
        "unit": unit,
        "title": title.title,
        "titles": dict(title.titles),
        "event": title.event,
        "stage": title.stage,
        "stages": dict(title.stages),
        "phase": ranking.phase,
        "order": sport.order_of(unit),
        "recognised": sport.recognises(unit),
        "digest": ranking.digest,
        "total": len(ranking),
        "from": page.begin,
        "next": end if page.begin < end < len(ranking) else None,
        "rows": rows,
    }
