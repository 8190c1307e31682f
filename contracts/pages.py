"""Pages of a unit's ranking: what clients ask gateways for, and gateways ask workers for."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from contracts.numbers import whole_number

#: The places of a page at most, and if nobody says how many.
MOST_PLACES: Final = 1000
#: The last place at which a page may begin, counted from 0.
LAST_PLACE: Final = 10**9 - 1


class PageError(ValueError):
    """A parameter of a query, ``field``, does not say which page."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: {expected}")
        self.field = field


class Query(Protocol):
    """The parameters of a URL's query, any of which may be there several times."""

    def getall(self, key: str, default: list[str]) -> Sequence[str]: ...


class Page(NamedTuple):
    """Places of a ranking: ``limit`` of them at most, from ``begin`` on, counted from 0."""

    begin: int = 0
    limit: int = MOST_PLACES


def page_of(query: Query) -> Page:
    """Return the page that ``from`` and ``limit`` of *query* say.

    :raises PageError: they are no numbers, or numbers that no page has.
    """
    return Page(
        _number(query, "from", 0, 0, LAST_PLACE),
        _number(query, "limit", MOST_PLACES, 1, MOST_PLACES),
    )


def _number(query: Query, name: str, if_absent: int, lowest: int, highest: int) -> int:
    values = query.getall(name, [])
    if not values:
        return if_absent
    number = whole_number(values[0], lowest, highest) if len(values) == 1 else None
    if number is not None:
        return number
    raise PageError(name, f"expected one whole number from {lowest} to {highest}")
